//! `cargo xtask test`: the suites, their order and their time. A suite is a set of test binaries by name:
//! `tests/it` (a crate against its real neighbours), `tests/aws` (the mock AWS and the real clients), `tests/e2e` (the
//! binary as people and agents use it), `tests/proof` (the prover and its solver); everything else is `unit`.

use std::{
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};

use crate::{
    demo,
    run::{answers, cargo, succeed},
    setup,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Suite {
    /// Format, lints, the house rules, and every test beside the code.
    Unit,
    It,
    Aws,
    /// With the demo, which is the longest end-to-end test there is.
    E2e,
    /// What the solver proves of the default constitution, and what it notices when a rule is slightly wrong.
    Proof,
}

impl Suite {
    const ALL: [Self; 5] = [Self::Unit, Self::It, Self::Aws, Self::E2e, Self::Proof];

    const fn name(self) -> &'static str {
        match self {
            Self::Unit => "unit",
            Self::It => "it",
            Self::Aws => "aws",
            Self::E2e => "e2e",
            Self::Proof => "proof",
        }
    }

    fn parse(name: &str) -> Result<Self> {
        let known = Self::ALL.into_iter().find(|suite| suite.name() == name);
        known.with_context(|| {
            format!("`{name}` is no suite; there are {}", Self::ALL.map(Self::name).join(", "))
        })
    }

    fn run(self) -> Result<()> {
        match self {
            Self::Unit => {
                setup::base()?;
                succeed(&mut cargo(&["fmt", "--all", "--check"]))?;
                succeed(&mut cargo(&[
                    "clippy",
                    "--workspace",
                    "--all-targets",
                    "--quiet",
                    "--",
                    "-D",
                    "warnings",
                ]))?;
                supply_chain()?;
                succeed(&mut cargo(&["test", "--workspace", "--doc", "--quiet"]))?;
                tests(self)
            }
            Self::It => {
                setup::base()?;
                tests(self)
            }
            Self::Aws => {
                setup::clients()?;
                build_binary()?;
                tests(self)
            }
            Self::Proof => {
                setup::solver()?;
                tests(self)
            }
            Self::E2e => {
                setup::clients()?;
                setup::solver()?;
                setup::browser()?;
                build_crash_binary()?;
                build_binary()?;
                // Which auditors have.
                build("countersign-verify", &[])?;
                // The tests tell where it hurts, also where the story breaks off.
                let played = demo::run(demo::Ending::Check);
                tests(self)?;
                played
            }
        }
    }
}

