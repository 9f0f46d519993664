//! An assertion, and the text that stands for it wherever the armored text of an SSH signature could stand:
//!
//! ```text
//! -----BEGIN PASSKEY ASSERTION-----
//! credential: BASE64URL
//! authenticator data: BASE64URL
//! client data: BASE64URL
//! signature: BASE64URL
//! -----END PASSKEY ASSERTION-----
//! ```
//!
//! Base64url without padding (RFC 4648 §5), every line ended by a line feed, one text per assertion. A `userHandle` is
//! not in it: no signature covers one, and whose the credential is says the roster.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use model::sanitize;

use super::{check::AssertionError, cose, enrolled::Passkey};

const BEGIN: &str = "-----BEGIN PASSKEY ASSERTION-----";
const END: &str = "-----END PASSKEY ASSERTION-----";
const LABELS: [&str; 4] = ["credential: ", "authenticator data: ", "client data: ", "signature: "];

/// What `navigator.credentials.get()` gives (§5.2.2), as bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// `rawId`.
    pub credential_id: Vec<u8>,
    pub authenticator_data: Vec<u8>,
    /// `clientDataJSON`, byte for byte as the browser hashed it.
    pub client_data: Vec<u8>,
    pub signature: Vec<u8>,
}

impl Assertion {
    /// In bytes: no longer than an SSH signature may be, so that a statement and either fit into one entry of the ledger.
    pub const MAX_TEXT: usize = 4096;
    pub const MAX_AUTHENTICATOR_DATA: usize = 1024;
    /// A browser writes some 400 bytes and the origin.
    pub const MAX_CLIENT_DATA: usize = 1024;

    pub fn to_text(&self) -> String {
        let mut text = format!("{BEGIN}\n");
        for (label, part) in LABELS.iter().zip(self.parts()) {
            text.push_str(label);
            BASE64_URL_SAFE_NO_PAD.encode_string(part, &mut text);
            text.push('\n');
        }
        text.push_str(END);
        text.push('\n');
        text
    }

    /// Accepts exactly the texts that [`Assertion::to_text`] writes of assertions within bounds.
    pub fn parse(text: &str) -> Result<Self, AssertionError> {
        if text.len() > Self::MAX_TEXT {
            return Err(AssertionError::TooLong { part: "text", bytes: text.len(), max: Self::MAX_TEXT });
        }
        let mut lines = text.split('\n');
        line(lines.next(), BEGIN)?;
        let mut part = |label| {
            let encoded = lines.next().and_then(|line| line.strip_prefix(label));
            let bytes = encoded.and_then(|it| BASE64_URL_SAFE_NO_PAD.decode(it).ok());
            bytes.ok_or(AssertionError::Text(label))
        };
        let [credential, authenticator, client, signature] = LABELS;
        let assertion = Self {
            credential_id: part(credential)?,
            authenticator_data: part(authenticator)?,
            client_data: part(client)?,
            signature: part(signature)?,
        };
        line(lines.next(), END)?;
        if lines.next() != Some("") || lines.next().is_some() {
            return Err(AssertionError::Text(END));
        }
        assertion.check_sizes()?;
        Ok(assertion)
    }

    /// The credential, for whoever has to be told which one is unknown.
    pub(crate) fn fingerprint(&self) -> String {
        let id = BASE64_URL_SAFE_NO_PAD.encode(&self.credential_id);
        format!("passkey {}", sanitize(&id, 64))
    }

    /// Whether a text means to be an assertion, rather than an SSH signature.
    pub(crate) fn begins(text: &str) -> bool {
        text.trim_start().starts_with(BEGIN)
    }

    /// Before anything is read of it.
    pub(crate) fn check_sizes(&self) -> Result<(), AssertionError> {
        let max = [
            *Passkey::CREDENTIAL_ID.end(),
            Self::MAX_AUTHENTICATOR_DATA,
            Self::MAX_CLIENT_DATA,
            cose::MAX_SIGNATURE,
        ];
        for ((label, part), max) in LABELS.iter().zip(self.parts()).zip(max) {
            if part.len() > max {
                let part_named = label.trim_end_matches(": ");
                return Err(AssertionError::TooLong { part: part_named, bytes: part.len(), max });
            }
        }
        Ok(())
    }

    fn parts(&self) -> [&[u8]; 4] {
        let Self { credential_id, authenticator_data, client_data, signature } = self;
        [credential_id, authenticator_data, client_data, signature]
    }
}

fn line(found: Option<&str>, expected: &'static str) -> Result<(), AssertionError> {
    if found == Some(expected) { Ok(()) } else { Err(AssertionError::Text(expected)) }
}
