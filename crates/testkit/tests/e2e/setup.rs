//! Setups that are wrong: said before anything is served, with the exit code that stands for it.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::Result;
use testkit::{Cli, Installation, Output};

use crate::lab::{Lab, People};

#[test]
fn a_folder_that_others_can_read_is_not_served() -> Result<()> {
    let installation = Installation::init(People::enter()?.flags()?)?;
    fs::set_permissions(installation.folder(), fs::Permissions::from_mode(0o755))?;
    let refused = serve(installation.config())?.expect(2)?;
    assert!(refused.stderr.contains("chmod"), "the hint is missing: {refused}");
    Ok(())
}

#[test]
fn a_broken_configuration_names_file_and_line() -> Result<()> {
    let installation = Installation::init(People::enter()?.flags()?)?;
    let text = fs::read_to_string(installation.config())?;
    for broken in [format!("{text}\nno_such_setting = 1\n"), format!("{text}\n= 3\n"), String::from("\u{0}")]
    {
        fs::write(installation.config(), broken)?;
        let refused = serve(installation.config())?.expect(2)?;
        assert!(refused.stderr.contains("countersign.toml"), "the file is not named: {refused}");
    }
    Ok(())
}

#[test]
fn one_key_under_two_names_is_no_installation() -> Result<()> {
    let people = People::enter()?;
    let folder = tempfile::tempdir()?;
    let again = format!("dora={}", people.ben.public.display());
    let mut args = vec!["init".to_owned(), folder.path().join("one").display().to_string()];
    args.extend(people.flags()?);
    args.push("--unproved".to_owned());
    args.extend(["--approver".to_owned(), again]);
    Cli::run(args)?.expect(2).map(drop)
}

#[test]
fn exit_codes_are_what_the_readme_says() -> Result<()> {
    Cli::run(["--help"])?.expect(0)?;
    Cli::run(["no-such-command"])?.expect(2)?;
    Cli::run(["serve", "--config", "no/such/file.toml"])?.expect(2)?;
    Cli::run(["explain", "CS106"])?.expect(0)?;
    Cli::run(["explain", "CS999"])?.expect(4)?;
    let lab = Lab::open()?;
    // Whoever can read the folder may list; signing anything takes a key.
    lab.installation.run(["change", "list"])?.expect(0)?;
    lab.installation.run(["change", "approve", "chg-00000000000000000000000000"])?.expect(3)?;
    let key = lab.people.ben.private.display().to_string();
    lab.installation.run(["change", "show", "chg-00000000000000000000000000", "--key", &key])?.expect(4)?;
    let stranger =
        testkit::Key::ed25519(lab.installation.beside(), "stranger")?.private.display().to_string();
    lab.installation.run(["change", "list", "--key", &stranger])?.expect(3)?;
    Ok(())
}

fn serve(config: &Path) -> Result<Output> {
    Cli::run(["serve".as_ref(), "--config".as_ref(), config.as_os_str()])
}
