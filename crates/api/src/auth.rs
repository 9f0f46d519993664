//! Who is asking: a person by a signature over their request, the folder's reader by a token, an agent by SigV4.
//!
//! The order is everywhere the same: who it claims to be (by table lookup), whether too many such claims failed, how
//! much it sends (bounded), and only then cryptography. Failures count for the key or person claimed where we know
//! it, and for the address where we do not, so that strangers cannot lock out whoever shares their address. A person's
//! name is no secret, and stopping a session must not wait for an attacker to tire: under a name that failed too often
//! signatures are verified still, one at a time.

use std::sync::Arc;

use approval::request::Proof;
use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, request::Parts},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use listener::Source;
use model::{Digest, PersonId, Request, Session};
use subtle::ConstantTimeEq as _;
use tokio::sync::Semaphore;

use crate::{ApiError, MAX_BODY, Shared, nonce::Nonce};

pub const PERSON_HEADER: &str = "x-countersign-person";
pub const NONCE_HEADER: &str = "x-countersign-nonce";
/// The armored SSHSIG, in base64 so that it fits on one line.
pub const SIGNATURE_HEADER: &str = "x-countersign-signature";

/// The service name an agent signs for on its own listener.
pub(crate) const AGENT_SERVICE: &str = "countersign";

/// Whose name is misused waits for the others of whom that is true, each for as long as a signature takes to verify.
static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);

/// A person, proved by their own key.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) person: PersonId,
    /// The text and its signature, for the record.
    pub(crate) proof: (String, String),
}

/// The person who signed this request, and its body.
pub(crate) async fn person(shared: &Shared, parts: &Parts, body: Body) -> Result<(Signer, Bytes), ApiError> {
    let source = source_of(parts);
    let claimed = header(&parts.headers, PERSON_HEADER).and_then(|it| it.parse::<PersonId>().ok());
    let known = claimed.filter(|person| shared.engine.bundle().roster().people.contains_key(person));
    let counted = known.as_ref().map_or_else(|| source.clone(), |person| format!("{person} from {source}"));
    let found = async {
        let is_flooded = shared.engine.is_flooding(&counted);
        if is_flooded && known.is_none() {
            return Err(ApiError::throttled());
        }
        let claim = Claim::read(shared, &parts.headers, known)?;
        let body = receive(body).await?;
        let turn = if is_flooded { ONE_AT_A_TIME.acquire().await.ok() } else { None };
        let signer = claim.verify(shared, parts, &body)?;
        drop(turn);
        Ok((signer, body))
    };
    counting(shared, &counted, found.await).await
}

/// What a person's request says of itself; nothing is verified but that we drew the nonce.
struct Claim {
    person: PersonId,
    text: String,
    nonce: Nonce,
    armored: String,
}

impl Claim {
    fn read(shared: &Shared, headers: &HeaderMap, person: Option<PersonId>) -> Result<Self, ApiError> {
        let missing = || ApiError::not_authenticated("this needs a person's signature");
        header(headers, PERSON_HEADER).ok_or_else(missing)?;
        let text = header(headers, NONCE_HEADER).ok_or_else(missing)?;
        let signature =
            header(headers, SIGNATURE_HEADER).filter(|it| it.len() <= 16 * 1024).ok_or_else(missing)?;
        let person = person.ok_or_else(|| ApiError::not_authenticated("no such person is enrolled here"))?;
        let armored = BASE64_STANDARD
            .decode(signature)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .ok_or_else(|| ApiError::not_authenticated("the signature is no base64 of an armored SSHSIG"))?;
        let nonce = shared.nonces.open(text, shared.engine.now()?).ok_or_else(spent)?;
        Ok(Self { person, text: text.to_owned(), nonce, armored })
    }

