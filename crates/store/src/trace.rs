//! What a change did or waits to do, derived from its document: the index behind history, replays and links. In-flight
//! steps count as done, because agents act in parallel; that a step created something counts only once it succeeded.

use std::collections::BTreeMap;

use model::{ActionParts, Change, ChangeState, Step, StepState, Undo, change_digest};

use crate::{Target, bodies, listed, rows::is_open};

/// Whose deeds are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Who<'a> {
    Session(&'a str),
    Agent(&'a str),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trace {
    /// One for each step that counts, by its place in the change.
    pub(crate) deeds: BTreeMap<i64, Deed>,
    /// What it created, destroyed, waits to destroy or was asked for with others, and when last.
    pub(crate) marks: BTreeMap<(Mark, String), i64>,
    /// Signatures of the requests that ran, and when last.
    pub(crate) signatures: BTreeMap<String, i64>,
    /// What its steps took out of the bundle's allowances, by step and allowance.
    pub(crate) charges: BTreeMap<(i64, String), Charged>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Charged {
    pub(crate) at: i64,
    pub(crate) amount: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deed {
    pub(crate) at: i64,
    pub(crate) destroys: bool,
    pub(crate) lowers_protection: bool,
    pub(crate) touches_backup: bool,
    pub(crate) destroys_data: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Mark {
    /// On a [`Target`].
    Created,
    /// On a [`Target`].
    Destroyed,
    /// On a resource's key wherever it lies: links are drawn rather too often than too seldom.
    WaitsToDestroy,
    /// On the digest that a change of this one action would have, where several stand together: it can run yet.
    Asks,
    /// Likewise, of what ran or cannot run any more. Of what was proposed and never ran nothing is to be found.
    Asked,
    /// On what [`takes_more`] says: others may join it.
    TakesMore,
    /// On nothing: its document, of an earlier version, holds a body.
    HoldsBody,
    /// On what [`vetoed`] says: somebody rejected it.
    Vetoed,
}

impl Mark {
    pub(crate) const ALL: [Self; 8] = [
        Self::Created,
        Self::Destroyed,
        Self::WaitsToDestroy,
        Self::Asks,
        Self::Asked,
        Self::TakesMore,
        Self::HoldsBody,
        Self::Vetoed,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Destroyed => "destroyed",
            Self::WaitsToDestroy => "waits_to_destroy",
            Self::Asks => "asks",
            Self::Asked => "asked",
            Self::TakesMore => "takes_more",
            Self::HoldsBody => "holds_body",
            Self::Vetoed => "vetoed",
        }
    }
}

impl Trace {
    pub(crate) fn of(change: &Change) -> Self {
        let mut trace = Self::default();
        if let Some(key) = takes_more(change) {
            trace.marks.insert((Mark::TakesMore, key), change.created_at.millis());
        }
        if bodies::holds_one(change) {
            trace.marks.insert((Mark::HoldsBody, String::new()), change.created_at.millis());
        }
        if let Some(veto) = change.rejection.as_ref().filter(|_| change.state == ChangeState::Rejected) {
            let at = veto.approval.at.millis();
            for key in change.steps.iter().flat_map(|step| vetoed(&step.action)) {
                trace.marks.insert((Mark::Vetoed, key), at);
            }
        }
        for (nth, step) in (0i64..).zip(&change.steps) {
            let at = step.execution.as_ref().map_or(change.created_at, |it| it.started_at).millis();
            if let Some(execution) = &step.execution {
                raise(&mut trace.signatures, execution.signature.to_string(), at);
                if has_cost(step.state) {
                    for charge in &execution.charges {
                        let slot = trace.charges.entry((nth, charge.allowance.to_string())).or_default();
                        let amount = i64::try_from(charge.amount).unwrap_or(i64::MAX / 1_000_000);
                        *slot = Charged { at, amount: slot.amount.saturating_add(amount) };
                    }
                }
            }
            if let Some(mark) = asked(change, step) {
                let at = change.rejection.as_ref().map_or(at, |it| it.approval.at.millis());
                let alone = change_digest(&change.chain, [step.digest]);
                raise(&mut trace.marks, (mark, alone.to_string()), at);
            }
            if has_run(step.state) {
                let deed = Deed::of(step, at);
                if deed != (Deed { at, ..Deed::default() }) {
                    trace.deeds.insert(nth, deed);
                }
                if listed::destroys(effects(step)) {
                    for target in targets(step) {
                        raise(&mut trace.marks, (Mark::Destroyed, target.as_str().to_owned()), at);
                    }
                }
                for target in created(step) {
                    raise(&mut trace.marks, (Mark::Created, target.as_str().to_owned()), at);
                }
            }
            if change.state.is_open() && step.state == StepState::Pending && listed::destroys(effects(step)) {
                for key in resources(step).map(model::Resource::key) {
                    raise(&mut trace.marks, (Mark::WaitsToDestroy, key), at);
                }
            }
        }
        trace
    }
}

/// What others must be like to join a change, as far as an index tells: whose it is, where, and the operation. `None`
/// where nothing joins it.
pub(crate) fn takes_more(change: &Change) -> Option<String> {
    let joint = change.joint.as_ref().filter(|joint| joint.sealed_at.is_none())?;
    let action = &change.steps.first()?.action;
    let open = change.state == ChangeState::Held && change.steps.len() < Change::MAX_STEPS;
    let place = [&action.partition.0, &action.account.0, &action.region.0, &joint.parent];
    let place = place.map(String::as_str).join("\u{1f}");
    open.then(|| format!("{}\u{1f}{}\u{1f}{place}", change.session, action.operation))
}

/// How an action is found by the veto of one like it: the same operation on a target of the same name at the same place.
pub(crate) fn vetoed(action: &ActionParts) -> Vec<String> {
    let on = |target: &Target| format!("{}\u{1f}{}", action.operation, target.as_str());
    Target::all(action).iter().map(on).collect()
}

/// How a step that stands beside others is found by the call that asks for it alone.
fn asked(change: &Change, step: &Step) -> Option<Mark> {
    if change.steps.len() < 2 {
        return None;
    }
    match step.state {
        StepState::Pending | StepState::Executing | StepState::Unknown if is_open(change.state) => {
            Some(Mark::Asks)
        }
        StepState::Pending => change.joint.is_some().then_some(Mark::Asked),
        StepState::Executing
        | StepState::Unknown
        | StepState::Executed
        | StepState::Failed
        | StepState::Undone => Some(Mark::Asked),
    }
}

impl Deed {
    pub(crate) fn of(step: &Step, at: i64) -> Self {
        let action = &step.action;
        let destroys = listed::destroys(effects(step));
        let inner = step.observation.as_ref().map_or(&[][..], |it| it.inner.as_slice());
        let inner_data = inner.iter().any(|it| {
            listed::destroys(it.effects)
                && it.resources.iter().any(|resource| listed::holds_data(&resource.kind))
        });
        let own_data = action.resources.iter().any(|resource| {
            listed::holds_data(&resource.kind) || (inner.is_empty() && listed::is_container(&resource.kind))
        });
        let own_backup = !action.effects.is_plain_read()
            && action.undo != Undo::Additive
            && action.resources.iter().any(|resource| listed::is_backup(&resource.kind))
            && created(step).next().is_none();
        let inner_backup = inner.iter().any(|it| {
            !it.effects.is_plain_read()
                && it.resources.iter().any(|resource| listed::is_backup(&resource.kind))
        });
        Self {
            at,
            destroys,
            lowers_protection: listed::lowers_protection(action),
            touches_backup: own_backup || inner_backup,
            destroys_data: inner_data
                || (listed::destroys(action.effects) && (own_data || action.resources.is_empty())),
        }
    }
}

const fn has_run(state: StepState) -> bool {
    match state {
        StepState::Executing | StepState::Executed | StepState::Unknown => true,
        StepState::Pending | StepState::Failed | StepState::Undone => false,
    }
}

/// What was sent or bought stays so, whatever is undone afterwards.
const fn has_cost(state: StepState) -> bool {
    match state {
        StepState::Executing | StepState::Executed | StepState::Unknown | StepState::Undone => true,
        StepState::Pending | StepState::Failed => false,
    }
}

/// Its own effects and those of the actions it runs.
fn effects(step: &Step) -> model::EffectSet {
    let inner = step.observation.iter().flat_map(|it| &it.inner);
    inner.fold(step.action.effects, |effects, it| effects.union(it.effects))
}

fn resources(step: &Step) -> impl Iterator<Item = &model::Resource> {
    step.action
        .resources
        .iter()
        .chain(step.observation.iter().flat_map(|it| &it.inner).flat_map(|it| &it.resources))
}

fn targets(step: &Step) -> impl Iterator<Item = Target> {
    resources(step).map(|resource| Target::of(&step.action, resource))
}

/// What the step created for certain. A name that was taken before would let a session call a stranger's thing its own,
/// so it takes either a captured undo that removes it (whose capture saw that it was not there) or an operation listed
/// as failing where the thing exists.
pub(crate) fn created(step: &Step) -> impl Iterator<Item = Target> {
    let succeeded = step.state == StepState::Executed
        && step.execution.as_ref().and_then(|it| it.outcome.as_ref()).is_some_and(model::Outcome::succeeded);
    let captured = step.undo.as_ref().is_some_and(|undo| undo.removes_created);
    let action = &step.action;
    action
        .resources
        .iter()
        .filter(move |resource| {
            succeeded
                && resource.name != "*"
                && !listed::destroys(action.effects)
                && if captured {
                    listed::creates_kind(action, resource)
                } else {
                    action.undo == Undo::Additive && listed::creates_anew(action, resource)
                }
        })
        .map(move |resource| Target::of(action, resource))
}

fn raise<K: Ord>(map: &mut BTreeMap<K, i64>, key: K, at: i64) {
    let slot = map.entry(key).or_insert(at);
    *slot = at.max(*slot);
}
