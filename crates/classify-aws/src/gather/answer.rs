//! An upstream's answer to one read, in any protocol, as a value: JSON, or XML folded into the same shape. Not a
//! schema: members are found by path, and whatever a path does not name is ignored.

use model::Value;
use quick_xml::{
    Reader,
    events::{BytesRef, Event},
};
use std::collections::BTreeMap;

/// What a gateway received for one [`crate::call::Call`].
#[derive(Clone)]
pub struct ReadAnswer {
    pub status: u16,
    pub body: Vec<u8>,
    pub headers: Vec<(String, String)>,
}

/// Bodies may hold secrets.
impl std::fmt::Debug for ReadAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ReadAnswer({} +{} bytes)", self.status, self.body.len())
    }
}

/// What an answer says of the thing asked about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Found(Value),
    Absent,
    /// Neither: refused, broken, oversized. The phrase is ours, with at most the upstream's error code in it.
    Failed(String),
}

pub(super) const BODY_MAX: usize = 4 * 1024 * 1024;
const DEPTH_MAX: usize = 64;

/// `absent` lists the error codes that mean "there is no such thing": `Code`, or `Code~part of the message` where a
/// service uses one code for everything.
pub(super) fn read(answer: &ReadAnswer, absent: &[String]) -> Answer {
    if answer.body.len() > BODY_MAX {
        return Answer::Failed(format!("the answer is larger than {BODY_MAX} bytes"));
    }
    let body = parse(&answer.body);
    if (200..300).contains(&answer.status) {
        return match body {
            Some(value) => Answer::Found(value),
            None => Answer::Failed("the answer is neither JSON nor XML".to_owned()),
        };
    }
    let body = body.unwrap_or(Value::Null);
    let code = error_code(answer, &body);
    let message = ["message", "Message", "Error.Message", "Errors.Error.Message"]
        .iter()
        .find_map(|path| super::path::text(&body, path))
        .unwrap_or_default();
    let is_absent = absent.iter().any(|listed| match listed.split_once('~') {
        Some((listed, part)) => code == listed && message.contains(part),
        None => code == *listed,
    });
    if is_absent {
        return Answer::Absent;
    }
    Answer::Failed(format!("status {} ({})", answer.status, model::sanitize(&code, 80)))
}

/// The error code of an answer that is none: `AccessDenied`. Empty where it says none.
pub fn code(answer: &ReadAnswer) -> String {
    error_code(answer, &parse(&answer.body).unwrap_or(Value::Null))
}

fn error_code(answer: &ReadAnswer, body: &Value) -> String {
    let header = answer
        .headers
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case("x-amzn-errortype"))
        .map(|(_, code)| code);
    let raw = header.cloned().or_else(|| {
        ["__type", "Error.Code", "Errors.Error.Code", "Code", "code"]
            .iter()
            .find_map(|path| super::path::text(body, path))
    });
    let raw = raw.unwrap_or_default();
    // `com.amazon.x#Code:http://…` is `Code`.
    let raw = raw.rsplit_once('#').map_or(raw.as_str(), |(_, code)| code);
    raw.split_once(':').map_or(raw, |(code, _)| code).to_owned()
}

/// JSON or XML, by the first byte; nothing at all is `Null`. `None`: neither, or nested too deeply.
pub fn parse(body: &[u8]) -> Option<Value> {
    match body.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Some(Value::Null),
        Some(b'<') => parse_xml(body),
        Some(_) => serde_json::from_slice::<serde_json::Value>(body).ok().map(from_json),
    }
}

/// `serde_json` bounds the depth, so this recursion is bounded too.
pub(super) fn from_json(json: serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => Value::Bool(flag),
        serde_json::Value::Number(number) => {
            number.as_i64().map_or_else(|| Value::Number(number.to_string()), Value::Int)
        }
        serde_json::Value::String(text) => Value::Text(text),
        serde_json::Value::Array(items) => Value::List(items.into_iter().map(from_json).collect()),
        serde_json::Value::Object(members) => {
            Value::Map(members.into_iter().map(|(name, value)| (name, from_json(value))).collect())
        }
    }
}

struct Element {
    name: String,
    children: Vec<(String, Value)>,
    text: String,
}

/// The root element's content. `<XResult>` around the only content that matters is taken off.
fn parse_xml(body: &[u8]) -> Option<Value> {
    let text = std::str::from_utf8(body).ok()?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) => {
                if open.len() >= DEPTH_MAX || root.is_some() {
                    return None;
                }
                open.push(element(start.local_name().as_ref())?);
            }
            Event::Empty(empty) => {
                let name = element(empty.local_name().as_ref())?.name;
                match open.last_mut() {
                    Some(parent) => parent.children.push((name, Value::Null)),
                    None if root.is_none() => root = Some(Value::Null),
                    None => return None,
                }
            }
            Event::End(_) => {
                let done = open.pop()?;
                let (name, value) = (done.name.clone(), fold(done));
                match open.last_mut() {
                    Some(parent) => parent.children.push((name, value)),
                    None => root = Some(value),
                }
            }
            Event::Text(text) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&text.decode().ok()?);
                }
            }
            Event::CData(data) => {
                if let Some(parent) = open.last_mut() {
                    parent.text.push_str(&data.decode().ok()?);
                }
            }
            Event::GeneralRef(reference) => open.last_mut()?.text.push(character(&reference)?),
            Event::Decl(_) | Event::Comment(_) | Event::PI(_) => {}
            // No AWS answer has a document type; entities of one's own are how XML parsers are made to misbehave.
            Event::DocType(_) => return None,
            Event::Eof => break,
        }
    }
    if !open.is_empty() {
        return None;
    }
    root.map(unwrap_result)
}

