//! Which operation a request asks for: by the signed service name, then CBOR path, `X-Amz-Target`, form `Action`, REST.
//! What two readers could read differently is refused; what no row matches is unknown; nothing is guessed. Where
//! several rows match equally, the most severe is taken and the others are named.

mod rest;
mod s3;

use std::cmp::Reverse;

use model::{Effect, Operation, Request, sanitize};

use crate::{
    classify::effects,
    params::form,
    table::{Class, Protocol, Row, Service, Table},
};

pub(crate) use s3::{is_control as is_s3_control, scope_path};

/// An operation of a known service. `row` is `None` where the table does not know the operation: then only an override
/// of the bundle can say what it does.
#[derive(Debug)]
pub struct Routed<'t> {
    pub service: &'t Service,
    pub operation: String,
    pub row: Option<&'t Row>,
    pub protocol: Protocol,
    /// Rows that match as well and are not the same IAM action; `row` is at least as severe as each.
    pub also: Vec<&'t Row>,
}

/// Why no operation could be told. Every one of these is a denial.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RouteError {
    #[error("no service signs as `{signing}`")]
    UnknownService { signing: String },
    #[error("no operation of `{signing}` matches this request ({detail})")]
    UnknownOperation { signing: String, detail: String, protocol: Protocol },
    #[error("the request can be read as two different operations ({detail})")]
    Ambiguous { detail: &'static str, protocol: Protocol },
    #[error("the request cannot be decoded ({detail})")]
    Undecodable { detail: String, protocol: Protocol },
}

impl Routed<'_> {
    pub fn operation(&self) -> Operation {
        Operation::new(self.service.name, &*self.operation)
    }
}

impl RouteError {
    /// In which protocol's error shape the client expects the answer, as far as that can be told.
    pub fn protocol(&self) -> Protocol {
        match self {
            Self::UnknownService { .. } => Protocol::Json,
            Self::UnknownOperation { protocol, .. }
            | Self::Ambiguous { protocol, .. }
            | Self::Undecodable { protocol, .. } => *protocol,
        }
    }
}

/// Headers that choose an interpretation: each may stand once.
const SINGLE: [&str; 6] = [
    "x-amz-target",
    "content-type",
    "smithy-protocol",
    "x-amz-copy-source",
    "content-encoding",
    "x-amz-account-id",
];

/// Headers by which some servers let a request be taken for one of another method.
const OVERRIDES_METHOD: [&str; 4] =
    ["x-http-method-override", "x-http-method", "x-method-override", "x-amz-http-method-override"];
/// As long as AWS takes them, and more.
const MAX_QUERY: usize = 64 * 1024;

/// The operation that `request`, signed for `signing` (the service of its credential scope), asks for.
pub fn route<'t>(request: &Request, signing: &str, table: &'t Table) -> Result<Routed<'t>, RouteError> {
    let services: Vec<&'t Service> = table.signed_as(signing).collect();
    let Some(first) = services.first() else {
        return Err(RouteError::UnknownService { signing: sanitize(signing, 64) });
    };
    let likely = likely_protocol(request, &services).unwrap_or_else(|| first.protocol());
    let ambiguous = |detail| RouteError::Ambiguous { detail, protocol: likely };
    if SINGLE.iter().any(|name| request.headers.iter().filter(|(key, _)| key == name).count() > 1) {
        return Err(ambiguous("a header that chooses the operation stands twice"));
    }
    if request.headers.iter().any(|(name, _)| OVERRIDES_METHOD.contains(&name.as_str())) {
        return Err(ambiguous("a header that asks for another method"));
    }
    if request.query.len() > MAX_QUERY || request.path.len() > MAX_QUERY {
        let detail = format!("a path or query of more than {MAX_QUERY} bytes");
        return Err(RouteError::Undecodable { detail, protocol: likely });
    }
    if signing != "s3" && request.header("content-encoding").is_some_and(is_compressed) {
        return Err(RouteError::Undecodable { detail: "a compressed body".to_owned(), protocol: likely });
    }
    let target = request.header("x-amz-target");
    let cbor = request.header("smithy-protocol").is_some() || is_cbor_path(request, &services);
    let form_body = media_type(request) == Some("application/x-www-form-urlencoded");
    let action_in_query = form::has_action(request.query.as_bytes());
    let speaks_form = services.iter().any(|service| service.protocols.iter().any(|one| one.is_form()));
    match (cbor, target) {
        (true, Some(_)) => Err(ambiguous("both a CBOR path and X-Amz-Target")),
        (true, None) if action_in_query || form_body => Err(ambiguous("both a CBOR path and a form")),
        (true, None) => by_cbor_path(request, signing, &services, table),
        (false, Some(_)) if form_body => Err(ambiguous("both X-Amz-Target and a form body")),
        (false, Some(_)) if !media_type(request).is_none_or(is_json) => {
            Err(ambiguous("X-Amz-Target with a body that is not JSON"))
        }
        (false, Some(_)) if action_in_query => Err(ambiguous("both X-Amz-Target and an Action in the query")),
        (false, Some(target)) => by_target(request, target, signing, &services, table),
        (false, None) if speaks_form && (form_body || action_in_query) => {
            by_action(request, form_body, signing, &services, table)
        }
        (false, None) if form_body && form::has_action(&request.body) => {
            Err(ambiguous("a form with an Action for a service that takes none"))
        }
        (false, None) if signing == "s3" && !s3::is_control(request) => s3::route(request, table),
        (false, None) => rest::route(request, signing, &services, table),
    }
}

