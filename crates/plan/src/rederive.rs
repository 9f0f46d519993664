//! What a language model proposes, held against what the planner derives: the same call from the same snapshot, or nobody's word but a
//! model's. A model can choose among what follows from findings and goals; what it adds is marked, and needs more people.

use std::collections::{BTreeMap, BTreeSet};

use findings::canonical;
use model::{Digest, Value, sanitize};
use serde::{Deserialize, Serialize};
use snapshot::{Resource, Snapshot};

use crate::{
    Call, Given, Goal, Origin, Plans, Step,
    make::{Draft, Maker},
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
    let known = derived(given, goals);
    let maker = Maker::new(given);
    let mut steps = Vec::new();
    for (place, one) in proposed.iter().enumerate() {
        if let Some(step) = known.get(&key(&one.call)) {
            steps.push(Step { id: (place + 1).to_string(), ..step.clone() });
            continue;
        }
        steps.push(unverified(&maker, place, one)?);
    }
    Ok(steps)
}

/// Every step that the planner would take, by its call.
fn derived(given: &Given<'_, '_>, goals: &[Goal]) -> BTreeMap<Digest, Step> {
    let reasons = planner::goals(given.report).into_iter().map(|(goal, _)| goal);
    let mut known = BTreeMap::new();
    for goal in reasons.chain(goals.iter().cloned()) {
        let Ok(Plans { plans, .. }) = planner::of(given, &goal) else { continue };
        for step in plans.into_iter().flat_map(|plan| plan.steps) {
            known.entry(key(&step.call)).or_insert(step);
        }
    }
    known
}

/// The call and nothing else.
fn key(call: &Call) -> Digest {
    let Call { service, operation, region, parameters } = call;
    Value::map([
        ("service", Value::text(service)),
        ("operation", Value::text(operation)),
        ("region", Value::text(region)),
        ("parameters", canonical(parameters)),
    ])
    .digest("countersign.plan.call/v1")
}

fn unverified(maker: &Maker<'_, '_, '_>, place: usize, one: &Proposed) -> Result<Step, Refused> {
    if let Err(err) = maker.knows(&one.call) {
        return Err(Refused::Unjudged { place: place + 1, cause: err.to_string() });
    }
    let named = names(&one.call.parameters);
    let snapshot = maker.given.snapshot;
    let Some(subject) = subject(snapshot, &one.call.region, &named) else {
        let named = named.iter().take(5).map(|name| sanitize(name, 120)).collect::<Vec<_>>().join(", ");
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
    let mut step = maker.step(draft, subject);
    step.id = (place + 1).to_string();
    step.origin = Origin::Unverified {
        why: "no finding and no goal leads the planner to this call: it is a model's word".into(),
    };
    Ok(step)
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
