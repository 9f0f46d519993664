//! Proofs, and the roots that the log once had: out of tiles, a few files each.

use tlog::{Hash, Plan};

use crate::{
    Ledger,
    tiles::{ProveError, Tiles},
};

impl Ledger {
    /// Proof that entry `index` is under the present checkpoint.
    pub fn prove_inclusion(&self, index: u64) -> Result<Vec<Hash>, ProveError> {
        self.prove_inclusion_at(index, self.size())
    }

    /// Proof that entry `index` is under the checkpoint that this log had when it had `size` entries: one that witnesses have
    /// cosigned, say.
    pub fn prove_inclusion_at(&self, index: u64, size: u64) -> Result<Vec<Hash>, ProveError> {
        if size > self.size() {
            return Err(ProveError::NotSoLarge { asked: size, size: self.size() });
        }
        let plan = Plan::inclusion(index, size);
        self.tiles().fill(&plan.ok_or(ProveError::NoSuchEntry { index, size })?)
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

    /// The root that the log had when it had `size` entries, by which a checkpoint that somebody has seen is one of ours or is
    /// not; `None` where it never had so many.
    ///
    /// # Errors
    /// Where it cannot be told: a file that cannot be read, or a tile that is not the one that was signed for. That is no
    /// word against who asked.
    pub fn root_at(&self, size: u64) -> Result<Option<Hash>, ProveError> {
        had(self.tiles().root_at(size))
    }

    /// [`Self::prove_consistency`]; `None` where the log never had `old` entries.
    ///
    /// # Errors
    /// As [`Self::root_at`].
    pub fn consistency(&self, old: u64) -> Result<Option<Vec<Hash>>, ProveError> {
        had(self.prove_consistency(old))
    }

    pub(crate) fn tiles(&self) -> Tiles<'_> {
        Tiles::new(self.disk.as_ref(), &self.files, self.tree.edge())
    }
}

/// What the log does not have is an answer; what it has and cannot be read is none.
fn had<T>(found: Result<T, ProveError>) -> Result<Option<T>, ProveError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(ProveError::NoSuchEntry { .. } | ProveError::NotSoLarge { .. }) => Ok(None),
        Err(err @ (ProveError::Changed(_) | ProveError::Io(_))) => Err(err),
    }
}
