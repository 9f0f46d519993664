//! What the data of this module says of single operations, for a table to be pinned with: values that can only be the same or
//! not ([`crate::sheet`]).

use std::collections::HashMap;

use model::{Digest, Operation, Value};

use super::{family, rule::literal, stack};

/// Read once, when a sheet is made.
#[derive(Debug)]
pub(crate) struct Pins {
    observed: HashMap<String, Vec<Value>>,
    undone: HashMap<String, Vec<Value>>,
    /// In the order of the file; these name operations by pattern.
    referring: Vec<(Vec<String>, Value)>,
    /// What every operation may refer to: roles.
    everywhere: Vec<Value>,
    stacks: Value,
}

impl Pins {
    /// A file that cannot be read says nothing here, as it does where it is used; tests forbid it.
    pub(crate) fn read() -> Self {
        let observe = entries(include_str!("../../data/observe.toml"), "observe");
        let inverse = include_str!("../../data/inverse.toml");
        let mut undone: HashMap<String, Vec<Value>> = HashMap::new();
        for entry in entries(inverse, "tags") {
            for way in ["tag", "untag"] {
                let name = format!("{}:{}", text(&entry, "service"), text(&entry, way));
                undone.entry(name).or_default().push(literal(&toml::Value::Table(entry.clone())));
            }
        }
        for (names, value) in entries(inverse, "inverse").into_iter().map(of_service) {
            for name in names {
                undone.entry(name).or_default().push(value.clone());
            }
        }
        let mut observed: HashMap<String, Vec<Value>> = HashMap::new();
        for (names, value) in observe.into_iter().map(of_service) {
            for name in names {
                observed.entry(name).or_default().push(value.clone());
            }
        }
        let referring = entries(include_str!("../../data/references.toml"), "reference");
        let referring = referring.into_iter().map(|mut entry| {
            let names: Vec<String> =
                text(&entry, "operations").split_whitespace().map(str::to_owned).collect();
            entry.remove("operations");
            (names, literal(&toml::Value::Table(entry)))
        });
        let (everywhere, referring): (Vec<(Vec<String>, Value)>, Vec<_>) =
            referring.partition(|(names, _)| names.iter().any(|name| name == "*:*"));
        let stacks = [
            include_str!("../../data/cfn_types.tsv"),
            include_str!("../../data/cfn_properties.tsv"),
            include_str!("../../data/kinds.toml"),
        ];
        Self {
            observed,
            undone,
            referring,
            everywhere: everywhere.into_iter().map(|(_, value)| value).collect(),
            stacks: Value::List(
                stacks.into_iter().map(|text| Value::from(Digest::of(meant(text).as_bytes()))).collect(),
            ),
        }
    }

    /// How its inverse is found, where there is one.
    pub(crate) fn undo(&self, operation: &Operation) -> Option<Value> {
        let (service, name) = (family(&operation.service), operation.name.as_str());
        let mut all = self.undone.get(&format!("{service}:{name}")).cloned().unwrap_or_default();
        if stack::has_inverse(service, name) {
            all.push(Value::text("stack"));
        }
        (!all.is_empty()).then_some(Value::List(all))
    }

    /// How the roles are looked at that any operation may hand over.
    pub(crate) fn roles(&self) -> &[Value] {
        &self.everywhere
    }

    /// How its targets, its references and the actions that it would carry out are found.
    pub(crate) fn looks(&self, operation: &Operation) -> Vec<Value> {
        let name = format!("{}:{}", family(&operation.service), operation.name);
        let mut all = self.observed.get(&name).cloned().unwrap_or_default();
        let refers = |names: &[String]| names.iter().any(|pattern| names_one(pattern, &name));
        all.extend(self.referring.iter().filter(|(names, _)| refers(names)).map(|(_, value)| value.clone()));
        if matches!(operation.service.as_str(), "cloudformation" | "cloudcontrol") {
            all.push(self.stacks.clone());
        }
        all
    }
}

/// As [`model::glob`], which is asked only where the beginning is the same: there are many names.
fn names_one(pattern: &str, name: &str) -> bool {
    let literal = pattern.split('*').next().unwrap_or_default();
    name.starts_with(literal) && model::glob(pattern, name)
}

/// An entry with the whole names of its operations, and without them.
fn of_service(mut entry: toml::Table) -> (Vec<String>, Value) {
    let service = text(&entry, "service");
    let names = text(&entry, "operations");
    let names = names.split_whitespace().map(|name| format!("{service}:{name}")).collect();
    entry.remove("operations");
    (names, literal(&toml::Value::Table(entry)))
}

fn entries(file: &str, name: &str) -> Vec<toml::Table> {
    let root: toml::Table = file.parse().unwrap_or_default();
    let all = root.get(name).and_then(toml::Value::as_array).cloned().unwrap_or_default();
    all.into_iter().filter_map(|entry| entry.try_into().ok()).collect()
}

fn text(entry: &toml::Table, member: &str) -> String {
    entry.get(member).and_then(toml::Value::as_str).unwrap_or_default().to_owned()
}

/// Without comments and empty lines.
fn meant(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
        .flat_map(|line| [line, "\n"])
        .collect()
}
