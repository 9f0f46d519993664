//! What is told: findings, what was spared, what could not be judged. Plain data, as it is written out.

use std::{borrow::Cow, fmt};

use model::{EffectSet, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{Amount, Bound, Class, Danger};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Analyzer and resource: the same finding has the same id in every snapshot.
    pub id: String,
    pub analyzer: &'static str,
    pub class: Class,
    pub resource: Subject,
    pub title: Cow<'static, str>,
    /// Never empty.
    pub facts: Vec<Fact>,
    pub confidence: Confidence,
    /// `None`: a fault, which costs nothing that a price list knows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saving: Option<Saving>,
    /// Of the whole way, by the operation table.
    pub danger: Danger,
    pub traps: Vec<Cow<'static, str>>,
    /// Only where the way to the remedy leads over a mark.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grace: Option<Grace>,
    /// What is proposed now.
    pub remedy: Remedy,
    /// Why what is known to help is not proposed.
    #[serde(skip)]
    pub held_back: Option<HeldBack>,
    /// Every step that would be taken in the end, if people want it: after the grace, or where nothing is proposed by itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub way: Vec<Step>,
}

/// A resource as findings name it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Subject {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub region: String,
}

/// Something that was seen, and the reads that showed it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fact {
    pub text: String,
    /// Ids of the snapshot's reads; never empty.
    pub reads: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Confidence {
    pub level: Level,
    pub why: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Low,
    Medium,
    High,
}

/// Money a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Saving {
    Known(Amount),
    /// And why.
    NotKnown(String),
}

impl Saving {
    /// As `at most about 12.30 USD a month`.
    pub fn told(&self, currency: impl fmt::Display) -> String {
        match self {
            Self::Known(amount) => {
                let bound = match amount.bound {
                    Bound::Exact => "",
                    Bound::AtMost => "at most ",
                };
                let about = if amount.approximate { "about " } else { "" };
                format!("{bound}{about}{} {currency} a month", amount.micros)
            }
            Self::NotKnown(why) => format!("what it costs is not known: {why}"),
        }
    }
}

/// Mark, wait, unmark where it is used again: in place of destroying at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Grace {
    pub state: GraceState,
    pub days: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GraceState {
    NotMarked,
    Marked {
        since: Timestamp,
        until: Timestamp,
    },
    Over {
        since: Timestamp,
    },
    /// Marked, and in use: the mark goes.
    UsedAgain {
        since: Timestamp,
    },
}

/// What would help, as operations for a planner; nothing here carries them out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Remedy {
    Steps(Vec<Step>),
    /// A stack owns it: what is changed beside the stack drifts, or comes back.
    StackUpdate {
        stack: String,
        change: String,
    },
    /// Marked; nothing is to be done before then.
    Wait {
        until: Timestamp,
    },
    /// For people: nothing is proposed, and why.
    Advice(String),
}

/// Why a way is not proposed by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeldBack {
    /// A stack may own it.
    Owner,
    /// It cannot be undone, and confidence is not high.
    Confidence,
    /// It cannot be marked.
    Mark,
}

/// One operation in the table's spelling, as `countersign propose` takes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    pub service: String,
    pub operation: String,
    pub region: String,
    pub parameters: serde_json::Value,
    pub why: String,
    pub effects: EffectSet,
    pub undoable: bool,
}

/// What looked like a finding and is none.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Spared {
    pub analyzer: &'static str,
    pub resource: String,
    pub why: String,
}

/// What is not known, because a read is missing or cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Unjudged {
    pub analyzer: &'static str,
    pub region: String,
    pub why: String,
    /// How many resources this is said of; `None`: of whatever is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resources: Option<usize>,
    /// Some of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<String>,
}

impl Level {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

impl Remedy {
    pub fn steps(&self) -> &[Step] {
        match self {
            Self::Steps(steps) => steps,
            Self::StackUpdate { .. } | Self::Wait { .. } | Self::Advice(_) => &[],
        }
    }
}
