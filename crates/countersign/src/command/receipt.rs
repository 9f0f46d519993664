//! `countersign audit receipt` and `check-receipt`: one entry to take along, and to show to somebody who trusts nobody here.

use std::{fs, path::Path, process::ExitCode};

use audit::{NoReceipt, Shown, Void};
use ledger::{FileProblem, LogReader};
use model::{ChangeId, Digest, Entry, EntryId, Genesis};
use tlog::{Policy, Receipt, VerifierKey};

use super::place::Place;
use crate::{
    cli::{Format, ReceiptArgs},
    failure::{Failure, VERIFICATION},
    output::{self, BAD, GOOD, WARN, styled},
};

/// More than a receipt of the largest entry.
const MAX_FILE: u64 = 1024 * 1024;

pub(super) async fn give(args: &ReceiptArgs) -> Result<ExitCode, Failure> {
    let place = Place::of(&args.log).await?;
    let dir = place.dir();
    let unreadable = |err: std::io::Error| Failure::usage(format!("{}: {err}", dir.display()));
    let log = LogReader::open(dir).map_err(unreadable)?;
    let (genesis, newest) = (log.genesis_bytes().to_vec(), log.checkpoint_note().to_vec());
    // Read before the entries are: it is of what they begin with.
    let witnessed = super::audit::small(&dir.join("witnessed"));
    let covered = log.covered().unwrap_or_default();
    let index = index_of(log, &args.id, args.kind.as_deref())?;
    let key = Genesis::from_json(&genesis).ok().and_then(|it| it.vkey.parse::<VerifierKey>().ok());
    let cosigned = witnessed.and_then(|note| {
        let size = tlog::open_checkpoint(&note, &key?).ok()?.size;
        (index + 1..=covered).contains(&size).then(|| (note.into_bytes(), size))
    });
    if cosigned.is_none() {
        output::note("no witness has cosigned this entry yet: the receipt has the log's own signature alone");
    }
    let (checkpoint, size) = cosigned.unwrap_or((newest, covered));
    let read = |resource| ledger::read_resource(dir, resource, size).ok().flatten();
    let receipt = match audit::receipt_from_tiles(&genesis, &checkpoint, index, read) {
        // A log of an earlier version has no tiles.
        Err(NoReceipt::Altered) => of_all(dir, &genesis, &checkpoint, index)?,
        receipt => receipt.map_err(|err| Failure::usage(err.to_string()))?,
    };
    // It ends in the one newline that a line gets.
    output::line(receipt.to_text().trim_end_matches('\n'));
    Ok(ExitCode::SUCCESS)
}

fn of_all(dir: &Path, genesis: &[u8], checkpoint: &[u8], index: u64) -> Result<Receipt, Failure> {
    let files = ledger::read_log(dir).map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))?;
    if let Some(damage) = files.problems.first() {
        return Err(damaged(damage));
    }
    audit::receipt(genesis, checkpoint, &files.entries, index).map_err(|err| Failure::usage(err.to_string()))
}

fn damaged(damage: &FileProblem) -> Failure {
    Failure::verification(format!("{}: {}", damage.file, damage.message))
        .hint("run `countersign audit verify` on it")
}

/// Where what was asked for stands.
fn index_of(log: LogReader, id: &str, kind: Option<&str>) -> Result<u64, Failure> {
    if let Ok(index) = id.parse::<u64>() {
        return Ok(index);
    }
    let missing = |what: &str| Failure::usage(format!("the log has no entry of {what}"));
    if let Ok(id) = id.parse::<EntryId>() {
        let mut found = None;
        each(log, &id.to_string(), |index, entry| {
            if entry.id == id {
                found = found.or(Some(index));
            }
        })?;
        return found.ok_or_else(|| missing(&id.to_string()));
    }
    let change: ChangeId = id
        .parse()
        .map_err(|_| Failure::usage(format!("`{}` is no entry and no change", model::sanitize(id, 80))))?;
    let kind_of = |entry: &Entry| {
        serde_json::to_value(entry.kind)
            .ok()
            .and_then(|it| it.as_str().map(str::to_owned))
            .unwrap_or_default()
    };
    let mut own: Vec<(u64, String)> = Vec::new();
    each(log, &change.to_string(), |index, entry| {
        if entry.change == Some(change) {
            own.push((index, kind_of(entry)));
        }
    })?;
    let mut wanted = own.iter().filter(|(_, found)| kind.is_none_or(|kind| kind == found));
    match (wanted.clone().count(), kind) {
        (0, _) if own.is_empty() => Err(missing(&change.to_string())),
        (1, _) | (2.., Some(_)) => Ok(wanted.next_back().map_or(0, |(index, _)| *index)),
        (_, _) => {
            let listed: Vec<String> = own.iter().map(|(index, kind)| format!("{index} {kind}")).collect();
            Err(Failure::usage(format!("{change} has the entries {}", listed.join(", ")))
                .hint("name one by its number, or a kind with --kind"))
        }
    }
}

