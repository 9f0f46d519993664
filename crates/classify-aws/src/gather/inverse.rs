//! The captured inverse: what to send to put things back, from the state before. Captured or not captured, never
//! guessed: a request that sets a member the table does not know has no inverse.

use std::collections::BTreeMap;

use model::Value;

use crate::call::Call;

use super::{
    answer::ReadAnswer,
    ask, path,
    reads::Reads,
    rule::{Facts, literal},
    table::{Case, INVERSE, Inverse, Pairs, Restore},
};

/// An inverse as a call; the gateway's form of it is made in one place, in the module above.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Undoing {
    pub(super) summary: String,
    pub(super) call: Call,
    pub(super) removes_created: bool,
}

#[derive(Debug)]
pub(super) struct Capturing {
    service: String,
    region: String,
    entry: &'static Inverse,
    reads: Reads,
}

impl Capturing {
    pub(super) fn of(service: &str, operation: &str, region: &str) -> Option<Self> {
        let entry = entry(service, operation)?;
        let reads = Reads::new(service, region, &entry.read);
        Some(Self { service: service.to_owned(), region: region.to_owned(), entry, reads })
    }

    pub(super) const fn reads(&self) -> &Reads {
        &self.reads
    }

    pub(super) fn want(&mut self, given: &Value) -> Vec<Call> {
        self.reads.want(given)
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        self.reads.take(answers);
    }

    pub(super) fn finish(&self, given: &Value) -> Result<Undoing, String> {
        if let Some(failure) = self.reads.failures().into_iter().next() {
            return Err(format!("undo not captured: {failure}"));
        }
        let facts = Facts { given, answers: self.reads.answers() };
        let Some(case) = self
            .entry
            .case
            .iter()
            .find(|case| gives_only(given, &case.exactly) && facts.all_hold(&case.when))
        else {
            return Err("undo not captured: the state before, or what is asked, has no inverse".to_owned());
        };
        let mut members = facts
            .fill(&case.with)
            .map_err(|_| "undo not captured: the state before lacks what the inverse needs".to_owned())?;
        let identified = ask::identifiers(&case.with, &members);
        if let Some(restore) = &case.restore {
            put_back(restore, facts, &mut members)?;
        }
        if let Some(pairs) = &case.pairs {
            members.insert(pairs.given.clone(), pairs_before(pairs, facts)?);
        }
        let call = ask::call(&self.service, &case.call, &self.region, members);
        Ok(Undoing {
            summary: summary(case, &self.service, &identified),
            call,
            removes_created: case.removes_created,
        })
    }
}

pub(super) fn entry(service: &str, operation: &str) -> Option<&'static Inverse> {
    INVERSE
        .inverse
        .iter()
        .find(|entry| entry.service == service && super::table::lists(&entry.operations, operation))
}

/// Whether there is a case that what is given does not rule out.
pub(super) fn may_hold(entry: &Inverse, given: &Value) -> bool {
    let nothing = BTreeMap::new();
    let facts = Facts { given, answers: &nothing };
    let open = |condition: &String| {
        condition.split(" or ").any(|alternative| alternative.contains('@') || facts.holds(alternative))
    };
    entry.case.iter().any(|case| {
        gives_only(given, &case.exactly)
            && case.when.iter().all(open)
            && case.restore.as_ref().is_none_or(|restore| restores(restore, given))
    })
}

/// Whether every member that is given is one that can be put back.
fn restores(restore: &Restore, given: &Value) -> bool {
    let mut kept = given_to(restore, given).into_iter().flatten().peekable();
    kept.peek().is_some() && kept.all(|name| place_of(restore, name).is_some())
}

/// The members that are given, but for those that only identify; `None` where none can be read.
fn given_to<'g>(restore: &'g Restore, given: &'g Value) -> Option<impl Iterator<Item = &'g String>> {
    let Some(Value::Map(members)) = path::one(given, &restore.given) else { return None };
    Some(members.keys().filter(|name| !restore.ignore.contains(name)))
}

/// Where in what was read before a member lies that can be put back.
fn place_of<'r>(restore: &'r Restore, name: &'r String) -> Option<&'r str> {
    let alike = || restore.members.contains(name).then_some(name);
    restore.renamed.get(name).or_else(alike).map(String::as_str)
}

fn gives_only(given: &Value, names: &[String]) -> bool {
    match given {
        Value::Map(members) => names.is_empty() || members.keys().all(|name| names.contains(name)),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_) => false,
    }
}

fn summary(case: &Case, service: &str, identified: &str) -> String {
    let purpose = if case.removes_created { "remove what was created" } else { "put back the state before" };
    format!("{purpose}: {service}:{} ({identified})", case.call)
}

/// Every member that the request gives goes back to what it was.
fn put_back(
    restore: &Restore,
    facts: Facts<'_>,
    members: &mut BTreeMap<String, Value>,
) -> Result<(), String> {
    let before = facts
        .resolve(&restore.from)
        .map_err(|_| "undo not captured: the state before could not be read".to_owned())?;
    let given = given_to(restore, facts.given)
        .ok_or_else(|| "undo not captured: the request sets nothing that can be read".to_owned())?;
    let mut put = BTreeMap::new();
    for name in given {
        let place = place_of(restore, name).ok_or_else(|| {
            format!("undo not captured: no inverse is known for `{}`", model::sanitize(name, 64))
        })?;
        let value = match whole(path::select(&before, place)) {
            Some(value) => value,
            None => restore.default.get(name).map(literal).ok_or_else(|| {
                format!("undo not captured: `{}` was not set before", model::sanitize(name, 64))
            })?,
        };
        put.insert(name.clone(), value);
    }
    if put.is_empty() {
        return Err("undo not captured: the request sets nothing".to_owned());
    }
    if restore.put.is_empty() {
        members.extend(put);
    } else if let Some(part) = restore.put.strip_suffix('.') {
        members.extend(put.into_iter().map(|(name, value)| (format!("{part}.{name}"), value)));
    } else {
        members.insert(restore.put.clone(), Value::Map(put));
    }
    Ok(())
}

/// The pairs that the request gives, with the values that they had.
fn pairs_before(pairs: &Pairs, facts: Facts<'_>) -> Result<Value, String> {
    let before = facts
        .resolve(&pairs.from)
        .map_err(|_| "undo not captured: the state before could not be read".to_owned())?;
    let mut put = Vec::new();
    for given in path::select(facts.given, &pairs.given).into_iter().flat_map(path::items) {
        let name = path::text(given, &pairs.key)
            .ok_or_else(|| "undo not captured: the request names no setting".to_owned())?;
        let was = path::items(&before)
            .into_iter()
            .find(|item| path::text(item, &pairs.key).as_deref() == Some(name.as_str()))
            .and_then(|item| path::text(item, &pairs.value))
            .ok_or_else(|| {
                format!("undo not captured: `{}` was not set before", model::sanitize(&name, 64))
            })?;
        put.push(Value::map([
            (pairs.key.clone(), Value::Text(name)),
            (pairs.value.clone(), Value::Text(was)),
        ]));
    }
    if put.is_empty() {
        return Err("undo not captured: the request sets nothing".to_owned());
    }
    Ok(Value::List(put))
}

fn whole(found: Vec<&Value>) -> Option<Value> {
    match found.as_slice() {
        [] => None,
        [only] => Some((*only).clone()),
        many => Some(Value::List(many.iter().map(|value| (*value).clone()).collect())),
    }
}
