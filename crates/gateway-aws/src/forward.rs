//! The way out. A permit is consumed, its request is signed with the real credentials and sent once; whether a failure
//! means "nothing left" or "it may have arrived" is told apart, because the second must never be sent again.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use classify_aws::{
    endpoint,
    payload::Framing,
    sigv4::{self, Covers, SigningCredentials},
};
use credentials::{Cache, Credentials, Sts};
use engine::{Engine, Permit, Receipt, Settled};
use http_body_util::{
    BodyExt as _, Full, Limited,
    combinators::{BoxBody, UnsyncBoxBody},
};
use hyper::body::Incoming;
use hyper_rustls::HttpsConnector;
use hyper_util::{
    client::legacy::{Client, Error as ClientError, connect::HttpConnector},
    rt::TokioExecutor,
};
use model::{Account, Answer, Digest, Request, Timestamp, causes};

use crate::{
    body::{self, Fate, PassError, Passing},
    expired,
    rights::Rights,
    terms::TermsError,
};

/// How long the upstream may take to begin its answer.
const PATIENCE: Duration = Duration::from_secs(120);
/// An answer to anything but a plain read is buffered for the record; longer ones end the wait as unknown.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// Where requests go: the real cloud, or another address for everything (an emulator).
pub struct Upstream {
    client: Client<HttpsConnector<HttpConnector>, UnsyncBoxBody<Bytes, PassError>>,
    pub(crate) rights: Rights,
    /// `http://host:port`, without a path; `None` is the real cloud.
    base: Option<http::Uri>,
}

impl fmt::Debug for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Upstream({:?})", self.base)
    }
}

#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    #[error("`{0}` is no upstream: expected http://HOST:PORT or https://HOST[:PORT] without a path")]
    Address(String),
    #[error("TLS cannot be set up: {0}")]
    Tls(String),
    #[error("the upstream did not say which account these credentials belong to: {0}")]
    Identity(String),
    #[error("accounts.toml: [accounts.{account}] `{setting}` = {role} cannot be acted as: {found}")]
    Role { setting: &'static str, role: String, account: Account, found: String },
    #[error(
        "sessions would act in account {default} by accounts.toml, in partition {given}, but the server's own credentials \
         are of partition {own}"
    )]
    Partition { default: Account, given: String, own: String },
    #[error(transparent)]
    Terms(#[from] TermsError),
}

impl UpstreamError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Address(_) | Self::Tls(_) => "see [aws] of countersign.toml",
            Self::Identity(_) => {
                "is the upstream running, and are the credentials of `serve` the right ones?"
            }
            Self::Role { .. } => {
                "is the role there, does its trust name what `serve` acts as with this external id, and does it allow \
                 sts:AssumeRole and sts:SetSourceIdentity?"
            }
            Self::Partition { .. } => {
                "run `serve` with credentials of the partition that its accounts lie in"
            }
            Self::Terms(err) => err.hint(),
        }
    }
}

/// What a classified request needs to find its way.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    pub(crate) signing_name: String,
    pub(crate) endpoint_prefix: String,
    pub(crate) host_prefix: Option<String>,
    pub(crate) region: String,
    pub(crate) partition: String,
}

/// Where the content of the forwarded request is.
pub(crate) enum Content {
    /// In the permit.
    Whole,
    /// On its way from the agent: the permit's request is the head of it.
    Passing { body: Box<Passing>, fate: Arc<Fate>, framing: Framing, covers: Covers },
}

/// The upstream's answer.
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    /// What the upstream said of it, where it did.
    pub(crate) length: Option<u64>,
    pub(crate) body: BoxBody<Bytes, hyper::Error>,
    /// Of what was passed on.
    pub(crate) content: Option<Digest>,
}

impl Upstream {
    /// # Errors
    /// [`UpstreamError::Address`] for anything but a bare `http` or `https` authority.
    ///
    /// `own`: the server's own credentials; roles are taken on with them at `sts`.
    pub fn new(base: Option<&str>, own: Cache, sts: Sts) -> Result<Self, UpstreamError> {
        let base = base.map(parse_base).transpose()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let connector = hyper_rustls::HttpsConnectorBuilder::new()
            .with_provider_and_webpki_roots(provider)
            .map_err(|err| UpstreamError::Tls(err.to_string()))?
            .https_or_http()
            .enable_http1()
            .build();
        // A connection taken from a pool can die under a request, and then nobody knows whether it arrived: writes
        // use a fresh one (`Connection: close` is set per request), reads may share.
        let client = Client::builder(TokioExecutor::new()).retry_canceled_requests(false).build(connector);
        Ok(Self { client, rights: Rights::new(own, sts), base })
    }

