//! From actions and facts to a verdict; pure. What an action *effectively* does depends on what was captured: a write
//! whose inverse could not be captured was not a write (promise 12).

use std::collections::BTreeSet;

use model::{
    Action, ActionParts, Autonomy, BreakGlass, Chain, Digest, Effect, EffectSet, Environment, Evidence,
    EvidenceKind, EvidenceStatus, Exposure, History, Kept, KeptUndo, Marks, Operation, PersonId, Quantity,
    Resource, RuleRef, Scope, Step, StepState, Tags, Tally, Timestamp, Undo, Value, Verdict,
};
use policy::{Ask, Bundle, ChangeFacts, Charges, FileSignatures, Landing, Spent};

use crate::{Gathered, unverified};

/// Everything a verdict depends on besides the bundle.
pub(crate) struct Case<'a> {
    pub(crate) chain: &'a Chain,
    /// Under which the change was asked for.
    pub(crate) scope: &'a Scope,
    /// Of the session that would carry it out.
    pub(crate) session_scope: &'a Scope,
    pub(crate) autonomy: Autonomy,
    pub(crate) steps: &'a [Step],
    /// Verified signatures: who, and what each shows of them.
    pub(crate) approvals: &'a [(PersonId, approval::Manner)],
    pub(crate) history: History,
    /// It would create again what a held change deletes.
    pub(crate) replaces: bool,
    /// It carries out a captured inverse.
    pub(crate) undo: bool,
    pub(crate) now: Timestamp,
    /// What was taken out of each allowance by now, and what this change would add (see [`charges`]).
    pub(crate) spent: &'a Spent,
    /// That is broken for the session.
    pub(crate) glass: Option<&'a BreakGlass>,
}

/// The strictest verdict over every step, every action a step would carry out, every effect and every resource.
pub(crate) fn judge(bundle: &Bundle, case: &Case<'_>) -> Verdict {
    let eligible = || approval::eligible(case.chain, bundle.roster(), file_rule(bundle, case.steps));
    // What is allowed as it stands asks nobody, and finding out who could be asked means reading everybody's keys.
    match by_the_rules(bundle, case, &Tally::default()) {
        Verdict::Allow if !unverified::any(case.steps) => Verdict::Allow,
        allow @ Verdict::Allow => unverified::tightened(allow, agreed(bundle, case).people, eligible),
        Verdict::Hold(_) | Verdict::Deny(_) if unverified::any(case.steps) => {
            let eligible = eligible();
            let tightened = by_the_rules(bundle, case, &unverified::one_less(&eligible));
            unverified::tightened(tightened, agreed(bundle, case).people, || eligible)
        }
        Verdict::Hold(_) | Verdict::Deny(_) => by_the_rules(bundle, case, &eligible()),
    }
}

/// Whether the rules ask nobody, the mark of a model's word left aside: then what may pass without people is what it rests on.
pub(crate) fn asks_nobody(bundle: &Bundle, case: &Case<'_>) -> bool {
    by_the_rules(bundle, case, &Tally::default()) == Verdict::Allow
}

/// The mark of a model's word is not in it, but for whose signatures are left to count.
fn by_the_rules(bundle: &Bundle, case: &Case<'_>, eligible: &Tally) -> Verdict {
    let mut verdict = Verdict::Allow;
    each(bundle, case, eligible, &mut |_, ask| {
        verdict = std::mem::replace(&mut verdict, Verdict::Allow).join(bundle.decide(ask));
    });
    verdict
}

/// The people whose signatures count.
fn agreed(bundle: &Bundle, case: &Case<'_>) -> Tally {
    let given = case.approvals.iter().map(|(who, how)| (who, *how));
    approval::counts(case.chain, bundle.roster(), given, file_rule(bundle, case.steps))
}

/// What the steps would take out of the bundle's allowances if nobody had to agree, each with its place in the change.
pub(crate) fn charges(bundle: &Bundle, case: &Case<'_>) -> Vec<(usize, Charges)> {
    let mut found = Vec::new();
    if bundle.has_allowances() {
        each(bundle, case, &Tally::default(), &mut |nth, ask| found.push((nth, bundle.charges(ask))));
    }
    found
}

/// All that these take out of each allowance; what cannot be told is beyond it.
pub(crate) fn sum<'c>(charges: impl IntoIterator<Item = &'c Charges>) -> Spent {
    let mut spent = Spent::new();
    for Charges { charges, beyond } in charges {
        for charge in charges {
            let sum = spent.entry(charge.allowance.clone()).or_default();
            *sum = u64::saturating_add(*sum, charge.amount);
        }
        spent.extend(beyond.iter().map(|allowance| (allowance.clone(), u64::MAX)));
    }
    spent
}

