//! Proofs, and the roots that the log once had: out of tiles, a few files each.

use tlog::{Hash, Plan};

use crate::{
    Ledger,
    tiles::{ProveError, Tiles},
};

impl Ledger {
    /// Proof that entry `index` is under the present checkpoint.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>, ProveError> {
        let plan = Plan::inclusion(index, self.size());
        self.tiles().fill(&plan.ok_or(ProveError::NoSuchEntry { index, size: self.size() })?)
    }

    /// Proof that the present log begins with the `old` entries that somebody has seen; empty from size 0
    /// ([`tlog::verify_growth`]).
    pub fn prove_consistency(&self, old: u64) -> Result<Vec<Hash>, ProveError> {
        if old == 0 {
            return Ok(Vec::new());
        }
        let plan = Plan::consistency(old, self.size());
        self.tiles().fill(&plan.ok_or(ProveError::NotSoLarge { asked: old, size: self.size() })?)
    }

    /// The root that the log had when it had `size` entries.
    pub fn find_root(&self, size: u64) -> Result<Hash, ProveError> {
        self.tiles().root_at(size)
    }

    /// Whether a checkpoint that somebody has seen is one of ours: [`Self::find_root`] for who takes whatever keeps it
    /// from being had for a no.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.find_root(size).ok()
    }

    /// [`Self::prove_consistency`], `None` whatever keeps it from being had.
    pub fn consistency(&self, old: u64) -> Option<Vec<Hash>> {
        self.prove_consistency(old).ok()
    }

    /// [`Self::prove_inclusion`], `None` whatever keeps it from being had.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        self.prove_inclusion(index).ok()
    }

    pub(crate) fn tiles(&self) -> Tiles<'_> {
        Tiles::new(self.disk.as_ref(), &self.files, self.tree.edge())
    }
}
