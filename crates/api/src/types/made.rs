//! Views of what is on record.

use approval::Rendering;
use model::{
    Approval, Change, Erased, EvidenceKind, EvidenceStatus, LinkKind, Resource, Session, Step, Timestamp,
    Verdict,
};

use super::{
    ActionView, ApprovalView, CHANGE_SCHEMA, ChangeView, ErasedView, EvidenceView, GoneView, LinkView,
    ObservedView, RejectionView, RejudgedView, RequirementView, SessionView, SimulationView, UnjudgedView,
    VerdictView,
};

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
            approvals: approvals.iter().map(ApprovalView::of).collect(),
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
            gone: change.gone.as_ref().map(|it| GoneView { at: it.at, why: it.why.clone() }),
            created_at: change.created_at,
            expires_at: change.expires_at,
        }
    }
}

impl ApprovalView {
    fn of(approval: &Approval) -> Self {
        let given = approval.given();
        Self {
            person: approval.person.clone(),
            presence: given.iter().map(|it| it.presence).max().unwrap_or(approval.presence),
            rendered: given.iter().any(|it| Rendering::told(&it.signature) == Rendering::Own),
            at: approval.at,
        }
    }

    /// `touched, on a page`, `file, on a machine of their own`.
    pub fn how(&self) -> String {
        let shown = if self.rendered { "on a machine of their own" } else { "on a page" };
        format!("{}, {shown}", self.presence)
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
            // That nobody looked tells nothing of what is there.
            let unseen = action.unknowns.iter().any(|it| it == Step::NOT_OBSERVED);
            let more = action.unknowns.iter().any(|it| it != Step::NOT_OBSERVED);
            let told = [(more, NOT_ESTABLISHED), (unseen, Step::NOT_OBSERVED)];
            action.unknowns =
                told.into_iter().filter(|(told, _)| *told).map(|(_, words)| words.to_owned()).collect();
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
            undo: undo_of(step),
            parameters: step.action.shown.clone(),
            inner: step.observation.iter().flat_map(|it| &it.inner).map(|it| it.summary.clone()).collect(),
            observed: step.observation.as_ref().map(|it| ObservedView {
                fingerprint: it.fingerprint,
                at: it.at,
                facts: it.facts.clone(),
            }),
            unknowns: step.unknowns().map(str::to_owned).collect(),
            erased: step.erased.as_ref().map(ErasedView::of),
        }
    }
}

pub(super) fn undo_of(step: &Step) -> String {
    match (&step.undo, step.action.undo) {
        (Some(undo), _) => format!("captured: {}", undo.summary),
        (None, model::Undo::NotNeeded | model::Undo::Additive) => "not needed".to_owned(),
        (None, model::Undo::Capturable | model::Undo::Unlisted) => "not captured".to_owned(),
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
            summary: None,
        }
    }
}

#[cfg(test)]
mod tests;
