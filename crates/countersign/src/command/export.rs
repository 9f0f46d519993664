//! `countersign audit export` and `tail`: the log for other tools, and for the eye. What is read is what stands under the
//! signed checkpoint; whether it holds is for `audit verify` to say.

use std::{path::Path, process::ExitCode, time::Duration};

use ledger::LogFiles;
use model::Entry;

use super::place::Place;
use crate::{
    cli::{ExportArgs, Format, LogArgs},
    failure::Failure,
    output::{self, BOLD, DIM, styled},
};

const LOOK_AGAIN: Duration = Duration::from_millis(500);

pub(super) async fn all(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let files = read(Place::of(&args.log).await?.dir())?;
    for (index, bytes) in (0u64..).zip(&files.entries).filter(|(index, _)| *index >= args.from) {
        output::line(told(index, bytes, Format::Json));
    }
    whole(&files)
}

pub(super) async fn tail(
    log: &LogArgs,
    lines: usize,
    follow: bool,
    format: Format,
) -> Result<ExitCode, Failure> {
    let place = Place::of(log).await?;
    let files = read(place.dir())?;
    let mut next = files.entries.len().saturating_sub(lines);
    let mut files = files;
    loop {
        for (bytes, index) in files.entries.iter().zip(0u64..).skip(next) {
            output::line(told(index, bytes, format));
        }
        next = next.max(files.entries.len());
        if !follow {
            return whole(&files);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
        place.refresh().await?;
        files = read(place.dir())?;
    }
}

fn read(dir: &Path) -> Result<LogFiles, Failure> {
    ledger::read_log(dir).map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))
}

/// Where a file is damaged, what was told is not all: that must not look like success.
fn whole(files: &LogFiles) -> Result<ExitCode, Failure> {
    match files.problems.first() {
        None => Ok(ExitCode::SUCCESS),
        Some(damage) => Err(Failure::usage(format!("{}: {}", damage.file, damage.message))
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
