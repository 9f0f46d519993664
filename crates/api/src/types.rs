//! The JSON of the API and of `--output json`: one type for both. Contracts outside scripts rely on.

use std::collections::BTreeMap;

use model::{
    Approval, Change, ChangeId, ChangeState, Digest, Erased, EvidenceKind, EvidenceStatus, LinkKind,
    PersonId, Presence, Resource, Role, RuleRef, Session, SessionId, Step, Timestamp, Verdict,
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
    /// Its answer and its inverse are no longer kept.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub erased: Option<ErasedView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ErasedView {
    pub at: Timestamp,
    /// The change that erased them.
    pub by: ChangeId,
    pub asked_by: PersonId,
    /// Not for agents.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub ground: Option<String>,
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
    /// Set where it was denied because it could not be judged.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub fault: Option<String>,
    pub alternatives: Vec<String>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RequirementView {
    pub people: u32,
    pub touched: u32,
    /// By the command line, on a machine of their own: what a page showed does not count for these.
    pub rendered: u32,
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
    /// Point the agent's clients at a proxy rather than at an endpoint.
    #[serde(default)]
    pub proxy: bool,
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
    /// Where it is a role that an agent took on: in which session, and which role.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub parent: Option<SessionId>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub role: Option<String>,
    /// While its glass is broken: until when.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub glass_broken_until: Option<Timestamp>,
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
    /// SSHSIG, armored; or the text of a passkey's assertion.
    pub signature: String,
}

/// What to undo of a change; an empty body asks for its only action.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {
    /// Counted from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<usize>,
}

/// Whose bodies to erase, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EraseRequest {
    /// Counted from 0; the only one, where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub action: Option<usize>,
    pub ground: String,
}

/// What a session shall be given beyond its own, for how long, and why.
#[derive(Clone, Debug, Serialize, Deserialize)]
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
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdoptRequest {
    pub files: BTreeMap<String, String>,
    pub certificate: String,
    /// What the rules newly allow in the place of those in force; absent where they are the same.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub comparison: Option<String>,
}

/// A bundle under which what is on record since then is to be judged again.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    pub files: BTreeMap<String, String>,
    pub since: Timestamp,
}

/// What adopting it would have changed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SimulationView {
    pub schema: String,
    /// The bundle in force.
    pub before: Digest,
    pub bundle: Digest,
    pub since: Timestamp,
    /// How many changes were judged under both.
    pub judged: usize,
    /// Oldest first.
    pub changed: Vec<RejudgedView>,
    pub unjudged: Vec<UnjudgedView>,
    /// Those of which the record, made under the bundle in force, says otherwise: judged again at another hour, or resting on
    /// what is not on record.
    pub uncertain: Vec<ChangeId>,
    /// Countersign's own changes, which take two people whatever a bundle says.
    pub own: usize,
    /// Not all that is on record since then was looked at; `since` says how far back.
    pub cut: bool,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RejudgedView {
    pub change: ChangeId,
    pub at: Timestamp,
    pub agent: String,
    pub operator: PersonId,
    pub state: ChangeState,
    pub summary: String,
    pub before: VerdictView,
    pub after: VerdictView,
    /// As last judged, where the bundle in force says otherwise by now.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub on_record: Option<VerdictView>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UnjudgedView {
    pub change: ChangeId,
    pub why: String,
}

