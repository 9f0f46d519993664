//! The right edge of a growing tree, in tiles: of each level the hashes of the tile that is not full yet. It is all that
//! a writer keeps in memory: at most 255 hashes a level, so 24 KiB for ten million entries and 64 KiB for any number.
//!
//! [`crate::Frontier`] holds the same edge folded to one hash for each bit of the size; the two come to the same root by
//! different ways.

use crate::{Frontier, Hash, LEVELS, Tile, bundle::WIDTH, empty_root, node_hash, root_of};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Edge {
    size: u64,
    /// Of level 0 first.
    levels: Vec<Vec<Hash>>,
}

/// A tile that has become full, with its 256 hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FullTile {
    pub tile: Tile,
    pub hashes: Vec<Hash>,
}

impl Edge {
    pub fn new() -> Self {
        Self::default()
    }

    /// From the hashes of the tiles that are not full, level 0 first; `None` where they are not as many as a tree of
    /// `size` entries has. Whether they are the right ones, [`Self::root`] tells.
    pub fn from_levels(size: u64, levels: Vec<Vec<Hash>>) -> Option<Self> {
        let widths = (0..LEVELS).map(|level| Self::width(size, level));
        let found = levels.iter().map(|hashes| hashes.len() as u64).chain(std::iter::repeat(0));
        let fits = levels.len() <= usize::from(LEVELS) && widths.eq(found.take(usize::from(LEVELS)));
        fits.then_some(Self { size, levels })
    }

    /// How many hashes the tile at `level` that is not full has in the tree of `size` entries; 0 where all are full.
    pub const fn width(size: u64, level: u8) -> u64 {
        if level < LEVELS { (size >> (8 * level)) % WIDTH } else { 0 }
    }

    /// Yields the tiles that this fills, the lowest first: mostly none, every 256th time one or more.
    pub fn append(&mut self, leaf: Hash) -> Vec<FullTile> {
        let mut filled = Vec::new();
        let mut hash = leaf;
        for level in 0..LEVELS {
            if self.levels.len() <= usize::from(level) {
                self.levels.push(Vec::new());
            }
            let Some(hashes) = self.levels.get_mut(usize::from(level)) else { break };
            hashes.push(hash);
            if (hashes.len() as u64) < WIDTH {
                break;
            }
            let hashes = std::mem::take(hashes);
            hash = root_of(&hashes);
            filled.extend(
                Tile::of_tree(level, self.size >> (8 * (level + 1)), self.size + 1)
                    .map(|tile| FullTile { tile, hashes }),
            );
        }
        self.size = self.size.saturating_add(1);
        filled
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The hashes of the tile at `level` that is not full; empty where all are.
    pub fn hashes(&self, level: u8) -> &[Hash] {
        self.levels.get(usize::from(level)).map_or(&[], Vec::as_slice)
    }

    /// The tiles that are not full, with their hashes, the lowest first.
    pub fn tiles(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        (0..LEVELS).filter_map(|level| {
            let hashes = self.hashes(level);
            let index = self.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
            Some((Tile::new(level, index, hashes.len() as u64)?, hashes))
        })
    }

    /// By the definition, over what the tiles have.
    pub fn root(&self) -> Hash {
        let right_to_left = self.subtrees().into_iter().rev();
        right_to_left.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }

    pub fn frontier(&self) -> Frontier {
        Frontier::from_subtrees(self.size, self.subtrees())
    }

    /// The roots of the perfect subtrees that the tree consists of, the largest first: in each level's tile as many as
    /// its width has bits.
    fn subtrees(&self) -> Vec<Hash> {
        let mut subtrees = Vec::new();
        for hashes in self.levels.iter().rev() {
            let mut rest = hashes.as_slice();
            while let Some(log) = rest.len().checked_ilog2() {
                let Some((perfect, after)) = rest.split_at_checked(1 << log) else { break };
                subtrees.push(root_of(perfect));
                rest = after;
            }
        }
        subtrees
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{grown, leaf_hash};

    fn leaf(n: u64) -> Hash {
        leaf_hash(&n.to_be_bytes())
    }

    #[test]
    fn the_edge_has_the_root_of_the_definition_and_yields_every_full_tile_once() {
        let (mut edge, mut frontier, mut leaves) = (Edge::new(), Frontier::new(), Vec::new());
        for n in 0..66_100 {
            if n < 1100 || n % 977 == 0 || (65_530..65_800).contains(&n) {
                assert_eq!(edge.root(), frontier.root(), "size {n}");
                assert_eq!(edge.frontier(), frontier, "size {n}");
                assert_eq!(Edge::from_levels(n, edge.levels.clone()), Some(edge.clone()));
                assert_eq!(Edge::from_levels(n + 1, edge.levels.clone()), None);
                let partial = grown(0, n).filter(|tile| !tile.is_full()).collect::<Vec<_>>();
                assert_eq!(edge.tiles().map(|(tile, _)| tile).collect::<Vec<_>>(), partial, "size {n}");
            }
            leaves.push(leaf(n));
            frontier.append(leaf(n));
            let full = edge.append(leaf(n));
            let expected: Vec<Tile> = grown(n, n + 1).filter(|tile| tile.is_full()).collect();
            assert_eq!(full.iter().map(|it| it.tile).collect::<Vec<_>>(), expected);
            for FullTile { tile, hashes } in full {
                let stride = 256usize.pow(u32::from(tile.level()));
                let first = tile.hashes().start as usize * stride;
                let of_level: Vec<Hash> = leaves[first..].chunks(stride).map(root_of).collect();
                assert_eq!(hashes, of_level, "{tile:?}");
            }
        }
        assert_eq!(edge.root(), root_of(&leaves));
    }

    proptest! {
        #[test]
        fn only_the_widths_of_the_size_make_an_edge(size in 0u64..200_000, widths in proptest::collection::vec(0usize..256, 0..9)) {
            let levels: Vec<Vec<Hash>> = widths.iter().map(|width| vec![leaf(0); *width]).collect();
            if let Some(edge) = Edge::from_levels(size, levels) {
                prop_assert_eq!(edge.frontier().size(), size);
                let sizes = edge.tiles().map(|(tile, _)| tile.width() << (8 * tile.level()));
                prop_assert_eq!(sizes.sum::<u64>(), size);
            }
        }
    }
}
