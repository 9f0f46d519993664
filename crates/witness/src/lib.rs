//! The protocol by which a log has its checkpoints cosigned (C2SP `tlog-witness`), both sides of it: what a witness
//! answers to a request ([`Submission`]), what a log makes of the answer ([`Reply`]), and which checkpoint has how many
//! cosignatures ([`Gathering`]). Floor 2, pure: bytes in, the next state and the answer out. Who listens, who writes
//! the state to disk before the answer leaves, and who connects, is `countersign`.
//!
//! What is *absent*: `sign-subtree` (optional there), cosignatures of other types than Ed25519, and logs whose key has
//! another name than their origin.

mod gathering;
mod growth;
mod logs;
mod record;
mod refusal;
mod reply;
mod request;
mod submission;

pub use gathering::Gathering;
pub use growth::{Contradiction, contradiction, open_witnessed};
pub use logs::{Logs, LogsError};
pub use record::{Record, RecordError};
pub use refusal::{Answer, Fork, Refusal};
pub use reply::{Reply, ReplyError};
pub use request::{MAX_BODY, MAX_PROOF, Malformed, Request};
pub use submission::{Step, Submission};

use sha2::{Digest as _, Sha256};

/// Where checkpoints are handed in, below the submission prefix; by POST.
pub const ADD_CHECKPOINT: &str = "/add-checkpoint";

/// The name under which a witness shows what it last cosigned of a log: SHA-256 of its origin, lower-case hexadecimal.
pub fn origin_hash(origin: &str) -> String {
    hex::encode(Sha256::digest(origin))
}

/// Where that is shown, below the monitoring prefix; by GET.
pub fn checkpoint_path(origin: &str) -> String {
    format!("/{}/checkpoint", origin_hash(origin))
}

/// A tree's size as requests and answers write it: decimal, without leading zeros.
fn size_of(text: &str) -> Option<u64> {
    let decimal = (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    let canonical = text == "0" || !text.starts_with('0');
    if decimal && canonical { text.parse().ok() } else { None }
}
