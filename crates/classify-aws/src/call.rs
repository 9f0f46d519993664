//! Requests that we make ourselves: collectors' reads, captured undos, proposals. A call becomes the unsigned request
//! that an SDK would send, so that it is classified like everyone else's; the forwarder adds host and signature.
//!
//! Parameters are wire-level. Forms: flat (`Tags.member.1.Key`), or nested, and then lists are numbered as the service
//! numbers them. JSON: the object. REST: labels, query parameters, headers and body members under their wire names
//! (the table says which is which); a whole body under the payload's name or `$body`; what is parsed in sections
//! (`$path`, `$query`, `$headers`, `$body`) can be given in sections.

use std::{collections::BTreeMap, fmt::Write as _};

use model::{Request, Value, sanitize};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};

use crate::{
    params::json,
    table::{Protocol, Row, Service, Table},
};

/// An operation of a service (botocore's names) with its parameters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    pub service: String,
    pub operation: String,
    pub region: String,
    pub parameters: Value,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    #[error("`{service}:{operation}` is not in the operation table")]
    Unknown { service: String, operation: String },
    #[error("`{operation}` needs `{name}`")]
    Missing { operation: String, name: String },
    #[error("`{operation}` takes no such value for `{name}`")]
    Value { operation: String, name: String },
    #[error("requests of the CBOR protocol are not built")]
    Cbor,
}

const JSON: &str = "application/json";
const XML: &str = "application/xml";
const BYTES: &str = "application/octet-stream";
/// RFC 3986's unreserved characters stand for themselves.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ENCODED_GREEDY: &AsciiSet = &ENCODED.remove(b'/');

/// The unsigned request, without a host.
pub fn build(call: &Call) -> Result<Request, BuildError> {
    let table = Table::shared();
    let found = table.service(&call.service).zip(table.get(&call.service, &call.operation));
    let Some((service, row)) = found else {
        return Err(BuildError::Unknown {
            service: sanitize(&call.service, 64),
            operation: sanitize(&call.operation, 128),
        });
    };
    match service.protocol() {
        Protocol::Cbor => Err(BuildError::Cbor),
        Protocol::Json => Ok(build_json(service, row, &call.parameters)),
        protocol @ (Protocol::Query | Protocol::Ec2) => build_form(service, row, protocol, &call.parameters),
        protocol @ (Protocol::RestJson | Protocol::RestXml) => build_rest(row, protocol, &call.parameters),
    }
}

fn build_json(service: &Service, row: &Row, parameters: &Value) -> Request {
    let mut body = String::new();
    match parameters {
        Value::Null => body.push_str("{}"),
        other => json::write(other, &mut body),
    }
    let version = if service.json_version.is_empty() { "1.0" } else { service.json_version };
    post(
        vec![
            ("content-type".into(), format!("application/x-amz-json-{version}")),
            ("x-amz-target".into(), format!("{}.{}", service.target_prefix, row.operation)),
        ],
        body,
    )
}

fn build_form(
    service: &Service,
    row: &Row,
    protocol: Protocol,
    parameters: &Value,
) -> Result<Request, BuildError> {
    let mut fields = BTreeMap::new();
    if let Value::Map(map) = parameters {
        for (name, value) in map {
            flatten(service, protocol, name, name, value, &mut fields).ok_or_else(|| invalid(row, name))?;
        }
    }
    let mut body = format!("Action={}&Version={}", row.operation, service.api_version);
    for (name, value) in fields {
        // Writing to a String cannot fail.
        let _ =
            write!(body, "&{}={}", utf8_percent_encode(&name, ENCODED), utf8_percent_encode(&value, ENCODED));
    }
    Ok(post(vec![("content-type".into(), "application/x-www-form-urlencoded; charset=utf-8".into())], body))
}

/// `Tags: [{Key: a}]` → `Tags.member.1.Key=a`, or as the service names the elements of that list.
fn flatten(
    service: &Service,
    protocol: Protocol,
    prefix: &str,
    name: &str,
    value: &Value,
    fields: &mut BTreeMap<String, String>,
) -> Option<()> {
    match value {
        Value::Null => {}
        Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::Text(_) => {
            fields.insert(prefix.to_owned(), scalar(value)?);
        }
        Value::Bytes(_) => return None,
        Value::List(items) => {
            let element = match (protocol, service.list_names.get(name).copied()) {
                (Protocol::Ec2, _) | (_, Some("")) => String::new(),
                (_, Some(element)) => format!("{element}."),
                (_, None) => "member.".to_owned(),
            };
            for (nth, item) in items.iter().enumerate() {
                flatten(service, protocol, &format!("{prefix}.{element}{}", nth + 1), name, item, fields)?;
            }
        }
        Value::Map(map) => {
            for (inner, item) in map {
                flatten(service, protocol, &format!("{prefix}.{inner}"), inner, item, fields)?;
            }
        }
    }
    Some(())
}

