//! The trail's way of writing parameters, turned back into the wire's: it lowers first letters (`dBInstanceIdentifier`),
//! wraps EC2's lists (`instancesSet: {items: [{instanceId: …}]}`), sometimes a whole request (`CreateNatGatewayRequest`),
//! and stars out what may be secret. Names that no table needs stay as they are: rules compare them in any case.

use std::collections::{BTreeMap, btree_map::Entry};

use model::Value;
use serde_json::Value as Json;

use crate::{
    overrides::Overrides,
    route::Routed,
    table::{Member, Place, Protocol, Row, members},
};

/// What the trail writes in place of what it does not show.
const HIDDEN: [&str; 2] = ["HIDDEN_DUE_TO_SECURITY_REASONS", "<sensitiveDataRemoved>"];
/// Where the trail's name is another than the wire's: service, the trail's (as [`plain`] writes it), the wire's.
const OTHERWISE: [(&str, &str, &str); 2] =
    [("s3", "bucketname", "Bucket"), ("route53", "hostedzoneid", "Id")];
/// Members that select by tag (see `classify::resources`).
const SCOPES: [&str; 2] = ["ResourceTags", "TagFilters"];
/// A record is parsed at most this deep.
const DEPTH_MAX: usize = 128;

pub(super) struct Read {
    /// In the canonical form of `params`.
    pub(super) params: Value,
    /// The trail says that there was more.
    pub(super) left_out: bool,
}

pub(super) fn read(routed: &Routed<'_>, parameters: &Json) -> Read {
    let mut reader = Reader { names: Names::of(routed), left_out: false };
    let value = match unwrapped(&routed.operation, parameters) {
        Json::Object(members) => reader.map(members, 0),
        Json::Null => BTreeMap::new(),
        // A call has members: what stands here instead is not what was sent.
        Json::Bool(_) | Json::Number(_) | Json::String(_) | Json::Array(_) => {
            reader.left_out = true;
            BTreeMap::new()
        }
    };
    let params = match routed.row {
        Some(row) if routed.protocol.is_rest() => placed(row, routed.protocol, value),
        Some(_) | None => Value::Map(value),
    };
    Read { params, left_out: reader.left_out }
}

/// `{CreateNatGatewayRequest: {…}}` is its content.
fn unwrapped<'j>(operation: &str, parameters: &'j Json) -> &'j Json {
    let Json::Object(members) = parameters else { return parameters };
    let mut all = members.iter();
    match (all.next(), all.next()) {
        (Some((name, inner @ Json::Object(_))), None)
            if name.strip_suffix("Request").is_some_and(|it| it.eq_ignore_ascii_case(operation)) =>
        {
            inner
        }
        _ => parameters,
    }
}

/// The wire's names that tables ask for, and the names whose values are secret.
struct Names {
    wire: BTreeMap<String, String>,
    secret: Vec<String>,
}

impl Names {
    fn of(routed: &Routed<'_>) -> Self {
        let mut names = Self { wire: BTreeMap::new(), secret: Vec::new() };
        let Some(row) = routed.row else { return names };
        let own = Overrides::shared().and_then(|it| it.identifiers(row.service, row.operation));
        let named: Vec<Member<'_>> = members(own.unwrap_or_default()).chain(row.identifiers()).collect();
        let steps = named.iter().flat_map(|member| member.name.split('.'));
        let all = steps
            .chain(labels(row))
            .chain(row.query_names().chain(row.header_names()).map(|(name, _)| name))
            .chain(payload(row))
            .chain(SCOPES)
            .filter(|name| !name.contains(['%', '*']));
        for name in all {
            names.wire.entry(plain(name)).or_insert_with(|| name.to_owned());
        }
        for (_, trails, wires) in OTHERWISE.iter().filter(|(service, ..)| *service == row.service) {
            names.wire.insert((*trails).to_owned(), (*wires).to_owned());
        }
        names.secret = row
            .sensitive
            .split(',')
            .map(plain)
            .filter(|name| {
                !name.is_empty()
                    && !named.iter().any(|it| it.name.split('.').any(|step| plain(step) == *name))
            })
            .collect();
        names
    }

    fn wire(&self, name: &str) -> String {
        self.wire.get(&plain(name)).cloned().unwrap_or_else(|| name.to_owned())
    }

    fn is_secret(&self, name: &str) -> bool {
        self.secret.contains(&plain(name))
    }
}

/// `restApiId`, `restapi_id` and `RestApiId` are one name.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|it| it.to_ascii_lowercase()).collect()
}

fn labels(row: &Row) -> impl Iterator<Item = &'static str> {
    row.path()
        .split('/')
        .filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'))
        .map(|label| label.trim_end_matches('+'))
}

fn payload(row: &Row) -> Option<&'static str> {
    row.payload.split_once(':').map(|(name, _)| name)
}

struct Reader {
    names: Names,
    left_out: bool,
}

