//! The store on one SQLite file: write-ahead log, a flush to the disk for every commit but lazy ones, one process at a time.

mod batch;
mod copy;
mod fault;
mod open;
mod probe;
mod rows;
mod schema;

pub(crate) use copy::{copy, hold};
pub(crate) use open::{open, reader};
pub use probe::Probe;
