//! Proofs out of tiles, as data: which tiles a proof takes, and which of their hashes come to which hash of the proof.
//! Who has the tiles, in a folder or behind a URL, fetches [`Plan::tiles`] and hands them to [`Plan::fill`]; a proof in a
//! tree of n entries takes O(log n) of them, whatever the proof.
//!
//! A plan vouches for nothing. Tiles are believed where what comes out of them is verified against a signed root:
//! a proof by [`crate::verify_inclusion`] or [`crate::verify_consistency`], a root by comparing it.
//!
//! **Size 0.** The root of the empty tree takes no tiles; nothing is included in it, and from it nothing is proved
//! (`proof`): there is no such plan.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use crate::{
    Hash, Tile, bundle::WIDTH, consistency_ranges, empty_root, inclusion_ranges, node_hash, root_of,
};

/// How a proof, or a root, is made of tiles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// For each hash of the proof the perfect subtrees that it consists of, the leftmost and largest first.
    hashes: Vec<Vec<Run>>,
}

/// A perfect subtree: hashes of one tile that lie side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    pub tile: Tile,
    /// Place of the first among the tile's hashes.
    pub first: usize,
    /// A power of two, at most 128.
    pub count: usize,
}

/// A tile that a plan takes is not there, or has fewer hashes than it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the proof takes {}, which is not at hand", .0.path())]
pub struct MissingTile(pub Tile);

impl Plan {
    /// The proof that entry `index` is in the tree of `size` entries; `None` where it is not.
    pub fn inclusion(index: u64, size: u64) -> Option<Self> {
        Self::of(inclusion_ranges(index, size)?, size)
    }

    /// The proof that the tree of `new` entries extends that of `old`; `None` where `old` is 0 or more than `new`.
    pub fn consistency(old: u64, new: u64) -> Option<Self> {
        Self::of(consistency_ranges(old, new)?, new)
    }

    /// The root of the tree of `size` entries, as the one hash.
    pub fn root(size: u64) -> Option<Self> {
        Self::of(std::iter::once(0..size), size)
    }

    /// The same out of the tiles of a log that has grown to `size`, where the narrower ones may be gone; `None` where the
    /// log has not all that the plan takes.
    pub fn in_log_of(mut self, size: u64) -> Option<Self> {
        for run in self.hashes.iter_mut().flatten() {
            let wider = Tile::of_tree(run.tile.level(), run.tile.index(), size)?;
            if wider.width() < run.tile.width() {
                return None;
            }
            run.tile = wider;
        }
        Some(self)
    }

    fn of(ranges: impl IntoIterator<Item = Range<u64>>, size: u64) -> Option<Self> {
        let hashes = ranges.into_iter().map(|range| runs(range, size)).collect::<Option<_>>()?;
        Some(Self { hashes })
    }

    /// Each once.
    pub fn tiles(&self) -> BTreeSet<Tile> {
        self.hashes.iter().flatten().map(|run| run.tile).collect()
    }

    /// The proof's hashes, out of the tiles' hashes.
    pub fn fill(&self, tiles: &BTreeMap<Tile, Vec<Hash>>) -> Result<Vec<Hash>, MissingTile> {
        self.hashes.iter().map(|runs| subtree(runs, tiles)).collect()
    }
}

/// The perfect subtrees of a range as proofs have them: it starts at a multiple of the largest.
fn runs(range: Range<u64>, size: u64) -> Option<Vec<Run>> {
    let mut runs = Vec::new();
    let mut start = range.start;
    while let Some(log) = range.end.checked_sub(start)?.checked_ilog2() {
        let level = u8::try_from(log / 8).ok()?;
        let number = start >> (8 * level);
        let tile = Tile::of_tree(level, number / WIDTH, size)?;
        runs.push(Run { tile, first: usize::try_from(number % WIDTH).ok()?, count: 1 << (log % 8) });
        start += 1 << log;
    }
    Some(runs)
}

