//! A checkpoint that somebody kept, against a disk that was set back whole: log, lock file and database.

use std::{fs, path::Path, time::Duration};

use anyhow::{Context, Result, ensure};
use testkit::{Cli, Output, until};

use crate::lab::{Lab, files_below};

/// A server that must not come up, on a machine where `home` is the home folder.
fn refused(lab: &Lab, home: &Path, more: &[&str]) -> Result<Output> {
    let config = lab.installation.config().to_str().context("path")?;
    let home = [("HOME", home.to_str().context("path")?)];
    Cli::run_with(["serve", "--config", config].iter().chain(more).copied(), &home)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    for file in files_below(from)? {
        let into = to.join(file.strip_prefix(from)?);
        fs::create_dir_all(into.parent().context("no folder")?)?;
        fs::copy(&file, into)?;
    }
    Ok(())
}

fn size(note: &Path) -> Result<u64> {
    Ok(fs::read_to_string(note)?.lines().nth(1).context("no size")?.parse()?)
}

#[test]
fn a_checkpoint_that_somebody_kept_convicts_the_disk() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.hold("first")?;
    ensure!(lab.serve.stop()? == 0);
    let (dir, beside) = (lab.installation.folder(), lab.installation.beside().to_owned());
    let old = beside.join("old");
    for part in ["log", "lock", "data"] {
        copy(&dir.join(part), &old.join(part))?;
    }
    lab.restart()?;
    let held = lab.hold("second")?;
    // Whoever looks keeps the checkpoint that they have seen.
    let kept = beside.join(".local/state/countersign/checkpoints").join(lab.installation.genesis());
    until("the log to have grown", Duration::from_secs(20), || {
        ensure!(lab.state(&held)? == "held");
        Ok((size(&kept)? > size(&old.join("log/checkpoint"))?).then_some(()))
    })?;
    ensure!(lab.serve.stop()? == 0);
    let (left, nowhere) = (beside.join("left"), beside.join("nowhere"));
    fs::copy(dir.join("log/checkpoint"), &left)?;
    fs::create_dir(&nowhere)?;
    for part in ["log", "lock", "data"] {
        for file in files_below(&dir.join(part))? {
            fs::remove_file(file)?;
        }
        copy(&old.join(part), &dir.join(part))?;
    }
    let before = fs::read(dir.join("log/checkpoint"))?;
    let left = left.to_str().context("path")?;
    for (what, told) in [
        ("given", refused(&lab, &nowhere, &["--checkpoint", left])?),
        ("by this user's own client", refused(&lab, &beside, &[])?),
    ] {
        let told = told.expect(20).context(what)?;
        ensure!(
            told.stderr.contains("CS005") && told.stderr.contains("looks like a restored"),
            "{what}: {told}"
        );
    }
    ensure!(fs::read(dir.join("log/checkpoint"))? == before, "something was signed");

    let other = Lab::open()?;
    let foreign = other.installation.folder().join("log/checkpoint");
    let told = refused(&lab, &nowhere, &["--checkpoint", foreign.to_str().context("path")?])?.expect(2)?;
    ensure!(told.stderr.contains("no checkpoint of this log"), "{told}");
    // Nothing that is known here tells.
    lab.restart()?;
    lab.verify()?.expect(0).map(drop)
}
