//! What entries rest on from before them, and how far back it can lie.

use std::collections::{BTreeMap, BTreeSet};

use approval::Statement;
use model::{ChangeId, Digest, Entry, EntryKind, SessionId, Timestamp};
use tlog::{VerifierKey, open_checkpoint};

use crate::{
    Auditor,
    commitments::witnessed,
    entries::{Placed, decides, read},
    history::SLACK_MS,
    permits::undone_for_a_person,
    sessions,
    signatures::checkpoint_of,
};

#[derive(Debug)]
pub(super) struct Needs {
    /// Where the tail begins.
    size: u64,
    key: Option<VerifierKey>,
    changes: BTreeSet<ChangeId>,
    /// Those of which approvals are counted; for their chain it takes who launched the session.
    counted: BTreeSet<ChangeId>,
    /// Of the changes of the tail, there.
    sessions_of: BTreeMap<ChangeId, BTreeSet<SessionId>>,
    sessions: BTreeSet<SessionId>,
    /// Sizes at which somebody has seen the tree.
    sizes: BTreeSet<u64>,
    /// Bundles whose roster is asked, each with an entry that names it.
    bundles: BTreeMap<Digest, u64>,
    /// Before it none of the changes and sessions was made.
    made_at: Option<Timestamp>,
    /// The oldest entry of the tail.
    tail_from: Option<Timestamp>,
    /// Rows that came over from another log stand in one piece.
    carrying: bool,
    found: Found,
}

/// What was found so far, reading backwards.
#[derive(Debug, Default)]
struct Found {
    /// Down to this entry all was read.
    down_to: Option<u64>,
    oldest: Option<Timestamp>,
    newest: Option<(Timestamp, u64)>,
    /// Named by the last entry that names one.
    in_force: Option<Digest>,
    adopted: BTreeSet<Digest>,
    /// Bundles whose adoption was not where it should be.
    sought: BTreeSet<Digest>,
    entries: BTreeMap<u64, Vec<u8>>,
}

/// What is to be read next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Missing {
    Nothing,
    /// What comes before all that was read.
    Further,
    /// The entry that adopted this bundle, somewhere before that one.
    Adoption(Digest, u64),
}

impl Needs {
    /// Of the log after `size` entries. `held` are notes whose trees are compared too.
    pub(super) fn new(size: u64, key: Option<&VerifierKey>, held: &[String]) -> Self {
        let mut needs = Self {
            size,
            key: key.cloned(),
            changes: BTreeSet::new(),
            counted: BTreeSet::new(),
            sessions_of: BTreeMap::new(),
            sessions: BTreeSet::new(),
            sizes: BTreeSet::new(),
            bundles: BTreeMap::new(),
            made_at: None,
            tail_from: None,
            carrying: false,
            found: Found::default(),
        };
        let opened = held.iter().filter_map(|note| open_checkpoint(note, key?).ok());
        opened.for_each(|checkpoint| needs.seen(checkpoint.size));
        needs
    }

    fn seen(&mut self, size: u64) {
        if size < self.size {
            self.sizes.insert(size);
        }
    }

    fn made(&mut self, at: Timestamp) {
        self.made_at = Some(self.made_at.map_or(at, |known| known.min(at)));
    }

    /// An entry of the tail.
    pub(super) fn of_tail(&mut self, index: u64, bytes: &[u8]) {
        let Ok(entry) = read(bytes) else { return };
        let placed = Placed { index, entry };
        let entry = &placed.entry;
        self.tail_from = Some(self.tail_from.map_or(entry.at, |known| known.min(entry.at)));
        self.carrying |= index == self.size && entry.kind == EntryKind::RowCarried;
        self.trees(&placed);
        let Some(change) = entry.change else { return };
        let glass = placed.detail("glass").and_then(|text| text.parse::<ChangeId>().ok());
        let undone = (entry.kind == EntryKind::PermitIssued).then(|| undone_for_a_person(&placed)).flatten();
        for change in glass.into_iter().chain(undone).chain(vetoed(&placed)).chain([change]) {
            self.changes.insert(change);
            self.made(change.made_at());
        }
        self.counted.extend(glass);
        let counted = match entry.kind {
            EntryKind::PermitIssued => placed.detail("people") != Some("0"),
            EntryKind::BodyErased | EntryKind::BundleAdopted | EntryKind::GlassBroken => true,
            _ => false,
        };
        if counted {
            self.counted.insert(change);
        }
        if let Some(session) = entry.actors.session {
            self.sessions_of.entry(change).or_default().insert(session);
        }
        // Whether it was issued, and is still what it was.
        if entry.kind == EntryKind::PermitIssued {
            let asked_in = sessions::asked_in(&placed);
            entry.actors.session.into_iter().chain(asked_in).for_each(|session| self.launched(session));
        }
    }

    /// The trees that an entry's signer or witness has seen.
    fn trees(&mut self, placed: &Placed) {
        if signed(&placed.entry) {
            let said = placed.detail("statement").and_then(|text| Statement::parse(text).ok());
            let seen = said.and_then(|said| checkpoint_of(&said.checkpoint));
            seen.into_iter().for_each(|seen| self.seen(seen.size));
        }
        if placed.entry.kind == EntryKind::CheckpointWitnessed {
            let seen = self.key.as_ref().and_then(|key| witnessed(placed, key).ok());
            seen.into_iter().for_each(|seen| self.seen(seen.size));
        }
    }

