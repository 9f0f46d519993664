//! Finding members in an answer or in parameters: `a.b.c` steps into maps, and through lists as if each item stood
//! there; `a[K=V].b` keeps the items whose member `K` is the text `V`.

use model::Value;

/// Every non-null value at `path`; the empty path is the value itself.
pub(super) fn select<'v>(value: &'v Value, path: &str) -> Vec<&'v Value> {
    let mut current = vec![value];
    for step in Steps(path) {
        let (name, filter) = match step.split_once('[') {
            Some((name, filter)) => {
                (name, filter.strip_suffix(']').and_then(|filter| filter.split_once('=')))
            }
            None => (step, None),
        };
        let mut next = Vec::new();
        for value in current.into_iter().flat_map(items) {
            let Some(member) = value.get(name) else { continue };
            match filter {
                None => next.push(member),
                Some((key, wanted)) => next.extend(
                    items(member)
                        .into_iter()
                        .filter(|item| item.get(key).and_then(Value::as_text) == Some(wanted)),
                ),
            }
        }
        current = next;
    }
    current.into_iter().filter(|value| !matches!(value, Value::Null)).collect()
}

/// The only value at `path`; several are none.
pub(super) fn one<'v>(value: &'v Value, path: &str) -> Option<&'v Value> {
    match select(value, path).as_slice() {
        [only] => Some(only),
        _ => None,
    }
}

/// The only value at `path`, if it is a scalar, as text.
pub(super) fn text(value: &Value, path: &str) -> Option<String> {
    one(value, path).and_then(scalar)
}

/// A scalar as the text that a form would carry.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Number(text) | Value::Text(text) => Some(text.clone()),
        Value::Null | Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
    }
}

/// A list's items, through nested lists; any other value is its own only item.
pub(super) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::List(list) => list.iter().flat_map(items).collect(),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Map(_) => vec![value],
    }
}

/// Splits at dots outside brackets.
struct Steps<'p>(&'p str);

impl<'p> Iterator for Steps<'p> {
    type Item = &'p str;

    fn next(&mut self) -> Option<&'p str> {
        if self.0.is_empty() {
            return None;
        }
        let mut inside = false;
        let end = self.0.find(|character| {
            inside = match character {
                '[' => true,
                ']' => false,
                _ => inside,
            };
            character == '.' && !inside
        });
        let (step, rest) = end.and_then(|end| self.0.split_at_checked(end)).unwrap_or((self.0, ""));
        self.0 = rest.strip_prefix('.').unwrap_or(rest);
        Some(step)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, path: &str, expected: &[&str]) {
        let value = super::super::answer::parse(json.as_bytes()).unwrap();
        let found: Vec<_> =
            select(&value, path).into_iter().map(|value| scalar(value).unwrap_or_default()).collect();
        assert_eq!(found, expected, "{path}");
    }

    #[test]
    fn paths_step_through_lists() {
        check(r#"{"a":[{"b":1},{"b":[2,3]}]}"#, "a.b", &["1", ""]);
        check(r#"{"a":{"b":{"c":true}}}"#, "a.b.c", &["true"]);
        check(r#"{"a":[{"K":"x.y","V":"1"},{"K":"z","V":"2"}]}"#, "a[K=x.y].V", &["1"]);
        check(r#"{"a":null}"#, "a", &[]);
        check("7", "", &["7"]);
        check("7", "a.b", &[]);
        check(r#"{"a":{"":"e"}}"#, "a..", &["e"]);
    }
}
