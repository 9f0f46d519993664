//! The part of JSON Schema in which our tools say what they take. A word that is not understood here is refused when a tool is
//! made, not passed over when a call is checked: what a model is told is exactly what is held against it.

use serde_json::{Map, Value};

/// Checked while it is made; kept as it is told to a model.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    told: Value,
    root: Members,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the schema at `{at}`: {why}")]
pub struct SchemaError {
    at: String,
    why: String,
}

/// What does not fit. Says where and what was expected; nothing of what was there, which a model wrote.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{at}` {why}")]
pub struct Misfit {
    at: String,
    why: String,
}

#[derive(Clone, Debug, PartialEq)]
enum Node {
    Object(Members),
    Array { items: Box<Node>, count: Range },
    Text { length: Range, one_of: Option<Vec<String>> },
    Whole { range: Range },
    Number,
    Truth,
}

#[derive(Clone, Debug, PartialEq)]
struct Members {
    known: Vec<(String, Node, Presence)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Presence {
    Required,
    Optional,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    least: i64,
    most: i64,
}

/// Schemas are ours; a deeper one is a mistake.
const DEEPEST: usize = 8;

impl Schema {
    /// # Errors
    /// Where it is not JSON, says something that is not understood here, or leaves an object open.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let told: Value = serde_json::from_str(text).map_err(|err| wrong("", err))?;
        match node(&told, "", 0)? {
            Node::Object(root) => Ok(Self { told, root }),
            _ => Err(wrong("", "what a tool takes is an object")),
        }
    }

    /// As a model is told it.
    pub fn told(&self) -> &Value {
        &self.told
    }

    /// # Errors
    /// The first place that does not fit.
    pub fn check(&self, arguments: &Map<String, Value>) -> Result<(), Misfit> {
        self.root.check(arguments, "")
    }
}

impl Members {
    fn check(&self, members: &Map<String, Value>, at: &str) -> Result<(), Misfit> {
        for (name, node, presence) in &self.known {
            match (members.get(name), presence) {
                (Some(value), _) => node.check(value, &below(at, name))?,
                (None, Presence::Required) => return Err(misfit(&below(at, name), "is missing")),
                (None, Presence::Optional) => {}
            }
        }
        match members.keys().find(|name| !self.known.iter().any(|(known, ..)| known == *name)) {
            // Its name is the model's own; where it stands is ours.
            Some(_) => Err(misfit(at, "has a member that it does not take")),
            None => Ok(()),
        }
    }
}

impl Node {
    fn check(&self, value: &Value, at: &str) -> Result<(), Misfit> {
        match (self, value) {
            (Self::Object(members), Value::Object(given)) => members.check(given, at),
            (Self::Array { items, count }, Value::Array(given)) => {
                count.check(given.len(), at, "items")?;
                given
                    .iter()
                    .enumerate()
                    .try_for_each(|(nth, item)| items.check(item, &below(at, &nth.to_string())))
            }
            (Self::Text { length, one_of }, Value::String(given)) => {
                length.check(given.chars().count(), at, "characters")?;
                match one_of {
                    Some(known) if !known.contains(given) => {
                        Err(misfit(at, format!("is one of {}", known.join(", "))))
                    }
                    _ => Ok(()),
                }
            }
            (Self::Whole { range }, Value::Number(given)) => match given.as_i64() {
                Some(given) if range.holds(given) => Ok(()),
                _ => Err(misfit(at, format!("is a whole number from {} to {}", range.least, range.most))),
            },
            (Self::Number, Value::Number(_)) | (Self::Truth, Value::Bool(_)) => Ok(()),
            _ => Err(misfit(at, format!("is {}", self.name()))),
        }
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Object(_) => "an object",
            Self::Array { .. } => "an array",
            Self::Text { .. } => "a string",
            Self::Whole { .. } => "a whole number",
            Self::Number => "a number",
            Self::Truth => "true or false",
        }
    }
}

impl Range {
    fn holds(self, given: i64) -> bool {
        (self.least..=self.most).contains(&given)
    }

