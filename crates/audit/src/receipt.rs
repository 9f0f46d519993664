//! Receipts of entries: what somebody takes along, to show later that this very entry stood in the log. The entry and the
//! genesis ride along in the receipt's extra; the fingerprint that people compared vouches for the genesis, that for the
//! log's key, the key for the checkpoint, and the checkpoint for the entry.

use std::collections::BTreeMap;

use model::{Digest, Entry, Genesis};
use serde::{Deserialize, Serialize};
use tlog::{
    Checkpoint, Hash, Plan, Policy, Receipt, ReceiptError, Resource, Tile, VerifierKey, Vouched, bundle,
    inclusion_proof, leaf_hash, open_checkpoint, root_of, verify_inclusion,
};

use crate::{CheckpointView, entries};

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
    let log = Log::open(genesis, checkpoint)?;
    let covered = usize::try_from(log.checkpoint.size).ok().and_then(|size| entries.get(..size));
    let leaves: Vec<Hash> = covered.ok_or(NoReceipt::Altered)?.iter().map(|entry| leaf_hash(entry)).collect();
    if root_of(&leaves) != log.checkpoint.root {
        return Err(NoReceipt::Altered);
    }
    let proof = inclusion_proof(&leaves, index, log.checkpoint.size);
    let entry = usize::try_from(index).ok().and_then(|index| entries.get(index));
    let (Some(proof), Some(entry)) = (proof, entry) else { return Err(log.not_covered(index)) };
    log.receipt(entry, index, proof)
}

/// The same out of a few of the log's files, which `read` has the bytes of; where it has not, or they do not lead to the
/// checkpoint's root, [`NoReceipt::Altered`].
pub fn receipt_from_tiles(
    genesis: &[u8],
    checkpoint: &[u8],
    index: u64,
    mut read: impl FnMut(Resource) -> Option<Vec<u8>>,
) -> Result<Receipt, NoReceipt> {
    let log = Log::open(genesis, checkpoint)?;
    let Checkpoint { size, root, .. } = log.checkpoint;
    let plan = Plan::inclusion(index, size).ok_or_else(|| log.not_covered(index))?;
    let mut hashes = |tile: Tile| Some((tile, tile.decode(&read(Resource::Hashes(tile))?).ok()?));
    let tiles: Option<BTreeMap<_, _>> = plan.tiles().into_iter().map(&mut hashes).collect();
    let proof = tiles.and_then(|tiles| plan.fill(&tiles).ok()).ok_or(NoReceipt::Altered)?;
    let tile = Tile::of_tree(0, index / bundle::WIDTH, size).ok_or(NoReceipt::Altered)?;
    let bytes = read(Resource::Entries(tile)).ok_or(NoReceipt::Altered)?;
    let place = usize::try_from(index % bundle::WIDTH).map_err(|_| NoReceipt::Altered)?;
    let entries = bundle::whole_entries(&bytes, bundle::WIDTH).entries;
    let entry = entries.get(place).ok_or(NoReceipt::Altered)?;
    verify_inclusion(&leaf_hash(entry), index, size, &proof, &root).map_err(|_| NoReceipt::Altered)?;
    log.receipt(entry, index, proof)
}

/// The same, where whoever has the log open has the entry and the proof at hand.
///
/// # Errors
/// [`NoReceipt::Altered`] where they do not lead to the checkpoint's root.
pub fn receipt_by_proof(
    genesis: &[u8],
    checkpoint: &[u8],
    (index, entry): (u64, &[u8]),
    proof: Vec<Hash>,
) -> Result<Receipt, NoReceipt> {
    let log = Log::open(genesis, checkpoint)?;
    let Checkpoint { size, root, .. } = log.checkpoint;
    if index >= size {
        return Err(log.not_covered(index));
    }
    verify_inclusion(&leaf_hash(entry), index, size, &proof, &root).map_err(|_| NoReceipt::Altered)?;
    log.receipt(entry, index, proof)
}

/// What a log's small files say.
struct Log<'a> {
    genesis: &'a str,
    note: &'a str,
    checkpoint: Checkpoint,
}

impl<'a> Log<'a> {
    fn open(genesis: &'a [u8], checkpoint: &'a [u8]) -> Result<Self, NoReceipt> {
        let genesis = std::str::from_utf8(genesis).map_err(|err| unreadable(&err))?;
        let (_, key) = key_of(genesis).map_err(|err| unreadable(&err))?;
        let note = std::str::from_utf8(checkpoint).map_err(|err| unreadable(&err))?;
        let checkpoint = open_checkpoint(note, &key).map_err(|err| unreadable(&err))?;
        Ok(Self { genesis, note, checkpoint })
    }

    const fn not_covered(&self, index: u64) -> NoReceipt {
        NoReceipt::NotCovered { index, size: self.checkpoint.size }
    }

    fn receipt(&self, entry: &[u8], index: u64, proof: Vec<Hash>) -> Result<Receipt, NoReceipt> {
        let entry = std::str::from_utf8(entry).map_err(|err| unreadable(&err))?.to_owned();
        let extra = Extra { genesis: self.genesis.to_owned(), entry };
        let extra = serde_json::to_vec(&extra).map_err(|err| unreadable(&err))?;
        Ok(Receipt { extra: Some(extra), index, proof, checkpoint: self.note.to_owned() })
    }
}

fn unreadable(why: &dyn std::fmt::Display) -> NoReceipt {
    NoReceipt::Log(why.to_string())
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
    // Two readers of the same bytes must be shown the same: an entry has one way in which it is written.
    let entry = entries::read(extra.entry.as_bytes()).map_err(|(_, why)| Void::Entry(format!("it {why}")))?;
    Ok(Shown {
        authenticated: expected.is_some(),
        genesis: found,
        checkpoint: CheckpointView::of(checkpoint),
        index: receipt.index,
        entry,
    })
}

/// Who vouches for the checkpoint of a receipt that [`check_receipt`] has shown, by an auditor's trust policy (C2SP `tlog-policy`).
///
/// # Errors
/// [`Void::Receipt`], where it does not satisfy the policy.
pub fn vouched(text: &str, policy: &Policy) -> Result<Vouched, Void> {
    let receipt = Receipt::parse(text)?;
    let extra: Extra = serde_json::from_slice(receipt.extra.as_deref().unwrap_or_default())
        .map_err(|err| Void::Extra(err.to_string()))?;
    Ok(receipt.verify_under(&leaf_hash(extra.entry.as_bytes()), policy)?)
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
