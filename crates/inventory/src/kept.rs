//! Paths into what was kept of an answer: `A.B` by the SDKs' names, through lists as if each item stood there.

use serde_json::Value;

/// Every value at `path` that is not null; the empty path is the value itself. Lists at the end are taken apart.
pub(crate) fn select<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut current = items(value);
    for step in path.split('.').filter(|step| !step.is_empty()) {
        current = current.into_iter().filter_map(|value| value.get(step)).flat_map(items).collect();
    }
    current
}

pub(crate) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// The only scalar at `path`.
pub(crate) fn text(value: &Value, path: &str) -> Option<String> {
    match select(value, path).as_slice() {
        [only] => scalar(only),
        _ => None,
    }
}

fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => Vec::new(),
        Value::Array(list) => list.iter().flat_map(items).collect(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}
