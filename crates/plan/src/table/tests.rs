//! The tables against the tables they rest on.

use std::collections::BTreeSet;

use findings::Judge;
use serde_json::{Value, json};

use super::*;

fn read_table() -> Table {
    toml::from_str(include_str!("../../data/steps.toml")).unwrap()
}

fn settings() -> Settings {
    toml::from_str(include_str!("../../data/settings.toml")).unwrap()
}

fn answers() -> Value {
    serde_json::from_str(include_str!("../../../inventory/data/answers.json")).unwrap()
}

/// What stands at a path of the form of an answer.
fn shape<'v>(shape: &'v Value, path: &str) -> Option<&'v Value> {
    path.split('.').filter(|step| !step.is_empty()).try_fold(shape, |mut shape, step| {
        while let Some(inner) = shape.get("list") {
            shape = inner;
        }
        shape.get(step)?.get(1)
    })
}

#[test]
fn every_read_is_understood_by_a_scan_and_every_path_leads_somewhere() {
    let (table, answers) = (read_table(), answers());
    let mut wrong = Vec::new();
    let mut check = |who: &str, read: &str, path: &str| match answers.get(read).and_then(|it| it.get("shape"))
    {
        None => wrong.push(format!("{who}: how {read} answers is not known")),
        Some(form) if shape(form, path).is_none() => {
            wrong.push(format!("{who}: {read} has nothing at `{path}`"))
        }
        Some(_) => {}
    };
    let join = |one: &str, other: &str| {
        [one, other].iter().filter(|it| !it.is_empty()).copied().collect::<Vec<_>>().join(".")
    };
    for look in &table.looks {
        check(&look.kind, &look.read, &look.under);
        if let Some(tags) = &look.tags {
            match &look.tags_read {
                Some(read) => check(&look.kind, read, tags),
                None => check(&look.kind, &look.read, &join(&look.under, tags)),
            }
        }
    }
    for row in &table.steps {
        for one in row.before.iter().chain(&row.after) {
            let path = [&one.all, &one.any, &one.none, &one.gone].into_iter().flatten().next();
            let who = row.calls.join(" ");
            match (one.look, &one.read) {
                (None, Some(read)) => check(&who, read, path.map_or("", String::as_str)),
                (Some(Looked::There), None) => {
                    let service = who.split(':').next().unwrap();
                    let held = table.looks.iter().filter(|look| look.kind.starts_with(service));
                    let reached = held.filter(|look| {
                        let form = answers.get(&look.read).and_then(|it| it.get("shape")).unwrap();
                        shape(form, &join(&look.under, path.unwrap())).is_some()
                    });
                    assert!(reached.count() > 0, "{who}: no {service} has `{path:?}`");
                }
                (Some(Looked::Gone | Looked::Tags), None) => {}
                (Some(_), Some(_)) | (None, None) => panic!("{who}: a check has one read"),
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Every operand is replaced by a text: what a call does is then told by its operation and by the members it has.
fn filled(template: &toml::Table) -> Value {
    let text = serde_json::to_string(template).unwrap();
    let mut value: Value = serde_json::from_str(&text).unwrap();
    fn walk(value: &mut Value) {
        match value {
            Value::String(text) if text == "^" => *value = json!(1),
            Value::String(text) if text.starts_with(['$', '@', '~']) => *value = json!("x"),
            Value::Array(items) => items.iter_mut().for_each(walk),
            Value::Object(members) => members.values_mut().for_each(walk),
            _ => {}
        }
    }
    walk(&mut value);
    value
}

#[test]
fn checks_read_and_whatever_is_called_is_known() {
    let (table, settings, judge) = (read_table(), settings(), Judge::new("111122223333"));
    let mut reads: Vec<(&str, Value)> = Vec::new();
    let mut writes: Vec<(&str, Value)> = Vec::new();
    for look in &table.looks {
        reads.push((&look.read, filled(&look.with)));
        reads.extend(look.tags_read.as_deref().map(|read| (read, filled(&look.tags_with))));
    }
    for row in &table.steps {
        for check in row.before.iter().chain(&row.after) {
            reads.extend(check.read.as_deref().map(|read| (read, filled(&check.with))));
        }
        writes.extend(row.undo.iter().map(|undo| (undo.call.as_str(), filled(&undo.with))));
    }
    writes.extend(settings.settings.iter().map(|setting| (setting.call.as_str(), filled(&setting.with))));
    let judged = |(call, parameters): &(&str, Value)| {
        let (service, operation) = call.split_once(':').unwrap();
        judge.call(service, operation, "us-east-1", parameters).unwrap_or_else(|err| panic!("{call}: {err}"))
    };
    for read in &reads {
        assert!(judged(read).effects.is_plain_read(), "{read:?}");
    }
    for write in &writes {
        assert!(!judged(write).effects.is_plain_read(), "{write:?}");
    }
}

/// What a snapshot says was so is put back only where it was looked at right before: whoever changed it since would lose that.
#[test]
fn what_an_undo_puts_back_is_looked_at_before() {
    fn operands(value: &Value, all: &mut BTreeSet<String>) {
        match value {
            // Where it runs is no setting of it.
            Value::String(text) if text == "@clusterArn" => {}
            Value::String(text) if text.starts_with('@') => {
                all.insert(text.trim_end_matches('?').to_owned());
            }
            Value::Array(items) => items.iter().for_each(|it| operands(it, all)),
            Value::Object(members) => members.values().for_each(|it| operands(it, all)),
            _ => {}
        }
    }
    for row in read_table().steps {
        for undo in &row.undo {
            let mut put_back = BTreeSet::new();
            operands(&serde_json::to_value(&undo.with).unwrap(), &mut put_back);
            for operand in put_back {
                let looks = |check: &CheckRow| {
                    check.look == Some(Looked::There)
                        && (check.needs.is_none() || check.needs == undo.needs)
                        && check.only.is_none()
                        && check.unless.is_none()
                        && check.equals.as_ref().and_then(toml::Value::as_str) == Some(operand.as_str())
                        && check.all.as_deref() == operand.strip_prefix('@')
                };
                assert!(row.before.iter().any(looks), "{:?}: nothing looks at {operand} before", row.calls);
            }
        }
    }
}

#[test]
fn an_operation_has_one_row_and_a_kind_one_look() {
    let table = read_table();
    let mut seen = BTreeSet::new();
    for call in table.steps.iter().flat_map(|row| &row.calls).chain(table.looks.iter().map(|look| &look.kind))
    {
        assert!(seen.insert(call), "{call} stands there twice");
    }
    for setting in settings().settings {
        assert!(
            table.row(&setting.call).is_some()
                || setting.call.starts_with("events:")
                || setting.call.starts_with("lambda:"),
            "{}",
            setting.call
        );
    }
}
