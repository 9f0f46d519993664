//! The one canonical parse of what a request says: everything that changes its meaning and nothing that does not
//! (idempotency tokens, dates, signatures, invocation ids, transfer framing).
//!
//! Forms, JSON and CBOR calls become a map of their members under their wire names; a form stays flat
//! (`TagSpecification.1.Tag.1.Key`). REST becomes `{"$path": labels, "$query": …, "$headers": …, "$body": …}`; no member
//! of a call may start with `$`, so the two cannot be mistaken for each other. A body that is content rather than
//! parameters (an object, a payload) is `{"body_sha256": …, "length": …}`.

pub mod cbor;
pub mod form;
pub mod json;
mod rest;
pub mod xml;

use std::collections::BTreeMap;

use model::{Digest, Request, Value};

use crate::{
    route::Routed,
    table::{Member, Place, Protocol},
};

pub use rest::{decode, labels, match_path};

/// A parsed body may be this long; longer is refused, except content that is only hashed.
pub const MAX_BODY: usize = 8 * 1024 * 1024;
/// Containers within containers.
pub const MAX_DEPTH: usize = 64;
/// Members and elements of one request.
pub const MAX_NODES: usize = 65_536;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParamError {
    #[error("{0}")]
    Oversized(&'static str),
    #[error("{what} at byte {at}")]
    Malformed { what: &'static str, at: usize },
    #[error("`{0}` stands twice, and two readers may take different ones")]
    Duplicate(String),
}

/// What `routed` was asked for, in canonical form.
pub fn parse(request: &Request, routed: &Routed<'_>) -> Result<Value, ParamError> {
    let named_charset = request.header("content-type").and_then(|value| value.split_once(';'));
    if !is_content(routed) && named_charset.is_some_and(|(_, parameters)| !is_utf8(parameters)) {
        return Err(ParamError::Malformed {
            what: "a content type with parameters other than charset=utf-8",
            at: 0,
        });
    }
    let mut params = match routed.protocol {
        Protocol::Query | Protocol::Ec2 => {
            let mut fields = if request.body.is_empty() {
                form::parse(request.query.as_bytes())?
            } else {
                form::parse(&request.body)?
            };
            fields.retain(|key, _| key != "Action" && key != "Version" && !is_signature_parameter(key));
            plain_map(fields.into_iter().map(|(key, text)| (key.clone(), form_value(&key, text))).collect())?
        }
        Protocol::Json => members(json::parse(&request.body)?, "the body is no JSON object")?,
        Protocol::Cbor => members(cbor::parse(&request.body)?, "the body is no CBOR map")?,
        Protocol::RestJson | Protocol::RestXml => rest::parse(request, routed)?,
    };
    for member in routed.row.into_iter().flat_map(|row| row.dropped()) {
        remove(&mut params, &member);
    }
    Ok(params)
}

/// A body that leaves everything out may say so with a null.
fn members(body: Value, otherwise: &'static str) -> Result<Value, ParamError> {
    match body {
        Value::Map(map) => plain_map(map),
        Value::Null => Ok(Value::Map(BTreeMap::new())),
        Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::List(_) => Err(ParamError::Malformed { what: otherwise, at: 0 }),
    }
}

/// The body is not read, only hashed.
fn is_content(routed: &Routed<'_>) -> bool {
    let payload = routed.row.and_then(|row| row.payload.split_once(':')).map(|(_, kind)| kind);
    matches!(payload, Some("blob" | "string"))
}

fn is_utf8(parameters: &str) -> bool {
    let parameters = parameters.trim().trim_end_matches(';').trim();
    let value = parameters
        .split_once('=')
        .map_or("", |(name, value)| if name.eq_ignore_ascii_case("charset") { value } else { "" });
    parameters.is_empty() || value.trim_matches('"').eq_ignore_ascii_case("utf-8")
}

/// A link that the client signed for this call (`PreSignedUrl`) says the same whenever it was signed.
fn form_value(name: &str, text: String) -> Value {
    if !name.eq_ignore_ascii_case("presignedurl") {
        return Value::Text(text);
    }
    let Some((base, query)) = text.split_once('?') else { return Value::Text(text) };
    let kept = query.split('&').filter(|pair| {
        let name = pair.split_once('=').map_or(*pair, |(name, _)| name);
        !is_signature_parameter(name)
    });
    Value::Text(format!("{base}?{}", kept.collect::<Vec<_>>().join("&")))
}

/// A body that is content: known by its digest.
pub fn content(body: &[u8]) -> Value {
    let length = i64::try_from(body.len()).unwrap_or(i64::MAX);
    Value::map([("body_sha256", Value::from(Digest::of(body))), ("length", Value::Int(length))])
}

/// The member `name` of a parse, wherever the protocol put it: of a call at the top, of REST in path, query, headers
/// (in lower case) or body.
pub fn member<'v>(params: &'v Value, name: &str) -> Option<&'v Value> {
    let section = |section: &str, name: &str| params.get(section).and_then(|map| map.get(name));
    if params.get("$path").is_some() {
        section("$path", name)
            .or_else(|| section("$query", name))
            .or_else(|| section("$headers", &name.to_ascii_lowercase()))
            .or_else(|| section("$body", name))
    } else {
        params.get(name)
    }
}