fn subtree(runs: &[Run], tiles: &BTreeMap<Tile, Vec<Hash>>) -> Result<Hash, MissingTile> {
    let mut hash = None;
    for run in runs.iter().rev() {
        let missing = MissingTile(run.tile);
        let hashes = tiles.get(&run.tile).and_then(|hashes| hashes.get(run.first..run.first + run.count));
        let left = root_of(hashes.ok_or(missing)?);
        hash = Some(hash.map_or(left, |right| node_hash(&left, &right)));
    }
    Ok(hash.unwrap_or_else(empty_root))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        Frontier, consistency_proof, grown, inclusion_proof, leaf_hash, verify_consistency, verify_inclusion,
    };

    /// All tiles of the tree over `leaves`.
    fn tiles(leaves: &[Hash]) -> BTreeMap<Tile, Vec<Hash>> {
        let all = grown(0, leaves.len() as u64).map(|tile| {
            let stride = 256usize.pow(u32::from(tile.level()));
            let range = tile.hashes().start as usize * stride..tile.hashes().end as usize * stride;
            (tile, leaves[range].chunks(stride).map(root_of).collect())
        });
        all.collect()
    }

    fn leaves(count: u64) -> Vec<Hash> {
        (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect()
    }

    #[test]
    fn proofs_out_of_tiles_are_those_out_of_leaves() {
        let leaves = leaves(66_100);
        for size in [1, 2, 255, 256, 257, 511, 512, 777, 1400, 65_535, 65_536, 65_537, 66_100] {
            let tiles = tiles(&leaves[..size as usize]);
            let filled = |plan: Option<Plan>| plan.map(|plan| plan.fill(&tiles).unwrap());
            let step = (size / 23).max(1) as usize;
            for at in (0..=size).step_by(step).chain([size - 1, size, size + 1]) {
                assert_eq!(
                    filled(Plan::inclusion(at, size)),
                    inclusion_proof(&leaves, at, size),
                    "{at} of {size}"
                );
                assert_eq!(
                    filled(Plan::consistency(at, size)),
                    consistency_proof(&leaves, at, size),
                    "{at} of {size}"
                );
                if at <= size {
                    let old = Plan::root(at).unwrap().in_log_of(size).unwrap();
                    assert_eq!(
                        filled(Some(old)),
                        Some(vec![root_of(&leaves[..at as usize])]),
                        "{at} of {size}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_proof_in_an_old_tree_comes_out_of_the_tiles_of_the_grown_log() {
        let leaves = leaves(1400);
        let tiles = tiles(&leaves);
        for size in [1, 3, 200, 256, 300, 1399] {
            let plan = Plan::inclusion(size - 1, size).unwrap();
            if size > 1 {
                assert_eq!(plan.clone().in_log_of(size - 1), None);
            }
            let proof = plan.in_log_of(1400).unwrap().fill(&tiles).unwrap();
            assert_eq!(Some(proof), inclusion_proof(&leaves, size - 1, size));
        }
    }

    #[test]
    fn the_largest_trees_take_few_tiles() {
        for size in [10_000_000, u64::MAX] {
            let levels = if size == u64::MAX { 8 } else { 3 };
            for plan in [
                Plan::inclusion(0, size),
                Plan::inclusion(size / 3, size),
                Plan::inclusion(size - 1, size),
                Plan::consistency(size / 3, size),
                Plan::root(size),
            ] {
                let tiles = plan.unwrap().tiles();
                assert!(tiles.len() <= 2 * levels, "{tiles:?}");
                assert!(tiles.iter().all(|tile| tile.is_in(size)), "{tiles:?}");
            }
        }
    }

    #[test]
    fn the_empty_tree_takes_none() {
        let root = Plan::root(0).unwrap();
        assert_eq!((root.tiles().len(), root.fill(&BTreeMap::new())), (0, Ok(vec![empty_root()])));
        assert_eq!(
            (Plan::inclusion(0, 0), Plan::consistency(0, 0), Plan::consistency(0, 9)),
            (None, None, None)
        );
    }

    #[test]
    fn a_missing_or_narrow_tile_is_named() {
        let tiles = tiles(&leaves(600));
        let plan = Plan::inclusion(300, 600).unwrap();
        for tile in plan.tiles() {
            let mut without = tiles.clone();
            without.remove(&tile);
            assert_eq!(plan.fill(&without), Err(MissingTile(tile)));
            without.insert(tile, Vec::new());
            assert_eq!(plan.fill(&without), Err(MissingTile(tile)));
        }
    }

    proptest! {
        /// Random sizes of trees that no memory holds: what a plan takes comes to proofs that verify.
        #[test]
        fn plans_of_any_size_are_made_of_tiles_of_the_tree(a: u64, b: u64, shift in 0u32..64) {
            let (a, b) = (a >> shift, b >> shift);
            for plan in [Plan::inclusion(a, b), Plan::consistency(a, b), Plan::root(b)].into_iter().flatten() {
                for run in plan.hashes.iter().flatten() {
                    prop_assert!(run.tile.is_in(b) && (run.first + run.count) as u64 <= run.tile.width());
                    prop_assert!(run.count.is_power_of_two() && run.count <= 128);
                }
            }
        }

        #[test]
        fn what_comes_out_of_tiles_verifies(size in 1u64..3000, of in 0.0f64..1.0) {
            let leaves = leaves(size);
            let tiles = tiles(&leaves);
            let (root, at) = (Frontier::from_leaves(&leaves).root(), (size as f64 * of) as u64);
            let proof = Plan::inclusion(at, size).unwrap().fill(&tiles).unwrap();
            prop_assert_eq!(verify_inclusion(&leaves[at as usize], at, size, &proof, &root), Ok(()));
            let proof = Plan::consistency(at + 1, size).unwrap().fill(&tiles).unwrap();
            let old = root_of(&leaves[..=at as usize]);
            prop_assert_eq!(verify_consistency(at + 1, size, &old, &root, &proof), Ok(()));
        }
    }
}
