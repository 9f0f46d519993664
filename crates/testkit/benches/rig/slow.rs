//! A disk as servers have it. The one below a bench may flush in a tenth of a millisecond, and then nothing that shares
//! flushes can be told from what does not; so each flush of the server is made to take [`FLUSH`] longer, by a library
//! that stands between it and the C library's.

use std::{thread, time::Duration};

use anyhow::Result;
use testkit::Preload;

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

/// The library that makes it so.
pub(crate) fn library() -> Result<Preload> {
    Preload::compile(&SOURCE.replace("MICROSECONDS", &FLUSH.as_micros().to_string()))
}
