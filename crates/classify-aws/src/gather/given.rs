//! What the action's request gives, in one shape for every protocol: nested members by their wire names, lists as
//! lists. Forms arrive flat (`Tags.member.1.Key`), REST requests in parts (path, query, headers, body).

use std::collections::BTreeMap;

use model::Value;

const STEPS_MAX: usize = 16;

/// Later parts never replace earlier ones: a label names the target, whatever a body says.
pub(crate) fn normalise(params: &Value) -> Value {
    let Value::Map(members) = params else { return Value::Map(BTreeMap::new()) };
    if !members.contains_key("$path") {
        return unflatten(members);
    }
    let mut merged = BTreeMap::new();
    for part in ["$path", "$query", "$headers", "$body"] {
        if let Some(Value::Map(members)) = members.get(part) {
            for (name, value) in members {
                merged.entry(name.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Value::Map(merged)
}

#[derive(Default)]
struct Node {
    leaf: Option<Value>,
    children: BTreeMap<String, Node>,
}

fn unflatten(members: &BTreeMap<String, Value>) -> Value {
    let mut root = Node::default();
    for (name, value) in members {
        let steps: Vec<&str> = name.split('.').collect();
        if steps.len() > STEPS_MAX {
            continue;
        }
        let mut node = &mut root;
        for step in steps {
            node = node.children.entry(step.to_owned()).or_default();
        }
        node.leaf = Some(value.clone());
    }
    Value::Map(root.children.into_iter().map(|(name, node)| (name.clone(), close(&name, node))).collect())
}

/// Depth is bounded by `STEPS_MAX`.
fn close(name: &str, node: Node) -> Value {
    let Node { leaf, mut children } = node;
    match (leaf, children.is_empty()) {
        (Some(leaf), true) => return leaf,
        // Both a scalar and members: two readings are none.
        (Some(_), false) => return Value::Null,
        (None, _) => {}
    }
    if let Some(list) = as_list(name, &children) {
        let items =
            list.into_iter().filter_map(|(_, key)| children.remove(&key).map(|child| close(name, child)));
        return Value::List(items.collect());
    }
    let mut members: BTreeMap<String, Value> =
        children.into_iter().map(|(child, node)| (child.clone(), close(&child, node))).collect();
    // `Tags.member.1` and `Tags.Tag.1` are both the list `Tags`.
    let wrapper = members.keys().next().cloned().filter(|only| {
        members.len() == 1
            && (only == "member" || only == "entry" || name.strip_suffix('s') == Some(only.as_str()))
    });
    match wrapper.and_then(|wrapper| members.remove(&wrapper).map(|inner| (wrapper, inner))) {
        Some((_, Value::List(items))) => Value::List(items),
        Some((wrapper, inner)) => Value::map([(wrapper, inner)]),
        None => Value::Map(members),
    }
}

fn as_list(name: &str, children: &BTreeMap<String, Node>) -> Option<Vec<(u32, String)>> {
    let mut numbered = Vec::with_capacity(children.len());
    for key in children.keys() {
        numbered.push((key.parse::<u32>().ok()?, key.clone()));
    }
    numbered.sort();
    (!name.is_empty() && !numbered.is_empty()).then_some(numbered)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(params: &str, expected: &str) {
        let parse = |text: &str| super::super::answer::parse(text.as_bytes()).unwrap();
        assert_eq!(normalise(&parse(params)), parse(expected));
    }

    #[test]
    fn every_protocol_gives_the_same_shape() {
        check(
            r#"{"StackName":"a","Tags.member.2.Key":"c","Tags.member.10.Key":"d","Tags.member.1.Key":"b"}"#,
            r#"{"StackName":"a","Tags":[{"Key":"b"},{"Key":"c"},{"Key":"d"}]}"#,
        );
        check(r#"{"InstanceId.1":"i-1","InstanceId.2":"i-2"}"#, r#"{"InstanceId":["i-1","i-2"]}"#);
        check(r#"{"Tags.Tag.1.Key":"k"}"#, r#"{"Tags":[{"Key":"k"}]}"#);
        check(r#"{"tags":{"a":"b"},"names":["x"]}"#, r#"{"tags":{"a":"b"},"names":["x"]}"#);
        check(
            r#"{"$path":{"FunctionName":"f"},"$query":{},"$headers":{},"$body":{"Timeout":3,"FunctionName":"g"}}"#,
            r#"{"FunctionName":"f","Timeout":3}"#,
        );
        check(r#"{"A":"x","A.1":"y"}"#, r#"{"A":null}"#);
        check(r#"{"DisableApiTermination.Value":"false"}"#, r#"{"DisableApiTermination":{"Value":"false"}}"#);
    }

    proptest! {
        #[test]
        fn no_parameters_panic(names in proptest::collection::btree_map("[a1.]{0,40}", "x", 0..8)) {
            let _ = normalise(&Value::map(names.into_iter().map(|(name, value)| (name, Value::text(value)))));
        }
    }
}
