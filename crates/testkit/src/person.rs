//! Requests signed as a person signs them, written from what the installation says of it and from none of our own code.

use anyhow::{Context, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::send;

/// Who signs for which installation, and where it is asked for a nonce.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// `127.0.0.1:PORT` of the people listener.
    pub people: &'a str,
    pub person: &'a str,
    pub genesis: &'a str,
}

impl Caller<'_> {
    /// The headers of one request. `sign` makes an armored signature, or an assertion, of a text.
    pub fn headers(
        &self,
        (method, target, body): (&str, &str, &str),
        sign: impl FnOnce(&str) -> Result<String>,
    ) -> Result<Vec<(&'static str, String)>> {
        let told: Value = serde_json::from_slice(&send(self.people, "GET", "/v1/nonce", &[], b"")?.body)?;
        let nonce = told.get("nonce").and_then(Value::as_str).context("no nonce")?;
        let (person, genesis) = (self.person, self.genesis);
        let body = Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let text = format!(
            "countersign request v1\nperson: {person}\nmethod: {method}\ntarget: {target}\nbody: {body}\nnonce: {nonce}\n\
             installation: {genesis}\n"
        );
        Ok(vec![
            ("x-countersign-person", person.to_owned()),
            ("x-countersign-nonce", nonce.to_owned()),
            ("x-countersign-signature", BASE64_STANDARD.encode(sign(&text)?)),
        ])
    }
}
