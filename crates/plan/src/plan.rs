//! The plan itself.

use model::{Digest, EffectSet, Timestamp};
use serde::{Deserialize, Serialize};

use crate::Step;

/// The one schema that there is.
pub const SCHEMA: &str = "countersign.plan/v1";

/// What would be done for one goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub schema: String,
    /// Of the steps' calls in their order, and of nothing else: the same plan has the same id, whatever its prose says.
    pub id: Digest,
    /// What is to be achieved, in words that the planner wrote.
    pub goal: String,
    pub basis: Basis,
    /// Never empty.
    pub steps: Vec<Step>,
    /// Of all steps together, by the operation table.
    pub effects: EffectSet,
    /// Other ways that were weighed, the proposed one not among them.
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
    /// What is not known, in words.
    #[serde(default)]
    pub unknowns: Vec<String>,
}

/// What a plan was derived from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Basis {
    /// SHA-256 of the snapshot's text.
    pub snapshot: Digest,
    pub taken: Timestamp,
    pub account: String,
    /// Ids of the findings that it answers.
    pub findings: Vec<String>,
}

/// A way that was not chosen, and what it would mean.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alternative {
    /// As `delete and recreate`.
    pub name: String,
    pub steps: Vec<Step>,
    pub effects: EffectSet,
    /// What it stops, in words.
    pub interrupts: Vec<String>,
    /// What would be gone for good: ids of resources, with those that depend on them or lie in them.
    pub destroys: Vec<String>,
    pub undoable: bool,
    /// Why it was not chosen.
    pub why_not: String,
}
