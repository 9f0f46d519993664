//! Whether an assertion is its passkey's signature over a text, made for that text by a person who was verified
//! (§7.2, without the steps that need a memory: those are the caller's).

use model::Digest;

use super::{
    assertion::Assertion,
    authenticator_data,
    client_data::{self, Unfit},
    cose::{self, Failed},
    enrolled::Passkey,
    rp_id::RpId,
};

/// Why an assertion is no signature that counts.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssertionError {
    #[error("the assertion's {part} has {bytes} bytes, more than {max}")]
    TooLong { part: &'static str, bytes: usize, max: usize },
    #[error(
        "the assertion is not written as this version writes it: there is no line `{0}` where one belongs, with \
         base64url without padding behind a label"
    )]
    Text(&'static str),
    #[error("the assertion is of another credential than this passkey's")]
    Credential,
    #[error("what the browser said of the assertion cannot be read: {0}")]
    ClientData(String),
    #[error("the browser made this for `{0}`, not for `webauthn.get`: it is no assertion")]
    Type(String),
    #[error(
        "the assertion is over another text: the text was altered, or the assertion was made for something else; sign \
         this one"
    )]
    Challenge,
    #[error(
        "the assertion was made on a page of `{found}`, and this passkey signs on https://{rp_id} only: open the \
         console there"
    )]
    Origin { found: String, rp_id: RpId },
    #[error("the assertion was made inside another site's page: open the console in a window of its own")]
    CrossOrigin,
    #[error(
        "the assertion names a page around the one it was made on: open the console in a window of its own"
    )]
    TopOrigin,
    #[error("the authenticator's data has {0} bytes, which is too short for any")]
    Short(usize),
    #[error("the authenticator signed for another site than {0}: use the passkey that was enrolled there")]
    Site(RpId),
    #[error("the authenticator does not say that anybody was present: sign again, and touch it when it asks")]
    NotPresent,
    #[error(
        "the authenticator did not verify who was present: sign again with its PIN, fingerprint or face, and set one \
         up if it has none"
    )]
    NotVerified,
    #[error("the authenticator says that the passkey is backed up and cannot be: such data makes no sense")]
    Backup,
    #[error("the authenticator's data carries a new credential, which no assertion does")]
    Attested,
    #[error("the authenticator's data carries extensions, and none were asked for; sign without them")]
    Extensions,
    #[error("{0} bytes stand behind the authenticator's data, and belong to nothing")]
    Trailing(usize),
    #[error("the assertion's signature is not written as its algorithm's signatures are")]
    Encoding,
    #[error("the assertion's signature does not match: the assertion was altered, or another key made it")]
    Mismatch,
}

impl AssertionError {
    fn said(unfit: Unfit, rp_id: &RpId) -> Self {
        match unfit {
            Unfit::Unreadable(why) => Self::ClientData(why),
            Unfit::Type(kind) => Self::Type(kind),
            Unfit::Challenge => Self::Challenge,
            Unfit::Origin(found) => Self::Origin { found, rp_id: rp_id.clone() },
            Unfit::CrossOrigin => Self::CrossOrigin,
            Unfit::TopOrigin => Self::TopOrigin,
        }
    }
}

/// What an assertion shows besides its text. A person was present and verified, or there would be none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The authenticator's own count of its signatures; 0 where it keeps none (see
    /// [`compare_counters`](super::compare_counters)).
    pub counter: u32,
    /// The key may leave its device (§6.1.3).
    pub backup_eligible: bool,
    /// It has.
    pub backed_up: bool,
}

/// What an authenticator is asked to sign, for a text of this namespace: SHA-256 over the namespace, a zero byte and the
/// text. No namespace has a zero byte in it, so no two pairs come to the same bytes, and nothing signed for one namespace
/// counts in another. There is no chance in it (§13.4.3): each text carries its own, and asking twice for the same text is
/// asking for the same signature.
pub fn challenge(namespace: &str, text: &[u8]) -> Digest {
    Digest::of(&[namespace.as_bytes(), b"\0", text].concat())
}

/// Whether `assertion` is `passkey`'s over `challenge`. Everything it is held against is a parameter or stands in the
/// passkey's line: the site, and with it the origins ([`RpId::is_home_of`]).
pub fn check(assertion: &Assertion, passkey: &Passkey, challenge: &Digest) -> Result<Proven, AssertionError> {
    assertion.check_sizes()?;
    let Assertion { credential_id, authenticator_data, client_data, signature } = assertion;
    if credential_id != passkey.credential_id() {
        return Err(AssertionError::Credential);
    }
    client_data::check(client_data, client_data::GET, passkey.rp_id(), challenge)
        .map_err(|unfit| AssertionError::said(unfit, passkey.rp_id()))?;
    let proven = authenticator_data::check(authenticator_data, passkey.rp_id())?;
    let signed = [&authenticator_data[..], Digest::of(client_data).as_bytes()].concat();
    match cose::verify(passkey.public_key(), &signed, signature) {
        Ok(()) => Ok(proven),
        Err(Failed::Encoding) => Err(AssertionError::Encoding),
        Err(Failed::Mismatch) => Err(AssertionError::Mismatch),
    }
}
