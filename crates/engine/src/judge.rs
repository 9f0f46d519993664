//! From actions and facts to a verdict; pure. What an action *effectively* does depends on what was captured: a write
//! whose inverse could not be captured was not a write (promise 12).

use std::collections::BTreeSet;

use model::{
    Action, ActionParts, Autonomy, Chain, Digest, Effect, EffectSet, Environment, Evidence, EvidenceKind,
    EvidenceStatus, History, PersonId, Presence, Scope, Step, StepState, Timestamp, Undo, Value, Verdict,
};
use policy::{Ask, Bundle, ChangeFacts, FileSignatures};

use crate::Gathered;

/// Everything a verdict depends on besides the bundle.
pub(crate) struct Case<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) scope: &'a Scope,
    pub(crate) autonomy: Autonomy,
    pub(crate) steps: &'a [Step],
    /// Verified signatures: who, and how presence was shown.
    pub(crate) approvals: &'a [(PersonId, Presence)],
    pub(crate) history: History,
    /// It would create again what a held change deletes.
    pub(crate) replaces: bool,
    /// It carries out a captured inverse.
    pub(crate) undo: bool,
    pub(crate) now: Timestamp,
}

/// The strictest verdict over every step, every action a step would carry out, every effect and every resource.
pub(crate) fn judge(bundle: &Bundle, case: &Case<'_>) -> Verdict {
    let destroys = case.steps.iter().map(destroys_of).sum();
    let change = ChangeFacts {
        destroys,
        replaces: case.replaces,
        staged: false,
        undo: case.undo,
        steps: u32::try_from(case.steps.len()).unwrap_or(u32::MAX),
    };
    let rule = file_rule(bundle, case.steps);
    let roster = bundle.roster();
    let approvals =
        approval::counts(case.chain, roster, case.approvals.iter().map(|(who, how)| (who, *how)), rule);
    let eligible = approval::eligible(case.chain, roster, rule);

    case.steps.iter().fold(Verdict::Allow, |verdict, step| {
        let gathered: BTreeSet<EvidenceKind> = kinds_of(step);
        let ask = |operation, effects, resources| {
            bundle.decide(&Ask {
                chain: case.chain,
                autonomy: case.autonomy,
                in_scope: case.scope.covers(&step.action, &step.environment),
                operation,
                effects,
                exposure: step.action.exposure,
                resources,
                environment: &step.environment,
                change: change.clone(),
                approvals: &approvals,
                eligible: &eligible,
                evidence: &gathered,
                gatherable: &gathered,
                now: case.now,
                history: case.history,
            })
        };
        let outer = ask(&step.action.operation, step.action.effects, &step.action.resources);
        let inner = step.observation.iter().flat_map(|it| &it.inner);
        inner.fold(verdict.join(outer), |verdict, inner| {
            verdict.join(ask(&inner.operation, inner.effects, &inner.resources))
        })
    })
}

/// Whether a signature by a mere key file counts here: the strictest environment of the steps decides.
pub(crate) fn file_rule(bundle: &Bundle, steps: &[Step]) -> approval::FileRule {
    let counts = |step: &Step| matches!(bundle.file_signatures(&step.environment), FileSignatures::Count);
    if steps.iter().all(counts) { approval::FileRule::Counts } else { approval::FileRule::DoesNotCount }
}

/// A step as it stands before it runs: the classified action with its effective effects, and the facts about it.
pub(crate) fn step(action: &Action, environment: Environment, gathered: Gathered) -> Step {
    let mut parts = action.parts().clone();
    parts.effects = effective_effects(&parts, &environment, &gathered);
    parts.unknowns.extend(gathered.unknowns);
    Step {
        digest: action.digest(),
        action: parts,
        environment,
        state: StepState::Pending,
        observation: gathered.observation,
        undo: gathered.undo,
        execution: None,
    }
}

fn effective_effects(parts: &ActionParts, environment: &Environment, gathered: &Gathered) -> EffectSet {
    let effects = gathered.effects.unwrap_or(parts.effects);
    let undoable = match parts.undo {
        Undo::NotNeeded | Undo::Additive => true,
        Undo::Capturable | Undo::Unlisted => gathered.undo.is_some(),
    };
    if effects.contains(Effect::Write) && !undoable && environment.production {
        effects.with(Effect::Destroy)
    } else {
        effects
    }
}

fn destroys_of(step: &Step) -> u32 {
    let inner = step.observation.iter().flat_map(|it| &it.inner).filter(|it| it.effects.contains(Effect::Destroy));
    let outer = u32::from(step.action.effects.contains(Effect::Destroy));
    outer.saturating_add(u32::try_from(inner.count()).unwrap_or(u32::MAX))
}

fn kinds_of(step: &Step) -> BTreeSet<EvidenceKind> {
    evidence_of(step)
        .into_iter()
        .filter(|it| it.status == EvidenceStatus::Gathered)
        .map(|it| it.kind)
        .collect()
}

/// What was and was not gathered about a step, in the order in which it is shown.
pub(crate) fn evidence_of(step: &Step) -> Vec<Evidence> {
    if step.action.effects.is_plain_read() {
        return Vec::new();
    }
    let observed = match &step.observation {
        Some(observation) => gathered(
            EvidenceKind::StateObserved,
            observation.fingerprint,
            format!("{} facts at {}", observation.facts.len(), observation.at),
        ),
        None => missing(EvidenceKind::StateObserved, "state not observed"),
    };
    let undo = match (&step.undo, step.action.undo) {
        (Some(undo), _) => {
            let digest = Value::map([
                ("summary", Value::text(&undo.summary)),
                ("body", Value::Bytes(undo.request.body.clone())),
                ("path", Value::text(&undo.request.path)),
                ("query", Value::text(&undo.request.query)),
            ])
            .digest("countersign/undo/v1");
            Some(gathered(EvidenceKind::UndoCaptured, digest, undo.summary.clone()))
        }
        (None, Undo::NotNeeded | Undo::Additive) => None,
        (None, Undo::Capturable | Undo::Unlisted) => {
            Some(missing(EvidenceKind::UndoCaptured, "undo not captured"))
        }
    };
    let inner = step.observation.as_ref().filter(|it| !it.inner.is_empty()).map(|observation| {
        let listed = observation
            .inner
            .iter()
            .map(|it| Value::map([("operation", Value::text(it.operation.to_string())), ("what", Value::text(&it.summary))]))
            .collect();
        gathered(
            EvidenceKind::InnerListed,
            Value::List(listed).digest("countersign/inner/v1"),
            format!("{} inner actions", observation.inner.len()),
        )
    });
    std::iter::once(observed).chain(undo).chain(inner).collect()
}

const fn gathered(kind: EvidenceKind, digest: Digest, note: String) -> Evidence {
    Evidence { kind, status: EvidenceStatus::Gathered, digest: Some(digest), note }
}

fn missing(kind: EvidenceKind, note: &str) -> Evidence {
    Evidence { kind, status: EvidenceStatus::Missing, digest: None, note: note.to_owned() }
}
