//! What a language model proposes, held against what the planner derives: the same call from the same snapshot, or nobody's word but a
//! model's. A model can choose among what follows from findings and goals, whole sequences at a time; what it adds or leaves out is marked,
//! and needs more people.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use findings::Finding;
use model::{Digest, sanitize};
use serde::{Deserialize, Serialize};
use snapshot::{Resource, Snapshot};

use crate::{
    Call, Given, Goal, Origin, Plan, Plans, Step,
    make::{Draft, Maker},
    pack::{self, Unit},
    planner,
};

/// A call that a model proposes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proposed {
    pub call: Call,
    /// In the model's words.
    pub why: String,
}

/// Why a proposed call is in no plan, whoever agrees.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("call {place}: {cause}")]
    Unjudged { place: usize, cause: String },
    #[error("call {place}: nothing in the snapshot is called what it names: {named}")]
    Invented { place: usize, named: String },
}

/// Each proposed call as a step: derived, with everything the planner knows of it, or unverified and why. `goals`: those that were asked
/// for, beside what findings are a reason for.
///
/// # Errors
/// Where a call is in no table, or names nothing that the snapshot shows.
pub fn rederive(given: &Given<'_, '_>, goals: &[Goal], proposed: &[Proposed]) -> Result<Vec<Step>, Refused> {
    chosen(given, &derived(given, goals), proposed)
}

fn chosen(
    given: &Given<'_, '_>,
    known: &BTreeMap<Digest, Known>,
    proposed: &[Proposed],
) -> Result<Vec<Step>, Refused> {
    let maker = Maker::new(given);
    let mut steps = Vec::new();
    let mut before = BTreeSet::new();
    let of = |one: &Proposed| known.get(&key(&one.call)).map(|known| known.beside.plan);
    let plans: BTreeSet<Option<Digest>> = proposed.iter().map(of).collect();
    // In the planner's own words.
    let canonical = |one: &Proposed| known.get(&key(&one.call)).map(|known| key(&known.step.call));
    for (place, one) in proposed.iter().enumerate() {
        let id = (place + 1).to_string();
        let step = match known.get(&key(&one.call)) {
            Some(known) => {
                let missing = known.after.iter().find(|(key, _)| !before.contains(key));
                if missing.is_none() {
                    before.insert(key(&known.step.call));
                }
                let later: BTreeSet<Digest> = proposed.iter().skip(place + 1).filter_map(canonical).collect();
                let open = known.then.iter().find(|(key, _)| !later.contains(key));
                let why = match (missing, open) {
                    (Some((_, missing)), _) => Some(format!(
                        "the planner takes {missing} before it, and that is not proposed before it"
                    )),
                    // A sequence that is broken off leaves what it began, such as something that is stopped.
                    (None, Some((_, open))) => {
                        Some(format!("the planner takes {open} after it, and that is not proposed after it"))
                    }
                    (None, None) => apart(known, plans.len()).map(str::to_owned),
                };
                match why {
                    Some(why) => Step { origin: Origin::Unverified { why }, ..known.step.clone() },
                    None => known.step.clone(),
                }
            }
            None => unverified(&maker, place, one)?,
        };
        steps.push(Step { id, ..step });
    }
    Ok(steps)
}

/// Why the planner would not have it in one change with what is proposed beside it, of so many plans.
fn apart(known: &Known, plans: usize) -> Option<&'static str> {
    if known.beside.follows {
        Some(
            "the planner takes it in a plan of its own, once another has run and people have looked at what came of it",
        )
    } else if known.step.interrupts.is_some() && plans > 1 {
        Some("it stops something, and the planner takes what stops something in a plan by itself")
    } else {
        None
    }
}

/// One plan of proposed calls, as [`rederive`] has them: numbered as every plan is, and with what the planner says beside each step that is
/// its own.
///
/// # Errors
/// As [`rederive`].
pub fn of_steps(
    given: &Given<'_, '_>,
    goals: &[Goal],
    proposed: &[Proposed],
    why: &str,
) -> Result<Plan, Refused> {
    let known = derived(given, goals);
    let mut unit = Unit::new(sanitize(why, 1000), chosen(given, &known, proposed)?);
    unit.unknowns.push("whether these are the right steps: a language model chose them".into());
    let mut units = vec![unit];
    let mut told = BTreeSet::new();
    for beside in proposed.iter().filter_map(|one| known.get(&key(&one.call))).map(|one| &one.beside) {
        if told.insert(beside.plan) {
            units.push(beside.unit.clone());
        }
    }
    Ok(pack::plan(given, units, None))
}

/// A step that the planner would take, and what it would take before and after it.
#[derive(Clone, Debug)]
struct Known {
    step: Step,
    after: Vec<(Digest, String)>,
    then: Vec<(Digest, String)>,
    beside: Rc<Beside>,
}

/// What a plan says beside its steps.
#[derive(Debug)]
struct Beside {
    plan: Digest,
    /// It is to come after another one.
    follows: bool,
    /// Without steps.
    unit: Unit,
}

