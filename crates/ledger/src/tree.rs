//! The tree over the entries, as far as it is in memory: its right edge, twice, in two forms that grow by different
//! ways. What lies left of it is on disk, in full tiles (`tiles`).

use tlog::{Edge, Frontier, FullTile, Hash};

#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    edge: Edge,
    frontier: Frontier,
}

impl Tree {
    /// From an edge whose root somebody signed.
    pub(crate) fn at(edge: Edge) -> Self {
        Self { frontier: edge.frontier(), edge }
    }

    /// `None` where the two came to different trees.
    pub(crate) fn agreed(edge: Edge, frontier: Frontier) -> Option<Self> {
        let agree = edge.size() == frontier.size() && edge.root() == frontier.root();
        agree.then_some(Self { edge, frontier })
    }

    /// Yields the tiles that this fills.
    pub(crate) fn append(&mut self, leaf: Hash) -> Vec<FullTile> {
        self.frontier.append(leaf);
        self.edge.append(leaf)
    }

    pub(crate) const fn size(&self) -> u64 {
        self.frontier.size()
    }

    pub(crate) fn root(&self) -> Hash {
        self.frontier.root()
    }

    pub(crate) const fn edge(&self) -> &Edge {
        &self.edge
    }

    pub(crate) const fn frontier(&self) -> &Frontier {
        &self.frontier
    }
}
