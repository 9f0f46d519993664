//! A read: what was asked, when, and whether it was answered.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Text, neutral};

/// When the first and the last read were made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Taken {
    pub from: Timestamp,
    pub until: Timestamp,
}

/// One question to the cloud with all of its pages.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Read<'a> {
    #[serde(borrow)]
    pub id: Text<'a>,
    /// In the operation table's spelling: `ec2:DescribeVolumes`.
    #[serde(borrow)]
    pub operation: Text<'a>,
    /// None: the service has no regions, or the answer is of all of them.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Text<'a>>,
    /// The one resource that it asks about.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub about: Option<Text<'a>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<&'a RawValue>,
    pub at: Timestamp,
    pub outcome: Outcome,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Text<'a>>,
}

/// How a read ended; ascending by how little it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything that it asked for.
    Complete,
    /// The cloud says that there is no such thing (a bucket without a lifecycle).
    Absent,
    /// The first pages only.
    Truncated,
    Failed,
    Denied,
}

impl Outcome {
    /// Whether what is not in the answer is not there.
    pub const fn is_whole(self) -> bool {
        match self {
            Self::Complete | Self::Absent => true,
            Self::Truncated | Self::Failed | Self::Denied => false,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Absent => "absent",
            Self::Truncated => "truncated",
            Self::Failed => "failed",
            Self::Denied => "denied",
        }
    }
}

/// A read's place in its snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReadRef(pub(crate) u32);

/// What is known of everything that an operation lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// By these reads.
    Whole(Vec<ReadRef>),
    /// The read that ended worst.
    Lacking(ReadRef, Outcome),
    /// Asked with a filter only: what that let through is known, and nothing else.
    InPart(ReadRef),
    NeverAsked,
}

impl Coverage {
    pub const fn is_whole(&self) -> bool {
        matches!(self, Self::Whole(_))
    }
}

impl Read<'_> {
    /// A question with filters is answered whole and still says nothing of what they kept back. Whatever is not known to keep nothing
    /// back is a filter.
    pub(crate) fn is_filtered(&self) -> bool {
        let Some(parameters) = self.parameters else { return false };
        let given: Result<BTreeMap<Text<'_>, &RawValue>, _> = serde_json::from_str(parameters.get());
        let operation = self.operation.as_str();
        given.map_or(true, |given| {
            given.iter().any(|(name, value)| !neutral::is_neutral(operation, name.as_str(), value.get()))
        })
    }
}
