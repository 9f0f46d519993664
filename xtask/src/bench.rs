//! `cargo xtask bench NAME`: runs the bench targets of that name's crates, pinned to one processor where `taskset` exists,
//! and with `--check` fails where a line says that a target is not met. What is measured stands with the crate it
//! measures, on the harness in `testkit::bench`.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{
    run::{answers, cargo, succeed, tool},
    setup,
};

/// What is run under which name.
struct Bench {
    name: &'static str,
    /// Crates, each with the name of its bench target.
    targets: &'static [(&'static str, &'static str)],
    beside: Beside,
}

/// What a bench needs besides the crates it measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beside {
    Nothing,
    /// The program as it ships.
    Program,
    /// And programs of others, to compare it with.
    Peers,
}

const BENCHES: [Bench; 7] = [
    Bench { name: "admit", targets: &[("engine", "admit")], beside: Beside::Nothing },
    Bench { name: "agent", targets: &[("findings", "agent")], beside: Beside::Nothing },
    Bench { name: "aws", targets: &[("testkit", "aws")], beside: Beside::Peers },
    Bench { name: "console", targets: &[("testkit", "console")], beside: Beside::Program },
    Bench {
        name: "ledger",
        targets: &[("ledger", "ledger"), ("audit", "verify"), ("testkit", "levels")],
        beside: Beside::Program,
    },
    Bench {
        name: "ledger-large",
        targets: &[("ledger", "large"), ("audit", "large")],
        beside: Beside::Nothing,
    },
    Bench {
        name: "policy",
        targets: &[("policy", "policy"), ("testkit", "adoption")],
        beside: Beside::Program,
    },
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judgement {
    Show,
    Check,
}

pub(crate) fn names() -> String {
    BENCHES.map(|bench| bench.name).join(", ")
}

pub(crate) fn run(name: &str, judgement: Judgement) -> Result<()> {
    let Bench { targets, beside, .. } = BENCHES
        .into_iter()
        .find(|bench| bench.name == name)
        .with_context(|| format!("`{name}` is no bench; there is {}", names()))?;
    if beside == Beside::Peers {
        setup::peers()?;
    }
    if beside != Beside::Nothing {
        succeed(&mut cargo(&["build", "--quiet", "--release", "--package", "countersign"]))?;
    }
    let mut lines = Vec::new();
    for (package, target) in targets {
        // Built unpinned, measured pinned.
        succeed(&mut cargo(&["bench", "--quiet", "--no-run", "--package", package, "--bench", target]))?;
        lines.extend(measured(pinned(&["bench", "--quiet", "--package", package, "--bench", target]))?);
    }
    let (figures, missed) = judge(&lines);
    ensure!(figures > 0, "the bench told no figure");
    ensure!(judgement == Judgement::Show || missed.is_empty(), "targets not met: {}", missed.join(", "));
    Ok(())
}

/// The last processor has the fewest interrupts of its own.
fn pinned(args: &[&str]) -> Command {
    if !answers("taskset", &["--version"]) {
        eprintln!("not pinned: `taskset` is not installed");
        return cargo(args);
    }
    let last = std::thread::available_parallelism().map_or(0, |count| count.get() - 1).to_string();
    let mut command = tool("taskset", &["--cpu-list", &last, "cargo"]);
    command.args(args);
    command
}

/// Shows every line as it comes and keeps them.
fn measured(mut command: Command) -> Result<Vec<String>> {
    let mut child = command.stdout(Stdio::piped()).spawn().context("starting the bench")?;
    let mut lines = Vec::new();
    for line in BufReader::new(child.stdout.take().context("no output from the bench")?).lines() {
        let line = line?;
        println!("{line}");
        lines.push(line);
    }
    let status = child.wait()?;
    ensure!(status.success(), "the bench failed: {status}");
    Ok(lines)
}

/// How many lines are figures, and the names of those whose target is not met.
fn judge(lines: &[String]) -> (usize, Vec<String>) {
    let figures = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let figures: Vec<_> = figures.filter(|figure| figure.get("value").is_some()).collect();
    let missed = figures.iter().filter(|figure| figure.get("met") == Some(&Value::Bool(false)));
    let names = missed.map(|figure| figure.get("name").map_or_else(String::new, Value::to_string));
    (figures.len(), names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_missed_target_counts_against() {
        let lines = [
            r#"{"name":"read","value":1.0,"met":true}"#,
            r#"{"name":"write","value":9.0,"met":false}"#,
            r#"{"name":"fsync","value":2.0,"met":null}"#,
            "running 0 tests",
        ];
        assert_eq!(judge(&lines.map(str::to_owned)), (3, vec![r#""write""#.to_owned()]));
    }
}
