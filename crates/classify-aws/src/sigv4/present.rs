//! What a request says about who signed it: parsed and bounded, nothing believed yet and nothing computed.

use std::collections::BTreeMap;

use model::{Digest, Request, Timestamp, Value};

use super::{ALGORITHM, AUTH_KEYS, AuthError, TERMINATOR, canonical, error::shown, key, stamp};

const AUTHORIZATION_BYTES: usize = 8 * 1024;
const TARGET_BYTES: usize = 64 * 1024;
const HEADERS: usize = 256;
const HEADER_BYTES: usize = 128 * 1024;
const SIGNED_HEADERS: usize = 128;
/// Seven days, the longest a presigned request may live.
const LONGEST_EXPIRY_S: u32 = 604_800;

/// The scope a credential is presented for: `access_key/date/region/service/aws4_request`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    pub access_key: String,
    pub date: String,
    pub region: String,
    pub service: String,
}

/// What both forms claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub(super) credential: Credential,
    pub(super) signed_headers: Vec<String>,
    pub(super) signature: [u8; 32],
    pub(super) signed_at: Timestamp,
}

/// A claim in the query, with its own expiry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Presigned {
    pub(super) claim: Claim,
    pub(super) valid_for_s: u32,
    /// `X-Amz-Content-Sha256` as a query pair: where some clients say what they signed for the body.
    pub(super) payload: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presented {
    Header(Claim),
    Query(Presigned),
}

/// The token that goes with the keys of a role taken on at the gateway: clients expect one, and it says nothing.
pub const SESSION_TOKEN: &str = "countersign";

/// Reads the one signature of `request`; nothing is verified yet.
pub fn present(request: &Request) -> Result<Presented, AuthError> {
    check_sizes(request)?;
    let pairs = canonical::pairs_of(&request.query)?;
    let query = AuthQuery::read(&pairs)?;
    let authorization = only_header(request, "authorization")?;
    let presented = match (authorization, query.is_signed()) {
        (Some(_), true) => return Err(AuthError::SeveralForms),
        (Some(text), false) => Presented::Header(read_header_form(request, text)?),
        (None, true) => Presented::Query(query.claim()?),
        (None, false) if query.is_v2 => return Err(AuthError::SigV2),
        (None, false) => return Err(AuthError::Unsigned),
    };
    let sent = [only_header(request, "x-amz-security-token")?, query.get("X-Amz-Security-Token")];
    if sent.into_iter().flatten().any(|token| !token.is_empty() && token != SESSION_TOKEN) {
        return Err(AuthError::SecurityToken);
    }
    Ok(presented)
}

impl Presented {
    pub const fn claim(&self) -> &Claim {
        match self {
            Self::Header(claim) => claim,
            Self::Query(presigned) => &presigned.claim,
        }
    }

    pub fn access_key(&self) -> &str {
        &self.claim().credential.access_key
    }

    /// Region and service that the signature is for.
    pub fn scope(&self) -> (&str, &str) {
        let credential = &self.claim().credential;
        (&credential.region, &credential.service)
    }

    pub const fn signed_at(&self) -> Timestamp {
        self.claim().signed_at
    }

    /// Names this very signature: two requests share it only if one is the other's replay.
    pub fn signature_digest(&self) -> Digest {
        let Claim { credential, signature, signed_at, signed_headers: _ } = self.claim();
        Value::List(vec![
            Value::Bytes(signature.to_vec()),
            Value::text(&credential.access_key),
            Value::text(key::scope(&credential.date, &credential.region, &credential.service)),
            Value::Int(signed_at.seconds()),
        ])
        .digest("countersign/aws-signature/v1")
    }
}

fn check_sizes(request: &Request) -> Result<(), AuthError> {
    let oversized = |what, limit, unit| Err(AuthError::Oversized { what, limit, unit });
    if request.path.len() > TARGET_BYTES || request.query.len() > TARGET_BYTES {
        return oversized("the request target", TARGET_BYTES, "bytes");
    }
    if request.headers.len() > HEADERS {
        return oversized("the header section", HEADERS, "headers");
    }
    if request.headers.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() > HEADER_BYTES {
        return oversized("the header section", HEADER_BYTES, "bytes");
    }
    if !request.method.bytes().all(|byte| byte.is_ascii_uppercase()) || request.method.len() > 16 {
        return Err(AuthError::Malformed { what: "the method", expected: "upper-case letters" });
    }
    if !request.path.is_empty() && !request.path.starts_with('/') {
        return Err(AuthError::Malformed { what: "the path", expected: "one that begins with /" });
    }
    let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_header_byte);
    match request.headers.iter().all(|(name, _)| is_name(name)) {
        true => Ok(()),
        false => Err(AuthError::Malformed {
            what: "a header name",
            expected: "lower-case letters, digits and -_.",
        }),
    }
}

