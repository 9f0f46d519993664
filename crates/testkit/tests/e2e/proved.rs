//! Whether the bundle that an installation begins with was proved is on record, and said wherever somebody looks.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use testkit::{Cli, Installation, Moto, Output, Serve, Venv, binary, certificate, checked, files_below};

use crate::{
    adopt::text,
    lab::{OWNER, People},
};

/// What the first entry says was proved of the bundle, and what the server says of it as it starts; then what the audit, the
/// doctor and the record's reader say.
fn begun(installation: &Installation) -> Result<[String; 4]> {
    let mut serve = Serve::start_with(installation.config(), &OWNER)?;
    let said = serve.log()?;
    ensure!(serve.stop()? == 0);
    let log = installation.folder().join("log");
    let log = log.to_str().context("a path that is not text")?;
    let tail = Cli::run(["audit", "tail", "--log", log, "--lines", "1000", "--output", "json"])?.expect(0)?;
    let first = tail.stdout.lines().find(|line| line.contains("\"genesis\"")).context("no first entry")?;
    let audit =
        Cli::run(["audit", "verify", "--log", log, "--genesis", installation.genesis()])?.expect(0)?;
    let doctor = installation.run(["doctor"])?;
    Ok([first.to_owned(), said, audit.stdout, doctor.stdout])
}

#[test]
fn a_bundle_that_nobody_had_proved_is_said_to_be_unproved_everywhere() -> Result<()> {
    let moto = Moto::start(&Venv::of_checkout()?)?;
    let installation = made(&moto)?;
    let [first, said, audit, doctor] = begun(&installation)?;
    ensure!(first.contains(r#""certificate":"unproved""#), "{first}");
    ensure!(said.contains("unproved:") && said.contains("countersign policy prove --bundle"), "{said}");
    ensure!(audit.contains("unproved: entry 0 brought the bundle"), "{audit}");
    ensure!(doctor.contains("nothing is known to be proved of it"), "{doctor}");
    Ok(())
}

#[test]
fn the_certificate_of_the_first_bundle_is_on_record_unless_the_bundle_was_edited_since() -> Result<()> {
    let moto = Moto::start(&Venv::of_checkout()?)?;
    let installation = made(&moto)?;
    let bundle = installation.folder().join("bundle");
    let digest = checked(&bundle)?["bundle"].as_str().context("no digest")?.to_owned();
    // As `policy prove --config` would have kept it.
    let place = installation.folder().join(format!("bundles/{digest}.certificate.json"));
    fs::copy(certificate(&bundle)?, &place)?;
    let other = made(&moto)?;
    for file in files_below(&installation.folder().join("bundle"))? {
        fs::copy(&file, other.folder().join("bundle").join(file.strip_prefix(&bundle)?))?;
    }
    fs::copy(&place, other.folder().join(format!("bundles/{digest}.certificate.json")))?;

    let [first, said, audit, doctor] = begun(&installation)?;
    let proof = said.lines().find(|line| line.contains("  proof   ")).context("nothing of a proof")?;
    let proof = proof.split_whitespace().nth(1).context("no digest")?;
    ensure!(first.contains(&format!(r#""certificate":"{proof}""#)), "{first}");
    ensure!(!audit.contains("unproved"), "{audit}");
    ensure!(doctor.contains("sentences are proved of it"), "{doctor}");

    // Of the other one somebody edits a file before the first start.
    let file = other.folder().join("bundle/budgets.toml");
    fs::write(&file, fs::read_to_string(&file)? + "\n# mine\n")?;
    let [first, said, audit, _] = begun(&other)?;
    ensure!(first.contains(r#""certificate":"unproved""#), "{first}");
    ensure!(said.contains("what was proved before is of other files than these"), "{said}");
    ensure!(audit.contains("unproved: entry 0"), "{audit}");
    Ok(())
}

/// Made, and nothing proved.
fn made(moto: &Moto) -> Result<Installation> {
    let people = People::enter()?;
    let upstream = ["--aws-upstream".to_owned(), moto.url()];
    Installation::init(people.flags()?.into_iter().chain(upstream))
}

/// A copy of the program in a folder of its own, where beside it lies a prover that says what is in `answer`.
fn with_prover(folder: &Path, answer: &Path) -> Result<PathBuf> {
    let (program, prover) = (folder.join("countersign"), folder.join("countersign-prove"));
    fs::copy(binary("countersign")?, &program)?;
    fs::write(&prover, format!("#!/bin/sh\ncat > /dev/null\ncat '{}'\n", answer.display()))?;
    fs::set_permissions(&prover, fs::Permissions::from_mode(0o755))?;
    Ok(program)
}

#[test]
fn init_has_what_it_writes_proved_and_keeps_the_certificate() -> Result<()> {
    let people = People::enter()?;
    // The same flags make the same bundle.
    let first = Installation::init(people.flags()?)?;
    let bundle = first.folder().join("bundle");
    let digest = checked(&bundle)?["bundle"].as_str().context("no digest")?.to_owned();
    let proof = certificate(&bundle)?;
    let folder = tempfile::tempdir()?;
    let program = with_prover(folder.path(), &proof)?;
    let run = |args: &[&str], code: i32| -> Result<Output> {
        let mut command = Command::new(&program);
        command.args(args).args(["--output", "json"]).env_clear().env("PATH", "/usr/bin:/bin");
        testkit::run(command, std::time::Duration::from_secs(60))?.expect(code)
    };

    let dir = folder.path().join("proved");
    let flags = people.flags()?;
    let init: Vec<_> = ["init", text(&dir)?].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let told = run(&init, 0)?.json()?;
    let kept = dir.join(format!("bundles/{digest}.certificate.json"));
    ensure!(kept.is_file() && told["certificate"].is_string(), "{told}");

    // A prover that says something else is none, and the installation is made all the same.
    let dir = folder.path().join("unproved");
    let init: Vec<_> = ["init", text(&dir)?].into_iter().chain(flags.iter().map(String::as_str)).collect();
    fs::write(folder.path().join("rubbish"), "{}")?;
    with_prover(folder.path(), &folder.path().join("rubbish"))?;
    let made = run(&init, 0)?;
    ensure!(made.json()?["certificate"].is_null() && made.stderr.contains("unproved:"), "{made}");
    let config = dir.join("countersign.toml");
    let prove = ["policy", "prove", "--config", text(&config)?];
    with_prover(folder.path(), &proof)?;
    ensure!(run(&prove, 0)?.stderr.contains("kept as"));
    ensure!(run(&prove, 0)?.stderr.contains("there is one already"));
    Ok(())
}
