//! The one canonical encoding: what a digest is taken over. Length-unambiguous, versioned by its domain string.
//!
//! ```text
//! value  := 0x00                          null
//!         | 0x01 | 0x02                   false | true
//!         | 0x03 i64 (big-endian)         integer
//!         | 0x04 len bytes                text, UTF-8
//!         | 0x05 len bytes                bytes
//!         | 0x06 count value*             list, order kept
//!         | 0x07 count (text value)*      map, keys ascending by their UTF-8 bytes, each once
//!         | 0x08 len bytes                a number that is no i64, as its source text
//! len, count := u64 (big-endian); a map's key is `len bytes` without a tag
//! digest := SHA-256( len domain-bytes value )
//! ```
//!
//! No two different values share an encoding: every variable part is preceded by its length, and the only
//! unordered thing (a map) has one order.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Digest;

/// A parsed, protocol-neutral value: the canonical parse of an action's parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A number outside `i64` (or with a fraction), kept as it was written.
    Number(String),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// Builds a map from pairs; a later pair replaces an earlier one of the same key.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(key, value)| (key.into(), value)).collect())
    }

    /// The member `key` of a map; `None` for any other value.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(key),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Number(_)
            | Self::Text(_)
            | Self::Bytes(_)
            | Self::List(_) => None,
        }
    }

    /// The text of a `Text`; `None` for any other value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null
            | Self::Bool(_)
            | Self::Int(_)
            | Self::Number(_)
            | Self::Bytes(_)
            | Self::List(_)
            | Self::Map(_) => None,
        }
    }

    /// SHA-256 of `domain` and this value's encoding (module documentation).
    pub fn digest(&self, domain: &str) -> Digest {
        let mut bytes = Vec::with_capacity(256);
        put_sized(&mut bytes, domain.as_bytes());
        encode(self, &mut bytes);
        Digest::from_bytes(Sha256::digest(&bytes).into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Digest> for Value {
    fn from(digest: Digest) -> Self {
        Self::Bytes(digest.as_bytes().to_vec())
    }
}

/// Appends the encoding of `value` to `out`.
pub fn encode(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.push(0x00),
        Value::Bool(false) => out.push(0x01),
        Value::Bool(true) => out.push(0x02),
        Value::Int(number) => {
            out.push(0x03);
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Text(text) => {
            out.push(0x04);
            put_sized(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(0x05);
            put_sized(out, bytes);
        }
        Value::List(items) => {
            out.push(0x06);
            put_len(out, items.len());
            for item in items {
                encode(item, out);
            }
        }
        Value::Map(map) => {
            out.push(0x07);
            put_len(out, map.len());
            for (key, item) in map {
                put_sized(out, key.as_bytes());
                encode(item, out);
            }
        }
        Value::Number(text) => {
            out.push(0x08);
            put_sized(out, text.as_bytes());
        }
    }
}

fn put_len(out: &mut Vec<u8>, len: usize) {
    out.extend_from_slice(&(len as u64).to_be_bytes());
}

fn put_sized(out: &mut Vec<u8>, bytes: &[u8]) {
    put_len(out, bytes.len());
    out.extend_from_slice(bytes);
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(value: &Value, expected: &Expect) {
        let mut bytes = Vec::new();
        encode(value, &mut bytes);
        expected.assert_eq(&hex::encode(bytes));
    }

    #[test]
    fn encoding_is_what_the_documentation_says() {
        check(&Value::Null, &expect!["00"]);
        check(&Value::Bool(true), &expect!["02"]);
        check(&Value::Int(-2), &expect!["03fffffffffffffffe"]);
        check(&Value::text("ab"), &expect!["0400000000000000026162"]);
        check(&Value::Bytes(vec![0, 255]), &expect!["05000000000000000200ff"]);
        check(&Value::List(vec![Value::Null]), &expect!["06000000000000000100"]);
        check(
            &Value::map([("b", Value::Bool(false)), ("a", Value::Null)]),
            &expect!["0700000000000000020000000000000001610000000000000000016201"],
        );
        check(&Value::Number("1.5".into()), &expect!["080000000000000003312e35"]);
    }

    #[test]
    fn digest_is_golden() {
        expect!["89c777018fdf658dd13aaf895efe82930a64c6a70c9cb8437fa736bccc69d55f"]
            .assert_eq(&Value::text("x").digest("countersign/test/v1").to_string());
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            ".{0,6}".prop_map(Value::Text),
            proptest::collection::vec(any::<u8>(), 0..6).prop_map(Value::Bytes),
            "[0-9.]{1,4}".prop_map(Value::Number),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::btree_map(".{0,4}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn different_values_have_different_encodings(a in values(), b in values()) {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            encode(&a, &mut left);
            encode(&b, &mut right);
            prop_assert_eq!(a == b, left == right);
        }

        #[test]
        fn no_encoding_is_a_prefix_of_another(a in values(), b in values()) {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            encode(&a, &mut left);
            encode(&b, &mut right);
            prop_assert!(a == b || !right.starts_with(&left));
        }
    }
}
