//! Whether a presented signature is true: recomputed with the secret and compared, after everything that can be
//! refused without a secret has been refused.

use model::{Digest, Request, Timestamp};
use subtle::ConstantTimeEq as _;

use super::{
    AuthError, ChunkChain, Presented, UNSIGNED_PAYLOAD,
    canonical::{self, PathStyle},
    error::shown,
    key::{self, SigningKey},
    present::only_header,
    signs_path_verbatim, stamp,
};

/// What the signature says about the body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PayloadHash {
    /// Covered, and found to be the body that came.
    Sha256(Digest),
    /// Covered, and the body has yet to come ([`verify_head`]).
    Promised(Digest),
    /// Not covered: what is bound to an approval is the digest that we compute.
    Unsigned,
    /// `aws-chunked` with unsigned chunks and trailers.
    StreamingUnsignedTrailer,
    /// `aws-chunked`, each chunk signed; `payload::decode` verifies them.
    StreamingSigned(ChunkChain),
    /// The same with a signed trailer.
    StreamingSignedTrailer(ChunkChain),
}

/// A request whose signature is true.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    pub service: String,
    pub region: String,
    pub access_key: String,
    pub signed_at: Timestamp,
    /// See [`Presented::signature_digest`].
    pub signature: Digest,
    pub payload: PayloadHash,
    /// Headers outside the signature that could mean something; [`strip_unsigned`] removes them.
    pub unsigned: Vec<String>,
}

/// Believes `presented` only if `secret` made it over this request, at most `skew_s` seconds away from `now` (a
/// presigned one: until it expires).
pub fn verify(
    request: &Request,
    presented: &Presented,
    secret: &str,
    now: Timestamp,
    skew_s: i64,
) -> Result<Verified, AuthError> {
    let (believed, mode) = believe(request, presented, secret, now, skew_s)?;
    let payload = mode.checked(request, || believed.chain())?;
    Ok(believed.verified(presented, payload))
}

/// The same of a request whose body has yet to come: `request.body` is not looked at. Only where `x-amz-content-sha256`
/// says what stands for the body.
pub fn verify_head(
    request: &Request,
    presented: &Presented,
    secret: &str,
    now: Timestamp,
    skew_s: i64,
) -> Result<Verified, AuthError> {
    let (believed, mode) = believe(request, presented, secret, now, skew_s)?;
    if matches!(mode, PayloadMode::Computed) {
        return Err(AuthError::PayloadMode("nothing, where the body comes later".to_owned()));
    }
    let payload = mode.promised(|| believed.chain());
    Ok(believed.verified(presented, payload))
}

/// A signature that was found true, whatever the body is.
struct Believed<'p> {
    claim: &'p super::present::Claim,
    unsigned: Vec<String>,
    key: SigningKey,
    stamp: String,
    scope: String,
}

impl Believed<'_> {
    fn chain(&self) -> ChunkChain {
        ChunkChain::new(self.key.clone(), self.stamp.clone(), self.scope.clone(), self.claim.signature)
    }

    fn verified(self, presented: &Presented, payload: PayloadHash) -> Verified {
        let credential = &self.claim.credential;
        Verified {
            service: credential.service.clone(),
            region: credential.region.clone(),
            access_key: credential.access_key.clone(),
            signed_at: self.claim.signed_at,
            signature: presented.signature_digest(),
            payload,
            unsigned: self.unsigned,
        }
    }
}

fn believe<'p>(
    request: &Request,
    presented: &'p Presented,
    secret: &str,
    now: Timestamp,
    skew_s: i64,
) -> Result<(Believed<'p>, PayloadMode), AuthError> {
    let claim = presented.claim();
    let credential = &claim.credential;
    check_time(presented, now, skew_s)?;
    let unsigned = unsigned_headers(request, &claim.signed_headers)?;
    let style =
        if signs_path_verbatim(&credential.service) { PathStyle::Verbatim } else { PathStyle::Normalized };
    // S3 would take them as they are; whatever stands between might not.
    if canonical::has_dot_segments(&request.path) {
        return Err(AuthError::AmbiguousPath);
    }
    let mode = PayloadMode::of(request, presented)?;
    let canonical = canonical::canonical_request(request, style, &claim.signed_headers, &mode.text(request))?;
    let stamp = stamp::format(claim.signed_at);
    let scope = key::scope(&credential.date, &credential.region, &credential.service);
    let key = SigningKey::derive(secret, &credential.date, &credential.region, &credential.service);
    let expected = key.sign_request(&stamp, &scope, &canonical);
    if !key::same(&expected, &claim.signature) {
        return Err(AuthError::SignatureMismatch);
    }
    Ok((Believed { claim, unsigned, key, stamp, scope }, mode))
}

/// Removes what the signature does not cover and could still mean something.
pub fn strip_unsigned(request: &mut Request, verified: &Verified) {
    request.headers.retain(|(name, _)| !verified.unsigned.contains(name));
}

fn check_time(presented: &Presented, now: Timestamp, skew_s: i64) -> Result<(), AuthError> {
    let signed_at = presented.signed_at();
    if signed_at > now.plus_seconds(skew_s) {
        return Err(AuthError::NotYet { signed_at, now });
    }
    let valid_for_s = match presented {
        Presented::Header(_) => skew_s,
        Presented::Query(presigned) => i64::from(presigned.valid_for_s),
    };
    let until = signed_at.plus_seconds(valid_for_s);
    if now > until { Err(AuthError::Expired { signed_at, until, now }) } else { Ok(()) }
}

