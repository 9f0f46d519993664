//! Strict JSON (RFC 8259) into the canonical value. What parsers differ on is refused: a name twice, an unpaired
//! surrogate, anything after the value. Numbers that are no `i64` keep their source text.

use std::collections::BTreeMap;

use model::Value;

use super::{MAX_BODY, MAX_DEPTH, MAX_NODES, ParamError};

/// The value of `text`; an empty text is `Null`.
pub fn parse(text: &[u8]) -> Result<Value, ParamError> {
    if text.len() > MAX_BODY {
        return Err(ParamError::Oversized("the JSON body is too long"));
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| ParamError::Malformed { what: "text that is no UTF-8", at: error.valid_up_to() })?;
    let mut reader = Reader { bytes: text.as_bytes(), text, at: 0, nodes: 0 };
    reader.space();
    if reader.peek().is_none() {
        return Ok(Value::Null);
    }
    let value = reader.value(0)?;
    reader.space();
    if reader.peek().is_some() { Err(reader.wrong("something after the JSON value")) } else { Ok(value) }
}

struct Reader<'a> {
    bytes: &'a [u8],
    text: &'a str,
    at: usize,
    nodes: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn wrong(&self, what: &'static str) -> ParamError {
        ParamError::Malformed { what, at: self.at }
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn word(&mut self, word: &str, value: Value) -> Result<Value, ParamError> {
        if self.bytes.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            self.at += word.len();
            Ok(value)
        } else {
            Err(self.wrong("an unknown word in JSON"))
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, ParamError> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(ParamError::Oversized("the JSON body is nested too deep"));
        }
        if self.nodes > MAX_NODES {
            return Err(ParamError::Oversized("the JSON body has too many members"));
        }
        match self.peek() {
            Some(b'{') => self.map(depth),
            Some(b'[') => self.list(depth),
            Some(b'"') => self.string().map(Value::Text),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) | None => Err(self.wrong("no JSON value")),
        }
    }

    fn map(&mut self, depth: usize) -> Result<Value, ParamError> {
        self.at += 1;
        let mut map = BTreeMap::new();
        self.space();
        if self.take(b'}') {
            return Ok(Value::Map(map));
        }
        loop {
            self.space();
            let name = self.string()?;
            self.space();
            if !self.take(b':') {
                return Err(self.wrong("a JSON member without `:`"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            if map.contains_key(&name) {
                return Err(ParamError::Duplicate(model::sanitize(&name, 80)));
            }
            map.insert(name, value);
            self.space();
            if self.take(b'}') {
                return Ok(Value::Map(map));
            }
            if !self.take(b',') {
                return Err(self.wrong("a JSON object that does not end"));
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, ParamError> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take(b']') {
            return Ok(Value::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take(b']') {
                return Ok(Value::List(items));
            }
            if !self.take(b',') {
                return Err(self.wrong("a JSON array that does not end"));
            }
        }
    }

    fn string(&mut self) -> Result<String, ParamError> {
        if !self.take(b'"') {
            return Err(self.wrong("a JSON name without quotes"));
        }
        let mut out = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
                self.at += 1;
            }
            out.push_str(self.text.get(start..self.at).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err(self.wrong("a control character in a JSON string")),
                None => return Err(self.wrong("a JSON string that does not end")),
            }
        }
    }

    fn escape(&mut self) -> Result<char, ParamError> {
        let byte = self.peek();
        self.at += 1;
        Ok(match byte {
            Some(plain @ (b'"' | b'\\' | b'/')) => char::from(plain),
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                let first = self.unit()?;
                let code = if (0xd800..0xdc00).contains(&first) && self.take(b'\\') && self.take(b'u') {
                    let second = self.unit()?;
                    if !(0xdc00..0xe000).contains(&second) {
                        return Err(self.wrong("an unpaired surrogate"));
                    }
                    0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)
                } else {
                    first
                };
                char::from_u32(code).ok_or_else(|| self.wrong("an unpaired surrogate"))?
            }
            Some(_) | None => return Err(self.wrong("an unknown escape in a JSON string")),
        })
    }

    fn unit(&mut self) -> Result<u32, ParamError> {
        let digits = self.bytes.get(self.at..self.at + 4).unwrap_or_default();
        let code =
            digits.iter().try_fold(0, |code, digit| Some(code << 4 | u32::from(super::form::hex(digit)?)));
        let code = code.filter(|_| digits.len() == 4).ok_or_else(|| self.wrong("a broken \\u escape"))?;
        self.at += 4;
        Ok(code)
    }

    fn number(&mut self) -> Result<Value, ParamError> {
        let start = self.at;
        self.take(b'-');
        if self.take(b'0') {
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err(self.wrong("a number with a leading zero"));
            }
        } else {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _ = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        Ok(match text.parse::<i64>() {
            Ok(number) if text != "-0" => Value::Int(number),
            Ok(_) | Err(_) => Value::Number(text.to_owned()),
        })
    }

    fn digits(&mut self) -> Result<(), ParamError> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.wrong("a number without digits")) } else { Ok(()) }
    }
}

