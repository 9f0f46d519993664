//! A log that cannot be written: nothing passes, the process ends rather than trying again, and nothing is lost.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use testkit::until;

use crate::lab::Lab;

#[test]
fn a_log_that_cannot_be_written_ends_the_process() -> Result<()> {
    let mut lab = Lab::open()?;
    lab.make_stack("kept")?;
    let lock = lab.installation.folder().join("lock/checkpoint");
    let signed = fs::read(&lock)?;
    // As if another process had signed.
    fs::write(&lock, b"another\n")?;
    let refused = lab.delete_stack("kept")?;
    ensure!(refused.status != 200, "{}", refused.text());
    until(
        "`serve` to end by itself",
        Duration::from_secs(30),
        || Ok((!lab.serve.is_alive()?).then_some(())),
    )?;
    ensure!(lab.serve.log()?.contains("CS008"), "{}", lab.serve.log()?);
    ensure!(lab.deletes("kept")? == 0);

    fs::write(&lock, signed)?;
    lab.restart()?;
    // What was recorded is in the log by now.
    let held = lab.delete_stack("kept")?;
    ensure!(held.text().contains("2 other people"), "{}", held.text());
    lab.verify()?.expect(0).map(drop)
}
