//! Settings as an earlier snapshot shows them: what differs, and which of it can be put back by a call that the table knows.

use std::collections::{BTreeMap, BTreeSet};

use model::sanitize;
use serde_json::{Map, Value};
use snapshot::Resource;

use super::{
    Found,
    deploy::{name, owned, region},
};
use crate::{
    PlanError, alternatives,
    make::{Draft, Maker},
    pack::Unit,
    resolve,
    table::{Filling, Setting, Settings, at},
};

/// Differences that are told of one resource.
const TOLD: usize = 20;
/// What happened to a thing once, and is no setting of anything.
const PASSING: &str = "ec2:volume-modification";
/// What is compared within what.
const DEPTH: u8 = 6;

pub(super) fn units(maker: &Maker<'_, '_, '_>, resource: Option<&str>) -> Result<Found, PlanError> {
    let Some(old) = maker.given.before else {
        return Err(PlanError::Needs {
            what: "an earlier snapshot: what the settings were".into(),
            hint: "--against OLD_SNAPSHOT".into(),
        });
    };
    let mut found = Found::default();
    if let Some(name) = resource {
        match resolve::one(maker.given.snapshot, "", name) {
            Ok(now) => of_one(maker, old.resource(now.id.as_str()), now, &mut found),
            Err(err) => {
                let Ok(was) = resolve::one(old, "", name) else { return Err(err) };
                gone(was, &mut found);
            }
        }
        return Ok(found);
    }
    for was in old.resources().iter().filter(|it| it.kind.as_str() != PASSING) {
        match maker.given.snapshot.resource(was.id.as_str()) {
            Some(now) => of_one(maker, Some(was), now, &mut found),
            None => gone(was, &mut found),
        }
    }
    Ok(found)
}

fn gone(was: &Resource<'_>, found: &mut Found) {
    found.leave(
        &sanitize(was.id.as_str(), 2048),
        "the snapshot does not show it any more: what is made anew is another, and no setting of this one",
    );
}

fn of_one(maker: &Maker<'_, '_, '_>, was: Option<&Resource<'_>>, now: &Resource<'_>, found: &mut Found) {
    let id = sanitize(now.id.as_str(), 2048);
    let Some(was) = was else {
        found.leave(&id, "the earlier snapshot has not seen it");
        return;
    };
    // What was not read then or now did not change, as far as is known.
    let (Some(before), Some(after)) = (listed(was), listed(now)) else { return };
    let mut calls: BTreeMap<(String, usize), (Value, Vec<String>)> = BTreeMap::new();
    let settings = || Settings::shared().settings.iter().filter(|one| one.kind == now.kind.as_str());
    for (nth, setting) in settings().enumerate() {
        let Some((then, differs)) = differs(setting, &before, &after) else { continue };
        let filling = Filling {
            parameters: &Value::Null,
            subject: Some(now),
            account: maker.given.snapshot.account(),
            was: Some(&then),
        };
        let Some(Value::Object(members)) = filling.members(&setting.with) else { continue };
        let place = if setting.together { 0 } else { nth };
        let (parameters, told) = calls
            .entry((setting.call.clone(), place))
            .or_insert_with(|| (Value::Object(Map::new()), Vec::new()));
        if let Some(all) = parameters.as_object_mut() {
            all.extend(members);
        }
        told.push(differs);
    }
    for ((call, _), (parameters, told)) in calls {
        let why = format!(
            "as on {}: {}",
            maker.given.before.map_or_else(String::new, |old| old.taken().until.to_string()),
            told.join(", ")
        );
        let draft = Draft { call, region: region(now), parameters, why, findings: vec![] };
        let mut unit =
            Unit::new(format!("restore configuration: {}", name(now)), vec![maker.step(draft, now)]);
        unit.traps.push("Somebody had a reason for what it is now: ask before it is put back.".into());
        unit.alternatives.push(alternatives::leave(
            "what it is now stays, and what relies on the setting fails or is not protected".into(),
        ));
        owned(maker, now, &mut unit);
        found.units.push(unit);
    }
    let known: Vec<&str> = settings().map(|setting| setting.path.as_str()).collect();
    let mut others = Vec::new();
    compare("", &before, &after, DEPTH, &mut |path, then, now| {
        let put_back = known.iter().any(|known| path == *known || path.starts_with(&format!("{known}.")));
        if !put_back && !Settings::shared().moves(path) {
            others.push(format!("{} is {} and was {}", sanitize(path, 120), shown(now), shown(then)));
        }
    });
    others.truncate(TOLD);
    for other in others {
        found.leave(&id, format!("{other}: no call is known that puts just this back"));
    }
}

fn listed(resource: &Resource<'_>) -> Option<Value> {
    serde_json::from_str(resource.views.first()?.text()).ok()
}

/// What it was, and in words what differs.
fn differs(setting: &Setting, before: &Value, after: &Value) -> Option<(Value, String)> {
    let (then, now) = (at(before, &setting.path)?, at(after, &setting.path)?);
    let only = |value: &Value| match value {
        Value::Object(members) if !setting.members.is_empty() => Value::Object(
            members
                .iter()
                .filter(|(name, _)| setting.members.contains(name))
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect(),
        ),
        other => other.clone(),
    };
    let (then, now) = (only(then), only(now));
    if then == now || setting.was.as_ref().is_some_and(|was| *was != then) {
        return None;
    }
    let told = format!("{} is {} and was {}", setting.path, shown(Some(&now)), shown(Some(&then)));
    Some((then, told))
}

/// Every place at which the two differ, by its path.
fn compare(
    path: &str,
    then: &Value,
    now: &Value,
    depth: u8,
    tell: &mut impl FnMut(&str, Option<&Value>, Option<&Value>),
) {
    match (then, now) {
        (Value::Object(one), Value::Object(other)) if depth > 0 => {
            let names: BTreeSet<&String> = one.keys().chain(other.keys()).collect();
            for name in names {
                let inner = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                // Reads of another version keep other members: what only one side has is not known to differ.
                if let (Some(then), Some(now)) = (one.get(name), other.get(name)) {
                    compare(&inner, then, now, depth - 1, tell);
                }
            }
        }
        (then, now) if then != now => tell(path, Some(then), Some(now)),
        _ => {}
    }
}

fn shown(value: Option<&Value>) -> String {
    match value {
        None => "not there".into(),
        Some(Value::String(text)) => sanitize(text, 120),
        Some(other) => {
            // Sorted, whatever order the parser keeps.
            let sorted: BTreeMap<&String, &Value> = other.as_object().into_iter().flatten().collect();
            let text = if other.is_object() {
                serde_json::to_string(&sorted).unwrap_or_default()
            } else {
                other.to_string()
            };
            sanitize(&text, 120)
        }
    }
}
