//! The transparency log as mathematics and formats: Merkle trees (RFC 6962, RFC 9162), signed notes and checkpoints
//! (C2SP `signed-note`, `tlog-checkpoint`), witnesses' cosignatures (C2SP `tlog-cosignature`, Ed25519), entry bundles and
//! tiles (C2SP `tlog-tiles`), receipts (C2SP `tlog-proof`), trust policies (C2SP `tlog-policy`). Floor 1, pure: no files,
//! no clock, no randomness; a signing key is made from 32 bytes that the caller drew.
//!
//! What is *absent*: what an entry means (`audit`), where it lies on disk (`ledger`), tiles over HTTP, and the protocol
//! of witnesses. Nothing here panics or allocates without a bound, whatever the input.
//!
//! **Size 0.** Implementations differ where a tree is empty; here it is so:
//!
//! - The root is the hash of nothing. The empty tree has no tiles and no bundles ([`grown`], [`Plan::root`]).
//! - No entry is in it: [`verify_inclusion`] says so, and there is no proof and no plan of one.
//! - A consistency proof from it would say nothing, as every tree extends it. In the library that is an error
//!   ([`ProofError::EmptyTree`]) and not a success: whoever asks has a size of 0 where they believe to have a checkpoint.
//! - At the wire the rule of `tlog-witness` holds, in [`verify_growth`] alone: from size 0 the empty proof is right and any
//!   other wrong, since that is how a witness meets a log for the first time.
//! - A signed checkpoint of size 0 with another root is refused there and under a [`Policy`].

pub mod bundle;
mod checkpoint;
mod cosignature;
mod edge;
mod frontier;
mod hash;
mod key;
mod note;
mod plan;
mod policy;
mod proof;
mod receipt;
mod tile;

pub use checkpoint::{Checkpoint, CheckpointError, open_checkpoint, sign_checkpoint, verify_growth};
pub use cosignature::{cosign, cosign_text, open_cosigned, open_cosigned_text};
pub use edge::{Edge, FullTile};
pub use frontier::Frontier;
pub use hash::{Hash, HashError, empty_root, leaf_hash, node_hash, root_of};
pub use key::{KeyError, Signer, SigningKey, Verifier, VerifierKey, WitnessKey, WitnessSigningKey};
pub use note::{NoteError, open_note, sign_note};
pub use plan::{MissingTile, Plan, Run};
pub use policy::{
    Cosigned, LineFault, Missing, Octets, Policy, PolicyError, PolicyLog, PolicyWitness, UnmetError, Vouched,
};
pub use proof::{
    ProofError, consistency_proof, consistency_ranges, inclusion_proof, inclusion_ranges, verify_consistency,
    verify_inclusion,
};
pub use receipt::{Receipt, ReceiptError};
pub use tile::{LEVELS, PathError, Resource, Tile, TileError, encode_hashes, grown};
