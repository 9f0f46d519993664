//! What shall stay as it is while a plan is carried out, as a check: that something is still there, is still as healthy as the snapshot saw
//! it, or is still set as it was. This is all that can be measured so; what says anything else is told apart, and never passes.

use std::collections::BTreeSet;

use model::sanitize;
use serde_json::Value;
use snapshot::{EdgeKind, Resource, Snapshot};

use crate::{
    Check, Comparison, Expectation, Given, Patience, Step,
    make::call_of,
    table::{Filling, Table, attribute},
};

/// What of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stays<'w> {
    /// It is there.
    There,
    /// It is in a state in which it serves.
    Healthy,
    /// This setting, by its path in the snapshot.
    Set(&'w str),
}

/// Why no machine can look at it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMeasured {
    #[error("the planner knows no read that shows {0}")]
    NoLook(String),
    #[error("nothing says when a {0} is healthy")]
    NoHealth(String),
    #[error("the snapshot does not show {what} of {name}")]
    NotSeen { name: String, what: String },
    #[error("the snapshot shows {name} as {state}, which is not healthy")]
    NotHealthy { name: String, state: String },
}

/// Where a kind's state stands, and the states in which it serves.
const HEALTHY: [(&str, &str, &[&str]); 8] = [
    ("ec2:instance", "State.Name", &["running"]),
    ("ec2:volume", "State", &["in-use"]),
    ("ec2:nat-gateway", "State", &["available"]),
    ("elbv2:load-balancer", "State.Code", &["active"]),
    ("rds:db-instance", "DBInstanceStatus", &["available"]),
    ("dynamodb:table", "TableStatus", &["ACTIVE"]),
    ("ecs:service", "status", &["ACTIVE"]),
    (
        "cloudformation:stack",
        "StackStatus",
        &["CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE"],
    ),
];

/// What holds what cannot be made anew.
const HOLDS_DATA: [&str; 2] = ["rds:db-instance", "dynamodb:table"];

/// Of one plan, and times its steps: each is read twice around each step.
const MOST: usize = 4;
const MOST_AROUND: usize = 24;

/// The check that it stays so. Its id is the caller's to give.
///
/// # Errors
/// [`NotMeasured`], in words for whoever wrote that it shall.
pub fn stays(snapshot: &Snapshot<'_>, of: &Resource<'_>, what: Stays<'_>) -> Result<Check, NotMeasured> {
    let (kind, name) = (of.kind.as_str(), sanitize(of.name.as_str(), 200));
    let shown = format!("{} {name}", kind.split_once(':').map_or(kind, |(_, noun)| noun));
    let look = Table::shared().look(kind).ok_or_else(|| NotMeasured::NoLook(shown.clone()))?;
    let filling =
        Filling { parameters: &Value::Null, subject: Some(of), account: snapshot.account(), was: None };
    let seen = |what: &str| NotMeasured::NotSeen { name: shown.clone(), what: sanitize(what, 80) };
    let with = filling.members(&look.with).ok_or_else(|| seen("what a read of it takes"))?;
    let path = |own: &str| {
        // One whose read shows no more than that it is there.
        if look.under.is_empty() { None } else { Some(format!("{}.{own}", look.under)) }
    };
    let unknown = || NotMeasured::NoLook(format!("settings of {shown}"));
    let (verifies, expect) = match what {
        Stays::There if look.under.is_empty() => (format!("{shown} is there"), Expectation::Answers),
        Stays::There => {
            let any = Expectation::Any { path: look.under.clone(), is: Comparison::Not(Value::Null) };
            (format!("{shown} is there"), any)
        }
        Stays::Healthy => {
            let (_, own, good) = HEALTHY
                .iter()
                .find(|(of, ..)| *of == kind)
                .ok_or_else(|| NotMeasured::NoHealth(sanitize(kind, 64)))?;
            let state = attribute(of, own).ok_or_else(|| seen(own))?;
            let state = state.as_str().unwrap_or_default();
            if !good.contains(&state) {
                return Err(NotMeasured::NotHealthy { name: shown, state: sanitize(state, 80) });
            }
            let is = Comparison::OneOf(good.iter().map(|it| (*it).to_owned()).collect());
            let all = Expectation::All { path: path(own).ok_or_else(unknown)?, is };
            (format!("{shown} is {}", good.join(" or ")), all)
        }
        Stays::Set(own) => {
            let was = attribute(of, own).filter(|it| !it.is_object() && !it.is_array());
            let was = was.ok_or_else(|| seen(own))?;
            let told = was.as_str().map_or_else(|| was.to_string(), str::to_owned);
            let words = format!("{} of {shown} is {}", sanitize(own, 80), sanitize(&told, 120));
            (words, Expectation::All { path: path(own).ok_or_else(unknown)?, is: Comparison::Equals(was) })
        }
    };
    let patience = match what {
        Stays::There | Stays::Set(_) => Patience::default(),
        // A machine that is looked at in the wrong moment is looked at again.
        Stays::Healthy => Patience { again: 6, every_s: 10 },
    };
    let read = call_of(&look.read, of.region.as_str(), with);
    Ok(Check { id: String::new(), verifies, read, expect, patience })
}

/// What of the snapshot shall stay around these steps: what holds data in what they are about, and what depends on it while nothing is
/// stopped on purpose.
pub(crate) fn around(given: &Given<'_, '_>, steps: &[Step]) -> Vec<Check> {
    let snapshot = given.snapshot;
    let about: BTreeSet<&str> = steps.iter().flat_map(|step| &step.about).map(String::as_str).collect();
    let stops = steps.iter().any(|step| step.interrupts.is_some());
    let mut found: BTreeSet<(&str, bool)> = BTreeSet::new();
    for id in &about {
        let out = snapshot.edges_from(id);
        let owned = out.iter().filter(|edge| edge.kind == EdgeKind::Owns);
        found.extend(owned.map(|edge| (edge.to.as_str(), false)));
        if stops {
            continue;
        }
        let holders = out.iter().filter(|edge| edge.kind == EdgeKind::AttachedTo);
        found.extend(holders.map(|edge| (edge.to.as_str(), true)));
        let depends = snapshot.edges_to(id).filter(|edge| {
            matches!(
                edge.kind,
                EdgeKind::Targets | EdgeKind::RefersTo | EdgeKind::Triggers | EdgeKind::RoutesTo
            )
        });
        found.extend(depends.map(|edge| (edge.from.as_str(), true)));
    }
    let check = |(id, depends): (&str, bool)| {
        let resource = snapshot.resource(id).filter(|it| !about.contains(it.id.as_str()))?;
        let what = if depends {
            Stays::Healthy
        } else if HOLDS_DATA.contains(&resource.kind.as_str()) {
            Stays::There
        } else {
            return None;
        };
        stays(snapshot, resource, what).ok()
    };
    let most = MOST_AROUND.checked_div(steps.len()).unwrap_or(0).clamp(1, MOST);
    let mut checks: Vec<Check> = found.into_iter().filter_map(check).take(most).collect();
    for (nth, check) in checks.iter_mut().enumerate() {
        check.id = format!("stays-{}", nth + 1);
    }
    checks
}