fn likely_protocol(request: &Request, services: &[&Service]) -> Option<Protocol> {
    let speaks = |protocol| services.iter().any(|service| service.speaks(protocol));
    let wanted = match (request.header("x-amz-target").is_some(), media_type(request)) {
        (true, _) | (_, Some("application/x-amz-json-1.0" | "application/x-amz-json-1.1")) => {
            &[Protocol::Json][..]
        }
        (_, Some("application/cbor")) => &[Protocol::Cbor],
        (_, Some("application/x-www-form-urlencoded")) => &[Protocol::Ec2, Protocol::Query],
        _ => &[Protocol::RestJson, Protocol::RestXml],
    };
    wanted.iter().copied().find(|protocol| speaks(*protocol))
}

fn is_json(media: &str) -> bool {
    matches!(media, "application/x-amz-json-1.0" | "application/x-amz-json-1.1" | "application/json")
}

fn is_compressed(encoding: &str) -> bool {
    encoding.split(',').map(str::trim).any(|one| !matches!(one, "" | "identity" | "aws-chunked"))
}

/// The media type without its parameters; `None` where the header is absent.
fn media_type(request: &Request) -> Option<&str> {
    let value = request.header("content-type")?;
    Some(value.split_once(';').map_or(value, |(media, _)| media).trim())
}

fn is_cbor_path(request: &Request, services: &[&Service]) -> bool {
    request.path.starts_with("/service/") && services.iter().any(|service| service.speaks(Protocol::Cbor))
}

fn by_cbor_path<'t>(
    request: &Request,
    signing: &str,
    services: &[&'t Service],
    table: &'t Table,
) -> Result<Routed<'t>, RouteError> {
    let protocol = Protocol::Cbor;
    let unknown = |detail: &str| unknown(signing, detail, protocol);
    if request.method != "POST" || request.header("smithy-protocol") != Some("rpc-v2-cbor") {
        return Err(unknown("a CBOR request is a POST with `smithy-protocol: rpc-v2-cbor`"));
    }
    let Some((prefix, operation)) =
        request.path.strip_prefix("/service/").and_then(|rest| rest.split_once("/operation/"))
    else {
        return Err(unknown("the path is no /service/…/operation/…"));
    };
    let speaking = services
        .iter()
        .copied()
        .filter(|service| service.speaks(protocol))
        .filter(|service| service.target_prefix.is_empty() || service.target_prefix == prefix)
        .collect();
    named(operation, speaking, signing, protocol, table)
}

