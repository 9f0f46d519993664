//! What opening finds on disk, beside what was signed for: all entries hashed again, or the right edge alone.

use std::collections::BTreeSet;

use tlog::{Checkpoint, Edge, FullTile, Hash, LEVELS, Tile, bundle, leaf_hash, root_of};

use crate::{
    disk::Disk,
    files::{Failed, Files, MAX_BUNDLE, at, read_if_there, sync_parent},
    open::{Cut, OpenError},
    tiles::{self, ProveError, Tiles},
    tree::Tree,
};

pub(crate) struct Loaded {
    /// Of the entries that were signed for.
    pub(crate) tree: Tree,
    /// The bytes that count in the last bundle that has any entry that counts, where it is not full.
    open_len: u64,
    /// What is beyond: bytes in that bundle, and later bundles.
    beyond: Option<Cut>,
    /// One more than the last bundle file there is.
    bundles: u64,
    /// Full tiles that are missing, or not the ones that the entries make.
    pub(crate) wrong: BTreeSet<Tile>,
}

impl Loaded {
    fn at(tree: Tree, bundles: u64) -> Self {
        Self { tree, open_len: 0, beyond: None, bundles, wrong: BTreeSet::new() }
    }
}

/// Hashes every entry that was signed for and compares every full tile.
pub(crate) fn whole(disk: &dyn Disk, files: &Files, signed: &Checkpoint) -> Result<Loaded, OpenError> {
    let mut wrong = BTreeSet::new();
    let compare = |full: &FullTile| {
        if !tiles::is_written(disk, files, full)? {
            wrong.insert(full.tile);
        }
        Ok(())
    };
    let mut loaded = load(disk, files, signed.size, Loaded::at(Tree::default(), 0), compare)?;
    if loaded.tree.size() < signed.size {
        return Err(OpenError::DiskBehind { disk: loaded.tree.size(), signed: signed.size });
    }
    if loaded.tree.root() != signed.root {
        return Err(OpenError::Diverged { size: signed.size });
    }
    loaded.wrong = wrong;
    Ok(loaded)
}

/// Hashes the last bundle and takes the rest of the edge from tiles, where that comes to the signed root: from those of
/// the edge, or, where a power cut has taken what was not synced of them, from the full ones below. `None` where neither
/// does: then [`whole`] tells what is wrong.
pub(crate) fn edge(disk: &dyn Disk, files: &Files, signed: &Checkpoint) -> Result<Option<Loaded>, OpenError> {
    for read in [read_partial, roots_below] {
        let levels = (1..LEVELS).map(|level| read(disk, files, level, signed.size));
        let levels = levels.collect::<Result<Option<Vec<_>>, _>>()?;
        let Some(above) = levels else { continue };
        let last = signed.size / bundle::WIDTH;
        let levels = [vec![Vec::new()], above].concat();
        let Some(edge) = Edge::from_levels(last * bundle::WIDTH, levels) else { continue };
        let loaded = load(disk, files, signed.size, Loaded::at(Tree::at(edge), last), |_| Ok(()))?;
        let agrees = loaded.tree.size() == signed.size && loaded.tree.root() == signed.root;
        if agrees && last_full_bundle_agrees(disk, files, loaded.tree.edge())? {
            return Ok(Some(loaded));
        }
    }
    Ok(None)
}

/// The hashes of the tile at `level` that is not full, from its file; `None` where there are fewer.
fn read_partial(disk: &dyn Disk, files: &Files, level: u8, size: u64) -> Result<Option<Vec<Hash>>, Failed> {
    let Some(tile) = edge_tile(level, size) else { return Ok(Some(Vec::new())) };
    let Some(bytes) = tiles::read_tile(disk, &files.tile(tile))? else { return Ok(None) };
    let prefix = bytes.get(..usize::try_from(tile.width() * 32).unwrap_or(usize::MAX));
    Ok(prefix.and_then(|bytes| tile.decode(bytes).ok()))
}

/// The same, from the full tiles whose roots they are.
fn roots_below(disk: &dyn Disk, files: &Files, level: u8, size: u64) -> Result<Option<Vec<Hash>>, Failed> {
    let Some(tile) = edge_tile(level, size) else { return Ok(Some(Vec::new())) };
    let mut roots = Vec::new();
    for index in tile.hashes() {
        let Some(below) = Tile::new(level - 1, index, bundle::WIDTH) else { return Ok(None) };
        let bytes = tiles::read_tile(disk, &files.tile(below))?.unwrap_or_default();
        let Ok(hashes) = below.decode(&bytes) else { return Ok(None) };
        roots.push(root_of(&hashes));
    }
    Ok(Some(roots))
}

fn edge_tile(level: u8, size: u64) -> Option<Tile> {
    let index = size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
    Tile::new(level, index, Edge::width(size, level))
}

