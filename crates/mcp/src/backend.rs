//! What the tools need of whoever runs the server. Answers are data; refusals say what to do instead.

use std::{future::Future, pin::Pin};

use model::ChangeId;
use serde::{Deserialize, Serialize};

use crate::{
    Told,
    arguments::{CostsQuery, FindingsQuery, InventoryQuery, PlanQuery},
};

pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// A JSON object.
pub type Document = serde_json::Map<String, serde_json::Value>;

/// Dropping a future gives up on its answer, and undoes nothing.
pub trait Backend: Send + Sync + 'static {
    fn reach(&self) -> Reach;

    /// Answered by [`crate::answer`], wherever the snapshot is held.
    fn look(&self, question: Question) -> Boxed<'_, Result<Told, Refusal>>;

    /// Files a change. What comes back is `countersign.change/v1`, here and below.
    fn propose(&self, proposal: Proposal) -> Boxed<'_, Result<Document, Refusal>>;

    /// The session's own changes, newest first.
    fn changes(&self) -> Boxed<'_, Result<Vec<Document>, Refusal>>;

    fn change(&self, id: ChangeId) -> Boxed<'_, Result<Document, Refusal>>;

    /// As it is once it is held no longer, or after so many seconds.
    fn wait(&self, id: ChangeId, seconds: u64) -> Boxed<'_, Result<Document, Refusal>>;

    fn withdraw(&self, id: ChangeId) -> Boxed<'_, Result<Document, Refusal>>;
}

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    pub snapshot: bool,
    /// Credentials of a session, with which changes are proposed.
    pub session: bool,
}

/// What a snapshot is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    Inventory(InventoryQuery),
    Findings(FindingsQuery),
    Costs(CostsQuery),
    Plan(PlanQuery),
    /// Which of these calls the planner would take.
    Derived(Vec<Action>),
}

/// As the agent listener takes it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Proposal {
    pub intent: String,
    pub actions: Vec<Action>,
}

/// One call in the operation table's spelling.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// As the AWS CLI names it: `cloudformation`.
    #[schemars(length(min = 1, max = 64))]
    pub service: String,
    /// `DeleteStack`.
    #[schemars(length(min = 1, max = 128))]
    pub operation: String,
    /// Without it, the snapshot's where that has only one, else the installation's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub region: Option<String>,
    /// Members by their names on the wire.
    #[serde(default)]
    pub parameters: Document,
    /// Nothing derives it: ours to say, and never a client's.
    #[serde(default, skip_deserializing, skip_serializing_if = "std::ops::Not::not")]
    #[schemars(skip)]
    pub unverified: bool,
}

/// Why a tool did not do it; the agent reads it and goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause}")]
pub struct Refusal {
    /// As in `countersign explain CODE`.
    pub code: String,
    pub cause: String,
    /// What somebody else says of it (the control plane, a file), which may have a cloud's words in it: quoted.
    pub told: Option<String>,
    pub hint: Option<String>,
}

impl Refusal {
    /// Something is wrong with what was asked.
    pub fn usage(cause: impl Into<String>) -> Self {
        Self::new("CS001", cause)
    }

    pub fn new(code: impl Into<String>, cause: impl Into<String>) -> Self {
        Self { code: code.into(), cause: cause.into(), told: None, hint: None }
    }

    #[must_use]
    pub fn told(self, told: impl Into<String>) -> Self {
        Self { told: Some(told.into()), ..self }
    }

    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }
}