fn by_target<'t>(
    request: &Request,
    target: &str,
    signing: &str,
    services: &[&'t Service],
    table: &'t Table,
) -> Result<Routed<'t>, RouteError> {
    let protocol = Protocol::Json;
    if request.method != "POST" || request.path != "/" || !request.query.is_empty() {
        return Err(unknown(signing, "X-Amz-Target goes with POST / and no query", protocol));
    }
    let Some((prefix, operation)) = target.rsplit_once('.') else {
        return Err(unknown(signing, "X-Amz-Target has no dot", protocol));
    };
    let speaking: Vec<_> = services
        .iter()
        .copied()
        .filter(|service| service.speaks(protocol) && service.target_prefix == prefix)
        .collect();
    if speaking.is_empty() {
        return Err(unknown(signing, "no such X-Amz-Target prefix", protocol));
    }
    named(operation, speaking, signing, protocol, table)
}

fn by_action<'t>(
    request: &Request,
    form_body: bool,
    signing: &str,
    services: &[&'t Service],
    table: &'t Table,
) -> Result<Routed<'t>, RouteError> {
    let ec2 = services.iter().any(|service| service.speaks(Protocol::Ec2));
    let protocol = if ec2 { Protocol::Ec2 } else { Protocol::Query };
    let ambiguous = |detail| RouteError::Ambiguous { detail, protocol };
    if request.path != "/" {
        return Err(unknown(signing, "a form is sent to /", protocol));
    }
    let fields = match (request.method.as_str(), form_body, request.body.is_empty()) {
        ("POST", true, _) if form::has_pairs(&request.query) => {
            return Err(ambiguous("parameters both in the query and in the body"));
        }
        ("POST", true, _) => form::parse(&request.body),
        ("GET" | "POST", false, true) => form::parse(request.query.as_bytes()),
        _ => return Err(ambiguous("an Action in the query of a request with another body or method")),
    }
    .map_err(|error| RouteError::Undecodable { detail: error.to_string(), protocol })?;
    let (Some(action), Some(version)) = (fields.get("Action"), fields.get("Version")) else {
        return Err(unknown(signing, "a form needs Action and Version", protocol));
    };
    let speaking: Vec<_> = services
        .iter()
        .copied()
        .filter(|service| service.protocols.iter().any(|one| one.is_form()) && service.api_version == version)
        .collect();
    if speaking.is_empty() {
        return Err(unknown(signing, "no such Version", protocol));
    }
    named(action, speaking, signing, protocol, table)
}

/// One operation name, several services that share prefix or version (rds, docdb and neptune do).
fn named<'t>(
    operation: &str,
    services: Vec<&'t Service>,
    signing: &str,
    protocol: Protocol,
    table: &'t Table,
) -> Result<Routed<'t>, RouteError> {
    let plain = !operation.is_empty()
        && operation.len() <= 128
        && operation.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let found: Vec<_> =
        services.iter().filter_map(|service| Some((*service, table.get(service.name, operation)?))).collect();
    match (strictest(found, signing, protocol), services.first()) {
        (Some(routed), _) => Ok(routed),
        (None, Some(service)) if plain => {
            Ok(Routed { service, operation: operation.to_owned(), row: None, protocol, also: Vec::new() })
        }
        (None, _) => Err(unknown(signing, "the operation's name", protocol)),
    }
}

/// The most severe of equal candidates; of the equally severe, the service that carries the signing name itself.
pub(crate) fn strictest<'t>(
    mut found: Vec<(&'t Service, &'t Row)>,
    signing: &str,
    protocol: Protocol,
) -> Option<Routed<'t>> {
    found.sort_by_key(|(service, row)| {
        (Reverse(severity(row)), service.name != signing, service.name, Reverse(row.operation.len()))
    });
    let mut rows = found.into_iter();
    let (service, row) = rows.next()?;
    let iam = row.iam(service);
    let also = rows.filter(|(service, other)| other.iam(service) != iam).map(|(_, other)| other).collect();
    Some(Routed { service, operation: row.operation.to_owned(), row: Some(row), protocol, also })
}

/// The order in which one row is worse than another.
fn severity(row: &Row) -> (Effect, Class, bool) {
    let judged = effects::of(row);
    (judged.effects.worst(), row.class, judged.exposure.credentials)
}

fn unknown(signing: &str, detail: &str, protocol: Protocol) -> RouteError {
    RouteError::UnknownOperation { signing: sanitize(signing, 64), detail: sanitize(detail, 200), protocol }
}
