//! What the authenticator says of the ceremony (§6.1): for whose site, whether a person was there and was verified.

use model::Digest;

use super::{
    check::{AssertionError, Proven},
    rp_id::RpId,
};

// Flags, by their bits; 1 and 5 are reserved and mean nothing yet.
const USER_PRESENT: u8 = 1 << 0;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// The hash of the site, the flags, the counter. Without a new credential and without extensions there is no more.
const LENGTH: usize = 37;

/// The count of signatures, of data that may not have been looked at.
pub(crate) fn counter(bytes: &[u8]) -> Option<u32> {
    let (head, _) = bytes.split_first_chunk::<LENGTH>()?;
    let [.., one, two, three, four] = *head;
    Some(u32::from_be_bytes([one, two, three, four]))
}

/// §7.2 steps 15 to 18, and 23: what was not asked for is refused, so there is no CBOR to read.
pub(crate) fn check(bytes: &[u8], rp_id: &RpId) -> Result<Proven, AssertionError> {
    let (head, rest) = bytes.split_first_chunk::<LENGTH>().ok_or(AssertionError::Short(bytes.len()))?;
    let [site @ .., flags, one, two, three, four] = *head;
    let has = |flag| flags & flag != 0;
    if Digest::from_bytes(site) != rp_id.hash() {
        return Err(AssertionError::Site(rp_id.clone()));
    }
    if !has(USER_PRESENT) {
        return Err(AssertionError::NotPresent);
    }
    if !has(USER_VERIFIED) {
        return Err(AssertionError::NotVerified);
    }
    if has(BACKED_UP) && !has(BACKUP_ELIGIBLE) {
        return Err(AssertionError::Backup);
    }
    if has(ATTESTED) {
        return Err(AssertionError::Attested);
    }
    if has(EXTENSIONS) {
        return Err(AssertionError::Extensions);
    }
    if !rest.is_empty() {
        return Err(AssertionError::Trailing(rest.len()));
    }
    Ok(Proven {
        counter: u32::from_be_bytes([one, two, three, four]),
        backup_eligible: has(BACKUP_ELIGIBLE),
        backed_up: has(BACKED_UP),
    })
}
