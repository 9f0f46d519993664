//! A passkey out of what a browser gives when it has made one (§7.1): its site, identifier and public key. No attestation is
//! asked for, so nobody vouches for the device; two people vouch for the line, as for every key of a roster.
//!
//! What the browser asked the authenticator for names the installation, by its genesis, and the person: a passkey that was made on
//! another site's page, for another installation or under another name is none of ours.

use model::{Digest, PersonId};

use super::{
    assertion::Assertion,
    check::challenge,
    client_data::{self, Unfit},
    enrolled::{Passkey, PasskeyError},
    rp_id::RpId,
};

/// What the challenge of a new passkey is drawn from, beside the installation and the person.
pub const ENROLMENT: &str = "countersign-enrol@v1";

/// Why it cannot be enrolled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MadeError {
    #[error("the authenticator data has {0} bytes, too few for a new passkey, or more than the {max} that one can take", max = MAX)]
    Length(usize),
    #[error("the passkey was made for another site than {0}")]
    Site(RpId),
    #[error(
        "the authenticator did not verify who was there (a PIN, a finger, a face); it must, or the passkey counts for nothing"
    )]
    NotVerified,
    #[error("there is no new passkey in it")]
    None,
    #[error("what the browser said of making the passkey has {0} bytes, more than {max}", max = Assertion::MAX_CLIENT_DATA)]
    TooLong(usize),
    #[error("what the browser said of making the passkey cannot be read: {0}")]
    ClientData(String),
    #[error("the browser did this for `{0}`, not for `webauthn.create`: no passkey was made")]
    Type(String),
    #[error(
        "the passkey was made for another installation, or under another name: compare the fingerprint, load the page again and \
         make it there"
    )]
    Challenge,
    #[error(
        "the passkey was made on a page of `{found}`, and it would work on https://{rp_id} only: open the console there"
    )]
    Origin { found: String, rp_id: RpId },
    #[error("the passkey was made inside another site's page: open the console in a window of its own")]
    CrossOrigin,
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

/// An identifier, a key, and what extensions add.
const MAX: usize = 4096;
const HEAD: usize = 37;
const AAGUID: usize = 16;
const USER_VERIFIED: u8 = 1 << 2;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// What a browser gave, and for whom: `authenticator_data` and `client_data` of the response to
/// `navigator.credentials.create()` (§5.2.1, §6.5.1).
#[derive(Clone, Copy, Debug)]
pub struct Creation<'a> {
    pub rp_id: &'a RpId,
    pub installation: Digest,
    pub person: &'a PersonId,
    pub authenticator_data: &'a [u8],
    pub client_data: &'a [u8],
}

impl Creation<'_> {
    fn challenge(&self) -> Digest {
        challenge(ENROLMENT, format!("{} {}", self.installation, self.person).as_bytes())
    }
}

/// # Errors
/// Where it was not made here, for this installation and this person (§7.1 steps 7 to 12), or no assertion of it could ever
/// count.
pub fn made(creation: &Creation<'_>) -> Result<Passkey, MadeError> {
    let Creation { rp_id, client_data, authenticator_data, .. } = creation;
    if client_data.len() > Assertion::MAX_CLIENT_DATA {
        return Err(MadeError::TooLong(client_data.len()));
    }
    client_data::check(client_data, client_data::CREATE, rp_id, &creation.challenge()).map_err(|unfit| {
        match unfit {
            Unfit::Unreadable(why) => MadeError::ClientData(why),
            Unfit::Type(kind) => MadeError::Type(kind),
            Unfit::Challenge => MadeError::Challenge,
            Unfit::Origin(found) => MadeError::Origin { found, rp_id: (*rp_id).clone() },
            Unfit::CrossOrigin | Unfit::TopOrigin => MadeError::CrossOrigin,
        }
    })?;
    attested((*rp_id).clone(), authenticator_data)
}

fn attested(rp_id: RpId, authenticator_data: &[u8]) -> Result<Passkey, MadeError> {
    let short = || MadeError::Length(authenticator_data.len());
    if authenticator_data.len() > MAX {
        return Err(short());
    }
    let (head, rest) = authenticator_data.split_first_chunk::<HEAD>().ok_or_else(short)?;
    let [site @ .., flags, _, _, _, _] = *head;
    if Digest::from_bytes(site) != rp_id.hash() {
        return Err(MadeError::Site(rp_id));
    }
    if flags & USER_VERIFIED == 0 {
        return Err(MadeError::NotVerified);
    }
    if flags & ATTESTED == 0 {
        return Err(MadeError::None);
    }
    let (_, rest) = rest.split_at_checked(AAGUID).ok_or_else(short)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or_else(short)?;
    let (id, key) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).ok_or_else(short)?;
    // The key is all that follows, but where extensions do; those were not asked for.
    if flags & EXTENSIONS != 0 {
        return Err(PasskeyError::PublicKey.into());
    }
    Ok(Passkey::new(rp_id, id, key)?)
}
