//! Bodies outside the record. A document and an entry hold a salted commitment; the body itself and its salt lie in the
//! blob store, from which two people can have them erased. What is left then says nothing of the body, and everything
//! that was signed or logged still holds.
//!
//! ```text
//! commitment := SHA-256( len domain-bytes salt len body )
//! domain     := "countersign/body/v1"
//! salt       := 32 random bytes, drawn for this body alone
//! len        := u64 (big-endian)
//! ```
//!
//! Without the salt a short body could be guessed from its digest; so wherever a body's own digest would do, it stands
//! inside the blob.
//!
//! Which bodies are blobs: an upstream's answer ([`Answer`](crate::Answer): headers, body, the digest of what was passed
//! on with it) and the request of a captured inverse ([`KeptUndo`](crate::KeptUndo), which repeats what the target held).
//! They are the bytes that come from the cloud, may hold anything, and are not what anybody read before signing.
//!
//! Which are not, because people decided on them, and a decision cannot be erased: the parameters, sentences and unknowns
//! of a statement; an intent; the facts of an observation (a bounded projection without secrets, whose fingerprint is
//! signed). A request is kept nowhere, only its digest.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{Digest, DigestError};

const DOMAIN: &[u8] = b"countersign/body/v1";

/// What a document holds in the place of a body, shown as 64 lower-case hexadecimal digits. Nothing else of the record
/// has one: what has none cannot be erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Commitment(Digest);

impl Commitment {
    pub fn to(salt: &[u8; Blob::SALT_BYTES], body: &[u8]) -> Self {
        let len = |bytes: &[u8]| (bytes.len() as u64).to_be_bytes();
        let mut hash = Sha256::new();
        hash.update(len(DOMAIN));
        hash.update(DOMAIN);
        hash.update(salt);
        hash.update(len(body));
        hash.update(body);
        Self(Digest::from_bytes(hash.finalize().into()))
    }

    pub const fn digest(&self) -> Digest {
        self.0
    }
}

impl fmt::Display for Commitment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Commitment {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        text.parse().map(Self)
    }
}

/// A body with its salt, as it lies in the blob store.
#[derive(Clone, PartialEq, Eq)]
pub struct Blob {
    salt: [u8; Self::SALT_BYTES],
    body: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlobError {
    #[error("it has {bytes} bytes, {max} is the most that is kept", max = Blob::MAX_BYTES)]
    TooLarge { bytes: usize },
    /// What was committed to is not written as this version writes it.
    #[error("its body cannot be read as what it should be: {0}")]
    Unreadable(&'static str),
}

impl Blob {
    pub const SALT_BYTES: usize = 32;
    /// Twice the largest body that is parsed, since an inverse may write down in text what it read as bytes.
    pub const MAX_BYTES: usize = 16 << 20;

    /// # Errors
    /// [`BlobError::TooLarge`].
    pub fn new(salt: [u8; Self::SALT_BYTES], body: Vec<u8>) -> Result<Self, BlobError> {
        if body.len() > Self::MAX_BYTES {
            return Err(BlobError::TooLarge { bytes: body.len() });
        }
        Ok(Self { salt, body })
    }

    /// # Errors
    /// As [`Blob::new`].
    pub fn of<T: Content>(salt: [u8; Self::SALT_BYTES], content: &T) -> Result<Self, BlobError> {
        Self::new(salt, content.to_body())
    }

    pub fn commitment(&self) -> Commitment {
        Commitment::to(&self.salt, &self.body)
    }

    pub const fn salt(&self) -> &[u8; Self::SALT_BYTES] {
        &self.salt
    }

    pub fn body(&self) -> &[u8] {
        &self.body
    }

    /// # Errors
    /// [`BlobError::Unreadable`].
    pub fn content<T: Content>(&self) -> Result<T, BlobError> {
        T::from_body(&self.body)
    }
}

/// Neither the salt nor the body is for anybody's eyes.
impl fmt::Debug for Blob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Blob({}, {} bytes)", self.commitment(), self.body.len())
    }
}

