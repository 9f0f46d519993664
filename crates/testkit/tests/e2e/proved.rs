//! Whether the bundle that an installation begins with was proved is on record, and said wherever somebody looks.

use std::fs;

use anyhow::{Context, Result, ensure};
use testkit::{Cli, Installation, Serve, certificate, checked, files_below};

use crate::lab::{OWNER, People};

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
    let installation = Installation::init(begins()?)?;
    let [first, said, audit, doctor] = begun(&installation)?;
    ensure!(first.contains(r#""certificate":"unproved""#), "{first}");
    ensure!(said.contains("unproved:") && said.contains("countersign policy prove --config"), "{said}");
    ensure!(audit.contains("unproved: entry 0 brought the bundle"), "{audit}");
    ensure!(doctor.contains("nothing is known to be proved of it"), "{doctor}");
    Ok(())
}

#[test]
fn the_certificate_of_the_first_bundle_is_on_record_unless_the_bundle_was_edited_since() -> Result<()> {
    let installation = Installation::init(begins()?)?;
    let bundle = installation.folder().join("bundle");
    let digest = checked(&bundle)?["bundle"].as_str().context("no digest")?.to_owned();
    // As `policy prove --config` would have kept it.
    let place = installation.folder().join(format!("bundles/{digest}.certificate.json"));
    fs::copy(certificate(&bundle)?, &place)?;
    let other = Installation::init(begins()?)?;
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

/// The flags of `init`; the mock AWS is not spoken to.
fn begins() -> Result<Vec<String>> {
    let people = People::enter()?;
    people.flags()
}
