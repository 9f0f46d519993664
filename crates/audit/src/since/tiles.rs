//! Files of the log on their way in, and what they are worth: a hash or an entry from before the checkpoint is believed
//! where tiles lead from it to the edge of the tree that was verified.

use std::{cmp::Ordering, collections::BTreeMap};

use tlog::{Edge, Hash, Plan, Resource, Tile, bundle, leaf_hash, root_of};

/// Why there is no going on.
#[derive(Debug)]
pub(super) enum Stop {
    Wants(Resource),
    /// With the file's name.
    Damaged(String),
}

/// Files that were asked for and given.
#[derive(Debug, Default)]
pub(super) struct Taken(BTreeMap<Resource, Option<Vec<u8>>>);

impl Taken {
    pub(super) fn put(&mut self, resource: Resource, bytes: Option<Vec<u8>>) {
        self.0.insert(resource, bytes);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    fn get(&self, resource: Resource) -> Result<&[u8], Stop> {
        match self.0.get(&resource) {
            None => Err(Stop::Wants(resource)),
            Some(None) => Err(Stop::Damaged(format!("{resource}: is missing, or breaks off"))),
            Some(Some(bytes)) => Ok(bytes),
        }
    }

    /// The hashes of a tile as it was, out of what it is in the log of `size` entries.
    pub(super) fn hashes(&self, tile: Tile, size: u64) -> Result<Vec<Hash>, Stop> {
        let now = Tile::of_tree(tile.level(), tile.index(), size).unwrap_or(tile);
        let resource = Resource::Hashes(now);
        let mut hashes =
            now.decode(self.get(resource)?).map_err(|err| Stop::Damaged(format!("{resource}: {err}")))?;
        hashes.truncate(usize::try_from(tile.width()).unwrap_or(usize::MAX));
        Ok(hashes)
    }

    /// A whole bundle of the log of `size` entries.
    pub(super) fn bundle(&mut self, number: u64, size: u64) -> Result<Vec<u8>, Stop> {
        let missing = || Stop::Damaged(format!("{}: is not in the log", bundle::entry_path(number)));
        let tile = Tile::of_tree(0, number, size).ok_or_else(missing)?;
        let resource = Resource::Entries(tile);
        let bytes = self.get(resource)?;
        let whole = bundle::whole_entries(bytes, tile.width());
        if whole.entries.len() as u64 != tile.width() || whole.len != bytes.len() {
            let (found, width) = (whole.entries.len(), tile.width());
            return Err(Stop::Damaged(format!("{resource}: has {found} whole entries and not just {width}")));
        }
        Ok(self.0.remove(&resource).flatten().unwrap_or_default())
    }
}

/// The tree that was verified.
#[derive(Debug)]
pub(super) struct Tiles {
    edge: Edge,
    /// Full tiles above the lowest level, found right.
    known: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl Tiles {
    pub(super) const fn of(edge: Edge) -> Self {
        Self { edge, known: BTreeMap::new() }
    }

    pub(super) fn into_edge(self) -> Edge {
        self.edge
    }

    /// The hashes of a tile, as many as the tree has of it.
    fn hashes(&mut self, level: u8, index: u64, taken: &Taken, size: u64) -> Result<Vec<Hash>, Stop> {
        let at_edge = self.edge.size().checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        match index.cmp(&at_edge) {
            Ordering::Less => {}
            Ordering::Equal => return Ok(self.edge.hashes(level).to_vec()),
            Ordering::Greater => return Ok(Vec::new()),
        }
        if let Some(hashes) = self.known.get(&(level, index)) {
            return Ok(hashes.clone());
        }
        let none = || Stop::Damaged(format!("there is no tile {level}/{index}"));
        let tile = Tile::new(level, index, bundle::WIDTH).ok_or_else(none)?;
        let (above, place) = tile.parent().ok_or_else(none)?;
        let wanted = self.hashes(above.level(), above.index(), taken, size)?.get(place).copied();
        let hashes = taken.hashes(tile, size)?;
        if wanted != Some(root_of(&hashes)) {
            let why = format!("{}: is not the tile that was signed for", tile.path());
            return Err(Stop::Damaged(why));
        }
        if level > 0 {
            self.known.insert((level, index), hashes.clone());
        }
        Ok(hashes)
    }

    /// The entries of a bundle, as many as the tree has of it.
    pub(super) fn bundle(&mut self, number: u64, taken: &mut Taken, size: u64) -> Result<Vec<Vec<u8>>, Stop> {
        let first = number.saturating_mul(bundle::WIDTH);
        let there = self.edge.size().saturating_sub(first).min(bundle::WIDTH);
        // Of a full one the root is enough.
        let (level, index, at) = (1, number / bundle::WIDTH, number % bundle::WIDTH);
        let above = if there == bundle::WIDTH { self.hashes(level, index, taken, size)? } else { Vec::new() };
        let bytes = taken.bundle(number, size)?;
        let mut entries = bundle::whole_entries(&bytes, there).entries;
        entries.truncate(usize::try_from(there).unwrap_or(usize::MAX));
        let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
        let right = if there == bundle::WIDTH {
            usize::try_from(at).ok().and_then(|at| above.get(at)) == Some(&root_of(&leaves))
        } else {
            leaves == self.edge.hashes(0)
        };
        if !right {
            let why =
                format!("{}: its entries are not those that were signed for", bundle::entry_path(number));
            return Err(Stop::Damaged(why));
        }
        Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
    }

    /// The root when the log had `old` entries.
    pub(super) fn root_at(&mut self, old: u64, taken: &mut Taken, size: u64) -> Result<Hash, Stop> {
        let none = || Stop::Damaged(format!("there is no tree of {old} entries"));
        let plan = Plan::root(old).ok_or_else(none)?;
        let mut tiles = BTreeMap::new();
        for tile in plan.tiles() {
            tiles.insert(tile, self.hashes(tile.level(), tile.index(), taken, size)?);
        }
        plan.fill(&tiles).ok().and_then(|hashes| hashes.first().copied()).ok_or_else(none)
    }
}
