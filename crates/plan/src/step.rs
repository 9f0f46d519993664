//! One step: a call, why, what it does by the table, what must hold before and after, and how it is undone.

use findings::canonical;
use model::{EffectSet, Value, sanitize};
use serde::{Deserialize, Serialize};

use crate::Check;

/// One operation in the table's spelling: what `countersign propose` takes, and what an SDK would send.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// As the AWS CLI names it: `cloudformation`.
    pub service: String,
    pub operation: String,
    pub region: String,
    /// Members by their names on the wire.
    pub parameters: serde_json::Value,
}

impl Call {
    /// For digests: the call and nothing else.
    pub(crate) fn value(&self) -> Value {
        let Self { service, operation, region, parameters } = self;
        Value::map([
            ("service", Value::text(service)),
            ("operation", Value::text(operation)),
            ("region", Value::text(region)),
            ("parameters", canonical(parameters)),
        ])
    }

    /// In one line for people; names in it are the cloud's own.
    pub fn told(&self) -> String {
        format!(
            "{}:{} {}",
            sanitize(&self.service, 64),
            sanitize(&self.operation, 128),
            sanitize(&self.parameters.to_string(), 1000)
        )
    }
}

/// A step of a plan. Steps run in their order, each only once everything before it ran and was checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Unique in its plan; the task of a specification that this step carries out bears the same (`1.1`).
    pub id: String,
    pub call: Call,
    /// In words for people.
    pub why: String,
    /// Ids of the resources that it is about.
    pub about: Vec<String>,
    /// By the operation table.
    pub effects: EffectSet,
    /// By the operation table: whether it can be undone.
    pub undoable: bool,
    /// What it stops for a while, in words; `None`: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupts: Option<String>,
    /// All must hold, or the step is not asked for.
    pub before: Vec<Check>,
    /// All must hold in the end, or the plan stops here and what ran is undone.
    pub after: Vec<Check>,
    pub undo: Undo,
    pub origin: Origin,
}

impl Step {
    /// Ids of the findings that it answers.
    pub fn findings(&self) -> &[String] {
        match &self.origin {
            Origin::Derived { findings } => findings,
            Origin::Unverified { .. } => &[],
        }
    }
}

/// How what a step did is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Undo {
    /// Nothing needs undoing: it read, or made only a copy that harms nobody (and why).
    NotNeeded(String),
    /// The engine captures the inverse before the step runs, by the operation table.
    Captured,
    /// These, in order: the table knows no inverse, and the planner does.
    Calls(Vec<Call>),
    /// And why.
    Impossible(String),
}

impl Undo {
    /// For people.
    pub fn told(&self) -> String {
        match self {
            Self::Captured => "captured before it runs".into(),
            Self::NotNeeded(why) => format!("not needed: {}", sanitize(why, 300)),
            Self::Impossible(why) => format!("none: {}", sanitize(why, 300)),
            Self::Calls(calls) => calls.iter().map(Call::told).collect::<Vec<_>>().join(", then "),
        }
    }
}

/// Who says that this step is right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Origin {
    /// Derived by the planner from these findings, or from a goal where the list is empty.
    Derived { findings: Vec<String> },
    /// A model's word: the planner could not derive it from snapshot and table. It needs more people.
    Unverified { why: String },
}
