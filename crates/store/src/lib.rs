//! What must survive, at the level of domain operations: sessions, changes, approvals, and for every event its ledger
//! entry in the same operation. Two backends, one behaviour: SQLite for use, memory for simulation and as its oracle.
//!
//! Rows are documents: the bytes of a model type as JSON, of which the ledger keeps the digest. Columns and the index
//! of what changes did are derived from the document and only find it; where the two disagree nothing is returned.
//!
//! What a session asked for in passing is counted from the entries that tell of it, for people to look at; nothing is decided by it, and
//! the log is what proves it.
//!
//! Bodies, which may hold anything, lie beside the documents as salted blobs; a document holds only the commitment. Each
//! is checked against it whenever it is read, and goes only by [`Tx::erase`].
//!
//! What is *absent*: no judgement (who may approve, what a verdict needs), no clock, no randomness, no knowledge of
//! the ledger's files. No query language: what is not a domain operation here cannot be asked.
//!
//! Invariant: one writer. Every change of state passes through [`Store::write`], whose operation happens whole or not
//! at all and is acknowledged only once it would survive a power cut. [`Store::write_lazily`] is acknowledged once it
//! would survive the end of the process, and is flushed with whatever is written next, or soon.
//! Invariant: no row without its entry. Every write of [`Tx`] takes the entry of its event; where a new log begins under rows
//! that are there ([`Tx::begin_anew`]), each gets one.

mod activity;
mod anew;
mod asked;
mod bodies;
mod document;
mod error;
mod listed;
mod memory;
mod past;
mod query;
mod readers;
mod rows;
mod sqlite;
mod store;
mod trace;
mod tx;
mod view;
mod writer;

pub use activity::{Activity, Often, Passing};
pub use anew::{Carried, Carrier};
pub use bodies::{Fetched, StoredBody, is_over};
pub use document::{Document, Projection};
pub use error::{Conflict, OpenError, StorageError, WriteError};
pub use listed::lowers_protection;
pub use past::Past;
pub use query::{Filter, HistoryQuery, Pending, Reach, Target};
#[doc(hidden)]
pub use sqlite::Probe;
pub use store::{Hold, Store};
pub use tx::Tx;
pub use view::View;
