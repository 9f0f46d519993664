//! `countersign audit verify`: trusts no server, and needs none but where the log is fetched from one.

use std::{fs, path::Path, process::ExitCode, time::Duration};

use audit::{Code, Database, Report, unmet};
use model::Digest;

use super::place::Place;
use crate::{
    audited::audit,
    cli::{AuditCommand, Format, VerifyArgs},
    config::Config,
    failure::{Failure, VERIFICATION},
    mirror,
    output::{self, BAD, GOOD, WARN, styled},
};

const ANOTHER_LOOK: usize = 5;

pub(super) async fn run(command: &AuditCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        AuditCommand::Verify(args) => verify(args, format).await,
        AuditCommand::Mirror { url, dir } => {
            mirror::fetch(url, dir, None, None).await?;
            Ok(ExitCode::SUCCESS)
        }
        AuditCommand::Receipt(args) => super::receipt::give(args).await,
        AuditCommand::Export(args) => super::export::all(args).await,
        AuditCommand::Tail { log, lines, follow } => super::export::tail(log, *lines, *follow, format).await,
        AuditCommand::CheckReceipt { file, genesis, policy } => {
            let policy = policy.as_ref().map(|file| read_policy(file)).transpose()?;
            super::receipt::check(file, genesis.as_deref(), policy.as_ref(), format)
        }
        AuditCommand::Reconcile(args) => super::reconcile::run(args, format),
    }
}

async fn verify(args: &VerifyArgs, format: Format) -> Result<ExitCode, Failure> {
    let policy = args.policy.as_ref().map(|file| read_policy(file)).transpose()?;
    let expected: Option<Digest> = args
        .genesis
        .as_deref()
        .map(|text| text.parse().map_err(|err| Failure::usage(format!("--genesis: {err}"))))
        .transpose()?;
    let mut held: Vec<String> = args
        .checkpoint
        .iter()
        .map(|file| {
            small(file).ok_or_else(|| Failure::usage(format!("{}: no text of at most 1 MiB", file.display())))
        })
        .collect::<Result<_, _>>()?;
    let told = match &args.since {
        Some(old) => since(args, old, expected, &mut held).await?,
        None => None,
    };
    let Told { mut report, newest, witnessed } = match told {
        Some(told) => told,
        None => whole(args, expected, held).await?,
    };
    if let Some(policy) = &policy {
        let witnessed = witnessed.unwrap_or_default();
        let why = unmet(policy, &newest, &witnessed, args.unwitnessed);
        why.into_iter().for_each(|why| report.add(Code::PolicyUnmet, None, &why));
    }
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show(&report),
    }
    Ok(ExitCode::from(if report.ok { 0 } else { VERIFICATION }))
}

struct Told {
    report: Report,
    /// The log's newest checkpoint, and the newest that witnesses cosigned.
    newest: String,
    witnessed: Option<String>,
}

/// `None` where the checkpoint is of no entries: then it is held against all of the log.
async fn since(
    args: &VerifyArgs,
    old: &Path,
    expected: Option<Digest>,
    held: &mut Vec<String>,
) -> Result<Option<Told>, Failure> {
    let Some(log) = args.log.as_ref().filter(|_| args.config.is_none()) else {
        return Err(Failure::usage(
            "--since looks only at what came after a checkpoint, but every row of the database rests on all of the log",
        )
        .hint("give --log DIR or --log URL, or leave --since out"));
    };
    let place = super::since::Log::open(log).await?;
    let (newest, witnessed) =
        (String::from_utf8_lossy(place.checkpoint()).into_owned(), place.witnessed().map(str::to_owned));
    // Of what earlier copies saw, the rest was verified with what was before.
    let known = small(old).and_then(|note| mirror::size_of(note.as_bytes()));
    let later = |note: &String| mirror::size_of(note.as_bytes()) > known;
    let earlier = if mirror::is_url(log) { Vec::new() } else { mirror::earlier_checkpoints(Path::new(log)) };
    let earlier = earlier.into_iter().filter(later);
    let all: Vec<String> = held.iter().cloned().chain(witnessed.clone()).chain(earlier).collect();
    let report = place.verify(old, expected, &all).await?;
    if report.is_none() {
        held.extend(small(old));
    }
    Ok(report.map(|report| Told { report, newest, witnessed }))
}

