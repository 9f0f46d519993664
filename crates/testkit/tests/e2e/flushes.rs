//! How often the disk is flushed before an agent is answered, counted by a library between `serve` and the system. A write
//! that only has to be recorded costs one flush of the database, before it goes upstream; and what it was answered is
//! there after `kill -9`.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testkit::{Preload, Response, Serve};

use crate::lab::{Lab, OWNER, People, named};

/// One byte to `FLUSHES` for each flush of a write-ahead log, before it begins.
const COUNTS: &str = r#"
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int counted(const char *name, int fd) {
    int (*own)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    char link[64], path[PATH_MAX];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length > 4 && memcmp(path + length - 4, "-wal", 4) == 0) {
        int record = syscall(SYS_openat, AT_FDCWD, getenv("FLUSHES"), O_WRONLY | O_APPEND | O_CREAT, 0600);
        syscall(SYS_write, record, "f", 1);
        syscall(SYS_close, record);
    }
    return own(fd);
}

int fsync(int fd) { return counted("fsync", fd); }
int fdatasync(int fd) { return counted("fdatasync", fd); }
"#;

const WRITES: usize = 40;

#[test]
fn a_recorded_write_is_answered_after_one_flush_and_survives_a_kill() -> Result<()> {
    let at_recorded = flushes("")?;
    let at_sequenced = flushes("write = \"sequenced\"\n")?;
    // What nobody waits for is flushed too, the more often in between the busier the machine; never less than was promised.
    let (least, quartile) = (at_recorded[0], at_recorded[WRITES / 4]);
    ensure!((least, quartile) == (1, 1), "recorded: {at_recorded:?}");
    // The decision, the marks of its entries, and the outcome.
    ensure!(at_sequenced[0] >= 3, "sequenced: {at_sequenced:?}");
    Ok(())
}

/// Of the database, between each write and its answer, in ascending order; and the last answer outlives the process.
fn flushes(level: &str) -> Result<Vec<usize>> {
    let counts = Preload::compile(COUNTS)?;
    let beside = tempfile::tempdir()?;
    let record = beside.path().join("flushes");
    let (library, counter) = (counts.library().display().to_string(), record.display().to_string());
    let people = People::enter()?;
    let flags = people.flags()?;
    let mut lab = Lab::over(people, &flags, |config| {
        adopt(config, level)?;
        let env = [OWNER.as_slice(), &[("LD_PRELOAD", &library), ("FLUSHES", &counter)]].concat();
        Serve::start_with(config, &env)
    })?;
    let counted = || fs::read(&record).map_or(0, |bytes| bytes.len());
    let (mut each, mut last) = (Vec::new(), String::new());
    for nth in 0..WRITES {
        let before = counted();
        let answer = put(&lab, nth)?;
        each.push(counted() - before);
        ensure!(answer.status == 200, "{}", answer.text());
        last = named(&answer)?;
    }
    lab.serve.kill();
    lab.restart()?;
    let told = lab.installation.run(["change", "list"])?.expect(0)?.json()?;
    let changes = told["changes"].as_array().context("no changes")?;
    let state = changes.iter().find(|change| change["id"] == last.as_str()).map(|change| &change["state"]);
    ensure!(state.is_some_and(|state| state == "executed"), "{last} was answered and is {state:?}");
    lab.verify()?.expect(0)?;
    each.sort_unstable();
    Ok(each)
}

/// Before the first `serve` pins the bundle.
fn adopt(config: &Path, level: &str) -> Result<()> {
    let settings = config.with_file_name("bundle").join("bundle.toml");
    let text = fs::read_to_string(&settings)?;
    let heading = "[levels.production]\n";
    ensure!(text.contains(heading), "the starter bundle names levels");
    Ok(fs::write(&settings, text.replace(heading, &format!("{heading}{level}")))?)
}

fn put(lab: &Lab, nth: usize) -> Result<Response> {
    let value = nth.to_string();
    let body = json!({ "Name": "/counted", "Value": value, "Type": "String", "Overwrite": true });
    lab.agent.json("ssm", lab.gateway(), "AmazonSSM.PutParameter", &body).send(lab.gateway())
}
