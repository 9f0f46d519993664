//! The canonical request: the one text that a signature covers, built the same way for a request that came in and for
//! one that goes out.

use model::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use sha2::{Digest as _, Sha256};

use super::AuthError;

/// RFC 3986's unreserved characters stay; everything else is encoded.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const ENCODED_IN_PATH: &AsciiSet = &ENCODED.remove(b'/');
const ENCODED_IN_SENT_PATH: &AsciiSet = &ENCODED_IN_PATH.remove(b'%');

const QUERY_PAIRS: usize = 2_000;

/// How a service signs the path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathStyle {
    /// As sent; a byte that should have been encoded is encoded.
    Verbatim,
    /// Dot segments and empty segments removed, then encoded once more.
    Normalized,
}

/// The canonical request over `signed` headers. `payload` is the text that stands for the body.
pub(super) fn canonical_request(
    request: &Request,
    style: PathStyle,
    signed: &[String],
    payload: &str,
) -> Result<String, AuthError> {
    let mut out = String::with_capacity(512);
    out.push_str(&request.method);
    out.push('\n');
    out.push_str(&canonical_path(&request.path, style));
    out.push('\n');
    out.push_str(&canonical_query(&request.query)?);
    out.push('\n');
    for name in signed {
        put_header(request, name, &mut out)?;
    }
    out.push('\n');
    out.push_str(&signed.join(";"));
    out.push('\n');
    out.push_str(payload);
    Ok(out)
}

pub(super) fn payload_hash(body: &[u8]) -> String {
    hex::encode(Sha256::digest(body))
}

fn put_header(request: &Request, name: &str, out: &mut String) -> Result<(), AuthError> {
    let mut values = request.headers.iter().filter(|(key, _)| key == name).map(|(_, value)| value).peekable();
    if values.peek().is_none() {
        return Err(AuthError::AbsentHeader(super::error::shown(name)));
    }
    out.push_str(name);
    out.push(':');
    for (nth, value) in values.enumerate() {
        if nth > 0 {
            out.push(',');
        }
        for (nth, word) in value.split([' ', '\t', '\r', '\n']).filter(|word| !word.is_empty()).enumerate() {
            if nth > 0 {
                out.push(' ');
            }
            out.push_str(word);
        }
    }
    out.push('\n');
    Ok(())
}

fn canonical_path(path: &str, style: PathStyle) -> String {
    if path.is_empty() {
        return "/".to_owned();
    }
    match style {
        PathStyle::Verbatim => percent_encode(path.as_bytes(), ENCODED_IN_SENT_PATH).to_string(),
        PathStyle::Normalized => percent_encode(normalize(path).as_bytes(), ENCODED_IN_PATH).to_string(),
    }
}

/// RFC 3986 §5.2.4, with empty segments removed too.
fn normalize(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    let mut out = String::with_capacity(path.len() + 1);
    for segment in &kept {
        out.push('/');
        out.push_str(segment);
    }
    if out.is_empty() || path.ends_with('/') {
        out.push('/');
    }
    out
}

/// Whether a segment of the path means "here" or "up", to whoever decodes it before or after taking it apart.
pub(super) fn has_dot_segments(path: &str) -> bool {
    path.split('/')
        .filter_map(|segment| decode(segment.as_bytes(), Plus::Literal))
        .any(|decoded| decoded.split(|byte| *byte == b'/').any(|segment| matches!(segment, b"." | b"..")))
}

/// Pairs decoded, encoded again and sorted; a presigned request's own signature is left out.
fn canonical_query(query: &str) -> Result<String, AuthError> {
    let mut pairs = Vec::new();
    for (key, value) in pairs_of(query)? {
        if key != b"X-Amz-Signature" {
            pairs.push((encode(&key), encode(&value)));
        }
    }
    pairs.sort_unstable();
    let mut out = String::with_capacity(query.len() + 16);
    for (nth, (key, value)) in pairs.iter().enumerate() {
        if nth > 0 {
            out.push('&');
        }
        out.push_str(key);
        out.push('=');
        out.push_str(value);
    }
    Ok(out)
}

/// A decoded key and value; they need not be text.
pub(super) type Pair = (Vec<u8>, Vec<u8>);

/// The decoded pairs of a raw query, in the order received; `+` is a space, as the services read it.
pub(super) fn pairs_of(query: &str) -> Result<Vec<Pair>, AuthError> {
    let malformed = || AuthError::Malformed { what: "the query", expected: "percent-encoded pairs" };
    let mut pairs = Vec::new();
    for piece in query.split('&').filter(|piece| !piece.is_empty()) {
        if pairs.len() >= QUERY_PAIRS {
            return Err(AuthError::Oversized { what: "the query", limit: QUERY_PAIRS, unit: "pairs" });
        }
        let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
        let key = decode(key.as_bytes(), Plus::Space).ok_or_else(malformed)?;
        let value = decode(value.as_bytes(), Plus::Space).ok_or_else(malformed)?;
        pairs.push((key, value));
    }
    Ok(pairs)
}

#[derive(Clone, Copy)]
enum Plus {
    Space,
    Literal,
}

/// Percent-decodes; `None` where a `%` is not followed by two hexadecimal digits.
fn decode(text: &[u8], plus: Plus) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        out.push(match (byte, plus) {
            (b'%', _) => 16 * nibble(*bytes.next()?)? + nibble(*bytes.next()?)?,
            (b'+', Plus::Space) => b' ',
            (other, _) => other,
        });
    }
    Some(out)
}

const fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

fn encode(bytes: &[u8]) -> String {
    percent_encode(bytes, ENCODED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths() {
        let check = |path: &str, verbatim: &str, normalized: &str| {
            assert_eq!(canonical_path(path, PathStyle::Verbatim), verbatim, "{path}");
            assert_eq!(canonical_path(path, PathStyle::Normalized), normalized, "{path}");
        };
        check("", "/", "/");
        check("/", "/", "/");
        check("//", "//", "/");
        check("/a/../b/./c//d/", "/a/../b/./c//d/", "/b/c/d/");
        check("/../..", "/../..", "/");
        check("/bucket/a%20b%2Bc", "/bucket/a%20b%2Bc", "/bucket/a%2520b%252Bc");
        check("/arn%3Aaws:x", "/arn%3Aaws%3Ax", "/arn%253Aaws%3Ax");
        check("/ሴ", "/%E1%88%B4", "/%E1%88%B4");
    }

    #[test]
    fn queries() {
        let check = |query: &str, expected: Option<&str>| {
            assert_eq!(canonical_query(query).ok().as_deref(), expected, "{query}");
        };
        check("", Some(""));
        check("b=2&a=1&a=0&uploads", Some("a=0&a=1&b=2&uploads="));
        check("a=b=c&d=%2f+%20", Some("a=b%3Dc&d=%2F%20%20"));
        check("&&a&", Some("a="));
        check("X-Amz-Signature=1&a=1", Some("a=1"));
        check("a=%zz", None);
        check("a=%2", None);
    }

    #[test]
    fn dot_segments_are_seen_through_their_encoding() {
        for path in ["/a/..", "/./a", "/a/%2e%2E/b", "/a/.%2e"] {
            assert!(has_dot_segments(path), "{path}");
        }
        for path in ["/", "/a..b/...", "/a/.b", "/%zz", "//"] {
            assert!(!has_dot_segments(path), "{path}");
        }
    }
}
