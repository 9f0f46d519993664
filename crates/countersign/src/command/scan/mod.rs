//! `countersign scan`: reads an environment into a snapshot, as an agent like any other: with a session's virtual credentials, through
//! the gateway, each read admitted and on record. With `--agent` the session is made for it (only looks, ends with it); without, it
//! is the one of the environment.
//!
//! What was understood so far stands beside the snapshot (`FILE.part`, readable by its owner only): broken off, the same command
//! goes on from there. What is refused meanwhile is in the snapshot as refused; a session that is over, or a gateway that is gone,
//! ends the scan, and no snapshot is written.

mod carry_out;
pub(super) mod cloud;
mod journal;
mod progress;
mod session;

use std::{collections::BTreeMap, process::ExitCode};

pub(super) use self::{
    journal::write_whole,
    session::{Asked, Session},
};

use engine::{Clock as _, SystemClock};
use inventory::{Place, Scan};
use serde::Serialize;
use snapshot::Snapshot;

use self::{carry_out::carry_out, cloud::Cloud, journal::Journal};
use super::resident::Signals;
use crate::{
    cli::{
        Format,
        scan::{ReadArgs, ScanArgs},
    },
    failure::Failure,
    output::{self, DIM, GOOD, WARN, styled},
};

pub(super) async fn run(args: &ScanArgs, format: Format) -> Result<ExitCode, Failure> {
    // Who ends it must not leave a session behind that lives on for hours.
    let mut signals = Signals::heard()?;
    let session = Session::open(&Asked {
        agent: args.agent.as_deref(),
        operator: args.operator.as_deref(),
        task: "read the environment into a snapshot",
        scope: "effect:read",
        autonomy: Some("suggest"),
        server: &args.server,
    })
    .await?;
    let scanned = tokio::select! {
        scanned = taken(&args.read, args.anew, &session.env) => scanned,
        _ = signals.next() => Err(Failure::interrupted()
            .hint("what was read is kept beside the snapshot: the same command goes on from there within twelve hours")),
    };
    tokio::select! {
        () = session.close() => {}
        _ = signals.next() => {}
    }
    report(&args.read, &scanned?, format)
}

/// Whether it can be begun, before anything is opened for it.
pub(super) fn possible(args: &ReadArgs) -> Result<(), Failure> {
    if args.rate == 0 || args.rate > 1000 {
        return Err(Failure::usage("--rate is 1 to 1000 calls a second"));
    }
    if args.days == 0 || args.days > 450 {
        return Err(Failure::usage("--days is 1 to 450: the cloud keeps daily values for 455"));
    }
    Ok(())
}

/// The snapshot's text, as it stands in its file then; `anew`: whatever was read before is read again.
pub(super) async fn taken(
    args: &ReadArgs,
    anew: bool,
    env: &BTreeMap<String, String>,
) -> Result<String, Failure> {
    possible(args)?;
    let regions = regions(args, env)?;
    let cloud = Cloud::from(env, regions.first().map_or("us-east-1", String::as_str))?;
    let (partition, account) = cloud.identity().await?;
    let place = Place { partition, account, regions };
    let mut journal = Journal::open(&args.snapshot, &place, args.days, SystemClock.now(), anew)?;
    let mut scan = Scan::begin(place, journal.begun(), args.days);
    let known = journal.len();
    if known > 0 {
        output::note(format!("going on from {known} answers of {}", journal.begun()));
    }
    carry_out(&mut scan, cloud, &mut journal, args.rate).await?;
    let text = scan
        .finish(SystemClock.now())
        .map_err(|err| Failure::unexpected(err).hint(carry_out::how_to_go_on(&journal)))?;
    journal::write_whole(&args.snapshot, text.as_bytes())?;
    journal.remove();
    Ok(text)
}

fn regions(args: &ReadArgs, env: &BTreeMap<String, String>) -> Result<Vec<String>, Failure> {
    let mut regions = args.region.clone();
    if regions.is_empty() {
        regions.extend(env.get("AWS_REGION").cloned());
    }
    regions.sort();
    regions.dedup();
    let plain = |region: &String| {
        !region.is_empty()
            && region.len() <= 32
            && region.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
    };
    match regions.iter().find(|region| !plain(region)) {
        Some(wrong) => Err(Failure::usage(format!("`{}` is no region", model::sanitize(wrong, 40)))),
        None if regions.is_empty() => Err(Failure::usage("which regions? give --region eu-west-1,us-east-1")),
        None => Ok(regions),
    }
}

#[derive(Serialize)]
struct Report<'s> {
    snapshot: String,
    account: &'s str,
    resources: usize,
    edges: usize,
    reads: BTreeMap<&'static str, usize>,
    lacking: Vec<Lacking<'s>>,
}

/// A read that did not tell everything.
#[derive(Serialize)]
struct Lacking<'s> {
    operation: &'s str,
    region: Option<&'s str>,
    outcome: &'static str,
    why: Option<&'s str>,
    times: usize,
}

fn report(args: &ReadArgs, text: &str, format: Format) -> Result<ExitCode, Failure> {
    let snapshot = Snapshot::parse(text, SystemClock.now()).map_err(Failure::unexpected)?;
    let mut reads: BTreeMap<&'static str, usize> = BTreeMap::new();
    let mut lacking: Vec<Lacking<'_>> = Vec::new();
    for read in snapshot.reads() {
        *reads.entry(read.outcome.name()).or_default() += 1;
        if read.outcome.is_whole() {
            continue;
        }
        let one = Lacking {
            operation: read.operation.as_str(),
            region: read.region.as_ref().map(snapshot::Text::as_str),
            outcome: read.outcome.name(),
            why: read.why.as_ref().map(snapshot::Text::as_str),
            times: 1,
        };
        let same = |it: &&mut Lacking<'_>| {
            (it.operation, it.region, it.outcome) == (one.operation, one.region, one.outcome)
        };
        match lacking.iter_mut().find(same) {
            Some(known) => known.times += 1,
            None => lacking.push(one),
        }
    }
    let report = Report {
        snapshot: args.snapshot.display().to_string(),
        account: snapshot.account(),
        resources: snapshot.resources().len(),
        edges: snapshot.edges().len(),
        reads,
        lacking,
    };
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show(&report, &snapshot),
    }
    Ok(ExitCode::SUCCESS)
}

fn show(report: &Report<'_>, snapshot: &Snapshot<'_>) {
    let taken = snapshot.taken();
    output::line(format!(
        "{} {} resources of account {} in {}, read from {} to {}",
        styled(GOOD, "Scanned"),
        report.resources,
        report.account,
        snapshot.regions().collect::<Vec<_>>().join(", "),
        taken.from,
        taken.until
    ));
    for one in &report.lacking {
        output::line(format!(
            "  {} {} {}{}{}",
            styled(WARN, one.outcome),
            one.operation,
            one.region.map_or_else(String::new, |region| format!("in {region} ")),
            styled(DIM, model::sanitize(one.why.unwrap_or_default(), 160)),
            if one.times > 1 { format!(" ({} times)", one.times) } else { String::new() },
        ));
    }
    if !report.lacking.is_empty() {
        output::line("  what these would have shown is not known, and nothing is concluded from its absence");
    }
    output::line(format!("  {}", report.snapshot));
}
