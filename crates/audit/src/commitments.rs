//! The tree against everything that commits to it: the log's own checkpoint, checkpoints that left the building, and
//! the checkpoint lines that people signed into their statements, and what witnesses cosigned. A root alone says *that* something was changed;
//! several of different sizes say between which entries.

use model::EntryKind;
use tlog::{Checkpoint, VerifierKey, WitnessKey, open_checkpoint, open_cosigned};

use crate::{
    AuditInput, CheckpointView, Code, entries::Placed, report::Findings, roots::Roots, signatures::Signatures,
};

/// What the commitments make of the entries.
#[derive(Debug)]
pub(crate) struct Committed {
    /// The newest checkpoint, where its signature holds.
    pub(crate) checkpoint: Option<CheckpointView>,
    /// The entries are those that the newest checkpoint covers, so what contradicts them contradicts the log itself.
    pub(crate) sound: bool,
}

pub(crate) fn check(
    input: &AuditInput<'_>,
    key: &VerifierKey,
    roots: &Roots,
    entries: &[Placed],
    signatures: &Signatures,
    findings: &mut Findings,
) -> Committed {
    let newest = std::str::from_utf8(&input.checkpoint)
        .map_err(|err| err.to_string())
        .and_then(|note| open_checkpoint(note, key).map_err(|err| err.to_string()))
        .map_err(|why| {
            let message = format!("the log's checkpoint does not hold: {why}");
            findings.add(Code::CheckpointInvalid, None, message);
        })
        .ok();
    let held = held(input, key, findings);
    let signed: Vec<(u64, Checkpoint)> =
        signatures.checkpoints().filter(|(_, checkpoint)| checkpoint.origin == key.name()).collect();
    let witnessed = witnessed(entries, key, findings);

    let all =
        newest.iter().chain(held.iter().chain(&signed).chain(&witnessed).map(|(_, checkpoint)| checkpoint));
    let bounds = Bounds::of(all, roots);
    let sound = newest.as_ref().is_some_and(|newest| roots.at(newest.size) == Some(newest.root));
    if let Some(newest) = &newest {
        check_newest(newest, roots, &bounds, findings);
        for (nth, checkpoint) in &held {
            if let Some((code, why)) = contradiction(checkpoint, newest, roots) {
                findings.add(code, None, format!("held checkpoint {nth} {why}"));
            }
        }
        check_signed(&signed, newest, roots, findings);
        for (index, checkpoint) in &witnessed {
            if let Some((code, why)) = contradiction(checkpoint, newest, roots) {
                let message = format!("the checkpoint that a witness cosigned, of entry {index}, {why}");
                findings.add(code, Some(*index), message);
            }
        }
    }
    let view =
        |it: Checkpoint| CheckpointView { origin: it.origin, size: it.size, root: it.root.to_string() };
    Committed { checkpoint: newest.map(view), sound }
}

fn held(input: &AuditInput<'_>, key: &VerifierKey, findings: &mut Findings) -> Vec<(u64, Checkpoint)> {
    let mut opened = Vec::new();
    for (nth, note) in (1..).zip(&input.held_checkpoints) {
        match open_checkpoint(note, key) {
            Ok(checkpoint) => opened.push((nth, checkpoint)),
            Err(err) => {
                let message = format!("held checkpoint {nth} is none of this log's key: {err}");
                findings.add(Code::HeldInvalid, None, message);
            }
        }
    }
    opened
}

/// What witnesses are on record with. Which witnesses are to be believed is the bundle's and the auditor's to say; here
/// the note must be one of this log's that the key beside it cosigned.
fn witnessed(entries: &[Placed], key: &VerifierKey, findings: &mut Findings) -> Vec<(u64, Checkpoint)> {
    let mut opened = Vec::new();
    for placed in entries.iter().filter(|placed| placed.entry.kind == EntryKind::CheckpointWitnessed) {
        let (note, witness) = (placed.detail("checkpoint"), placed.detail("key"));
        let read = note.zip(witness).ok_or_else(|| "carries no checkpoint or no key".to_owned());
        let read = read.and_then(|(note, witness)| {
            let witness: WitnessKey =
                witness.parse().map_err(|err| format!("names no witness's key: {err}"))?;
            open_cosigned(note, &witness).map_err(|err| err.to_string())?;
            open_checkpoint(note, key).map_err(|err| err.to_string())
        });
        match read {
            Ok(checkpoint) => opened.push((placed.index, checkpoint)),
            Err(why) => {
                let message = format!("entry {} tells of a witness: {why}", placed.index);
                findings.add(Code::SignatureInvalid, Some(placed.index), message);
            }
        }
    }
    opened
}

