//! Requests signed as AWS's signature version 4 says, byte for byte in the test's hands: sent twice, dated wrongly,
//! altered afterwards. Written from the public description of the scheme and from none of our own code, so that it is a
//! second opinion on it.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use hmac::{Hmac, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use crate::{Response, Session, send};

/// Whoever signs: an agent with a session's credentials, or the account's owner.
#[derive(Clone)]
pub struct Signer {
    access_key: String,
    secret: String,
    region: String,
}

/// Says whose, never with what.
impl std::fmt::Debug for Signer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Signer({})", self.access_key)
    }
}

/// A request ready to be sent, once or twice.
#[derive(Clone, Debug)]
pub struct Signed {
    pub method: String,
    /// Path and query.
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Signer {
    pub fn of(session: &Session) -> Result<Self> {
        let told = |name: &str| {
            let found = session.env.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone()).with_context(|| format!("the session tells no {name}"))
        };
        Ok(Self {
            access_key: told("AWS_ACCESS_KEY_ID")?,
            secret: told("AWS_SECRET_ACCESS_KEY")?,
            region: told("AWS_REGION")?,
        })
    }

    /// The account's own credentials, as a mock takes them.
    pub fn owner() -> Self {
        Self { access_key: "owner".to_owned(), secret: "owner".to_owned(), region: "us-east-1".to_owned() }
    }

    /// A form, as CloudFormation takes it.
    pub fn form(&self, service: &str, host: &str, fields: &[(&str, &str)]) -> Signed {
        let pairs = fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value)));
        let body = pairs.collect::<Vec<_>>().join("&").into_bytes();
        let kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        self.sign_at(now(), service, host, "POST", "/", &[kind], body)
    }

    /// A JSON call, as most services take it: `target` is `AmazonSSM.PutParameter`.
    pub fn json(&self, service: &str, host: &str, target: &str, body: &serde_json::Value) -> Signed {
        let version = if service == "ssm" { "1.1" } else { "1.0" };
        let kind = format!("application/x-amz-json-{version}");
        let headers = [("content-type", kind.as_str()), ("x-amz-target", target)];
        self.sign_at(now(), service, host, "POST", "/", &headers, body.to_string().into_bytes())
    }

    /// The head of an upload to S3; `payload` stands for the body in the signature.
    pub fn put(&self, host: &str, path: &str, payload: &str) -> Signed {
        let declared = [("x-amz-content-sha256", payload)];
        self.sign_at(now(), "s3", host, "PUT", path, &declared, Vec::new())
    }

    /// Anything, dated `at` (seconds since 1970). `target` is a path in its canonical form, and perhaps a query whose
    /// parameters are in order.
    #[expect(
        clippy::too_many_arguments,
        reason = "a request has that many parts, and each of them is signed"
    )]
    pub fn sign_at(
        &self,
        at: u64,
        service: &str,
        host: &str,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: Vec<u8>,
    ) -> Signed {
        let stamp = stamp(at);
        let day = stamp.split('T').next().unwrap_or_default();
        let mut headers: Vec<(String, String)> =
            headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        headers.push(("host".to_owned(), host.to_owned()));
        headers.push(("x-amz-date".to_owned(), stamp.clone()));
        headers.sort();
        let names = headers.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(";");
        let lines: String = headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let declared = headers.iter().find(|(name, _)| name == "x-amz-content-sha256");
        let payload = declared.map_or_else(|| hex(&Sha256::digest(&body)), |(_, value)| value.clone());
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
        let scope = format!("{day}/{}/{service}/aws4_request", self.region);
        let text = format!("AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{}", hex(&Sha256::digest(canonical)));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, self.region.as_str(), service, "aws4_request"] {
            key = mac(&key, part);
        }
        let signature = hex(&mac(&key, &text));
        let credential = format!("{}/{scope}", self.access_key);
        headers.push((
            "authorization".to_owned(),
            format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders={names}, Signature={signature}"),
        ));
        Signed { method: method.to_owned(), target: target.to_owned(), headers, body }
    }
}

impl Signed {
    /// As it goes over the wire, without a body and with `more` headers that nobody signed.
    pub fn head(&self, more: &[(&str, &str)]) -> String {
        let own = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let lines: String =
            own.chain(more.iter().copied()).map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        format!("{} {} HTTP/1.1\r\n{lines}\r\n", self.method, self.target)
    }

    pub fn send(&self, authority: &str) -> Result<Response> {
        let headers: Vec<_> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        send(authority, &self.method, &self.target, &headers, &self.body)
    }
}

/// Seconds since 1970.
#[expect(clippy::disallowed_methods, reason = "a client dates its requests with the time it has")]
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    // A MAC of this kind takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return Vec::new() };
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// RFC 3986's unreserved characters stand for themselves.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// `20261121T040000Z`, of seconds since 1970. Counts years and months by hand: no calendar is worth a dependency here.
pub fn stamp(at: u64) -> String {
    let (mut day, second) = (at / 86_400, at % 86_400);
    let mut year = 1970;
    loop {
        let length = if is_leap(year) { 366 } else { 365 };
        if day < length {
            break;
        }
        day -= length;
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{:02}T{hour:02}{minute:02}{second:02}Z", day + 1)
}

const fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_right() {
        for (at, expected) in [
            (0, "19700101T000000Z"),
            (951_782_399, "20000228T235959Z"),
            (951_782_400, "20000229T000000Z"),
            (1_767_225_599, "20251231T235959Z"),
            (1_767_225_600, "20260101T000000Z"),
        ] {
            assert_eq!(stamp(at), expected);
        }
    }

    /// The worked example of AWS's documentation.
    #[test]
    fn the_documented_example_comes_out() {
        let signer = Signer {
            access_key: "AKIDEXAMPLE".into(),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".into(),
            region: "us-east-1".into(),
        };
        let kind = ("content-type", "application/x-www-form-urlencoded; charset=utf-8");
        let target = "/?Action=ListUsers&Version=2010-05-08";
        let signed =
            signer.sign_at(1_440_938_160, "iam", "iam.amazonaws.com", "GET", target, &[kind], vec![]);
        let (_, authorization) = signed.headers.last().unwrap();
        assert!(
            authorization
                .ends_with("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"),
            "{authorization}"
        );
    }
}
