//! The single-use value without which nothing is forwarded. Only [`crate::Engine::admit`] makes one; it cannot be
//! cloned, stored or taken apart except to forward what it owns.

use std::sync::Arc;

use model::{Action, ActionParts, ChangeId, Digest, Level, PersonId, Request};
use policy::Bundle;

/// Leave to forward exactly one received request, once.
#[derive(Debug)]
#[must_use = "a permit that is dropped leaves its change executing until it is read back"]
pub struct Permit {
    action: Action,
    operator: PersonId,
    under: Arc<Bundle>,
    receipt: Receipt,
}

/// What must be handed back with the outcome.
#[derive(Debug)]
#[must_use = "hand the outcome to Engine::finish"]
pub struct Receipt {
    /// And how far the record of the decision had to get; that of the outcome, for the same reason.
    pub(crate) step: Option<(StepRef, Level)>,
}

/// Which step of which change a permit carries out; a plain read has none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepRef {
    pub(crate) change: ChangeId,
    pub(crate) step: usize,
}

impl Permit {
    pub(crate) const fn new(
        action: Action,
        operator: PersonId,
        under: Arc<Bundle>,
        step: Option<(StepRef, Level)>,
    ) -> Self {
        Self { action, operator, under, receipt: Receipt { step } }
    }

    pub const fn action(&self) -> &ActionParts {
        self.action.parts()
    }

    pub const fn digest(&self) -> Digest {
        self.action.digest()
    }

    /// Who answers for it; Countersign itself for its own reads.
    pub const fn operator(&self) -> &PersonId {
        &self.operator
    }

    /// Under which it was decided, and shown to whoever signed: it goes out as this one says, also where another has come into
    /// force since.
    pub fn bundle(&self) -> &Bundle {
        &self.under
    }

    /// The change this permit belongs to; `None` for a plain read.
    pub fn change(&self) -> Option<ChangeId> {
        self.receipt.step.map(|(step, _)| step.change)
    }

    /// Gives up the permit for the request to forward and the receipt for its outcome.
    pub fn redeem(self) -> (Request, Receipt) {
        (self.action.into_request(), self.receipt)
    }
}
