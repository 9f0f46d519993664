//! Reading entries of the open ledger, each checked against its hash in the signed tree.

use tlog::{Hash, bundle, leaf_hash};

use crate::{
    Ledger,
    files::{Failed, MAX_BUNDLE, at},
    tiles::{ProveError, Tiles},
};

#[derive(Debug, thiserror::Error)]
pub enum EntryError {
    #[error("the log has {size} entries, so no entry {index}")]
    NoSuchEntry { index: u64, size: u64 },
    #[error("entry {0} on disk is not the one that was signed for; run `countersign audit verify`")]
    Changed(u64),
    #[error("what entry {index} should hash to cannot be made out: {source}")]
    Tile { index: u64, source: ProveError },
    #[error(transparent)]
    Io(#[from] Failed),
}

impl Ledger {
    /// The bytes of one entry, read from disk and checked against the signed tree.
    pub fn entry(&self, index: u64) -> Result<Vec<u8>, EntryError> {
        if index >= self.size() {
            return Err(EntryError::NoSuchEntry { index, size: self.size() });
        }
        let (number, nth) = (index / bundle::WIDTH, index % bundle::WIDTH);
        let mut tiles = self.tiles();
        let leaves = tiles.hashes(0, number).map_err(|source| EntryError::Tile { index, source })?;
        let path = self.files.bundle(number);
        let bytes = self.disk.read(&path, MAX_BUNDLE).map_err(at("read", &path))?;
        let place = usize::try_from(nth).unwrap_or(usize::MAX);
        match (bundle::whole_entries(&bytes, nth + 1).entries.get(place), leaves.get(place)) {
            (Some(entry), Some(leaf)) if leaf_hash(entry) == *leaf => Ok(entry.to_vec()),
            (Some(_) | None, Some(_) | None) => Err(EntryError::Changed(index)),
        }
    }

    /// Every entry, each checked as by [`Ledger::entry`].
    pub fn entries(&self) -> Result<Vec<Vec<u8>>, EntryError> {
        let mut all = Vec::new();
        for bundle in self.bundles() {
            all.extend(bundle?);
        }
        Ok(all)
    }

    /// The same, a bundle at a time; two files are read for 256 of them.
    pub fn bundles(&self) -> impl Iterator<Item = Result<Vec<Vec<u8>>, EntryError>> {
        let mut tiles = self.tiles();
        (0..self.size().div_ceil(bundle::WIDTH)).map(move |number| self.checked(number, &mut tiles))
    }

    /// Up to `count` entries that stand before the place `end`, oldest first, each with its place and checked as by [`Ledger::entry`].
    /// Two files are read for each 256 places that this touches.
    pub fn entries_before(&self, end: u64, count: u64) -> Result<Vec<(u64, Vec<u8>)>, EntryError> {
        let end = end.min(self.size());
        let first = end.saturating_sub(count);
        let mut tiles = self.tiles();
        let mut found = Vec::new();
        for number in first / bundle::WIDTH..end.div_ceil(bundle::WIDTH) {
            let entries = self.checked(number, &mut tiles)?;
            let placed = (number * bundle::WIDTH..).zip(entries);
            found.extend(placed.filter(|(place, _)| (first..end).contains(place)));
        }
        Ok(found)
    }

    fn checked(&self, number: u64, tiles: &mut Tiles<'_>) -> Result<Vec<Vec<u8>>, EntryError> {
        let first = number * bundle::WIDTH;
        let leaves = tiles.hashes(0, number).map_err(|source| EntryError::Tile { index: first, source })?;
        let path = self.files.bundle(number);
        let bytes = self.disk.read(&path, MAX_BUNDLE).map_err(at("read", &path))?;
        let found = bundle::whole_entries(&bytes, leaves.len() as u64).entries;
        let entry = |(nth, leaf): (usize, &Hash)| match found.get(nth) {
            Some(entry) if leaf_hash(entry) == *leaf => Ok(entry.to_vec()),
            Some(_) | None => Err(EntryError::Changed(first + nth as u64)),
        };
        leaves.iter().enumerate().map(entry).collect()
    }
}
