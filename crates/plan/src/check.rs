//! What a machine looks at before and after a step: a read, and what its answer must say.

use serde::{Deserialize, Serialize};

use crate::Call;

/// One look at the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Of small letters, digits and hyphens, as a specification's check; unique in its plan.
    pub id: String,
    /// What holds where it passes, in words.
    pub verifies: String,
    /// A plain read by the operation table; whatever else it is, is refused.
    pub read: Call,
    pub expect: Expectation,
    #[serde(default)]
    pub patience: Patience,
}

/// What the answer must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// The read succeeds, and every value at `path` (members apart by dots, `[]` for each item of a list) compares so; no value
    /// at all is a failure.
    All { path: String, is: Comparison },
    /// As [`Self::All`], and one value is enough.
    Any { path: String, is: Comparison },
    /// The read succeeds.
    Answers,
    /// The cloud says that there is no such thing (one of these error codes), or the list at `path` is empty.
    Absent { codes: Vec<String>, path: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    Equals(serde_json::Value),
    /// One of these texts.
    OneOf(Vec<String>),
    AtLeast(i64),
    AtMost(i64),
    Not(serde_json::Value),
}

/// How long an answer may be wrong before it counts: what a cloud does takes a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// Looks after the first; 0: once.
    pub again: u16,
    /// Seconds between two looks.
    pub every_s: u16,
}
