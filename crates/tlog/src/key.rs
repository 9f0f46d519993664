//! Ed25519 keys of logs and of witnesses, as C2SP `signed-note` names and writes them:
//! `name+key id in hexadecimal+base64(type || public key)`. The type says what a signature covers: the note's text
//! (1, a log), or the text and the time at which a witness saw it (4, `tlog-cosignature`). It is part of the Rust
//! type, so a witness's key cannot be asked for a log's signature.

use std::{fmt, str::FromStr};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::{Signature, Signer as _};
use sha2::{Digest as _, Sha256};

/// Ed25519 over the note's text.
const ED25519: u8 = 0x01;
/// Ed25519 over `cosignature/v1`, a time, and the note's text.
const COSIGNATURE: u8 = 0x04;
const MAX_NAME: usize = 255;
const MAX_TEXT: usize = 512;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("a key's name is 1 to 255 bytes without spaces, control characters or `+`")]
    Name,
    #[error(
        "a verifier key reads name+key id+key, the id as 8 lower-case hexadecimal digits, the key as base64"
    )]
    Shape,
    #[error("it is a key of another type (a log's is 1, a witness's is 4)")]
    Algorithm,
    #[error("the key is no point that may verify anything")]
    Weak,
    #[error("the key id does not belong to this name and key")]
    Id,
}

/// Signs a log's checkpoints.
pub type SigningKey = Signer<ED25519>;
/// Checks a log's signatures.
pub type VerifierKey = Verifier<ED25519>;
/// Cosigns the checkpoints that a witness found consistent.
pub type WitnessSigningKey = Signer<COSIGNATURE>;
/// Checks a witness's cosignatures.
pub type WitnessKey = Verifier<COSIGNATURE>;

/// A secret key of one type. The secret is wiped when this is dropped and shown by nothing.
pub struct Signer<const TYPE: u8> {
    name: String,
    secret: ed25519_dalek::SigningKey,
}

impl<const TYPE: u8> Signer<TYPE> {
    /// `seed` is 32 random bytes that the caller drew, and wipes.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), secret: ed25519_dalek::SigningKey::from_bytes(seed) })
    }

    pub fn verifier(&self) -> Verifier<TYPE> {
        Verifier::new(&self.name, self.secret.verifying_key())
    }

    pub(crate) fn sign(&self, text: &str) -> [u8; 64] {
        self.secret.sign(text.as_bytes()).to_bytes()
    }
}

impl<const TYPE: u8> fmt::Debug for Signer<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A public key of one type, with its name and id.
#[derive(Clone, PartialEq, Eq)]
pub struct Verifier<const TYPE: u8> {
    name: String,
    id: [u8; 4],
    key: ed25519_dalek::VerifyingKey,
}

impl<const TYPE: u8> Verifier<TYPE> {
    fn new(name: &str, key: ed25519_dalek::VerifyingKey) -> Self {
        let digest: [u8; 32] = Sha256::new()
            .chain_update(name)
            .chain_update([b'\n', TYPE])
            .chain_update(key.as_bytes())
            .finalize()
            .into();
        let [a, b, c, d, ..] = digest;
        Self { name: name.to_owned(), id: [a, b, c, d], key }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    pub(crate) const fn id(&self) -> [u8; 4] {
        self.id
    }

    /// The public key itself, whatever it is called.
    pub(crate) fn point(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// Strict: one signature for one text, no weak keys.
    pub(crate) fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        self.key.verify_strict(text.as_bytes(), &Signature::from_bytes(signature)).is_ok()
    }
}

impl<const TYPE: u8> fmt::Display for Verifier<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![TYPE];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), STANDARD.encode(key))
    }
}

impl<const TYPE: u8> fmt::Debug for Verifier<TYPE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Verifier({self})")
    }
}

impl<const TYPE: u8> FromStr for Verifier<TYPE> {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.len() > MAX_TEXT {
            return Err(KeyError::Shape);
        }
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Shape);
        };
        check_name(name)?;
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Shape)?;
        let (algorithm, point) = bytes.split_first().ok_or(KeyError::Shape)?;
        if *algorithm != TYPE {
            return Err(KeyError::Algorithm);
        }
        let point: &[u8; 32] = point.try_into().map_err(|_| KeyError::Shape)?;
        let point = ed25519_dalek::VerifyingKey::from_bytes(point).map_err(|_| KeyError::Weak)?;
        if point.is_weak() {
            return Err(KeyError::Weak);
        }
        let parsed = Self::new(name, point);
        if id.len() != 8 || id.bytes().any(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(KeyError::Shape);
        }
        if id == format!("{:08x}", u32::from_be_bytes(parsed.id)) { Ok(parsed) } else { Err(KeyError::Id) }
    }
}

pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let plain = |character: char| !character.is_whitespace() && !character.is_control() && character != '+';
    if !name.is_empty() && name.len() <= MAX_NAME && name.chars().all(plain) {
        Ok(())
    } else {
        Err(KeyError::Name)
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Result<(), KeyError>) {
        assert_eq!(&text.parse::<VerifierKey>().map(drop), expected, "{text}");
    }

    #[test]
    fn a_key_has_one_text() {
        let key = SigningKey::from_seed("log.example/1", &[7; 32]).unwrap();
        let text = key.verifier().to_string();
        expect!["log.example/1+e733e5a9+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"].assert_eq(&text);
        assert_eq!(text.parse::<VerifierKey>().unwrap(), key.verifier());
        check(&text, &Ok(()));
        check(&text.replace("e733e", "E733E"), &Err(KeyError::Shape));
        check(&text.replace("e733e", "0733e"), &Err(KeyError::Id));
        check(&text.replace("example", "example2"), &Err(KeyError::Id));
        check(&text.replace("AepK", "BepK"), &Err(KeyError::Algorithm));
        check(&text.replace("log.", "log "), &Err(KeyError::Name));
        check(&text.replace("+A", "+!"), &Err(KeyError::Shape));
        check(&format!("{text}AAAA"), &Err(KeyError::Shape));
        check("+e733e5a9+AepK", &Err(KeyError::Name));
        check("a+b", &Err(KeyError::Shape));
        let mut neutral_point = [0; 33];
        neutral_point[..2].copy_from_slice(&[ED25519, 1]);
        check(&format!("a+00000000+{}", STANDARD.encode(neutral_point)), &Err(KeyError::Weak));
    }

    #[test]
    fn the_secret_is_never_shown() {
        let key = SigningKey::from_seed("log.example/1", &[7; 32]).unwrap();
        expect![[r#"Signer { name: "log.example/1", .. }"#]].assert_eq(&format!("{key:?}"));
    }

    proptest! {
        #[test]
        fn parsing_never_panics(text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = text.parse::<VerifierKey>();
            let text = format!("a+00000000+{}", STANDARD.encode(bytes));
            prop_assert!(text.parse::<VerifierKey>().is_err());
        }
    }
}
