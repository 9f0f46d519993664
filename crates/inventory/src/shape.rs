//! The form of an answer as the cloud's own models give it, cut down to what is kept: names on the wire, and what their values are.
//! An answer is read by it into the SDKs' names, the same for every protocol; what it does not name is dropped.

use std::collections::BTreeMap;

use model::{Timestamp, Value};
use serde::Deserialize;
use serde_json::{Map, Value as Json};

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Shape {
    Scalar(Scalar),
    List {
        #[serde(rename = "list")]
        of: Box<Shape>,
        /// What an item is called in XML; none where a list has no element of its own.
        #[serde(default)]
        item: Option<String>,
    },
    Map {
        #[serde(rename = "map")]
        of: Box<Shape>,
    },
    Members(BTreeMap<String, Member>),
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Member(pub(crate) String, pub(crate) Shape);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scalar {
    Text,
    Int,
    Float,
    Bool,
    Time,
}

impl Shape {
    /// `None` where it is not of this form at all; a member that is not is left out, and whoever needs it misses it.
    pub(crate) fn read(&self, value: &Value) -> Option<Json> {
        match self {
            Self::Scalar(scalar) => scalar.read(value),
            Self::List { of, item } => {
                let items: Vec<&Value> = match (value, item) {
                    (Value::Null, _) => Vec::new(),
                    (Value::List(list), _) => list.iter().collect(),
                    (Value::Map(map), Some(item)) if map.contains_key(item) => match map.get(item) {
                        Some(Value::List(list)) => list.iter().collect(),
                        Some(one) => vec![one],
                        None => Vec::new(),
                    },
                    (one, _) => vec![one],
                };
                Some(Json::Array(items.into_iter().filter_map(|item| of.read(item)).collect()))
            }
            Self::Map { of } => {
                let Value::Map(members) = value else { return None };
                let read = members.iter().filter_map(|(name, value)| Some((name.clone(), of.read(value)?)));
                Some(Json::Object(read.collect()))
            }
            Self::Members(members) => {
                if !matches!(value, Value::Map(_) | Value::Null) {
                    return None;
                }
                let mut read = Map::new();
                for (name, Member(wire, shape)) in members {
                    // An empty element is an empty list, and nothing else.
                    let found = match (value.get(wire), shape) {
                        (Some(Value::Null), Self::List { .. }) => Some(Json::Array(Vec::new())),
                        (Some(Value::Null) | None, _) => None,
                        (Some(found), shape) => shape.read(found),
                    };
                    read.extend(found.map(|found| (name.clone(), found)));
                }
                Some(Json::Object(read))
            }
        }
    }

    /// What stands at a path of the SDKs' names, through lists.
    #[cfg(test)]
    pub(crate) fn at(&self, path: &str) -> Option<&Self> {
        let mut shape = self;
        for step in path.split('.').filter(|step| !step.is_empty()) {
            while let Self::List { of, .. } = shape {
                shape = of;
            }
            shape = match shape {
                Self::Members(members) => &members.get(step)?.1,
                Self::Map { of } => of,
                Self::Scalar(_) | Self::List { .. } => return None,
            };
        }
        Some(shape)
    }
}

impl Scalar {
    fn read(self, value: &Value) -> Option<Json> {
        let text = match value {
            Value::Text(text) | Value::Number(text) => text.clone(),
            Value::Int(number) => number.to_string(),
            Value::Bool(flag) => flag.to_string(),
            Value::Null | Value::Bytes(_) | Value::List(_) | Value::Map(_) => return None,
        };
        match self {
            Self::Text => Some(Json::from(text)),
            Self::Int => text.parse::<i64>().ok().map(Json::from),
            Self::Float => text.parse::<f64>().ok().filter(|it| it.is_finite()).map(Json::from),
            Self::Bool => text.parse::<bool>().ok().map(Json::from),
            Self::Time => time(&text).map(|time| Json::from(time.to_string())),
        }
    }
}

/// RFC 3339, or seconds since the epoch with a fraction.
pub(crate) fn time(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse() {
        return Some(time);
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let seconds: i64 = whole.parse().ok()?;
    let digits: String = fraction.chars().chain("000".chars()).take(3).collect();
    let millis: i64 = digits.parse().ok()?;
    Some(Timestamp::from_millis(seconds.checked_mul(1000)?.checked_add(millis)?))
}

#[cfg(test)]
mod tests {
    use classify_aws::gather::understood;
    use serde_json::json;

    use super::*;

    fn check(shape: Json, body: &str, expected: Json) {
        let shape: Shape = serde_json::from_value(shape).unwrap();
        let value = understood(body.as_bytes()).unwrap();
        assert_eq!(shape.read(&value), Some(expected), "{body}");
    }

    #[test]
    fn every_protocol_is_read_into_the_same_form() {
        let volumes = json!({ "Volumes": ["volumeSet", { "list": {
            "VolumeId": ["volumeId", "text"], "Size": ["size", "int"], "Encrypted": ["encrypted", "bool"],
            "CreateTime": ["createTime", "time"], "Tags": ["tagSet", { "list": { "Key": ["key", "text"] }, "item": "item" }],
        }, "item": "item" }] });
        check(
            volumes.clone(),
            "<R><volumeSet><item><volumeId>v-1</volumeId><size>8</size><encrypted>false</encrypted>\
             <createTime>2026-01-02T03:04:05.678Z</createTime><tagSet/><other>x</other></item></volumeSet></R>",
            json!({ "Volumes": [{ "VolumeId": "v-1", "Size": 8, "Encrypted": false,
                                  "CreateTime": "2026-01-02T03:04:05.678Z", "Tags": [] }] }),
        );
        check(volumes.clone(), "<R><volumeSet/></R>", json!({ "Volumes": [] }));
        check(volumes, "<R><requestId>1</requestId></R>", json!({}));
        let databases =
            json!({ "D": ["DBInstances", { "list": { "N": ["N", "text"] }, "item": "DBInstance" }] });
        let one = "<R><XResult><DBInstances><DBInstance><N>a</N></DBInstance></DBInstances></XResult></R>";
        check(databases.clone(), one, json!({ "D": [{ "N": "a" }] }));
        let two = "<R><DBInstances><DBInstance><N>a</N></DBInstance><DBInstance><N>b</N></DBInstance></DBInstances></R>";
        check(databases, two, json!({ "D": [{ "N": "a" }, { "N": "b" }] }));
        let uploads = json!({ "Uploads": ["Upload", { "list": { "Key": ["Key", "text"] } }] });
        check(
            uploads,
            "<R><Upload><Key>a</Key></Upload><Bucket>b</Bucket></R>",
            json!({ "Uploads": [{ "Key": "a" }] }),
        );
        let group =
            json!({ "t": ["creationTime", "time"], "m": ["tags", { "map": "text" }], "f": ["f", "float"] });
        check(
            group,
            r#"{"creationTime":1767323045.5,"tags":{"a":"b"},"f":0.25,"secret":"x"}"#,
            json!({ "t": "2026-01-02T03:04:05.500Z", "m": { "a": "b" }, "f": 0.25 }),
        );
    }

    #[test]
    fn what_is_of_another_form_is_left_out() {
        check(json!({ "A": ["a", "int"], "B": ["b", "bool"] }), r#"{"a":"many","b":"maybe"}"#, json!({}));
        check(json!({ "A": ["a", "time"] }), r#"{"a":"yesterday"}"#, json!({}));
    }
}