fn build_rest(row: &Row, protocol: Protocol, parameters: &Value) -> Result<Request, BuildError> {
    let mut given = sections(row, parameters);
    let mut path = String::new();
    for segment in row.path().trim_start_matches('/').split('/') {
        path.push('/');
        match segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}')) {
            Some(label) => {
                let (name, set) =
                    label.strip_suffix('+').map_or((label, ENCODED), |name| (name, ENCODED_GREEDY));
                let value = given.path.remove(name).ok_or_else(|| missing(row, name))?;
                let text =
                    scalar(&value).filter(|text| !text.is_empty()).ok_or_else(|| invalid(row, name))?;
                path.extend(utf8_percent_encode(&text, set));
            }
            None => path.push_str(segment),
        }
    }
    let mut pairs: Vec<(String, String)> = row
        .constants()
        .filter(|(name, _)| !given.query.contains_key(*name))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    for (name, value) in given.query {
        match value {
            Value::Null => {}
            Value::List(items) => {
                for item in items {
                    pairs.push((name.clone(), scalar(&item).ok_or_else(|| invalid(row, &name))?));
                }
            }
            other => pairs.push((name.clone(), scalar(&other).ok_or_else(|| invalid(row, &name))?)),
        }
    }
    if let Some((name, _)) = row
        .query_names()
        .find(|(name, required)| *required && *name != "*" && !pairs.iter().any(|(key, _)| key == name))
    {
        return Err(missing(row, name));
    }
    let query = pairs.iter().map(|(name, value)| match value.as_str() {
        "" => utf8_percent_encode(name, ENCODED).to_string(),
        value => format!("{}={}", utf8_percent_encode(name, ENCODED), utf8_percent_encode(value, ENCODED)),
    });
    let query = query.collect::<Vec<_>>().join("&");
    let mut headers = Vec::new();
    for (name, value) in given.headers {
        let text = scalar(&value).ok_or_else(|| invalid(row, &name))?;
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(invalid(row, &name));
        }
        headers.push((name, text));
    }
    let (content_type, body) = rest_body(row, protocol, given.body)?;
    if !body.is_empty() && !headers.iter().any(|(name, _)| name == "content-type") {
        headers.push(("content-type".to_owned(), content_type.to_owned()));
    }
    headers.sort();
    Ok(Request { method: row.method.to_owned(), path, query, headers, body })
}

struct Sections {
    path: BTreeMap<String, Value>,
    query: BTreeMap<String, Value>,
    headers: BTreeMap<String, Value>,
    /// `Some(Null)`: given, and empty.
    body: Option<Value>,
}

/// Sorts flat parameters by where the table puts them; what it does not name belongs to the body.
fn sections(row: &Row, parameters: &Value) -> Sections {
    let mut out =
        Sections { path: BTreeMap::new(), query: BTreeMap::new(), headers: BTreeMap::new(), body: None };
    let Value::Map(map) = parameters else { return out };
    let labels: Vec<&str> = row
        .path()
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|label| label.trim_end_matches('+'))
        .collect();
    let bodiless = matches!(row.method, "GET" | "HEAD");
    let payload = row.payload.split_once(':').map(|(name, _)| name);
    let mut members = BTreeMap::new();
    for (name, value) in map {
        let lowered = name.to_ascii_lowercase();
        match (name.as_str(), value) {
            ("$path", Value::Map(inner)) => out.path.extend(inner.clone()),
            ("$query", Value::Map(inner)) => out.query.extend(inner.clone()),
            ("$headers", Value::Map(inner)) => out.headers.extend(inner.clone()),
            ("$body", body) => out.body = Some(body.clone()),
            (name, value) if labels.contains(&name) => drop(out.path.insert(name.to_owned(), value.clone())),
            (name, value) if row.query_names().any(|(known, _)| known == name) => {
                out.query.insert(name.to_owned(), value.clone());
            }
            (_, value) if row.header_names().any(|(known, _)| known == lowered) => {
                out.headers.insert(lowered, value.clone());
            }
            (name, value) if Some(name) == payload => out.body = Some(value.clone()),
            (name, value) if bodiless => drop(out.query.insert(name.to_owned(), value.clone())),
            (name, value) => drop(members.insert(name.to_owned(), value.clone())),
        }
    }
    if !members.is_empty() && out.body.is_none() {
        out.body = Some(Value::Map(members));
    }
    out
}