/// The JSON text of a value, for requests we build ourselves; bytes become base-16, which no caller sends.
pub fn write(value: &Value, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Int(number) => out.push_str(&number.to_string()),
        Value::Number(text) => out.push_str(text),
        Value::Text(text) => write_string(text, out),
        Value::Bytes(bytes) => write_string(&hex::encode(bytes), out),
        Value::List(items) => {
            out.push('[');
            for (nth, item) in items.iter().enumerate() {
                if nth > 0 {
                    out.push(',');
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Map(map) => {
            out.push('{');
            for (nth, (name, item)) in map.iter().enumerate() {
                if nth > 0 {
                    out.push(',');
                }
                write_string(name, out);
                out.push(':');
                write(item, out);
            }
            out.push('}');
        }
    }
}

fn write_string(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            control if u32::from(control) < 0x20 => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
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
                write(&value, &mut out);
                out
            }
            Err(error) => error.to_string(),
        };
        expected.assert_eq(&shown);
    }

    #[test]
    fn what_parsers_differ_on_is_refused() {
        check("", &expect!["null"]);
        check(
            r#" {"b":[1,2.50,-0,1e3,true,null],"a":"\u00e9\ud83d\ude00\n"} "#,
            &expect![[r#"{"a":"é😀\u000a","b":[1,2.50,-0,1e3,true,null]}"#]],
        );
        check(r#"{"a":1,"a":2}"#, &expect!["`a` stands twice, and two readers may take different ones"]);
        check(r#"{"a":1,"\u0061":2}"#, &expect!["`a` stands twice, and two readers may take different ones"]);
        check(r#"{"a":1}{"#, &expect!["something after the JSON value at byte 7"]);
        check(r#"["\ud800"]"#, &expect!["an unpaired surrogate at byte 8"]);
        check(r#"["\ud800\u0041"]"#, &expect!["an unpaired surrogate at byte 14"]);
        check("[01]", &expect!["a number with a leading zero at byte 2"]);
        check("[1.]", &expect!["a number without digits at byte 3"]);
        check("[99999999999999999999]", &expect!["[99999999999999999999]"]);
        check("{a:1}", &expect!["a JSON name without quotes at byte 1"]);
        check("[1,]", &expect!["no JSON value at byte 3"]);
        check("[NaN]", &expect!["no JSON value at byte 1"]);
        check("[\"\t\"]", &expect!["a control character in a JSON string at byte 2"]);
        check(&"[".repeat(70), &expect!["the JSON body is nested too deep"]);
        check(&format!("[{}1]", "1,".repeat(70_000)), &expect!["the JSON body has too many members"]);
    }

    proptest! {
        #[test]
        fn what_serde_json_writes_is_read_and_nothing_panics(text in ".{0,60}", bytes: Vec<u8>) {
            let _ = parse(&bytes);
            let _ = parse(text.as_bytes());
            let quoted = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(parse(quoted.as_bytes()), Ok(Value::Text(text)));
        }

        #[test]
        fn what_is_written_reads_back(text in ".{0,20}", number: i64, flag: bool) {
            let value = Value::map([(text.clone(), Value::List(vec![Value::Int(number), Value::Bool(flag), Value::Text(text)]))]);
            let mut out = String::new();
            write(&value, &mut out);
            prop_assert_eq!(parse(out.as_bytes()), Ok(value));
        }
    }
}
