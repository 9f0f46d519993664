//! What came after a checkpoint up to which everything was verified before, in time that what was before has no part in.
//!
//! **Shown**, presuming that the log up to the checkpoint had no problems: that its newest checkpoint continues that one
//! (the tail, hashed onto the tree as it was, comes to the newest root), and that every rule holds for every entry of the
//! tail: their problems are those that an audit of the whole log would tell of these entries.
//!
//! **How.** The tree as it was is made of the hash tiles at its right edge, and has to come to the root of the checkpoint.
//! What the tail rests on from before is then looked up backwards, bundle by bundle, each hashed and believed only where
//! its root is the one that tiles lead to from that edge. How far back there is anything is known (`needs`):
//!
//! - Of a change or a session nothing stands before the time that its id was made at: that is a rule of the audit
//!   (`history`), as is that times go forward, up to a slack. Once an entry is older than all of them by twice that slack,
//!   all is found: who asked, how many people it was held for, approvals, vetoes, permits; for the session, its launcher.
//! - The roster is that of the bundle under which the last entry before was decided, and for a signature from before, of the bundle that
//!   its entry names: entry 0 carries one, other bundles the entry that adopted them, which lies between one decided under
//!   another bundle and one under this: so many are read as halving the log takes.
//! - The root of an earlier tree that somebody signed for is made out of tiles.
//!
//! **Not shown**: whether an id of the tail stood in the log long before; that the bundle an entry names was the one in
//! force; what lies in the folder beyond the newest checkpoint, which counts for nothing; anything of the database, whose
//! rows rest on all entries. What is damaged ends it, where an audit of the whole log reads on.
//!
//! Nothing is read here: [`Since::step`] says which file of the log it takes, [`Since::take`] is given it.

mod needs;
mod tiles;

use std::collections::BTreeMap;

use model::{Digest, Genesis};
use tlog::{
    Checkpoint, Edge, Frontier, Hash, LEVELS, NoteError, Resource, Tile, bundle, leaf_hash, open_checkpoint,
};

use crate::{
    Auditor, CheckpointView, Code, Given, Report, auditor, commitments::newest, report::Findings,
    roots::Roots,
};
use needs::{Missing, Needs, named};
use tiles::{Stop, Taken, Tiles};

/// A tail of more bytes is read a second time instead of being kept.
const KEPT: usize = 64 << 20;

/// An audit of what came after a checkpoint.
#[derive(Debug)]
pub struct Since<'a> {
    given: Given<'a>,
    old: Checkpoint,
    newest: Checkpoint,
    taken: Taken,
    stage: Stage<'a>,
}

/// What it takes next, or has to say.
#[derive(Debug)]
pub enum Step {
    /// A file of the log as it is under its newest checkpoint, for [`Since::take`].
    Read(Resource),
    Told(Box<Report>),
}

#[derive(Debug)]
enum Stage<'a> {
    Edge,
    /// The tail is hashed and asked what it rests on.
    Tail(Tail),
    /// What it rests on is looked up.
    Before(Before),
    /// The tail is audited.
    Audit(Box<Audit<'a>>),
    Told(Report),
}

#[derive(Debug)]
struct Tail {
    edge: Edge,
    frontier: Frontier,
    needs: Needs,
    kept: Kept,
}

#[derive(Debug)]
struct Before {
    tiles: Tiles,
    /// The bundle to be read next; `None` once nothing more is needed.
    bundle: Option<u64>,
    first_read: bool,
    search: Option<Search>,
    needs: Needs,
    kept: Kept,
    roots: BTreeMap<u64, Hash>,
}

#[derive(Debug)]
struct Audit<'a> {
    auditor: Auditor<'a>,
    kept: Kept,
}

/// For the entry that adopted a bundle: one of entry bundle `lo` names another, one of `hi` names it.
#[derive(Debug)]
struct Search {
    bundle: Digest,
    lo: u64,
    hi: u64,
}

