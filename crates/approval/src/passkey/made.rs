//! A passkey out of what a browser gives when it has made one (§7.1): its site, identifier and public key. No attestation is
//! asked for, so nobody vouches for the device; two people vouch for the line, as for every key of a roster.

use model::Digest;

use super::{
    enrolled::{Passkey, PasskeyError},
    rp_id::RpId,
};

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

/// `authenticator_data`: of the response to `navigator.credentials.create()` (§5.2.1, §6.5.1).
///
/// # Errors
/// Where no assertion of it could ever count.
pub fn made(rp_id: RpId, authenticator_data: &[u8]) -> Result<Passkey, MadeError> {
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