fn element(name: &[u8]) -> Option<Element> {
    Some(Element {
        name: std::str::from_utf8(name).ok()?.to_owned(),
        children: Vec::new(),
        text: String::new(),
    })
}

fn character(reference: &BytesRef<'_>) -> Option<char> {
    if let Some(character) = reference.resolve_char_ref().ok()? {
        return Some(character);
    }
    match reference.decode().ok()?.as_ref() {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    }
}

fn fold(element: Element) -> Value {
    if element.children.is_empty() {
        return if element.text.is_empty() { Value::Null } else { Value::Text(element.text) };
    }
    if element.children.iter().all(|(name, _)| name == "member" || name == "item") {
        return Value::List(element.children.into_iter().map(|(_, value)| value).collect());
    }
    if element.children.iter().all(|(name, value)| name == "entry" && value.get("key").is_some()) {
        let pairs = element.children.into_iter().filter_map(|(_, entry)| {
            Some((
                entry.get("key")?.as_text()?.to_owned(),
                entry.get("value").cloned().unwrap_or(Value::Null),
            ))
        });
        return Value::Map(pairs.collect());
    }
    let mut grouped: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for (name, value) in element.children {
        grouped.entry(name).or_default().push(value);
    }
    let single = |mut values: Vec<Value>| match (values.pop(), values.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            values.push(last);
            Value::List(values)
        }
        (None, _) => Value::Null,
    };
    Value::Map(grouped.into_iter().map(|(name, values)| (name, single(values))).collect())
}

fn unwrap_result(root: Value) -> Value {
    let Value::Map(mut members) = root else { return root };
    match members.keys().find(|name| name.ends_with("Result")).cloned() {
        Some(name) => members.remove(&name).unwrap_or(Value::Null),
        None => Value::Map(members),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn answer(status: u16, body: &str) -> ReadAnswer {
        ReadAnswer { status, body: body.into(), headers: vec![] }
    }

    #[test]
    fn xml_and_json_come_out_alike() {
        let xml = "<AResponse xmlns='x'><AResult><Stacks><member><Name>a&amp;b</Name><Tags/></member></Stacks>\
                   </AResult><ResponseMetadata><RequestId>1</RequestId></ResponseMetadata></AResponse>";
        let json = r#"{"Stacks":[{"Name":"a&b","Tags":null}]}"#;
        assert_eq!(parse(xml.as_bytes()), parse(json.as_bytes()));
        let map = "<R><Attributes><entry><key>A</key><value>1</value></entry></Attributes></R>";
        assert_eq!(parse(map.as_bytes()), parse(br#"{"Attributes":{"A":"1"}}"#));
        let repeated = "<R><Tag>a</Tag><Tag>b</Tag></R>";
        assert_eq!(parse(repeated.as_bytes()), parse(br#"{"Tag":["a","b"]}"#));
    }

    #[test]
    fn errors_are_absence_only_where_the_table_says_so() {
        let absent = ["NoSuchThing".to_owned(), "ValidationError~does not exist".to_owned()];
        let xml = |code: &str, message: &str| {
            format!(
                "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
            )
        };
        let check = |answer: &ReadAnswer, expected: &Answer| assert_eq!(&read(answer, &absent), expected);
        check(&answer(404, r#"{"__type":"com.x#NoSuchThing"}"#), &Answer::Absent);
        check(&answer(400, &xml("ValidationError", "Stack with id a does not exist")), &Answer::Absent);
        check(
            &answer(400, &xml("ValidationError", "Rate exceeded")),
            &Answer::Failed("status 400 (ValidationError)".into()),
        );
        check(&answer(403, "<html>"), &Answer::Failed("status 403 ()".into()));
        check(
            &answer(404, "<Response><Errors><Error><Code>NoSuchThing</Code></Error></Errors></Response>"),
            &Answer::Absent,
        );
        let mut header = answer(404, "{}");
        header.headers.push(("X-Amzn-ErrorType".into(), "NoSuchThing:http://x/".into()));
        check(&header, &Answer::Absent);
        check(&answer(200, "oops"), &Answer::Failed("the answer is neither JSON nor XML".into()));
        check(&answer(200, ""), &Answer::Found(Value::Null));
    }

    #[test]
    fn hostile_documents_are_no_answer() {
        let deep = "<a>".repeat(100_000);
        assert_eq!(parse(deep.as_bytes()), None);
        let deep_json = "[".repeat(100_000);
        assert_eq!(parse(deep_json.as_bytes()), None);
        assert_eq!(parse(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), None);
        let large = ReadAnswer { status: 200, body: vec![b' '; BODY_MAX + 1], headers: vec![] };
        assert!(matches!(read(&large, &[]), Answer::Failed(_)));
    }

    proptest! {
        #[test]
        fn no_answer_panics(body in proptest::collection::vec(any::<u8>(), 0..400), status in 0_u16..600) {
            let _ = read(&ReadAnswer { status, body, headers: vec![] }, &[]);
        }

        #[test]
        fn no_xml_panics(body in "(<[a-c]{1,2}/?>|</[a-c]{1,2}>|&(amp|#65|x);|t){0,40}") {
            let _ = parse(body.as_bytes());
        }
    }
}
