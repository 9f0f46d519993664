//! Calls carried out by the mock, and its answers as lines that can be compared.

use anyhow::{Context, Result};
use classify_aws::{
    call::{Call, build},
    gather::ReadAnswer,
    table::Table,
};
use model::Request;
use quick_xml::{Reader, events::Event};
use serde_json::Value as Json;
use testkit::{Moto, send};

use crate::cases::REGION;

/// What differs between two answers that say the same.
const PASSING: &[&str] = &[
    "RequestId",
    "requestId",
    "requestID",
    "ResponseMetadata",
    "HostId",
    "Message",
    "message",
    "LatestRestorableTime",
];

pub(crate) struct Mock<'m>(pub(crate) &'m Moto);

impl Mock<'_> {
    pub(crate) fn call(&self, call: &Call) -> Result<ReadAnswer> {
        let request = build(call).with_context(|| format!("{call:?}"))?;
        let signing = Table::shared().service(&call.service).map_or("", |service| service.signing);
        self.send(signing, &request)
    }

    /// The mock tells services apart by the scope of the credential and verifies no signature.
    pub(crate) fn send(&self, signing: &str, request: &Request) -> Result<ReadAnswer> {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=OWNER/20260101/{REGION}/{signing}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut headers: Vec<(&str, &str)> =
            request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        headers.push(("authorization", &scope));
        let target = match request.query.as_str() {
            "" => request.path.clone(),
            query => format!("{}?{query}", request.path),
        };
        let answer = send(self.0.authority(), &request.method, &target, &headers, &request.body)?;
        Ok(ReadAnswer { status: answer.status, body: answer.body, headers: answer.headers })
    }
}

pub(crate) fn good(answer: &ReadAnswer) -> bool {
    (200..300).contains(&answer.status)
}

pub(crate) fn text(answer: &ReadAnswer) -> String {
    String::from_utf8_lossy(&answer.body).chars().take(600).collect()
}

/// `path=value` for each leaf, in the answer's order.
pub(crate) fn leaves(answer: &ReadAnswer) -> Vec<(String, String)> {
    let mut out = Vec::new();
    let body = String::from_utf8_lossy(&answer.body);
    if body.trim_start().starts_with('<') {
        xml_leaves(&body, &mut out);
    } else if let Ok(json) = serde_json::from_str::<Json>(&body) {
        json_leaves("", &json, &mut out);
    }
    out
}

/// The answer as a sorted set of lines; services list in any order.
pub(crate) fn state(answer: &ReadAnswer, except: &[String]) -> Vec<String> {
    let passes = |path: &str| {
        path.split('.').any(|step| PASSING.contains(&step) || except.iter().any(|name| name == step))
    };
    let mut lines: Vec<String> = leaves(answer)
        .into_iter()
        .filter(|(path, _)| !passes(path))
        .map(|(path, value)| if is_time(&value) { path } else { format!("{path}={value}") })
        .collect();
    lines.sort();
    lines.push(format!("status={}", answer.status));
    lines
}

/// When something was last written differs by the seconds between: that there is a time is all that is compared.
fn is_time(value: &str) -> bool {
    let seconds = value
        .parse::<f64>()
        .is_ok_and(|number| (1.6e9..2.2e9).contains(&number) || (1.6e12..2.2e12).contains(&number));
    let bytes = value.as_bytes();
    let dated =
        bytes.len() >= 19 && bytes.get(4) == Some(&b'-') && matches!(bytes.get(10), Some(b'T' | b' '));
    seconds || dated
}

fn json_leaves(path: &str, value: &Json, out: &mut Vec<(String, String)>) {
    let below = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
    match value {
        Json::Null => {}
        Json::Array(items) => items.iter().for_each(|item| json_leaves(path, item, out)),
        Json::Object(members) => {
            members.iter().for_each(|(name, member)| json_leaves(&below(name), member, out));
        }
        Json::String(text) => out.push((path.to_owned(), text.clone())),
        Json::Bool(_) | Json::Number(_) => out.push((path.to_owned(), value.to_string())),
    }
}

fn xml_leaves(body: &str, out: &mut Vec<(String, String)>) {
    let mut reader = Reader::from_str(body);
    let mut open: Vec<String> = Vec::new();
    let mut text = String::new();
    loop {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                open.push(String::from_utf8_lossy(start.local_name().as_ref()).into_owned());
                text.clear();
            }
            Ok(Event::Text(piece)) => text.push_str(&piece.decode().unwrap_or_default()),
            Ok(Event::GeneralRef(name)) => text.push_str(&format!("&{};", name.decode().unwrap_or_default())),
            Ok(Event::End(_)) => {
                if !text.trim().is_empty() {
                    out.push((open.join("."), unescaped(&text)));
                }
                text.clear();
                open.pop();
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn unescaped(text: &str) -> String {
    quick_xml::escape::unescape(text).map_or_else(|_| text.to_owned(), |plain| plain.into_owned())
}
