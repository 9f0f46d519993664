//! From bytes on a connection to an authenticated, plain request; everything is bounded before it is parsed.

use std::sync::Arc;

use classify_aws::{
    address::{Hosts, addressed},
    answer::Refusal,
    payload::{self, Framing},
    sigv4::{self, AuthError, Presented, Verified},
};
use engine::{Engine, Secret};
use hyper::{body::Incoming, http::request::Parts};
use listener::{BodyError, Source, collect};
use model::{Request, Session, Timestamp};

const MAX_HEADERS: usize = 100;
const MAX_TARGET: usize = 32 * 1024;

/// A request that a live session signed.
pub(crate) struct Received {
    pub(crate) request: Request,
    pub(crate) session: Arc<Session>,
    pub(crate) verified: Verified,
}

/// Why it was not taken in. `scope` helps to answer in the client's own protocol.
pub(crate) struct NotReceived {
    pub(crate) refusal: Refusal,
    pub(crate) message: String,
    /// Somebody without a valid signature: counted, not recorded one by one.
    pub(crate) unauthenticated: bool,
}

impl NotReceived {
    fn new(refusal: Refusal, message: impl Into<String>) -> Self {
        Self { refusal, message: message.into(), unauthenticated: false }
    }

    fn stranger(refusal: Refusal, message: impl Into<String>) -> Self {
        Self { refusal, message: message.into(), unauthenticated: true }
    }
}

/// The head of a request as we keep it; `None` where a part of it cannot be kept byte for byte.
pub(crate) fn head(parts: &Parts) -> Result<Request, NotReceived> {
    let target = parts.uri.path_and_query();
    let (path, query) = target.map_or(("/", ""), |it| (it.path(), it.query().unwrap_or_default()));
    if path.len() + query.len() > MAX_TARGET || parts.headers.len() > MAX_HEADERS {
        let message = format!(
            "Countersign denies this (CS108): more than {MAX_TARGET} bytes of address or {MAX_HEADERS} headers."
        );
        return Err(NotReceived::stranger(Refusal::TooLarge, message));
    }
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else {
            let message = format!("Countersign denies this (CS107): header {name} is no UTF-8.");
            return Err(NotReceived::stranger(Refusal::Denied, message));
        };
        headers.push((name.as_str().to_owned(), value.to_owned()));
    }
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// Whose signature a request says it bears; nothing is verified yet.
pub(crate) struct Claimed {
    presented: Result<Presented, AuthError>,
    holder: Option<(Arc<Session>, Secret)>,
}

impl Claimed {
    pub(crate) fn of(engine: &Engine, head: &Request) -> Self {
        let presented = sigv4::present(head);
        let holder = presented.as_ref().ok().and_then(|it| engine.session_of(it.access_key()));
        Self { presented, holder }
    }

    /// Under which name a failure counts. A key that we know counts for itself, so that strangers behind the same
    /// address cannot use up what its holder is allowed.
    pub(crate) fn counted_as(&self, source: Source) -> String {
        match &self.holder {
            Some((session, _)) => format!("{} from {source}", session.id),
            None => source.to_string(),
        }
    }
}

/// Reads, verifies and unframes. The order is: who (by table lookup), how much (bounded), then cryptography.
pub(crate) async fn receive(
    engine: &Engine,
    hosts: &Hosts,
    claimed: &Claimed,
    mut request: Request,
    body: Incoming,
    now: Timestamp,
) -> Result<Received, NotReceived> {
    let presented =
        claimed.presented.as_ref().map_err(|err| NotReceived::stranger(err.refusal(), says(err)))?;
    let Some((session, secret)) = &claimed.holder else {
        return Err(NotReceived::stranger(
            Refusal::UnknownKey,
            "Countersign: this access key is none of ours. Get virtual credentials with: countersign session new",
        ));
    };
    let bundle = engine.bundle();
    let limits = bundle.limits();
    let limit = usize::try_from(limits.max_body_bytes).unwrap_or(usize::MAX);
    request.body = collect(body, limit).await.map_err(|err| not_whole(&err))?.to_vec();
    let verified = sigv4::verify(&request, presented, secret.expose(), now, limits.clock_skew_s)
        .map_err(|err| NotReceived::stranger(err.refusal(), says(&err)))?;
    admissible(session, now)?;
    sigv4::strip_unsigned(&mut request, &verified);
    sigv4::take_off_presigned(&mut request);
    one_reading(&request)?;
    payload::unframe(&mut request, &verified.payload, limit).map_err(|err| {
        NotReceived::new(Refusal::Denied, format!("Countersign denies this (CS107): {err}."))
    })?;
    let request = in_path_style(request, &verified, hosts)?;
    Ok(Received { request, session: Arc::clone(session), verified })
}

