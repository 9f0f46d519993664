//! Approvals by passkey: a person's roster line that is a WebAuthn credential, and one assertion of it per statement.
//!
//! Written after Web Authentication Level 3, whose section numbers stand beside each check. What is ours: the challenge
//! is no random number but the [`challenge`] of the text, so an assertion is a signature over that text; user
//! verification is required of every one; and all that an assertion is held against stands in the statement and in the
//! roster, so that whoever has both verifies it offline, years later, with the same answer.
//!
//! What is *absent*: attestation, extensions, and whoever remembers the last counter (the engine does).

mod assertion;
mod authenticator_data;
mod check;
mod client_data;
mod cose;
mod counter;
mod elsewhere;
mod enrolled;
mod made;
mod rp_id;

pub use assertion::Assertion;
pub use check::{AssertionError, Proven, challenge, check};
pub use counter::{Counter, compare_counters, counted};
pub use elsewhere::{Elsewhere, elsewhere};
pub use enrolled::{Passkey, PasskeyError};
pub use made::{Creation, ENROLMENT, MadeError, made};
pub use rp_id::{RpId, RpIdError};
