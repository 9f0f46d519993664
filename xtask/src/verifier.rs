//! `cargo xtask verifier`: the auditor's program as one static file, to be handed to somebody who has nothing of ours.

use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

use anyhow::{Context as _, Result, ensure};

/// Builds it for this machine's own target, with the C library inside, and checks that it needs nothing else.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("xtask lies in the workspace")?;
    let told = output(Command::new("rustc").arg("-vV"))?;
    let told = String::from_utf8(told.stdout)?;
    let target = told.lines().find_map(|line| line.strip_prefix("host: ")).context("rustc names no host")?;
    let status = Command::new(env!("CARGO"))
        .current_dir(root)
        .args([
            "build",
            "--quiet",
            "--profile",
            "verifier",
            "--package",
            "audit",
            "--bin",
            "countersign-verify",
            "--target",
            target,
        ])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        .status()?;
    ensure!(status.success(), "it did not build: {status}");
    let built = root.join("target").join(target).join("verifier/countersign-verify");
    let linked = Command::new("ldd").arg(&built).output();
    if let Ok(linked) = linked {
        let said = String::from_utf8_lossy(&linked.stdout) + String::from_utf8_lossy(&linked.stderr);
        ensure!(
            said.contains("statically linked") || said.contains("not a dynamic executable"),
            "it needs more than itself: {said}"
        );
    }
    output(Command::new(&built).arg("--help"))?;
    output(&mut Command::new(&built)).err().context("it ran without a log")?;
    println!("{} ({} KiB)", built.display(), fs::metadata(&built)?.len() / 1024);
    Ok(())
}

fn output(command: &mut Command) -> Result<Output> {
    let output = command.output().with_context(|| format!("starting {command:?}"))?;
    ensure!(output.status.success(), "{command:?} failed: {}", output.status);
    Ok(output)
}
