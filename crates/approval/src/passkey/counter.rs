//! What signature counters tell of an authenticator (§6.1.1, §7.2 step 22). Remembering the last one is the caller's.

use super::{Assertion, authenticator_data};

/// Of which credential an assertion says that it is, and its counter; `None` of a signature that is none. Both are said only:
/// to be asked of a signature that holds.
pub fn counted(signature: &str) -> Option<(Vec<u8>, u32)> {
    let Assertion { credential_id, authenticator_data: data, .. } =
        Assertion::begins(signature).then(|| Assertion::parse(signature).ok()).flatten()?;
    Some((credential_id, authenticator_data::counter(&data)?))
}

/// A signal and no proof: assertions that were made in one order may arrive in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counter {
    /// It went up, as one authenticator's does.
    Advances,
    /// The authenticator keeps none; many passkeys that are synchronised do not.
    NotKept,
    /// It did not go up: the key may exist twice.
    MayBeCloned,
}

/// `last`: of the newest assertion known of this credential, 0 where none is.
pub const fn compare_counters(last: u32, now: u32) -> Counter {
    match (last, now) {
        (0, 0) => Counter::NotKept,
        _ if now > last => Counter::Advances,
        _ => Counter::MayBeCloned,
    }
}
