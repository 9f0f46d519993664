//! The cloud's own record of what was done (CloudTrail): [`reconcile`] says whether it and the ledger tell one story,
//! [`observe`] counts what would have been said of it. Pure: bytes in, a report out; who reads files is the caller.

pub mod event;
pub mod observe;
pub mod read;
pub mod reconcile;

pub use event::Event;