    fn check(self, given: usize, at: &str, what: &str) -> Result<(), Misfit> {
        match i64::try_from(given) {
            Ok(given) if self.holds(given) => Ok(()),
            _ => Err(misfit(at, format!("has {} to {} {what}", self.least, self.most))),
        }
    }
}

fn node(told: &Value, at: &str, depth: usize) -> Result<Node, SchemaError> {
    let words = told.as_object().ok_or_else(|| wrong(at, "not an object"))?;
    if depth > DEEPEST {
        return Err(wrong(at, "too deep"));
    }
    let kind = words.get("type").and_then(Value::as_str).ok_or_else(|| wrong(at, "no `type`"))?;
    let known: &[&str] = match kind {
        "object" => &["properties", "required", "additionalProperties"],
        "array" => &["items", "minItems", "maxItems"],
        "string" => &["minLength", "maxLength", "enum"],
        "integer" => &["minimum", "maximum"],
        "number" | "boolean" => &[],
        other => return Err(wrong(at, format!("a `type` {other} is not known here"))),
    };
    let common = ["type", "description"];
    if let Some(word) =
        words.keys().find(|it| !known.contains(&it.as_str()) && !common.contains(&it.as_str()))
    {
        return Err(wrong(at, format!("`{word}` is not known here for a {kind}")));
    }
    match kind {
        "object" => Ok(Node::Object(members(words, at, depth)?)),
        "array" => {
            let items = words.get("items").ok_or_else(|| wrong(at, "an array says what its `items` are"))?;
            let items = Box::new(node(items, &below(at, "items"), depth + 1)?);
            Ok(Node::Array {
                items,
                count: range(words, at, "minItems", "maxItems", (0, i64::from(u16::MAX)))?,
            })
        }
        "string" => {
            let length = range(words, at, "minLength", "maxLength", (0, i64::from(u16::MAX)))?;
            Ok(Node::Text { length, one_of: words.get("enum").map(|it| strings(it, at)).transpose()? })
        }
        "integer" => Ok(Node::Whole { range: range(words, at, "minimum", "maximum", (i64::MIN, i64::MAX))? }),
        "number" => Ok(Node::Number),
        _ => Ok(Node::Truth),
    }
}

fn members(words: &Map<String, Value>, at: &str, depth: usize) -> Result<Members, SchemaError> {
    if words.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(wrong(at, "an object says `additionalProperties`: false"));
    }
    let empty = Map::new();
    let properties = match words.get("properties") {
        Some(given) => given.as_object().ok_or_else(|| wrong(at, "`properties` is an object"))?,
        None => &empty,
    };
    let required = words.get("required").map(|it| strings(it, at)).transpose()?.unwrap_or_default();
    if let Some(name) = required.iter().find(|name| !properties.contains_key(*name)) {
        return Err(wrong(at, format!("`{name}` is required and no property")));
    }
    let member = |(name, told): (&String, &Value)| {
        let presence = if required.contains(name) { Presence::Required } else { Presence::Optional };
        Ok((name.clone(), node(told, &below(at, name), depth + 1)?, presence))
    };
    Ok(Members { known: properties.iter().map(member).collect::<Result<_, _>>()? })
}

fn range(
    words: &Map<String, Value>,
    at: &str,
    least: &str,
    most: &str,
    (from, to): (i64, i64),
) -> Result<Range, SchemaError> {
    let number = |word: &str, otherwise: i64| match words.get(word) {
        Some(given) => given.as_i64().ok_or_else(|| wrong(at, format!("`{word}` is a whole number"))),
        None => Ok(otherwise),
    };
    Ok(Range { least: number(least, from)?, most: number(most, to)? })
}

fn strings(told: &Value, at: &str) -> Result<Vec<String>, SchemaError> {
    let items = told.as_array().into_iter().flatten();
    let found: Option<Vec<String>> = items.map(|it| it.as_str().map(str::to_owned)).collect();
    found
        .filter(|it| told.is_array() && !it.is_empty())
        .ok_or_else(|| wrong(at, "a list of strings is expected"))
}

fn below(at: &str, name: &str) -> String {
    format!("{at}/{name}")
}

fn wrong(at: &str, why: impl ToString) -> SchemaError {
    SchemaError { at: at.to_owned(), why: why.to_string() }
}

