//! Receipts of entries: what somebody takes along, to show later that this very entry stood in the log. The entry and the
//! genesis ride along in the receipt's extra; the fingerprint that people compared vouches for the genesis, that for the
//! log's key, the key for the checkpoint, and the checkpoint for the entry.

use model::{Digest, Entry, Genesis};
use serde::{Deserialize, Serialize};
use tlog::{Hash, Receipt, ReceiptError, VerifierKey, inclusion_proof, leaf_hash, open_checkpoint, root_of};

use crate::CheckpointView;

/// What rides along; nothing of it is believed for its own sake.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Extra {
    /// `genesis.json`, as it is.
    genesis: String,
    /// The entry's bytes, which are text.
    entry: String,
}

/// Why no receipt can be given.
#[derive(Debug, thiserror::Error)]
pub enum NoReceipt {
    #[error("the log cannot be read: {0}")]
    Log(String),
    #[error("the log's checkpoint covers {size} entries, so there is no receipt of entry {index} yet")]
    NotCovered { index: u64, size: u64 },
    #[error("the entries are not those that the checkpoint was signed for; run `countersign audit verify`")]
    Altered,
}

/// What a receipt shows, where it holds.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// The genesis is the one that the auditor knows from elsewhere.
    pub authenticated: bool,
    pub genesis: Digest,
    pub checkpoint: CheckpointView,
    pub index: u64,
    pub entry: Entry,
}

/// Why a receipt shows nothing.
#[derive(Debug, thiserror::Error)]
pub enum Void {
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error("the receipt carries no entry and no genesis that can be read: {0}")]
    Extra(String),
    #[error("the receipt's genesis names no usable key: {0}")]
    Key(String),
    #[error(
        "the receipt's genesis has the fingerprint {found}, not {expected}: it is of another installation"
    )]
    Genesis { found: Digest, expected: Digest },
    #[error("what the receipt carries is no entry of a log: {0}")]
    Entry(String),
}

/// A receipt of the entry at `index`, under the newest checkpoint. `genesis` and `checkpoint` are the bytes of the log's
/// files, `entries` all of its entries.
///
/// # Errors
/// [`NoReceipt`]: where the log is not sound there is nothing to vouch with.
pub fn receipt(
    genesis: &[u8],
    checkpoint: &[u8],
    entries: &[Vec<u8>],
    index: u64,
) -> Result<Receipt, NoReceipt> {
    let log = |err: &dyn std::fmt::Display| NoReceipt::Log(err.to_string());
    let document = std::str::from_utf8(genesis).map_err(|err| log(&err))?;
    let (_, key) = key_of(document).map_err(|err| log(&err))?;
    let note = std::str::from_utf8(checkpoint).map_err(|err| log(&err))?;
    let opened = open_checkpoint(note, &key).map_err(|err| log(&err))?;
    let covered = usize::try_from(opened.size).ok().and_then(|size| entries.get(..size));
    let leaves: Vec<Hash> = covered.ok_or(NoReceipt::Altered)?.iter().map(|entry| leaf_hash(entry)).collect();
    if root_of(&leaves) != opened.root {
        return Err(NoReceipt::Altered);
    }
    let not_covered = NoReceipt::NotCovered { index, size: opened.size };
    let Some(proof) = inclusion_proof(&leaves, index, opened.size) else { return Err(not_covered) };
    let entry = usize::try_from(index).ok().and_then(|index| entries.get(index)).ok_or(not_covered)?;
    let extra = Extra {
        genesis: document.to_owned(),
        entry: String::from_utf8(entry.clone()).map_err(|err| log(&err))?,
    };
    let extra = serde_json::to_vec(&extra).map_err(|err| log(&err))?;
    Ok(Receipt { extra: Some(extra), index, proof, checkpoint: note.to_owned() })
}

/// What the receipt shows to somebody who knows the installation by `expected`, or to somebody who does not.
///
/// # Errors
/// [`Void`], with the one thing that does not hold.
pub fn check_receipt(text: &str, expected: Option<Digest>) -> Result<Shown, Void> {
    let receipt = Receipt::parse(text)?;
    let extra: Extra = serde_json::from_slice(receipt.extra.as_deref().unwrap_or_default())
        .map_err(|err| Void::Extra(err.to_string()))?;
    let (genesis, key) = key_of(&extra.genesis).map_err(Void::Key)?;
    let found = genesis.fingerprint();
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Void::Genesis { found, expected });
    }
    let checkpoint = receipt.verify(&leaf_hash(extra.entry.as_bytes()), &key)?;
    let entry: Entry = serde_json::from_str(&extra.entry).map_err(|err| Void::Entry(err.to_string()))?;
    Ok(Shown {
        authenticated: expected.is_some(),
        genesis: found,
        checkpoint: CheckpointView::of(checkpoint),
        index: receipt.index,
        entry,
    })
}

fn key_of(genesis: &str) -> Result<(Genesis, VerifierKey), String> {
    let genesis = Genesis::from_json(genesis.as_bytes()).map_err(|err| err.to_string())?;
    let key = genesis.vkey.parse::<VerifierKey>().map_err(|err| err.to_string())?;
    if key.name() == genesis.origin {
        Ok((genesis, key))
    } else {
        Err(format!("its origin is {}, but its key is {}'s", genesis.origin, key.name()))
    }
}
