//! Developer entry points: `cargo xtask demo | test | bench | gen | fuzz`. Each is a module; this file only picks one.
//!
//! Nothing here is part of the product, and nothing here decides what is right: the tests do.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line speaks to the person before it"
)]

mod bench;
mod demo;
mod fuzz;
mod gen_aws;
mod gen_cfn;
mod gen_openapi;
mod gen_screenshots;
mod run;
mod setup;
mod suites;
mod verifier;

use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
cargo xtask COMMAND

  demo [--check]            the story of December 2025, played against a mock AWS; --check fails if a step came out otherwise
  test [SUITE]...           unit, it, aws, e2e, proof; without a name: all of them
  bench NAME [--check]      one JSON line per figure; --check fails where a target is not met
  gen [aws [--check] | cfn | openapi [--check] | screenshots]
                            writes what is generated and committed; --check compares instead; the pictures of the console only by name
  verifier                  builds the auditor's program, static, and says where it is and how large
  fuzz [SECONDS]            every fuzz target, for that long each (default 60)";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match dispatch(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &[&str]) -> Result<()> {
    match args {
        [] | ["help" | "--help" | "-h"] => {
            println!("{USAGE}");
            Ok(())
        }
        ["demo"] => demo::run(demo::Ending::Show),
        ["demo", "--check"] => demo::run(demo::Ending::Check),
        ["test", suites @ ..] => suites::run(suites),
        ["bench", name] => bench::run(name, bench::Judgement::Show),
        ["bench", name, "--check"] => bench::run(name, bench::Judgement::Check),
        ["bench"] => bail!("which bench? there is {}", bench::names()),
        ["gen"] => gen_aws::run::<&str>([])
            .and_then(|()| gen_cfn::run())
            .and_then(|()| gen_openapi::run(gen_openapi::Then::Write)),
        ["gen", "openapi"] => gen_openapi::run(gen_openapi::Then::Write),
        ["gen", "openapi", "--check"] => gen_openapi::run(gen_openapi::Then::Compare),
        ["gen", "screenshots"] => gen_screenshots::run(),
        ["gen", "cfn"] => gen_cfn::run(),
        ["gen", "aws", rest @ ..] => gen_aws::run(rest.iter().copied()),
        ["verifier"] => verifier::run(),
        ["fuzz"] => fuzz::run(60),
        ["fuzz", seconds] => {
            fuzz::run(seconds.parse().map_err(|_| anyhow::anyhow!("`{seconds}` is no number of seconds"))?)
        }
        other => bail!("`{}` is no command\n\n{USAGE}", other.join(" ")),
    }
}
