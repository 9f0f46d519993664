//! `application/x-www-form-urlencoded`, as the query and EC2 protocols use it: order-free, each name once.

use std::collections::BTreeMap;

use super::{MAX_BODY, MAX_NODES, ParamError};

/// Names to values; a name that stands twice, an encoding that is no UTF-8, or too much of it is refused.
pub fn parse(body: &[u8]) -> Result<BTreeMap<String, String>, ParamError> {
    if body.len() > MAX_BODY {
        return Err(ParamError::Oversized("the form is too long"));
    }
    let mut fields = BTreeMap::new();
    let mut at = 0;
    for (nth, pair) in body.split(|byte| *byte == b'&').enumerate() {
        if nth > MAX_NODES {
            return Err(ParamError::Oversized("the form has too many fields"));
        }
        if !pair.is_empty() {
            let middle = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
            let (name, value) = pair.split_at_checked(middle).unwrap_or((pair, &[]));
            let name = decode(name, at)?;
            let value = decode(value.get(1..).unwrap_or_default(), at)?;
            if name.is_empty() {
                return Err(ParamError::Malformed { what: "a field without a name", at });
            }
            if fields.contains_key(&name) {
                return Err(ParamError::Duplicate(model::sanitize(&name, 80)));
            }
            fields.insert(name, value);
        }
        at += pair.len() + 1;
    }
    Ok(fields)
}

/// Whether a form or a query string holds a field named `Action`, however it is encoded or capitalised.
pub fn has_action(form: &[u8]) -> bool {
    form.split(|byte| *byte == b'&').any(|pair| {
        let name = pair.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.len() <= 18 && decode(name, 0).is_ok_and(|name| name.eq_ignore_ascii_case("Action"))
    })
}

/// Whether a query string holds anything that a form reader would read; signatures in it do not count.
pub fn has_pairs(query: &str) -> bool {
    query.split('&').any(|pair| {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        !pair.is_empty() && !super::is_signature_parameter(name)
    })
}

fn decode(bytes: &[u8], at: usize) -> Result<String, ParamError> {
    let malformed = |what| ParamError::Malformed { what, at };
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => match (rest.next().and_then(hex), rest.next().and_then(hex)) {
                (Some(high), Some(low)) => out.push(high << 4 | low),
                (None, _) | (_, None) => return Err(malformed("a broken percent escape")),
            },
            other => out.push(*other),
        }
    }
    String::from_utf8(out).map_err(|_| malformed("text that is no UTF-8"))
}

pub(super) fn hex(byte: &u8) -> Option<u8> {
    char::from(*byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(body: &str, expected: &Expect) {
        let text = match parse(body.as_bytes()) {
            Ok(fields) => format!("{fields:?}"),
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&text);
    }

    #[test]
    fn fields_are_order_free_and_each_stands_once() {
        check("Action=A&Version=1&b=x+y%2Bz", &expect![[r#"{"Action": "A", "Version": "1", "b": "x y+z"}"#]]);
        check("&&a&b=&", &expect![[r#"{"a": "", "b": ""}"#]]);
        check("a=1&a=2", &expect!["`a` stands twice, and two readers may take different ones"]);
        check("a=1&%61=2", &expect!["`a` stands twice, and two readers may take different ones"]);
        check("x=1&a=%zz", &expect!["a broken percent escape at byte 4"]);
        check("a=%f", &expect!["a broken percent escape at byte 0"]);
        check("a=%ff", &expect!["text that is no UTF-8 at byte 0"]);
        check("=1", &expect!["a field without a name at byte 0"]);
        check("a=b=c", &expect![[r#"{"a": "b=c"}"#]]);
    }

    #[test]
    fn an_action_in_a_query_is_seen_however_it_is_written() {
        for query in ["Action=X", "a=b&Action", "%41ction=X", "action=x", "&&ACTION=1"] {
            assert!(has_action(query.as_bytes()), "{query}");
        }
        for query in ["", "Actions=1", "a=Action", "x-Action=1"] {
            assert!(!has_action(query.as_bytes()), "{query}");
        }
    }
}
