//! Who is asking: a person by a signature over their request, the folder's reader by a token, an agent by SigV4.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use approval::request::Proof;
use axum::http::{HeaderMap, Method};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use model::{Digest, PersonId, Request, Session, Timestamp};
use subtle::ConstantTimeEq as _;

use crate::{ApiError, Shared};

pub const PERSON_HEADER: &str = "x-countersign-person";
pub const NONCE_HEADER: &str = "x-countersign-nonce";
/// The armored SSHSIG, in base64 so that it fits on one line.
pub const SIGNATURE_HEADER: &str = "x-countersign-signature";

/// The service name an agent signs for on its own listener.
pub(crate) const AGENT_SERVICE: &str = "countersign";

const NONCE_LIFE_S: i64 = 60;
const NONCES: usize = 10_000;

/// Nonces given out and not used yet; each works once, for a minute.
#[derive(Debug, Default)]
pub struct Nonces(Mutex<BTreeMap<String, Timestamp>>);

impl Nonces {
    pub(crate) fn issue(&self, nonce: String, now: Timestamp) -> Result<(), ApiError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, until| *until > now);
        if known.len() >= NONCES {
            return Err(ApiError::usage("too many open requests; try again in a minute"));
        }
        known.insert(nonce, now.plus_seconds(NONCE_LIFE_S));
        Ok(())
    }

    fn take(&self, nonce: &str, now: Timestamp) -> bool {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(nonce).is_some_and(|until| until > now)
    }
}

/// A person, proved by their own key.
#[derive(Clone, Debug)]
pub(crate) struct Signer {
    pub(crate) person: PersonId,
    /// The text and its signature, for the record.
    pub(crate) proof: (String, String),
}

pub(crate) fn person(
    shared: &Shared,
    method: &Method,
    target: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<Signer, ApiError> {
    let missing = || ApiError::not_authenticated("this needs a person's signature");
    let person: PersonId = header(headers, PERSON_HEADER)
        .ok_or_else(missing)?
        .parse()
        .map_err(|err| ApiError::not_authenticated(format!("{err}")))?;
    let nonce = header(headers, NONCE_HEADER).ok_or_else(missing)?;
    let signature =
        header(headers, SIGNATURE_HEADER).filter(|it| it.len() <= 16 * 1024).ok_or_else(missing)?;
    let armored = BASE64_STANDARD
        .decode(signature)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .ok_or_else(|| ApiError::not_authenticated("the signature is no base64 of an armored SSHSIG"))?;
    let now = shared.engine.now()?;
    if !shared.nonces.take(nonce, now) {
        return Err(ApiError::not_authenticated(
            "the nonce is unknown, used or older than a minute; ask for a new one",
        ));
    }
    let proof = Proof {
        person,
        method: method.as_str().to_owned(),
        target: target.to_owned(),
        body: Digest::of(body),
        nonce: nonce.to_owned(),
        installation: shared.engine.installation(),
    };
    let bundle = shared.engine.bundle();
    let (person, _) = approval::request::verify(&proof, &armored, bundle.roster())
        .map_err(|err| ApiError::not_authenticated(err.to_string()))?;
    Ok(Signer { person, proof: (proof.to_text(), armored) })
}

/// Whoever can read the installation's folder: reads only.
pub(crate) fn is_reader(shared: &Shared, headers: &HeaderMap) -> bool {
    let given =
        header(headers, "authorization").and_then(|it| it.strip_prefix("Bearer ")).unwrap_or_default();
    given.as_bytes().ct_eq(shared.reader_token.as_bytes()).into()
}

/// The session whose key signed this request for our own service name.
pub(crate) fn agent(shared: &Shared, request: &Request) -> Result<Arc<Session>, ApiError> {
    let refuse = |text: String| ApiError::not_authenticated(text);
    let presented = classify_aws::sigv4::present(request).map_err(|err| refuse(err.to_string()))?;
    let (_, service) = presented.scope();
    if service != AGENT_SERVICE {
        return Err(refuse(format!("sign for the service `{AGENT_SERVICE}`, not for another")));
    }
    let (session, secret) = shared
        .engine
        .session_of(presented.access_key())
        .ok_or_else(|| refuse("this access key is none of ours".to_owned()))?;
    let now = shared.engine.now()?;
    let skew = shared.engine.bundle().limits().clock_skew_s;
    classify_aws::sigv4::verify(request, &presented, secret.expose(), now, skew)
        .map_err(|err| refuse(err.to_string()))?;
    match session.closed(now) {
        Some(why) => Err(refuse(format!("session {} is {why}", session.id))),
        None => Ok(session),
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