/// Every text that `member` holds; lists element by element, in order.
pub fn texts<'v>(params: &'v Value, member: &Member<'_>) -> Vec<&'v str> {
    let rest = params.get("$path").is_some();
    let section = match member.place {
        Place::Path => params.get("$path"),
        Place::Query => params.get("$query"),
        Place::Header => params.get("$headers"),
        Place::Body if rest => params.get("$body"),
        Place::Body => Some(params),
    };
    let lowered = member.name.to_ascii_lowercase();
    let name = if member.place == Place::Header { lowered.as_str() } else { member.name };
    let Some(Value::Map(map)) = section else { return Vec::new() };
    let mut found = Vec::new();
    if member.list && !rest {
        found.extend(elements(map, name));
    }
    match map.get(name) {
        Some(value) => leaves(value, &mut found),
        None if name.contains('.') || name.contains('%') => walk(section, name, &mut found),
        None => {}
    }
    found
}

/// `Name.1`, `Name.member.2`, `Name.Item.3`: the elements of a list in a form, by their number.
fn elements<'v>(map: &'v BTreeMap<String, Value>, name: &str) -> Vec<&'v str> {
    let prefix = format!("{name}.");
    let mut found: Vec<(u64, &'v str)> = map
        .range(prefix.clone()..)
        .take_while(|(key, _)| key.starts_with(&prefix))
        .filter_map(|(key, value)| {
            let index = key.strip_prefix(&prefix)?;
            let index = index.rsplit_once('.').map_or(index, |(_, index)| index);
            Some((index.parse().ok()?, value.as_text()?))
        })
        .collect();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, text)| text).collect()
}

fn leaves<'v>(value: &'v Value, found: &mut Vec<&'v str>) {
    match value {
        Value::Text(text) | Value::Number(text) => found.push(text),
        Value::List(items) => found.extend(items.iter().filter_map(Value::as_text)),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Bytes(_) | Value::Map(_) => {}
    }
}

/// A path through a structured body: `Delete.Object.Key` (lists are entered), `RequestItems.%` (the keys of a map).
fn walk<'v>(section: Option<&'v Value>, path: &str, found: &mut Vec<&'v str>) {
    let mut level: Vec<&'v Value> = section.into_iter().collect();
    for step in path.split('.') {
        if step == "%" {
            for value in level {
                if let Value::Map(map) = value {
                    found.extend(map.keys().map(String::as_str));
                }
            }
            return;
        }
        level = level.into_iter().flat_map(unfold).filter_map(|value| value.get(step)).collect();
    }
    for value in level {
        leaves(value, found);
    }
}

fn unfold(value: &Value) -> Vec<&Value> {
    match value {
        Value::List(items) => items.iter().collect(),
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_)
        | Value::Map(_) => vec![value],
    }
}

fn plain_map(map: BTreeMap<String, Value>) -> Result<Value, ParamError> {
    if map.keys().any(|key| key.starts_with('$')) {
        return Err(ParamError::Malformed { what: "a member's name starts with `$`", at: 0 });
    }
    Ok(Value::Map(map))
}

fn remove(params: &mut Value, member: &Member<'_>) {
    let Value::Map(map) = params else { return };
    let rest = map.contains_key("$path");
    let section = match member.place {
        Place::Path => map.get_mut("$path"),
        Place::Query => map.get_mut("$query"),
        Place::Header => map.get_mut("$headers"),
        Place::Body if rest => map.get_mut("$body"),
        Place::Body => {
            remove_within(map, member.name);
            None
        }
    };
    if let Some(Value::Map(map)) = section {
        match member.place {
            Place::Header => drop(map.remove(&member.name.to_ascii_lowercase())),
            Place::Path | Place::Query | Place::Body => remove_within(map, member.name),
        }
    }
}

/// `a.b`: the member `b` of `a`, or in a form the flat key `a.b`.
fn remove_within(map: &mut BTreeMap<String, Value>, name: &str) {
    if map.remove(name).is_some() {
        return;
    }
    if let Some((outer, inner)) = name.split_once('.')
        && let Some(Value::Map(map)) = map.get_mut(outer)
    {
        map.remove(inner);
    }
}

/// Query-string authentication; no part of what is asked for.
fn is_signature_parameter(name: &str) -> bool {
    const NAMES: [&str; 7] = [
        "x-amz-algorithm",
        "x-amz-credential",
        "x-amz-date",
        "x-amz-expires",
        "x-amz-signedheaders",
        "x-amz-signature",
        "x-amz-security-token",
    ];
    NAMES.iter().any(|known| name.eq_ignore_ascii_case(known))
}
