//! The one way a snapshot is written: everything in the order of the index, members of attributes in the order of their names, one
//! entry a line. What was read in any order is written in the same bytes.

use serde_json::{Value, json};

use crate::{Read, SCHEMA, Snapshot};

impl Snapshot<'_> {
    /// The file's text, with a line feed at its end.
    pub fn to_text(&self) -> String {
        let head = json!({ "account": self.account, "regions": self.regions, "schema": SCHEMA, "taken": self.taken });
        let mut out = canonical(&head);
        out.pop();
        list(&mut out, "reads", self.reads.iter().map(read));
        let resources = self.resources.iter().map(|one| {
            let tags: Vec<String> = one.tags.iter().map(|(key, value)| format!("{}:{}", quoted(key.as_str()), quoted(value.as_str()))).collect();
            let mut views = one.views.iter().map(|view| (self.id_of(view.read), normal(view.text())));
            let (read, attributes) = views.next().unwrap_or_default();
            let more: Vec<String> = views.map(|(read, attributes)| format!("{{\"attributes\":{attributes},\"read\":{}}}", quoted(read))).collect();
            let more = if more.is_empty() { String::new() } else { format!(",\"more\":[{}]", more.join(",")) };
            format!(
                "{{\"attributes\":{attributes},\"id\":{},\"kind\":{}{more},\"name\":{},\"read\":{},\"region\":{},\"tags\":{{{}}}}}",
                quoted(one.id.as_str()),
                quoted(one.kind.as_str()),
                quoted(one.name.as_str()),
                quoted(read),
                quoted(one.region.as_str()),
                tags.join(",")
            )
        });
        list(&mut out, "resources", resources);
        let edges = self.edges.iter().map(|edge| {
            canonical(&json!({ "from": edge.from, "kind": edge.kind, "read": self.id_of(edge.read), "to": edge.to }))
        });
        list(&mut out, "edges", edges);
        let series = self.series.iter().map(|one| {
            let head = canonical(&json!({
                "from": one.from, "metric": one.metric, "namespace": one.namespace, "period": one.period,
                "read": self.id_of(one.read), "resource": one.resource, "statistic": one.statistic,
            }));
            let values = match one.values() {
                Ok(values) => canonical(&Value::from(values.into_iter().map(number).collect::<Vec<_>>())),
                // Not ours to mend.
                Err(_) => one.text().to_owned(),
            };
            format!("{},\"values\":{values}}}", head.trim_end_matches('}'))
        });
        list(&mut out, "metrics", series);
        out.push_str("\n}\n");
        out
    }
}

fn read(read: &Read<'_>) -> String {
    let mut all =
        json!({ "at": read.at, "id": read.id, "operation": read.operation, "outcome": read.outcome });
    if let Value::Object(members) = &mut all {
        for (name, text) in [("region", &read.region), ("about", &read.about), ("why", &read.why)] {
            members.extend(text.as_ref().map(|text| (name.to_owned(), Value::from(text.as_str()))));
        }
        let parameters = read.parameters.and_then(|given| serde_json::from_str(given.get()).ok());
        members.extend(parameters.map(|given: Value| ("parameters".to_owned(), given)));
    }
    canonical(&all)
}

/// Whole numbers without a fraction, so that what was written `3` stays `3`.
fn number(value: Option<f64>) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        None => Value::Null,
        #[expect(clippy::cast_possible_truncation, reason = "whole, and within what both types hold exactly")]
        Some(value) if value.fract() == 0.0 && value.abs() < EXACT => Value::from(value as i64),
        Some(value) => Value::from(value),
    }
}

fn list(out: &mut String, name: &str, items: impl Iterator<Item = String>) {
    out.push_str(",\n\"");
    out.push_str(name);
    out.push_str("\":[");
    for (nth, item) in items.enumerate() {
        out.push_str(if nth == 0 { "\n" } else { ",\n" });
        out.push_str(&item);
    }
    out.push(']');
}

/// What cannot be parsed does not stand in an index; if it did, it would be written as it is.
fn normal(attributes: &str) -> String {
    serde_json::from_str::<Value>(attributes)
        .map_or_else(|_| attributes.to_owned(), |value| canonical(&value))
}

/// Members by name, whatever order the map itself keeps.
fn canonical(value: &Value) -> String {
    let mut out = String::new();
    write(value, &mut out);
    out
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(b.0));
            out.push('{');
            for (nth, (name, inner)) in sorted.into_iter().enumerate() {
                if nth > 0 {
                    out.push(',');
                }
                out.push_str(&quoted(name));
                out.push(':');
                write(inner, out);
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (nth, inner) in items.iter().enumerate() {
                if nth > 0 {
                    out.push(',');
                }
                write(inner, out);
            }
            out.push(']');
        }
        Value::String(text) => out.push_str(&quoted(text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => out.push_str(&value.to_string()),
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}
