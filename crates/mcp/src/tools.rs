//! The tools there are, as a table: what each is called, what it takes, and what it does to the world. A test holds this list to the
//! letter: what is not in it cannot be called, and nothing in it approves, runs a command or calls a cloud.

use std::sync::Arc;

use rmcp::model::{Tool, ToolAnnotations};
use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::Value;

use crate::{
    arguments::{
        ChangeQuery, CostsQuery, FindingsQuery, InventoryQuery, PlanQuery, ProposeQuery, StatusQuery,
        WaitQuery,
    },
    backend::Document,
    told::Output,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    Inventory,
    Findings,
    Costs,
    Plan,
    Propose,
    Status,
    Wait,
    Withdraw,
}

/// What a call does to the world, as far as this server is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// Reads a file that was given.
    ReadSnapshot,
    /// Asks the control plane.
    Ask,
    /// Files a request that people see; each call files one.
    File,
    /// Closes a request for good.
    Close,
}

struct Row {
    name: Name,
    called: &'static str,
    title: &'static str,
    does: Does,
    input: fn() -> Document,
    description: &'static str,
}

const TABLE: [Row; 8] = [
    Row {
        name: Name::Inventory,
        called: "inventory",
        title: "What there is",
        does: Does::ReadSnapshot,
        input: schema::<InventoryQuery>,
        description: "Resources of the snapshot with their tags, their edges to others, and the reads that showed them. Filters by kind, tag, \
                      region and name; with `id`, all that is known of one. What was asked of the cloud and not answered is in `not_known`.",
    },
    Row {
        name: Name::Findings,
        called: "findings",
        title: "What is wrong or wasteful",
        does: Does::ReadSnapshot,
        input: schema::<FindingsQuery>,
        description: "Findings, faults first and then by money: facts with their reads, confidence and why, saving, danger, traps, what is \
                      proposed now (`remedy`) and the whole way (`way`), whose steps `propose` takes as actions. What could not be judged is \
                      in `unjudged`.",
    },
    Row {
        name: Name::Costs,
        called: "costs",
        title: "Where the money goes",
        does: Does::ReadSnapshot,
        input: schema::<CostsQuery>,
        description: "What is paid a month, by service or by a tag, or what could be saved, by finding; dearest first.",
    },
    Row {
        name: Name::Plan,
        called: "plan",
        title: "How to get there",
        does: Does::ReadSnapshot,
        input: schema::<PlanQuery>,
        description: "A plan for findings or for a goal: steps with what must hold before and after and how each is undone, other ways that \
                      were weighed and why they were not chosen, and what is not known. Carries nothing out; `propose` takes its id.",
    },
    Row {
        name: Name::Propose,
        called: "propose",
        title: "Ask for a change",
        does: Does::File,
        input: schema::<ProposeQuery>,
        description: "Files one change of 1 to 20 calls, or of a plan by its id, with the reason for the people who decide. Answers with the \
                      change's id, its state, why it is held, and what it takes. Calls that the planner does not derive from the snapshot as well \
                      are marked, and take more people. Carries nothing out by itself.",
    },
    Row {
        name: Name::Status,
        called: "status",
        title: "How a change stands",
        does: Does::Ask,
        input: schema::<StatusQuery>,
        description: "A change of this session: state, who agreed so far, what it still takes. Without an id, all of them in short.",
    },
    Row {
        name: Name::Wait,
        called: "wait",
        title: "Wait for people",
        does: Does::Ask,
        input: schema::<WaitQuery>,
        description: "Waits until a change is held no longer, or for so many seconds, and tells how it stands then. Sends progress where the \
                      client asked for it; can be cancelled.",
    },
    Row {
        name: Name::Withdraw,
        called: "withdraw",
        title: "Take a change back",
        does: Does::Close,
        input: schema::<ChangeQuery>,
        description: "Closes a change of this session that was not carried out. It cannot be opened again; a new one can be proposed.",
    },
];

/// What every tool is called.
pub fn names() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|row| row.called)
}