impl Search {
    /// One step; whether that was the last.
    fn go_on(
        &mut self,
        tiles: &mut Tiles,
        needs: &mut Needs,
        taken: &mut Taken,
        size: u64,
    ) -> Result<bool, Stop> {
        if self.hi.saturating_sub(self.lo) > 1 {
            let middle = self.lo.midpoint(self.hi);
            let names = named(&tiles.bundle(middle, taken, size)?) == Some(self.bundle);
            *(if names { &mut self.hi } else { &mut self.lo }) = middle;
            return Ok(false);
        }
        let entries = tiles.bundle(self.lo, taken, size)?;
        needs.sought(self.bundle, (self.lo * bundle::WIDTH..).zip(&entries));
        if self.hi > self.lo {
            let entries = tiles.bundle(self.hi, taken, size)?;
            needs.sought(self.bundle, (self.hi * bundle::WIDTH..).zip(&entries));
        }
        Ok(true)
    }
}

/// Bundles of the tail.
#[derive(Debug, Default)]
struct Kept {
    bundles: BTreeMap<u64, Vec<u8>>,
    bytes: usize,
    /// Some are read a second time.
    left_out: bool,
}

impl Kept {
    fn keep(&mut self, number: u64, bytes: Vec<u8>) {
        if self.bytes.saturating_add(bytes.len()) <= KEPT {
            self.bytes += bytes.len();
            self.bundles.insert(number, bytes);
        } else {
            self.left_out = true;
        }
    }
}

impl<'a> Since<'a> {
    /// `old` is the signed checkpoint up to which the log was verified. What `given` has of a database is left out.
    ///
    /// # Errors
    /// Where `old` is no checkpoint that this log's key has signed.
    pub fn new(given: Given<'a>, old: &str) -> Result<Self, NoteError> {
        let given = Given { database: None, ..given };
        let mut findings = Findings::default();
        let nothing = || Checkpoint { origin: String::new(), size: 0, root: tlog::empty_root() };
        let told = |findings: Findings| Self {
            given,
            old: nothing(),
            newest: nothing(),
            taken: Taken::default(),
            stage: Stage::Told(findings.into_report(false, 0, None)),
        };
        let Some((genesis, key)) = auditor::genesis(&given, &mut findings) else { return Ok(told(findings)) };
        let old = open_checkpoint(old, &key)?;
        let newest = match newest(given.checkpoint, &key) {
            Ok(newest) => newest,
            Err(message) => {
                findings.add(Code::CheckpointInvalid, None, message);
                return Ok(told(findings));
            }
        };
        let mut since = Self { given, old, newest, taken: Taken::default(), stage: Stage::Edge };
        if since.old.size > since.newest.size {
            let message = format!(
                "the checkpoint that was verified before covers {} entries, the log admits to {}: entries were cut off \
                 after it was signed",
                since.old.size, since.newest.size
            );
            findings.add(Code::HistoryTruncated, None, message);
            since.tell(&genesis, findings);
        } else if since.old.size == since.newest.size && since.old.root != since.newest.root {
            findings.add(Code::HistoryRewritten, None, since.rewritten(since.newest.root));
            since.tell(&genesis, findings);
        }
        Ok(since)
    }

    /// How many entries were verified before; `None` where it is not asked for, as there is nothing to verify.
    pub const fn size(&self) -> Option<u64> {
        match self.stage {
            Stage::Told(_) => None,
            Stage::Edge | Stage::Tail(_) | Stage::Before(_) | Stage::Audit(_) => Some(self.old.size),
        }
    }

    fn rewritten(&self, root: Hash) -> String {
        format!(
            "the checkpoint that was verified before has the root {} at {} entries, the log has {root}: history was \
             rewritten after it was signed",
            self.old.root, self.old.size
        )
    }

