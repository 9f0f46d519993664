//! A rule, slightly wrong in every way that a slip of a hand could make it wrong: a condition dropped or turned round, a
//! number one off, an effect left out, a scope narrowed or widened.

use cedar_policy::{Policy, PolicyId};
use serde_json::{Value as Json, json};

/// What was done to it, and what came of it.
#[derive(Debug)]
pub(crate) struct Mutant {
    pub(crate) done: String,
    pub(crate) policy: Policy,
}

pub(crate) fn mutants(policy: &Policy) -> Vec<Mutant> {
    let json = policy.to_json().unwrap();
    let mut found = Vec::new();
    conditions(&json, &mut found);
    scopes(&json, &mut found);
    let id = PolicyId::new(policy.id());
    found
        .into_iter()
        .map(|(done, json)| Mutant { done, policy: Policy::from_json(Some(id.clone()), json).unwrap() })
        .collect()
}

type Found = Vec<(String, Json)>;

fn conditions(policy: &Json, found: &mut Found) {
    let all = policy["conditions"].as_array().unwrap();
    for (nth, condition) in all.iter().enumerate() {
        let with = |condition: Json| {
            let mut changed = policy.clone();
            changed["conditions"][nth] = condition;
            changed
        };
        let mut fewer = policy.clone();
        fewer["conditions"].as_array_mut().unwrap().remove(nth);
        let kind = condition["kind"].as_str().unwrap();
        found.push((format!("`{kind}` dropped"), fewer));
        let other = if kind == "when" { "unless" } else { "when" };
        let turned = json!({ "kind": other, "body": condition["body"] });
        found.push((format!("`{kind}` turned into `{other}`"), with(turned)));
        for (done, body) in bodies(&condition["body"]) {
            found.push((format!("in `{kind}`: {done}"), with(json!({ "kind": kind, "body": body }))));
        }
    }
}

/// Every expression that differs in one place.
fn bodies(body: &Json) -> Found {
    let mut found = Vec::new();
    let (operator, inner) = body.as_object().unwrap().iter().next().unwrap();
    let rebuilt = |side: &str, part: Json| {
        let mut changed = inner.clone();
        changed[side] = part;
        json!({ operator.as_str(): changed })
    };
    match operator.as_str() {
        "&&" | "||" => {
            for (kept, dropped) in [("left", "right"), ("right", "left")] {
                found.push((format!("{dropped} side of `{operator}` dropped"), inner[kept].clone()));
                for (done, part) in bodies(&inner[kept]) {
                    found.push((done, rebuilt(kept, part)));
                }
            }
            let other = if operator == "&&" { "||" } else { "&&" };
            found.push((format!("`{operator}` for `{other}`"), json!({ other: inner })));
        }
        "!" => {
            found.push(("`!` dropped".to_owned(), inner["arg"].clone()));
        }
        "<" | "<=" | ">" | ">=" | "==" => {
            if let Some(number) = inner["right"]["Value"].as_i64() {
                for off in [number - 1, number + 1] {
                    let done = format!("{operator} {number} made {operator} {off}");
                    found.push((done, rebuilt("right", json!({ "Value": off }))));
                }
            }
            found.push((format!("`{operator}` negated"), json!({ "!": { "arg": body } })));
        }
        "." | "in" => found.push((format!("`{operator}` negated"), json!({ "!": { "arg": body } }))),
        other => panic!("no mutation of `{other}` is known"),
    }
    found
}

fn scopes(policy: &Json, found: &mut Found) {
    let with = |variable: &str, scope: Json| {
        let mut changed = policy.clone();
        changed[variable] = scope;
        changed
    };
    let effects = effects_of(&policy["action"]);
    let action = |name: &&str| json!({ "type": "Action", "id": name });
    for effect in &effects {
        let fewer: Vec<_> = effects.iter().filter(|it| *it != effect).map(action).collect();
        if !fewer.is_empty() {
            found.push((
                format!("`{effect}` left out"),
                with("action", json!({ "op": "in", "entities": fewer })),
            ));
        }
    }
    for effect in ALL.iter().filter(|it| !effects.contains(it)) {
        let more: Vec<_> = effects.iter().chain([effect]).map(action).collect();
        found.push((format!("`{effect}` added"), with("action", json!({ "op": "in", "entities": more }))));
    }
    if let [one] = effects.as_slice() {
        let other = if *one == "destroy" { "execute" } else { "destroy" };
        found.push((
            format!("`{one}` for `{other}`"),
            with("action", json!({ "op": "==", "entity": action(&other) })),
        ));
    }
    let resource = &policy["resource"];
    if resource["op"] == "in" {
        found.push(("scope of the resource dropped".to_owned(), with("resource", json!({ "op": "All" }))));
        let (kind, id) =
            (resource["entity"]["type"].as_str().unwrap(), resource["entity"]["id"].as_str().unwrap());
        let narrower = match id {
            "production" => "staging",
            "data" => "database",
            "database" => "table",
            "backup" => "snapshot",
            "own-identity" => "role",
            "record" => "trail",
            other => panic!("nothing narrower than `{other}` is known"),
        };
        let scope = json!({ "op": "in", "entity": { "type": kind, "id": narrower } });
        found.push((format!("`{id}` made `{narrower}`"), with("resource", scope)));
    }
}

const ALL: [&str; 7] = ["read", "emit", "spend", "write", "execute", "privilege", "destroy"];

/// The effects that a rule's scope is about.
fn effects_of(scope: &Json) -> Vec<&str> {
    let group = |name| match name {
        "change" => vec!["emit", "spend", "write", "execute", "privilege", "destroy"],
        "irreversible" => vec!["execute", "privilege", "destroy"],
        one => vec![one],
    };
    let id = |uid: &'_ Json| uid["id"].as_str().map(str::to_owned).unwrap();
    if scope["op"] == "All" {
        return ALL.to_vec();
    }
    let named: Vec<String> = match &scope["entities"] {
        Json::Array(uids) => uids.iter().map(id).collect(),
        _ => vec![id(&scope["entity"])],
    };
    let known = ["emit", "spend", "write", "execute", "privilege", "destroy", "change", "irreversible"];
    named.iter().filter_map(|name| known.into_iter().find(|it| it == name)).flat_map(group).collect()
}