/// The names of headers to strip; an error where one is unsigned that chooses or changes the operation, or stands
/// twice.
fn unsigned_headers(request: &Request, signed: &[String]) -> Result<Vec<String>, AuthError> {
    let mut unsigned: Vec<String> = Vec::new();
    for (name, _) in &request.headers {
        if decides(name) {
            only_header(request, name)?;
        }
        if signed.binary_search(name).is_ok() || unsigned.contains(name) {
            continue;
        }
        if must_be_signed(name) {
            return Err(AuthError::UnsignedHeader(shown(name)));
        }
        if !may_stay_unsigned(name) {
            unsigned.push(name.clone());
        }
    }
    Ok(unsigned)
}

/// No client we know leaves one of these out of its signature.
fn must_be_signed(name: &str) -> bool {
    (name.starts_with("x-amz-") || name.starts_with("x-amzn-") && name != "x-amzn-trace-id")
        || matches!(name, "host" | "content-encoding" | "smithy-protocol")
}

/// Where two would be two readings.
fn decides(name: &str) -> bool {
    must_be_signed(name) || matches!(name, "content-type" | "content-length" | "transfer-encoding" | "date")
}

/// Headers that say how a request travels or who sends it, never what it asks for; and `cache-control`, which belongs
/// to an object that is put and which the JavaScript SDK never signs.
fn may_stay_unsigned(name: &str) -> bool {
    matches!(
        name,
        "accept"
            | "accept-encoding"
            | "amz-sdk-invocation-id"
            | "amz-sdk-request"
            | "authorization"
            | "cache-control"
            | "connection"
            | "content-length"
            | "expect"
            | "keep-alive"
            | "te"
            | "transfer-encoding"
            | "user-agent"
            | "x-amzn-trace-id"
    )
}

/// The text that stood for the body when the client signed.
enum PayloadMode {
    /// Nothing was said: the hash of the body itself.
    Computed,
    Declared(Digest),
    Unsigned,
    StreamingUnsignedTrailer,
    StreamingSigned,
    StreamingSignedTrailer,
}

pub(super) const STREAMING_UNSIGNED_TRAILER: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
const STREAMING_SIGNED: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const STREAMING_SIGNED_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

impl PayloadMode {
    fn of(request: &Request, presented: &Presented) -> Result<Self, AuthError> {
        let header = only_header(request, "x-amz-content-sha256")?;
        let text = match presented {
            Presented::Header(_) => header,
            Presented::Query(presigned) => match (header, presigned.payload.as_deref()) {
                (Some(one), Some(other)) if one != other => {
                    return Err(AuthError::Duplicate("x-amz-content-sha256".into()));
                }
                (Some(text), _) | (None, Some(text)) => Some(text),
                (None, None) => {
                    signs_path_verbatim(&presigned.claim.credential.service).then_some(UNSIGNED_PAYLOAD)
                }
            },
        };
        Ok(match text {
            None => Self::Computed,
            Some(UNSIGNED_PAYLOAD) => Self::Unsigned,
            Some(STREAMING_UNSIGNED_TRAILER) => Self::StreamingUnsignedTrailer,
            Some(STREAMING_SIGNED) => Self::StreamingSigned,
            Some(STREAMING_SIGNED_TRAILER) => Self::StreamingSignedTrailer,
            Some(other) => Self::Declared(other.parse().map_err(|_| AuthError::PayloadMode(shown(other)))?),
        })
    }

    fn text(&self, request: &Request) -> String {
        match self {
            Self::Computed => canonical::payload_hash(&request.body),
            Self::Declared(digest) => digest.to_string(),
            Self::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
            Self::StreamingUnsignedTrailer => STREAMING_UNSIGNED_TRAILER.to_owned(),
            Self::StreamingSigned => STREAMING_SIGNED.to_owned(),
            Self::StreamingSignedTrailer => STREAMING_SIGNED_TRAILER.to_owned(),
        }
    }

    /// What the head alone says of the body.
    fn promised(self, chain: impl Fn() -> ChunkChain) -> PayloadHash {
        match self {
            Self::Declared(digest) => PayloadHash::Promised(digest),
            Self::Computed | Self::Unsigned => PayloadHash::Unsigned,
            Self::StreamingUnsignedTrailer => PayloadHash::StreamingUnsignedTrailer,
            Self::StreamingSigned => PayloadHash::StreamingSigned(chain()),
            Self::StreamingSignedTrailer => PayloadHash::StreamingSignedTrailer(chain()),
        }
    }

    /// Holds the body we have against what was declared; called only once the signature is known to be true.
    fn checked(self, request: &Request, chain: impl Fn() -> ChunkChain) -> Result<PayloadHash, AuthError> {
        match self {
            Self::Computed => Ok(PayloadHash::Sha256(Digest::of(&request.body))),
            Self::Declared(digest) => {
                let same: bool = digest.as_bytes().ct_eq(Digest::of(&request.body).as_bytes()).into();
                if same { Ok(PayloadHash::Sha256(digest)) } else { Err(AuthError::PayloadMismatch) }
            }
            Self::Unsigned => Ok(PayloadHash::Unsigned),
            Self::StreamingUnsignedTrailer => Ok(PayloadHash::StreamingUnsignedTrailer),
            Self::StreamingSigned => Ok(PayloadHash::StreamingSigned(chain())),
            Self::StreamingSignedTrailer => Ok(PayloadHash::StreamingSignedTrailer(chain())),
        }
    }
}
