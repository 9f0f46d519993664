//! Whether the target of a held action is still there. What of the request names that one target is kept while it is held
//! ([`Sought`]), and by it the same read is made again; `data/gone.toml` says for which operations, and what counts as gone.
//! Whatever is no clear answer is not known.

use std::collections::{BTreeMap, BTreeSet};

use model::{Absence, ActionParts, Observation, Operation, Sight, Sought, Value};

use crate::call::Call;

use super::{
    answer::{self, Answer, ReadAnswer},
    family, path,
    reads::Reads,
    rule::Facts,
    table::{GONE, Gone, OBSERVE, ReadSpec, lists},
};

/// Of one member of the request.
const TEXT_MAX: usize = 2048;
/// Members of an answer by which it says that there is more of it.
const MORE: [&str; 8] =
    ["NextToken", "nextToken", "Marker", "NextMarker", "nextMarker", "marker", "position", "IsTruncated"];
/// S3 leaves an empty list out of its answer; these it gives always.
const CONTENTS: [&str; 3] = ["Contents", "KeyCount", "Name"];

/// One look, as the tables have it.
#[derive(Debug)]
pub(super) struct Looking {
    entry: &'static Gone,
    reads: Reads,
    given: Value,
    sought: Sought,
    under: &'static str,
    /// What was answered says that there is more.
    cut: bool,
    /// What was answered does not speak of what was asked for.
    foreign: bool,
}

impl Looking {
    /// `None` where the operation means the same without its target, or the request names several or none.
    pub(super) fn of(service: &str, operation: &str, region: &str, given: &Value) -> Option<Self> {
        let nothing = BTreeMap::new();
        let facts = Facts { given, answers: &nothing };
        let entry = GONE.gone.iter().find(|it| {
            it.service == service && lists(&it.operations, operation) && facts.all_hold(&it.when)
        })?;
        let (spec, conditions) = read_of(entry, operation, facts)?;
        let sought = named_by(spec, conditions, given)?;
        let members = sought.0.iter().map(|(name, text)| (name.clone(), Value::text(text)));
        Some(Self {
            entry,
            reads: Reads::new(service, region, std::slice::from_ref(spec)),
            given: Value::map(members),
            sought,
            under: &spec.under,
            cut: false,
            foreign: false,
        })
    }

    pub(super) fn want(&mut self) -> Vec<Call> {
        self.reads.want(&self.given)
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        self.cut = answers.iter().any(is_cut);
        self.foreign = answers.iter().any(|it| is_foreign(it, self.under));
        self.reads.take(answers);
    }

    /// What names the target, where it is there.
    pub(super) fn finish(&self) -> Option<Sought> {
        (self.seen() == Seen::There).then(|| self.sought.clone())
    }