    /// Redeems the permit: signs and sends its request, once.
    pub(crate) async fn send(
        &self,
        engine: &Engine,
        permit: Permit,
        route: &Route,
        content: Content,
    ) -> (Receipt, Result<Answered, Settled>) {
        let fresh_connection = permit.change().is_some();
        let rights = engine
            .recorded_time()
            .map_err(|fault| fault.to_string())
            .and_then(|now| self.rights.of(&permit, now));
        let (request, receipt) = permit.redeem();
        let result = match rights {
            Ok(rights) => self.transmit(engine, request, route, &rights, fresh_connection, content).await,
            Err(why) => Err(Settled::NotSent(why)),
        };
        (receipt, result)
    }

    async fn transmit(
        &self,
        engine: &Engine,
        mut request: Request,
        route: &Route,
        rights: &Cache,
        fresh_connection: bool,
        content: Content,
    ) -> Result<Answered, Settled> {
        let not_sent = |why: String| Settled::NotSent(why);
        // Whether the clock can be trusted was decided when the permit was made; our own reads may dispute it.
        let now = engine.recorded_time().map_err(|fault| not_sent(fault.to_string()))?;
        sigv4::take_off_presigned(&mut request);
        request.headers.retain(|(name, _)| travels(name));
        let (scheme, authority, signing_region) = self.address(route).map_err(not_sent)?;
        request.headers.push(("host".to_owned(), authority.clone()));
        let mut covers = match &content {
            Content::Whole => Covers::Body,
            Content::Passing { framing, covers, .. } => {
                body::frame(&mut request, framing);
                *covers
            }
        };
        let target = if request.query.is_empty() {
            format!("{scheme}://{authority}{}", request.path)
        } else {
            format!("{scheme}://{authority}{}?{}", request.path, request.query)
        };
        let mut credentials =
            rights.get(now).await.map_err(|err| not_sent(format!("{err}; {}", err.hint())))?;
        let mut passing = match content {
            Content::Whole => None,
            Content::Passing { body, fate, .. } => Some((body, fate)),
        };
        let mut again = passing.is_none();
        let mut whole = Bytes::new();
        loop {
            let (names, with) = ((&route.signing_name, &signing_region), signing(&credentials));
            sigv4::sign_covering(&mut request, covers, &with, names.0, names.1, now)
                .map_err(|err| not_sent(err.to_string()))?;
            if covers == Covers::Body {
                covers = Covers::Promised(Digest::of(&request.body));
                whole = Bytes::from(std::mem::take(&mut request.body));
            }
            let mut builder = hyper::Request::builder().method(request.method.as_str()).uri(&target);
            for (name, value) in &request.headers {
                builder = builder.header(name, value);
            }
            if fresh_connection {
                builder = builder.header("connection", "close");
            }
            let (content, fate) = match passing.take() {
                None => {
                    let whole = Full::new(whole.clone()).map_err(|never| match never {});
                    (whole.boxed_unsync(), None)
                }
                Some((body, fate)) => (body.boxed_unsync(), Some(fate)),
            };
            let outgoing = builder.body(content).map_err(|err| not_sent(err.to_string()))?;
            let answered = patiently(self.client.request(outgoing), fate.as_deref()).await;
            // What did not come whole was never whole at the upstream either: its last piece was kept back.
            if let (Err(_), Some(Err(why))) = (&answered, fate.as_ref().and_then(|fate| fate.end())) {
                return Err(not_sent(why));
            }
            let answer = match answered {
                Ok(answer) => {
                    let content = fate.and_then(|fate| fate.end()).and_then(Result::ok);
                    Answered { content, ..understood(engine, answer) }
                }
                Err(Unanswered::Failed(err)) if err.is_connect() => return Err(not_sent(causes(&err))),
                Err(Unanswered::Failed(err)) => return Err(Settled::Unknown(causes(&err))),
                Err(Unanswered::TooLate) => {
                    return Err(Settled::Unknown(format!("no answer within {} s", PATIENCE.as_secs())));
                }
            };
            // Credentials that are refused as ended were refused before anything was done: the one answer after which
            // the same request may go out once more.
            let (answer, ended) = expired::seen(answer, &credentials).await?;
            if !ended {
                return Ok(answer);
            }
            match rights.other_than(&credentials, now).await {
                Ok(Some(fresh)) if again => credentials = fresh,
                Ok(_) => return Ok(answer),
                Err(err) => {
                    tracing::warn!(%err, "the upstream calls the credentials expired, and others could not be had");
                    return Ok(answer);
                }
            }
            again = false;
        }
    }