/// The standing approvals that answer for some part of the change.
pub(crate) fn standing(bundle: &Bundle, case: &Case<'_>) -> BTreeSet<RuleRef> {
    let mut found = BTreeSet::new();
    if bundle.has_allowances() {
        each(bundle, case, &Tally::default(), &mut |_, ask| found.extend(bundle.standing(ask)));
    }
    found
}

/// Every question that the change poses to a bundle, with the place of the step that poses it.
fn each(bundle: &Bundle, case: &Case<'_>, eligible: &Tally, answer: &mut dyn FnMut(usize, &Ask<'_>)) {
    let destroys = case.steps.iter().map(destroys_of).sum();
    let change = ChangeFacts {
        destroys,
        replaces: case.replaces,
        staged: false,
        undo: case.undo,
        steps: u32::try_from(case.steps.len()).unwrap_or(u32::MAX),
    };
    let agreed = agreed(bundle, case);
    let approvals = if unverified::any(case.steps) { unverified::one_less(&agreed) } else { agreed };
    let parts = parts(case.steps);
    let gathered: Vec<BTreeSet<EvidenceKind>> = case.steps.iter().map(kinds_of).collect();
    for (part, nth) in parts.iter().zip(0usize..) {
        let evidence = gathered.get(part.nth).unwrap_or(&NOTHING);
        let ask = Ask {
            chain: case.chain,
            autonomy: case.autonomy,
            in_scope: case.scope.covers(&part.step.action, &part.step.environment)
                && case.session_scope.covers(&part.step.action, &part.step.environment),
            operation: part.operation,
            effects: part.effects,
            listed: part.listed,
            quantity: part.quantity,
            exposure: part.exposure,
            resources: part.resources,
            account: &part.step.action.account,
            environment: &part.step.environment,
            change,
            approvals: &approvals,
            eligible,
            evidence,
            gatherable: evidence,
            now: case.now,
            history: beside(case.history, &parts, nth),
            spent: case.spent,
            glass: case.glass,
        };
        answer(part.nth, &ask);
    }
}

static NOTHING: BTreeSet<EvidenceKind> = BTreeSet::new();

/// One thing that a change would do: a step, or an action that a step would carry out in turn.
struct Part<'a> {
    nth: usize,
    step: &'a Step,
    operation: &'a Operation,
    effects: EffectSet,
    listed: EffectSet,
    quantity: &'a Quantity,
    exposure: Exposure,
    resources: &'a [Resource],
}

/// Of what an action would carry out in turn.
static UNTOLD: Quantity = Quantity::unknown();

fn parts(steps: &[Step]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    for (step, nth) in steps.iter().zip(0..) {
        parts.push(Part {
            nth,
            step,
            operation: &step.action.operation,
            effects: step.action.effects,
            listed: step.listed.unwrap_or(step.action.effects),
            quantity: &step.action.quantity,
            exposure: step.action.exposure,
            resources: &step.action.resources,
        });
        // What it would carry out in turn answers to nobody here, so it exposes nothing.
        parts.extend(step.observation.iter().flat_map(|it| &it.inner).map(|inner| Part {
            nth,
            step,
            operation: &inner.operation,
            effects: inner.effects,
            listed: inner.effects,
            quantity: &UNTOLD,
            exposure: Exposure::default(),
            resources: &inner.resources,
        }));
    }
    parts
}

