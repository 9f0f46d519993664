//! One canonical envelope per event. An entry's JSON, its members in this order, is the leaf of the ledger's tree.
//!
//! An entry says *why*, not only what, and binds the row that the event leaves behind in the store: `subject.state`
//! is the SHA-256 of that row's document, so an edited row contradicts the log.

use serde::{Deserialize, Serialize};

use crate::{AgentId, ChangeId, Digest, EntryId, PersonId, SessionId, StepState, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// Always entry 0: what this installation is.
    Genesis,
    /// Entry 1, where this log continues one that could not go on: which, how far, and what of it is lost.
    ContinuityBroken,
    /// A row that came over from the log before, as it is from here on; these follow `continuity_broken` without a gap.
    RowCarried,
    /// Two people agreed, by the roster in force until then ([`Adoption`](crate::Adoption)): `bundle` is in force from here
    /// on, with the `roster` and the operation `table` that it rests on. `change` is the one that adopted it, `from` the bundle before.
    BundleAdopted,
    SessionIssued,
    SessionStopped,
    /// Plain reads, many to an entry.
    ReadsAdmitted,
    /// Written by no version: what is allowed has its permit, which says why. Whoever finds one finds nothing let through by it.
    ActionAllowed,
    ActionDenied,
    ChangeHeld,
    /// One more action that was asked for alone stands in it now; `actions` lists the digests of all.
    ChangeJoined,
    /// A person opened it: no action joins it any more.
    ChangeSealed,
    /// Judged again: the verdict, the state or the evidence differs from before.
    ChangeJudged,
    ApprovalGiven,
    ApprovalRefused,
    ChangeRejected,
    ChangeReopened,
    ChangeWithdrawn,
    ChangeExpired,
    /// Something is let through, and why: the `verdict`, the `rules` that asked for something, the `grants` that let it through
    /// (those of the agent and of the operator, by their files), all of the entry's `bundle`. `asked_in` is the session that asked for
    /// it, where that is not the one that its change belongs to.
    PermitIssued,
    OutcomeRecorded,
    OutcomeUnknown,
    /// Two people agreed: `bodies` of an action of `of` and their salts are gone from the blob store. `change` is the one
    /// that erased them.
    BodyErased,
    /// Two people agreed: the `session` has a `grant` besides its own, and is spared what the rules in `waives` ask for, `until`
    /// then ([`BreakGlass`](crate::BreakGlass)). `change` is the one that broke it.
    GlassBroken,
    /// Bodies that lay in a document of an earlier version lie in the blob store now.
    BodyMoved,
    /// A person signed in to the console, by the `request` that they signed for it or by their account elsewhere (`identity`, and
    /// the digest of the provider's `id_token`): they read there from now on, and may stop sessions.
    SignedIn,
    /// What an agent says of itself: what its own checks stopped its language model from. Its word, of which nothing follows.
    AgentReported,
    /// Requests that no session signed, counted per source and minute.
    AuthenticationFailed,
    /// A witness cosigned a checkpoint, for the first time or after it had been away; the note is in `checkpoint`.
    CheckpointWitnessed,
    Alarm,
}

/// What became of something that an agent's language model wanted: how a line of an [`AgentReported`](EntryKind::AgentReported) begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportedAs {
    /// The agent did not do what the model called for.
    Refused,
    /// The model said that something is so which only people, checks or rules can make so.
    Claimed,
    /// The agent asked its model no further.
    Ended,
}

impl ReportedAs {
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Claimed => "claimed",
            Self::Ended => "ended",
        }
    }
}

/// The row an event leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// `session`, `change` or `approval`.
    pub table: String,
    pub id: String,
    /// SHA-256 of the row's document as stored after this event.
    pub state: Digest,
}

/// Who: the whole chain, as far as the event has one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actors {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub agent: Option<AgentId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub operator: Option<PersonId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub session: Option<SessionId>,
    /// Who signed, where a person did.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub person: Option<PersonId>,
}

/// One event. Field order is the order of the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// `countersign.entry/v1`.
    pub schema: String,
    pub id: EntryId,
    pub at: Timestamp,
    pub kind: EntryKind,
    pub actors: Actors,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change: Option<ChangeId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub change_digest: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bundle: Option<Digest>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub subject: Option<Subject>,
    /// What the kind of event adds: statement and signature, rules and reasons, commitments to bodies…
    pub detail: std::collections::BTreeMap<String, String>,
}

impl Entry {
    pub const SCHEMA: &str = "countersign.entry/v1";
    /// C2SP tlog-tiles: entries are length-prefixed with a uint16.
    pub const MAX_BYTES: usize = 65_535;
    /// Why a change is approved, in a [`ChangeJudged`](EntryKind::ChangeJudged).
    pub const EVERY_SIGNATURE: &str = "every signature it needs is there";

    /// In the genesis of a log each of whose permits says why.
    pub const PERMITS_SAY_WHY: (&str, &str) = ("permits", "say why");

    /// Whether it says that a change is approved from here on.
    pub fn says_approved(&self) -> bool {
        self.kind == EntryKind::ChangeJudged
            && self.detail.get("why").is_some_and(|why| why == Self::EVERY_SIGNATURE)
    }

    /// Whether it says that what was let through happened: by what the upstream answered, or by what a later reading of the target
    /// found. An outcome that says neither is believed to be one.
    pub fn says_happened(&self) -> bool {
        let said = |name: &str| self.detail.get(name).map(String::as_str);
        let status = said("status").and_then(|text| text.parse::<u16>().ok());
        self.kind == EntryKind::OutcomeRecorded
            && status.is_none_or(|status| (200..400).contains(&status))
            && said("not_sent").is_none()
            && said("state").is_none_or(|state| state == StepState::Executed.name())
    }

    pub fn new(id: EntryId, at: Timestamp, kind: EntryKind) -> Self {
        Self {
            schema: Self::SCHEMA.to_owned(),
            id,
            at,
            kind,
            actors: Actors::default(),
            change: None,
            change_digest: None,
            bundle: None,
            subject: None,
            detail: std::collections::BTreeMap::new(),
        }
    }
}
