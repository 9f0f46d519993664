//! Two requests in one: a second copy of some members of the context (`approvals` and `approvals again`), so that a
//! solver can compare what a rule says with fewer and with more of them. The schema gets the copies, a policy is
//! rewritten to read them. Works on Cedar's JSON form, where every access to the context has one shape.

use cedar_policy::{Policy, PolicyId, Schema, SchemaFragment};
use serde_json::{Map, Value as Json};

/// What a copy of a member is called; no name in the schema has a blank in it.
const AGAIN: &str = " again";

/// The schema's common type of the context.
const CONTEXT_TYPE: &str = "Ask";

pub(crate) fn again(member: &str) -> String {
    format!("{member}{AGAIN}")
}

/// The schema with a copy of each of the members of the context.
pub(crate) fn doubled_schema(members: &[&str]) -> Result<Schema, String> {
    let mut json = schema_json()?;
    let attributes = attributes(&mut json)?;
    for member in members {
        let kind = attributes.get(*member).cloned().ok_or_else(|| format!("the schema has no `{member}`"))?;
        attributes.insert(again(member), kind);
    }
    Schema::from_json_value(json).map_err(|err| err.to_string())
}

/// What the schema says of a member of the context, as a record: the name of each part and its type.
pub(crate) fn parts_of(member: &str) -> Result<Vec<(String, String)>, String> {
    let mut json = schema_json()?;
    let strange = || format!("the schema's `{member}` is no plain record");
    let parts = attributes(&mut json)?
        .get(member)
        .and_then(|kind| kind.get("attributes"))
        .and_then(Json::as_object)
        .ok_or_else(strange)?;
    let named = parts.iter().map(|(name, kind)| {
        let word = kind.get("type").and_then(Json::as_str)?;
        // A name may be that of a primitive, or stand for one.
        let word = if word == "EntityOrCommon" { kind.get("name").and_then(Json::as_str)? } else { word };
        Some((name.clone(), word.to_owned()))
    });
    named.collect::<Option<Vec<_>>>().ok_or_else(strange)
}

fn schema_json() -> Result<Json, String> {
    let (fragment, _) =
        SchemaFragment::from_cedarschema_str(policy::schema_text()).map_err(|err| err.to_string())?;
    fragment.to_json_value().map_err(|err| err.to_string())
}

fn attributes(schema: &mut Json) -> Result<&mut Map<String, Json>, String> {
    schema
        .get_mut("")
        .and_then(|namespace| namespace.get_mut("commonTypes"))
        .and_then(|types| types.get_mut(CONTEXT_TYPE))
        .and_then(|kind| kind.get_mut("attributes"))
        .and_then(Json::as_object_mut)
        .ok_or_else(|| format!("the schema has no type `{CONTEXT_TYPE}`"))
}

/// The policy reading the copies of `members`. What it does with the context as a whole cannot be rewritten.
pub(crate) fn reading_again(policy: &Policy, members: &[&str]) -> Result<Policy, String> {
    let mut json = policy.to_json().map_err(|err| err.to_string())?;
    let conditions = json.get_mut("conditions").ok_or("the policy has no conditions")?;
    rename(conditions, members, 0)?;
    Policy::from_json(Some(PolicyId::new(again(policy.id().as_ref()))), json).map_err(|err| err.to_string())
}

/// More than any text that loads can nest.
pub(crate) const MAX_DEPTH: usize = 2_000;

fn rename(json: &mut Json, members: &[&str], depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("the rule nests too deep".to_owned());
    }
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
        Json::Array(items) => items.iter_mut().try_for_each(|item| rename(item, members, depth + 1)),
        Json::Object(object) => {
            if is_context(object) {
                return Err("it reads the context as a whole, not a member of it".to_owned());
            }
            for (operator, inner) in object.iter_mut() {
                if matches!(operator.as_str(), "." | "has") && member_of_context(inner, members) {
                    continue;
                }
                rename(inner, members, depth + 1)?;
            }
            Ok(())
        }
    }
}

/// Whether this is an access to the context itself; renames what it reads.
fn member_of_context(access: &mut Json, members: &[&str]) -> bool {
    let left = access.get("left").and_then(Json::as_object);
    if !left.is_some_and(is_context) {
        return false;
    }
    if let Some(Json::String(name)) = access.get_mut("attr")
        && members.contains(&name.as_str())
    {
        *name = again(name);
    }
    true
}

fn is_context(object: &Map<String, Json>) -> bool {
    object.get("Var").and_then(Json::as_str) == Some("context")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::question::parse;

    fn check(condition: &str, expected: &Expect) {
        let policy =
            parse("p", &format!("forbid (principal, action, resource) when {{ {condition} }};")).unwrap();
        let told = match reading_again(&policy, &["approvals"]) {
            Ok(policy) => policy.to_cedar().unwrap_or_default(),
            Err(err) => err,
        };
        let one_line = told.split_whitespace().collect::<Vec<_>>().join(" ");
        expected.assert_eq(&one_line);
    }

    #[test]
    fn only_what_is_doubled_is_read_again() {
        check(
            "context.approvals.people < 2 && context.time.peak",
            &expect![[
                r#"forbid( principal, action, resource ) when { (context["approvals again"].people < 2) && context.time.peak };"#
            ]],
        );
        check(
            "if context.approvals.roles.contains(\"approvals\") then resource.name == \"context\" else false",
            &expect![[
                r#"forbid( principal, action, resource ) when { if context["approvals again"].roles.contains("approvals") then resource.name == "context" else false };"#
            ]],
        );
        check("context == context", &expect!["it reads the context as a whole, not a member of it"]);
    }

    #[test]
    fn the_schema_takes_copies() {
        let schema = doubled_schema(&["approvals", "standing"]).unwrap();
        assert_eq!(schema.request_envs().count(), 14);
        assert_eq!(doubled_schema(&["aprovals"]).unwrap_err(), "the schema has no `aprovals`");
        let parts = parts_of("approvals").unwrap();
        assert_eq!(
            parts.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
            ["owners", "people", "rendered", "roles", "touched"]
        );
        assert_eq!(
            parts.iter().map(|(_, kind)| kind.as_str()).collect::<Vec<_>>(),
            ["Long", "Long", "Long", "Set", "Long"]
        );
        parts_of("operation").unwrap_err();
    }
}
