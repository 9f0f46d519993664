//! Appending a batch: written, synced, read back and hashed again by another way, and only then signed. The signed
//! checkpoint replaces the one in the lock file, if that is still the one this process put there.

use tlog::{
    Checkpoint, Edge, Frontier, FullTile, Hash, Tile, bundle, encode_hashes, leaf_hash, sign_checkpoint,
};

use crate::{
    Ledger,
    files::{Failed, MAX_BUNDLE, MAX_NOTE, MAX_TILE, at, publish, replace},
    growing::{Growing, Place},
    tree::Tree,
};

/// A batch that stands under a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Of the batch's first entry; the others follow without a gap.
    pub first_index: u64,
    pub checkpoint_note: String,
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written and the ledger goes on.
    #[error(
        "entry {position} of the batch has {len} bytes; the log takes at most 65535: shorten what it carries"
    )]
    TooLong { position: usize, len: usize },
    #[error(
        "the ledger takes no more entries since an earlier failure ({cause}); restart to check and continue"
    )]
    Poisoned { cause: String },
    #[error("what was read back from {path} is not what was written: the disk or its memory is failing")]
    ReadBack { path: String },
    #[error(
        "the checkpoint lock file was changed by somebody else: another process signs this log; stop the other one"
    )]
    LockChanged,
    #[error("{0}; the batch is not acknowledged: restart once the cause is gone")]
    Io(#[from] Failed),
}