/// A bundle that is, was or may come into force.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BundleView {
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TableView {
    pub table: Digest,
    pub text: String,
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
    /// In force.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub bundle: Option<Digest>,
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

impl ChangeView {
    /// What an agent may know of a change of its own: what it asked for itself, and how that stands. The facts read
    /// about the target, and what an inverse would restore, are what its own reads might be denied; of what its action
    /// would carry out in turn it sees what `may_read` says that it could have read.
    pub fn for_agent(
        change: &Change,
        approvals: &[Approval],
        may_read: &dyn Fn(&Step, &Resource) -> bool,
    ) -> Self {
        let mut view = Self::of(change, approvals);
        // An inverse is made of what the target was before; the agent never asked for it.
        let is_inverse = change.links.iter().any(|link| link.kind == LinkKind::Undoes);
        for (action, step) in view.actions.iter_mut().zip(&change.steps) {
            if step.undo.is_some() {
                "captured".clone_into(&mut action.undo);
            }
            if let Some(observed) = &mut action.observed {
                observed.facts.clear();
            }
            if let Some(erased) = &mut action.erased {
                erased.ground = None;
            }
            let inner = step.observation.iter().flat_map(|it| &it.inner);
            action.inner = inner
                .map(|it| {
                    let readable = !it.resources.is_empty()
                        && it.resources.iter().all(|resource| may_read(step, resource));
                    if readable { it.summary.clone() } else { WITHHELD.to_owned() }
                })
                .collect();
            if !action.unknowns.is_empty() {
                action.unknowns = vec![NOT_ESTABLISHED.to_owned()];
            }
            if is_inverse {
                action.parameters.clear();
                action.inner.clear();
            }
        }
        for evidence in view.evidence.iter_mut().filter(|it| it.kind == EvidenceKind::UndoCaptured) {
            if evidence.status == EvidenceStatus::Gathered {
                "captured".clone_into(&mut evidence.note);
            }
            evidence.digest = None;
        }
        view
    }
}

const WITHHELD: &str = "withheld: your grant does not cover reading it";
/// What could not be read, and why, tells of what is there.
const NOT_ESTABLISHED: &str = "some facts about the target could not be established; people are shown which";

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
            erased: step.erased.as_ref().map(ErasedView::of),
        }
    }
}

impl ErasedView {
    fn of(erased: &Erased) -> Self {
        let Erased { at, by, asked_by, ground } = erased.clone();
        Self { at, by, asked_by, ground: Some(ground.to_string()) }
    }
}

