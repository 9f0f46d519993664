//! `cargo xtask gen cfn`: makes the table of what can change in place, type by type, from the resource schemas that a
//! pinned release of cfn-lint ships. What changing it does to a service is not here but in `data/cfn_types.tsv`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, ensure};

/// Raising this is how the table learns of new types and properties; commit the table with the change.
const PACKAGE: &str = "cfn-lint==1.58.0";
const TABLE: &str = "crates/classify-aws/data/cfn_properties.tsv";

/// Writes the table. Comparing it with the committed one is version control's business.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let folder = root.join("target/gen-cfn");
    fs::create_dir_all(&folder)?;
    let python = virtual_environment(&folder.join("venv"))?;
    let made = folder.join("cfn_properties.tsv");
    succeed(Command::new(python).arg(root.join("xtask/src/gen_cfn/extract.py")).arg(&made))?;
    let text = fs::read_to_string(&made)?;
    ensure!(text.lines().count() > 1000, "the schemas gave only {} types", text.lines().count());
    fs::write(root.join(TABLE), text).with_context(|| format!("writing {TABLE}"))
}

fn virtual_environment(folder: &Path) -> anyhow::Result<PathBuf> {
    let python = folder.join("bin/python");
    if !python.exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
    }
    succeed(Command::new(&python).args([
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        PACKAGE,
    ]))?;
    Ok(python)
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let status = command.status().with_context(|| format!("starting {command:?}"))?;
    ensure!(status.success(), "{command:?} failed: {status}");
    Ok(())
}
