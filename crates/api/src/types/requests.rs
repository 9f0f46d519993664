//! What is sent.

use std::collections::BTreeMap;

use model::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::openapi::words;

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SessionRequest {
    pub agent: String,
    pub operator: String,
    pub task: String,
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub autonomy: Option<String>,
    pub ttl_seconds: i64,
    /// Point the agent's clients at a proxy rather than at an endpoint.
    #[serde(default)]
    pub proxy: bool,
}

/// Whose live sessions to stop: one agent's, or with `all` everybody's. What says neither or both stops nothing.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StopRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    #[serde(default)]
    pub all: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct SignRequest {
    pub statement: String,
    /// SSHSIG, armored; or the text of a passkey's assertion.
    pub signature: String,
}

/// What to undo of a change; an empty body asks for its only action.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// Counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<usize>,
}

/// Whose bodies to erase, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// Counted from 0; the only one, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<usize>,
    pub ground: String,
}

/// What a session shall be given beyond its own, for how long, and why.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BreakGlassRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// Ids of rules that are marked `@breakglass`.
    #[serde(default)]
    pub waives: Vec<String>,
    pub minutes: u32,
    pub ground: String,
}

/// A bundle to be adopted, as text by its paths, and what `countersign policy prove` wrote of it.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    pub files: BTreeMap<String, String>,
    pub certificate: String,
    /// What the rules newly allow in the place of those in force; absent where they are the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<String>,
}

/// A bundle under which what is on record since then is to be judged again.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    pub files: BTreeMap<String, String>,
    #[schema(value_type = words::Timestamp)]
    pub since: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Proposal {
    pub intent: String,
    pub actions: Vec<ProposedAction>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProposedAction {
    /// As the AWS CLI names it: `cloudformation`.
    pub service: String,
    pub operation: String,
    #[serde(default)]
    pub region: Option<String>,
    /// Members by their names on the wire.
    #[serde(default)]
    pub parameters: serde_json::Value,
    /// Nobody but a language model vouches for it: it then takes one more person.
    #[serde(default)]
    pub unverified: bool,
}

/// What an agent says of a conversation with its language model; goes on record as its word.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportRequest {
    /// What the agent was asked for.
    pub asked: String,
    pub lines: Vec<ReportLine>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportLine {
    pub outcome: model::ReportedAs,
    pub why: String,
}
