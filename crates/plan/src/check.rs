//! What a machine looks at before and after a step: a read, and what its answer must say.

use std::fmt;

use model::sanitize;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Call;

/// One look at the world.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Of small letters, digits and hyphens, as a specification's check; unique in its plan.
    pub id: String,
    /// What holds where it passes, in words.
    pub verifies: String,
    /// A plain read by the operation table; whatever else it is, is refused.
    pub read: Call,
    pub expect: Expectation,
    #[serde(default)]
    pub patience: Patience,
}

/// What the answer must say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Expectation {
    /// The read succeeds, and every value at `path` (members apart by dots, through lists as if each item stood there, as a scan reads
    /// answers) compares so; no value at all is a failure.
    All { path: String, is: Comparison },
    /// As [`Self::All`], and one value is enough.
    Any { path: String, is: Comparison },
    /// The read succeeds, and no value at `path` compares so.
    None { path: String, is: Comparison },
    /// The read succeeds.
    Answers,
    /// The cloud says that there is no such thing (one of these error codes), or the list at `path` is empty.
    Absent { codes: Vec<String>, path: Option<String> },
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Comparison {
    Equals(Value),
    /// One of these texts.
    OneOf(Vec<String>),
    AtLeast(i64),
    AtMost(i64),
    Not(Value),
    /// All of this, and whatever else: each member of an object, some item for each of a list.
    Has(Value),
}

/// How long an answer may be wrong before it counts: what a cloud does takes a while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Patience {
    /// Looks after the first; 0: once.
    pub again: u16,
    /// Seconds between two looks.
    pub every_s: u16,
}

impl Patience {
    /// How long it looks before an answer counts.
    pub fn seconds(self) -> u32 {
        u32::from(self.again).saturating_mul(u32::from(self.every_s))
    }
}

/// What came back for a read, as a scan understands it.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'v> {
    /// In the SDKs' names.
    Page(&'v Value),
    /// The cloud's error code.
    Refused(&'v str),
}

impl Expectation {
    /// Whether, of the same read, this one says of a later moment what the other one said of an earlier: both need not hold then.
    pub(crate) fn replaces(&self, earlier: &Self) -> bool {
        let path = |of: &Self| match of {
            Self::All { path, .. } | Self::Any { path, .. } | Self::None { path, .. } => Some(path.clone()),
            Self::Answers | Self::Absent { .. } => None,
        };
        match (self, earlier) {
            (Self::Absent { .. }, Self::Absent { .. })
            | (Self::Any { .. }, Self::Any { .. })
            | (Self::None { .. }, Self::None { .. }) => false,
            (Self::Absent { .. }, _) | (_, Self::Absent { .. }) => true,
            (Self::Answers, _) | (_, Self::Answers) => false,
            (Self::All { .. } | Self::Any { .. } | Self::None { .. }, _) => path(self) == path(earlier),
        }
    }

    /// Whether it holds.
    ///
    /// # Errors
    /// What was found in its place, in words for people.
    pub fn holds(&self, seen: Seen<'_>) -> Result<(), String> {
        let page = match (self, seen) {
            (Self::Absent { codes, .. }, Seen::Refused(code)) if codes.iter().any(|one| one == code) => {
                return Ok(());
            }
            (_, Seen::Refused(code)) => return Err(format!("it was not answered: {}", sanitize(code, 80))),
            (_, Seen::Page(page)) => page,
        };
        match self {
            Self::Answers => Ok(()),
            Self::All { path, is } => {
                let found = select(page, path);
                match found.iter().find(|value| !is.holds(value)) {
                    Some(other) => Err(format!("{path} is {}", shown(other))),
                    None if found.is_empty() => Err(format!("nothing is at {path}")),
                    None => Ok(()),
                }
            }
            Self::Any { path, is } => {
                let found = select(page, path);
                if found.iter().any(|value| is.holds(value)) {
                    return Ok(());
                }
                let told: Vec<_> = found.iter().take(5).map(|value| shown(value)).collect();
                Err(if told.is_empty() {
                    format!("nothing is at {path}")
                } else {
                    format!("{path} is {}", told.join(", "))
                })
            }
            Self::None { path, is } => match select(page, path).into_iter().find(|value| is.holds(value)) {
                Some(still) => Err(format!("{path} is {}", shown(still))),
                None => Ok(()),
            },
            Self::Absent { path: Some(path), .. } => match select(page, path).first() {
                Some(still) => Err(format!("it is there: {path} is {}", shown(still))),
                None => Ok(()),
            },
            Self::Absent { path: None, .. } => Err("it is there".into()),
        }
    }
}

impl Comparison {
    fn holds(&self, value: &Value) -> bool {
        let number = || value.as_i64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        match self {
            Self::Equals(other) => value == other,
            Self::OneOf(texts) => value.as_str().is_some_and(|text| texts.iter().any(|one| one == text)),
            Self::AtLeast(least) => number().is_some_and(|number| number >= *least),
            Self::AtMost(most) => number().is_some_and(|number| number <= *most),
            Self::Not(other) => value != other,
            Self::Has(part) => has(value, part),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(value) => f.write_str(&shown(value)),
            Self::OneOf(texts) => {
                f.write_str(&texts.iter().map(|text| sanitize(text, 80)).collect::<Vec<_>>().join(" or "))
            }
            Self::AtLeast(least) => write!(f, "at least {least}"),
            Self::AtMost(most) => write!(f, "at most {most}"),
            Self::Not(value) => write!(f, "not {}", shown(value)),
            Self::Has(value) => write!(f, "with {}", shown(value)),
        }
    }
}

fn has(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Object(own), Value::Object(part)) => {
            part.iter().all(|(name, part)| own.get(name).is_some_and(|own| has(own, part)))
        }
        (Value::Array(own), Value::Array(part)) => {
            part.iter().all(|part| own.iter().any(|own| has(own, part)))
        }
        (own, part) => own == part,
    }
}

