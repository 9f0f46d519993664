//! The XML that REST services take: elements, attributes, text. No document types, no entities beyond the five, no
//! comments or processing instructions: whatever lets two readers see different documents is refused.
//!
//! An element with neither children nor attributes is its text; any other is a map of its children by name (several of
//! one name: a list, in order) and of its attributes as `@name`.

use std::collections::BTreeMap;

use model::Value;
use quick_xml::{
    Reader,
    escape::resolve_predefined_entity,
    events::{BytesStart, Event},
};

use super::{MAX_BODY, MAX_DEPTH, MAX_NODES, ParamError};

/// `{root name: value}`; an empty text is `Null`.
pub fn parse(text: &[u8]) -> Result<Value, ParamError> {
    if text.len() > MAX_BODY {
        return Err(ParamError::Oversized("the XML body is too long"));
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| ParamError::Malformed { what: "text that is no UTF-8", at: error.valid_up_to() })?;
    let mut reader = Reader::from_str(text);
    let config = reader.config_mut();
    config.check_end_names = true;
    config.check_comments = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<(String, Value)> = None;
    let mut nodes = 0;
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX);
        let wrong = |what| ParamError::Malformed { what, at };
        let event = reader.read_event().map_err(|_| wrong("broken XML"))?;
        nodes += 1;
        if nodes > 4 * MAX_NODES {
            return Err(ParamError::Oversized("the XML body has too many elements"));
        }
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(wrong("a second XML document"));
                }
                if open.len() >= MAX_DEPTH {
                    return Err(ParamError::Oversized("the XML body is nested too deep"));
                }
                open.push(Element::new(&start, at)?);
            }
            Event::Empty(start) => {
                if root.is_some() {
                    return Err(wrong("a second XML document"));
                }
                close(Element::new(&start, at)?, &mut open, &mut root, at)?;
            }
            Event::End(_) => match open.pop() {
                Some(element) => close(element, &mut open, &mut root, at)?,
                None => return Err(wrong("an XML element that was not opened")),
            },
            Event::Text(text) => put(&mut open, &text.decode().map_err(|_| wrong("broken XML text"))?, at)?,
            Event::CData(text) => put(&mut open, &text.decode().map_err(|_| wrong("broken XML text"))?, at)?,
            Event::GeneralRef(reference) => {
                let character =
                    reference.resolve_char_ref().map_err(|_| wrong("a broken character reference"))?;
                let name = reference.decode().map_err(|_| wrong("a broken entity"))?;
                match (character, resolve_predefined_entity(&name)) {
                    (Some(character), _) => put(&mut open, character.encode_utf8(&mut [0; 4]), at)?,
                    (None, Some(text)) => put(&mut open, text, at)?,
                    (None, None) => return Err(wrong("an entity that is not one of the five")),
                }
            }
            Event::Decl(declaration) => {
                let utf8 = match declaration.encoding() {
                    None => true,
                    Some(Ok(name)) => name.eq_ignore_ascii_case(b"utf-8"),
                    Some(Err(_)) => false,
                };
                if at != 0 || !utf8 {
                    return Err(wrong("an XML declaration that is not UTF-8, or not first"));
                }
            }
            Event::DocType(_) => return Err(wrong("a document type")),
            Event::Comment(_) => return Err(wrong("a comment")),
            Event::PI(_) => return Err(wrong("a processing instruction")),
            Event::Eof if !open.is_empty() => return Err(wrong("an XML element that does not end")),
            Event::Eof => break,
        }
    }
    Ok(root.map_or(Value::Null, |(name, value)| Value::map([(name, value)])))
}

struct Element {
    name: String,
    text: String,
    members: BTreeMap<String, Value>,
    lists: BTreeMap<String, Vec<Value>>,
}