/// Lower case only: `model::Request` has lower-cased the names, and a signature names them so.
const fn is_header_byte(byte: u8) -> bool {
    matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.')
}

/// The only header `name`; two of them are an error and not the first one.
pub(super) fn only_header<'a>(request: &'a Request, name: &str) -> Result<Option<&'a str>, AuthError> {
    let mut found = request.headers.iter().filter(|(key, _)| key == name);
    match (found.next(), found.next()) {
        (first, None) => Ok(first.map(|(_, value)| value.trim())),
        (_, Some(_)) => Err(AuthError::Duplicate(format!("the header {name}"))),
    }
}

fn read_header_form(request: &Request, text: &str) -> Result<Claim, AuthError> {
    if text.len() > AUTHORIZATION_BYTES {
        return Err(AuthError::Oversized {
            what: "the Authorization header",
            limit: AUTHORIZATION_BYTES,
            unit: "bytes",
        });
    }
    let (scheme, rest) = text.split_once(' ').unwrap_or((text, ""));
    match scheme {
        ALGORITHM => {}
        "AWS" => return Err(AuthError::SigV2),
        other if other.starts_with("AWS4-") => return Err(AuthError::Algorithm(shown(other))),
        _ => return Err(AuthError::Unsigned),
    }
    let (mut credential, mut signed, mut signature) = (None, None, None);
    for part in rest.split(',') {
        let (name, value) = part.trim().split_once('=').ok_or(MALFORMED)?;
        let slot = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed,
            "Signature" => &mut signature,
            _ => return Err(MALFORMED),
        };
        if slot.replace(value).is_some() {
            return Err(AuthError::Duplicate(format!("{name} in the Authorization header")));
        }
    }
    let (Some(credential), Some(signed), Some(signature)) = (credential, signed, signature) else {
        return Err(MALFORMED);
    };
    let signed_headers = read_signed_headers(signed)?;
    let signed_at = read_date(request, &signed_headers)?;
    claim(credential, signed_headers, signature, signed_at)
}

const MALFORMED: AuthError = AuthError::Malformed {
    what: "the Authorization header",
    expected: "AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…",
};

/// The signed date: `x-amz-date`, or `date` where there is none.
fn read_date(request: &Request, signed: &[String]) -> Result<Timestamp, AuthError> {
    let (name, time) = match (only_header(request, "x-amz-date")?, only_header(request, "date")?) {
        (Some(text), _) => ("x-amz-date", stamp::parse(text)),
        (None, Some(text)) => ("date", stamp::parse_http(text)),
        (None, None) => return Err(AuthError::AbsentHeader("x-amz-date".into())),
    };
    if !signed.iter().any(|header| header == name) {
        return Err(AuthError::UnsignedHeader(name.into()));
    }
    time.ok_or(AuthError::Malformed { what: "the date of the signature", expected: "YYYYMMDDTHHMMSSZ" })
}

fn claim(
    credential: &str,
    signed_headers: Vec<String>,
    signature: &str,
    signed_at: Timestamp,
) -> Result<Claim, AuthError> {
    let credential = read_credential(credential)?;
    if stamp::day(&stamp::format(signed_at)) != credential.date {
        return Err(AuthError::ScopeDate { scope: credential.date, signed_at });
    }
    let signature = key::read_signature(signature).ok_or(AuthError::Malformed {
        what: "the signature",
        expected: "64 lower-case hexadecimal digits",
    })?;
    Ok(Claim { credential, signed_headers, signature, signed_at })
}

