//! The tree against everything that commits to it: the log's own checkpoint, checkpoints that left the building, and
//! the checkpoint lines that people signed into their statements, and what witnesses cosigned. A root alone says *that* something was changed;
//! several of different sizes say between which entries.

use model::EntryKind;
use tlog::{Checkpoint, Hash, VerifierKey, WitnessKey, open_checkpoint, open_cosigned};

use crate::{
    CheckpointView, Code, Given, continuity::Before, entries::Placed, report::Findings, roots::Roots,
    signatures::Signed,
};

/// What the entries so far say of the tree.
#[derive(Debug)]
pub(crate) struct Commitments {
    key: VerifierKey,
    /// What people had seen when they signed.
    signed: Vec<Seen>,
    /// What witnesses cosigned.
    witnessed: Vec<Seen>,
    /// A size and its root that need no comparing.
    pub(crate) verified: Option<(u64, Hash)>,
}

/// A tree of this log, as an entry has it from outside.
#[derive(Clone, Copy, Debug)]
struct Seen {
    /// Of the entry.
    index: u64,
    size: u64,
    root: Hash,
}

/// What the commitments make of the entries.
#[derive(Debug)]
pub(crate) struct Committed {
    /// The newest checkpoint, where its signature holds.
    pub(crate) checkpoint: Option<CheckpointView>,
    /// The entries are those that the newest checkpoint covers, so what contradicts them contradicts the log itself.
    pub(crate) sound: bool,
}

impl Commitments {
    pub(crate) const fn new(key: VerifierKey) -> Self {
        Self { key, signed: Vec::new(), witnessed: Vec::new(), verified: None }
    }

    pub(crate) fn take(&mut self, placed: &Placed, signed: Option<&Signed>, findings: &mut Findings) {
        let seen = |it: &Checkpoint| Seen { index: placed.index, size: it.size, root: it.root };
        let signed = signed.and_then(|signed| signed.checkpoint.as_ref());
        self.signed.extend(signed.filter(|it| it.origin == self.key.name()).map(seen));
        if placed.entry.kind == EntryKind::CheckpointWitnessed {
            match witnessed(placed, &self.key) {
                Ok(checkpoint) => self.witnessed.push(seen(&checkpoint)),
                Err(why) => {
                    let message = format!("entry {} tells of a witness: {why}", placed.index);
                    findings.add(Code::SignatureInvalid, Some(placed.index), message);
                }
            }
        }
    }

    /// `on_the_way` is what [`Self::take`] found.
    pub(crate) fn finish(
        self,
        given: &Given<'_>,
        roots: &Roots,
        before: Option<&Before>,
        on_the_way: Findings,
        findings: &mut Findings,
    ) -> Committed {
        let newest = newest(given.checkpoint, &self.key)
            .map_err(|message| findings.add(Code::CheckpointInvalid, None, message))
            .ok();
        let held = held(given, &self.key, before, findings);
        findings.extend(on_the_way);
        let seen = held.iter().chain(&self.signed).chain(&self.witnessed).map(|it| (it.size, it.root));
        let all = newest.iter().map(|it| (it.size, it.root)).chain(self.verified).chain(seen);
        let bounds = Bounds::of(all, roots);
        let sound = newest.as_ref().is_some_and(|newest| roots.at(newest.size) == Some(newest.root));
        if let Some(newest) = &newest {
            check_newest(newest, roots, &bounds, findings);
            for seen in &held {
                if let Some((code, why)) = contradiction(seen, newest, roots) {
                    findings.add(code, None, format!("held checkpoint {} {why}", seen.index));
                }
            }
            check_signed(&self.signed, newest, roots, findings);
            for seen in &self.witnessed {
                if let Some((code, why)) = contradiction(seen, newest, roots) {
                    let message =
                        format!("the checkpoint that a witness cosigned, of entry {}, {why}", seen.index);
                    findings.add(code, Some(seen.index), message);
                }
            }
        }
        Committed { checkpoint: newest.map(CheckpointView::of), sound }
    }
}

/// The log's newest checkpoint, or what is to be said of it.
pub(crate) fn newest(note: &[u8], key: &VerifierKey) -> Result<Checkpoint, String> {
    let opened = std::str::from_utf8(note).map_err(|err| err.to_string());
    opened
        .and_then(|note| open_checkpoint(note, key).map_err(|err| err.to_string()))
        .map_err(|why| format!("the log's checkpoint does not hold: {why}"))
}

/// By their number, where entries have their index.
fn held(given: &Given<'_>, key: &VerifierKey, before: Option<&Before>, findings: &mut Findings) -> Vec<Seen> {
    let mut opened = Vec::new();
    for (nth, note) in (1..).zip(given.held_checkpoints) {
        match open_checkpoint(note, key) {
            Ok(checkpoint) => opened.push(Seen { index: nth, size: checkpoint.size, root: checkpoint.root }),
            Err(err) => {
                let of_before = before.and_then(|it| Some((it, open_checkpoint(note, &it.key).ok()?)));
                let Some((before, checkpoint)) = of_before else {
                    let message = format!("held checkpoint {nth} is none of this log's key: {err}");
                    findings.add(Code::HeldInvalid, None, message);
                    continue;
                };
                if let Some(why) = before.contradiction(&checkpoint) {
                    let message = format!("held checkpoint {nth} {why}");
                    findings.add(Code::ContinuityInvalid, None, message);
                }
            }
        }
    }
    opened
}

/// What a witness is on record with. Which witnesses are to be believed is the bundle's and the auditor's to say; here
/// the note must be one of this log's that the key beside it cosigned.
pub(crate) fn witnessed(placed: &Placed, key: &VerifierKey) -> Result<Checkpoint, String> {
    let (note, witness) = (placed.detail("checkpoint"), placed.detail("key"));
    let (note, witness) = note.zip(witness).ok_or("carries no checkpoint or no key")?;
    let witness: WitnessKey = witness.parse().map_err(|err| format!("names no witness's key: {err}"))?;
    open_cosigned(note, &witness).map_err(|err| err.to_string())?;
    open_checkpoint(note, key).map_err(|err| err.to_string())
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
fn check_signed(signed: &[Seen], newest: &Checkpoint, roots: &Roots, findings: &mut Findings) {
    let mut contradicting =
        signed.iter().filter_map(|seen| Some((seen.index, contradiction(seen, newest, roots)?)));
    if let Some((index, (code, why))) = contradicting.next() {
        let others = match contradicting.count() {
            0 => String::new(),
            more => format!(" (and so in {more} later entries)"),
        };
        let message =
            format!("the checkpoint that was signed into the statement of entry {index} {why}{others}");
        findings.add(code, Some(index), message);
    }
}

/// What a commitment from outside says against the log. Entries that are not the log's own say nothing of history, so
/// where the newest checkpoint does not cover them, only the two checkpoints are compared.
fn contradiction(seen: &Seen, newest: &Checkpoint, roots: &Roots) -> Option<(Code, String)> {
    let size = seen.size;
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
    if root == seen.root {
        return None;
    }
    let why = format!(
        "has the root {} at {size} entries, the log has {root}: history was rewritten after it was signed",
        seen.root
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

    /// Of commitments, each a size and a root.
    fn of(commitments: impl Iterator<Item = (u64, Hash)>, roots: &Roots) -> Self {
        let mut bounds = Self { good: 0, bad: None };
        for (size, root) in commitments {
            match roots.at(size) {
                Some(found) if found == root => bounds.good = bounds.good.max(size),
                Some(_) => bounds.bad = Some(bounds.bad.map_or(size, |bad| bad.min(size))),
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
