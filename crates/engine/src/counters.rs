//! The last signature counter known of each passkey (Web Authentication Level 3 §6.1.1, §7.2 step 22), so that one that
//! exists twice is noticed once both have been used.
//!
//! Made again at each start from the approvals on record, which carry their assertions; kept in memory from then on, with
//! the vetoes and sign-ins since. A passkey whose authenticator counts nothing (many that are synchronised) tells nothing.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use approval::passkey::{Counter, compare_counters, counted};
use store::{StorageError, View};

#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<Vec<u8>, u32>>);

/// A passkey's counter that did not go up: the passkey may exist twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the counter of this passkey did not go up: it was at {last} before and is at {now}, so the passkey may exist twice. If you \
     signed on two pages at once, sign again; if not, somebody has a copy: have it taken out of the roster"
)]
pub struct Behind {
    /// The highest that is known.
    pub last: u32,
    pub now: u32,
}

impl Counters {
    pub(crate) fn on_record(view: &View<'_>) -> Result<Self, StorageError> {
        let counters = Self::default();
        for signature in view.signatures()? {
            // The highest stands, in whatever order they come.
            let _ = counters.take(&signature);
        }
        Ok(counters)
    }

    /// Takes the counter of a signature that holds, as the last thing before it is recorded. One that could not be recorded
    /// after all has used its number: the next touch has a higher one.
    pub(crate) fn take(&self, signature: &str) -> Result<(), Behind> {
        let Some((credential, now)) = counted(signature) else { return Ok(()) };
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = known.entry(credential).or_default();
        match compare_counters(*last, now) {
            Counter::NotKept => Ok(()),
            Counter::Advances => {
                *last = now;
                Ok(())
            }
            Counter::MayBeCloned => Err(Behind { last: *last, now }),
        }
    }
}