async fn whole(args: &VerifyArgs, expected: Option<Digest>, held: Vec<String>) -> Result<Told, Failure> {
    let config = args.config.as_ref().map(|file| Config::load(file)).transpose()?;
    let place = match (&config, &args.log) {
        (Some(config), _) => Place::named(&config.log().to_string_lossy(), expected).await?,
        (None, Some(log)) => Place::named(log, expected).await?,
        (None, None) => {
            return Err(Failure::usage("what is to be verified? give --config FILE, --log DIR or --log URL"));
        }
    };
    // What witnesses have cosigned left the building.
    let witnessed = small(&place.dir().join("witnessed"));
    let earlier = mirror::earlier_checkpoints(place.dir());
    let held: Vec<String> = held.into_iter().chain(witnessed.clone()).chain(earlier).collect();
    let mut report = examine(place.dir(), config.as_ref(), expected, &held)?;
    // A server that is just appending has written what it has not signed yet: a moment later it has.
    for _ in 0..ANOTHER_LOOK {
        if !report.problems.iter().any(|problem| problem.code == Code::EntriesUnsigned) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        place.refresh().await?;
        report = examine(place.dir(), config.as_ref(), expected, &held)?;
    }
    let newest = small(&place.dir().join("checkpoint")).unwrap_or_default();
    Ok(Told { report, newest, witnessed })
}

/// A file that has no business being large, or anything but a file.
pub(super) fn small(file: &Path) -> Option<String> {
    let found = fs::metadata(file).ok()?;
    (found.is_file() && found.len() <= 1 << 20).then(|| fs::read_to_string(file).ok())?
}

fn read_policy(file: &Path) -> Result<tlog::Policy, Failure> {
    let wrong = |why: String| Failure::usage(format!("{}: {why}", file.display()));
    let text = fs::read(file).map_err(|err| wrong(err.to_string()))?;
    tlog::Policy::parse(&text).map_err(|err| wrong(err.to_string()))
}

pub(super) fn examine(
    dir: &Path,
    config: Option<&Config>,
    expected: Option<Digest>,
    held_checkpoints: &[String],
) -> Result<Report, Failure> {
    let unreadable = |err: std::io::Error| Failure::usage(format!("{}: {err}", dir.display()));
    // The database between two looks at the log: it must know all that the first one showed, because every entry comes
    // out of it, and what the second one shows beyond it is what was recorded meanwhile.
    let before = config.map(|_| ledger::count_entries(dir)).transpose().map_err(unreadable)?;
    let database = config.map(database).transpose()?;
    let mut audited = audit(dir, expected, held_checkpoints, database.as_ref(), |_| {})?;
    let known = database.as_ref().map(|it| it.sequenced.saturating_add(it.pending.len() as u64));
    if let Some((known, before)) = known.zip(before).filter(|(known, before)| known < before) {
        let message = format!(
            "the log has {before} entries, and the database knows of {known}: an older one was put back"
        );
        audited.report.add(Code::DatabaseBehind, Some(known), &message);
    }
    Ok(audited.told())
}

/// The one reader of the database besides `serve`, and read-only: the auditor.
fn database(config: &Config) -> Result<Database, Failure> {
    let file = config.database();
    let projection = store::Store::projection_of(&file)
        .map_err(|err| Failure::usage(format!("{}: {err}", file.display())))?;
    Ok(engine::database_of(projection))
}

fn show(report: &Report) {
    let verdict =
        if report.ok { styled(GOOD, "The record holds.") } else { styled(BAD, "The record does not hold.") };
    let entries = report.entries;
    output::line(match report.since {
        None => format!("{verdict} {entries} entries."),
        Some(since) => format!(
            "{verdict} {} entries after the {since} that were verified before.",
            entries.saturating_sub(since)
        ),
    });
    if let Some(checkpoint) = &report.checkpoint {
        output::line(format!("  checkpoint {} {} {}", checkpoint.origin, checkpoint.size, checkpoint.root));
    }
    if let Some(before) = &report.continues {
        let lost = match before.lost {
            Some(lost) => format!("{lost} entries of it, which were signed for, are lost"),
            None => "how many of its entries are lost is not known".to_owned(),
        };
        output::line(format!(
            "  {} this log continues {} after entry {}: {lost}. Why: {}",
            styled(WARN, "continuity broken:"),
            before.genesis,
            before.restored,
            model::sanitize(&before.ground, 500)
        ));
        if !before.vouched {
            output::line("  the key of the log before does not vouch for it");
        }
    }
    for it in &report.unproved {
        output::line(format!(
            "  {} entry {} brought the bundle {} into force with no certificate of a proof",
            styled(WARN, "unproved:"),
            it.entry,
            it.bundle
        ));
    }
    if let Some(undecided) = &report.undecided {
        output::line(format!("  {} {undecided}", styled(WARN, "undecided:")));
    }
    for problem in &report.problems {
        let place = problem.entry.map_or_else(String::new, |entry| format!("entry {entry}: "));
        output::line(format!(
            "  {} {place}{} [{}]",
            styled(BAD, "✗"),
            model::sanitize(&problem.message, 600),
            problem.code
        ));
    }
    if !report.authenticated {
        output::note(format!(
            "{} nothing says that this is the right log; give the fingerprint that `init` printed: --genesis FINGERPRINT",
            styled(WARN, "approvers not authenticated:")
        ));
    }
}
