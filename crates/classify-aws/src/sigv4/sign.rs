//! Signing the request that is forwarded: whatever signature the agent's request carried is taken off, and the header
//! form is put on under the real credentials.

use model::{Digest, Request, Timestamp};
use percent_encoding::percent_decode_str;

use super::{
    ALGORITHM, AUTH_KEYS, AuthError, SigningCredentials, UNSIGNED_PAYLOAD,
    canonical::{self, PathStyle},
    key::{self, SigningKey},
    signs_path_verbatim, stamp,
    verify::STREAMING_UNSIGNED_TRAILER,
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("the request has {0} host headers and not one; the upstream's host must be set before signing")]
    Host(usize),
    #[error("the time {0} cannot be written in a signature")]
    Time(Timestamp),
    #[error("the request cannot be signed")]
    Canonical(#[source] AuthError),
}

/// What stands for the body in a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Covers {
    /// Its digest.
    Body,
    /// A digest that was promised for a body that has yet to come.
    Promised(Digest),
    /// Nothing: the body is as long as `content-length` says and protected by TLS alone.
    Unsigned,
    /// `aws-chunked` content with unsigned chunks, and checksums after it.
    UnsignedTrailer,
}

/// Signs in the header form, as `credentials`, at `now`. The caller has set `host` and has taken off the headers of
/// the agent's own connection; the body is what will be sent, byte for byte.
pub fn sign(
    request: &mut Request,
    credentials: &SigningCredentials,
    service: &str,
    region: &str,
    now: Timestamp,
) -> Result<(), SignError> {
    sign_covering(request, Covers::Body, credentials, service, region, now)
}

/// The same, with something else standing for the body.
pub fn sign_covering(
    request: &mut Request,
    covers: Covers,
    credentials: &SigningCredentials,
    service: &str,
    region: &str,
    now: Timestamp,
) -> Result<(), SignError> {
    let hosts = request.headers.iter().filter(|(name, _)| name == "host").count();
    if hosts != 1 {
        return Err(SignError::Host(hosts));
    }
    let stamp = stamp::format(now);
    if stamp.len() != 16 {
        return Err(SignError::Time(now));
    }
    let verbatim = signs_path_verbatim(service);
    let payload = match covers {
        Covers::Body => canonical::payload_hash(&request.body),
        Covers::Promised(digest) => digest.to_string(),
        Covers::Unsigned => UNSIGNED_PAYLOAD.to_owned(),
        Covers::UnsignedTrailer => STREAMING_UNSIGNED_TRAILER.to_owned(),
    };
    let declares = verbatim
        || covers != Covers::Body
        || request.headers.iter().any(|(name, _)| name == "x-amz-content-sha256");
    take_off_signature(request);
    request.headers.push(("x-amz-date".into(), stamp.clone()));
    if declares {
        request.headers.push(("x-amz-content-sha256".into(), payload.clone()));
    }
    if let Some(token) = &credentials.session_token {
        request.headers.push(("x-amz-security-token".into(), token.clone()));
    }

    let mut signed: Vec<String> =
        request.headers.iter().filter(|(name, _)| is_signed(name)).map(|(name, _)| name.clone()).collect();
    signed.sort_unstable();
    signed.dedup();
    let style = if verbatim { PathStyle::Verbatim } else { PathStyle::Normalized };
    let canonical =
        canonical::canonical_request(request, style, &signed, &payload).map_err(SignError::Canonical)?;
    let date = stamp::day(&stamp);
    let scope = key::scope(date, region, service);
    let signature = SigningKey::derive(&credentials.secret, date, region, service)
        .sign_request(&stamp, &scope, &canonical);
    request.headers.push((
        "authorization".into(),
        format!(
            "{ALGORITHM} Credential={}/{scope}, SignedHeaders={}, Signature={}",
            credentials.access_key,
            signed.join(";"),
            hex::encode(signature)
        ),
    ));
    Ok(())
}

/// Removes the pairs of a presigned request's signature from the query; they are nobody's parameters. Every other pair
/// stays as it was sent.
pub fn take_off_presigned(request: &mut Request) {
    let belongs = |pair: &&str| {
        let key = percent_decode_str(pair.split('=').next().unwrap_or_default()).collect::<Vec<u8>>();
        AUTH_KEYS.iter().any(|name| name.as_bytes() == key) || key == b"X-Amz-Content-Sha256"
    };
    if request.query.split('&').any(|pair| belongs(&pair)) {
        request.query = request.query.split('&').filter(|pair| !belongs(pair)).collect::<Vec<_>>().join("&");
    }
}

fn take_off_signature(request: &mut Request) {
    take_off_presigned(request);
    request.headers.retain(|(name, _)| {
        !matches!(
            name.as_str(),
            "authorization" | "date" | "x-amz-date" | "x-amz-content-sha256" | "x-amz-security-token"
        )
    });
}

/// Headers that a proxy on the way, or the HTTP client that sends the request, may add or rewrite stay outside.
fn is_signed(name: &str) -> bool {
    !matches!(
        name,
        "accept-encoding"
            | "authorization"
            | "connection"
            | "content-length"
            | "expect"
            | "keep-alive"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "user-agent"
            | "x-amzn-trace-id"
    )
}