    /// Ends it, with nothing said of single entries.
    fn tell(&mut self, genesis: &Genesis, findings: Findings) {
        let expected = self.given.expected_genesis;
        let authenticated = expected.is_some() && expected == Some(genesis.fingerprint());
        let view = CheckpointView::of(self.newest.clone());
        let mut report = findings.into_report(authenticated, self.newest.size, Some(view));
        report.since = Some(self.old.size);
        self.stage = Stage::Told(report);
    }

    /// Ends it, because the log has not what its checkpoint covers.
    fn damaged(&mut self, code: Code, why: String) {
        let mut findings = Findings::default();
        if let Some((genesis, _)) = auditor::genesis(&self.given, &mut findings) {
            findings.add(code, None, why);
            self.tell(&genesis, findings);
        }
    }

    /// The file that was asked for, `None` where the log has none.
    pub fn take(&mut self, resource: Resource, bytes: Option<Vec<u8>>) {
        self.taken.put(resource, bytes);
    }

    /// Asks for files until there is a report.
    pub fn step(&mut self) -> Step {
        loop {
            let stage = std::mem::replace(&mut self.stage, Stage::Edge);
            let stopped = match stage {
                Stage::Told(report) => {
                    self.stage = Stage::Told(report.clone());
                    return Step::Told(Box::new(report));
                }
                Stage::Edge => self.edge(),
                Stage::Tail(tail) => self.tail(tail),
                Stage::Before(before) => self.before(before),
                Stage::Audit(audit) => self.audit(audit),
            };
            match stopped {
                Ok(()) => {}
                Err(Stop::Wants(resource)) => return Step::Read(resource),
                Err(Stop::Damaged(why)) => self.damaged(Code::FileDamaged, why),
            }
        }
    }

    /// The tree as it was, out of the tiles at its right edge.
    fn edge(&mut self) -> Result<(), Stop> {
        let mut levels = Vec::new();
        for level in 0..LEVELS {
            let index = self.old.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            levels.push(match Tile::new(level, index, Edge::width(self.old.size, level)) {
                Some(tile) => self.taken.hashes(tile, self.newest.size)?,
                None => Vec::new(),
            });
        }
        self.taken.clear();
        let edge = Edge::from_levels(self.old.size, levels)
            .ok_or_else(|| Stop::Damaged("the hash tiles are of another size".to_owned()))?;
        let frontier = edge.frontier();
        let held = self.given.held_checkpoints;
        let key = auditor::genesis(&self.given, &mut Findings::default()).map(|(_, key)| key);
        let needs = Needs::new(self.old.size, key.as_ref(), held);
        self.stage = Stage::Tail(Tail { edge, frontier, needs, kept: Kept::default() });
        Ok(())
    }

    fn tail(&mut self, mut tail: Tail) -> Result<(), Stop> {
        while tail.frontier.size() < self.newest.size {
            let number = tail.frontier.size() / bundle::WIDTH;
            let bytes = match self.taken.bundle(number, self.newest.size) {
                Ok(bytes) => bytes,
                Err(stop) => {
                    self.stage = Stage::Tail(tail);
                    return Err(stop);
                }
            };
            let known = usize::try_from(tail.frontier.size() % bundle::WIDTH).unwrap_or(usize::MAX);
            for entry in bundle::whole_entries(&bytes, bundle::WIDTH).entries.into_iter().skip(known) {
                tail.needs.of_tail(tail.frontier.size(), entry);
                tail.frontier.append(leaf_hash(entry));
            }
            tail.kept.keep(number, bytes);
        }
        let Tail { edge, frontier, mut needs, kept } = tail;
        if edge.root() != self.old.root {
            // The newest root tells which of the two the log continues.
            if frontier.root() == self.newest.root {
                self.damaged(Code::HistoryRewritten, self.rewritten(edge.root()));
            } else {
                let why = format!(
                    "the hash tiles at the edge of {} entries lead neither to the checkpoint that was verified before nor, \
                     with what came after, to the newest: they or the entries are not what was signed for; verify the \
                     whole log",
                    self.old.size
                );
                self.damaged(Code::FileDamaged, why);
            }
            return Ok(());
        }
        // A tail that is read a second time must have been the very one that it was asked by.
        if frontier.root() != self.newest.root && kept.left_out {
            let why = format!(
                "the entries after the {} that were verified before have another root than the checkpoint signed for",
                self.old.size
            );
            self.damaged(Code::EntriesAltered, why);
            return Ok(());
        }
        needs.tail_is_read();
        let bundle = self.old.size.checked_sub(1).map(|last| last / bundle::WIDTH);
        let tiles = Tiles::of(edge);
        self.stage = Stage::Before(Before {
            tiles,
            bundle,
            first_read: false,
            search: None,
            needs,
            kept,
            roots: BTreeMap::new(),
        });
        Ok(())
    }

