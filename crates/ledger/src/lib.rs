//! The ledger on disk: entry bundles that are only ever appended to, and the signed checkpoint that says how far they
//! count. Floor 2: does file I/O, knows no tokio, no database and no clock; what an entry means is `audit`'s to ask.
//!
//! ```text
//! log/genesis.json            what this installation is, written once
//! log/checkpoint              the newest signed checkpoint, for readers
//! log/tile/entries/000 …      256 entries each, the last one growing
//! log/tile/0/000 …            hash tiles (C2SP tlog-tiles), the last one of each level growing
//! LOCK FILE                   the same checkpoint, outside the log and outside every backup of the database
//! ```
//!
//! The lock file decides. An entry counts once a checkpoint that covers it has replaced the one in the lock file;
//! what lies beyond it on disk is a torn append and is cut off at the next start. A disk that has less than the lock
//! file signed for is a restored backup, and nothing is signed on top of it.
//!
//! **Invariant:** nothing is signed that has not been written, synced, read back and hashed again. After any failed
//! file operation the ledger takes no more entries until it is opened anew: a failed fsync is never retried.
//!
//! Tiles are made of entries and can be made again. They are written before the signature and read back, and synced once
//! they are full: a small batch costs three flushes, of its bundle, of the lock file and of the lock file's name, and every
//! 256th entry three more, of the tile that is full and of two new names. What is published is not flushed; it is the lock
//! file's once more. Proofs are read from them ([`Ledger::prove_inclusion`]); a served log is made of them ([`read_resource`]).
//!
//! Memory: the right edge of the tree, at most 8 KiB for each level of tiles; a proof reads two small files a level.

mod append;
mod compare;
mod copy;
pub mod disk;
mod entry;
mod files;
mod growing;
mod load;
mod open;
mod prove;
mod read;
mod resource;
mod tiles;
mod tree;

pub use append::{AppendError, Appended};
pub use copy::{CopyError, Standstill, copy, read_lock_file};
pub use entry::EntryError;
pub use files::Failed;
pub use model::Genesis;
pub use open::{Check, CreateError, Cut, Ledger, OpenError, Published, Recovery};
pub use read::{FileProblem, LogFiles, LogReader, count_entries, read_log};
pub use resource::read_resource;
pub use tiles::ProveError;
