//! Hash tiles on disk. A full tile is read from its file and believed only where its root is the hash that the tile above
//! has in its place, up to the right edge in memory, which is what was signed for: so a proof is right or an error, and
//! takes a few small files however long the log is.

use std::{cmp::Ordering, collections::BTreeMap, io, path::Path};

use tlog::{Edge, FullTile, Hash, LEVELS, MissingTile, Plan, Tile, bundle, encode_hashes, root_of};

use crate::{
    disk::Disk,
    files::{Failed, Files, MAX_TILE, at, parent, read_if_there, replace, sync_parent},
};

/// Why a proof, or an old root, cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProveError {
    #[error("the log has {size} entries, so no entry {index}")]
    NoSuchEntry { index: u64, size: u64 },
    #[error("the log has {size} entries and never had {asked}")]
    NotSoLarge { asked: u64, size: u64 },
    #[error(
        "the tile {0} on disk is not the one that was signed for; run `countersign audit verify`, and restart, which makes \
         tiles anew from the entries"
    )]
    Changed(String),
    #[error(transparent)]
    Io(#[from] Failed),
}

/// Reads tiles left of `edge`. Keeps the last one of each level: neighbours share what is above them.
pub(crate) struct Tiles<'a> {
    disk: &'a dyn Disk,
    files: &'a Files,
    edge: &'a Edge,
    last: BTreeMap<u8, (u64, Vec<Hash>)>,
}

impl<'a> Tiles<'a> {
    pub(crate) fn new(disk: &'a dyn Disk, files: &'a Files, edge: &'a Edge) -> Self {
        Self { disk, files, edge, last: BTreeMap::new() }
    }

    /// The hashes of a tile, as many as the log has of it.
    pub(crate) fn hashes(&mut self, level: u8, index: u64) -> Result<&[Hash], ProveError> {
        // At the highest level, where the shift takes everything away, there is only the edge.
        let at_edge = self.edge.size().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        match index.cmp(&at_edge) {
            Ordering::Less => {}
            Ordering::Equal => return Ok(self.edge.hashes(level)),
            Ordering::Greater => return Ok(&[]),
        }
        if self.last.get(&level).is_none_or(|(known, _)| *known != index) {
            let hashes = self.read(level, index)?;
            self.last.insert(level, (index, hashes));
        }
        Ok(self.last.get(&level).map_or(&[], |(_, hashes)| hashes))
    }

    fn read(&mut self, level: u8, index: u64) -> Result<Vec<Hash>, ProveError> {
        let wrong = || ProveError::Changed(format!("{level}/{index}"));
        let tile = Tile::new(level, index, bundle::WIDTH).ok_or_else(wrong)?;
        let changed = || ProveError::Changed(tile.path());
        let path = self.files.tile(tile);
        let bytes = self.disk.read(&path, MAX_TILE).map_err(at("read", &path))?;
        let hashes = tile.decode(&bytes).map_err(|_| changed())?;
        let (above, place) = tile.parent().ok_or_else(changed)?;
        let expected = self.hashes(above.level(), above.index())?.get(place).copied();
        if expected == Some(root_of(&hashes)) { Ok(hashes) } else { Err(changed()) }
    }

    /// The hashes of a proof; one that the log, as large as it is, has no tiles for is [`ProveError::NotSoLarge`].
    pub(crate) fn fill(&mut self, plan: &Plan) -> Result<Vec<Hash>, ProveError> {
        let mut tiles = BTreeMap::new();
        for tile in plan.tiles() {
            tiles.insert(tile, self.hashes(tile.level(), tile.index())?.to_vec());
        }
        plan.fill(&tiles).map_err(|MissingTile(tile)| ProveError::Changed(tile.path()))
    }

    pub(crate) fn root_at(&mut self, size: u64) -> Result<Hash, ProveError> {
        let not_so_large = || ProveError::NotSoLarge { asked: size, size: self.edge.size() };
        if size > self.edge.size() {
            return Err(not_so_large());
        }
        let plan = Plan::root(size).ok_or_else(not_so_large)?;
        let root = self.fill(&plan)?.first().copied();
        root.ok_or_else(|| ProveError::NotSoLarge { asked: size, size: self.edge.size() })
    }
}

/// Whether the file of a full tile has these hashes.
pub(crate) fn is_written(disk: &dyn Disk, files: &Files, full: &FullTile) -> Result<bool, Failed> {
    let found = read_tile(disk, &files.tile(full.tile))?;
    Ok(found.is_some_and(|bytes| bytes == encode_hashes(&full.hashes)))
}

/// Writes a tile anew, whole and durably.
pub(crate) fn rewrite(disk: &dyn Disk, files: &Files, tile: Tile, hashes: &[Hash]) -> Result<(), Failed> {
    let path = files.tile(tile);
    let dir = parent(&path);
    disk.create_dirs(dir).map_err(at("create", dir))?;
    replace(disk, &path, &encode_hashes(hashes))?;
    for folder in files.folders_up_from(dir) {
        disk.sync_dir(folder).map_err(at("sync", folder))?;
    }
    Ok(())
}

/// Makes the files at the right edge those of `edge`: the tiles that are not full as long as they are, and none beyond.
/// Yields how many had to be written anew; what a torn append left behind is cut off without counting.
pub(crate) fn settle_edge(disk: &dyn Disk, files: &Files, edge: &Edge) -> Result<u64, Failed> {
    let mut rewritten = 0;
    let size = edge.size();
    for (tile, hashes) in edge.tiles() {
        let (path, wanted) = (files.tile(tile), encode_hashes(hashes));
        let found = read_tile(disk, &path)?.unwrap_or_default();
        if found == wanted {
            continue;
        }
        if found.starts_with(&wanted) {
            disk.truncate(&path, wanted.len() as u64).map_err(at("cut", &path))?;
        } else {
            rewrite(disk, files, tile, hashes)?;
            rewritten += 1;
        }
    }
    for level in 0..LEVELS {
        let first_beyond = (size >> (8 * level)).div_ceil(bundle::WIDTH);
        let beyond = (first_beyond..).map_while(|index| Tile::new(level, index, bundle::WIDTH));
        let mut there = Vec::new();
        for path in beyond.map(|tile| files.tile(tile)) {
            if read_tile(disk, &path)?.is_none() {
                break;
            }
            there.push(path);
        }
        for path in there.iter().rev() {
            disk.remove(path).map_err(at("remove", path))?;
            sync_parent(disk, path)?;
        }
    }
    Ok(rewritten)
}

/// The bytes of a tile's file, if there is one; none of a file that is too long for a tile.
pub(crate) fn read_tile(disk: &dyn Disk, path: &Path) -> Result<Option<Vec<u8>>, Failed> {
    match read_if_there(disk, path, MAX_TILE) {
        Err(err) if err.source.kind() == io::ErrorKind::FileTooLarge => Ok(Some(Vec::new())),
        found => found,
    }
}
