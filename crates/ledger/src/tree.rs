//! The tree over the entries, in memory: leaf hashes, and the roots of full bundles so that a root or a proof takes
//! one hash for every 256 entries.

use std::ops::Range;

use tlog::{Frontier, Hash, bundle::WIDTH, consistency_ranges, empty_root, inclusion_ranges, root_of};

#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    leaves: Vec<Hash>,
    /// Of each full bundle.
    bundles: Vec<Hash>,
    frontier: Frontier,
}

impl Tree {
    pub(crate) fn append(&mut self, leaf: Hash) {
        self.leaves.push(leaf);
        self.frontier.append(leaf);
        if self.size().is_multiple_of(WIDTH)
            && let Some(full) = self.leaf_range(self.size() - WIDTH..self.size())
        {
            self.bundles.push(root_of(full));
        }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    pub(crate) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    pub(crate) fn full_bundles(&self) -> &[Hash] {
        &self.bundles
    }

    pub(crate) fn leaf(&self, index: u64) -> Option<Hash> {
        self.leaves.get(usize::try_from(index).ok()?).copied()
    }

    /// The root that the tree had at `size`; `None` where it never was so large.
    pub(crate) fn root_at(&self, size: u64) -> Option<Hash> {
        if size == 0 { Some(empty_root()) } else { self.subtree(0..size) }
    }

    pub(crate) fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        inclusion_ranges(index, self.size())?.into_iter().map(|range| self.subtree(range)).collect()
    }

    pub(crate) fn consistency(&self, old: u64) -> Option<Vec<Hash>> {
        if old == 0 {
            return Some(Vec::new());
        }
        consistency_ranges(old, self.size())?.into_iter().map(|range| self.subtree(range)).collect()
    }

    /// The root over `range`, which starts at a multiple of its perfect size, as every range of a proof does.
    fn subtree(&self, range: Range<u64>) -> Option<Hash> {
        let width = range.end.checked_sub(range.start)?;
        if width <= WIDTH || !range.start.is_multiple_of(WIDTH) {
            return self.leaf_range(range).map(root_of);
        }
        let ragged = range.end - range.end % WIDTH;
        let full = usize::try_from(range.start / WIDTH).ok()?..usize::try_from(range.end / WIDTH).ok()?;
        let mut roots = self.bundles.get(full)?.to_vec();
        if ragged < range.end {
            roots.push(root_of(self.leaf_range(ragged..range.end)?));
        }
        Some(root_of(&roots))
    }

    fn leaf_range(&self, range: Range<u64>) -> Option<&[Hash]> {
        self.leaves.get(usize::try_from(range.start).ok()?..usize::try_from(range.end).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use tlog::{consistency_proof, inclusion_proof, leaf_hash};

    use super::*;

    #[test]
    fn roots_and_proofs_are_those_of_the_plain_tree() {
        let leaves: Vec<Hash> = (0u32..1400).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let mut tree = Tree::default();
        for size in 0..=leaves.len() as u64 {
            if [0, 1, 2, 255, 256, 257, 511, 512, 513, 769, 1024, 1025, 1400].contains(&size) {
                assert_eq!(tree.frontier().root(), root_of(&leaves[..size as usize]), "size {size}");
                for at in (0..=size).step_by(37).chain([size]) {
                    assert_eq!(tree.root_at(at), Some(root_of(&leaves[..at as usize])), "{at} of {size}");
                    assert_eq!(tree.inclusion(at), inclusion_proof(&leaves, at, size), "{at} of {size}");
                    let plain = if at == 0 { Some(Vec::new()) } else { consistency_proof(&leaves, at, size) };
                    assert_eq!(tree.consistency(at), plain, "{at} of {size}");
                }
                assert_eq!(tree.root_at(size + 1), None);
                assert_eq!(tree.consistency(size + 1), None);
            }
            if let Some(leaf) = leaves.get(size as usize) {
                tree.append(*leaf);
            }
        }
    }
}
