//! The cloud's own record of what was done (CloudTrail), read beside ours: [`reconcile`] says whether it and the ledger
//! tell one story. Pure: bytes in, a report out; who reads files is the caller.

pub mod event;
pub mod read;
pub mod reconcile;

pub use event::Event;
