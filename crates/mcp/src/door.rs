//! The server over HTTP (MCP's streamable transport): who may ask, before anything of the protocol is read.
//!
//! A page in somebody's browser can reach a server on their machine, under any name it likes (DNS rebinding): so the names in `Host` and
//! `Origin` are held against those that this server has. Then comes the bearer token, compared in the time that a wrong one takes, and only
//! then is a body received, within bounds. There are no sessions of the transport: each request stands alone, so there is none to steal,
//! to fill up or to leave behind. What `rmcp` checks of all this it checks once more.

use std::{convert::Infallible, fmt, sync::Arc};

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, StatusCode, header, uri::Authority};
use http_body_util::{BodyExt as _, Full, combinators::BoxBody};
use hyper::body::Incoming;
use listener::{BodyError, Doors, Limits, Source, collect};
use rmcp::transport::streamable_http_server::{
    StreamableHttpServerConfig, StreamableHttpService, session::never::NeverSessionManager,
};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use tokio::net::TcpListener;

use crate::server::Desk;

/// The one path there is.
pub(crate) const PATH: &str = "/mcp";
/// Of one message.
const MOST_BODY: usize = 1 << 20;
/// A wait keeps its connection; an agent has a few at a time.
const LIMITS: Limits = Limits { connections: 64, per_source: 48 };
/// As many characters as a token has at least; and at most, what a header is for.
const SHORTEST: usize = 32;
const LONGEST: usize = 512;

type Body = BoxBody<Bytes, Infallible>;
type Service = StreamableHttpService<Desk, NeverSessionManager>;

/// What a client shows; only its digest is kept.
#[derive(Clone)]
pub struct Token([u8; 32]);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    #[error("a token has at least {SHORTEST} characters, drawn at random")]
    TooShort,
    #[error("a token has at most {LONGEST} characters")]
    TooLong,
    #[error("a token is of letters, digits and -._~+/=")]
    Character,
}

/// Who may come in.
#[derive(Clone)]
pub struct Door {
    token: Token,
    /// Lower-case, without a port: any port of these names.
    hosts: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no host name")]
pub struct DoorError(String);

impl Token {
    /// # Errors
    /// Where it could be guessed, or no header could carry it.
    pub fn new(text: &str) -> Result<Self, TokenError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~+/=".contains(&byte);
        match text.len() {
            ..SHORTEST => Err(TokenError::TooShort),
            SHORTEST..=LONGEST if text.bytes().all(plain) => Ok(Self(Sha256::digest(text).into())),
            SHORTEST..=LONGEST => Err(TokenError::Character),
            _ => Err(TokenError::TooLong),
        }
    }

    /// Digests are compared, so that the time says nothing of either.
    fn is(&self, shown: &[u8]) -> bool {
        let shown: [u8; 32] = Sha256::digest(shown).into();
        self.0.ct_eq(&shown).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Door({})", self.hosts.join(", "))
    }
}

impl Door {
    /// For clients on this machine, and for those that come by one of these names.
    ///
    /// # Errors
    /// Where a name is none.
    pub fn new(token: Token, names: &[String]) -> Result<Self, DoorError> {
        let mut hosts = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
        for name in names {
            let is_name = |it: &Authority| it.port().is_none() && it.host() == name && !name.contains('@');
            let parsed: Option<Authority> = name.parse().ok().filter(is_name);
            parsed.ok_or_else(|| DoorError(model::sanitize(name, 100)))?;
            hosts.push(name.to_ascii_lowercase());
        }
        Ok(Self { token, hosts })
    }

    /// Until the task is dropped.
    pub async fn serve(self, socket: TcpListener, desk: Desk) {
        // The second of two checks; ours is `admit`.
        let origins =
            self.hosts.iter().flat_map(|host| [format!("http://{host}:*"), format!("https://{host}:*")]);
        let config = StreamableHttpServerConfig::default()
            .with_legacy_session_mode(false)
            .with_max_request_body_bytes(MOST_BODY)
            .with_allowed_hosts(self.hosts.iter().map(|host| host.trim_matches(['[', ']']).to_owned()))
            .with_allowed_origins(origins)
            .enforce_origin_validation();
        let factory = move || Ok(desk.clone());
        let service = Arc::new(Service::new(factory, Arc::new(NeverSessionManager::default()), config));
        let door = Arc::new(self);
        let answer = move |request: Request<Incoming>, _: Source| {
            let (door, service) = (Arc::clone(&door), Arc::clone(&service));
            async move { door.answer(request, &service).await }
        };
        listener::serve(socket, Doors::plain(LIMITS), answer).await;
    }