pub(crate) fn named(called: &str) -> Option<Name> {
    TABLE.iter().find(|row| row.called == called).map(|row| row.name)
}

/// As clients are told.
pub(crate) fn all() -> Vec<Tool> {
    let output = Arc::new(schema::<Output>());
    let tool = |row: &Row| {
        Tool::new(row.called, row.description, (row.input)())
            .with_title(row.title)
            .with_raw_output_schema(Arc::clone(&output))
            .with_annotations(row.does.annotations(row.title))
    };
    TABLE.iter().map(tool).collect()
}

impl Does {
    fn annotations(self, title: &str) -> ToolAnnotations {
        let told = ToolAnnotations::with_title(title);
        match self {
            Self::ReadSnapshot => told.read_only(true).open_world(false),
            Self::Ask => told.read_only(true).open_world(true),
            Self::File => told.read_only(false).destructive(false).idempotent(false).open_world(true),
            Self::Close => told.read_only(false).destructive(true).idempotent(true).open_world(true),
        }
    }
}

/// With everything in place: clients are known to lose references.
fn schema<T: JsonSchema>() -> Document {
    let mut settings = SchemaSettings::draft2020_12();
    settings.inline_subschemas = true;
    let mut schema = settings.into_generator().into_root_schema_for::<T>();
    let root = schema.ensure_object();
    // The type's own name says nothing to a client.
    root.remove("title");
    root.entry("type").or_insert("object".into());
    let mut plain = root.clone();
    plain.values_mut().for_each(one_type);
    plain
}

/// What may be left out need not be `null` as well: not every client's dialect has two types for one member.
fn one_type(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::Array(types)) = members.get("type")
                && let [one, null] = types.as_slice()
                && null == "null"
            {
                let one = one.clone();
                members.insert("type".to_owned(), one);
            }
            if members.get("default") == Some(&Value::Null) {
                members.remove("default");
            }
            members.values_mut().for_each(one_type);
        }
        Value::Array(items) => items.iter_mut().for_each(one_type),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use expect_test::expect;

    use super::*;

    #[test]
    fn these_are_the_tools_and_no_others() {
        let mut told = String::new();
        for tool in all() {
            let hints = tool.annotations.clone().unwrap();
            let takes = tool.input_schema["properties"].as_object().unwrap();
            let mut takes: Vec<_> = takes.keys().map(String::as_str).collect();
            takes.sort_unstable();
            let hint = |hint: Option<bool>| hint.map_or("-", |it| if it { "yes" } else { "no" });
            writeln!(
                told,
                "{:<10} reads only: {:<4} destroys: {:<4} idempotent: {:<4} takes {}",
                tool.name,
                hint(hints.read_only_hint),
                hint(hints.destructive_hint),
                hint(hints.idempotent_hint),
                takes.join(", ")
            )
            .unwrap();
        }
        expect![[r#"
            inventory  reads only: yes  destroys: -    idempotent: -    takes cursor, id, kind, limit, name, region, tag
            findings   reads only: yes  destroys: -    idempotent: -    takes analyzer, class, confidence, cursor, ids, limit, region, resource
            costs      reads only: yes  destroys: -    idempotent: -    takes by, cursor, limit
            plan       reads only: yes  destroys: -    idempotent: -    takes cursor, findings, goal, limit
            propose    reads only: no   destroys: no   idempotent: no   takes actions, intent, plan
            status     reads only: yes  destroys: -    idempotent: -    takes id
            wait       reads only: yes  destroys: -    idempotent: -    takes id, seconds
            withdraw   reads only: no   destroys: yes  idempotent: yes  takes id
        "#]].assert_eq(&told);
    }

    #[test]
    fn schemas_refuse_what_they_do_not_name_and_refer_to_nothing() {
        for tool in all() {
            let text = serde_json::to_string(&*tool.input_schema).unwrap();
            assert!(!text.contains("$ref") && !text.contains("null"), "{text}");
            assert_eq!(tool.input_schema["additionalProperties"], false, "{}", tool.name);
            assert_eq!(tool.input_schema["type"], "object");
        }
    }
}
