//! A folder's packages as its lock file has them, installed once for each state of it.

use std::{fs, path::Path, process::Command, time::Duration};

use anyhow::{Result, ensure};

use crate::{once::once, process, root};

const INSTALL: Duration = Duration::from_secs(10 * 60);
const CALL: Duration = Duration::from_secs(60);

pub(crate) fn runs(program: &str) -> bool {
    let mut command = Command::new(program);
    command.arg("--version");
    process::run(command, CALL).is_ok_and(|output| output.code == 0)
}

/// `name` is of what keeps the lock and the stamp, below `target`.
pub(crate) fn install(folder: &Path, name: &str) -> Result<()> {
    let place = root().join("target").join(name);
    let wanted = fs::read_to_string(folder.join("package-lock.json"))?;
    let install = || {
        let mut npm = Command::new("npm");
        npm.arg("ci").current_dir(folder);
        let done = process::run(npm, INSTALL)?;
        ensure!(done.code == 0, "the packages of {} cannot be installed: {done}", folder.display());
        Ok(())
    };
    once(|mark| place.join(mark), &wanted, || folder.join("node_modules").is_dir(), install)
}
