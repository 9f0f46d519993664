//! `countersign audit reconcile`: the log beside the cloud's own trail. Needs no server and trusts none: a log that does
//! not verify reconciles with nothing.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use model::sanitize;
use trail::{
    Event,
    read::{self, MAX_FILE},
    reconcile::{Line, Report, reconcile},
};

use crate::{
    cli::{Format, ReconcileArgs},
    config::Config,
    failure::{Failure, VERIFICATION},
    output::{self, BAD, GOOD, styled},
};

const MAX_FILES: usize = 100_000;
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
    for file in files_of(path)? {
        let shown = sanitize(&file.display().to_string(), 400);
        let bytes = match content(&file) {
            Ok(bytes) => bytes,
            Err(why) => {
                problems.push(format!("{shown}: {why}"));
                continue;
            }
        };
        read::records(&bytes, |record| match record {
            Ok(event) => events.push(event),
            Err(damage) => {
                let place = damage.record.map_or_else(String::new, |number| format!(", record {number}"));
                problems.push(format!("{shown}{place}: {}", damage.why));
            }
        });
        if events.len() > MAX_EVENTS {
            let message = format!("{} holds more than {MAX_EVENTS} events", path.display());
            return Err(Failure::usage(message).hint("give fewer days at once"));
        }
    }
    Ok(events)
}

/// In order; links are not followed.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |path: &Path, err: std::io::Error| Failure::usage(format!("{}: {err}", path.display()));
    if !fs::metadata(path).map_err(|err| unreadable(path, err))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut found, mut open) = (Vec::new(), vec![path.to_owned()]);
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).map_err(|err| unreadable(&next, err))? {
            let entry = entry.map_err(|err| unreadable(&next, err))?;
            let kind = entry.file_type().map_err(|err| unreadable(&next, err))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if kind.is_dir() {
                open.push(entry.path());
            } else if kind.is_file() && (name.ends_with(".json") || name.ends_with(".json.gz")) {
                found.push(entry.path());
            }
            if found.len() + open.len() > MAX_FILES {
                let message = format!("{} holds more than {MAX_FILES} files", path.display());
                return Err(Failure::usage(message).hint("give fewer days at once"));
            }
        }
    }
    found.sort();
    if found.is_empty() {
        return Err(Failure::usage(format!("{} holds no .json or .json.gz", path.display())));
    }
    Ok(found)
}

fn content(file: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let mut opened = fs::File::open(file).map_err(|err| err.to_string())?.take(MAX_FILE + 1);
    opened.read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(format!("it is larger than {MAX_FILE} bytes: refused"));
    }
    if bytes.starts_with(&[0x1f, 0x8b]) {
        read::unpack(&bytes).map_err(|err| err.to_string())
    } else {
        Ok(bytes)
    }
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