/// Runs the named suites, or all; goes on after one that fails and fails at the end.
pub(crate) fn run(names: &[&str]) -> Result<()> {
    let mut chosen = names.iter().map(|name| Suite::parse(name)).collect::<Result<Vec<_>>>()?;
    if chosen.is_empty() {
        chosen.extend(Suite::ALL);
    }
    let mut results = Vec::new();
    for suite in chosen {
        let started = now();
        let result = suite.run();
        if let Err(error) = &result {
            eprintln!("error: suite {}: {error:#}", suite.name());
        }
        results.push((suite, result.is_ok(), started.elapsed()));
    }
    println!("{}", table(&results));
    let failed: Vec<_> =
        results.iter().filter(|(_, good, _)| !good).map(|(suite, ..)| suite.name()).collect();
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

pub(crate) fn build_binary() -> Result<()> {
    build("countersign", &[])
}

/// With the features that the whole workspace gives its dependencies, as the tests have them: of one package alone, Cedar and a hundred
/// others would be compiled once more for each program.
fn build(program: &str, features: &[&str]) -> Result<()> {
    succeed(cargo(&["build", "--quiet", "--workspace", "--bin", program]).args(features))
}

/// The same binary with the points at which the crash tests kill it and with a language model, put aside; whoever calls this builds the real one
/// afterwards. Both come from one target directory, so that they share every dependency.
fn build_crash_binary() -> Result<()> {
    // The real one first: then it is the older, and building it again is no work.
    build_binary()?;
    let features = ["--features", "countersign/crash-points,countersign/llm"];
    build("countersign", &features)?;
    let aside = crash_binary();
    std::fs::create_dir_all(aside.parent().context("a folder for the crash tests' binary")?)?;
    // The old one may be running: a new file takes its name.
    let fresh = aside.with_extension("new");
    std::fs::copy(testkit::binary("countersign")?, &fresh)?;
    Ok(std::fs::rename(fresh, aside)?)
}

fn crash_binary() -> PathBuf {
    testkit::root().join("target/crash/countersign")
}

/// An empty suite is a suite that was lost: it fails.
fn tests(suite: Suite) -> Result<()> {
    if answers("cargo", &["nextest", "--version"]) {
        let chosen = match suite {
            Suite::Unit => "not binary(/^(it|aws|e2e|proof)$/)".to_owned(),
            named @ (Suite::It | Suite::Aws | Suite::E2e | Suite::Proof) => {
                format!("binary(/^{}$/)", named.name())
            }
        };
        return succeed(&mut for_crashes(suite, cargo(&["nextest", "run", "--workspace", "-E", &chosen])));
    }
    eprintln!("cargo-nextest is not installed: using `cargo test`");
    match suite {
        Suite::Unit => succeed(&mut cargo(&["test", "--workspace", "--lib", "--bins", "--test", "house"])),
        named @ (Suite::It | Suite::Aws | Suite::E2e | Suite::Proof) => {
            let one_at_a_time = ["test", "--workspace", "--test", named.name(), "--", "--test-threads=1"];
            succeed(&mut for_crashes(suite, cargo(&one_at_a_time)))
        }
    }
}

/// Names the crash tests' binary to the suite that needs it: there it must run, and is not skipped.
fn for_crashes(suite: Suite, mut tests: Command) -> Command {
    if suite == Suite::E2e {
        tests.env(testkit::CRASH_BINARY, crash_binary());
    }
    tests
}

/// The full check where the tool is there; the house test holds licences and bans without it.
fn supply_chain() -> Result<()> {
    if !answers("cargo", &["deny", "--version"]) {
        eprintln!("SKIPPED: cargo-deny is not installed; the house test checks licences and bans alone");
        return Ok(());
    }
    succeed(&mut cargo(&["deny", "--offline", "check", "bans", "licenses", "sources"]))
}

fn table(results: &[(Suite, bool, Duration)]) -> String {
    let mut lines = vec![String::from("\nsuite   minutes  result")];
    for (suite, good, took) in results {
        let minutes = took.as_secs_f64() / 60.0;
        lines.push(format!("{:<8}{minutes:>7.1}  {}", suite.name(), if *good { "ok" } else { "FAILED" }));
    }
    let sum: Duration = results.iter().map(|(_, _, took)| *took).sum();
    lines.push(format!("{:<8}{:>7.1}", "sum", sum.as_secs_f64() / 60.0));
    lines.join("\n")
}

#[expect(
    clippy::disallowed_methods,
    reason = "the minutes per suite are shown to a person and decide nothing"
)]
fn now() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_known_by_name() {
        for suite in Suite::ALL {
            assert_eq!(Suite::parse(suite.name()).unwrap(), suite);
        }
        assert_eq!(
            Suite::parse("all").unwrap_err().to_string(),
            "`all` is no suite; there are unit, it, aws, e2e, proof"
        );
    }

    #[test]
    fn the_table_adds_up() {
        let results =
            [(Suite::Unit, true, Duration::from_secs(90)), (Suite::E2e, false, Duration::from_secs(30))];
        assert_eq!(
            table(&results),
            "\nsuite   minutes  result\nunit        1.5  ok\ne2e         0.5  FAILED\nsum         2.0"
        );
    }
}
