//! Where things are: the checkout, the binary under test, the Python that drives it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The checkout's root.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here)
}

/// The binary with the crash points compiled in, which `cargo xtask test` builds and names in this variable. `None`
/// where nobody built it, or where it is older than the binary it has to be like.
pub fn crash_binary() -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os(CRASH_BINARY) {
        return Ok(Some(path.into()));
    }
    let built = |path: &Path| Some((path.to_owned(), path.metadata().ok()?.modified().ok()?));
    let (_, like) = built(&binary("countersign")?).context("the binary under test is gone")?;
    let crash = built(&root().join("target/crash/countersign"));
    Ok(crash.filter(|(_, made)| *made >= like).map(|(path, _)| path))
}

pub const CRASH_BINARY: &str = "COUNTERSIGN_TEST_CRASH_BINARY";

/// One Python environment for the checkout, whatever the target directory is: it is half a gigabyte.
pub fn python_home() -> PathBuf {
    root().join("target/venv")
}

/// A program of ours: as cargo names it to integration tests, else beside the running program, which stands in the
/// same target directory (`debug/xtask`, `debug/deps/it-…`).
pub fn binary(name: &str) -> Result<PathBuf> {
    let told = [format!("NEXTEST_BIN_EXE_{name}"), format!("CARGO_BIN_EXE_{name}")];
    if let Some(path) = told.iter().find_map(std::env::var_os) {
        return Ok(path.into());
    }
    let this = std::env::current_exe().context("finding the running program")?;
    this.ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
        .with_context(|| format!("`{name}` is not built: run `cargo build -p {name}`"))
}
