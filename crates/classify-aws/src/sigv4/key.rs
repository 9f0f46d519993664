//! Keys and what they sign: the derived signing key, the string to sign, and the chain of chunk signatures. Nothing
//! here prints a key, and what held one is wiped when dropped.

use std::{
    collections::HashMap,
    fmt,
    sync::{LazyLock, Mutex, PoisonError},
};

use hmac::{
    Hmac, Mac as _,
    digest::{KeyInit, generic_array::GenericArray},
};
use model::Digest;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, ZeroizeOnDrop, Zeroizing};

use super::{ALGORITHM, TERMINATOR};

/// The real credentials that a request is forwarded under.
#[derive(Clone, ZeroizeOnDrop)]
pub struct SigningCredentials {
    pub access_key: String,
    pub secret: String,
    pub session_token: Option<String>,
}

impl fmt::Debug for SigningCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningCredentials({})", model::sanitize(&self.access_key, 128))
    }
}

/// `date/region/service/aws4_request`
pub(super) fn scope(date: &str, region: &str, service: &str) -> String {
    format!("{date}/{region}/{service}/{TERMINATOR}")
}

/// The key of one day, region and service.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct SigningKey(Zeroizing<[u8; 32]>);

/// Keys derived lately, by the hash of what they were derived from: they are the same all day long. Wiped when dropped.
static DERIVED: LazyLock<Mutex<HashMap<[u8; 32], SigningKey>>> = LazyLock::new(Mutex::default);
const MAX_DERIVED: usize = 512;

impl SigningKey {
    pub(super) fn derive(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let mut from = Sha256::new();
        for part in [secret, date, region, service] {
            from.update(part.as_bytes());
            // So that no two lists of parts run together into the same bytes.
            from.update([0]);
        }
        let from: [u8; 32] = from.finalize().into();
        let mut derived = DERIVED.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = derived.get(&from) {
            return key.clone();
        }
        if derived.len() >= MAX_DERIVED {
            derived.clear();
        }
        let key = Self::derive_anew(secret, date, region, service);
        derived.insert(from, key.clone());
        key
    }

    fn derive_anew(secret: &str, date: &str, region: &str, service: &str) -> Self {
        let root = Zeroizing::new(format!("AWS4{secret}"));
        let mut key = Zeroizing::new(hmac(root.as_bytes(), date.as_bytes()));
        for step in [region, service, TERMINATOR] {
            key = Zeroizing::new(hmac(key.as_slice(), step.as_bytes()));
        }
        Self(key)
    }

    pub(super) fn sign_request(&self, stamp: &str, scope: &str, canonical_request: &str) -> [u8; 32] {
        let hash = hex::encode(Sha256::digest(canonical_request.as_bytes()));
        hmac(self.0.as_slice(), format!("{ALGORITHM}\n{stamp}\n{scope}\n{hash}").as_bytes())
    }
}

/// Compares without telling by its time where two signatures part.
pub(super) fn same(left: &[u8; 32], right: &[u8; 32]) -> bool {
    left.ct_eq(right).into()
}

/// A signature as it is written: 64 lower-case hexadecimal digits.
pub(super) fn read_signature(text: &str) -> Option<[u8; 32]> {
    text.parse::<Digest>().ok().map(|digest| *digest.as_bytes())
}

/// Verifies the signatures of an `aws-chunked` body one after another: each covers its chunk and the one before it,
/// the first one the signature of the request.
#[derive(Clone, PartialEq, Eq)]
pub struct ChunkChain {
    key: SigningKey,
    stamp: String,
    scope: String,
    previous: [u8; 32],
}

impl ChunkChain {
    pub(super) const fn new(key: SigningKey, stamp: String, scope: String, seed: [u8; 32]) -> Self {
        Self { key, stamp, scope, previous: seed }
    }

    /// True where `signature` is the next one of the chain over `chunk`; the chain goes on from it.
    pub(crate) fn accepts_chunk(&mut self, chunk: &[u8], signature: &str) -> bool {
        let content = format!("{}\n{}", hex::encode(Sha256::digest(b"")), hex::encode(Sha256::digest(chunk)));
        self.accepts("AWS4-HMAC-SHA256-PAYLOAD", &content, signature)
    }

    /// True where `signature` is the chain's last one, over the trailing headers (`name:value\n` each).
    pub(crate) fn accepts_trailer(&mut self, trailer: &str, signature: &str) -> bool {
        self.accepts("AWS4-HMAC-SHA256-TRAILER", &hex::encode(Sha256::digest(trailer.as_bytes())), signature)
    }

    fn accepts(&mut self, kind: &str, content: &str, signature: &str) -> bool {
        let expected = self.next(kind, content);
        let accepted = read_signature(signature).is_some_and(|given| same(&given, &expected));
        self.previous = expected;
        accepted
    }

    fn next(&self, kind: &str, content: &str) -> [u8; 32] {
        let previous = hex::encode(self.previous);
        let text = format!("{kind}\n{}\n{}\n{previous}\n{content}", self.stamp, self.scope);
        hmac(self.key.0.as_slice(), text.as_bytes())
    }
}

impl fmt::Debug for ChunkChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChunkChain(…)")
    }
}

/// HMAC-SHA-256. A key shorter than a block is padded with zeros by definition, so padding it here changes nothing
/// and leaves no key length that could fail.
fn hmac(key: &[u8], message: &[u8]) -> [u8; 32] {
    let mut block = [0u8; 64];
    let hashed: [u8; 32];
    let short = if key.len() > block.len() {
        hashed = Sha256::digest(key).into();
        hashed.as_slice()
    } else {
        key
    };
    for (slot, byte) in block.iter_mut().zip(short) {
        *slot = *byte;
    }
    let mut mac = <Hmac<Sha256> as KeyInit>::new(GenericArray::from_slice(&block));
    block.zeroize();
    mac.update(message);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_rfc_4231() {
        let check = |key: &[u8], message: &[u8], expected: &str| {
            assert_eq!(hex::encode(hmac(key, message)), expected)
        };
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
    }

    #[test]
    fn debug_shows_no_key() {
        let credentials = SigningCredentials {
            access_key: "AKIA1".into(),
            secret: "sesame".into(),
            session_token: Some("sesame".into()),
        };
        assert_eq!(format!("{credentials:?}"), "SigningCredentials(AKIA1)");
        let key = SigningKey::derive("sesame", "20261121", "us-east-1", "s3");
        assert_eq!(
            format!("{:?}", ChunkChain::new(key, String::new(), String::new(), [7; 32])),
            "ChunkChain(…)"
        );
    }
}