impl Element {
    fn new(start: &BytesStart<'_>, at: usize) -> Result<Self, ParamError> {
        let wrong = |what| ParamError::Malformed { what, at };
        let name = std::str::from_utf8(start.name().into_inner())
            .map_err(|_| wrong("a broken XML name"))?
            .to_owned();
        let mut members = BTreeMap::new();
        for (nth, attribute) in start.attributes().enumerate() {
            let attribute = attribute.map_err(|_| wrong("a broken or repeated XML attribute"))?;
            if nth > 16 {
                return Err(ParamError::Oversized("an XML element has too many attributes"));
            }
            let key = String::from_utf8_lossy(attribute.key.into_inner()).into_owned();
            let value = attribute.unescape_value().map_err(|_| wrong("a broken XML attribute"))?;
            members.insert(format!("@{key}"), Value::text(value));
        }
        Ok(Self { name, text: String::new(), members, lists: BTreeMap::new() })
    }

    fn value(self, at: usize) -> Result<Value, ParamError> {
        if self.members.is_empty() && self.lists.is_empty() {
            return Ok(Value::Text(self.text));
        }
        let mut members = self.members;
        if !self.text.trim().is_empty() {
            if !self.lists.is_empty() {
                return Err(ParamError::Malformed { what: "text between XML elements", at });
            }
            members.insert("#text".to_owned(), Value::Text(self.text));
        }
        members.extend(self.lists.into_iter().map(|(name, mut values)| {
            match (values.pop(), values.is_empty()) {
                (Some(only), true) => (name, only),
                (last, _) => {
                    values.extend(last);
                    (name, Value::List(values))
                }
            }
        }));
        Ok(Value::Map(members))
    }
}

fn put(open: &mut [Element], text: &str, at: usize) -> Result<(), ParamError> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
        None => return Err(ParamError::Malformed { what: "text outside the XML document", at }),
    }
    Ok(())
}

fn close(
    element: Element,
    open: &mut [Element],
    root: &mut Option<(String, Value)>,
    at: usize,
) -> Result<(), ParamError> {
    let name = element.name.clone();
    let value = element.value(at)?;
    match open.last_mut() {
        Some(parent) => parent.lists.entry(name).or_default().push(value),
        None => *root = Some((name, value)),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let shown = match parse(text.as_bytes()) {
            Ok(value) => {
                let mut out = String::new();
                super::super::json::write(&value, &mut out);
                out
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn documents_have_one_reading() {
        check("", &expect!["null"]);
        check(
            r#"<?xml version="1.0" encoding="UTF-8"?><Delete xmlns="u"><Object><Key>a&amp;b&#x41;</Key></Object><Object><Key><![CDATA[<c>]]></Key></Object></Delete>"#,
            &expect![[r#"{"Delete":{"@xmlns":"u","Object":[{"Key":"a&bA"},{"Key":"<c>"}]}}"#]],
        );
        check("<a><b/></a>", &expect![[r#"{"a":{"b":""}}"#]]);
        check(r#"<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>"#, &expect!["a document type at byte 0"]);
        check("<a>&x;</a>", &expect!["an entity that is not one of the five at byte 3"]);
        check("<a>x<!-- y -->z</a>", &expect!["a comment at byte 4"]);
        check("<a><?php?></a>", &expect!["a processing instruction at byte 3"]);
        check("<a></b>", &expect!["broken XML at byte 3"]);
        check("<a>", &expect!["an XML element that does not end at byte 3"]);
        check("<a/><b/>", &expect!["a second XML document at byte 4"]);
        check("<a>x<b/></a>", &expect!["text between XML elements at byte 8"]);
        check(r#"<a b="1" b="2"/>"#, &expect!["a broken or repeated XML attribute at byte 0"]);
        check("x<a/>", &expect!["text outside the XML document at byte 0"]);
        check(
            r#"<?xml version="1.0" encoding="UTF-16"?><a/>"#,
            &expect!["an XML declaration that is not UTF-8, or not first at byte 0"],
        );
        check(&"<a>".repeat(70), &expect!["the XML body is nested too deep"]);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, text in "[<>a-c/&;!\\[\\]\"= -]{0,80}") {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
        }
    }
}
