//! The API of the people listener, described as OpenAPI: made of the routes and of the types of their handlers. It is committed
//! (`docs/openapi.json`), and served under `/v1/openapi.json`.
//!
//! `v1` in its paths is its version: what is in it stays, and things are only added.

pub(crate) mod words;

use std::{collections::BTreeSet, sync::LazyLock};

use axum::http::StatusCode;
use utoipa::{
    PartialSchema as _, ToSchema,
    openapi::{
        ComponentsBuilder, Content, HttpMethod, Info, LicenseBuilder, OpenApi, OpenApiBuilder, PathItem,
        Paths, PathsBuilder, Ref, ResponseBuilder, SecurityRequirement,
        path::{Operation, OperationBuilder},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme},
    },
};

use crate::{
    ErrorBody, NONCE_HEADER, PERSON_HEADER, SIGNATURE_HEADER,
    people::{Access, ROUTES, Route, Shape},
    table::Method,
};

/// As JSON, with a line break at its end.
pub fn document() -> &'static str {
    &DOCUMENT
}

static DOCUMENT: LazyLock<String> = LazyLock::new(|| {
    // Of texts and numbers alone: a test reads what comes of it.
    let text = described().to_pretty_json().unwrap_or_default();
    format!("{text}\n")
});

const ABOUT: &str = "What people and their tools do here, as the command line and the console do it.\n\n\
A person signs each request: over the lines `countersign request v1`, `person: …`, `method: …`, `target: …` (path and query), \
`body: …` (its SHA-256), `nonce: …` (of `/v1/nonce`) and `installation: …` (the genesis fingerprint), with an enrolled key, in \
the namespace `countersign-request@v1`. `SSHSIG`, armored, or a passkey's assertion, goes into a header in base64.\n\n\
The newest checkpoint of the log rides along with every answer (`x-countersign-checkpoint`), and what everybody must hear with \
those to people (`countersign-notice`, one each).";

const PERSON: &str = "person";
const NONCE: &str = "nonce";
const SIGNATURE: &str = "signature";
const READER: &str = "reader";

fn described() -> OpenApi {
    let mut components = ComponentsBuilder::new();
    let mut paths = PathsBuilder::new();
    let mut nested = Vec::new();
    ErrorBody::schemas(&mut nested);
    components = components.schemas_from_iter(nested).schema(ErrorBody::name(), ErrorBody::schema());
    for route in ROUTES {
        let shape = (route.handler.shape)();
        let operation = operation(route, &shape);
        components = components.schemas_from_iter(shape.schemas);
        let method = match route.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
        };
        paths = paths.path(route.path, PathItem::new(method, operation));
    }
    let header = |name: &str, what: &str| {
        SecurityScheme::ApiKey(ApiKey::Header(ApiKeyValue::with_description(name, what)))
    };
    let token = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("`run/reader.token` in the installation's folder; for reading alone."));
    let components = components
        .security_scheme(PERSON, header(PERSON_HEADER, "Who signs."))
        .security_scheme(NONCE, header(NONCE_HEADER, "What `/v1/nonce` gave."))
        .security_scheme(SIGNATURE, header(SIGNATURE_HEADER, "The signature, in base64."))
        .security_scheme(READER, SecurityScheme::Http(token.build()));
    let mut info = Info::new("Countersign", "1.0.0");
    info.description = Some(ABOUT.to_owned());
    info.license = Some(LicenseBuilder::new().name("Apache-2.0").identifier(Some("Apache-2.0")).build());
    let paths: Paths = paths.build();
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

fn operation(route: &Route, shape: &Shape) -> Operation {
    let (kind, content) = &shape.told;
    let done = ResponseBuilder::new().description("Done.").content(*kind, content.clone());
    let mut operation = OperationBuilder::new()
        .operation_id(Some(route.handler.name))
        .summary(Some(route.says))
        .parameters(Some(shape.of.iter().chain(&shape.asked).cloned()))
        .request_body(shape.given.clone())
        .response("200", done);
    for status in refusals(route, shape) {
        let why = StatusCode::from_u16(status).ok().and_then(|it| it.canonical_reason()).unwrap_or_default();
        let content = Content::new(Some(Ref::from_schema_name(ErrorBody::name())));
        let refused = ResponseBuilder::new().description(why).content("application/json", content);
        operation = operation.response(status.to_string(), refused);
    }
    let none: [&str; 0] = [];
    let signed = SecurityRequirement::new(PERSON, none).add(NONCE, none).add(SIGNATURE, none);
    let by_token = SecurityRequirement::new(READER, none);
    match route.access {
        Access::Public => operation,
        Access::Reader => operation.security(signed).security(by_token),
        Access::Person | Access::Enrolled => operation.security(signed),
    }
    .build()
}

/// Every status besides 200. Whatever cannot be recorded or read is told as 503, wherever it is met.
fn refusals(route: &Route, shape: &Shape) -> BTreeSet<u16> {
    let mut all: BTreeSet<u16> = route.refuses.iter().copied().chain([503]).collect();
    if shape.of.is_some() {
        all.extend([400, 404]);
    }
    if !shape.asked.is_empty() {
        all.insert(400);
    }
    match route.access {
        Access::Public => {}
        // Whoever must be known may send a body, whatever is done with it.
        Access::Reader | Access::Enrolled => all.extend([400, 401, 408, 413, 429]),
        Access::Person => all.extend([400, 401, 403, 408, 413, 429]),
    }
    all
}
