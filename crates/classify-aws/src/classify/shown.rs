//! The parameters as lines for people's eyes: bounded, harmless to a terminal, secrets redacted.

use std::collections::{BTreeMap, BTreeSet};

use model::{Value, sanitize};

use crate::{overrides::Overrides, table::Row};

const MAX_LINES: usize = 60;
const MAX_TEXT: usize = 200;
const MAX_LABEL: usize = 120;
const REDACTED: &str = "(redacted)";
/// Names that hold secrets whatever a model says of them; compared in lower case, by containment.
const SECRET_WORDS: [&str; 11] = [
    "password",
    "secret",
    "passphrase",
    "privatekey",
    "accesskey",
    "sessiontoken",
    "authtoken",
    "authparameters",
    "credential",
    "userdata",
    "apikey",
];

/// Names that say what the value beside them is, and the names of such values.
const KEYS: [&str; 7] = ["ParameterKey", "Key", "key", "Name", "name", "OptionName", "ParameterName"];
const VALUES: [&str; 4] = ["ParameterValue", "Value", "value", "Values"];

/// Names and values of a canonical parse. Without a row, every value is redacted: nobody said which of them is secret.
pub(super) fn of(params: &Value, row: Option<&Row>) -> Vec<(String, String)> {
    let names = row.map(|row| {
        let revealed: Vec<&str> = Overrides::shared()
            .map(|overrides| overrides.revealed(row.service, row.operation).collect())
            .unwrap_or_default();
        row.sensitive
            .split(',')
            .filter(|name| !name.is_empty() && !revealed.contains(name))
            .collect::<BTreeSet<_>>()
    });
    let mut lines = Lines { names, shown: Vec::new(), left_out: 0 };
    lines.visit("", params, false);
    if lines.left_out > 0 {
        lines.shown.push(("…".to_owned(), format!("and {} more", lines.left_out)));
    }
    lines.shown
}

struct Lines<'a> {
    names: Option<BTreeSet<&'a str>>,
    shown: Vec<(String, String)>,
    left_out: usize,
}

impl Lines<'_> {
    fn visit(&mut self, label: &str, value: &Value, secret: bool) {
        // Long names in deep trees must not add up: beyond the cut nothing of a label is shown anyway.
        let label = label
            .char_indices()
            .nth(2 * MAX_LABEL)
            .map_or(label, |(end, _)| label.get(..end).unwrap_or(label));
        match value {
            Value::Map(map) if self.is_full() => self.left_out += map.len(),
            Value::List(items) if self.is_full() => self.left_out += items.len(),
            Value::Map(map) => {
                for (name, inner) in map {
                    let secret = secret || self.is_secret(name) || is_value_of_secret(map, name);
                    if name.starts_with('$') && label.is_empty() {
                        self.visit("", inner, secret);
                    } else if label.is_empty() {
                        self.visit(name, inner, secret);
                    } else {
                        self.visit(&format!("{label}.{name}"), inner, secret);
                    }
                }
            }
            Value::List(items) => {
                for (nth, inner) in items.iter().enumerate() {
                    self.visit(&format!("{label}[{nth}]"), inner, secret);
                }
            }
            Value::Null if label.is_empty() => {}
            Value::Null => self.line(label, "null", secret),
            Value::Bool(flag) => self.line(label, if *flag { "true" } else { "false" }, secret),
            Value::Int(number) => self.line(label, &number.to_string(), secret),
            Value::Number(text) | Value::Text(text) => self.line(label, text, secret),
            Value::Bytes(bytes) => self.line(label, &hex::encode(bytes), secret),
        }
    }

    fn is_full(&self) -> bool {
        self.shown.len() + 1 >= MAX_LINES
    }

    fn line(&mut self, label: &str, text: &str, secret: bool) {
        if self.is_full() {
            self.left_out += 1;
            return;
        }
        let text = if secret || self.names.is_none() { REDACTED.to_owned() } else { cut(text) };
        self.shown.push((sanitize(label, MAX_LABEL), text));
    }

    /// A member or, in a form, any step of its flat name.
    fn is_secret(&self, name: &str) -> bool {
        let listed = |step: &str| self.names.as_ref().is_some_and(|names| names.contains(step));
        listed(name) || name.split('.').any(listed) || sounds_secret(name)
    }
}

/// `SecretString` does; `SecretId` names one and does not.
fn sounds_secret(name: &str) -> bool {
    let lowered = name.to_ascii_lowercase();
    let refers =
        ["arn", "id", "name"].iter().any(|ending| lowered.ends_with(ending)) && !lowered.contains("password");
    lowered != "body_sha256" && !refers && SECRET_WORDS.iter().any(|word| lowered.contains(word))
}

/// `ParameterValue` beside `ParameterKey: DbPassword`, nested or as the steps of flat names.
fn is_value_of_secret(map: &BTreeMap<String, Value>, name: &str) -> bool {
    let (prefix, last) = name.rsplit_once('.').map_or(("", name), |(prefix, last)| (prefix, last));
    VALUES.contains(&last)
        && KEYS.iter().any(|key| {
            let beside = if prefix.is_empty() { map.get(*key) } else { map.get(&format!("{prefix}.{key}")) };
            beside.and_then(Value::as_text).is_some_and(|text| text.len() <= 512 && sounds_secret(text))
        })
}

/// A character that a terminal would obey becomes several: the cut counts what is shown.
fn cut(text: &str) -> String {
    let clean = sanitize(text, MAX_TEXT - 1);
    if clean.chars().count() <= MAX_TEXT {
        return clean;
    }
    clean.chars().take(MAX_TEXT - 1).chain(['…']).collect()
}
