//! Running a tool in the checkout with its output on the terminal.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// A command whose working directory is the checkout.
pub(crate) fn tool(program: &str, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(args).current_dir(testkit::root());
    command
}

pub(crate) fn cargo(args: &[&str]) -> Command {
    let mut cargo = tool("cargo", args);
    // What cargo says of xtask to xtask. Some build scripts are run again when it changes, and with them all of TLS is compiled anew.
    for (name, _) in std::env::vars_os() {
        let about_us = name
            .to_str()
            .is_some_and(|it| ["CARGO_PKG_", "CARGO_MANIFEST_"].iter().any(|of| it.starts_with(of)));
        if about_us {
            cargo.env_remove(name);
        }
    }
    // Whoever builds once has no use for some gigabytes that make the next build faster.
    if std::env::var_os("CI").is_some() {
        cargo.env("CARGO_INCREMENTAL", "0");
    }
    cargo
}

/// Says what it runs, and fails as the tool does.
pub(crate) fn succeed(command: &mut Command) -> Result<()> {
    let line = shown(command);
    eprintln!("$ {line}");
    let status = command.status().with_context(|| format!("starting `{line}`"))?;
    ensure!(status.success(), "`{line}` failed: {status}");
    Ok(())
}

/// Whether the tool is there and answers with success.
pub(crate) fn answers(program: &str, args: &[&str]) -> bool {
    tool(program, args)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}
