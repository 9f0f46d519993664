//! A disk as servers have it. The one below a bench may flush in a tenth of a millisecond, and then nothing that shares
//! flushes can be told from what does not; so each flush of the server is made to take [`FLUSH`] longer, by a library
//! that stands between it and the C library's.

use std::{fs, path::PathBuf, process::Command, thread, time::Duration};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

/// What a flush takes on the disk that the project's design was measured on.
pub(crate) const FLUSH: Duration = Duration::from_micros(3_500);

const SOURCE: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int slowly(const char *name, int fd) {
    int (*own)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    usleep(MICROSECONDS);
    return own(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
"#;

/// For as long as such a flush takes longer.
#[expect(clippy::disallowed_methods, reason = "it stands for a disk")]
pub(crate) fn wait() {
    thread::sleep(FLUSH);
}

/// The library, while this lives.
pub(crate) struct Slow {
    folder: TempDir,
}

impl Slow {
    pub(crate) fn make() -> Result<Self> {
        let slow = Self { folder: tempfile::tempdir()? };
        let source = slow.folder.path().join("slow.c");
        fs::write(&source, SOURCE.replace("MICROSECONDS", &FLUSH.as_micros().to_string()))?;
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-O2", "-o"]).arg(slow.library()).arg(&source).arg("-ldl");
        let made = compiler.output().context("a C compiler, as the build needs one too")?;
        ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Ok(slow)
    }

    pub(crate) fn library(&self) -> PathBuf {
        self.folder.path().join("libslow.so")
    }
}