impl Ledger {
    /// Appends all of `entries` or fails. After [`AppendError::Io`] it is open whether the batch is in: opening the
    /// ledger anew tells, by its size.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Appended, AppendError> {
        if let Some(cause) = &self.poison {
            return Err(AppendError::Poisoned { cause: cause.clone() });
        }
        let too_long = |(_, entry): &(usize, &Vec<u8>)| entry.len() > bundle::MAX_ENTRY;
        if let Some((position, entry)) = entries.iter().enumerate().find(too_long) {
            return Err(AppendError::TooLong { position, len: entry.len() });
        }
        let first_index = self.size();
        if !entries.is_empty() {
            self.write_and_sign(entries).inspect_err(|err| self.poison = Some(err.to_string()))?;
        }
        Ok(Appended { first_index, checkpoint_note: self.note.clone() })
    }

    fn write_and_sign(&mut self, entries: &[Vec<u8>]) -> Result<(), AppendError> {
        let parts = split(self.size(), entries);
        self.write_bundles(&parts)?;
        let mut frontier: Frontier = self.tree.frontier().clone();
        entries.iter().for_each(|entry| frontier.append(leaf_hash(entry)));

        let (edge, full) = self.read_back(&parts)?;
        let tree = Tree::agreed(edge, frontier)
            .ok_or_else(|| AppendError::ReadBack { path: self.files.log.display().to_string() })?;
        self.write_tiles(tree.edge(), &full)?;
        let checkpoint =
            Checkpoint { origin: self.origin().to_owned(), size: tree.size(), root: tree.root() };
        let note = sign_checkpoint(&checkpoint, &self.key);
        self.swap_lock(&note)?;
        self.tree = tree;
        self.note = note;
        Ok(publish(self.disk.as_ref(), &self.files.published(), self.note.as_bytes())?)
    }

    fn write_bundles(&self, parts: &[Part<'_>]) -> Result<(), AppendError> {
        let mut growing = Growing::new(self.disk.as_ref(), &self.files);
        for part in parts {
            let path = self.files.bundle(part.bundle);
            let encoded = bundle::encode(part.entries)
                .map_err(|_| AppendError::ReadBack { path: path.display().to_string() })?;
            if part.skipped == 0 {
                growing.write(&path, Place::New, &encoded)?;
                growing.name(&path, part.bundle);
            } else {
                growing.write(&path, Place::End, &encoded)?;
            }
        }
        Ok(growing.sync()?)
    }

    /// The tree's edge over what is on disk, and the tiles that filled on the way: hashed from the files, where the
    /// frontier is hashed from the batch, and by whole tiles, where the frontier grows leaf by leaf. Every touched bundle is
    /// read whole, so entries from before the batch are checked again with it.
    fn read_back(&self, parts: &[Part<'_>]) -> Result<(Edge, Vec<FullTile>), AppendError> {
        let mut edge = self.tree.edge().clone();
        let mut full = Vec::new();
        for part in parts {
            let path = self.files.bundle(part.bundle);
            let wrong = || AppendError::ReadBack { path: path.display().to_string() };
            let bytes = self.disk.read(&path, MAX_BUNDLE).map_err(at("read back", &path))?;
            let found = bundle::decode(&bytes).map_err(|_| wrong())?;
            let (before, new) = found.split_at_checked(part.skipped).ok_or_else(wrong)?;
            let before: Vec<Hash> = before.iter().map(|entry| leaf_hash(entry)).collect();
            if before != edge.hashes(0) || new.len() != part.entries.len() || new != part.entries {
                return Err(wrong());
            }
            full.extend(new.iter().flat_map(|entry| edge.append(leaf_hash(entry))));
        }
        Ok((edge, full))
    }

    /// Writes what the tiles gain, and reads it back. Those that are not full are not synced: they say nothing that the
    /// bundle, or the full tiles below, do not say, and opening makes them anew.
    fn write_tiles(&self, edge: &Edge, full: &[FullTile]) -> Result<(), AppendError> {
        let full = full.iter().map(|it| (it.tile, it.hashes.as_slice()));
        let touched: Vec<(Tile, &[Hash], usize)> = full
            .chain(edge.tiles())
            .map(|(tile, hashes)| (tile, hashes, self.written(tile)))
            .filter(|(_, hashes, written)| hashes.len() > *written)
            .collect();

        let mut growing = Growing::new(self.disk.as_ref(), &self.files);
        for (tile, hashes, written) in &touched {
            let (path, bytes) =
                (self.files.tile(*tile), encode_hashes(hashes.get(*written..).unwrap_or_default()));
            let place = if *written == 0 { Place::New } else { Place::End };
            if tile.is_full() {
                growing.write(&path, place, &bytes)?;
                growing.name(&path, tile.index());
            } else {
                growing.write_unsynced(&path, place, &bytes)?;
            }
        }
        growing.sync()?;

        for (tile, hashes, _) in &touched {
            let path = self.files.tile(*tile);
            if self.disk.read(&path, MAX_TILE).map_err(at("read back", &path))? != encode_hashes(hashes) {
                return Err(AppendError::ReadBack { path: path.display().to_string() });
            }
        }
        Ok(())
    }

    /// How many hashes of a tile are in its file.
    fn written(&self, tile: Tile) -> usize {
        let in_edge = self
            .tree
            .edge()
            .tiles()
            .find(|(known, _)| (known.level(), known.index()) == (tile.level(), tile.index()));
        in_edge.map_or(0, |(_, hashes)| hashes.len())
    }

    /// Compare and swap: the lock file must hold what this process last put there.
    fn swap_lock(&self, note: &str) -> Result<(), AppendError> {
        let lock = &self.files.lock;
        let found = self.disk.read(lock, MAX_NOTE).map_err(at("read", lock))?;
        if found != self.note.as_bytes() {
            return Err(AppendError::LockChanged);
        }
        Ok(replace(self.disk.as_ref(), lock, note.as_bytes())?)
    }
}

/// The entries of a batch that go into one bundle.
struct Part<'a> {
    bundle: u64,
    /// Entries that are in the bundle already.
    skipped: usize,
    entries: &'a [Vec<u8>],
}

fn split(size: u64, entries: &[Vec<u8>]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut next, mut rest) = (size, entries);
    while !rest.is_empty() {
        let skipped = next % bundle::WIDTH;
        let room = usize::try_from(bundle::WIDTH - skipped).unwrap_or(usize::MAX);
        let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
        parts.push(Part {
            bundle: next / bundle::WIDTH,
            skipped: usize::try_from(skipped).unwrap_or(usize::MAX),
            entries: now,
        });
        next = next.saturating_add(now.len() as u64);
        rest = later;
    }
    parts
}