    /// The tail is over.
    pub(super) fn tail_is_read(&mut self) {
        for (change, sessions) in std::mem::take(&mut self.sessions_of) {
            if self.counted.contains(&change) {
                sessions.into_iter().for_each(|session| self.launched(session));
            }
        }
    }

    fn launched(&mut self, session: SessionId) {
        // Nobody issues Countersign's own.
        if session != SessionId::OWN && self.sessions.insert(session) {
            self.made(session.made_at());
        }
    }

    /// The log's first entries: what it is, and what it continues.
    pub(super) fn begin(&mut self, entries: &[Vec<u8>]) {
        for (bytes, index) in entries.iter().zip(0..2) {
            if let Ok(entry) = read(bytes) {
                if entry.kind == EntryKind::Genesis {
                    self.found.adopted.extend(entry.bundle);
                }
                self.found.entries.insert(index, bytes.clone());
            }
        }
    }

    /// An entry from before, the newest first.
    pub(super) fn of_before(&mut self, index: u64, bytes: &[u8]) {
        self.found.down_to = Some(index);
        let Ok(entry) = read(bytes) else { return };
        let placed = Placed { index, entry };
        let entry = &placed.entry;
        let found = &mut self.found;
        found.oldest = Some(found.oldest.map_or(entry.at, |known| known.min(entry.at)));
        if found.newest.is_none_or(|(newest, _)| newest <= entry.at) {
            found.newest = Some((entry.at, index));
        }
        if let (None, true, Some(bundle)) = (found.in_force, decides(entry.kind), entry.bundle) {
            found.in_force = Some(bundle);
            self.bundles.insert(bundle, index);
        }
        let adopts = matches!(entry.kind, EntryKind::Genesis | EntryKind::BundleAdopted);
        if adopts {
            found.adopted.extend(entry.bundle);
        }
        self.carrying &= entry.kind == EntryKind::RowCarried;
        let launches = matches!(
            entry.kind,
            EntryKind::SessionIssued | EntryKind::SessionStopped | EntryKind::RowCarried
        );
        let launches = launches && entry.actors.session.is_some_and(|it| self.sessions.contains(&it));
        let of_change = entry.change.filter(|it| self.changes.contains(it));
        if adopts || launches || of_change.is_some() || self.carrying {
            self.found.entries.insert(index, bytes.to_vec());
        }
        if let Some(change) = of_change {
            if signed(entry) {
                self.bundles.extend(entry.bundle.map(|bundle| (bundle, index)));
                self.trees(&placed);
            }
            if let Some(vetoed) = vetoed(&placed) {
                self.changes.insert(vetoed);
                self.made(vetoed.made_at());
            }
            if let (true, Some(session)) = (self.counted.contains(&change), placed.entry.actors.session) {
                self.launched(session);
            }
        }
    }

    pub(super) fn missing(&self) -> Missing {
        let Found { down_to, oldest, newest, in_force, adopted, sought, .. } = &self.found;
        if *down_to == Some(0) {
            return Missing::Nothing;
        }
        let (Some(oldest), Some((newest, _)), Some(_)) = (oldest, newest, in_force) else {
            return Missing::Further;
        };
        // Whatever lies further back is older than this.
        let before = oldest.millis().saturating_add(SLACK_MS);
        let made = self.made_at.is_none_or(|made| before < made.millis().saturating_sub(SLACK_MS));
        // What is further back can make no entry of the tail late, or it is not the latest.
        let times = self.tail_from.is_none_or(|tail| *oldest <= tail) || before < newest.millis();
        if !made || !times || self.carrying {
            return Missing::Further;
        }
        match self.bundles.iter().find(|(bundle, _)| !adopted.contains(bundle)) {
            None => Missing::Nothing,
            Some((bundle, _)) if sought.contains(bundle) => Missing::Further,
            Some((bundle, index)) => Missing::Adoption(*bundle, *index),
        }
    }

    /// Entries, with their places, among which the one that adopted a bundle should be.
    pub(super) fn sought<'e>(&mut self, bundle: Digest, entries: impl Iterator<Item = (u64, &'e Vec<u8>)>) {
        for (index, bytes) in entries {
            if let Ok(Entry { kind: EntryKind::BundleAdopted, bundle: Some(adopted), .. }) = read(bytes)
                && adopted == bundle
            {
                self.found.adopted.insert(bundle);
                self.found.entries.insert(index, bytes.clone());
            }
        }
        self.found.sought.insert(bundle);
    }

    pub(super) fn sizes(&self) -> impl Iterator<Item = u64> {
        self.sizes.iter().copied()
    }

    /// Makes what was found known to an auditor of the tail.
    pub(super) fn tell(self, auditor: &mut Auditor<'_>) {
        let Found { newest, in_force, entries, .. } = self.found;
        for (index, bytes) in entries {
            auditor.known(index, &bytes);
        }
        auditor.resume(newest, in_force);
    }
}

/// The bundle that was in force when the first of these was decided.
pub(super) fn named(entries: &[Vec<u8>]) -> Option<Digest> {
    let decided = |bytes: &Vec<u8>| read(bytes).ok().filter(|entry| decides(entry.kind))?.bundle;
    entries.iter().find_map(decided)
}

/// The change that another was reopened from: what ran of it stays as it was.
fn vetoed(placed: &Placed) -> Option<ChangeId> {
    let vetoed = placed.detail("vetoed").filter(|_| placed.entry.kind == EntryKind::ChangeReopened)?;
    vetoed.parse().ok()
}

/// Whether a person signed what it tells.
fn signed(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::ApprovalGiven | EntryKind::ChangeRejected | EntryKind::ChangeReopened)
}