/// What the head alone tells of a request whose content can be passed on as it comes.
pub(crate) struct Headed {
    pub(crate) received: Received,
    pub(crate) framing: Framing,
}

/// Verifies a request on its head, before anything of its body is asked for: one whose client waits to be told to go on
/// (`Expect: 100-continue`), or whose body is longer than what is read before a verdict. `None`: the body is needed.
pub(crate) fn by_head(
    engine: &Engine,
    hosts: &Hosts,
    claimed: &Claimed,
    head: &Request,
    now: Timestamp,
) -> Option<Result<Headed, NotReceived>> {
    let waits = head.header("expect").is_some_and(|it| it.eq_ignore_ascii_case("100-continue"));
    let limits = *engine.bundle().limits();
    let declared = |name| head.header(name).and_then(|it| it.trim().parse::<u64>().ok());
    let length = declared("x-amz-decoded-content-length").or_else(|| declared("content-length"))?;
    if head.method != "PUT" || !waits && length <= limits.max_body_bytes {
        return None;
    }
    let presented = claimed.presented.as_ref().ok()?;
    let declares = head.headers.iter().any(|(name, _)| name == "x-amz-content-sha256");
    if presented.scope().1 != "s3" || !declares {
        return None;
    }
    let (session, secret) = claimed.holder.as_ref()?;
    let verified = match sigv4::verify_head(head, presented, secret.expose(), now, limits.clock_skew_s) {
        Ok(verified) => verified,
        Err(err) => return Some(Err(NotReceived::stranger(err.refusal(), says(&err)))),
    };
    let framing = Framing::of(head, &verified.payload)?;
    Some(admissible(session, now).and_then(|()| {
        let (mut request, session) = (head.clone(), Arc::clone(session));
        sigv4::strip_unsigned(&mut request, &verified);
        sigv4::take_off_presigned(&mut request);
        one_reading(&request)?;
        payload::take_off_framing(&mut request);
        let request = in_path_style(request, &verified, hosts)?;
        Ok(Headed { received: Received { request, session, verified }, framing })
    }))
}

fn in_path_style(request: Request, verified: &Verified, hosts: &Hosts) -> Result<Request, NotReceived> {
    addressed(request, &verified.service, hosts)
        .map_err(|err| NotReceived::new(Refusal::Denied, format!("Countersign denies this (CS107): {err}.")))
}

fn admissible(session: &Session, now: Timestamp) -> Result<(), NotReceived> {
    let Some(why) = session.closed(now) else { return Ok(()) };
    Err(NotReceived::new(
        Refusal::Expired,
        format!(
            "Countersign: session {} is {why}. Ask {} for a new one (countersign session new).",
            session.id, session.chain.operator
        ),
    ))
}

/// Presigners move `x-amz-*` headers into the query, where a service may obey them and a table may not look.
fn one_reading(request: &Request) -> Result<(), NotReceived> {
    let mut names = request.query.split('&').map(|pair| pair.split('=').next().unwrap_or_default());
    let hidden = names.find(|name| {
        let name: Vec<u8> = percent_encoding::percent_decode_str(name).collect();
        name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case(b"x-amz-"))
    });
    match hidden {
        None => Ok(()),
        Some(name) => Err(NotReceived::new(
            Refusal::Denied,
            format!(
                "Countersign denies this (CS107): {} in the query could be read as a header; send it as a header.",
                model::sanitize(name, 80)
            ),
        )),
    }
}

fn not_whole(err: &BodyError) -> NotReceived {
    let (refusal, code) = match err {
        BodyError::TooLarge { .. } => (Refusal::TooLarge, "CS108"),
        BodyError::TooSlow | BodyError::Broken(_) | BodyError::MadeRoom => (Refusal::Denied, "CS107"),
    };
    let message = format!("Countersign denies this ({code}): {err}. Nothing was done.");
    NotReceived::stranger(refusal, message)
}

fn says(err: &AuthError) -> String {
    format!("Countersign: {err}.")
}