/// Where the last bundle that counts is full, the edge has its root alone.
fn last_full_bundle_agrees(disk: &dyn Disk, files: &Files, edge: &Edge) -> Result<bool, OpenError> {
    if !edge.size().is_multiple_of(bundle::WIDTH) {
        return Ok(true);
    }
    let Some(last) = (edge.size() / bundle::WIDTH).checked_sub(1) else { return Ok(true) };
    let path = files.bundle(last);
    let Some(bytes) = read_if_there(disk, &path, MAX_BUNDLE)? else { return Ok(false) };
    let Ok(entries) = bundle::decode(&bytes) else { return Ok(false) };
    let leaves: Vec<_> = entries.iter().map(|entry| leaf_hash(entry)).collect();
    let place = usize::try_from(last % bundle::WIDTH).unwrap_or(usize::MAX);
    match Tiles::new(disk, files, edge).hashes(1, last / bundle::WIDTH) {
        Ok(above) => Ok(leaves.len() as u64 == bundle::WIDTH && above.get(place) == Some(&root_of(&leaves))),
        Err(ProveError::Io(err)) if err.source.kind() != std::io::ErrorKind::NotFound => Err(err.into()),
        Err(_) => Ok(false),
    }
}

/// Makes the full tiles in `wrong` anew, all in one more pass over the entries.
pub(crate) fn rebuild(
    disk: &dyn Disk,
    files: &Files,
    signed: &Checkpoint,
    wrong: &BTreeSet<Tile>,
) -> Result<(), OpenError> {
    if wrong.is_empty() {
        return Ok(());
    }
    let write = |full: &FullTile| {
        if wrong.contains(&full.tile) { tiles::rewrite(disk, files, full.tile, &full.hashes) } else { Ok(()) }
    };
    let again = load(disk, files, signed.size, Loaded::at(Tree::default(), 0), write)?;
    if again.tree.root() == signed.root { Ok(()) } else { Err(OpenError::Diverged { size: signed.size }) }
}

/// Hashes the entries up to `signed`, from the bundle that `loaded` stands at, and measures what lies beyond them. Every
/// tile that fills is shown to `filled`.
fn load(
    disk: &dyn Disk,
    files: &Files,
    signed: u64,
    mut loaded: Loaded,
    mut filled: impl FnMut(&FullTile) -> Result<(), Failed>,
) -> Result<Loaded, OpenError> {
    while let Some(bytes) = read_if_there(disk, &files.bundle(loaded.bundles), MAX_BUNDLE)? {
        let first = loaded.bundles.saturating_mul(bundle::WIDTH);
        if loaded.tree.size() < first.min(signed) {
            // An earlier bundle breaks off and yet there is this one: no crash does that.
            return Err(OpenError::Diverged { size: signed });
        }
        let wanted = signed.saturating_sub(first).min(bundle::WIDTH);
        let counted = bundle::whole_entries(&bytes, wanted);
        for entry in &counted.entries {
            loaded.tree.append(leaf_hash(entry)).iter().try_for_each(&mut filled)?;
        }
        loaded.bundles += 1;

        let rest = bytes.get(counted.len..).unwrap_or_default();
        let complete = counted.entries.len() as u64 == wanted;
        if complete && wanted == bundle::WIDTH && !rest.is_empty() {
            return Err(OpenError::Diverged { size: signed });
        }
        if complete && wanted < bundle::WIDTH {
            if wanted > 0 {
                loaded.open_len = counted.len as u64;
            }
            if wanted == 0 || !rest.is_empty() {
                let beyond = loaded.beyond.get_or_insert(Cut { entries: 0, bytes: 0 });
                beyond.entries += bundle::whole_entries(rest, bundle::WIDTH).entries.len() as u64;
                beyond.bytes += rest.len() as u64;
            }
        }
    }
    Ok(loaded)
}

/// Removes what lies beyond the checkpoint, the last file first, so that no gap can arise on the way.
pub(crate) fn cut_off(disk: &dyn Disk, files: &Files, loaded: &Loaded) -> Result<Option<Cut>, OpenError> {
    let Some(cut) = loaded.beyond else { return Ok(None) };
    let kept = loaded.tree.size().div_ceil(bundle::WIDTH);
    for number in (kept..loaded.bundles).rev() {
        let path = files.bundle(number);
        disk.remove(&path).map_err(at("remove", &path))?;
        sync_parent(disk, &path)?;
    }
    if let Some(last) = kept.checked_sub(1)
        && !loaded.tree.size().is_multiple_of(bundle::WIDTH)
    {
        let path = files.bundle(last);
        disk.truncate(&path, loaded.open_len).map_err(at("cut", &path))?;
    }
    Ok(Some(cut))
}
