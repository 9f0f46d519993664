//! Rules and invariants. What a rule that reads otherwise allows is for the proof; what its marks do, and what is no longer
//! claimed, is told here, because no proof about allowed requests would find it.

use std::collections::BTreeMap;

use super::{Found, Way};
use crate::{
    invariants::{Claim, Invariant},
    law::Law,
    rules::Rule,
};

const FILE: &str = "rules";

/// Where it stands, what it says, and its marks, by its id.
type ById = BTreeMap<String, (String, String, Marks)>;

fn by_id(law: &Law) -> ById {
    let told = |rule: &Rule| (rule.reference.file.clone(), meaning(rule), Marks::of(rule));
    law.rules().map(|rule| (rule.reference.id.to_string(), told(rule))).collect()
}

/// Whether both allow the same because every rule says the same in the same file; marks aside, which allow nothing.
pub(super) fn say_the_same(old: &Law, new: &Law) -> bool {
    let said = |law| by_id(law).into_iter().map(|(id, (file, text, _))| (id, file, text)).collect::<Vec<_>>();
    said(old) == said(new)
}

pub(super) fn compare(old: &Law, new: &Law, found: &mut Found) {
    let (old, new) = (by_id(old), by_id(new));
    let mut told = |id: &String, what: &str, file: &String| {
        found.add(Way::Rules, FILE, format!("{id} ({file}) {what}"));
    };
    for (id, (file, text, _)) in &old {
        match new.get(id) {
            None => told(id, "is gone", file),
            Some((_, now, _)) if now != text => told(id, "reads otherwise", file),
            // Whose grant it is, and whether only when the glass is broken, is by the file.
            Some((there, ..)) if there != file => told(id, &format!("stands in {there} now"), file),
            Some(_) => {}
        }
    }
    for (id, (file, ..)) in new.iter().filter(|(id, _)| !old.contains_key(*id)) {
        told(id, "is new", file);
    }
    for (id, (_, _, before)) in &old {
        if let Some((_, _, after)) = new.get(id) {
            marks(id, before, after, found);
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Marks {
    absolute: bool,
    breakglass: bool,
}

impl Marks {
    fn of(rule: &Rule) -> Self {
        Self { absolute: rule.absolute, breakglass: rule.policy.annotation("breakglass").is_some() }
    }
}

/// What an absolute rule stops is denied at once; otherwise it may be held, and people asked.
fn marks(id: &str, before: &Marks, after: &Marks, found: &mut Found) {
    match (before.absolute, after.absolute) {
        (true, false) => found.add(
            Way::Laxer,
            FILE,
            format!("{id} is not absolute any more: what it stops may be held, and not denied at once"),
        ),
        (false, true) => found.add(Way::Stricter, FILE, format!("{id} is absolute")),
        (true, true) | (false, false) => {}
    }
    match (before.breakglass, after.breakglass) {
        (false, true) => found.add(Way::Laxer, FILE, format!("breaking the glass may waive {id}")),
        (true, false) => {
            found.add(Way::Stricter, FILE, format!("breaking the glass may not waive {id} any more"));
        }
        (true, true) | (false, false) => {}
    }
}

/// A rule without comments, spacing, marks, and what is only said to people.
fn meaning(rule: &Rule) -> String {
    let Ok(mut json) = rule.policy.to_json() else { return rule.policy.to_string() };
    if let Some(annotations) = json.get_mut("annotations").and_then(serde_json::Value::as_object_mut) {
        annotations.retain(|name, _| {
            !matches!(name.as_str(), "id" | "reason" | "instead" | "absolute" | "breakglass")
        });
    }
    json.to_string()
}

/// They decide nothing: one that is new is only told. One that is gone, or says something else, was a promise.
pub(super) fn invariants(old: &[Invariant], new: &[Invariant], found: &mut Found) {
    let file = "invariants";
    let same = |one: &Invariant, other: &Invariant| claimed(one) == claimed(other);
    for before in old {
        let after = new.iter().find(|it| it.id == before.id);
        let lost = match before.claim() {
            Claim::Never => Way::Laxer,
            // Something may stand in its way now, which is no freedom of anybody's.
            Claim::NeverInTheWay => Way::Rules,
        };
        match after {
            None => found.add(lost, file, format!("{} is not claimed any more: {}", before.id, before.says)),
            Some(after) if !same(before, after) => {
                found.add(lost, file, format!("{} claims something else: {}", before.id, after.says));
            }
            Some(_) => {}
        }
    }
    for after in new.iter().filter(|after| !old.iter().any(|before| before.id == after.id)) {
        found.add(Way::Rules, file, format!("{} is newly claimed: {}", after.id, after.says));
    }
}

fn claimed(invariant: &Invariant) -> Option<serde_json::Value> {
    let mut json = invariant.policy.to_json().ok()?;
    json.as_object_mut()?.remove("annotations");
    Some(json)
}