/// Every step that the planner would take, by its call.
fn derived(given: &Given<'_, '_>, goals: &[Goal]) -> BTreeMap<Digest, Known> {
    let reasons = planner::goals(given.report).into_iter().map(|(goal, _)| goal);
    let findings: BTreeMap<&str, &Finding> =
        given.report.findings.iter().map(|finding| (finding.id.as_str(), finding)).collect();
    let mut known = BTreeMap::new();
    for goal in reasons.chain(goals.iter().cloned()) {
        let Ok(Plans { plans, .. }) = planner::of(given, &goal) else { continue };
        let mut chain: Vec<(Digest, String)> = Vec::new();
        for plan in plans {
            if plan.follows.is_none() {
                chain.clear();
            }
            let beside = Rc::new(Beside {
                plan: plan.id,
                follows: plan.follows.is_some(),
                unit: Unit {
                    alternatives: plan.alternatives,
                    unknowns: plan.unknowns,
                    traps: plan.traps,
                    ..Unit::new(String::new(), Vec::new())
                },
            });
            let mut earlier: Vec<&Step> = Vec::new();
            for (nth, step) in plan.steps.iter().enumerate() {
                // What answers the same finding, or a goal without one, hangs together.
                let bound =
                    earlier.iter().filter(|one| one.findings() == step.findings()).map(|one| named(one));
                let after: Vec<_> = chain.iter().cloned().chain(bound).collect();
                let rest = plan.steps.iter().skip(nth + 1);
                let then = rest.filter(|one| one.findings() == step.findings()).map(named).collect();
                let one = Known { step: step.clone(), after, then, beside: Rc::clone(&beside) };
                // In a finding's own words, a call may lack what the planner adds to it.
                for proposed in as_found(&findings, step) {
                    known.entry(proposed).or_insert_with(|| one.clone());
                }
                known.entry(key(&step.call)).or_insert(one);
                earlier.push(step);
            }
            chain.extend(earlier.into_iter().map(named));
        }
    }
    known
}

fn named(step: &Step) -> (Digest, String) {
    (key(&step.call), format!("{}:{}", step.call.service, step.call.operation))
}

fn as_found(findings: &BTreeMap<&str, &Finding>, step: &Step) -> Vec<Digest> {
    step.findings()
        .iter()
        .filter_map(|id| findings.get(id.as_str()))
        .flat_map(|finding| finding.remedy.steps())
        .filter(|one| one.service == step.call.service && one.operation == step.call.operation)
        .filter(|one| {
            step.call.parameters.get("Description").is_some() || one.parameters == step.call.parameters
        })
        .map(|one| {
            key(&Call {
                service: one.service.clone(),
                operation: one.operation.clone(),
                region: one.region.clone(),
                parameters: one.parameters.clone(),
            })
        })
        .collect()
}

/// The call and nothing else.
fn key(call: &Call) -> Digest {
    call.value().digest("countersign.plan.call/v1")
}

fn unverified(maker: &Maker<'_, '_, '_>, place: usize, one: &Proposed) -> Result<Step, Refused> {
    let judged = maker.judged(&one.call);
    let judged = judged
        .map_err(|err| Refused::Unjudged { place: place + 1, cause: sanitize(&err.to_string(), 300) })?;
    let snapshot = maker.given.snapshot;
    let texts = names(&one.call.parameters);
    let Some(subject) = subject(snapshot, &one.call.region, &texts) else {
        let named = texts.iter().take(5).map(|name| sanitize(name, 120)).collect::<Vec<_>>().join(", ");
        return Err(Refused::Invented { place: place + 1, named });
    };
    let call = format!("{}:{}", one.call.service, one.call.operation);
    let draft = Draft {
        call,
        region: one.call.region.clone(),
        parameters: one.call.parameters.clone(),
        why: sanitize(&one.why, 500),
        findings: Vec::new(),
    };
    let invented: Vec<String> = judged
        .resources
        .iter()
        .filter(|name| !is_there(snapshot, name))
        .map(|name| sanitize(name, 120))
        .collect();
    let mut why = "no finding and no goal leads the planner to this call: it is a model's word".to_owned();
    if !invented.is_empty() {
        why.push_str(&format!("; the snapshot does not show {}", invented.join(", ")));
    }
    Ok(Step { origin: Origin::Unverified { why }, ..maker.step(draft, subject) })
}

fn is_there(snapshot: &Snapshot<'_>, name: &str) -> bool {
    snapshot.resource(name).is_some()
        || snapshot.resources().iter().any(|one| {
            let own = one.name.as_str();
            own == name || name.rsplit(['/', ':']).next() == Some(own)
        })
}

/// Every text of the parameters, for some of which the snapshot must have a name.
fn names(parameters: &serde_json::Value) -> BTreeSet<String> {
    match parameters {
        serde_json::Value::String(text) => BTreeSet::from([text.clone()]),
        serde_json::Value::Array(items) => items.iter().flat_map(names).collect(),
        serde_json::Value::Object(members) => members.values().flat_map(names).collect(),
        serde_json::Value::Null | serde_json::Value::Bool(_) | serde_json::Value::Number(_) => {
            BTreeSet::new()
        }
    }
}

fn subject<'s, 'a>(
    snapshot: &'s Snapshot<'a>,
    region: &str,
    named: &BTreeSet<String>,
) -> Option<&'s Resource<'a>> {
    let by_id = named.iter().find_map(|name| snapshot.resource(name));
    by_id.or_else(|| {
        snapshot
            .resources()
            .iter()
            .find(|one| one.region.as_str() == region && named.contains(one.name.as_str()))
    })
}