impl VerdictView {
    pub fn of(verdict: &Verdict) -> Self {
        let (requirement, alternatives) = match verdict {
            Verdict::Allow => (None, &[][..]),
            Verdict::Hold(hold) => {
                let requirement = RequirementView {
                    people: hold.requirement.people,
                    touched: hold.requirement.touched,
                    rendered: hold.requirement.rendered,
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
            fault: match verdict {
                Verdict::Deny(denial) => denial.fault.as_ref().map(|it| format!("{it} [{}]", it.code())),
                Verdict::Allow | Verdict::Hold(_) => None,
            },
            alternatives: alternatives.iter().map(|it| it.0.clone()).collect(),
        }
    }
}

impl SimulationView {
    pub(crate) fn of(found: &engine::Simulation) -> Self {
        let changed = found.changed.iter().map(|it| RejudgedView {
            change: it.change,
            at: it.at,
            agent: it.chain.agent.to_string(),
            operator: it.chain.operator.clone(),
            state: it.state,
            summary: it.summary.clone(),
            before: VerdictView::of(&it.before),
            after: VerdictView::of(&it.after),
            on_record: it.on_record.as_ref().map(VerdictView::of),
        });
        let unjudged =
            found.unjudged.iter().map(|it| UnjudgedView { change: it.change, why: it.why.clone() });
        Self {
            schema: "countersign.simulation/v1".to_owned(),
            before: found.before,
            bundle: found.bundle,
            since: found.since,
            judged: found.judged,
            changed: changed.collect(),
            unjudged: unjudged.collect(),
            uncertain: found.uncertain.clone(),
            own: found.own,
            cut: found.cut,
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
            parent: session.parent,
            role: session.assumed.as_ref().map(|it| it.role.clone()),
            glass_broken_until: session.glass.map(|glass| glass.until).filter(|until| now < *until),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::{
        Account, ActionParts, Chain, Commitment, Effect, EffectSet, Environment, Evidence, Exposure,
        InnerAction, Kept, KeptUndo, Link, Observation, Operation, Partition, Region, Scope, StepState, Undo,
        Value,
    };

    use super::*;

    const NOW: Timestamp = Timestamp::from_seconds(1_795_228_800);

    fn change(links: Vec<Link>) -> Change {
        let operation = Operation { service: "lambda".to_owned(), name: "UpdateFunctionCode".to_owned() };
        let digest = Value::Null.digest("countersign/test");
        let effects = EffectSet::of(Effect::Write);
        let action = ActionParts {
            operation: operation.clone(),
            partition: Partition("aws".to_owned()),
            account: Account("111122223333".to_owned()),
            region: Region("eu-west-1".to_owned()),
            effects,
            exposure: Exposure::default(),
            resources: Vec::new(),
            undo: Undo::Capturable,
            quantity: model::Quantity::one(),
            summary: "Update function code of pay.".to_owned(),
            shown: vec![("S3Key".to_owned(), "asked-for".to_owned())],
            unknowns: vec!["the role prod-admin could not be read".to_owned()],
            acting_as: None,
            second_lock: None,
        };
        let observation = Observation {
            at: NOW,
            facts: vec![("Role".to_owned(), "secret-fact".to_owned())],
            fingerprint: digest,
            inner: [("stack", "inner step"), ("secret", "hidden step")]
                .map(|(kind, summary)| InnerAction {
                    operation: operation.clone(),
                    effects,
                    resources: vec![Resource {
                        service: "s".to_owned(),
                        kind: kind.parse().unwrap(),
                        name: "n".to_owned(),
                    }],
                    summary: summary.to_owned(),
                })
                .into(),
            inner_whole: true,
            unknowns: Vec::new(),
        };
        let request = Kept::Blob(Commitment::to(&[0; 32], b"secret-fact"));
        let undo = KeptUndo {
            summary: "puts back secret-fact".to_owned(),
            service: "lambda".to_owned(),
            region: "eu-west-1".to_owned(),
            request,
            removes_created: false,
        };
        let evidence = Evidence {
            kind: EvidenceKind::UndoCaptured,
            status: EvidenceStatus::Gathered,
            digest: Some(digest),
            note: undo.summary.clone(),
        };
        let person: PersonId = "ana".parse().unwrap();
        Change {
            id: ChangeId::new(1, [0; 10]),
            digest,
            state: ChangeState::Held,
            version: 0,
            session: SessionId::new(1, [0; 10]),
            chain: Chain {
                agent: "kiro".parse().unwrap(),
                operator: person.clone(),
                launcher: None,
                owner: None,
            },
            scope: Scope::default(),
            intent: "intent".to_owned(),
            steps: vec![Step {
                action,
                digest,
                environment: Environment::unknown(),
                state: StepState::Pending,
                listed: None,
                observation: Some(observation),
                undo: Some(undo),
                execution: None,
                erased: Some(Erased {
                    at: NOW,
                    by: ChangeId::new(3, [0; 10]),
                    asked_by: person.clone(),
                    ground: "their own ground".parse().unwrap(),
                }),
            }],
            environment: Environment::unknown(),
            verdict: Verdict::Allow,
            evidence: vec![evidence],
            bundle: digest,
            nonce: String::new(),
            created_at: NOW,
            expires_at: NOW,
            links,
            rejection: None,
            reopened: None,
            joint: None,
            erases: None,
            adopts: None,
            breaks: None,
        }
    }

    /// What of the change each may read.
    fn check(links: &[Link], agent_sees: &[&str], only_people_see: &[&str]) {
        let change = change(links.to_vec());
        let text = |view: ChangeView| serde_json::to_string(&view).unwrap();
        let (people, agent) = (text(ChangeView::of(&change, &[])), text_of(&change));
        for seen in agent_sees {
            assert!(agent.contains(seen) && people.contains(seen), "{seen}: {agent}");
        }
        for hidden in only_people_see {
            assert!(!agent.contains(hidden) && people.contains(hidden), "{hidden}: {agent}");
        }
    }

    #[test]
    fn an_agent_sees_what_it_asked_for_and_not_what_was_read() {
        let fingerprint = Value::Null.digest("countersign/test").to_string();
        let own = [r#""undo":"captured""#, r#""facts":[]"#, r#""note":"captured""#];
        let agent = text_of(&change(Vec::new()));
        for part in own {
            assert!(agent.contains(part), "{part}: {agent}");
        }
        let hidden = ["secret-fact", "puts back", "hidden step", "prod-admin", "their own ground"];
        check(&[], &["asked-for", "inner step", &fingerprint, "asked_by"], &hidden);
        assert!(agent.contains("withheld: your grant"), "{agent}");
    }

    #[test]
    fn an_inverse_shows_an_agent_nothing_of_what_it_restores() {
        let link = Link::to(LinkKind::Undoes, ChangeId::new(2, [0; 10]));
        check(&[link], &["Update function code"], &["asked-for", "inner step", "secret-fact"]);
    }

    fn text_of(change: &Change) -> String {
        let may_read = |_: &Step, resource: &Resource| resource.kind.as_str() != "secret";
        serde_json::to_string(&ChangeView::for_agent(change, &[], &may_read)).unwrap()
    }
}