/// What can lie in a blob.
///
/// ```text
/// body := head LF tail        head: a JSON object on one line; tail: bytes as they are
/// ```
pub trait Content: Sized {
    fn to_body(&self) -> Vec<u8>;
    /// # Errors
    /// [`BlobError::Unreadable`].
    fn from_body(body: &[u8]) -> Result<Self, BlobError>;
}

pub(crate) fn framed(head: &impl Serialize, tail: &[u8]) -> Vec<u8> {
    // Strings and numbers alone, which cannot fail; an empty head is read by nobody.
    let mut body = serde_json::to_vec(head).unwrap_or_default();
    body.push(b'\n');
    body.extend_from_slice(tail);
    body
}

pub(crate) fn unframed<'b, H: Deserialize<'b>>(body: &'b [u8]) -> Result<(H, &'b [u8]), BlobError> {
    let at = body.iter().position(|byte| *byte == b'\n').ok_or(BlobError::Unreadable("it has no head"))?;
    let (head, tail) = body.split_at(at);
    let head = serde_json::from_slice(head).map_err(|_| BlobError::Unreadable("its head is another"))?;
    Ok((head, tail.get(1..).unwrap_or_default()))
}

/// A body as a document has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Kept<T> {
    Blob(Commitment),
    /// As documents had it before there was a blob store; it is moved there when `serve` starts.
    Inline(T),
}

impl<T> Kept<T> {
    pub const fn commitment(&self) -> Option<Commitment> {
        match self {
            Self::Blob(commitment) => Some(*commitment),
            Self::Inline(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    use super::*;

    fn check(salt: u8, body: &[u8], expected: &Expect) {
        expected.assert_eq(&Commitment::to(&[salt; 32], body).to_string());
    }

    #[test]
    fn commitments_are_golden() {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&19u64.to_be_bytes());
        bytes.extend_from_slice(b"countersign/body/v1");
        bytes.extend_from_slice(&[7; 32]);
        bytes.extend_from_slice(&2u64.to_be_bytes());
        bytes.extend_from_slice(b"ab");
        assert_eq!(
            Commitment::to(&[7; 32], b"ab").digest(),
            Digest::of(&bytes),
            "byte by byte as documented"
        );
        check(7, b"ab", &expect!["e71c297148dd05285d6bba2eec9e89e868b6c86961d8be7d7ebce4e660dd2268"]);
        check(7, b"", &expect!["2664bbd8c7381272f2028851a54e93dc3575cf70f335ab992cb7faa456469685"]);
        check(8, b"ab", &expect!["a1c8aecaa4e2f72055779d1707c7b335490959035c4069d26e6d28b775733c97"]);
    }

    #[test]
    fn a_blob_is_bounded_and_shows_nothing() {
        let large = vec![0; Blob::MAX_BYTES + 1];
        assert_eq!(Blob::new([0; 32], large), Err(BlobError::TooLarge { bytes: Blob::MAX_BYTES + 1 }));
        let blob = Blob::new([9; 32], b"password".to_vec()).unwrap();
        let shown = format!("{blob:?}");
        assert!(!shown.contains("password") && !shown.contains("0909"), "{shown}");
    }

    proptest! {
        #[test]
        fn nothing_else_opens_a_commitment(
            salt: [u8; 32],
            other: [u8; 32],
            body in proptest::collection::vec(any::<u8>(), 0..64),
            instead in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let same = Commitment::to(&salt, &body) == Commitment::to(&other, &instead);
            prop_assert_eq!(same, salt == other && body == instead);
        }

        #[test]
        fn reading_a_body_never_panics(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let blob = Blob::new([1; 32], body).unwrap();
            let _ = blob.content::<crate::Answer>();
            let _ = blob.content::<crate::Request>();
        }
    }
}
