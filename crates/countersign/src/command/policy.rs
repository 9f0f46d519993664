//! `countersign policy check|test|prove`: the bundle on its own, no server needed. `adopt` and `fetch` are clients,
//! `table` is about the program itself.

use std::process::ExitCode;

use policy::Bundle;
use serde_json::json;

use super::{adopt, prove, serve::bundle_files, table};
use crate::{
    cli::{BundleArgs, Format, PolicyCommand},
    config::Config,
    failure::{Failure, PROOF, USAGE},
    output::{self, BAD, GOOD, styled},
    witnesses,
};

pub(super) async fn run(command: &PolicyCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Check(args) => check(args, format),
        PolicyCommand::Test(args) => test(args, format),
        PolicyCommand::Prove(args) => prove::run(args, &files(&args.bundle)?, format).await,
        PolicyCommand::Adopt(args) => adopt::run(args, format).await,
        PolicyCommand::Fetch(args) => adopt::fetch(args, format).await,
        PolicyCommand::Table(args) => table::run(args, format),
    }
}

fn files(args: &BundleArgs) -> Result<policy::Files, Failure> {
    let dir = match (&args.bundle, &args.config) {
        (Some(dir), _) => dir.clone(),
        (None, Some(config)) => Config::load(config)?.bundle(),
        (None, None) => return Err(Failure::usage("which bundle? give --config FILE or --bundle DIR")),
    };
    bundle_files(&dir)
}

fn check(args: &BundleArgs, format: Format) -> Result<ExitCode, Failure> {
    let bundle = Bundle::load(&files(args)?).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    witnesses::keys(&bundle)?;
    let rules = bundle.rules();
    match format {
        Format::Json => output::json(&json!({
            "bundle": bundle.digest(),
            "profile": bundle.profile().to_string(),
            "cedar_schema": policy::schema_digest(),
            "rules": rules,
        }))?,
        Format::Human => {
            output::line(format!("{} {}", styled(GOOD, "The bundle loads:"), bundle.digest()));
            for rule in &rules {
                output::line(format!(
                    "  {} ({}:{}) {}",
                    rule.id,
                    rule.file,
                    rule.line,
                    model::sanitize(&rule.reason, 200)
                ));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn test(args: &BundleArgs, format: Format) -> Result<ExitCode, Failure> {
    let results = Bundle::test(&files(args)?).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    let failed = results.iter().filter(|it| !it.passed).count();
    let passed = results.len().saturating_sub(failed);
    match format {
        Format::Json => {
            let all: Vec<_> = results
                .iter()
                .map(|it| json!({ "file": it.file, "name": it.name, "passed": it.passed, "detail": it.detail }))
                .collect();
            output::json(&json!({ "passed": passed, "failed": failed, "results": all }))?;
        }
        Format::Human => {
            for it in &results {
                let mark = if it.passed { styled(GOOD, "✓") } else { styled(BAD, "✗") };
                output::line(format!(
                    "{mark} {}: {}{}",
                    it.file,
                    it.name,
                    if it.passed { String::new() } else { format!(" — {}", it.detail) }
                ));
            }
            output::line(format!("{passed} passed, {failed} failed"));
        }
    }
    Ok(ExitCode::from(if failed == 0 { 0 } else { PROOF }))
}
