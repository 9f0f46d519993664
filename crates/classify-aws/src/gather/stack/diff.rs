//! What differs between a stack's template and the one that would replace it, resource by resource and property by
//! property. Nothing is evaluated: a property that refers to anything that changed (a parameter, a condition, a
//! mapping, a replaced resource) counts as changed. Too much may be reported, never too little.

use std::collections::{BTreeMap, BTreeSet};

use model::Value;

use super::{
    kinds,
    template::{Definition, Template},
};
use crate::gather::path;

/// How one resource differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Difference {
    Added,
    Removed,
    Modified {
        properties: BTreeSet<String>,
        /// Attributes beside the properties that can interrupt (`Metadata`, `UpdatePolicy`, …).
        attributes: BTreeSet<String>,
        /// Of the properties, the numbers that are known to grow.
        raised: BTreeSet<String>,
        replaced: bool,
    },
}

/// The parameters of either side by name; `None` for one whose value is not shown.
pub(super) type Parameters = BTreeMap<String, Option<String>>;

struct Tainted {
    parameters: BTreeSet<String>,
    conditions: BTreeSet<String>,
    mappings: bool,
    /// Resources whose identity changes, and those any attribute of which may.
    replaced: BTreeSet<String>,
    touched: BTreeSet<String>,
}

const PASSES_MAX: usize = 64;

pub(super) fn differences(
    old: &Template,
    new: &Template,
    old_values: &Parameters,
    new_values: &Parameters,
) -> BTreeMap<String, Difference> {
    let parameters = changed_parameters(old, new, old_values, new_values);
    let mut tainted = Tainted {
        conditions: changed_conditions(old, new, &parameters),
        parameters,
        mappings: old.mappings != new.mappings,
        replaced: BTreeSet::new(),
        touched: BTreeSet::new(),
    };
    // Each pass can only taint more resources, so there are at most as many passes as resources. Chains longer than
    // the bound taint everything.
    for pass in 0.. {
        let found = pass_over(old, new, &tainted);
        let replaced: BTreeSet<String> =
            found.iter().filter(|(_, d)| d.changes_identity()).map(|(n, _)| n.clone()).collect();
        let touched: BTreeSet<String> = found.keys().cloned().collect();
        if replaced == tainted.replaced && touched == tainted.touched {
            return found;
        }
        if pass >= PASSES_MAX {
            tainted.replaced = new.resources.keys().chain(old.resources.keys()).cloned().collect();
            return pass_over(old, new, &tainted);
        }
        tainted.replaced = replaced;
        tainted.touched = touched;
    }
    BTreeMap::new()
}

impl Difference {
    const fn changes_identity(&self) -> bool {
        match self {
            Self::Added | Self::Removed => true,
            Self::Modified { replaced, .. } => *replaced,
        }
    }
}

fn changed_parameters(
    old: &Template,
    new: &Template,
    old_values: &Parameters,
    new_values: &Parameters,
) -> BTreeSet<String> {
    let names =
        old.parameters.keys().chain(new.parameters.keys()).chain(old_values.keys()).chain(new_values.keys());
    names
        .filter(|name| {
            let before = value_of(name, old, old_values);
            before.is_none() || before != value_of(name, new, new_values)
        })
        .cloned()
        .collect()
}

/// `None`: not known, and so never equal to another. What is resolved elsewhere (`AWS::SSM::Parameter::Value<…>`) is
/// not known.
fn value_of(name: &str, template: &Template, values: &Parameters) -> Option<String> {
    let definition = template.parameters.get(name);
    let resolved_elsewhere = definition
        .and_then(|definition| path::text(definition, "Type"))
        .is_some_and(|kind| kind.starts_with("AWS::SSM::Parameter::Value"));
    if resolved_elsewhere {
        return None;
    }
    match values.get(name) {
        Some(value) => value.clone(),
        None => definition.and_then(|definition| path::text(definition, "Default")),
    }
}

