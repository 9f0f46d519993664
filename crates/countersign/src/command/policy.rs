//! `countersign policy check|test|prove|diff|explain|fmt|schema`: the bundle on its own, no server needed. `simulate`, `adopt` and
//! `fetch` are clients, `table` is about the program itself.

mod diff;
mod explain;
mod fmt;
mod simulate;

use std::process::ExitCode;

use policy::{Bundle, Files, Problem};
use serde_json::{Value as Json, json};

use super::{adopt, prove, serve::bundle_files, table};
use crate::{
    cli::{BundleArgs, Format, PolicyCommand},
    config::Config,
    failure::{Failure, PROOF, USAGE},
    loaded::loaded,
    output::{self, BAD, GOOD, WARN, styled},
    witnesses,
};

pub(super) async fn run(command: &PolicyCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        PolicyCommand::Check(args) => check(args, format),
        PolicyCommand::Test(args) => test(args, format),
        PolicyCommand::Prove(args) => prove::run(args, &files(&args.bundle)?, format).await,
        PolicyCommand::Diff(args) => diff::run(args, format).await,
        PolicyCommand::Explain(args) => explain::run(args, format),
        PolicyCommand::Fmt(args) => fmt::run(args, format),
        PolicyCommand::Schema => schema(format),
        PolicyCommand::Simulate(args) => simulate::run(args, format).await,
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

/// To be looked at before it is finished: examples that it contradicts are only told.
fn draft(what: &str, files: &Files) -> Result<Bundle, Failure> {
    let bundle = Bundle::draft(files)
        .map_err(|err| Failure::new(USAGE, "CS004", format!("the bundle {what} does not load:\n{err}")))?;
    let failed = bundle.run_examples().iter().filter(|it| !it.passed).count();
    if failed > 0 {
        output::note(format!(
            "{failed} example(s) of the bundle {what} come out otherwise, so that it cannot be adopted; policy test tells which"
        ));
    }
    Ok(bundle)
}

fn check(args: &BundleArgs, format: Format) -> Result<ExitCode, Failure> {
    let files = files(args)?;
    if let (Format::Json, Err(err)) = (format, Bundle::load(&files)) {
        output::json(&json!({ "problems": err.problems.iter().map(diagnostic).collect::<Vec<_>>() }))?;
        return Ok(ExitCode::from(USAGE));
    }
    let bundle = loaded(&files)?;
    witnesses::keys(&bundle)?;
    let rules = bundle.rules();
    let warnings = warnings(&files, &bundle);
    match format {
        Format::Json => output::json(&json!({
            "bundle": bundle.digest(),
            "profile": bundle.profile().to_string(),
            "cedar_schema": policy::schema_digest(),
            "rules": rules,
            "problems": [],
            "warnings": warnings,
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
            for warning in warnings {
                output::note(format!("{} {warning}", styled(WARN, "warning:")));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// What loads, and is hardly meant.
fn warnings(files: &Files, bundle: &Bundle) -> Vec<String> {
    let locked = engine::could_be_changed(bundle).err();
    let timeless = "there is no calendar.toml, so every hour counts as peak and as frozen";
    locked
        .map(|why| format!("such a bundle is not adopted: {why}"))
        .into_iter()
        .chain((!files.contains_key("calendar.toml")).then(|| timeless.to_owned()))
        .collect()
}

/// For editors: a place is missing where the problem is a file's or a line's as a whole. Columns count characters.
fn diagnostic(problem: &Problem) -> Json {
    let Problem { file, line, message, hint, span, sort } = problem;
    json!({
        "file": file,
        "line": line,
        "column": span.map(|it| it.column),
        "end_line": span.map(|it| it.end_line),
        "end_column": span.map(|it| it.end_column),
        "code": sort.code(),
        "message": message,
        "hint": hint,
    })
}

/// Of this program; no bundle has one of its own.
fn schema(format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => output::json(&policy::reference())?,
        Format::Human => output::line(policy::reference_page().trim_end()),
    }
    Ok(ExitCode::SUCCESS)
}

fn test(args: &BundleArgs, format: Format) -> Result<ExitCode, Failure> {
    let files = files(args)?;
    let results = Bundle::test(&files).map_err(|err| Failure::new(USAGE, "CS004", err))?;
    let failed = results.iter().filter(|it| !it.passed).count();
    if failed == 0 {
        loaded(&files)?;
    }
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
