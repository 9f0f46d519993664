//! Signatures of messages as Standard Webhooks 1.0.0 has them
//! (<https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>): HMAC-SHA256 (RFC 2104) over
//! `ID.TIMESTAMP.BODY`, base64 after `v1,`, by a secret that is written `whsec_` and base64. Whoever receives a message refuses one
//! whose signature does not hold or whose timestamp is old, and takes each id once. While a secret is exchanged for another, both
//! sign, apart by a blank, and the receiver goes by the one that it knows.

use std::fmt;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use model::Timestamp;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Shared with one receiver; several while they are exchanged, the newest first. Never shown.
#[derive(Clone)]
pub struct Secret(Vec<Zeroizing<Vec<u8>>>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    #[error("a secret is written `whsec_` and base64")]
    Form,
    #[error("a secret has 24 to 64 bytes, not {0}")]
    Length(usize),
    #[error("one secret stands on a line, two while they are exchanged; there are {0}")]
    Count(usize),
}

const PREFIX: &str = "whsec_";

impl Secret {
    /// # Errors
    /// Where it is not one; what it was is in no message.
    pub fn read(text: &str) -> Result<Self, SecretError> {
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        match lines.len() {
            0 => Err(SecretError::Form),
            1 | 2 => Ok(Self(lines.into_iter().map(key).collect::<Result<_, _>>()?)),
            count => Err(SecretError::Count(count)),
        }
    }

    /// As a new one is written.
    pub fn text_of(random: [u8; 32]) -> Zeroizing<String> {
        Zeroizing::new(format!("{PREFIX}{}", BASE64_STANDARD.encode(random)))
    }

    /// The value of `webhook-signature`.
    pub fn sign(&self, id: &str, at: Timestamp, body: &[u8]) -> String {
        let at = at.seconds().to_string();
        let by = |key: &Zeroizing<Vec<u8>>| {
            // A key of HMAC may have any length.
            let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
            for part in [id.as_bytes(), b".", at.as_bytes(), b".", body] {
                mac.update(part);
            }
            Some(format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes())))
        };
        self.0.iter().filter_map(by).collect::<Vec<_>>().join(" ")
    }
}

fn key(line: &str) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let encoded = line.strip_prefix(PREFIX).ok_or(SecretError::Form)?;
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(encoded).map_err(|_| SecretError::Form)?);
    match bytes.len() {
        24..=64 => Ok(bytes),
        length => Err(SecretError::Length(length)),
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}
