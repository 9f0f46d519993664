//! Measured facts gathered by the control plane before a verdict, and again before anything runs.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Digest, EffectSet, Kept, Operation, Request, Resource, Timestamp, Value};

/// What kinds of evidence there are. The order is the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceKind {
    StateObserved,
    UndoCaptured,
    InnerListed,
    BackupVerified,
    DryRun,
    Rehearsal,
}

impl EvidenceKind {
    pub const ALL: [Self; 6] = [
        Self::StateObserved,
        Self::UndoCaptured,
        Self::InnerListed,
        Self::BackupVerified,
        Self::DryRun,
        Self::Rehearsal,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::StateObserved => "state_observed",
            Self::UndoCaptured => "undo_captured",
            Self::InnerListed => "inner_listed",
            Self::BackupVerified => "backup_verified",
            Self::DryRun => "dry_run",
            Self::Rehearsal => "rehearsal",
        }
    }
}

impl fmt::Display for EvidenceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for EvidenceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| format!("`{text}` is no kind of evidence"))
    }
}

/// The state of an action's targets as a projection of the members that matter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    pub at: Timestamp,
    /// The projection itself, for people's eyes: `name → value`, secrets never among them.
    pub facts: Vec<(String, String)>,
    /// Digest of the projection ([`Observation::fingerprint_of`]); equal while nothing that matters has changed.
    pub fingerprint: Digest,
    /// Where the action runs others (a stack's resources, a change set's changes): each of them.
    pub inner: Vec<InnerAction>,
    /// Whether `inner` is all that it would run; where some could not be listed, `unknowns` says so.
    pub inner_whole: bool,
    /// What could not be read, one plain phrase each.
    pub unknowns: Vec<String>,
}

impl Observation {
    pub fn fingerprint_of(projection: &Value) -> Digest {
        projection.digest("countersign/observation/v1")
    }
}

/// What of a request names its one target, by member: enough to look for it again, and nothing else of the request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sought(pub BTreeMap<String, String>);

/// What came of looking for a target again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    There,
    /// Whoever was asked answers that there is no such thing.
    Gone(Absence),
    /// Refused, cut short, broken or not asked: why, in a phrase.
    Unknown(String),
}

/// That a target is not there any more, as the answer to one read says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absence {
    pub read: Operation,
    /// Of what was asked and what was answered.
    pub digest: Digest,
}

/// One action that another would carry out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InnerAction {
    pub operation: Operation,
    pub effects: EffectSet,
    pub resources: Vec<Resource>,
    pub summary: String,
}

/// A captured inverse: the request that undoes an action, ready to be classified and admitted as itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapturedUndo {
    pub summary: String,
    /// The signing service and region of `request`, which carries no signature.
    pub service: String,
    pub region: String,
    pub request: Request,
    /// Undoing deletes what the action created.
    pub removes_created: bool,
}

/// A captured inverse as a document has it: its request repeats what the target held, so it lies in the blob store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUndo {
    pub summary: String,
    /// See [`CapturedUndo::service`].
    pub service: String,
    pub region: String,
    pub request: Kept<Request>,
    pub removes_created: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceStatus {
    Gathered,
    Missing,
}

/// One piece of evidence as a change carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    pub kind: EvidenceKind,
    pub status: EvidenceStatus,
    /// Digest of what was gathered; absent where nothing was.
    pub digest: Option<Digest>,
    /// Why it is missing, or what was found, in a phrase.
    pub note: String,
}
