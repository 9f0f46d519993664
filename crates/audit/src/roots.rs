//! The root the entries had at any size, without hashing them all again for each question: a hostile log can hold as
//! many commitments as entries.

use std::collections::BTreeMap;

use tlog::{Frontier, Hash};

const STRIDE: u64 = 256;

#[derive(Debug)]
pub(crate) struct Roots {
    /// Where the entries begin whose hashes are here.
    base: u64,
    leaves: Vec<Hash>,
    /// The tree's right edge at `base` and each [`STRIDE`] after it.
    edges: Vec<Frontier>,
    frontier: Frontier,
    /// Roots at smaller sizes than `base`, as far as somebody has made them out.
    before: BTreeMap<u64, Hash>,
}

impl Default for Roots {
    fn default() -> Self {
        Self::after(Frontier::new(), BTreeMap::new())
    }
}

impl Roots {
    /// Of a tree whose first entries are known by its edge alone.
    pub(crate) fn after(frontier: Frontier, before: BTreeMap<u64, Hash>) -> Self {
        let edges = vec![frontier.clone()];
        Self { base: frontier.size(), leaves: Vec::new(), edges, frontier, before }
    }

    pub(crate) fn append(&mut self, leaf: Hash) {
        self.leaves.push(leaf);
        self.frontier.append(leaf);
        if (self.leaves.len() as u64).is_multiple_of(STRIDE) {
            self.edges.push(self.frontier.clone());
        }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// `None` where there are fewer entries, or the root was not made out.
    pub(crate) fn at(&self, size: u64) -> Option<Hash> {
        let Some(there) = size.checked_sub(self.base) else { return self.before.get(&size).copied() };
        let mut frontier = self.edges.get(usize::try_from(there / STRIDE).ok()?)?.clone();
        let (first, end) = (there - there % STRIDE, usize::try_from(there).ok()?);
        let rest = self.leaves.get(usize::try_from(first).ok()?..end)?;
        rest.iter().for_each(|leaf| frontier.append(*leaf));
        Some(frontier.root())
    }
}

#[cfg(test)]
mod tests {
    use tlog::{leaf_hash, root_of};

    use super::*;

    #[test]
    fn every_size_has_the_root_of_the_definition() {
        for count in [0u32, 1, 255, 256, 257, 600] {
            let leaves: Vec<Hash> = (0..count).map(|n| leaf_hash(&n.to_be_bytes())).collect();
            for base in [0, 1, 255, 256, 300].into_iter().filter(|base| *base <= leaves.len()) {
                let before = [(0, root_of(&leaves[..0]))].into();
                let mut roots = Roots::after(Frontier::from_leaves(&leaves[..base]), before);
                leaves[base..].iter().for_each(|leaf| roots.append(*leaf));
                for size in base..=leaves.len() {
                    assert_eq!(roots.at(size as u64), Some(root_of(&leaves[..size])), "{size} of {count}");
                }
                assert_eq!(roots.at(0), Some(root_of(&[])));
                assert_eq!(roots.at(roots.size() + 1), None);
                assert_eq!(roots.at(u64::MAX), None);
                assert!(base < 2 || roots.at(1).is_none(), "not made out");
            }
        }
    }
}