    fn before(&mut self, mut before: Before) -> Result<(), Stop> {
        if let Err(stop) = self.look_back(&mut before) {
            self.stage = Stage::Before(before);
            return Err(stop);
        }
        let Before { tiles, needs, kept, mut roots, .. } = before;
        let edge = tiles.into_edge();
        roots.insert(edge.size(), edge.root());
        let mut auditor = Auditor::over(self.given, Roots::after(edge.frontier(), roots));
        needs.tell(&mut auditor);
        auditor.verified((self.old.size, self.old.root));
        self.stage = Stage::Audit(Box::new(Audit { auditor, kept }));
        Ok(())
    }

    fn look_back(&mut self, before: &mut Before) -> Result<(), Stop> {
        let size = self.newest.size;
        if !before.first_read && before.bundle.is_some() {
            let entries = before.tiles.bundle(0, &mut self.taken, size)?;
            before.needs.begin(&entries);
            before.first_read = true;
        }
        while let Some(number) = before.bundle {
            match before.needs.missing() {
                Missing::Nothing => before.bundle = None,
                Missing::Adoption(bundle, index) => {
                    let hi = index / bundle::WIDTH;
                    let search = before.search.get_or_insert(Search { bundle, lo: 0, hi });
                    if search.go_on(&mut before.tiles, &mut before.needs, &mut self.taken, size)? {
                        before.search = None;
                    }
                }
                Missing::Further => {
                    let entries = before.tiles.bundle(number, &mut self.taken, size)?;
                    let first = number * bundle::WIDTH;
                    for (nth, entry) in entries.iter().enumerate().rev() {
                        before.needs.of_before(first + nth as u64, entry);
                    }
                    before.bundle = number.checked_sub(1);
                }
            }
            self.taken.clear();
        }
        for old in before.needs.sizes().collect::<Vec<_>>() {
            if !before.roots.contains_key(&old) {
                let root = before.tiles.root_at(old, &mut self.taken, size)?;
                before.roots.insert(old, root);
                self.taken.clear();
            }
        }
        Ok(())
    }

    fn audit(&mut self, mut audit: Box<Audit<'a>>) -> Result<(), Stop> {
        while audit.auditor.size() < self.newest.size {
            let number = audit.auditor.size() / bundle::WIDTH;
            let known = usize::try_from(audit.auditor.size() % bundle::WIDTH).unwrap_or(usize::MAX);
            let kept = audit.kept.bundles.remove(&number);
            let bytes = match kept.map_or_else(|| self.taken.bundle(number, self.newest.size), Ok) {
                Ok(bytes) => bytes,
                Err(stop) => {
                    self.stage = Stage::Audit(audit);
                    return Err(stop);
                }
            };
            let entries = bundle::whole_entries(&bytes, bundle::WIDTH).entries;
            entries.into_iter().skip(known).for_each(|entry| audit.auditor.entry(entry));
        }
        let mut report = audit.auditor.finish();
        report.since = Some(self.old.size);
        self.stage = Stage::Told(report);
        Ok(())
    }
}