fn changed_conditions(old: &Template, new: &Template, parameters: &BTreeSet<String>) -> BTreeSet<String> {
    let mut tainted = Tainted {
        parameters: parameters.clone(),
        conditions: BTreeSet::new(),
        mappings: old.mappings != new.mappings,
        replaced: BTreeSet::new(),
        touched: BTreeSet::new(),
    };
    loop {
        let changed: BTreeSet<String> = old
            .conditions
            .keys()
            .chain(new.conditions.keys())
            .filter(|name| {
                let (before, after) = (old.conditions.get(*name), new.conditions.get(*name));
                before != after || after.is_some_and(|condition| tainted.reaches(condition))
            })
            .cloned()
            .collect();
        // Grows with every pass, up to the number of conditions.
        if changed == tainted.conditions || changed.len() > 2000 {
            return changed;
        }
        tainted.conditions = changed;
    }
}

fn pass_over(old: &Template, new: &Template, tainted: &Tainted) -> BTreeMap<String, Difference> {
    let names: BTreeSet<&String> = old.resources.keys().chain(new.resources.keys()).collect();
    names
        .into_iter()
        .filter_map(|name| {
            let difference = match (old.resources.get(name), new.resources.get(name)) {
                (None, _) => Difference::Added,
                (Some(_), None) => Difference::Removed,
                (Some(before), Some(after)) => between(before, after, tainted)?,
            };
            Some((name.clone(), difference))
        })
        .collect()
}

fn between(before: &Definition, after: &Definition, tainted: &Tainted) -> Option<Difference> {
    let names: BTreeSet<&String> = before.properties.keys().chain(after.properties.keys()).collect();
    let mut properties = BTreeSet::new();
    let mut raised = BTreeSet::new();
    for name in names {
        let (was, is) = (before.properties.get(name), after.properties.get(name));
        if was != is || is.is_some_and(|value| tainted.reaches(value)) {
            properties.insert(name.clone());
            if is_raised(was, is) {
                raised.insert(name.clone());
            }
        }
    }
    let attributes: BTreeSet<String> = before
        .attributes
        .keys()
        .chain(after.attributes.keys())
        .filter(|name| !matches!(name.as_str(), "DependsOn" | "DeletionPolicy" | "UpdateReplacePolicy"))
        .filter(|name| {
            let is = after.attributes.get(*name);
            before.attributes.get(*name) != is || is.is_some_and(|value| tainted.reaches(value))
        })
        .cloned()
        .collect();
    // Whether the resource stands at all may turn on its condition.
    let conditional = attributes.contains("Condition")
        || after
            .attributes
            .get("Condition")
            .and_then(Value::as_text)
            .is_some_and(|condition| tainted.conditions.contains(condition));
    let replaced = before.kind != after.kind
        || conditional
        || properties.iter().any(|name| !kinds::stays_in_place(&after.kind, name));
    let changed = replaced || !properties.is_empty() || !attributes.is_empty();
    changed.then_some(Difference::Modified { properties, attributes, raised, replaced })
}

fn is_raised(was: Option<&Value>, is: Option<&Value>) -> bool {
    let number =
        |value: Option<&Value>| value.and_then(Value::as_text).and_then(|text| text.parse::<f64>().ok());
    matches!((number(was), number(is)), (Some(was), Some(is)) if is > was)
}

impl Tainted {
    /// Whether `value` refers to anything that changed. Depth is bounded by the template's parser.
    fn reaches(&self, value: &Value) -> bool {
        match value {
            Value::List(items) => items.iter().any(|item| self.reaches(item)),
            Value::Map(members) => members.iter().any(|(name, value)| self.reaches_by(name, value)),
            // Dynamic references are resolved anew on every update.
            Value::Text(text) => text.contains("{{resolve:") && !self.is_calm(),
            Value::Null | Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Bytes(_) => false,
        }
    }

    fn is_calm(&self) -> bool {
        self.parameters.is_empty() && self.touched.is_empty()
    }

    fn reaches_by(&self, name: &str, value: &Value) -> bool {
        let is_changed = match (name, value) {
            ("Ref", Value::Text(target)) => {
                self.parameters.contains(target) || self.replaced.contains(target)
            }
            ("Condition", Value::Text(target)) => self.conditions.contains(target),
            ("Fn::If", Value::List(items)) => items
                .first()
                .and_then(Value::as_text)
                .is_some_and(|condition| self.conditions.contains(condition)),
            ("Fn::GetAtt", Value::List(items)) => items
                .first()
                .and_then(Value::as_text)
                .is_some_and(|target| self.touched.contains(target) || self.replaced.contains(target)),
            ("Fn::FindInMap", _) => self.mappings,
            // What comes from outside the template may have changed since.
            ("Fn::ImportValue", _) => !self.is_calm(),
            ("Fn::Sub", Value::Text(text)) => self.reaches_in_text(text),
            ("Fn::Sub", Value::List(items)) => {
                items.first().and_then(Value::as_text).is_some_and(|text| self.reaches_in_text(text))
            }
            _ => false,
        };
        is_changed || self.reaches(value)
    }

