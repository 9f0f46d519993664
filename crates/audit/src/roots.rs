//! The root the entries had at any size, without hashing them all again for each question: a hostile log can hold as
//! many commitments as entries.

use tlog::{Frontier, Hash};

const STRIDE: usize = 256;

#[derive(Debug)]
pub(crate) struct Roots {
    leaves: Vec<Hash>,
    /// The tree's right edge at every multiple of [`STRIDE`].
    edges: Vec<Frontier>,
}

impl Roots {
    pub(crate) fn new(leaves: Vec<Hash>) -> Self {
        let mut frontier = Frontier::new();
        let mut edges = Vec::new();
        for (size, leaf) in leaves.iter().enumerate() {
            if size.is_multiple_of(STRIDE) {
                edges.push(frontier.clone());
            }
            frontier.append(*leaf);
        }
        if leaves.len().is_multiple_of(STRIDE) {
            edges.push(frontier);
        }
        Self { leaves, edges }
    }

    pub(crate) const fn size(&self) -> u64 {
        self.leaves.len() as u64
    }

    /// `None` where there are fewer entries.
    pub(crate) fn at(&self, size: u64) -> Option<Hash> {
        let size = usize::try_from(size).ok()?;
        let mut frontier = self.edges.get(size / STRIDE)?.clone();
        self.leaves.get(size - size % STRIDE..size)?.iter().for_each(|leaf| frontier.append(*leaf));
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
            let roots = Roots::new(leaves.clone());
            for size in 0..=leaves.len() {
                assert_eq!(roots.at(size as u64), Some(root_of(&leaves[..size])), "{size} of {count}");
            }
            assert_eq!(roots.at(roots.size() + 1), None);
            assert_eq!(roots.at(u64::MAX), None);
        }
    }
}