fn misfit(at: &str, why: impl Into<String>) -> Misfit {
    let at = if at.is_empty() { "/" } else { at };
    Misfit { at: at.to_owned(), why: why.into() }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use serde_json::json;

    use super::*;

    const TOOL: &str = r#"{"type": "object", "additionalProperties": false, "required": ["kind", "ids"], "properties": {
        "kind": {"type": "string", "enum": ["volume", "stack"]},
        "ids": {"type": "array", "items": {"type": "string", "maxLength": 5}, "minItems": 1, "maxItems": 2},
        "days": {"type": "integer", "minimum": 1, "maximum": 90, "description": "how far back"},
        "share": {"type": "number"}, "deep": {"type": "boolean"},
        "filter": {"type": "object", "additionalProperties": false, "properties": {"tag": {"type": "string"}}}
    }}"#;

    #[test]
    fn arguments_fit_or_are_told_where_not() {
        let schema = Schema::parse(TOOL).unwrap();
        let check = |arguments: Value, expected: Expect| {
            let found = schema.check(arguments.as_object().unwrap());
            expected.assert_eq(&found.map_or_else(|err| err.to_string(), |()| "fits".to_owned()));
        };
        check(json!({"kind": "volume", "ids": ["a"]}), expect!["fits"]);
        check(
            json!({"kind": "stack", "ids": ["a", "b"], "days": 90, "share": 0.5, "deep": true, "filter": {"tag": "x"}}),
            expect!["fits"],
        );
        check(json!({"ids": ["a"]}), expect!["`/kind` is missing"]);
        check(json!({"kind": "bucket", "ids": ["a"]}), expect!["`/kind` is one of volume, stack"]);
        check(json!({"kind": "volume", "ids": "a"}), expect!["`/ids` is an array"]);
        check(json!({"kind": "volume", "ids": []}), expect!["`/ids` has 1 to 2 items"]);
        check(json!({"kind": "volume", "ids": ["a", 7]}), expect!["`/ids/1` is a string"]);
        check(json!({"kind": "volume", "ids": ["abcdef"]}), expect!["`/ids/0` has 0 to 5 characters"]);
        check(
            json!({"kind": "volume", "ids": ["a"], "days": 91}),
            expect!["`/days` is a whole number from 1 to 90"],
        );
        check(
            json!({"kind": "volume", "ids": ["a"], "days": 1.5}),
            expect!["`/days` is a whole number from 1 to 90"],
        );
        check(json!({"kind": "volume", "ids": ["a"], "deep": "yes"}), expect!["`/deep` is true or false"]);
        check(json!({"kind": "volume", "ids": ["a"], "filter": null}), expect!["`/filter` is an object"]);
        check(
            json!({"kind": "volume", "ids": ["a"], "approved": true}),
            expect!["`/` has a member that it does not take"],
        );
        check(
            json!({"kind": "volume", "ids": ["a"], "filter": {"owner": "x"}}),
            expect!["`/filter` has a member that it does not take"],
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_when_a_tool_is_made() {
        let check =
            |text: &str, expected: Expect| expected.assert_eq(&Schema::parse(text).unwrap_err().to_string());
        check(r#"{"type": "string"}"#, expect!["the schema at ``: what a tool takes is an object"]);
        check(
            r#"{"type": "object"}"#,
            expect!["the schema at ``: an object says `additionalProperties`: false"],
        );
        check(
            r#"{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string", "pattern": "x"}}}"#,
            expect!["the schema at `/a`: `pattern` is not known here for a string"],
        );
        check(
            r#"{"type": "object", "additionalProperties": false, "properties": {"a": {"anyOf": []}}}"#,
            expect!["the schema at `/a`: no `type`"],
        );
        check(
            r#"{"type": "object", "additionalProperties": false, "required": ["b"]}"#,
            expect!["the schema at ``: `b` is required and no property"],
        );
        check(
            r#"{"type": "object", "additionalProperties": false, "properties": {"a": {"type": "array"}}}"#,
            expect!["the schema at `/a`: an array says what its `items` are"],
        );
    }
}
