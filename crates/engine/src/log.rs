//! The log as people read it: its entries, out of its files and each checked against the signed tree, and receipts of them. Nothing of
//! this rests on the database.

use std::sync::PoisonError;

use ledger::{EntryError, Ledger, ProveError};
use model::Fault;

use crate::Engine;

/// So many entries are read at once, at most: two of the log's files hold them.
pub const MOST_LOGGED: u64 = 256;

/// One entry where it stands.
#[derive(Clone, Debug)]
pub struct Logged {
    pub index: u64,
    /// As it was hashed: JSON, of this or of an earlier version.
    pub bytes: Vec<u8>,
}

/// Some entries next to each other, the newest first.
#[derive(Clone, Debug)]
pub struct LogPage {
    /// Of the log under its newest checkpoint.
    pub size: u64,
    pub entries: Vec<Logged>,
}

/// Why something of the log is not shown.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    #[error("the log has {size} entries under its newest checkpoint, so no entry {index} yet")]
    NoSuchEntry { index: u64, size: u64 },
    #[error("{0}")]
    Fault(Fault),
}

impl From<EntryError> for LogError {
    fn from(err: EntryError) -> Self {
        match err {
            EntryError::NoSuchEntry { index, size } => Self::NoSuchEntry { index, size },
            err @ (EntryError::Changed(_) | EntryError::Tile { .. } | EntryError::Io(_)) => {
                Self::Fault(Fault::NoLedger(model::causes(&err)))
            }
        }
    }
}

impl From<ProveError> for LogError {
    fn from(err: ProveError) -> Self {
        match err {
            ProveError::NoSuchEntry { index, size } => Self::NoSuchEntry { index, size },
            err @ (ProveError::NotSoLarge { .. } | ProveError::Changed(_) | ProveError::Io(_)) => {
                Self::Fault(Fault::NoLedger(model::causes(&err)))
            }
        }
    }
}

impl Engine {
    /// Up to `count` entries ([`MOST_LOGGED`] at most) before the place `end`, or the newest. Reads files; nothing is written to the
    /// log meanwhile.
    ///
    /// # Errors
    /// [`LogError::Fault`] where a file is not what was signed for.
    pub fn log_before(&self, end: Option<u64>, count: u64) -> Result<LogPage, LogError> {
        self.with_ledger(|ledger| {
            let size = ledger.size();
            let found = ledger.entries_before(end.unwrap_or(size), count.min(MOST_LOGGED))?;
            let entries = found.into_iter().rev().map(|(index, bytes)| Logged { index, bytes }).collect();
            Ok(LogPage { size, entries })
        })
    }

    /// The entry at `index`, with the size of the log and the hashes that lead from it to the root over all of them.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn logged(&self, index: u64) -> Result<(Logged, u64, Vec<tlog::Hash>), LogError> {
        self.with_ledger(|ledger| {
            let (bytes, size) = (ledger.entry(index)?, ledger.size());
            let path = ledger.prove_inclusion(index)?;
            Ok((Logged { index, bytes }, size, path))
        })
    }

    /// What somebody takes along to show later that this entry stood in the log: the text that `audit check-receipt` takes. Under the
    /// newest checkpoint that enough witnesses have cosigned, with their lines, where that covers the entry; else under the log's own.
    ///
    /// # Errors
    /// [`LogError`].
    pub fn receipt(&self, index: u64) -> Result<String, LogError> {
        let witnessed = self.witnesses.newest().and_then(|note| {
            let size = tlog::open_checkpoint(&note, &self.log_key).ok()?.size;
            Some((note, size))
        });
        let (bytes, path, checkpoint) = self.with_ledger(|ledger| -> Result<_, LogError> {
            let bytes = ledger.entry(index)?;
            let covers = |size: u64| index < size && size <= ledger.size();
            let (checkpoint, size) = witnessed
                .filter(|(_, size)| covers(*size))
                .unwrap_or_else(|| (ledger.checkpoint().to_owned(), ledger.size()));
            Ok((bytes, ledger.prove_inclusion_at(index, size)?, checkpoint))
        })?;
        let genesis = self.genesis.to_json();
        let receipt = audit::receipt_by_proof(&genesis, checkpoint.as_bytes(), (index, &bytes), path);
        let receipt = receipt.map_err(|err| LogError::Fault(Fault::NoLedger(err.to_string())))?;
        Ok(receipt.to_text())
    }

    fn with_ledger<T>(&self, read: impl FnOnce(&Ledger) -> T) -> T {
        read(&self.ledger.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
