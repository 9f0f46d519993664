//! `countersign audit receipt` and `check-receipt`: one entry to take along, and to show to somebody who trusts nobody here.

use std::{fs, path::Path, process::ExitCode};

use audit::Shown;
use model::{ChangeId, Digest, Entry, EntryId};

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
    let files = ledger::read_log(dir).map_err(|err| Failure::usage(format!("{}: {err}", dir.display())))?;
    if let Some(damage) = files.problems.first() {
        return Err(Failure::usage(format!("{}: {}", damage.file, damage.message))
            .hint("run `countersign audit verify` on it"));
    }
    let index = index_of(&files.entries, &args.id, args.kind.as_deref())?;
    let receipt = audit::receipt(&files.genesis_bytes, &files.checkpoint_note, &files.entries, index)
        .map_err(|err| Failure::usage(err.to_string()))?;
    // It ends in the one newline that a line gets.
    output::line(receipt.to_text().trim_end_matches('\n'));
    Ok(ExitCode::SUCCESS)
}

/// Where what was asked for stands.
fn index_of(entries: &[Vec<u8>], id: &str, kind: Option<&str>) -> Result<u64, Failure> {
    if let Ok(index) = id.parse::<u64>() {
        return Ok(index);
    }
    let read = || (0u64..).zip(entries.iter().map(|bytes| serde_json::from_slice::<Entry>(bytes)));
    let all = || read().filter_map(|(index, entry)| Some((index, entry.ok()?)));
    let missing = |what: &str| Failure::usage(format!("the log has no entry of {what}"));
    if let Ok(id) = id.parse::<EntryId>() {
        let found = all().find(|(_, entry)| entry.id == id);
        return found.map(|(index, _)| index).ok_or_else(|| missing(&id.to_string()));
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
    let own: Vec<(u64, String)> = all()
        .filter(|(_, entry)| entry.change == Some(change))
        .map(|(index, entry)| (index, kind_of(&entry)))
        .collect();
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

pub(super) fn check(file: &Path, genesis: Option<&str>, format: Format) -> Result<ExitCode, Failure> {
    let expected: Option<Digest> = genesis
        .map(|text| text.parse().map_err(|err| Failure::usage(format!("--genesis: {err}"))))
        .transpose()?;
    let unreadable = |err: &dyn std::fmt::Display| Failure::usage(format!("{}: {err}", file.display()));
    let length = fs::metadata(file).map_err(|err| unreadable(&err))?.len();
    if length > MAX_FILE {
        return Err(unreadable(&format!("{length} bytes are no receipt; it has at most {MAX_FILE}")));
    }
    let text = fs::read_to_string(file).map_err(|err| unreadable(&err))?;
    match audit::check_receipt(&text, expected) {
        Ok(shown) => {
            match format {
                Format::Json => output::json(&shown)?,
                Format::Human => show(&shown)?,
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(void) => {
            let why = model::sanitize(&void.to_string(), 600);
            match format {
                Format::Json => output::json(&serde_json::json!({ "void": why }))?,
                Format::Human => output::line(format!("{} {why}", styled(BAD, "The receipt does not hold."))),
            }
            Ok(ExitCode::from(VERIFICATION))
        }
    }
}

fn show(shown: &Shown) -> Result<(), Failure> {
    let Shown { authenticated, genesis, checkpoint, index, entry } = shown;
    output::line(format!("{} Entry {index} of {}.", styled(GOOD, "The receipt holds."), checkpoint.origin));
    output::line(format!("  installation {genesis}"));
    output::line(format!("  checkpoint   {} entries, {}", checkpoint.size, checkpoint.root));
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
