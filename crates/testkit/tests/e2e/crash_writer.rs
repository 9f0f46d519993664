//! `kill -9` before each thing that the log's writer asks of the system: every write, flush and rename of a file of the log or of
//! its lock file, counted by a library between `serve` and the system.

use std::{collections::BTreeSet, fs, process::Command};

use anyhow::{Result, ensure};
use testkit::{Preload, binary};

use crate::lab::{Lab, named};

/// While the file `ARMED` is there, each step is written to `STEPS`, and the one with the number `NTH` is the last thing that the
/// process comes to.
const KILLS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int steps = 0;

static void step(const char *what, const char *path) {
    if (!strstr(path, "/log/") && !strstr(path, "/lock/")) return;
    if (access(getenv("ARMED"), F_OK) != 0) return;
    char line[PATH_MAX + 32];
    int length = snprintf(line, sizeof line, "%s %s\n", what, path);
    int record = syscall(SYS_openat, AT_FDCWD, getenv("STEPS"), O_WRONLY | O_APPEND | O_CREAT, 0600);
    syscall(SYS_write, record, line, (size_t)length);
    syscall(SYS_close, record);
    if (__sync_add_and_fetch(&steps, 1) == atoi(getenv("NTH"))) {
        kill(getpid(), SIGKILL);
        pause();
    }
}

static void step_on(const char *what, int fd) {
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 0) {
        path[length] = 0;
        step(what, path);
    }
}

ssize_t write(int fd, const void *bytes, size_t length) {
    step_on("write", fd);
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, bytes, length);
}
int fsync(int fd) {
    step_on("flush", fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    step_on("flush", fd);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
int rename(const char *from, const char *to) {
    step("rename", to);
    return ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(from, to);
}
"#;

/// More than one batch has, so that what follows a published checkpoint is among them.
const STEPS: u32 = 24;
/// What a batch consists of: each must have been the step before which a process died.
const KINDS: [(&str, &str); 8] = [
    ("write", "/log/tile/entries/"),
    ("flush", "/log/tile/entries/"),
    ("write", "/log/tile/0/"),
    ("write", "/lock/"),
    ("flush", "/lock/"),
    ("rename", "/lock/checkpoint"),
    ("write", "/log/"),
    ("rename", "/log/checkpoint"),
];

#[test]
fn killed_before_each_step_of_the_writer() -> Result<()> {
    let library = Preload::compile(KILLS)?;
    let mut lab = Lab::open()?;
    let beside = tempfile::tempdir()?;
    let [armed, record, kept] = ["armed", "steps", "kept"].map(|name| beside.path().join(name));
    let [library, arming, recording, held] =
        [library.library(), &armed, &record, &kept].map(|path| path.display().to_string());
    let config = lab.installation.config().display().to_string();
    let mut last_steps = BTreeSet::new();
    for nth in 1..=STEPS {
        let name = format!("step-{nth}");
        lab.make_stack(&name)?;
        fs::copy(lab.installation.folder().join("log/checkpoint"), &kept)?;
        let number = nth.to_string();
        let env =
            [("LD_PRELOAD", library.as_str()), ("ARMED", &arming), ("STEPS", &recording), ("NTH", &number)];
        lab.restart_as(Command::new(binary("countersign")?), &env)?;
        let _ = fs::remove_file(&record);
        fs::write(&armed, "")?;
        // Its connection may end with it.
        let answered = lab.delete_stack(&name).ok().and_then(|answer| named(&answer).ok());
        let whole = lab.serve.stop().is_ok_and(|code| code == 0);
        fs::remove_file(&armed)?;
        let steps = fs::read_to_string(&record).unwrap_or_default();
        if !whole {
            last_steps.extend(steps.lines().last().map(str::to_owned));
        }
        ensure!(whole || steps.lines().count() >= nth as usize, "it died of something else, after:\n{steps}");

        lab.restart()?;
        if let Some(id) = answered {
            ensure!(lab.state(&id)? == "held", "{id} was acknowledged, killed before step {nth}:\n{steps}");
        }
        let verify = ["audit", "verify", "--config", &config, "--checkpoint", &held];
        testkit::Cli::run(verify)?
            .expect(0)
            .map_err(|err| err.context(format!("killed before step {nth}")))?;
        if whole {
            break;
        }
    }
    for (what, path) in KINDS {
        let there = last_steps.iter().any(|step| step.starts_with(what) && step.contains(path));
        ensure!(there, "no process died before {what} of {path}: {last_steps:#?}");
    }
    Ok(())
}
