//! The offline verifier (promise 11): whether a log, the checkpoints that left the building and the database's rows
//! tell one story, and whether that story keeps the rules. Pure: bytes in, a report out; who reads files is the
//! caller. Nothing a log contains makes it stop early or panic.
//!
//! What it starts from is the genesis fingerprint that people compared. Without it a report may be `ok` and is still
//! not `authenticated`: somebody else's well-formed log would look the same.
//!
//! [`Auditor`] takes a log an entry at a time and keeps no entries, [`verify`] one that is at hand, [`Since`] what came after a
//! checkpoint.
//!
//! What is *absent*: whether a verdict was right (that takes the bundle and the policy), and what was done with the
//! real credentials behind the log's back.

mod auditor;
mod bodies;
mod commitments;
mod continuity;
mod decisions;
mod entries;
mod glass;
mod history;
mod ids;
mod permits;
mod policy;
mod proofs;
mod receipt;
mod report;
mod roots;
mod rows;
mod sessions;
mod signatures;
mod since;
mod standing;
mod steps;

use model::Digest;

pub use auditor::{Auditor, Given};
pub use bodies::Body;
pub use continuity::Continues;
pub use decisions::Undecided;
pub use entries::decided_under;
pub use policy::unmet;
pub use proofs::{CERTIFICATE, UNPROVED, Unproved};
pub use receipt::{
    NoReceipt, Shown, Void, check_receipt, receipt, receipt_by_proof, receipt_from_tiles, vouched,
};
pub use report::{CheckpointView, Code, Problem, Report};
pub use rows::{Database, Row};
pub use since::{Since, Step};

/// What there is to verify.
#[derive(Clone, Debug)]
pub struct AuditInput<'a> {
    /// The bytes of `log/genesis.json`.
    pub genesis: Vec<u8>,
    /// The fingerprint the auditor knows from elsewhere.
    pub expected_genesis: Option<Digest>,
    /// The bytes of `log/checkpoint`.
    pub checkpoint: Vec<u8>,
    /// Signed checkpoints that left the building: from clients, messages, witnesses.
    pub held_checkpoints: Vec<String>,
    pub entries: &'a [Vec<u8>],
    /// The database, where it is to be compared; read before the log.
    pub database: Option<Database>,
}

/// A log whose entries are all at hand; for one that is read piece by piece, [`Auditor`].
pub fn verify(input: &AuditInput<'_>) -> Report {
    let mut auditor = Auditor::new(Given {
        genesis: &input.genesis,
        expected_genesis: input.expected_genesis,
        checkpoint: &input.checkpoint,
        held_checkpoints: &input.held_checkpoints,
        database: input.database.as_ref(),
    });
    input.entries.iter().for_each(|entry| auditor.entry(entry));
    auditor.finish()
}
