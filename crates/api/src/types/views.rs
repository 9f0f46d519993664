//! What is answered.

use std::collections::BTreeMap;

use model::{
    ChangeId, ChangeState, Digest, EvidenceKind, EvidenceStatus, LinkKind, PersonId, Presence, Role, RuleRef,
    SessionId, Timestamp,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::SessionSummary;
use crate::openapi::words;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeView {
    pub schema: String,
    #[schema(value_type = words::ChangeId)]
    pub id: ChangeId,
    #[schema(value_type = words::Digest)]
    pub digest: Digest,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub agent: String,
    #[schema(value_type = words::PersonId)]
    pub operator: PersonId,
    #[schema(value_type = words::SessionId)]
    pub session: SessionId,
    /// The agent's or operator's own words.
    pub intent: String,
    /// Derived by us.
    pub summary: String,
    pub environment: String,
    pub actions: Vec<ActionView>,
    pub verdict: VerdictView,
    pub approvals: Vec<ApprovalView>,
    pub evidence: Vec<EvidenceView>,
    pub links: Vec<LinkView>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub rejection: Option<RejectionView>,
    /// Where it was withdrawn because nothing is left of what it was about.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub gone: Option<GoneView>,
    #[schema(value_type = words::Timestamp)]
    pub created_at: Timestamp,
    #[schema(value_type = words::Timestamp)]
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ActionView {
    pub operation: String,
    pub effects: Vec<String>,
    pub resources: Vec<String>,
    pub environment: String,
    pub account: String,
    pub region: String,
    pub state: String,
    pub summary: String,
    pub undo: String,
    /// Parameters, secrets redacted.
    pub parameters: Vec<(String, String)>,
    /// What it would carry out in turn.
    pub inner: Vec<String>,
    pub observed: Option<ObservedView>,
    pub unknowns: Vec<String>,
    /// Its answer and its inverse are no longer kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erased: Option<ErasedView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ErasedView {
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    /// The change that erased them.
    #[schema(value_type = words::ChangeId)]
    pub by: ChangeId,
    #[schema(value_type = words::PersonId)]
    pub asked_by: PersonId,
    /// Not for agents.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ground: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ObservedView {
    #[schema(value_type = words::Digest)]
    pub fingerprint: Digest,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    pub facts: Vec<(String, String)>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VerdictView {
    pub kind: String,
    #[schema(value_type = Vec<words::RuleRef>)]
    pub rules: Vec<RuleRef>,
    pub requirement: Option<RequirementView>,
    /// Set where it was denied because it could not be judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    pub alternatives: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RequirementView {
    pub people: u32,
    pub touched: u32,
    /// By the command line, on a machine of their own: what a page showed does not count for these.
    pub rendered: u32,
    #[schema(value_type = BTreeMap<String, u32>)]
    pub roles: BTreeMap<Role, u32>,
    #[schema(value_type = Vec<words::EvidenceKind>)]
    pub evidence: Vec<EvidenceKind>,
    pub window: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ApprovalView {
    #[schema(value_type = words::PersonId)]
    pub person: PersonId,
    /// The most that they showed of themselves.
    #[schema(value_type = words::Presence)]
    pub presence: Presence,
    /// Whether a client of their own showed them what they signed, rather than a page.
    #[serde(default)]
    pub rendered: bool,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct EvidenceView {
    #[schema(value_type = words::EvidenceKind)]
    pub kind: EvidenceKind,
    #[schema(value_type = words::EvidenceStatus)]
    pub status: EvidenceStatus,
    #[schema(value_type = Option<words::Digest>)]
    pub digest: Option<Digest>,
    pub note: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct LinkView {
    #[schema(value_type = words::LinkKind)]
    pub kind: LinkKind,
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejectionView {
    #[schema(value_type = words::PersonId)]
    pub person: PersonId,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GoneView {
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    /// Which targets, and by which reads that is known.
    pub why: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ChangeList {
    pub changes: Vec<ChangeView>,
}

/// `session new`; the only answer that ever holds a secret.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
pub struct SessionIssued {
    #[schema(value_type = words::SessionId)]
    pub id: SessionId,
    pub agent: String,
    #[schema(value_type = words::PersonId)]
    pub operator: PersonId,
    #[schema(value_type = words::Timestamp)]
    pub expires_at: Timestamp,
    pub env: BTreeMap<String, String>,
}

impl std::fmt::Debug for SessionIssued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionIssued({})", self.id)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    #[schema(value_type = words::SessionId)]
    pub id: SessionId,
    pub agent: String,
    #[schema(value_type = words::PersonId)]
    pub operator: PersonId,
    pub task: String,
    pub scope: String,
    pub autonomy: String,
    /// `live`, `expired` or `stopped`.
    pub state: String,
    #[schema(value_type = words::Timestamp)]
    pub issued_at: Timestamp,
    #[schema(value_type = words::Timestamp)]
    pub expires_at: Timestamp,
    /// Where it is a role that an agent took on: in which session, and which role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::SessionId>)]
    pub parent: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// While its glass is broken: until when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::Timestamp>)]
    pub glass_broken_until: Option<Timestamp>,
    /// What it did, where one session is asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub summary: Option<SessionSummary>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionList {
    pub sessions: Vec<SessionView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StatementView {
    pub statement: String,
}

/// What adopting it would have changed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SimulationView {
    pub schema: String,
    /// The bundle in force.
    #[schema(value_type = words::Digest)]
    pub before: Digest,
    #[schema(value_type = words::Digest)]
    pub bundle: Digest,
    #[schema(value_type = words::Timestamp)]
    pub since: Timestamp,
    /// How many changes were judged under both.
    pub judged: usize,
    /// Oldest first.
    pub changed: Vec<RejudgedView>,
    pub unjudged: Vec<UnjudgedView>,
    /// Those of which the record, made under the bundle in force, says otherwise: judged again at another hour, or resting on
    /// what is not on record.
    #[schema(value_type = Vec<words::ChangeId>)]
    pub uncertain: Vec<ChangeId>,
    /// Countersign's own changes, which take two people whatever a bundle says.
    pub own: usize,
    /// Not all that is on record since then was looked at; `since` says how far back.
    pub cut: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct RejudgedView {
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
    #[schema(value_type = words::Timestamp)]
    pub at: Timestamp,
    pub agent: String,
    #[schema(value_type = words::PersonId)]
    pub operator: PersonId,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub summary: String,
    pub before: VerdictView,
    pub after: VerdictView,
    /// As last judged, where the bundle in force says otherwise by now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_record: Option<VerdictView>,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UnjudgedView {
    #[schema(value_type = words::ChangeId)]
    pub change: ChangeId,
    pub why: String,
}

/// A bundle that is, was or may come into force.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct BundleView {
    #[schema(value_type = words::Digest)]
    pub bundle: Digest,
    pub files: BTreeMap<String, String>,
    /// Absent where it came with the installation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub certificate: Option<String>,
    /// With the bundle that was in force when it was asked for; absent too where its rules were the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<String>,
}

/// An operation table that a bundle rests on, by its digest.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct TableView {
    #[schema(value_type = words::Digest)]
    pub table: Digest,
    pub text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignedView {
    #[schema(value_type = words::ChangeId)]
    pub id: ChangeId,
    #[schema(value_type = words::ChangeState)]
    pub state: ChangeState,
    pub note: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct GenesisView {
    #[schema(value_type = words::Digest)]
    pub genesis: Digest,
    /// The genesis document itself: its fingerprint is `genesis`, and it names the log's key.
    pub document: String,
    pub profile: String,
    /// In force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    #[schema(value_type = Option<words::Digest>)]
    pub bundle: Option<Digest>,
    pub checkpoint: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ConsistencyView {
    /// The present checkpoint, as a signed note.
    pub checkpoint: String,
    /// Hashes, hexadecimal, from the size asked for to the checkpoint's.
    pub proof: Vec<String>,
}

/// For one signed request, within a minute.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct NonceView {
    pub nonce: String,
}

/// Whose key it is.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PersonView {
    #[schema(value_type = words::PersonId)]
    pub person: PersonId,
}

/// A report of an agent's is on record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reported {
    pub entry: model::EntryId,
}
