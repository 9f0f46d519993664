//! `countersign findings` and `countersign costs`: from a snapshot's file, without a network.

mod show;

use std::{fs, io::Read as _, path::Path, process::ExitCode};

use engine::{Clock as _, SystemClock};
use findings::{ANALYZERS, Costs, Parameters, Prices, Report, analyse};
use model::{Timestamp, sanitize};
use snapshot::Snapshot;

use crate::{
    cli::{
        Format,
        findings::{CostsArgs, FindingsArgs, SnapshotArgs},
    },
    failure::{Failure, USAGE},
    output,
};

/// As much as a snapshot may have.
pub(super) const MOST_SNAPSHOT: u64 = 1 << 28;
const MOST_TABLE: u64 = 1 << 20;

pub(super) fn run(args: &FindingsArgs, format: Format) -> Result<ExitCode, Failure> {
    if let Some(name) =
        args.only.iter().find(|name| !ANALYZERS.iter().any(|analyzer| analyzer.name == **name))
    {
        let names: Vec<&str> = ANALYZERS.iter().map(|analyzer| analyzer.name).collect();
        return Err(Failure::usage(format!("there is no analyzer `{}`", sanitize(name, 64)))
            .hint(format!("there are: {}", names.join(", "))));
    }
    let (mut report, ()) = analysed(&args.snapshot, |_, _, _| ())?;
    if !args.only.is_empty() {
        let asked = |name: &str| args.only.iter().any(|only| only == name);
        report.findings.retain(|finding| asked(finding.analyzer));
        report.spared.retain(|spared| asked(spared.analyzer));
        report.unjudged.retain(|unjudged| asked(unjudged.analyzer));
        report.recount();
    }
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show::report(&report),
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn costs(args: &CostsArgs, format: Format) -> Result<ExitCode, Failure> {
    let by = |snapshot: &Snapshot<'_>, prices: &Prices, report: &Report| {
        findings::costs(snapshot, prices, &args.by, report)
    };
    let (_, costs): (Report, Costs) = analysed(&args.snapshot, by)?;
    match format {
        Format::Json => output::json(&costs)?,
        Format::Human => show::costs(&costs),
    }
    Ok(ExitCode::SUCCESS)
}

/// The report of a snapshot, and what `more` makes of both.
fn analysed<T>(
    args: &SnapshotArgs,
    more: impl FnOnce(&Snapshot<'_>, &Prices, &Report) -> T,
) -> Result<(Report, T), Failure> {
    analysed_of(args, &snapshot_text(&args.from)?, more)
}

/// The same of a text that was read.
pub(super) fn analysed_of<T>(
    args: &SnapshotArgs,
    text: &str,
    more: impl FnOnce(&Snapshot<'_>, &Prices, &Report) -> T,
) -> Result<(Report, T), Failure> {
    let parameters = parameters(args.parameters.as_deref())?;
    let prices = prices(args.prices.as_deref())?;
    let now = SystemClock.now();
    let snapshot = snapshot(text, now, &args.from)?;
    let report = analyse(&snapshot, &parameters, &prices, now);
    let more = more(&snapshot, &prices, &report);
    Ok((report, more))
}

/// The defaults without a file.
pub(super) fn parameters(file: Option<&Path>) -> Result<Parameters, Failure> {
    let Some(file) = file else { return Ok(Parameters::default()) };
    Parameters::parse(&text_of(file, MOST_TABLE)?).map_err(|err| {
        Failure::usage(format!("{}: {err}", file.display())).hint("docs/findings.md lists them all")
    })
}

pub(super) fn prices(file: Option<&Path>) -> Result<Prices, Failure> {
    let Some(file) = file else { return Ok(Prices::shipped()) };
    Prices::parse(&text_of(file, MOST_TABLE)?)
        .map_err(|err| Failure::usage(format!("{}: {err}", file.display())))
}

/// What was read of `file`.
pub(super) fn snapshot<'a>(text: &'a str, now: Timestamp, file: &Path) -> Result<Snapshot<'a>, Failure> {
    Snapshot::parse(text, now)
        .map_err(|err| Failure::new(USAGE, "CS011", format!("{}: {err}", file.display())).hint(err.hint()))
}

pub(super) fn snapshot_text(file: &Path) -> Result<String, Failure> {
    text_of(file, MOST_SNAPSHOT)
}

/// At most so many bytes of it.
pub(super) fn text_of(file: &Path, most: u64) -> Result<String, Failure> {
    let unreadable =
        |err: std::io::Error| Failure::usage(format!("{} cannot be read: {err}", file.display()));
    let mut bytes = Vec::new();
    fs::File::open(file).map_err(unreadable)?.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(Failure::usage(format!(
            "{} is larger than {most} bytes, which is the most",
            file.display()
        )));
    }
    String::from_utf8(bytes).map_err(|_| Failure::usage(format!("{} is no UTF-8 text", file.display())))
}
