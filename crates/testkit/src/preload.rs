//! A library that stands between a program and the C library (`LD_PRELOAD`): a disk that is slower, or one that is
//! watched. Compiled where it is needed, by the compiler that the build needs too.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// The library, while this lives.
#[derive(Debug)]
pub struct Preload {
    _folder: TempDir,
    library: PathBuf,
}

impl Preload {
    /// `source`: in C, for the GNU C library.
    pub fn compile(source: &str) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (written, library) = (folder.path().join("between.c"), folder.path().join("between.so"));
        fs::write(&written, source)?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(&library).arg(&written);
        let made =
            compiler.args(["-ldl", "-lpthread"]).output().context("a C compiler, as the build needs one")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(Self { _folder: folder, library })
    }

    /// What goes into `LD_PRELOAD`.
    pub fn library(&self) -> &Path {
        &self.library
    }
}
