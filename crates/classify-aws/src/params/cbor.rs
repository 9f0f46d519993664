//! CBOR (RFC 8949) into the canonical value, as Smithy's RPC v2 writes it (<https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html>):
//! names are texts, indefinite lengths are allowed, a timestamp is a number under tag 1. What parsers differ on is
//! refused: a name twice, another tag, anything after the value.

use std::collections::BTreeMap;

use minicbor::{
    data::{Tag, Type},
    decode::{Decoder, Error},
};
use model::Value;

use super::{MAX_BODY, MAX_DEPTH, MAX_NODES, ParamError};

/// The value of `bytes`; nothing at all is `Null`.
pub fn parse(bytes: &[u8]) -> Result<Value, ParamError> {
    if bytes.len() > MAX_BODY {
        return Err(ParamError::Oversized("the CBOR body is too long"));
    }
    if bytes.is_empty() {
        return Ok(Value::Null);
    }
    let mut reader = Reader { decoder: Decoder::new(bytes), nodes: 0 };
    let value = reader.value(0)?;
    if reader.decoder.position() == bytes.len() {
        Ok(value)
    } else {
        Err(reader.wrong("something after the CBOR value"))
    }
}

struct Reader<'b> {
    decoder: Decoder<'b>,
    nodes: usize,
}

/// Seconds since 1970.
const EPOCH: Tag = Tag::new(1);

impl Reader<'_> {
    fn wrong(&self, what: &'static str) -> ParamError {
        ParamError::Malformed { what, at: self.decoder.position() }
    }

    fn read<T>(&self, read: Result<T, Error>) -> Result<T, ParamError> {
        read.map_err(|_| self.wrong("CBOR that breaks off or is none"))
    }

    fn value(&mut self, depth: usize) -> Result<Value, ParamError> {
        self.nodes += 1;
        if depth > MAX_DEPTH {
            return Err(ParamError::Oversized("the CBOR body is nested too deep"));
        }
        if self.nodes > MAX_NODES {
            return Err(ParamError::Oversized("the CBOR body has too many members"));
        }
        let kind = self.decoder.datatype();
        match self.read(kind)? {
            Type::Bool => {
                let value = self.decoder.bool();
                self.read(value).map(Value::Bool)
            }
            Type::Null => {
                let value = self.decoder.null();
                self.read(value).map(|()| Value::Null)
            }
            Type::U8
            | Type::U16
            | Type::U32
            | Type::U64
            | Type::I8
            | Type::I16
            | Type::I32
            | Type::I64
            | Type::Int => {
                let value = self.decoder.int();
                let value = self.read(value)?;
                Ok(i64::try_from(value)
                    .map_or_else(|_| Value::Number(i128::from(value).to_string()), Value::Int))
            }
            Type::F32 => {
                let value = self.decoder.f32();
                self.read(value).map(|value| number(f64::from(value)))
            }
            Type::F64 => {
                let value = self.decoder.f64();
                self.read(value).map(number)
            }
            Type::String | Type::StringIndef => self.text().map(Value::Text),
            Type::Bytes | Type::BytesIndef => {
                let broken =
                    ParamError::Malformed { what: "bytes that break off", at: self.decoder.position() };
                let pieces = self.decoder.bytes_iter().and_then(Iterator::collect::<Result<Vec<_>, _>>);
                pieces.map(|pieces| Value::Bytes(pieces.concat())).map_err(|_| broken)
            }
            Type::Array | Type::ArrayIndef => self.list(depth),
            Type::Map | Type::MapIndef => self.map(depth),
            Type::Tag => {
                let tag = self.decoder.tag();
                if self.read(tag)? != EPOCH {
                    return Err(self.wrong("a tag other than that of a timestamp"));
                }
                match self.value(depth + 1)? {
                    number @ (Value::Int(_) | Value::Number(_)) => Ok(number),
                    _ => Err(self.wrong("a timestamp that is no number")),
                }
            }
            Type::F16 | Type::Undefined | Type::Simple | Type::Break | Type::Unknown(_) => {
                Err(self.wrong("a kind of CBOR value that no client of AWS writes"))
            }
        }
    }

    fn text(&mut self) -> Result<String, ParamError> {
        let broken =
            ParamError::Malformed { what: "text that is none or breaks off", at: self.decoder.position() };
        let pieces = self.decoder.str_iter().and_then(Iterator::collect::<Result<Vec<_>, _>>);
        pieces.map(|pieces| pieces.concat()).map_err(|_| broken)
    }

    fn list(&mut self, depth: usize) -> Result<Value, ParamError> {
        let length = self.decoder.array();
        let length = self.read(length)?;
        let mut list = Vec::new();
        while self.more(length, list.len())? {
            list.push(self.value(depth + 1)?);
        }
        Ok(Value::List(list))
    }

    fn map(&mut self, depth: usize) -> Result<Value, ParamError> {
        let length = self.decoder.map();
        let length = self.read(length)?;
        let mut map = BTreeMap::new();
        while self.more(length, map.len())? {
            let name = match self.decoder.datatype() {
                Ok(Type::String | Type::StringIndef) => self.text()?,
                Ok(_) | Err(_) => return Err(self.wrong("a name that is no text")),
            };
            let value = self.value(depth + 1)?;
            if map.insert(name.clone(), value).is_some() {
                return Err(ParamError::Duplicate(name));
            }
        }
        Ok(Value::Map(map))
    }

    /// Whether another element follows; takes the break of an indefinite length.
    fn more(&mut self, length: Option<u64>, so_far: usize) -> Result<bool, ParamError> {
        if let Some(length) = length {
            return Ok(u64::try_from(so_far).is_ok_and(|so_far| so_far < length));
        }
        let kind = self.decoder.datatype();
        if self.read(kind)? != Type::Break {
            return Ok(true);
        }
        let end = self.decoder.skip();
        self.read(end)?;
        Ok(false)
    }
}

