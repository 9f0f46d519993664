//! The right edge of a growing tree: the roots of its perfect subtrees, from which the next root follows without the
//! leaves. One for each bit that is set in the size, so at most 64.

use crate::{Hash, empty_root, node_hash};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Largest subtree first.
    subtrees: Vec<Hash>,
}

impl Frontier {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn from_leaves<'a>(leaves: impl IntoIterator<Item = &'a Hash>) -> Self {
        let mut frontier = Self::new();
        for leaf in leaves {
            frontier.append(*leaf);
        }
        frontier
    }

    /// `subtrees`: one root for each bit of `size`, the largest subtree first.
    pub(crate) const fn from_subtrees(size: u64, subtrees: Vec<Hash>) -> Self {
        Self { size, subtrees }
    }

    pub fn append(&mut self, leaf: Hash) {
        let mut hash = leaf;
        // As in adding one to a binary number: every trailing 1 of the size is a subtree as large as the carry.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.subtrees.pop() {
                hash = node_hash(&left, &hash);
            }
        }
        self.subtrees.push(hash);
        self.size = self.size.saturating_add(1);
    }

    pub const fn size(&self) -> u64 {
        self.size
    }

    pub fn root(&self) -> Hash {
        self.subtrees
            .iter()
            .rev()
            .copied()
            .reduce(|right, left| node_hash(&left, &right))
            .unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{leaf_hash, root_of};

    proptest! {
        #[test]
        fn growing_gives_the_root_of_the_definition(entries in proptest::collection::vec(any::<[u8; 4]>(), 0..600)) {
            let leaves: Vec<Hash> = entries.iter().map(|entry| leaf_hash(entry)).collect();
            let frontier = Frontier::from_leaves(&leaves);
            prop_assert_eq!(frontier.size(), leaves.len() as u64);
            prop_assert_eq!(frontier.root(), root_of(&leaves));
        }
    }

    #[test]
    fn every_small_size_agrees_on_the_way() {
        let mut frontier = Frontier::new();
        let mut leaves = Vec::new();
        for n in 0u32..1100 {
            assert_eq!(frontier.root(), root_of(&leaves), "size {n}");
            let leaf = leaf_hash(&n.to_be_bytes());
            frontier.append(leaf);
            leaves.push(leaf);
        }
    }
}
