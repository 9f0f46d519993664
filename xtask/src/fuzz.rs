//! `cargo xtask fuzz`: every target under `fuzz/`, one after the other. The folder is a workspace of its own, so that
//! no build of the product compiles an instrumented crate.

use std::{ffi::OsStr, fs};

use anyhow::{Context, Result, ensure};

use crate::run::{answers, succeed, tool};

pub(crate) fn run(seconds: u32) -> Result<()> {
    ensure!(seconds > 0, "a fuzz target that runs for no time finds nothing");
    ensure!(
        answers("cargo", &["fuzz", "--version"]),
        "cargo-fuzz is not installed: cargo install cargo-fuzz"
    );
    let targets = targets()?;
    ensure!(!targets.is_empty(), "there is no fuzz target under fuzz/fuzz_targets");
    let limit = format!("-max_total_time={seconds}");
    for target in targets {
        let (corpus, seeds) = (format!("fuzz/corpus/{target}"), format!("fuzz/seeds/{target}"));
        for folder in [&corpus, &seeds] {
            fs::create_dir_all(testkit::root().join(folder))?;
        }
        // What is found goes into the first folder, which git ignores; the second is only read.
        let args = ["fuzz", "run", &target, &corpus, &seeds, "--", &limit, "-rss_limit_mb=2048"];
        let mut fuzz = tool("cargo", &args);
        // The instrumentation is an unstable flag of a compiler that is otherwise the stable one.
        succeed(fuzz.env("RUSTC_BOOTSTRAP", "1")).with_context(|| format!("fuzz target {target}"))?;
    }
    Ok(())
}

fn targets() -> Result<Vec<String>> {
    let folder = testkit::root().join("fuzz/fuzz_targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("rs")) {
            names.extend(path.file_stem().and_then(OsStr::to_str).map(str::to_owned));
        }
    }
    names.sort();
    Ok(names)
}
