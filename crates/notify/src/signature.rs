//! Signatures of messages as Standard Webhooks 1.0.0 has them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): HMAC-SHA256 (RFC 2104) over
//! `ID.TIMESTAMP.BODY`, base64 after `v1,`, by a secret that is written `whsec_` and base64. Whoever receives a message refuses one
//! whose signature does not hold or whose timestamp is old, and takes each id once.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use model::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Shared with one receiver. Never shown.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a secret is written `whsec_` and base64")]
    Form,
    #[error("a secret has 24 to 64 bytes, not {0}")]
    Length(usize),
}

const PREFIX: &str = "whsec_";

impl Secret {
    /// # Errors
    /// Where it is not one; what it was is in no message.
    pub fn read(text: &str) -> Result<Self, SecretError> {
        let encoded = text.trim().strip_prefix(PREFIX).ok_or(SecretError::Form)?;
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| SecretError::Form)?);
        match bytes.len() {
            24..=64 => Ok(Self(bytes)),
            length => Err(SecretError::Length(length)),
        }
    }

    /// As a new one is written.
    pub fn text_of(random: [u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(random)))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        // A key of HMAC may have any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        for part in [id.as_bytes(), b".", at.seconds().to_string().as_bytes(), b".", body] {
            mac.update(part);
        }
        format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
