//! `countersign audit export` and `tail`: the log for other tools, and for the eye. What is read is what stands under the
//! signed checkpoint; whether it holds is for `audit verify` to say.

use std::{path::Path, process::ExitCode, time::Duration};

use ledger::LogReader;
use model::Entry;

use super::place::Place;
use crate::{
    cli::{ExportArgs, Format, LogArgs},
    failure::Failure,
    output::{self, BOLD, DIM, styled},
};

const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) async fn all(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let place = Place::of(&args.log).await?;
    let mut log = open(place.dir())?;
    let begins = if args.from > 0 { log.begin_at(args.from) } else { 0 };
    tell(&mut log, begins, args.from, Format::Json);
    whole(log)
}

pub(super) async fn tail(
    log: &LogArgs,
    lines: usize,
    follow: bool,
    format: Format,
) -> Result<ExitCode, Failure> {
    let place = Place::of(log).await?;
    let mut log = open(place.dir())?;
    let unreadable = |err: std::io::Error| Failure::usage(format!("{}: {err}", place.dir().display()));
    let size = match log.covered() {
        Some(size) => size,
        None => ledger::count_entries(place.dir()).map_err(unreadable)?,
    };
    let mut next = size.saturating_sub(lines as u64);
    loop {
        let begins = log.begin_at(next);
        next = tell(&mut log, begins, next, format);
        if !follow {
            return whole(log);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        place.refresh().await?;
        log = open(place.dir())?;
    }
}

fn open(dir: &Path) -> Result<LogReader, Failure> {
    LogReader::open(dir).map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))
}

/// The entries of a log that begins at entry `index`, but for those before `from`; yields how many there are in all.
fn tell(log: &mut LogReader, index: u64, from: u64, format: Format) -> u64 {
    let mut index = index;
    while let Some(entries) = log.next_bundle() {
        for (bytes, index) in entries.iter().zip(index..).filter(|(_, index)| *index >= from) {
            output::line(told(index, bytes, format));
        }
        index += entries.len() as u64;
    }
    index.max(from)
}

/// Where a file is damaged, what was told is not all: that must not look like success.
fn whole(log: LogReader) -> Result<ExitCode, Failure> {
    match log.finish().first() {
        None => Ok(ExitCode::SUCCESS),
        Some(damage) => Err(Failure::verification(format!("{}: {}", damage.file, damage.message))
            .hint("entries are missing above; run `countersign audit verify`")),
    }
}

/// One entry on one line. As JSON, its bytes are those that were signed for.
fn told(index: u64, bytes: &[u8], format: Format) -> String {
    let text = String::from_utf8_lossy(bytes);
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else {
        return serde_json::json!({ "index": index, "unreadable": model::sanitize(&text, 2000) }).to_string();
    };
    if format == Format::Json {
        return format!("{{\"index\":{index},\"entry\":{text}}}");
    }
    let kind = serde_json::to_value(entry.kind).ok();
    let kind = kind.as_ref().and_then(serde_json::Value::as_str).unwrap_or_default();
    let actors = [
        entry.actors.person.as_ref().map(ToString::to_string),
        entry.actors.agent.as_ref().map(ToString::to_string),
    ];
    let who = actors.into_iter().flatten().collect::<Vec<_>>().join(" for ");
    let change = entry.change.map_or_else(String::new, |change| format!(" {change}"));
    let what = ["summary", "reads", "why", "reason", "task", "alarm", "status"];
    let what = what.iter().find_map(|key| entry.detail.get(*key)).map_or("", String::as_str);
    format!(
        "{} {} {}{change} {who} {}",
        styled(DIM, format!("{index:>6}")),
        entry.at,
        styled(BOLD, kind),
        model::sanitize(what, 200)
    )
}
