//! The JSON of the API and of `--output json`: one type for both. Contracts outside scripts rely on.

use std::collections::BTreeMap;

use model::{
    Approval, Change, ChangeId, ChangeState, Digest, EvidenceKind, EvidenceStatus, LinkKind, PersonId,
    Presence, Role, RuleRef, Session, SessionId, Timestamp, Verdict,
};
use serde::{Deserialize, Serialize};

pub const CHANGE_SCHEMA: &str = "countersign.change/v1";

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeView {
    pub schema: String,
    pub id: ChangeId,
    pub digest: Digest,
    pub state: ChangeState,
    pub agent: String,
    pub operator: PersonId,
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
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
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
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ObservedView {
    pub fingerprint: Digest,
    pub at: Timestamp,
    pub facts: Vec<(String, String)>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerdictView {
    pub kind: String,
    pub rules: Vec<RuleRef>,
    pub requirement: Option<RequirementView>,
    pub alternatives: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequirementView {
    pub people: u32,
    pub touched: u32,
    pub roles: BTreeMap<Role, u32>,
    pub evidence: Vec<EvidenceKind>,
    pub window: Option<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ApprovalView {
    pub person: PersonId,
    pub presence: Presence,
    pub at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct EvidenceView {
    pub kind: EvidenceKind,
    pub status: EvidenceStatus,
    pub digest: Option<Digest>,
    pub note: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkView {
    pub kind: LinkKind,
    pub change: ChangeId,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RejectionView {
    pub person: PersonId,
    pub at: Timestamp,
    pub reason: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ChangeList {
    pub changes: Vec<ChangeView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionRequest {
    pub agent: String,
    pub operator: String,
    pub task: String,
    #[serde(default)]
    pub scope: String,
    #[serde(default)]
    pub autonomy: Option<String>,
    pub ttl_seconds: i64,
}

/// `session new`; the only answer that ever holds a secret.
#[derive(Clone, Serialize, Deserialize)]
pub struct SessionIssued {
    pub id: SessionId,
    pub agent: String,
    pub operator: PersonId,
    pub expires_at: Timestamp,
    pub env: BTreeMap<String, String>,
}

impl std::fmt::Debug for SessionIssued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionIssued({})", self.id)
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionView {
    pub id: SessionId,
    pub agent: String,
    pub operator: PersonId,
    pub task: String,
    pub scope: String,
    pub autonomy: String,
    /// `live`, `expired` or `stopped`.
    pub state: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SessionList {
    pub sessions: Vec<SessionView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct StatementView {
    pub statement: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignRequest {
    pub statement: String,
    /// SSHSIG, armored.
    pub signature: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SignedView {
    pub id: ChangeId,
    pub state: ChangeState,
    pub note: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GenesisView {
    pub genesis: Digest,
    /// The genesis document itself: its fingerprint is `genesis`, and it names the log's key.
    pub document: String,
    pub profile: String,
    pub checkpoint: String,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ConsistencyView {
    /// The present checkpoint, as a signed note.
    pub checkpoint: String,
    /// Hashes, hexadecimal, from the size asked for to the checkpoint's.
    pub proof: Vec<String>,
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
}

impl ChangeView {
    pub fn of(change: &Change, approvals: &[Approval]) -> Self {
        Self {
            schema: CHANGE_SCHEMA.to_owned(),
            id: change.id,
            digest: change.digest,
            state: change.state,
            agent: change.chain.agent.to_string(),
            operator: change.chain.operator.clone(),
            session: change.session,
            intent: change.intent.clone(),
            summary: change
                .steps
                .iter()
                .map(|step| step.action.summary.as_str())
                .collect::<Vec<_>>()
                .join(" "),
            environment: change.environment.name.to_string(),
            actions: change.steps.iter().map(ActionView::of).collect(),
            verdict: VerdictView::of(&change.verdict),
            approvals: approvals
                .iter()
                .map(|it| ApprovalView { person: it.person.clone(), presence: it.presence, at: it.at })
                .collect(),
            evidence: change
                .evidence
                .iter()
                .map(|it| EvidenceView {
                    kind: it.kind,
                    status: it.status,
                    digest: it.digest,
                    note: it.note.clone(),
                })
                .collect(),
            links: change.links.iter().map(|it| LinkView { kind: it.kind, change: it.change }).collect(),
            rejection: change.rejection.as_ref().map(|it| RejectionView {
                person: it.approval.person.clone(),
                at: it.approval.at,
                reason: it.reason.clone(),
            }),
            created_at: change.created_at,
            expires_at: change.expires_at,
        }
    }
}

impl ActionView {
    fn of(step: &model::Step) -> Self {
        Self {
            operation: step.action.operation.to_string(),
            effects: step.action.effects.iter().map(|it| it.name().to_owned()).collect(),
            resources: step.action.resources.iter().map(|it| it.name.clone()).collect(),
            environment: step.environment.name.to_string(),
            account: step.action.account.0.clone(),
            region: step.action.region.0.clone(),
            state: serde_json::to_value(step.state)
                .ok()
                .and_then(|it| it.as_str().map(str::to_owned))
                .unwrap_or_default(),
            summary: step.action.summary.clone(),
            undo: match (&step.undo, step.action.undo) {
                (Some(undo), _) => format!("captured: {}", undo.summary),
                (None, model::Undo::NotNeeded | model::Undo::Additive) => "not needed".to_owned(),
                (None, model::Undo::Capturable | model::Undo::Unlisted) => "not captured".to_owned(),
            },
            parameters: step.action.shown.clone(),
            inner: step.observation.iter().flat_map(|it| &it.inner).map(|it| it.summary.clone()).collect(),
            observed: step.observation.as_ref().map(|it| ObservedView {
                fingerprint: it.fingerprint,
                at: it.at,
                facts: it.facts.clone(),
            }),
            unknowns: step
                .action
                .unknowns
                .iter()
                .chain(step.observation.iter().flat_map(|it| &it.unknowns))
                .cloned()
                .collect(),
        }
    }
}

impl VerdictView {
    fn of(verdict: &Verdict) -> Self {
        let (requirement, alternatives) = match verdict {
            Verdict::Allow => (None, &[][..]),
            Verdict::Hold(hold) => {
                let requirement = RequirementView {
                    people: hold.requirement.people,
                    touched: hold.requirement.touched,
                    roles: hold.requirement.roles.iter().map(|role| (role.clone(), 1)).collect(),
                    evidence: hold.requirement.evidence.iter().copied().collect(),
                    window: hold.requirement.window.clone(),
                };
                (Some(requirement), &hold.alternatives[..])
            }
            Verdict::Deny(denial) => (None, &denial.alternatives[..]),
        };
        Self {
            kind: verdict.name().to_owned(),
            rules: verdict.rules().to_vec(),
            requirement,
            alternatives: alternatives.iter().map(|it| it.0.clone()).collect(),
        }
    }
}

impl SessionView {
    pub fn of(session: &Session, now: Timestamp) -> Self {
        Self {
            id: session.id,
            agent: session.chain.agent.to_string(),
            operator: session.chain.operator.clone(),
            task: session.task.clone(),
            scope: session.scope.to_string(),
            autonomy: session.autonomy.to_string(),
            state: session.closed(now).unwrap_or("live").to_owned(),
            issued_at: session.issued_at,
            expires_at: session.expires_at,
        }
    }
}