/// The history, with what the rest of the same change would do counted in: data and its backups cannot be destroyed
/// together by putting both into one change.
fn beside(history: History, parts: &[Part<'_>], own: usize) -> History {
    let others = || {
        let destroying =
            parts.iter().zip(0..).filter(|(part, nth)| *nth != own && part.effects.contains(Effect::Destroy));
        destroying.flat_map(|(part, _)| part.resources)
    };
    // What ran already stands in the history; a loop in one change is a loop as well.
    let own = parts.get(own).map(|part| part.nth);
    let pending: BTreeSet<usize> = parts
        .iter()
        .filter(|part| Some(part.nth) != own && part.step.state == StepState::Pending)
        .filter(|part| part.effects.contains(Effect::Destroy))
        .map(|part| part.nth)
        .collect();
    let pending = u32::try_from(pending.len()).unwrap_or(u32::MAX);
    let lowering: BTreeSet<usize> = parts
        .iter()
        .filter(|part| Some(part.nth) != own && part.step.state == StepState::Pending)
        .filter(|part| store::lowers_protection(&part.step.action))
        .map(|part| part.nth)
        .collect();
    let lowering = u32::try_from(lowering.len()).unwrap_or(u32::MAX);
    let count = |kinds: &[&str]| {
        let found = others()
            .filter(|resource| kinds.iter().any(|group| policy::lies_in(&resource.kind, group)))
            .count();
        u32::try_from(found).unwrap_or(u32::MAX)
    };
    History {
        destroys: history.destroys.saturating_add(pending),
        agent_destroys: history.agent_destroys.saturating_add(pending),
        protections_lowered: history.protections_lowered.saturating_add(lowering),
        data_destroyed: history.data_destroyed.saturating_add(count(&["data", "unknown"])),
        backups_touched: history.backups_touched.saturating_add(count(&["backup"])),
        ..history
    }
}

/// Whether a signature by a mere key file counts here: the strictest environment of the steps decides.
pub(crate) fn file_rule(bundle: &Bundle, steps: &[Step]) -> approval::FileRule {
    let counts = |step: &Step| file_rule_at(bundle, &step.environment) == approval::FileRule::Counts;
    if steps.iter().all(counts) { approval::FileRule::Counts } else { approval::FileRule::DoesNotCount }
}

/// Whether a signature by a mere key file counts in this environment.
pub fn file_rule_at(bundle: &Bundle, environment: &Environment) -> approval::FileRule {
    match bundle.file_signatures(environment) {
        FileSignatures::Count => approval::FileRule::Counts,
        FileSignatures::DoNotCount => approval::FileRule::DoesNotCount,
    }
}

/// Where an action lands: the strictest of the accounts that it names, and what names and tags raise that to. `inner`:
/// resources of what it would carry out in turn; `tags` is `None` where the target is not looked at (a plain read).
pub(crate) fn landing<'r>(
    bundle: &Bundle,
    parts: &'r ActionParts,
    marks: &Marks,
    inner: impl Iterator<Item = &'r Resource> + Clone,
    tags: Option<&Tags>,
) -> Landing {
    let resources = parts.resources.iter().chain(inner);
    let own = bundle.environment_of(&parts.account);
    let decided = resources
        .clone()
        .filter_map(Resource::account)
        .filter(|account| *account != parts.account.0)
        .map(|account| bundle.environment_of(&model::Account(account.to_owned())))
        .fold(own, Environment::raise);
    bundle.landing(decided, resources, marks, tags)
}

/// On whose behalf something is asked.
pub(crate) struct Asker<'a> {
    pub(crate) chain: &'a Chain,
    pub(crate) scope: &'a Scope,
    pub(crate) autonomy: Autonomy,
}

/// A step as it stands before it runs: the classified action with its effective effects, and the facts about it.
pub(crate) fn step(
    bundle: &Bundle,
    asker: &Asker<'_>,
    action: &Action,
    landing: Landing,
    mut gathered: Gathered,
    undo: Option<KeptUndo>,
) -> Step {
    let mut parts = action.parts().clone();
    if let Some(handed) = gathered.handed.take().filter(|_| action.marks().hands_over) {
        match beyond(bundle, asker, &handed) {
            // The agent may do all of it itself; a role that does it is no more of a right.
            None => parts.effects = parts.effects.without(Effect::Privilege),
            Some(what) => {
                let note =
                    format!(" As the role, more may be done than {} may alone: {what}.", asker.chain.agent);
                parts.summary.push_str(&note);
            }
        }
    }
    step_of(parts, action.digest(), landing, gathered, undo)
}

/// The first call that may be made as the roles that are handed over and that the agent may not make alone, whatever it
/// has done before; or why that cannot be told.
fn beyond(bundle: &Bundle, asker: &Asker<'_>, handed: &Result<Vec<ActionParts>, String>) -> Option<String> {
    let calls = match handed {
        Ok(calls) => calls,
        Err(why) => return Some(why.clone()),
    };
    let steps: Vec<Step> = calls
        .iter()
        .map(|call| {
            let landing = landing(bundle, call, &Marks::default(), std::iter::empty(), Some(&Tags::Unread));
            step_of(call.clone(), Digest::of(b""), landing, Gathered::default(), None)
        })
        .collect();
    let most = u32::MAX;
    let case = Case {
        chain: asker.chain,
        scope: asker.scope,
        session_scope: asker.scope,
        autonomy: asker.autonomy,
        steps: &steps,
        approvals: &[],
        history: History {
            destroys: most,
            agent_destroys: most,
            protections_lowered: most,
            backups_touched: most,
            data_destroyed: most,
            created_by_session: false,
        },
        replaces: false,
        undo: false,
        now: Timestamp::from_millis(0),
        spent: &Spent::new(),
        glass: None,
    };
    let mut first = None;
    each(bundle, &case, &Tally::default(), &mut |nth, ask| {
        let adds_only = ask.effects == EffectSet::of(Effect::Write)
            && steps.get(nth).is_some_and(|step| step.action.undo == Undo::Additive);
        if first.is_none() && !bundle.allows_alone(ask, adds_only) {
            first = Some(ask.operation.to_string());
        }
    });
    first
}