    async fn answer(&self, request: Request<Incoming>, service: &Service) -> Response<Body> {
        if let Err(refused) = self.admit(&request) {
            return refused.response();
        }
        let (head, body) = request.into_parts();
        let body = match collect(body, MOST_BODY).await {
            Ok(body) => body,
            Err(BodyError::TooLarge { .. }) => return Refused::TooLarge.response(),
            Err(BodyError::TooSlow | BodyError::Broken(_) | BodyError::MadeRoom) => {
                return Refused::Broken.response();
            }
        };
        service.handle(Request::from_parts(head, Full::new(body))).await
    }

    fn admit<B>(&self, request: &Request<B>) -> Result<(), Refused> {
        let headers = request.headers();
        if !self.is_ours(headers, request.uri().host()) {
            return Err(Refused::Foreign);
        }
        if request.uri().path() != PATH {
            return Err(Refused::NoSuchPath);
        }
        if !bearer(headers).is_some_and(|shown| self.token.is(shown)) {
            return Err(Refused::Unknown);
        }
        match *request.method() {
            Method::POST => Ok(()),
            _ => Err(Refused::Method),
        }
    }

    /// Whether a request was meant for this server, and comes of no page of another.
    fn is_ours(&self, headers: &HeaderMap, target: Option<&str>) -> bool {
        let known = |host: &str| self.hosts.iter().any(|own| host.eq_ignore_ascii_case(own));
        let named =
            |text: &str| text.parse().is_ok_and(|it: Authority| !text.contains('@') && known(it.host()));
        let mut hosts = headers.get_all(header::HOST).iter();
        let one = hosts.next().and_then(|host| host.to_str().ok()).is_some_and(named);
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let origin = |origin: &header::HeaderValue| {
            let text = origin.to_str().ok();
            text.and_then(|it| it.strip_prefix("http://").or_else(|| it.strip_prefix("https://")))
                .is_some_and(named)
        };
        one && hosts.next().is_none() && target.is_none_or(known) && origins.all(origin)
    }
}

/// Exactly one, of this scheme.
fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let mut all = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (all.next()?, all.next());
    let (scheme, shown) = first.as_bytes().split_at_checked(7)?;
    (second.is_none() && scheme.eq_ignore_ascii_case(b"bearer ")).then_some(shown)
}

/// Why nothing of the protocol was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Foreign,
    NoSuchPath,
    Unknown,
    Method,
    TooLarge,
    Broken,
}

impl Refused {
    fn response(self) -> Response<Body> {
        let (status, words) = match self {
            Self::Foreign => (
                StatusCode::FORBIDDEN,
                "this Host or Origin is not one of this server's (--host NAME adds one)",
            ),
            Self::NoSuchPath => (StatusCode::NOT_FOUND, "the server is at /mcp"),
            Self::Unknown => (StatusCode::UNAUTHORIZED, "give the server's token: Authorization: Bearer …"),
            Self::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "each request is a POST of its own: this server has no sessions",
            ),
            Self::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "a message has at most 1 MiB"),
            Self::Broken => (StatusCode::BAD_REQUEST, "the body did not come whole"),
        };
        let mut response = Response::new(Full::new(Bytes::from_static(words.as_bytes())).boxed());
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static("text/plain; charset=utf-8"));
        match self {
            Self::Unknown => {
                headers.insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            Self::Method => {
                headers.insert(header::ALLOW, header::HeaderValue::from_static("POST"));
            }
            Self::Foreign | Self::NoSuchPath | Self::TooLarge | Self::Broken => {}
        }
        response
    }
}
