//! The entries of the log from a place on, as they lie on disk, under the checkpoint that the engine signed last.

use std::path::Path;

use ledger::read_resource;
use model::Entry;
use tlog::{Resource, Tile, bundle};

/// Those of the bundle that holds entry `next`, from that on, of a log of `size`; never empty while `next` is below it.
pub(super) fn read(log: &Path, next: u64, size: u64) -> Result<Vec<Entry>, String> {
    let number = next / bundle::WIDTH;
    let tile = Tile::of_tree(0, number, size).ok_or_else(|| format!("the log has no entry {next}"))?;
    let bytes = read_resource(log, Resource::Entries(tile), size).map_err(|err| err.to_string())?;
    let bytes = bytes.ok_or_else(|| format!("the log's entries from {next} on are not on the disk"))?;
    let entries = bundle::decode(&bytes).map_err(|err| err.to_string())?;
    let skipped = usize::try_from(next % bundle::WIDTH).unwrap_or(usize::MAX);
    let read = |bytes: &&[u8]| serde_json::from_slice(bytes).map_err(|err| err.to_string());
    let entries: Vec<Entry> = entries.iter().skip(skipped).map(read).collect::<Result<_, _>>()?;
    if entries.is_empty() { Err(format!("the log's entry {next} is not on the disk")) } else { Ok(entries) }
}