    fn verify(self, shared: &Shared, parts: &Parts, body: &[u8]) -> Result<Signer, ApiError> {
        let proof = Proof {
            person: self.person,
            method: parts.method.as_str().to_owned(),
            target: parts.uri.path_and_query().map_or("/", |it| it.as_str()).to_owned(),
            body: Digest::of(body),
            nonce: self.text,
            installation: shared.engine.installation(),
        };
        let bundle = shared.engine.bundle();
        let (person, _) = approval::request::verify(&proof, &self.armored, bundle.roster())
            .map_err(|err| ApiError::not_authenticated(err.to_string()))?;
        // Looked at again: the body may have been long in coming.
        let now = shared.engine.now()?;
        if shared.nonces.open(&proof.nonce, now).is_none() || !shared.nonces.spend(self.nonce, now) {
            return Err(spent());
        }
        Ok(Signer { person, proof: (proof.to_text(), self.armored) })
    }
}

fn spent() -> ApiError {
    ApiError::not_authenticated("the nonce is unknown, used or older than a minute; ask for a new one")
}

/// Whoever can read the installation's folder: reads only.
pub(crate) fn is_reader(shared: &Shared, headers: &HeaderMap) -> bool {
    let given =
        header(headers, "authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(shared.reader_token.as_bytes()).into()
}

/// The session whose key signed this request for our own service name, and the request's body.
pub(crate) async fn agent(
    shared: &Shared,
    parts: &Parts,
    body: Body,
) -> Result<(Arc<Session>, Bytes), ApiError> {
    let source = source_of(parts);
    let presented = head(parts).and_then(|request| {
        let presented = classify_aws::sigv4::present(&request).map_err(|err| refuse(err.to_string()))?;
        Ok((request, presented))
    });
    let known = match &presented {
        Ok((_, presented)) => shared.engine.session_of(presented.access_key()),
        Err(_) => None,
    };
    let counted = match &known {
        Some((session, _)) => format!("{} from {source}", session.id),
        None => source,
    };
    let found = async {
        if shared.engine.is_flooding(&counted) {
            return Err(ApiError::throttled());
        }
        let (mut request, presented) = presented?;
        let (_, service) = presented.scope();
        if service != AGENT_SERVICE {
            return Err(refuse(format!("sign for the service `{AGENT_SERVICE}`, not for another")));
        }
        let (session, secret) = known.ok_or_else(|| refuse("this access key is none of ours"))?;
        let body = receive(body).await?;
        request.body = body.to_vec();
        let skew = shared.engine.bundle().limits().clock_skew_s;
        classify_aws::sigv4::verify(&request, &presented, secret.expose(), shared.engine.now()?, skew)
            .map_err(|err| refuse(err.to_string()))?;
        Ok((session, body))
    };
    let (session, body) = counting(shared, &counted, found.await).await?;
    match session.closed(shared.engine.now()?) {
        Some(why) => Err(refuse(format!("session {} is {why}", session.id))),
        None => Ok((session, body)),
    }
}

fn head(parts: &Parts) -> Result<Request, ApiError> {
    let headers = parts
        .headers
        .iter()
        .map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
        .collect::<Option<Vec<_>>>()
        .ok_or_else(|| ApiError::usage("a header is no plain text"))?;
    Ok(Request {
        method: parts.method.as_str().to_owned(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// The body of a request, bounded; what is never read of it costs nothing.
pub(crate) async fn receive(body: Body) -> Result<Bytes, ApiError> {
    Ok(listener::collect(body, MAX_BODY).await?)
}

fn refuse(message: impl Into<String>) -> ApiError {
    ApiError::not_authenticated(message)
}

/// Counts what was not authenticated; what was refused for failing too often already counted then.
async fn counting<T>(shared: &Shared, counted: &str, found: Result<T, ApiError>) -> Result<T, ApiError> {
    if let Err(err) = &found
        && err.is_strangers()
    {
        shared.engine.authentication_failed(counted).await;
    }
    found
}

/// Where the router runs without a listener, nobody's address is known, and all share one count.
fn source_of(parts: &Parts) -> String {
    parts.extensions.get::<Source>().map_or_else(|| "unknown address".to_owned(), Source::to_string)
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