    /// `${Name}` and `${Name.Attribute}`.
    fn reaches_in_text(&self, text: &str) -> bool {
        text.split("${").skip(1).filter_map(|rest| rest.split_once('}')).any(|(reference, _)| {
            let reference = reference.trim();
            match reference.split_once('.') {
                Some((target, _)) => self.touched.contains(target) || self.replaced.contains(target),
                None => self.parameters.contains(reference) || self.replaced.contains(reference),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const OLD: &str = "
Parameters: {Size: {Type: Number, Default: 30}, Secret: {Type: String, NoEcho: true}}
Conditions: {Big: !Equals [!Ref Size, '60']}
Mappings: {M: {a: {b: c}}}
Resources:
  Queue: {Type: AWS::SQS::Queue, Properties: {QueueName: q, VisibilityTimeout: !Ref Size}}
  Param: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !GetAtt Queue.Arn}}
  Other: {Type: AWS::SSM::Parameter, Properties: {Type: String, Value: !Sub 'x-${Queue}'}}
  Maybe: {Type: AWS::SNS::Topic, Condition: Big}
";

    fn check(edit: impl Fn(String) -> String, values: &[(&str, &str)], expected: &Expect) {
        let (old, new) = (Template::parse(OLD).unwrap(), Template::parse(&edit(OLD.to_owned())).unwrap());
        let secret = ("Secret".to_owned(), Some("s".to_owned()));
        let before = Parameters::from([secret.clone()]);
        let mut after = Parameters::from([secret]);
        after.extend(values.iter().map(|(name, value)| ((*name).to_owned(), Some((*value).to_owned()))));
        let text: String = differences(&old, &new, &before, &after)
            .into_iter()
            .map(|(name, difference)| match difference {
                Difference::Added => format!("{name} added\n"),
                Difference::Removed => format!("{name} removed\n"),
                Difference::Modified { properties, attributes, raised, replaced } => {
                    format!("{name} {properties:?} {attributes:?} raised {raised:?} replaced {replaced}\n")
                }
            })
            .collect();
        expected.assert_eq(&text);
    }

    #[test]
    fn differences_are_found_and_spread() {
        check(|text| text, &[], &expect![""]);
        check(
            |text| text.replace("VisibilityTimeout: !Ref Size", "VisibilityTimeout: 45"),
            &[],
            &expect![[r#"
                Param {"Value"} {} raised {} replaced false
                Queue {"VisibilityTimeout"} {} raised {} replaced false
            "#]],
        );
        check(
            |text| text.replace("QueueName: q", "QueueName: r"),
            &[],
            &expect![[r#"
                Other {"Value"} {} raised {} replaced false
                Param {"Value"} {} raised {} replaced false
                Queue {"QueueName"} {} raised {} replaced true
            "#]],
        );
        check(
            |text| text,
            &[("Size", "60")],
            &expect![[r#"
                Maybe {} {} raised {} replaced true
                Param {"Value"} {} raised {} replaced false
                Queue {"VisibilityTimeout"} {} raised {} replaced false
            "#]],
        );
        check(
            |text| text.replace("Condition: Big", "DependsOn: Queue") + "  New: {Type: AWS::SNS::Topic}\n",
            &[],
            &expect![[r#"
                Maybe {} {"Condition"} raised {} replaced true
                New added
            "#]],
        );
        check(
            |text| text.replace("Type: AWS::SNS::Topic,", "Type: AWS::SQS::Queue,"),
            &[],
            &expect![[r#"
                Maybe {} {} raised {} replaced true
            "#]],
        );
    }

    #[test]
    fn what_is_not_shown_has_changed() {
        let template = Template::parse(
            "Parameters: {S: {Type: String, NoEcho: true}}\nResources: {P: {Type: AWS::SSM::Parameter, Properties: {Value: !Ref S}}}",
        )
        .unwrap();
        let hidden = Parameters::from([("S".to_owned(), None)]);
        assert!(differences(&template, &template, &hidden, &hidden).contains_key("P"));
    }
}