/// As it would stand in JSON.
fn number(value: f64) -> Value {
    Value::Number(if value.is_finite() { value.to_string() } else { format!("{value:?}") })
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(bytes: &str, expected: &Expect) {
        let bytes = hex::decode(bytes.replace(' ', "")).unwrap();
        let told = match parse(&bytes) {
            Ok(value) => format!("{value:?}"),
            Err(err) => err.to_string(),
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn values_are_what_clients_write() {
        check("", &expect!["Null"]);
        check("a0", &expect!["Map({})"]);
        check("bf ff", &expect!["Map({})"]);
        check("a1 61 61 01", &expect![[r#"Map({"a": Int(1)})"#]]);
        check(
            "bf 61 61 9f 01 20 fb 3ff8000000000000 ff 61 62 f6 61 63 f5 ff",
            &expect![[r#"Map({"a": List([Int(1), Int(-1), Number("1.5")]), "b": Null, "c": Bool(true)})"#]],
        );
        check("a1 61 74 c1 1a 5f5e1000", &expect![[r#"Map({"t": Int(1600000000)})"#]]);
        check("a1 61 62 43 010203", &expect![[r#"Map({"b": Bytes([1, 2, 3])})"#]]);
        check("a1 7f 61 61 61 62 ff 7f 61 63 61 64 ff", &expect![[r#"Map({"ab": Text("cd")})"#]]);
        check("1b ffffffffffffffff", &expect![[r#"Number("18446744073709551615")"#]]);
    }

    #[test]
    fn what_could_be_read_twice_or_not_at_all_is_refused() {
        check("a2 61 61 01 61 61 02", &expect!["`a` stands twice, and two readers may take different ones"]);
        check("a1 01 01", &expect!["a name that is no text at byte 1"]);
        check("a0 00", &expect!["something after the CBOR value at byte 1"]);
        check("bf ff ff ff", &expect!["something after the CBOR value at byte 2"]);
        check("a1 61 61", &expect!["CBOR that breaks off or is none at byte 3"]);
        check("a1 61 74 c2 41 01", &expect!["a tag other than that of a timestamp at byte 4"]);
        check("a1 61 74 c1 61 61", &expect!["a timestamp that is no number at byte 6"]);
        check("a1 61 61 f7", &expect!["a kind of CBOR value that no client of AWS writes at byte 3"]);
        check("a1 61 61 f9 3c00", &expect!["a kind of CBOR value that no client of AWS writes at byte 3"]);
        check("9b ffffffffffffffff", &expect!["CBOR that breaks off or is none at byte 9"]);
        check("bb ffffffffffffffff 61 61", &expect!["CBOR that breaks off or is none at byte 11"]);
        check("a1 61 ff 01", &expect!["text that is none or breaks off at byte 1"]);
        check(&"81".repeat(80), &expect!["the CBOR body is nested too deep"]);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_a_value_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