fn rest_body(
    row: &Row,
    protocol: Protocol,
    body: Option<Value>,
) -> Result<(&'static str, Vec<u8>), BuildError> {
    let takes_members = row.payload.is_empty() && !matches!(row.method, "GET" | "HEAD" | "DELETE");
    let body = match body {
        Some(body) => body,
        None if protocol == Protocol::RestJson && takes_members => return Ok((JSON, b"{}".to_vec())),
        None => Value::Null,
    };
    let mut text = String::new();
    match (body, protocol) {
        (Value::Null, _) => Ok(("", Vec::new())),
        (Value::Bytes(bytes), _) => Ok((BYTES, bytes)),
        (Value::Text(text), _) => Ok((BYTES, text.into_bytes())),
        (body @ Value::Map(_), Protocol::RestXml) => {
            write_xml_body(row, &body, &mut text)?;
            Ok((XML, text.into_bytes()))
        }
        (body @ (Value::Map(_) | Value::List(_)), Protocol::RestJson) => {
            json::write(&body, &mut text);
            Ok((JSON, text.into_bytes()))
        }
        (Value::Bool(_) | Value::Int(_) | Value::Number(_) | Value::List(_) | Value::Map(_), _) => {
            Err(invalid(row, "$body"))
        }
    }
}

/// The body as `params::xml` reads it: one root; a map of several members is put under the payload's name.
fn write_xml_body(row: &Row, body: &Value, out: &mut String) -> Result<(), BuildError> {
    let Value::Map(map) = body else { return Err(invalid(row, "$body")) };
    let payload = row.payload.split_once(':').map(|(name, _)| name);
    let mut roots = map.iter();
    match (roots.next(), roots.next()) {
        (Some((name, value)), None) if payload.is_none_or(|payload| payload == name) => {
            write_xml(name, value, out).ok_or_else(|| invalid(row, name))
        }
        _ => {
            let fallback = format!("{}Request", row.operation);
            let name = payload.unwrap_or(&fallback);
            write_xml(name, body, out).ok_or_else(|| invalid(row, name))
        }
    }
}

fn write_xml(name: &str, value: &Value, out: &mut String) -> Option<()> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b':' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return None;
    }
    match value {
        Value::List(items) => items.iter().try_for_each(|item| write_xml(name, item, out)),
        Value::Map(map) => {
            let _ = write!(out, "<{name}");
            for (key, attribute) in
                map.iter().filter_map(|(key, value)| Some((key.strip_prefix('@')?, value)))
            {
                let _ = write!(out, " {key}=\"{}\"", quick_xml::escape::escape(scalar(attribute)?.as_str()));
            }
            out.push('>');
            for (key, inner) in map.iter().filter(|(key, _)| !key.starts_with('@')) {
                match key.as_str() {
                    "#text" => out.push_str(&quick_xml::escape::escape(scalar(inner)?.as_str())),
                    key => write_xml(key, inner, out)?,
                }
            }
            let _ = write!(out, "</{name}>");
            Some(())
        }
        other => {
            let text = scalar(other)?;
            let _ = write!(out, "<{name}>{}</{name}>", quick_xml::escape::escape(text.as_str()));
            Some(())
        }
    }
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Null => Some(String::new()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Int(number) => Some(number.to_string()),
        Value::Number(text) | Value::Text(text) => Some(text.clone()),
        Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn post(headers: Vec<(String, String)>, body: String) -> Request {
    Request {
        method: "POST".into(),
        path: "/".into(),
        query: String::new(),
        headers,
        body: body.into_bytes(),
    }
}

fn missing(row: &Row, name: &str) -> BuildError {
    BuildError::Missing { operation: format!("{}:{}", row.service, row.operation), name: sanitize(name, 80) }
}

fn invalid(row: &Row, name: &str) -> BuildError {
    BuildError::Value { operation: format!("{}:{}", row.service, row.operation), name: sanitize(name, 80) }
}