fn read_credential(text: &str) -> Result<Credential, AuthError> {
    let malformed = || AuthError::Malformed {
        what: "the credential scope",
        expected: "KEY/YYYYMMDD/region/service/aws4_request",
    };
    let mut parts = text.split('/');
    let mut next = || parts.next().ok_or_else(malformed);
    let (access_key, date, region, service, end) = (next()?, next()?, next()?, next()?, next()?);
    let plain = |text: &str, max: usize, extra: &[u8]| {
        (1..=max).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || extra.contains(&byte))
    };
    let good = end == TERMINATOR
        && parts.next().is_none()
        && plain(access_key, 128, b"_")
        && date.len() == 8
        && date.bytes().all(|byte| byte.is_ascii_digit())
        && plain(region, 64, b"-")
        && plain(service, 64, b"-_.");
    if !good {
        return Err(malformed());
    }
    Ok(Credential {
        access_key: access_key.to_owned(),
        date: date.to_owned(),
        region: region.to_owned(),
        service: service.to_owned(),
    })
}

fn read_signed_headers(text: &str) -> Result<Vec<String>, AuthError> {
    let names: Vec<String> = text.split(';').take(SIGNED_HEADERS + 1).map(str::to_owned).collect();
    if names.len() > SIGNED_HEADERS {
        return Err(AuthError::Oversized { what: "SignedHeaders", limit: SIGNED_HEADERS, unit: "names" });
    }
    let sorted = names.iter().zip(names.iter().skip(1)).all(|(one, next)| one < next);
    if !sorted || !names.iter().all(|name| !name.is_empty() && name.bytes().all(is_header_byte)) {
        return Err(AuthError::Malformed {
            what: "SignedHeaders",
            expected: "lower-case header names, sorted, each once, joined by ;",
        });
    }
    if !names.iter().any(|name| name == "host") {
        return Err(AuthError::UnsignedHeader("host".into()));
    }
    Ok(names)
}

/// The authentication pairs of a query, each at most once and written as they must be.
struct AuthQuery {
    found: BTreeMap<&'static str, String>,
    payload: Option<String>,
    is_v2: bool,
}

impl AuthQuery {
    fn read(pairs: &[canonical::Pair]) -> Result<Self, AuthError> {
        let mut query = Self { found: BTreeMap::new(), payload: None, is_v2: false };
        for (key, value) in pairs {
            query.is_v2 |= key == b"AWSAccessKeyId";
            let text = || {
                String::from_utf8(value.clone()).map_err(|_| AuthError::Malformed {
                    what: "the signature in the query",
                    expected: "text",
                })
            };
            if key == b"X-Amz-Content-Sha256" && query.payload.replace(text()?).is_some() {
                return Err(AuthError::Duplicate("X-Amz-Content-Sha256 in the query".into()));
            }
            let Some(&name) = AUTH_KEYS.iter().find(|name| key.eq_ignore_ascii_case(name.as_bytes())) else {
                continue;
            };
            if key != name.as_bytes() {
                return Err(AuthError::Malformed {
                    what: "the signature in the query",
                    expected: "X-Amz-… keys in their exact letters",
                });
            }
            if query.found.insert(name, text()?).is_some() {
                return Err(AuthError::Duplicate(format!("{name} in the query")));
            }
        }
        Ok(query)
    }

    fn get(&self, name: &str) -> Option<&str> {
        self.found.get(name).map(String::as_str)
    }

    fn is_signed(&self) -> bool {
        ["X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature"]
            .iter()
            .any(|name| self.found.contains_key(name))
    }

    fn claim(&self) -> Result<Presigned, AuthError> {
        let need = |name: &str| {
            self.get(name).ok_or(AuthError::Malformed {
                what: "the signature in the query",
                expected: "X-Amz-Algorithm, -Credential, -Date, -Expires, -SignedHeaders and -Signature",
            })
        };
        let algorithm = need("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(AuthError::Algorithm(shown(algorithm)));
        }
        let signed_at = stamp::parse(need("X-Amz-Date")?)
            .ok_or(AuthError::Malformed { what: "X-Amz-Date", expected: "YYYYMMDDTHHMMSSZ" })?;
        let expires = need("X-Amz-Expires")?;
        let valid_for_s = (expires.len() <= 6 && expires.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| expires.parse().ok())
            .flatten()
            .filter(|seconds| (1..=LONGEST_EXPIRY_S).contains(seconds))
            .ok_or(AuthError::Malformed {
                what: "X-Amz-Expires",
                expected: "1 to 604800 seconds (seven days)",
            })?;
        let signed_headers = read_signed_headers(need("X-Amz-SignedHeaders")?)?;
        let claim = claim(need("X-Amz-Credential")?, signed_headers, need("X-Amz-Signature")?, signed_at)?;
        Ok(Presigned { claim, valid_for_s, payload: self.payload.clone() })
    }
}
