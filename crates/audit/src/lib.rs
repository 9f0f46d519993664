//! The offline verifier (promise 11): whether a log, the checkpoints that left the building and the database's rows
//! tell one story, and whether that story keeps the rules. Pure: bytes in, a report out; who reads files is the
//! caller. Nothing a log contains makes it stop early or panic.
//!
//! What it starts from is the genesis fingerprint that people compared. Without it a report may be `ok` and is still
//! not `authenticated`: somebody else's well-formed log would look the same.
//!
//! What is *absent*: whether a verdict was right (that takes the bundle and the policy), and what was done with the
//! real credentials behind the log's back.

mod bodies;
mod commitments;
mod continuity;
mod entries;
mod history;
mod permits;
mod policy;
mod receipt;
mod report;
mod roots;
mod rows;
mod signatures;

use model::{Digest, Genesis};
use tlog::{VerifierKey, leaf_hash};

pub use bodies::Body;
pub use continuity::Continues;
pub use policy::unmet;
pub use receipt::{NoReceipt, Shown, Void, check_receipt, receipt};
pub use report::{CheckpointView, Code, Problem, Report};
pub use rows::{Database, Row};

use crate::{report::Findings, roots::Roots};

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

pub fn verify(input: &AuditInput<'_>) -> Report {
    let mut findings = Findings::default();
    let genesis = genesis(input, &mut findings);
    let fingerprint = genesis.as_ref().map(|(genesis, _)| genesis.fingerprint());
    let authenticated = input.expected_genesis.is_some() && fingerprint == input.expected_genesis;

    let roots = Roots::new(input.entries.iter().map(|entry| leaf_hash(entry)).collect());
    let entries = entries::parse(input.entries, &mut findings);
    let own = genesis.as_ref().map(|(genesis, _)| genesis.clone());
    let signatures = signatures::check(&entries, fingerprint, &mut findings);
    let committed =
        genesis.map(|(_, key)| commitments::check(input, &key, &roots, &entries, &signatures, &mut findings));
    let sound = committed.as_ref().is_some_and(|committed| committed.sound);
    history::check(&entries, fingerprint, &mut findings);
    let mut continuities = continuity::Continuities::default();
    entries.iter().for_each(|placed| continuities.take(placed, own.as_ref(), &mut findings));
    permits::check(&entries, &signatures, sound.then_some(&roots), &mut findings);
    if let Some(database) = &input.database {
        rows::check(input.entries, &entries, database, &mut findings);
    }
    let checkpoint = committed.and_then(|committed| committed.checkpoint);
    let mut report = findings.into_report(authenticated, input.entries.len() as u64, checkpoint);
    report.continues = continuities.told();
    report
}

/// The installation's document and the key it names.
fn genesis(input: &AuditInput<'_>, findings: &mut Findings) -> Option<(Genesis, VerifierKey)> {
    let genesis = match Genesis::from_json(&input.genesis) {
        Ok(genesis) => genesis,
        Err(err) => {
            findings.add(
                Code::GenesisUnreadable,
                None,
                format!("genesis.json cannot be read as a genesis: {err}"),
            );
            return None;
        }
    };
    let fingerprint = genesis.fingerprint();
    if let Some(expected) = input.expected_genesis.filter(|expected| *expected != fingerprint) {
        findings.add(
            Code::GenesisDiffers,
            None,
            format!("genesis.json has the fingerprint {fingerprint}, not {expected}: this is another installation's log"),
        );
    }
    match genesis.vkey.parse::<VerifierKey>() {
        Ok(key) if key.name() == genesis.origin => Some((genesis, key)),
        Ok(key) => {
            let message =
                format!("genesis.json names the origin {}, but its key is {}'s", genesis.origin, key.name());
            findings.add(Code::GenesisKey, None, message);
            None
        }
        Err(err) => {
            findings.add(Code::GenesisKey, None, format!("genesis.json names no usable key: {err}"));
            None
        }
    }
}
