//! The transparency log as mathematics and formats: Merkle trees (RFC 6962, RFC 9162), signed notes and checkpoints
//! (C2SP `signed-note`, `tlog-checkpoint`), witnesses' cosignatures (C2SP `tlog-cosignature`, Ed25519), entry bundles
//! (C2SP `tlog-tiles`), receipts (C2SP `tlog-proof`). Floor 1, pure: no files, no clock, no randomness; a signing key
//! is made from 32 bytes that the caller drew.
//!
//! What is *absent*: what an entry means (`audit`), where it lies on disk (`ledger`), tiles over HTTP, and the protocol
//! of witnesses. Nothing here panics or allocates without a bound, whatever the input.

pub mod bundle;
mod checkpoint;
mod cosignature;
mod frontier;
mod hash;
mod key;
mod note;
mod proof;
mod receipt;

pub use checkpoint::{Checkpoint, CheckpointError, open_checkpoint, sign_checkpoint, verify_growth};
pub use cosignature::{cosign, cosign_text, open_cosigned, open_cosigned_text};
pub use frontier::Frontier;
pub use hash::{Hash, HashError, empty_root, leaf_hash, node_hash, root_of};
pub use key::{KeyError, Signer, SigningKey, Verifier, VerifierKey, WitnessKey, WitnessSigningKey};
pub use note::{NoteError, open_note, sign_note};
pub use proof::{
    ProofError, consistency_proof, consistency_ranges, inclusion_proof, inclusion_ranges, verify_consistency,
    verify_inclusion,
};
pub use receipt::{Receipt, ReceiptError};