    fn seen(&self) -> Seen {
        let [spec] = self.reads.done() else { return Seen::Unknown("it was not read".to_owned()) };
        let facts = Facts { given: &self.given, answers: self.reads.answers() };
        match self.reads.answers().get(spec.name()) {
            Some(Answer::Absent) if self.cut => Seen::Unknown("the answer is cut short".to_owned()),
            Some(Answer::Absent) if self.foreign => {
                Seen::Unknown("the answer is to something else".to_owned())
            }
            Some(Answer::Absent) => Seen::Gone,
            Some(Answer::Found(_)) if self.entry.over.iter().any(|it| facts.holds(it)) => Seen::Gone,
            Some(Answer::Found(_)) => Seen::There,
            Some(Answer::Failed(why)) => Seen::Unknown(why.clone()),
            None => Seen::Unknown("it was not answered".to_owned()),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Seen {
    There,
    Gone,
    Unknown(String),
}

/// The read that tells of the target itself, and the conditions under which it is that.
fn read_of(
    entry: &'static Gone,
    operation: &str,
    facts: Facts<'_>,
) -> Option<(&'static ReadSpec, &'static [String])> {
    if let Some(read) = &entry.read {
        return Some((read, &[]));
    }
    let observe =
        OBSERVE.observe.iter().find(|it| it.names(&entry.service, operation) && facts.all_hold(&it.when))?;
    let read = observe.read.iter().find(|it| facts.all_hold(&it.when))?;
    Some((read, &observe.when))
}

/// The members of the request that the read asks for, each of which must name one thing.
fn named_by(spec: &ReadSpec, conditions: &[String], given: &Value) -> Option<Sought> {
    let mut names = BTreeSet::new();
    for template in spec.with.values() {
        operands(template, &mut names);
    }
    names.extend(spec.only.values().map(String::as_str));
    names.extend(conditions.iter().chain(&spec.when).flat_map(|it| it.split_whitespace()));
    let mut sought = BTreeMap::new();
    for name in names.into_iter().filter_map(|operand| operand.strip_prefix('$')) {
        let (name, optional) = name.strip_suffix('?').map_or((name, false), |name| (name, true));
        let found: Vec<&Value> = path::select(given, name).into_iter().flat_map(path::items).collect();
        let text = match found.as_slice() {
            [] if optional => continue,
            [only] => path::scalar(only)?,
            _ => return None,
        };
        if text.is_empty() || text.len() > TEXT_MAX {
            return None;
        }
        sought.insert(name.to_owned(), text);
    }
    (!sought.is_empty()).then_some(Sought(sought))
}

/// Our own tables are a few levels deep.
fn operands<'t>(template: &'t toml::Value, found: &mut BTreeSet<&'t str>) {
    match template {
        toml::Value::String(operand) => drop(found.insert(operand)),
        toml::Value::Array(items) => items.iter().for_each(|it| operands(it, found)),
        toml::Value::Table(table) => table.values().for_each(|it| operands(it, found)),
        toml::Value::Integer(_)
        | toml::Value::Float(_)
        | toml::Value::Boolean(_)
        | toml::Value::Datetime(_) => {}
    }
}

/// Of an error there is never more.
fn is_cut(answer: &ReadAnswer) -> bool {
    told(answer).is_some_and(|body| {
        MORE.iter().any(|name| path::text(&body, name).is_some_and(|it| !it.is_empty() && it != "false"))
    })
}

/// A list that is not there is no empty list: an empty body, another server's page.
fn is_foreign(answer: &ReadAnswer, under: &str) -> bool {
    let first = under.split('.').next().unwrap_or_default();
    let names = if first == "Contents" { CONTENTS.as_slice() } else { &[first] };
    told(answer).is_some_and(|body| names.iter().all(|name| body.get(name).is_none()))
}

/// The body of an answer that is no error.
fn told(answer: &ReadAnswer) -> Option<Value> {
    (200..300).contains(&answer.status).then(|| answer::parse(&answer.body)).flatten()
}

/// A held action's target, looked for again.
#[derive(Debug)]
pub struct Look {
    looking: Looking,
    call: Call,
}

/// `None` where the tables do not know any more how.
pub fn look(action: &ActionParts, sought: &Sought) -> Option<Look> {
    let given = Value::map(sought.0.iter().map(|(name, text)| (name.clone(), Value::text(text))));
    let (service, operation) = (family(&action.operation.service), &action.operation.name);
    let mut looking = Looking::of(service, operation, &action.region.0, &given)?;
    let call = looking.want().pop()?;
    Some(Look { looking, call })
}

impl Look {
    pub const fn call(&self) -> &Call {
        &self.call
    }

    /// What came back says.
    pub fn seen(mut self, answer: &ReadAnswer) -> Sight {
        self.looking.take(std::slice::from_ref(answer));
        match self.looking.seen() {
            Seen::There => Sight::There,
            Seen::Unknown(why) => Sight::Unknown(why),
            Seen::Gone => {
                let Call { service, operation, region, parameters } = self.call;
                let read = Operation::new(service, operation);
                let digest = Observation::fingerprint_of(&Value::map([
                    ("read", Value::text(read.to_string())),
                    ("region", Value::text(region)),
                    ("parameters", parameters),
                    ("status", Value::Int(answer.status.into())),
                    ("code", Value::text(answer::code(answer))),
                    ("body", Value::from(model::Digest::of(&answer.body))),
                ]));
                Sight::Gone(Absence { read, digest })
            }
        }
    }
}

#[cfg(test)]
mod tests;
