//! Observed state: the members that matter of what the reads found, as facts for people and as one fingerprint. What
//! moves under traffic (counts, sizes, last-used times) is never among them: a table entry names what is kept.

use std::collections::BTreeMap;

use model::{Observation, Timestamp, Value, sanitize};

use crate::call::Call;

use super::{
    answer::{Answer, ReadAnswer},
    inverse::Undoing,
    path,
    reads::Reads,
    rule::Facts,
    table::{OBSERVE, ReadSpec},
};

const FACTS_MAX: usize = 48;
const FACT_LENGTH_MAX: usize = 200;

#[derive(Debug)]
pub(super) struct Observing {
    reads: Reads,
}

impl Observing {
    pub(super) fn of(service: &str, operation: &str, region: &str, given: &Value) -> Option<Self> {
        let nothing = BTreeMap::new();
        let facts = Facts { given, answers: &nothing };
        let entry = OBSERVE
            .observe
            .iter()
            .find(|entry| entry.names(service, operation) && facts.all_hold(&entry.when))?;
        Some(Self { reads: Reads::new(service, region, &entry.read) })
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

    /// The projection by read; `None` where nothing could be read at all.
    pub(super) fn finish(&self) -> (Option<Projection>, Vec<String>) {
        let unknowns = self.reads.failures();
        if unknowns.len() >= self.reads.done().len() {
            return (None, unknowns);
        }
        let mut projection = Projection::default();
        projection.add(&self.reads);
        (Some(projection), unknowns)
    }
}

/// What was observed, before it is sealed under one fingerprint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Projection {
    facts: Vec<(String, String)>,
    members: BTreeMap<String, Value>,
}

impl Projection {
    /// What the reads found, by read.
    pub(super) fn add(&mut self, reads: &Reads) {
        for spec in reads.done() {
            let projected = match reads.answers().get(spec.name()) {
                Some(Answer::Found(value)) => project(value, spec, &mut self.facts),
                Some(Answer::Absent) => {
                    self.facts.push((spec.name().to_owned(), "absent".to_owned()));
                    Value::text("absent")
                }
                Some(Answer::Failed(_)) | None => Value::Null,
            };
            self.members.insert(spec.name().to_owned(), projected);
        }
        self.facts.truncate(FACTS_MAX);
    }

    /// Together with what another part of the gathering found; names of reads differ by their entries.
    pub(super) fn with(mut self, other: Self) -> Self {
        self.facts.extend(other.facts);
        self.facts.truncate(FACTS_MAX);
        self.members
            .extend(other.members.into_iter().map(|(name, value)| (format!("reference {name}"), value)));
        self
    }

    /// What no read of a table found.
    pub(super) fn tell(&mut self, name: &str, said: &str, found: Value) {
        self.facts.push((name.to_owned(), sanitize(said, FACT_LENGTH_MAX)));
        self.members.insert(name.to_owned(), found);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The state before is also what its undo would put back: where that changes, the approval no longer holds.
    pub(super) fn with_undo(mut self, undoing: &Undoing) -> Self {
        if self.facts.is_empty() {
            self.facts.push(("undo".to_owned(), undoing.summary.clone()));
        }
        let call = Value::map([
            ("operation", Value::text(&undoing.call.operation)),
            ("parameters", unordered(&undoing.call.parameters)),
        ]);
        self.members.insert("undo".to_owned(), call);
        self
    }

    /// Into what was observed already, under one fingerprint.
    pub(super) fn join(self, observation: &mut Observation) {
        let both =
            [("observed", Value::from(observation.fingerprint)), ("references", Value::Map(self.members))];
        observation.fingerprint = Observation::fingerprint_of(&Value::map(both));
        observation.facts.extend(self.facts);
    }

    pub(super) fn sealed(self, at: Timestamp, unknowns: Vec<String>) -> Observation {
        let fingerprint = Observation::fingerprint_of(&Value::Map(self.members));
        Observation { at, facts: self.facts, fingerprint, inner: Vec::new(), inner_whole: true, unknowns }
    }
}

fn project(value: &Value, spec: &ReadSpec, facts: &mut Vec<(String, String)>) -> Value {
    let mut projection = BTreeMap::new();
    for path in &spec.keep {
        let found = settled(path::select(value, path));
        if let Some(text) = found.as_ref().and_then(|found| shown(unwrapped(path, found))) {
            facts.push((path.clone(), text));
        }
        projection.insert(path.clone(), found.unwrap_or(Value::Null));
    }
    for path in &spec.seal {
        let found = settled(path::select(value, path));
        if found.is_some() {
            facts.push((path.clone(), "set (not shown)".to_owned()));
        }
        projection.insert(path.clone(), found.unwrap_or(Value::Null));
    }
    Value::Map(projection)
}

/// What is there and empty is as good as absent: services answer now this way, now that.
fn settled(mut found: Vec<&Value>) -> Option<Value> {
    found.retain(|value| {
        !matches!(value, Value::List(items) if items.is_empty())
            && !matches!(value, Value::Map(members) if members.is_empty())
    });
    match found.as_slice() {
        [] => None,
        [only] => Some(unordered(only)),
        many => Some(sorted(many.iter().map(|value| unordered(value)).collect())),
    }
}

/// Lists in one order: services give sets (tags, rules, members) in any. Depth is bounded by the parsers.
pub(super) fn unordered(value: &Value) -> Value {
    match value {
        Value::List(items) => sorted(items.iter().map(unordered).collect()),
        Value::Map(members) => {
            Value::Map(members.iter().map(|(name, value)| (name.clone(), unordered(value))).collect())
        }
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_) => value.clone(),
    }
}

