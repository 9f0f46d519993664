//! OpenSSH's signature format (PROTOCOL.sshsig), verified. `ssh-key` decodes and does the arithmetic; the version, the
//! namespace, the reserved field, a security key's flags and the spelling are checked here, because it does not.

use model::{EnrolledKey, Presence, sanitize};
use ssh_key::{Algorithm, PublicKey, SshSig, public::KeyData};

use crate::{
    armor::{self, TRAILER},
    key::{self, KeyError},
};

const MAX_ARMORED: usize = 4096;
/// `user present` in a security key's flags (PROTOCOL.u2f).
const USER_PRESENT: u8 = 0x01;

/// Why something is no signature that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("the signature is longer than {MAX_ARMORED} characters")]
    TooLong,
    #[error("the signature cannot be decoded: {0}; it begins with -----BEGIN SSH SIGNATURE-----")]
    Malformed(String),
    #[error("the signature says that it is of version {0}; only version 1 is known")]
    Version(u32),
    #[error(
        "the signature was made for `{found}`, not for `{expected}`; sign with `ssh-keygen -Y sign -n {expected}`"
    )]
    Namespace { expected: &'static str, found: String },
    #[error("the signature's reserved field is not empty")]
    Reserved,
    #[error("the signature's key is refused: {0}")]
    Key(#[from] KeyError),
    #[error("the signature's kind is not its key's kind")]
    Kind,
    #[error("the signature is not written as OpenSSH writes it")]
    Spelling,
    #[error("the signature does not match the text: the text or the signature was altered")]
    Mismatch,
    #[error(
        "the security key was not touched for this signature; sign again with a key that asks to be touched"
    )]
    NotTouched,
}

/// A decoded signature whose form is right; nothing was computed, and nothing is known to be signed yet.
pub(crate) struct Opened {
    signature: SshSig,
    namespace: &'static str,
    pub(crate) key: EnrolledKey,
}

impl Opened {
    pub(crate) fn open(armored: &str, namespace: &'static str) -> Result<Self, SignatureError> {
        if armored.len() > MAX_ARMORED {
            return Err(SignatureError::TooLong);
        }
        let signature =
            SshSig::from_pem(armored.trim()).map_err(|err| SignatureError::Malformed(err.to_string()))?;
        if signature.version() != SshSig::VERSION {
            return Err(SignatureError::Version(signature.version()));
        }
        if signature.namespace() != namespace {
            let found = sanitize(signature.namespace(), 64);
            return Err(SignatureError::Namespace { expected: namespace, found });
        }
        if !signature.reserved().is_empty() {
            return Err(SignatureError::Reserved);
        }
        if signature.algorithm() != signature.public_key().algorithm() {
            return Err(SignatureError::Kind);
        }
        let key = key::spell(signature.public_key())?;
        check_spelling(&signature, armored)?;
        Ok(Self { signature, namespace, key })
    }

    pub(crate) fn key_data(&self) -> &KeyData {
        self.signature.public_key()
    }

    /// How presence is shown by this signature, if it is one over `message`.
    pub(crate) fn verify(&self, message: &[u8]) -> Result<Presence, SignatureError> {
        key::check_point(self.signature.public_key())?;
        PublicKey::from(self.signature.public_key().clone())
            .verify(self.namespace, message, &self.signature)
            .map_err(|_| SignatureError::Mismatch)?;
        match self.signature.algorithm() {
            Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => {
                let flags = self.signature.signature_bytes().iter().rev().nth(TRAILER - 1);
                match flags {
                    Some(flags) if flags & USER_PRESENT != 0 => Ok(Presence::Touched),
                    Some(_) | None => Err(SignatureError::NotTouched),
                }
            }
            // Only accepted kinds get here; those without a trailer prove nothing about presence.
            _ => Ok(Presence::File),
        }
    }
}

/// A signature has one spelling, line breaks aside: `ssh-key` also takes lengths that do not fit what they announce.
fn check_spelling(signature: &SshSig, armored: &str) -> Result<(), SignatureError> {
    let key =
        PublicKey::from(signature.public_key().clone()).to_bytes().map_err(|_| SignatureError::Spelling)?;
    let inner = armor::wire_form(signature.signature());
    let written = armor::armored(&key, signature.namespace(), signature.hash_alg().as_str(), &inner);
    let solid = |text: &str| text.split_ascii_whitespace().collect::<String>();
    if solid(&written) == solid(armored) { Ok(()) } else { Err(SignatureError::Spelling) }
}
