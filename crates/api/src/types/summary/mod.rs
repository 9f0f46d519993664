//! What a session read, what came of what it asked for, and what it was refused: made of what is on record, and bounded however
//! much it did.

mod made;
mod text;

use model::{ChangeId, ChangeState, PersonId, SessionId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

pub use text::{Line, times_of};

use crate::openapi::words;

/// What a session did. Lists are cut: `more` counts what is not in them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionSummary {
    #[schema(value_type = words::Timestamp)]
    pub began: Timestamp,
    /// When it last asked for or did anything that is on record.
    #[schema(value_type = Option<words::Timestamp>)]
    pub last_acted: Option<Timestamp>,
    /// Once it is over.
    pub ended: Option<EndedView>,
    pub verdicts: VerdictCounts,
    pub read: ReadSummary,
    pub changed: ChangedSummary,
    pub held: HeldSummary,
    pub refused: RefusedSummary,
    pub lapsed: LapsedSummary,
    /// What it says of its own language model, where it has one: its word, from which nothing follows.
    #[serde(default)]
    pub reported: ReportedSummary,
    /// Where it is a role that was taken on: the session with which its changes are told of.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::SessionId>)]
    pub came_from: Option<SessionId>,
    /// Sessions of roles that it took on. What they changed is told of here, what they read with themselves.
    pub roles: Vec<RoleView>,
    pub more_roles: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedView {
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    /// `expired` or `stopped`.
    pub why: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::PersonId>)]
    pub by: Option<PersonId>,
}

/// How often it was let, was to wait, or was denied, as things stand. What people agreed to and what then ran was let; what nobody
/// agreed to in time, what somebody rejected and what was withdrawn was to wait.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct VerdictCounts {
    pub allow: u64,
    pub hold: u64,
    pub deny: u64,
}

/// Plain reads that passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadSummary {
    pub times: u64,
    /// The one asked most often first.
    pub services: Vec<ServiceRead>,
    pub more_services: u64,
    /// What was read most often.
    pub most: Vec<ReadOften>,
    pub more: u64,
    /// It read more different things than are told apart.
    pub merged: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceRead {
    pub service: String,
    pub times: u64,
    pub operations: Vec<OperationRead>,
    pub more_operations: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OperationRead {
    pub operation: String,
    pub times: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReadOften {
    pub operation: String,
    /// What it named; empty where it named nothing.
    pub resource: String,
    pub times: u64,
}

/// Changes that ran, or are about to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedSummary {
    pub executing: u64,
    pub executed: u64,
    pub undone: u64,
    pub failed: u64,
    pub unknown: u64,
    pub newest: Vec<ChangedView>,
    pub more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ChangedView {
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub summary: String,
    pub environment: String,
    /// How many actions it has, and how many of them ran.
    pub actions: u64,
    pub ran: u64,
    /// Whether it could be taken back, or was.
    pub undo: String,
    #[schema(value_type = Vec<words::PersonId>)]
    pub approved_by: Vec<PersonId>,
}

/// Changes that wait.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldSummary {
    /// For people.
    pub held: u64,
    /// For the agent, which may run them.
    pub approved: u64,
    pub newest: Vec<HeldView>,
    pub more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct HeldView {
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub summary: String,
    pub environment: String,
    /// The rules that hold it.
    pub rules: Vec<String>,
    /// In the words of the first of them.
    pub why: String,
    /// What is missing.
    pub needs: String,
    #[schema(value_type = Vec<words::PersonId>)]
    pub approved_by: Vec<PersonId>,
}

/// What it was not let do.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedSummary {
    /// Changes, by rules or because they could not be judged.
    pub denied: u64,
    /// Changes, by a person.
    pub rejected: u64,
    /// What was denied without a change of its own, as reads are.
    pub in_passing: u64,
    pub newest: Vec<RefusedView>,
    pub more: u64,
    /// What was denied in passing most often.
    pub most: Vec<RefusedOften>,
    pub more_in_passing: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedView {
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub summary: String,
    pub environment: String,
    /// The rules that deny it.
    pub rules: Vec<String>,
    /// Who rejected it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::PersonId>)]
    pub by: Option<PersonId>,
    /// In that person's words or the first rule's; or what kept it from being judged.
    pub why: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RefusedOften {
    /// Empty where `resource` tells in words what was asked for.
    pub operation: String,
    pub resource: String,
    /// The rules, a code that `countersign explain` knows, or words.
    pub why: String,
    pub times: u64,
}

/// Held changes that are closed and never ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LapsedSummary {
    pub expired: u64,
    pub withdrawn: u64,
}

/// What an agent's own checks kept from its language model, what that claimed, and why it was asked no further.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedSummary {
    /// What the model wanted and did not get.
    pub refused: u64,
    /// What it said that only people, checks or rules can make so.
    pub claimed: u64,
    /// Conversations that were broken off.
    pub ended: u64,
    /// Lines that no report had room for.
    pub left_out: u64,
    pub most: Vec<ReportedOften>,
    pub more: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ReportedOften {
    /// `refused`, `claimed` or `ended`; empty where it was left out.
    pub outcome: String,
    pub why: String,
    pub times: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RoleView {
    #[schema(value_type = words::SessionId)]
    pub session: SessionId,
    pub role: String,
}

impl ReadSummary {
    pub const fn is_empty(&self) -> bool {
        self.times == 0
    }
}

/// What is told by how many there are of each.
pub trait Counted {
    /// Each with its word, in the order in which they are told.
    fn counts(&self) -> Vec<(u64, &'static str)>;

    fn all(&self) -> u64 {
        self.counts().into_iter().fold(0, |all, (count, _)| all.saturating_add(count))
    }

    /// `2 executed, 1 undone`: what there is of each.
    fn each(&self) -> String {
        let there = self.counts().into_iter().filter(|(count, _)| *count > 0);
        there.map(|(count, what)| format!("{count} {what}")).collect::<Vec<_>>().join(", ")
    }
}

impl Counted for ChangedSummary {
    fn counts(&self) -> Vec<(u64, &'static str)> {
        vec![
            (self.executing, "executing"),
            (self.executed, "executed"),
            (self.undone, "undone"),
            (self.failed, "failed"),
            (self.unknown, "of unknown outcome"),
        ]
    }
}

impl Counted for HeldSummary {
    fn counts(&self) -> Vec<(u64, &'static str)> {
        vec![(self.held, "waiting for people"), (self.approved, "approved and waiting for the agent")]
    }
}

impl Counted for RefusedSummary {
    fn counts(&self) -> Vec<(u64, &'static str)> {
        vec![(self.denied, "denied"), (self.rejected, "rejected"), (self.in_passing, "denied in passing")]
    }
}

impl Counted for ReportedSummary {
    fn counts(&self) -> Vec<(u64, &'static str)> {
        vec![
            (self.refused, "refused"),
            (self.claimed, "claimed"),
            (self.ended, "ended"),
            (self.left_out, "left out"),
        ]
    }
}

impl Counted for LapsedSummary {
    fn counts(&self) -> Vec<(u64, &'static str)> {
        vec![(self.expired, "expired"), (self.withdrawn, "withdrawn")]
    }
}

#[cfg(test)]
mod tests;
