//! A passkey as it stands in the roster, on one line, where OpenSSH keys stand too:
//!
//! ```text
//! passkey RP-ID CREDENTIAL-ID PUBLIC-KEY
//! ```
//!
//! RP-ID is the site's domain, so that whoever approves the roster reads it; the others are base64url without padding
//! (RFC 4648 §5): the credential's identifier, and its public key as a COSE_Key. One passkey has one line: single spaces,
//! no comment, nothing that could be written otherwise.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use model::{Digest, EnrolledKey};

use super::{
    cose,
    rp_id::{RpId, RpIdError},
};
use crate::key::Material;

const KIND: &str = "passkey ";

/// A credential that a person has enrolled, and the site it is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    rp_id: RpId,
    credential_id: Vec<u8>,
    public_key: Material,
}

/// Why something is no passkey that can be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasskeyError {
    #[error(
        "a passkey is one line of at most {max} characters: `passkey`, its site, its credential's identifier and its \
         public key, both in base64url, one space between them and nothing behind",
        max = Passkey::MAX_LINE
    )]
    Line,
    #[error(transparent)]
    Site(#[from] RpIdError),
    #[error(
        "the credential's identifier has {0} bytes; authenticators make some of {min} to {max}",
        min = Passkey::CREDENTIAL_ID.start(),
        max = Passkey::CREDENTIAL_ID.end()
    )]
    CredentialId(usize),
    #[error(
        "the passkey's public key is neither ES256 (-7) nor EdDSA over Ed25519 (-8), as an authenticator writes them; \
         enrol one with only these two among `pubKeyCredParams`"
    )]
    PublicKey,
    #[error("the passkey's public key is not one that only its owner could sign for; enrol another")]
    Weak,
}

impl Passkey {
    pub const MAX_LINE: usize = 2048;
    /// In bytes (§4, "Credential ID": 16 bytes with 100 bits of chance in them, or more; at most 1023).
    pub const CREDENTIAL_ID: std::ops::RangeInclusive<usize> = 16..=1023;

    /// `public_key`: the COSE_Key out of the attested credential data (§6.5.1).
    ///
    /// # Errors
    /// Where no assertion of it could ever count.
    pub fn new(rp_id: RpId, credential_id: &[u8], public_key: &[u8]) -> Result<Self, PasskeyError> {
        let passkey = Self::read(rp_id, credential_id, public_key)?;
        passkey.check_point()?;
        Ok(passkey)
    }

    /// `None` where the key is of another kind.
    pub fn of(key: &EnrolledKey) -> Option<Self> {
        Self::parse(&key.0).ok()
    }

    pub const fn rp_id(&self) -> &RpId {
        &self.rp_id
    }

    pub fn credential_id(&self) -> &[u8] {
        &self.credential_id
    }

    /// Its line in the roster.
    pub fn to_key(&self) -> EnrolledKey {
        let [id, key] = [&self.credential_id, &cose::encode(&self.public_key)]
            .map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes));
        EnrolledKey(format!("{KIND}{} {id} {key}", self.rp_id))
    }

    pub(crate) fn is_line(line: &str) -> bool {
        line.starts_with(KIND) || line == KIND.trim_end()
    }

    /// From its line; no arithmetic.
    pub(crate) fn parse(line: &str) -> Result<Self, PasskeyError> {
        if line.len() > Self::MAX_LINE {
            return Err(PasskeyError::Line);
        }
        let mut words = line.strip_prefix(KIND).ok_or(PasskeyError::Line)?.split(' ');
        let (Some(rp_id), Some(id), Some(key), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(PasskeyError::Line);
        };
        let bytes = |word| BASE64_URL_SAFE_NO_PAD.decode(word).map_err(|_| PasskeyError::Line);
        Self::read(rp_id.parse()?, &bytes(id)?, &bytes(key)?)
    }

    pub(crate) fn check_point(&self) -> Result<(), PasskeyError> {
        if self.public_key.is_sound() { Ok(()) } else { Err(PasskeyError::Weak) }
    }

    pub(crate) const fn public_key(&self) -> &Material {
        &self.public_key
    }

    /// For people to compare: of the whole line.
    pub(crate) fn digest(&self) -> Digest {
        Digest::of(self.to_key().0.as_bytes())
    }

    fn read(rp_id: RpId, credential_id: &[u8], public_key: &[u8]) -> Result<Self, PasskeyError> {
        if !Self::CREDENTIAL_ID.contains(&credential_id.len()) {
            return Err(PasskeyError::CredentialId(credential_id.len()));
        }
        let public_key = cose::decode(public_key).ok_or(PasskeyError::PublicKey)?;
        Ok(Self { rp_id, credential_id: credential_id.to_vec(), public_key })
    }
}
