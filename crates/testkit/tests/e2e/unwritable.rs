//! A log that cannot be written: nothing passes, the process ends rather than trying again, and nothing is lost.

use std::{fs, time::Duration};

use anyhow::{Result, ensure};
use testkit::{Preload, Serve, until};

use crate::lab::{Lab, OWNER, People};

/// While the file `FAILS` is there, no file whose path contains what `WHICH` says can be flushed.
const FAILS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failing(const char *name, int fd) {
    int (*own)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        if (strstr(path, getenv("WHICH")) && access(getenv("FAILS"), F_OK) == 0) {
            errno = EIO;
            return -1;
        }
    }
    return own(fd);
}

int fsync(int fd) { return failing("fsync", fd); }
int fdatasync(int fd) { return failing("fdatasync", fd); }
"#;

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

/// Of the database or of the log: it is not tried again, and what was acknowledged is there afterwards.
#[test]
fn a_failed_flush_ends_the_process() -> Result<()> {
    let library = Preload::compile(FAILS)?;
    for which in [".db-wal", "/log/tile/"] {
        let beside = tempfile::tempdir()?;
        let (fails, library) = (beside.path().join("fails"), library.library().display().to_string());
        let told = fails.display().to_string();
        let people = People::enter()?;
        let flags = people.flags()?;
        let mut lab = Lab::over(people, &flags, |config| {
            let env = [("LD_PRELOAD", library.as_str()), ("FAILS", &told), ("WHICH", which)];
            Serve::start_with(config, &[OWNER.as_slice(), &env].concat())
        })?;
        let held = lab.hold("kept")?;
        fs::write(&fails, "")?;
        let refused = lab.delete_stack("another")?;
        ensure!(refused.status != 200, "{which}: {}", refused.text());
        until("`serve` to end by itself", Duration::from_secs(30), || {
            Ok((!lab.serve.is_alive()?).then_some(()))
        })?;
        ensure!(lab.serve.log()?.contains("CS008"), "{which}: {}", lab.serve.log()?);
        fs::remove_file(&fails)?;
        lab.restart()?;
        ensure!(lab.state(&held)? == "held", "{which}");
        lab.verify()?.expect(0)?;
    }
    Ok(())
}
