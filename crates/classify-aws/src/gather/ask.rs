//! Calls as the tables write them, brought into the shape of each protocol: REST requests in parts, all others as they
//! stand. The only place that makes a [`Call`].

use std::collections::BTreeMap;

use model::Value;

use crate::{
    call::Call,
    table::{Protocol, Table},
};

use super::path;

/// `members` by place: for REST services `path.X`, `query.X`, `headers.X`, `body.X`, and `body` where it is one text.
pub(super) fn call(service: &str, operation: &str, region: &str, members: BTreeMap<String, Value>) -> Call {
    let parameters = match Table::shared().service(service).map(|service| service.protocol()) {
        Some(Protocol::RestJson | Protocol::RestXml) => in_parts(members),
        Some(Protocol::Cbor | Protocol::Json | Protocol::Query | Protocol::Ec2) | None => Value::Map(members),
    };
    Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: region.to_owned(),
        parameters,
    }
}

fn in_parts(members: BTreeMap<String, Value>) -> Value {
    let mut parts: BTreeMap<String, Value> = ["path", "query", "headers", "body"]
        .into_iter()
        .map(|part| (format!("${part}"), Value::Map(BTreeMap::new())))
        .collect();
    for (name, value) in members {
        if name == "body" {
            parts.insert("$body".to_owned(), value);
            continue;
        }
        let Some((part, member)) = name.split_once('.') else { continue };
        if let Some(Value::Map(part)) = parts.get_mut(&format!("${part}")) {
            part.insert(member.to_owned(), value);
        }
    }
    Value::Map(parts)
}

/// The scalars that identify, for people: `StackName app, ChangeSetName c1`.
pub(super) fn identifiers(template: &toml::Table, filled: &BTreeMap<String, Value>) -> String {
    let shown = template.iter().filter_map(|(name, operand)| {
        operand.as_str().filter(|operand| operand.starts_with('$'))?;
        let text = path::scalar(filled.get(name)?)?;
        let name = name.rsplit('.').next().unwrap_or(name);
        Some(format!("{name} {}", model::sanitize(&text, 120)))
    });
    shown.take(4).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_have_the_shape_of_their_protocol() {
        let members = |json: &str| match super::super::answer::parse(json.as_bytes()) {
            Some(Value::Map(members)) => members,
            _ => panic!("{json}"),
        };
        let check = |service: &str, given: &str, expected: &str| {
            let made = call(service, "X", "r", members(given)).parameters;
            assert_eq!(made, Value::Map(members(expected)), "{service}");
        };
        check("ec2", r#"{"InstanceId":["a","b"]}"#, r#"{"InstanceId":["a","b"]}"#);
        check("ssm", r#"{"Names":["a"]}"#, r#"{"Names":["a"]}"#);
        check(
            "lambda",
            r#"{"path.FunctionName":"f","body.Timeout":3}"#,
            r#"{"$path":{"FunctionName":"f"},"$query":{},"$headers":{},"$body":{"Timeout":3}}"#,
        );
    }
}