/// `undo`: the inverse that was gathered, as its document will have it.
pub(crate) fn step_of(
    mut parts: ActionParts,
    digest: Digest,
    landing: Landing,
    gathered: Gathered,
    undo: Option<KeptUndo>,
) -> Step {
    let Landing { environment, changes_the_map, unknowns } = landing;
    let mut listed = with_inner(&parts, &gathered);
    if changes_the_map {
        listed = listed.with(Effect::Privilege);
        parts.summary.push_str(" It changes a name or a tag by which the bundle's map knows production.");
    }
    parts.effects = as_undoable(listed, parts.undo, &environment, undo.is_some());
    parts.unknowns.extend(unknowns);
    parts.unknowns.extend(gathered.unknowns);
    Step {
        digest,
        listed: (listed != parts.effects).then_some(listed),
        action: parts,
        environment,
        state: StepState::Pending,
        observation: gathered.observation,
        sought: gathered.sought,
        undo,
        execution: None,
        erased: None,
        vouched: model::Vouched::ByAgent,
    }
}

/// What becomes of a step whose captured inverse is not to be had any more.
pub(crate) fn without_undo(step: &mut Step) {
    let listed = step.listed.unwrap_or(step.action.effects);
    step.action.effects = as_undoable(listed, step.action.undo, &step.environment, false);
    step.listed = (listed != step.action.effects).then_some(listed);
}

/// What it carries out in turn stands in place of `write` and `execute`; what its own parameters raise stays.
fn with_inner(parts: &ActionParts, gathered: &Gathered) -> EffectSet {
    gathered.effects.map_or(parts.effects, |inner| {
        parts.effects.iter().fold(inner, |all, effect| match effect {
            Effect::Write | Effect::Execute | Effect::Read => all,
            Effect::Emit | Effect::Spend | Effect::Privilege | Effect::Destroy => all.with(effect),
        })
    })
}

/// A write whose inverse was not captured was not one.
pub(crate) fn as_undoable(
    effects: EffectSet,
    undo: Undo,
    environment: &Environment,
    captured: bool,
) -> EffectSet {
    let undoable = match undo {
        Undo::NotNeeded | Undo::Additive => true,
        Undo::Capturable | Undo::Unlisted => captured,
    };
    if effects.contains(Effect::Write) && !undoable && environment.production {
        effects.with(Effect::Destroy)
    } else {
        effects
    }
}

fn destroys_of(step: &Step) -> u32 {
    let inner =
        step.observation.iter().flat_map(|it| &it.inner).filter(|it| it.effects.contains(Effect::Destroy));
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
        None => missing(EvidenceKind::StateObserved, Step::NOT_OBSERVED),
    };
    let undo = match (&step.undo, step.action.undo) {
        (Some(undo), _) => Some(gathered(EvidenceKind::UndoCaptured, digest_of(undo), undo.summary.clone())),
        (None, Undo::NotNeeded | Undo::Additive) => None,
        (None, Undo::Capturable | Undo::Unlisted) => {
            Some(missing(EvidenceKind::UndoCaptured, "undo not captured"))
        }
    };
    let inner = step.observation.as_ref().filter(|it| !it.inner.is_empty()).map(|observation| {
        let listed = observation
            .inner
            .iter()
            .map(|it| {
                Value::map([
                    ("operation", Value::text(it.operation.to_string())),
                    ("what", Value::text(&it.summary)),
                ])
            })
            .collect();
        let digest = Value::List(listed).digest("countersign/inner/v1");
        if observation.inner_whole {
            gathered(EvidenceKind::InnerListed, digest, format!("{} inner actions", observation.inner.len()))
        } else {
            let note =
                format!("{} inner actions, and others that could not be listed", observation.inner.len());
            Evidence {
                kind: EvidenceKind::InnerListed,
                status: EvidenceStatus::Missing,
                digest: Some(digest),
                note,
            }
        }
    });
    std::iter::once(observed).chain(undo).chain(inner).collect()
}

/// What is signed stays for ever, so it commits to the inverse's request as its document does: without the salt nobody
/// can guess what stood in it.
fn digest_of(undo: &KeptUndo) -> Digest {
    match &undo.request {
        Kept::Blob(commitment) => Value::map([
            ("summary", Value::text(&undo.summary)),
            ("request", Value::from(commitment.digest())),
        ])
        .digest("countersign/undo/v2"),
        Kept::Inline(request) => Value::map([
            ("summary", Value::text(&undo.summary)),
            ("body", Value::Bytes(request.body.clone())),
            ("path", Value::text(&request.path)),
            ("query", Value::text(&request.query)),
        ])
        .digest("countersign/undo/v1"),
    }
}

const fn gathered(kind: EvidenceKind, digest: Digest, note: String) -> Evidence {
    Evidence { kind, status: EvidenceStatus::Gathered, digest: Some(digest), note }
}

fn missing(kind: EvidenceKind, note: &str) -> Evidence {
    Evidence { kind, status: EvidenceStatus::Missing, digest: None, note: note.to_owned() }
}
