//! A CloudFormation template, JSON or YAML with short-form tags, as a value in which every scalar is text (as
//! CloudFormation takes them) and every intrinsic has its long form. A template that can be read in two ways
//! (duplicate keys, aliases) is not read at all.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use model::{Digest, Value};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::gather::marked::whole_tags;

const LENGTH_MAX: usize = 1024 * 1024;
const DEPTH_MAX: usize = 64;
const NODES_MAX: usize = 200_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) digest: Digest,
    pub(super) resources: BTreeMap<String, Definition>,
    pub(super) parameters: BTreeMap<String, Value>,
    pub(super) conditions: BTreeMap<String, Value>,
    pub(super) mappings: Value,
    /// Macros rewrite the template: what stands here is then not what is made.
    pub(super) transforms: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) kind: String,
    pub(super) properties: BTreeMap<String, Value>,
    /// Everything beside the properties: `DeletionPolicy`, `Condition`, `Metadata`, …
    pub(super) attributes: BTreeMap<String, Value>,
}

impl Definition {
    /// Only where it stands there as plain text.
    pub(super) fn deletion_policy(&self) -> Option<&str> {
        self.attributes.get("DeletionPolicy").and_then(Value::as_text)
    }
}

impl Template {
    pub(super) fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let value = if text.trim_start().starts_with('{') { json(text)? } else { yaml(text)? };
        let mut resources = BTreeMap::new();
        for (name, definition) in map(value.get("Resources")?)? {
            let mut attributes = map(definition)?.clone();
            let kind = attributes.remove("Type")?.as_text()?.to_owned();
            let properties = match attributes.remove("Properties") {
                None | Some(Value::Null) => BTreeMap::new(),
                Some(Value::Map(properties)) => properties,
                Some(_) => return None,
            };
            resources.insert(name.clone(), Definition { kind, properties, attributes });
        }
        let section = |name: &str| value.get(name).and_then(map).cloned().unwrap_or_default();
        Some(Self {
            digest: value.digest("countersign/cloudformation-template/v1"),
            // `Fn::ForEach::…` under `Resources` has no `Type` and has failed above.
            resources,
            parameters: section("Parameters"),
            conditions: section("Conditions"),
            mappings: value.get("Mappings").cloned().unwrap_or(Value::Null),
            transforms: value.get("Transform").is_some() || mentions_transform(&value),
        })
    }

    /// The tags that its resources are given; `None` where one of them is not plain text.
    pub(super) fn tags(&self) -> Option<BTreeSet<model::Tag>> {
        let mut all = BTreeSet::new();
        for definition in self.resources.values() {
            all.extend(whole_tags(&Value::Map(definition.properties.clone()))?);
        }
        (!self.transforms).then_some(all)
    }
}

fn map(value: &Value) -> Option<&BTreeMap<String, Value>> {
    match value {
        Value::Map(members) => Some(members),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_) => None,
    }
}

/// Depth is bounded by the parsers.
fn mentions_transform(value: &Value) -> bool {
    match value {
        Value::Map(members) => {
            members.iter().any(|(name, value)| name.starts_with("Fn::Transform") || mentions_transform(value))
        }
        Value::List(items) => items.iter().any(mentions_transform),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_) => false,
    }
}

fn json(text: &str) -> Option<Value> {
    serde_json::from_str::<Strict>(text).ok().map(|strict| strict.0)
}

/// JSON whose scalars are text and whose keys stand once.
struct Strict(Value);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(StrictVisitor)
    }
}

struct StrictVisitor;

