//! `countersign audit reconcile`: the log beside the cloud's own trail. Needs no server and trusts none: a log that does
//! not verify reconciles with nothing.

use std::{path::Path, process::ExitCode};

use model::sanitize;
use trail::{
    Event,
    reconcile::{Line, Report, reconcile},
};

use super::trails;
use crate::{
    cli::{Format, ReconcileArgs},
    config::Config,
    failure::{Failure, VERIFICATION},
    output::{self, BAD, GOOD, styled},
};

const MAX_EVENTS: usize = 2_000_000;

pub(super) fn run(args: &ReconcileArgs, format: Format) -> Result<ExitCode, Failure> {
    let config = args.config.as_ref().map(|file| Config::load(file)).transpose()?;
    let dir = match (&config, &args.log) {
        (Some(config), _) => config.log(),
        (None, Some(log)) => log.clone(),
        (None, None) => return Err(Failure::usage("which log? give --config FILE or --log DIR")),
    };
    let genesis = args.genesis.as_deref().map(str::parse).transpose();
    let genesis = genesis.map_err(|err| Failure::usage(format!("--genesis: {err}")))?;
    let mut problems: Vec<String> = Vec::new();
    let verified = super::audit::examine(&dir, None, genesis, &[])?;
    problems.extend(verified.problems.iter().map(|it| format!("the log: {}", sanitize(&it.message, 600))));
    let entries =
        ledger::read_log(&dir).map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))?.entries;
    let events = events_of(&args.cloudtrail, &mut problems)?;
    let report = reconcile(&entries, events, &args.ours, problems);
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show(&report),
    }
    Ok(ExitCode::from(if report.ok { 0 } else { VERIFICATION }))
}

/// Whatever cannot be read is named, and the rest is read.
fn events_of(path: &Path, problems: &mut Vec<String>) -> Result<Vec<Event>, Failure> {
    let mut events = Vec::new();
    for file in trails::files_of(path)? {
        trails::records_of(&file, |record| match record {
            Ok(event) => events.push(event),
            Err(problem) => problems.push(problem),
        });
        if events.len() > MAX_EVENTS {
            let message = format!("{} holds more than {MAX_EVENTS} events", path.display());
            return Err(Failure::usage(message).hint("give fewer days at once"));
        }
    }
    Ok(events)
}

fn show(report: &Report) {
    let verdict = if report.ok {
        styled(GOOD, "Trail and record tell one story.")
    } else {
        styled(BAD, "Trail and record differ.")
    };
    output::line(format!(
        "{verdict} {} matched; {} reads in the trail, {} on record; {} by services on our behalf, {} of others, {} repeated.",
        report.matched,
        report.read_events,
        report.reads_recorded,
        report.on_behalf,
        report.of_others,
        report.repeated
    ));
    list("done with our credentials, and nothing permitted it", &report.without_permit);
    list("permitted, and the trail knows nothing of it", &report.without_event);
    list("outside the log's time", &report.outside);
    for problem in &report.problems {
        output::line(format!("  {} {}", styled(BAD, "✗"), sanitize(problem, 1000)));
    }
}

fn list(what: &str, lines: &[Line]) {
    if !lines.is_empty() {
        output::line(format!("  {what}:"));
    }
    for it in lines {
        output::line(format!("    {} {} {} ({})", it.at, it.operation, it.id, it.detail));
    }
}
