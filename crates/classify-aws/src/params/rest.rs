//! What a REST request says: labels of the path, query, the headers that mean something, body.

use std::collections::BTreeMap;

use model::{Request, Value};

use super::{MAX_NODES, ParamError, content, json, xml};
use crate::{
    route::{Routed, scope_path},
    table::{Protocol, Row},
};

/// Headers of these beginnings carry transfer, signature or tracing, not meaning.
const NOISE: [&str; 13] = [
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-content-sha256",
    "x-amz-user-agent",
    "x-amz-trailer",
    "x-amz-decoded-content-length",
    "x-amz-sdk-checksum-algorithm",
    "x-amz-checksum-",
    "x-amz-te",
    "x-amz-target",
    "x-amz-api-version",
    "x-amz-crt-",
    "x-amzn-trace-id",
];
/// Named by some rows as parameters, and framing all the same.
const FRAMING: [&str; 3] = ["content-length", "content-md5", "x-amz-trailer"];

pub(super) fn parse(request: &Request, routed: &Routed<'_>) -> Result<Value, ParamError> {
    let row = routed.row;
    let path = match row {
        Some(row) if row.service == "s3" => labels(row, scope_path(&request.path))?,
        Some(row) => labels(row, &request.path)?,
        None => BTreeMap::new(),
    };
    Ok(Value::map([
        ("$path", Value::Map(path.into_iter().map(|(name, text)| (name, Value::Text(text))).collect())),
        ("$query", query(&request.query)?),
        ("$headers", headers(request, row)),
        ("$body", body(request, routed)?),
    ]))
}

/// The labels of a row's path, percent-decoded once.
pub fn labels(row: &Row, path: &str) -> Result<BTreeMap<String, String>, ParamError> {
    let matched = match_path(row.path(), path).unwrap_or_default();
    matched.into_iter().map(|(name, raw)| Ok((name.to_owned(), decode(raw)?))).collect()
}

/// Matches a raw path against `/a/{Label}/{Rest+}`; the labels' raw texts, or `None`. Literals are compared as they
/// stand: an encoded literal is no match.
pub fn match_path<'p, 'q>(pattern: &'p str, path: &'q str) -> Option<Vec<(&'p str, &'q str)>> {
    let mut wanted = pattern.strip_prefix('/')?.split('/').peekable();
    let mut rest = path.strip_prefix('/')?;
    let mut found = Vec::new();
    let mut ended = false;
    while let Some(segment) = wanted.next() {
        if ended {
            return None;
        }
        let label = segment.strip_prefix('{').and_then(|inner| inner.strip_suffix('}'));
        let taken = match label.and_then(|label| label.strip_suffix('+')) {
            Some(_) => {
                let after = wanted.clone().count();
                let mut cut = rest.len();
                for _ in 0..after {
                    cut = rest.get(..cut)?.rfind('/')?;
                }
                rest.get(..cut)?
            }
            None => rest.split('/').next()?,
        };
        match label {
            Some(_) if taken.is_empty() => return None,
            Some(label) => found.push((label.trim_end_matches('+'), taken)),
            None if taken != segment => return None,
            None => {}
        }
        let remaining = rest.get(taken.len()..)?;
        match remaining.strip_prefix('/') {
            Some(next) => rest = next,
            None => ended = true,
        }
    }
    ended.then_some(found)
}

/// Percent-decoding of a label or a query text; `+` is itself in paths.
pub fn decode(text: &str) -> Result<String, ParamError> {
    let malformed = |what| ParamError::Malformed { what, at: 0 };
    let bytes = text.as_bytes();
    let broken = bytes.iter().enumerate().any(|(at, byte)| {
        let digit = |offset: usize| bytes.get(at + offset).is_some_and(u8::is_ascii_hexdigit);
        *byte == b'%' && !(digit(1) && digit(2))
    });
    if broken {
        return Err(malformed("a broken percent escape"));
    }
    let decoded = percent_encoding::percent_decode_str(text).decode_utf8();
    decoded.map(std::borrow::Cow::into_owned).map_err(|_| malformed("text that is no UTF-8"))
}

/// A name that stands several times becomes a list, in order.
fn query(query: &str) -> Result<Value, ParamError> {
    let mut lists: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (nth, pair) in query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
        if nth > MAX_NODES {
            return Err(ParamError::Oversized("the query has too many parameters"));
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(name)?;
        if name != "x-id" && !super::is_signature_parameter(&name) {
            lists.entry(name).or_default().push(Value::Text(decode(&value.replace('+', "%20"))?));
        }
    }
    Ok(Value::Map(lists.into_iter().map(|(name, values)| (name, one_or_list(values))).collect()))
}

fn headers(request: &Request, row: Option<&Row>) -> Value {
    let mut kept: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in &request.headers {
        let named = row.is_some_and(|row| row.header_names().any(|(known, _)| known == name));
        let amazon = name.starts_with("x-amz-") && !NOISE.iter().any(|noise| name.starts_with(noise));
        if !(named || amazon)
            || FRAMING.contains(&name.as_str())
            || NOISE.iter().any(|noise| name.starts_with(noise))
        {
            continue;
        }
        let text = if name == "content-encoding" { without_framing(value) } else { value.trim().to_owned() };
        if !text.is_empty() {
            kept.entry(name.clone()).or_default().push(Value::Text(text));
        }
    }
    Value::Map(kept.into_iter().map(|(name, values)| (name, one_or_list(values))).collect())
}

/// `aws-chunked` says how a body is framed, not what it is.
fn without_framing(encoding: &str) -> String {
    let kept: Vec<_> = encoding.split(',').map(str::trim).filter(|one| *one != "aws-chunked").collect();
    kept.join(", ")
}

fn one_or_list(mut values: Vec<Value>) -> Value {
    match (values.pop(), values.is_empty()) {
        (Some(only), true) => only,
        (last, _) => {
            values.extend(last);
            Value::List(values)
        }
    }
}

fn body(request: &Request, routed: &Routed<'_>) -> Result<Value, ParamError> {
    if request.body.is_empty() {
        return Ok(Value::Null);
    }
    match routed.row.and_then(|row| row.payload.split_once(':')) {
        Some((_, "blob" | "string")) => Ok(content(&request.body)),
        Some(_) | None if routed.protocol == Protocol::RestXml => xml::parse(&request.body),
        Some(_) | None => json::parse(&request.body),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(pattern: &str, path: &str, expected: &Expect) {
        expected.assert_eq(&format!("{:?}", match_path(pattern, path)));
    }

    #[test]
    fn paths_match_segment_by_segment() {
        check("/", "/", &expect!["Some([])"]);
        check("/a", "/a/", &expect!["None"]);
        check("/a/", "/a/", &expect!["Some([])"]);
        check("/a/{B}", "/a/", &expect!["None"]);
        check("/a/{B}/c", "/a/x%2Fy/c", &expect![[r#"Some([("B", "x%2Fy")])"#]]);
        check("/a/{B}/c", "/a/x/y/c", &expect!["None"]);
        check("/a/{B+}", "/a/x/y//z", &expect![[r#"Some([("B", "x/y//z")])"#]]);
        check("/a/{B+}/c", "/a/x/y/c", &expect![[r#"Some([("B", "x/y")])"#]]);
        check("/a/{B+}/c", "/a/c", &expect!["None"]);
        check("/{Bucket}/{Key+}", "/b/k/", &expect![[r#"Some([("Bucket", "b"), ("Key", "k/")])"#]]);
        check("/a", "/%61", &expect!["None"]);
        check("/a", "a", &expect!["None"]);
    }
}
