//! The plan itself.

use model::{Digest, EffectSet, Timestamp, Value};
use serde::{Deserialize, Serialize};

use crate::{Check, Step};

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
    /// The plan that must have run before this one, where there is one: what this one acts on is not there yet, or people look first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub follows: Option<Digest>,
    /// Never empty.
    pub steps: Vec<Step>,
    /// What shall stay as it is, looked at before and after each step.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guards: Vec<Check>,
    /// Of all steps together, by the operation table.
    pub effects: EffectSet,
    /// Policy decides: whoever asks a server fills it in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    /// Other ways that were weighed, the proposed one not among them.
    #[serde(default)]
    pub alternatives: Vec<Alternative>,
    /// What is not known, in words.
    #[serde(default)]
    pub unknowns: Vec<String>,
    /// What people should know before they agree, in words.
    #[serde(default)]
    pub traps: Vec<String>,
}

impl Plan {
    /// Over the calls, in their order.
    pub fn id_of(steps: &[Step]) -> Digest {
        Value::List(steps.iter().map(|step| step.call.value()).collect()).digest(SCHEMA)
    }
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
    /// What of it never comes back, in words: data, addresses, names.
    #[serde(default)]
    pub loses: Vec<String>,
    pub undoable: bool,
    /// As a plan's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<People>,
    /// Why it was not chosen.
    pub why_not: String,
}

/// Whom a server's rules would ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct People {
    /// `None`: the rules deny it, whoever agrees.
    pub count: Option<u32>,
    /// The rules that say so, and what they ask for besides people.
    pub why: String,
}

impl People {
    /// In one word.
    pub fn how_many(&self) -> String {
        match self.count {
            None => "denied".to_owned(),
            Some(0) => "nobody".to_owned(),
            Some(count) => count.to_string(),
        }
    }
}

impl std::fmt::Display for People {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.how_many())?;
        if self.why.is_empty() { Ok(()) } else { write!(f, ": {}", self.why) }
    }
}

/// The answer to one goal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plans {
    /// In their order: undoable ones first; what follows another stands behind it.
    pub plans: Vec<Plan>,
    /// What no plan answers.
    pub left: Vec<Left>,
}

/// Something that the goal asks for and no plan does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Left {
    /// A finding's id, or a resource's.
    pub about: String,
    pub why: String,
}