fn sorted(mut items: Vec<Value>) -> Value {
    items.sort();
    Value::List(items)
}

/// What stands in a list as XML writes one: `<Names><Name>a</Name></Names>`, and CloudFront's with how many there are.
fn unwrapped<'v>(path: &str, value: &'v Value) -> &'v Value {
    let Value::Map(members) = value else { return value };
    let own = path.rsplit('.').next().unwrap_or(path);
    let mut inside = members.iter().filter(|(name, _)| *name != "Quantity");
    match (inside.next(), inside.next()) {
        (Some((name, list)), None) if ["member", "item"].contains(&name.as_str()) => list,
        (Some((name, items)), None) if name == "Items" && members.len() == 2 => unwrapped("CNAMEs", items),
        (Some((name, list)), None) if own != name && own.starts_with(name.as_str()) => list,
        (Some(_), Some(_) | None) | (None, _) => value,
    }
}

/// Scalars as they are, lists of scalars joined, anything deeper as its size.
fn shown(value: &Value) -> Option<String> {
    let text = match value {
        Value::List(items) if items.is_empty() => return None,
        Value::List(items) => match items.iter().map(path::scalar).collect::<Option<Vec<_>>>() {
            Some(texts) => texts.join(", "),
            None => format!("{} entries", items.len()),
        },
        Value::Map(members) if members.is_empty() => return None,
        Value::Map(members) => {
            let named = members.iter().map(|(name, value)| Some(format!("{name} {}", path::scalar(value)?)));
            named
                .collect::<Option<Vec<_>>>()
                .map_or_else(|| format!("{} members", members.len()), |all| all.join(", "))
        }
        Value::Null => return None,
        Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Text(_) | Value::Bytes(_) => {
            path::scalar(value)?
        }
    };
    Some(sanitize(&text, FACT_LENGTH_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_list_names_is_shown_by_name() {
        let check = |path: &str, json: &str, expected: Option<&str>| {
            let value = super::super::answer::parse(json.as_bytes()).unwrap();
            assert_eq!(shown(unwrapped(path, &value)).as_deref(), expected, "{path} {json}");
        };
        check("Names", r#"["a", "b"]"#, Some("a, b"));
        check("DB.Names", r#"{"Name": ["a", "b"]}"#, Some("a, b"));
        check("DB.Names", r#"{"Name": "a"}"#, Some("a"));
        check("LoadBalancerArns", r#"{"member": "a"}"#, Some("a"));
        check(
            "DistributionConfig.Aliases",
            r#"{"Quantity": "2", "Items": {"CNAME": ["a", "b"]}}"#,
            Some("a, b"),
        );
        // What is no list stays what it is.
        check("Matcher", r#"{"HttpCode": "200"}"#, Some("HttpCode 200"));
        check("Name", r#"{"Name": "a"}"#, Some("Name a"));
        check("Tags", r#"{"Tag": [{"Key": "a"}]}"#, Some("1 entries"));
        check("Config", r#"{"A": {"B": "1"}, "C": "2"}"#, Some("2 members"));
        check("Names", r#"{}"#, None);
        check("Names", r#"{"Name": []}"#, None);
    }
}
