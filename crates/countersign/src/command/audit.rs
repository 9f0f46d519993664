//! `countersign audit verify`: needs no server and trusts none.

use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use audit::{AuditInput, Database, Report};
use model::Digest;

use crate::{
    cli::{AuditCommand, Format},
    config::Config,
    failure::{Failure, VERIFICATION},
    output::{self, BAD, GOOD, WARN, styled},
};

const ANOTHER_LOOK: usize = 5;

pub(super) async fn run(command: &AuditCommand, format: Format) -> Result<ExitCode, Failure> {
    let (config, log, genesis, checkpoint) = match command {
        AuditCommand::Verify { config, log, genesis, checkpoint } => (config, log, genesis, checkpoint),
        AuditCommand::Receipt(args) => return super::receipt::give(args),
        AuditCommand::Export(args) => return super::export::all(args),
        AuditCommand::Tail { log, lines, follow } => {
            return super::export::tail(log, *lines, *follow, format).await;
        }
        AuditCommand::CheckReceipt { file, genesis } => {
            return super::receipt::check(file, genesis.as_deref(), format);
        }
        AuditCommand::Reconcile(args) => return super::reconcile::run(args, format),
    };
    let config = config.as_ref().map(|file| Config::load(file)).transpose()?;
    let dir: PathBuf = match (&config, log) {
        (Some(config), _) => config.log(),
        (None, Some(log)) => log.clone(),
        (None, None) => {
            return Err(Failure::usage("what is to be verified? give --config FILE or --log DIR"));
        }
    };
    let expected: Option<Digest> = genesis
        .as_deref()
        .map(|text| text.parse().map_err(|err| Failure::usage(format!("--genesis: {err}"))))
        .transpose()?;
    let held_checkpoints = checkpoint
        .iter()
        .map(|file| {
            fs::read_to_string(file).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let mut report = examine(&dir, config.as_ref(), expected, &held_checkpoints)?;
    // A server that is just appending has written what it has not signed yet: a moment later it has.
    for _ in 0..ANOTHER_LOOK {
        if !report.problems.iter().any(|problem| problem.code == audit::Code::EntriesUnsigned) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        report = examine(&dir, config.as_ref(), expected, &held_checkpoints)?;
    }
    match format {
        Format::Json => output::json(&report)?,
        Format::Human => show(&report),
    }
    Ok(ExitCode::from(if report.ok { 0 } else { VERIFICATION }))
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
    let before = ledger::read_log(dir).map_err(unreadable)?.entries.len() as u64;
    let database = config.map(database).transpose()?;
    let known = database.as_ref().map(|it| it.sequenced.saturating_add(it.pending.len() as u64));
    let files = ledger::read_log(dir).map_err(unreadable)?;
    let mut report = audit::verify(&AuditInput {
        genesis: files.genesis_bytes,
        expected_genesis: expected,
        checkpoint: files.checkpoint_note,
        held_checkpoints: held_checkpoints.to_vec(),
        entries: &files.entries,
        database,
    });
    if let Some(known) = known.filter(|known| *known < before) {
        let message = format!(
            "the log has {before} entries, and the database knows of {known}: an older one was put back"
        );
        report.add(audit::Code::DatabaseBehind, Some(known), &message);
    }
    for problem in files.problems {
        report.add(audit::Code::FileDamaged, None, &format!("{}: {}", problem.file, problem.message));
    }
    Ok(report)
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
    output::line(format!("{verdict} {} entries.", report.entries));
    if let Some(checkpoint) = &report.checkpoint {
        output::line(format!("  checkpoint {} {} {}", checkpoint.origin, checkpoint.size, checkpoint.root));
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
            styled(WARN, "not authenticated:")
        ));
    }
}