fn check_newest(newest: &Checkpoint, roots: &Roots, bounds: &Bounds, findings: &mut Findings) {
    let (signed, there) = (newest.size, roots.size());
    if there < signed {
        let (entry, place) = if bounds.good == there {
            (Some(there), format!("entry {there} is the first that is missing"))
        } else {
            (None, format!("which are missing is not known{}", bounds.good_part()))
        };
        let message = format!("the checkpoint covers {signed} entries, but {there} are there: {place}");
        findings.add(Code::EntriesMissing, entry, message);
        return;
    }
    if roots.at(signed) != Some(newest.root) {
        let (first, last) = (bounds.good, bounds.bad.unwrap_or(signed).saturating_sub(1));
        let (entry, place) = if first == last {
            (Some(first), format!("entry {first} is not the one that was signed for"))
        } else {
            (None, format!("the first difference lies in entries {first} to {last}"))
        };
        let message = format!("the entries have another root than the checkpoint signed for: {place}");
        findings.add(Code::EntriesAltered, entry, message);
    }
    if there > signed {
        let message = format!(
            "the checkpoint covers {signed} entries, but {there} are there: the rest is signed by nobody"
        );
        findings.add(Code::EntriesUnsigned, Some(signed), message);
    }
}

/// The first statement whose signer had seen another history; where one has, those after it have too.
fn check_signed(signed: &[(u64, Checkpoint)], newest: &Checkpoint, roots: &Roots, findings: &mut Findings) {
    let mut contradicting = signed
        .iter()
        .filter_map(|(index, checkpoint)| Some((index, contradiction(checkpoint, newest, roots)?)));
    if let Some((index, (code, why))) = contradicting.next() {
        let others = match contradicting.count() {
            0 => String::new(),
            more => format!(" (and so in {more} later entries)"),
        };
        let message =
            format!("the checkpoint that was signed into the statement of entry {index} {why}{others}");
        findings.add(code, Some(*index), message);
    }
}

/// What a commitment from outside says against the log. Entries that are not the log's own say nothing of history, so
/// where the newest checkpoint does not cover them, only the two checkpoints are compared.
fn contradiction(checkpoint: &Checkpoint, newest: &Checkpoint, roots: &Roots) -> Option<(Code, String)> {
    let size = checkpoint.size;
    if size > newest.size {
        let why = format!(
            "covers {size} entries, the log admits to {}: entries were cut off after it was signed",
            newest.size
        );
        return Some((Code::HistoryTruncated, why));
    }
    let sound = roots.at(newest.size) == Some(newest.root);
    let root = match (size == newest.size, sound) {
        (true, _) => newest.root,
        (false, true) => roots.at(size)?,
        (false, false) => return None,
    };
    if root == checkpoint.root {
        return None;
    }
    let why = format!(
        "has the root {} at {size} entries, the log has {root}: history was rewritten after it was signed",
        checkpoint.root
    );
    Some((Code::HistoryRewritten, why))
}

/// How far the entries are certainly right, and where they are certainly not.
#[derive(Debug)]
struct Bounds {
    /// The entries before this one are those that some commitment covers.
    good: u64,
    /// Before this one, one is wrong.
    bad: Option<u64>,
}

impl Bounds {
    fn good_part(&self) -> String {
        match self.good {
            0 => String::new(),
            good => format!("; the first {good} are as they were signed for"),
        }
    }

    fn of<'a>(commitments: impl Iterator<Item = &'a Checkpoint>, roots: &Roots) -> Self {
        let mut bounds = Self { good: 0, bad: None };
        for commitment in commitments {
            match roots.at(commitment.size) {
                Some(root) if root == commitment.root => bounds.good = bounds.good.max(commitment.size),
                Some(_) => {
                    bounds.bad = Some(bounds.bad.map_or(commitment.size, |bad| bad.min(commitment.size)))
                }
                None => {}
            }
        }
        // Commitments that contradict each other bound nothing.
        if bounds.bad.is_some_and(|bad| bad <= bounds.good) {
            bounds.good = 0;
        }
        bounds
    }
}