    /// What the upstream itself would write before the path of a URL of this service.
    pub(crate) fn beginning(&self, prefix: &str, region: &str, partition: &str) -> Option<String> {
        match &self.base {
            Some(base) => Some(format!("{}://{}", base.scheme_str()?, base.authority()?)),
            None => {
                let to = endpoint::host(prefix, region, partition, None).ok()?;
                Some(format!("https://{}", to.host))
            }
        }
    }

    fn address(&self, route: &Route) -> Result<(String, String, String), String> {
        match &self.base {
            Some(base) => {
                let authority = base.authority().map(ToString::to_string).unwrap_or_default();
                Ok((base.scheme_str().unwrap_or("http").to_owned(), authority, route.region.clone()))
            }
            None => {
                let to = endpoint::host(
                    &route.endpoint_prefix,
                    &route.region,
                    &route.partition,
                    route.host_prefix.as_deref(),
                )
                .map_err(|err| err.to_string())?;
                Ok(("https".to_owned(), to.host, to.signing_region))
            }
        }
    }
}

fn signing(credentials: &Credentials) -> SigningCredentials {
    SigningCredentials {
        access_key: credentials.access_key.clone(),
        secret: credentials.secret.to_string(),
        session_token: credentials.session_token.as_ref().map(|token| token.to_string()),
    }
}

enum Unanswered {
    Failed(ClientError),
    TooLate,
}

/// Waits for the answer to begin, for as long as the content still moves and a while after.
async fn patiently<F>(request: F, fate: Option<&Fate>) -> Result<hyper::Response<Incoming>, Unanswered>
where
    F: Future<Output = Result<hyper::Response<Incoming>, ClientError>>,
{
    let mut request = std::pin::pin!(request);
    let mut came = 0;
    loop {
        match tokio::time::timeout(PATIENCE, &mut request).await {
            Ok(answered) => return answered.map_err(Unanswered::Failed),
            Err(_) => match fate.map(Fate::came).filter(|now| *now > came) {
                Some(now) => came = now,
                None => return Err(Unanswered::TooLate),
            },
        }
    }
}

/// Reads an answer to its end for the record, within bounds.
pub(crate) async fn whole(answered: Answered) -> Result<(Answer, Vec<u8>), Settled> {
    let limited = Limited::new(answered.body, MAX_ANSWER);
    let body = match limited.collect().await {
        Ok(body) => body.to_bytes().to_vec(),
        Err(err) => return Err(Settled::Unknown(format!("its answer broke off: {err}"))),
    };
    let text = (body.len() <= Answer::MAX_BODY).then(|| String::from_utf8(body.clone()).ok()).flatten();
    let answer = Answer {
        status: answered.status,
        headers: answered.headers,
        body: text,
        body_digest: Digest::of(&body),
        content: answered.content,
    };
    Ok((answer, body))
}

fn understood(engine: &Engine, answer: hyper::Response<Incoming>) -> Answered {
    let (parts, body) = answer.into_parts();
    let headers: Vec<(String, String)> = parts
        .headers
        .iter()
        .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .filter(|(name, _)| returns(name))
        .collect();
    if let Some(date) =
        headers.iter().find(|(name, _)| name == "date").and_then(|(_, value)| http_date(value))
    {
        engine.upstream_says(date);
    }
    let length = parts.headers.get("content-length").and_then(|it| it.to_str().ok()?.parse().ok());
    Answered { status: parts.status.as_u16(), headers, length, body: body.boxed(), content: None }
}

fn http_date(value: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(value).ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some(Timestamp::from_millis(i64::try_from(since.as_millis()).ok()?))
}

fn parse_base(text: &str) -> Result<http::Uri, UpstreamError> {
    let wrong = || UpstreamError::Address(model::sanitize(text, 200));
    let uri: http::Uri = text.parse().map_err(|_| wrong())?;
    let bare = matches!(uri.scheme_str(), Some("http" | "https"))
        && uri.authority().is_some_and(|it| !it.as_str().contains('@'))
        && matches!(uri.path(), "" | "/")
        && uri.query().is_none();
    if bare { Ok(uri) } else { Err(wrong()) }
}

/// Headers of the agent's request that are part of what it asks; all others are of its own connection or signature.
fn travels(name: &str) -> bool {
    let own = matches!(
        name,
        "host"
            | "authorization"
            | "x-amz-security-token"
            | "x-amz-date"
            | "date"
            | "expect"
            | "content-length"
            | "accept-encoding"
            | "forwarded"
            | "via"
    );
    !own && !is_hop_by_hop(name) && !name.starts_with("x-forwarded-")
}

fn returns(name: &str) -> bool {
    name != "content-length" && !is_hop_by_hop(name)
}

/// RFC 9110 §7.6.1.
fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
    )
}