/// Every entry that has `text` in it, if the log has no damage.
fn each(mut log: LogReader, text: &str, mut show: impl FnMut(u64, &Entry)) -> Result<(), Failure> {
    let mut index = 0;
    while let Some(entries) = log.next_bundle() {
        for (bytes, index) in entries.iter().zip(index..) {
            // Parsing is what takes the time.
            let has = std::str::from_utf8(bytes).is_ok_and(|entry| entry.contains(text));
            if let Some(entry) = has.then(|| serde_json::from_slice(bytes).ok()).flatten() {
                show(index, &entry);
            }
        }
        index += entries.len() as u64;
    }
    log.finish().first().map_or(Ok(()), |damage| Err(damaged(damage)))
}

pub(super) fn check(
    file: &Path,
    genesis: Option<&str>,
    policy: Option<&Policy>,
    format: Format,
) -> Result<ExitCode, Failure> {
    let expected: Option<Digest> = genesis
        .map(|text| text.parse().map_err(|err| Failure::usage(format!("--genesis: {err}"))))
        .transpose()?;
    let unreadable = |err: &dyn std::fmt::Display| Failure::usage(format!("{}: {err}", file.display()));
    let length = fs::metadata(file).map_err(|err| unreadable(&err))?.len();
    let judged = if length > MAX_FILE {
        Err(format!("{length} bytes are no receipt; it has at most {MAX_FILE}"))
    } else {
        let text = fs::read_to_string(file).map_err(|err| unreadable(&err))?;
        judge(&text, expected, policy).map_err(|void| void.to_string())
    };
    match judged {
        Ok((shown, witnesses)) => {
            match format {
                Format::Json => {
                    let mut told = serde_json::to_value(&shown).map_err(Failure::unexpected)?;
                    if let (Some(told), Some(witnesses)) = (told.as_object_mut(), &witnesses) {
                        told.insert("witnesses".to_owned(), witnesses.clone().into());
                    }
                    output::json(&told)?;
                }
                Format::Human => show(&shown, witnesses.as_deref())?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(void) => {
            let why = model::sanitize(&void, 600);
            match format {
                Format::Json => output::json(&serde_json::json!({ "void": why }))?,
                Format::Human => output::line(format!("{} {why}", styled(BAD, "The receipt does not hold."))),
            }
            Ok(ExitCode::from(VERIFICATION))
        }
    }
}

/// What it shows, and under a policy who of its witnesses cosigned.
fn judge(
    text: &str,
    expected: Option<Digest>,
    policy: Option<&Policy>,
) -> Result<(Shown, Option<Vec<String>>), Void> {
    let shown = audit::check_receipt(text, expected)?;
    let vouched = policy.map(|policy| audit::vouched(text, policy)).transpose()?;
    Ok((shown, vouched.map(|it| it.cosigned.into_iter().map(|it| it.witness.to_string()).collect())))
}

fn show(shown: &Shown, witnesses: Option<&[String]>) -> Result<(), Failure> {
    let Shown { authenticated, genesis, checkpoint, index, entry } = shown;
    output::line(format!("{} Entry {index} of {}.", styled(GOOD, "The receipt holds."), checkpoint.origin));
    output::line(format!("  installation {genesis}"));
    output::line(format!("  checkpoint   {} entries, {}", checkpoint.size, checkpoint.root));
    if let Some(witnesses) = witnesses {
        output::line(format!("  cosigned by  {}", model::sanitize(&witnesses.join(", "), 600)));
    }
    let told = serde_json::to_string_pretty(entry).map_err(Failure::unexpected)?;
    told.lines().for_each(|line| output::line(format!("  {}", model::sanitize(line, 2000))));
    if !authenticated {
        output::note(format!(
            "{} nothing says that this is the right installation; give the fingerprint that `init` printed: --genesis \
             FINGERPRINT",
            styled(WARN, "not authenticated:")
        ));
    }
    Ok(())
}
