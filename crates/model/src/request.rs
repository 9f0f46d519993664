//! A received request, kept byte for byte: what a permit forwards is built from this and from nothing else.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::blob::{BlobError, Content, framed, unframed};

/// `path` and `query` are the raw bytes of the request target as received (no decoding, no normalisation);
/// header names are lower-case and in the order received.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub headers: Vec<(String, String)>,
    #[serde(with = "hex_body")]
    pub body: Vec<u8>,
}

impl Request {
    /// The value of the only header `name`; `None` where it is absent or stands twice (two readings are none).
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Some(value),
            (None, _) | (Some(_), Some(_)) => None,
        }
    }
}

/// The head of a request's blob; the body follows it.
#[derive(Serialize, Deserialize)]
struct Head {
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
}

impl Content for Request {
    fn to_body(&self) -> Vec<u8> {
        let Self { method, path, query, headers, body } = self.clone();
        framed(&Head { method, path, query, headers }, &body)
    }

    fn from_body(bytes: &[u8]) -> Result<Self, BlobError> {
        let (Head { method, path, query, headers }, body) = unframed(bytes)?;
        Ok(Self { method, path, query, headers, body: body.to_vec() })
    }
}

/// Bodies and headers may hold secrets: debug output shows neither.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Request({} {} +{} headers +{} bytes)",
            self.method,
            self.path,
            self.headers.len(),
            self.body.len()
        )
    }
}

mod hex_body {
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(body: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex::encode(body))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        hex::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