impl<'de> Visitor<'de> for StrictVisitor {
    type Value = Strict;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a template")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Strict, E> {
        Ok(Strict(Value::text(flag.to_string())))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Strict, E> {
        Ok(Strict(Value::text(number.to_string())))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Strict, E> {
        Ok(Strict(Value::text(number.to_string())))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Strict, E> {
        Ok(Strict(Value::text(number.to_string())))
    }

    fn visit_str<E>(self, text: &str) -> Result<Strict, E> {
        Ok(Strict(Value::text(text)))
    }

    fn visit_unit<E>(self) -> Result<Strict, E> {
        Ok(Strict(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Strict, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.push(item);
        }
        Ok(Strict(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Strict, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((name, Strict(value))) = members.next_entry::<String, Strict>()? {
            let value = long_form(&name, value);
            if map.insert(name, value).is_some() {
                return Err(serde::de::Error::custom("a key stands twice"));
            }
        }
        Ok(Strict(Value::Map(map)))
    }
}

enum Open {
    List(Option<String>, Vec<Value>),
    Map(Option<String>, BTreeMap<String, Value>, Option<String>),
}

/// Driven by events, not by recursion: depth costs memory, not stack.
fn yaml(text: &str) -> Option<Value> {
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    let mut nodes = 0_usize;
    for event in Parser::new_from_str(text) {
        let (event, _) = event.ok()?;
        nodes += 1;
        if nodes > NODES_MAX || open.len() > DEPTH_MAX {
            return None;
        }
        let value = match event {
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => {
                continue;
            }
            // CloudFormation has none.
            Event::Alias(_) => return None,
            Event::Scalar(text, style, _, tag) => tagged(intrinsic(tag)?, scalar(&text, style)),
            Event::SequenceStart(_, tag) => {
                open.push(Open::List(intrinsic(tag)?, Vec::new()));
                continue;
            }
            Event::MappingStart(_, tag) => {
                open.push(Open::Map(intrinsic(tag)?, BTreeMap::new(), None));
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop()? {
                Open::List(tag, items) => tagged(tag, Value::List(items)),
                Open::Map(tag, members, None) => tagged(tag, Value::Map(members)),
                Open::Map(_, _, Some(_)) => return None,
            },
        };
        match open.last_mut() {
            None if root.is_none() => root = Some(value),
            // A second document.
            None => return None,
            Some(Open::List(_, items)) => items.push(value),
            Some(Open::Map(_, members, key)) => match key.take() {
                None => *key = Some(value.as_text().map_or_else(|| "null".to_owned(), str::to_owned)),
                Some(name) => {
                    let value = long_form(&name, value);
                    if members.insert(name, value).is_some() {
                        return None;
                    }
                }
            },
        }
    }
    root
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::text(text)
}

/// `!Ref` is `Ref`, `!Sub` is `Fn::Sub`; core tags (`!!str`) say nothing. `None`: a tag that is neither.
#[expect(clippy::option_option, reason = "unreadable, untagged and tagged are three outcomes")]
fn intrinsic(tag: Option<Cow<'_, Tag>>) -> Option<Option<String>> {
    let Some(tag) = tag else { return Some(None) };
    if tag.is_yaml_core_schema() {
        return Some(None);
    }
    if tag.handle != "!" {
        return None;
    }
    Some(match tag.suffix.as_str() {
        "" => None,
        plain @ ("Ref" | "Condition") => Some(plain.to_owned()),
        function => Some(format!("Fn::{function}")),
    })
}

fn tagged(tag: Option<String>, value: Value) -> Value {
    match tag {
        None => value,
        Some(name) => {
            let value = long_form(&name, value);
            Value::map([(name, value)])
        }
    }
}

/// `Fn::GetAtt: A.B` is `[A, B]`.
fn long_form(name: &str, value: Value) -> Value {
    match value {
        Value::Text(text) if name == "Fn::GetAtt" => match text.split_once('.') {
            Some((resource, attribute)) => Value::List(vec![Value::text(resource), Value::text(attribute)]),
            None => Value::Text(text),
        },
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YAML: &str = "
AWSTemplateFormatVersion: 2010-09-09
Parameters: {Size: {Type: Number, Default: 3}}
Resources:
  Topic:
    Type: AWS::SNS::Topic
    DeletionPolicy: Retain
  Fn:
    Type: AWS::Lambda::Function
    Properties:
      Timeout: 3
      Role: !GetAtt Role.Arn
      Name: !Sub '${AWS::StackName}-fn'
      Layers: [!Ref Layer, !If [Big, a, !Ref 'AWS::NoValue']]
      Code:
        ZipFile: |
          def handler(): {}
";

    const JSON: &str = r#"{"AWSTemplateFormatVersion":"2010-09-09",
      "Parameters":{"Size":{"Type":"Number","Default":3}},
      "Resources":{"Topic":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain"},
        "Fn":{"Type":"AWS::Lambda::Function","Properties":{"Timeout":3,"Role":{"Fn::GetAtt":["Role","Arn"]},
          "Name":{"Fn::Sub":"${AWS::StackName}-fn"},
          "Layers":[{"Ref":"Layer"},{"Fn::If":["Big","a",{"Ref":"AWS::NoValue"}]}],
          "Code":{"ZipFile":"def handler(): {}\n"}}}}}"#;

    #[test]
    fn yaml_short_forms_and_json_are_one_template() {
        let (yaml, json) = (Template::parse(YAML).unwrap(), Template::parse(JSON).unwrap());
        assert_eq!(yaml, json);
        assert_eq!(yaml.resources["Topic"].deletion_policy(), Some("Retain"));
        assert!(!yaml.transforms);
    }

    #[test]
    fn what_has_two_readings_is_not_read() {
        for text in [
            r#"{"Resources":{},"Resources":{"A":{"Type":"X"}}}"#,
            "Resources: {}\nResources: {A: {Type: X}}",
            "a: &x 1\nResources: {A: {Type: *x}}",
            "Resources: {A: {Type: X}}\n---\nResources: {}",
            "Resources: {A: {}}",
            "Resources: {A: {Type: X, Properties: text}}",
            "Resources:\n  Fn::ForEach::A: [x, [1], {}]",
            "",
            "[",
        ] {
            assert_eq!(Template::parse(text), None, "{text}");
        }
    }

    #[test]
    fn macros_are_noticed() {
        assert!(
            Template::parse("Transform: AWS::Serverless-2016-10-31\nResources: {A: {Type: X}}")
                .unwrap()
                .transforms
        );
        let inner = "Resources: {A: {Type: X, Properties: {B: {'Fn::Transform': {Name: AWS::Include}}}}}";
        assert!(Template::parse(inner).unwrap().transforms);
    }

    #[test]
    fn depth_is_bounded() {
        assert_eq!(Template::parse(&format!("Resources: {}", "[".repeat(100_000))), None);
        assert_eq!(Template::parse(&format!("{{\"Resources\": {}", "[".repeat(100_000))), None);
        assert_eq!(Template::parse(&"- ".repeat(50_000)), None);
    }

    proptest! {
        #[test]
        fn no_template_panics(text in "[-a:{}\\[\\],!&*?|>'\"\n #0]{0,120}") {
            let _ = Template::parse(&text);
        }
    }
}