/// Every value at `path` that is not null; lists at the end are taken apart.
pub(crate) fn select<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut current = items(value);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        current = current.into_iter().filter_map(|value| value.get(step)).flat_map(items).collect();
    }
    current
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().flat_map(items).collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => sanitize(text, 120),
        other => sanitize(&other.to_string(), 120),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_an_answer_must_say() {
        let page =
            json!({ "Volumes": [{ "State": "available", "Tags": [] }, { "State": "in-use", "Size": 8 }] });
        let check = |expectation: Value, expected: Result<(), &str>| {
            let expectation: Expectation = serde_json::from_value(expectation).unwrap();
            assert_eq!(
                expectation.holds(Seen::Page(&page)),
                expected.map_err(str::to_owned),
                "{expectation:?}"
            );
        };
        check(
            json!({ "any": { "path": "Volumes", "is": { "has": { "Size": 8, "State": "in-use" } } } }),
            Ok(()),
        );
        check(
            json!({ "none": { "path": "Volumes", "is": { "has": { "Size": 8, "State": "available" } } } }),
            Ok(()),
        );
        let state = |is: Value| json!({ "path": "Volumes.State", "is": is });
        check(json!("answers"), Ok(()));
        check(json!({ "all": state(json!({ "one_of": ["available", "in-use"] })) }), Ok(()));
        check(json!({ "all": state(json!({ "equals": "available" })) }), Err("Volumes.State is in-use"));
        check(json!({ "any": state(json!({ "equals": "available" })) }), Ok(()));
        check(
            json!({ "any": state(json!({ "equals": "gone" })) }),
            Err("Volumes.State is available, in-use"),
        );
        check(json!({ "none": state(json!({ "equals": "gone" })) }), Ok(()));
        check(json!({ "none": state(json!({ "not": "in-use" })) }), Err("Volumes.State is available"));
        check(json!({ "all": { "path": "Volumes.Size", "is": { "at_least": 8 } } }), Ok(()));
        check(json!({ "all": { "path": "Volumes.Size", "is": { "at_most": 7 } } }), Err("Volumes.Size is 8"));
        check(
            json!({ "all": { "path": "Volumes.Tags.Key", "is": { "equals": "a" } } }),
            Err("nothing is at Volumes.Tags.Key"),
        );
        check(json!({ "absent": { "codes": ["Gone"], "path": "Volumes.Tags.Key" } }), Ok(()));
        check(
            json!({ "absent": { "codes": ["Gone"], "path": "Volumes.State" } }),
            Err("it is there: Volumes.State is available"),
        );
        check(json!({ "absent": { "codes": ["Gone"], "path": null } }), Err("it is there"));
        let absent = Expectation::Absent { codes: vec!["Gone".into()], path: None };
        assert_eq!(absent.holds(Seen::Refused("Gone")), Ok(()));
        assert_eq!(
            absent.holds(Seen::Refused("AccessDenied")),
            Err("it was not answered: AccessDenied".into())
        );
        assert_eq!(
            Expectation::Answers.holds(Seen::Refused("Gone")),
            Err("it was not answered: Gone".into())
        );
    }
}