impl Reader {
    fn map(&mut self, members: &serde_json::Map<String, Json>, depth: usize) -> BTreeMap<String, Value> {
        let mut out = BTreeMap::new();
        for (name, inner) in members {
            // The trail's own word for parameters that are too long for it; and no member of a call begins with `$`.
            if name == "omitted" && *inner != Json::Bool(false) || name.starts_with('$') {
                self.left_out = true;
                continue;
            }
            let (name, value) = self.member(name, inner, depth);
            // Two members that are one on the wire are none, in whichever order they stand.
            match out.entry(name) {
                Entry::Vacant(place) => drop(place.insert(value)),
                Entry::Occupied(mut place) => {
                    if *place.get() != value {
                        self.left_out = true;
                        place.insert(Value::Null);
                    }
                }
            }
        }
        out
    }

    fn member(&mut self, name: &str, inner: &Json, depth: usize) -> (String, Value) {
        let secret = self.names.is_secret(name);
        let value = self.value(inner, secret, depth + 1);
        match (name.strip_suffix("Set").filter(|stem| !stem.is_empty()), value) {
            (Some(stem), Value::List(items)) => match only_member(&items) {
                Some(member) => {
                    let inner = items.iter().filter_map(|item| item.get(&member).cloned()).collect();
                    (self.names.wire(&member), Value::List(inner))
                }
                None => (self.names.wire(stem), Value::List(items)),
            },
            (_, value) => (self.names.wire(name), value),
        }
    }

    fn value(&mut self, json: &Json, secret: bool, depth: usize) -> Value {
        if depth > DEPTH_MAX {
            self.left_out = true;
            return Value::Null;
        }
        match json {
            Json::Null => Value::Null,
            Json::Bool(flag) => Value::Bool(*flag),
            Json::Number(number) => {
                number.as_i64().map_or_else(|| Value::Number(number.to_string()), Value::Int)
            }
            Json::String(text) if is_hidden(text) => {
                self.left_out |= !secret;
                Value::Null
            }
            Json::String(text) => Value::text(text),
            Json::Array(items) => {
                Value::List(items.iter().map(|item| self.value(item, secret, depth + 1)).collect())
            }
            Json::Object(members) => match (members.len(), members.get("items"), members.get("content")) {
                (1, Some(list @ Json::Array(_)), _) => self.value(list, secret, depth + 1),
                (2, _, Some(content)) if members.contains_key("tag") => {
                    self.value(content, secret, depth + 1)
                }
                _ => Value::Map(self.map(members, depth + 1)),
            },
        }
    }
}

fn is_hidden(text: &str) -> bool {
    HIDDEN.contains(&text) || (text.len() >= 3 && text.bytes().all(|byte| byte == b'*'))
}

/// The one member that every item has and that is a scalar: EC2's `{instanceId: …}`.
fn only_member(items: &[Value]) -> Option<String> {
    let name = |item: &Value| match item {
        Value::Map(map) if map.len() == 1 => {
            map.iter().next().filter(|(_, value)| !is_container(value)).map(|(name, _)| name.clone())
        }
        _ => None,
    };
    let first = name(items.first()?)?;
    items.iter().all(|item| name(item).as_ref() == Some(&first)).then_some(first)
}

fn is_container(value: &Value) -> bool {
    match value {
        Value::List(_) | Value::Map(_) => true,
        Value::Null
        | Value::Bool(_)
        | Value::Int(_)
        | Value::Number(_)
        | Value::Text(_)
        | Value::Bytes(_) => false,
    }
}

/// By where the table puts them; what it does not name belongs to the body.
fn placed(row: &Row, protocol: Protocol, members: BTreeMap<String, Value>) -> Value {
    let (mut path, mut query, mut headers) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (mut body, mut whole) = (BTreeMap::new(), None);
    for (name, value) in members {
        let lowered = name.to_ascii_lowercase();
        let bare = place_of(row, &name);
        match bare {
            Some(Place::Path) => drop(path.insert(name, as_text(value))),
            Some(Place::Query) => drop(query.insert(name, as_text(value))),
            Some(Place::Header) => drop(headers.insert(lowered, as_text(value))),
            Some(Place::Body) if protocol == Protocol::RestJson => whole = Some(value),
            Some(Place::Body) | None => drop(body.insert(name, value)),
        }
    }
    let body = match whole {
        Some(whole) if body.is_empty() => whole,
        Some(whole) => {
            body.insert(payload(row).unwrap_or_default().to_owned(), whole);
            Value::Map(body)
        }
        None if body.is_empty() => Value::Null,
        None => Value::Map(body),
    };
    Value::map([
        ("$path", Value::Map(path)),
        ("$query", Value::Map(query)),
        ("$headers", Value::Map(headers)),
        ("$body", body),
    ])
}

fn place_of(row: &Row, name: &str) -> Option<Place> {
    if labels(row).any(|label| label == name) {
        Some(Place::Path)
    } else if row.query_names().any(|(known, _)| known == name) {
        Some(Place::Query)
    } else if row.header_names().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
        Some(Place::Header)
    } else {
        (payload(row) == Some(name)).then_some(Place::Body)
    }
}

/// As a path, a query or a header holds it.
fn as_text(value: Value) -> Value {
    match value {
        Value::Bool(flag) => Value::Text(flag.to_string()),
        Value::Int(number) => Value::Text(number.to_string()),
        Value::List(items) => Value::List(items.into_iter().map(as_text).collect()),
        other @ (Value::Null | Value::Number(_) | Value::Text(_) | Value::Bytes(_) | Value::Map(_)) => other,
    }
}
