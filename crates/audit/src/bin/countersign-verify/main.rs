//! `countersign-verify`: what `countersign audit verify` says of a copy of a log, from a program of its own that has
//! neither the server nor its readers in it: only the rules (this crate), the mathematics (`tlog`), the signatures
//! (`approval`) and the words (`model`). It reads files and nothing else; the library beside it does not even that.

mod args;
mod folder;

use std::{io::Write as _, path::Path, process::ExitCode};

use args::{Args, Asked, USAGE};
use audit::{Auditor, Code, Given, Report, Since, Step};
use folder::Folder;
use tlog::Edge;

const FAILED: u8 = 20;
const MISUSED: u8 = 2;
/// Files that are damaged, named in a report: one altered entry makes a wrong tile of each above it.
const MOST_TOLD: usize = 20;

fn main() -> ExitCode {
    let args = match args::parse(std::env::args_os().skip(1)) {
        Ok(Asked::Verify(args)) => args,
        Ok(Asked::Help) => {
            let _ = writeln!(std::io::stdout(), "{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}\n\n{USAGE}");
            return ExitCode::from(MISUSED);
        }
    };
    match verify(&args) {
        Ok(report) => {
            let told = if args.json { json(&report) } else { text(&report) };
            // A reader that has gone away is no reason to say something else.
            let _ = std::io::stdout().write_all(told.as_bytes());
            ExitCode::from(if report.ok { 0 } else { FAILED })
        }
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{}", model::sanitize(&why, 600));
            ExitCode::from(MISUSED)
        }
    }
}

fn verify(args: &Args) -> Result<Report, String> {
    let log = Folder::open(&args.log)?;
    let policy = args.policy.as_ref().map(|file| {
        let text = folder::small(file)?;
        tlog::Policy::parse(&text).map_err(|err| format!("{}: {err}", file.display()))
    });
    let policy = policy.transpose()?;
    let held = args.checkpoints.iter().map(|file| {
        String::from_utf8(folder::small(file)?).map_err(|_| format!("{}: no text", file.display()))
    });
    let held: Vec<String> = held.chain(log.witnessed.clone().map(Ok)).collect::<Result<_, _>>()?;
    let given = Given {
        genesis: &log.genesis,
        expected_genesis: args.genesis,
        checkpoint: &log.checkpoint,
        held_checkpoints: &held,
        database: None,
    };
    let told = args.since.as_ref().map(|old| since(&log, given, old)).transpose()?;
    let mut report = told.unwrap_or_else(|| whole(&log, given));
    log.damage.iter().for_each(|damage| report.add(Code::FileDamaged, None, damage));
    if let Some(policy) = policy {
        let witnessed = log.witnessed.as_deref().unwrap_or_default();
        let newest = String::from_utf8_lossy(&log.checkpoint);
        if let Some(why) = audit::unmet(&policy, &newest, witnessed, args.unwitnessed) {
            report.add(Code::PolicyUnmet, None, &why);
        }
    }
    Ok(report)
}

fn whole(log: &Folder, given: Given<'_>) -> Report {
    let mut auditor = Auditor::new(given);
    let (mut edge, mut damage) = (Edge::new(), Vec::new());
    let signed = log.size().unwrap_or(0);
    let ended = log.read(|entry| {
        auditor.entry(entry);
        // What is appended just now has no tile yet.
        if edge.size() < signed {
            let filled = edge.append(tlog::leaf_hash(entry));
            damage.extend(filled.iter().filter_map(|full| log.differing(full.tile, &full.hashes)));
            damage.truncate(MOST_TOLD);
        }
    });
    match ended {
        Some(why) => damage.push(why),
        None => damage.extend(edge.tiles().filter_map(|(tile, hashes)| log.differing(tile, hashes))),
    }
    let mut report = auditor.finish();
    damage.iter().for_each(|damage| report.add(Code::FileDamaged, None, damage));
    report
}

/// What came after a checkpoint; all of the log after one of no entries.
fn since(log: &Folder, given: Given<'_>, old: &Path) -> Result<Report, String> {
    let none = |why: &str| format!("--since {}: no checkpoint of this log: {why}", old.display());
    let note = String::from_utf8(folder::small(old)?).map_err(|_| none("no text"))?;
    let mut since = Since::new(given, &note).map_err(|err| none(&err.to_string()))?;
    if since.size() == Some(0) {
        let held: Vec<String> = given.held_checkpoints.iter().cloned().chain([note]).collect();
        return Ok(whole(log, Given { held_checkpoints: &held, ..given }));
    }
    loop {
        match since.step() {
            Step::Read(resource) => since.take(resource, log.resource(resource)),
            Step::Told(report) => return Ok(*report),
        }
    }
}

fn json(report: &Report) -> String {
    serde_json::to_string_pretty(report).unwrap_or_default() + "\n"
}

fn text(report: &Report) -> String {
    let holds = if report.ok { "The record holds." } else { "The record does not hold." };
    let mut out = match report.since {
        None => format!("{holds} {} entries.\n", report.entries),
        Some(since) => {
            let after = report.entries.saturating_sub(since);
            format!("{holds} {after} entries after the {since} that were verified before.\n")
        }
    };
    if let Some(checkpoint) = &report.checkpoint {
        out.push_str(&format!(
            "  checkpoint {} {} {}\n",
            checkpoint.origin, checkpoint.size, checkpoint.root
        ));
    }
    for it in &report.unproved {
        out.push_str(&format!(
            "  unproved: entry {} brought the bundle {} into force with no certificate of a proof\n",
            it.entry, it.bundle
        ));
    }
    if let Some(undecided) = &report.undecided {
        out.push_str(&format!("  undecided: {undecided}\n"));
    }
    for problem in &report.problems {
        let place = problem.entry.map_or_else(String::new, |entry| format!("entry {entry}: "));
        out.push_str(&format!("  {place}{} [{}]\n", problem.message, problem.code));
    }
    if !report.authenticated {
        out.push_str("approvers not authenticated: nothing says that this is the right log; give --genesis FINGERPRINT\n");
    }
    out
}
