//! What can go wrong: opening, storing, and losing against another writer. Each says what to do about it.

use std::path::PathBuf;

use model::{ChangeId, EntryId, IllegalTransition, PersonId};

/// The store could not be opened; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("{} is in use by another `countersign serve`; stop that one first, or use it", path.display())]
    InUse { path: PathBuf },
    #[error("{} can be read or written by others (mode {mode:03o}); run `chmod 600` on it", path.display())]
    Permissions { path: PathBuf, mode: u32 },
    #[error("cannot open {}; does its folder exist, and is it yours?", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("{} is no store of Countersign's", path.display())]
    Foreign { path: PathBuf },
    #[error("{} has layout {found}, this version knows {known}; use the version that wrote it", path.display())]
    Layout { path: PathBuf, found: i64, known: i64 },
    #[error("{} cannot promise durability: {setting} is {found}, not {wanted}", path.display())]
    Durability { path: PathBuf, setting: &'static str, wanted: &'static str, found: String },
    #[error("cannot start the store's threads")]
    Threads(#[source] std::io::Error),
    #[error("cannot read {}", path.display())]
    Storage {
        path: PathBuf,
        #[source]
        source: StorageError,
    },
}

/// The store could not do its part. Nothing of the operation was recorded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StorageError {
    #[error("the disk is full; free some space, nothing else is needed")]
    Full,
    #[error("the disk failed: {0}")]
    Io(String),
    #[error("what an earlier failure left on the disk is uncertain ({0}); check the disk, then start again")]
    Poisoned(String),
    #[error("another process holds the database; only one `countersign serve` may use it")]
    Busy,
    #[error("{table} {id} was altered outside Countersign: {what}; run `countersign audit verify`")]
    Tampered { table: &'static str, id: String, what: String },
    #[error("ledger entry {id} has {bytes} bytes, {max} is the most")]
    EntryTooLarge { id: EntryId, bytes: usize, max: usize },
    #[error("{table} {id} has {bytes} bytes, {max} is the most")]
    DocumentTooLarge { table: &'static str, id: String, bytes: usize, max: usize },
    #[error("ledger entry {0} is recorded already")]
    EntryKnown(EntryId),
    #[error("{table} {id} cannot be encoded: {cause}")]
    Encoding { table: &'static str, id: String, cause: String },
    #[error("outbox row {row} cannot stand at index {index} of the ledger: {why}")]
    Sequence { row: i64, index: u64, why: &'static str },
    #[error("the operation broke off inside; nothing of it was kept")]
    Panicked,
    #[error("the store is closed")]
    Closed,
}

/// A write did not happen because something else had happened first. Where it is not `Storage`, nothing was written
/// by the refused call and the operation may go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    #[error("{table} {id} exists already")]
    Exists { table: &'static str, id: String },
    #[error("there is no {table} {id}")]
    Missing { table: &'static str, id: String },
    #[error("change {0} asks for the same and is still open")]
    Open(ChangeId),
    #[error("the change stands at version {found}, not {expected}: someone else moved it first")]
    Version { expected: u64, found: u64 },
    #[error(transparent)]
    Illegal(#[from] IllegalTransition),
    #[error("{person} has signed {change} already; a second signature of the same person counts for nothing")]
    Signed { change: ChangeId, person: PersonId },
    #[error("the session is stopped already")]
    Stopped,
    #[error("{what} of {table} {id} is fixed once it is stored")]
    Fixed { table: &'static str, id: String, what: &'static str },
    #[error(transparent)]
    Storage(#[from] StorageError),
}

/// Why [`Store::write`](crate::Store::write) did nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError<E> {
    /// The operation refused; it was rolled back.
    #[error("{0}")]
    Op(E),
    #[error(transparent)]
    Storage(StorageError),
}
