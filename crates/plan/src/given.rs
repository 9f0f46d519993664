//! What the planner is given: a snapshot, what was found in it, and when it is.

use findings::Report;
use model::{Digest, Timestamp, sanitize};
use snapshot::Snapshot;

use crate::{Basis, PlanError};

/// Without I/O and without a clock: everything that a plan rests on.
#[derive(Clone, Copy, Debug)]
pub struct Given<'s, 'a> {
    pub snapshot: &'s Snapshot<'a>,
    /// SHA-256 of the snapshot's text.
    pub digest: Digest,
    /// Of that snapshot, as of `now`.
    pub report: &'s Report,
    pub now: Timestamp,
    /// An earlier snapshot of the same account: what was before.
    pub before: Option<&'s Snapshot<'a>>,
    /// An older snapshot is planned with no more ([`findings::Parameters::stale_days`]).
    pub stale_days: u32,
    pub asker: Asker,
}

/// Whose word names what a goal is about. What is held back for want of confidence is planned where a person names it; a model names
/// whatever it was told to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    Person,
    Model,
}

impl Given<'_, '_> {
    pub(crate) fn check(&self) -> Result<(), PlanError> {
        let taken = self.snapshot.taken().until;
        if taken > self.now {
            return Err(PlanError::Future { taken, now: self.now });
        }
        if let Some(days) = findings::stale(taken, self.now, self.stale_days) {
            return Err(PlanError::Stale { days, most: self.stale_days });
        }
        match self.before.map(|before| before.account()) {
            Some(old) if old != self.snapshot.account() => Err(PlanError::OtherAccount {
                old: sanitize(old, 64),
                new: sanitize(self.snapshot.account(), 64),
            }),
            Some(_) | None => Ok(()),
        }
    }

    pub(crate) fn basis(&self, findings: Vec<String>) -> Basis {
        Basis {
            snapshot: self.digest,
            taken: self.snapshot.taken().until,
            account: sanitize(self.snapshot.account(), 64),
            findings,
        }
    }
}
