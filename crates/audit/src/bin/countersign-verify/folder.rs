//! A log's folder, read by nothing that writes one: `genesis.json`, `checkpoint`, `witnessed`, the entry bundles that the
//! checkpoint's size says there are, and what there is of tiles of hashes. Every file has a bound.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use tlog::{Hash, Resource, Tile, bundle};

const MAX_SMALL: u64 = 1024 * 1024;
/// 256 entries of 65,535 bytes, each after its length.
const MAX_BUNDLE: u64 = 256 * (65_535 + 2);
const MAX_TILE: u64 = 256 * 32;

#[derive(Debug)]
pub(crate) struct Folder {
    log: PathBuf,
    pub(crate) genesis: Vec<u8>,
    pub(crate) checkpoint: Vec<u8>,
    /// The newest checkpoint that witnesses have cosigned, where there is one.
    pub(crate) witnessed: Option<String>,
    /// What of these could not be read.
    pub(crate) damage: Vec<String>,
}

impl Folder {
    /// # Errors
    /// Only where there is no log at all; what is damaged is a problem of it.
    pub(crate) fn open(log: &Path) -> Result<Self, String> {
        // Before the checkpoint: of a log that grows meanwhile it is the older.
        let witnessed =
            small(&log.join("witnessed")).ok().map(|note| String::from_utf8_lossy(&note).into_owned());
        if !["genesis.json", "checkpoint"].iter().any(|name| log.join(name).exists()) {
            return Err(format!(
                "{}: neither genesis.json nor checkpoint is there: is it a log?",
                log.display()
            ));
        }
        let mut damage = Vec::new();
        let mut read = |name: &str| {
            bounded(&log.join(name), MAX_SMALL).unwrap_or_else(|why| {
                damage.push(format!("{name}: {why}"));
                Vec::new()
            })
        };
        let (genesis, checkpoint) = (read("genesis.json"), read("checkpoint"));
        Ok(Self { log: log.to_owned(), genesis, checkpoint, witnessed, damage })
    }

    /// How many entries the checkpoint says there are.
    pub(crate) fn size(&self) -> Option<u64> {
        String::from_utf8_lossy(&self.checkpoint).lines().nth(1)?.parse().ok()
    }

    /// Shows every entry, in order, and yields the damage that ended it, if any did.
    pub(crate) fn read(&self, mut show: impl FnMut(&[u8])) -> Option<String> {
        let size = self.size().unwrap_or(u64::MAX);
        for number in 0..=u64::MAX {
            let covered = number.saturating_mul(bundle::WIDTH);
            let name = bundle::entry_path(number);
            let path = self.log.join(&name);
            if covered >= size && !path.exists() {
                break;
            }
            // Asked before: where there is one already, this one was full.
            let last = !self.log.join(bundle::entry_path(number.saturating_add(1))).exists();
            match bundle_at(&path) {
                Ok(entries) => {
                    entries.iter().for_each(|entry| show(entry));
                    let here = entries.len() as u64;
                    if here < bundle::WIDTH {
                        return (!last)
                            .then(|| format!("{name}: has {here} entries, but is not the last bundle"));
                    }
                }
                // What follows would stand at other places than it had.
                Err(why) => return Some(format!("{name}: {why}")),
            }
        }
        None
    }

    /// What is wrong with a tile, whose hashes are to be `hashes`; nothing here rests on it. A log of an earlier version has none; one
    /// that is not full may break off, or be missing: it is not synced by who writes it.
    pub(crate) fn differing(&self, tile: Tile, hashes: &[Hash]) -> Option<String> {
        let name = Resource::Hashes(tile).full_path();
        let path = self.log.join(&name);
        if !path.exists() {
            let missing = tile.is_full() && self.log.join("tile/0").exists();
            return missing.then(|| format!("{name}: is missing: {} hashes", hashes.len()));
        }
        let found = match bounded(&path, MAX_TILE) {
            Ok(found) => found,
            Err(why) => return Some(format!("{name}: {why}")),
        };
        let same = |(found, hash): &(&[u8], &Hash)| *found == hash.as_bytes().as_slice();
        let at = found.chunks(32).zip(hashes).take_while(same).count();
        let there = found.len() / 32;
        if at == hashes.len() || (at == there && !tile.is_full()) {
            return None;
        }
        if at == there {
            return Some(format!("{name}: breaks off after {there} of {} hashes", hashes.len()));
        }
        Some(format!("{name}: hash {at} is not that of what stands below it: one of the two was altered"))
    }

    /// A file of the log as its checkpoint has it: the beginning of one that may have grown; `None` where there is less.
    pub(crate) fn resource(&self, resource: Resource) -> Option<Vec<u8>> {
        let mut bytes = bounded(&self.log.join(resource.full_path()), MAX_BUNDLE).ok()?;
        let width = resource.tile().width();
        let len = match resource {
            Resource::Hashes(_) => usize::try_from(width * 32).ok()?,
            Resource::Entries(_) => {
                let part = bundle::whole_entries(&bytes, width);
                if part.entries.len() as u64 == width { part.len } else { usize::MAX }
            }
        };
        (len <= bytes.len()).then(|| {
            bytes.truncate(len);
            bytes
        })
    }
}

/// A file that has no business being large.
pub(crate) fn small(file: &Path) -> Result<Vec<u8>, String> {
    bounded(file, MAX_SMALL).map_err(|why| format!("{}: {why}", file.display()))
}

fn bundle_at(path: &Path) -> Result<Vec<Vec<u8>>, String> {
    let bytes = bounded(path, MAX_BUNDLE)?;
    let entries = bundle::decode(&bytes).map_err(|err| err.to_string())?;
    Ok(entries.into_iter().map(<[u8]>::to_vec).collect())
}

fn bounded(path: &Path, most: u64) -> Result<Vec<u8>, String> {
    // A pipe would never end, and never begin.
    if !std::fs::metadata(path).map_err(|err| err.to_string())?.is_file() {
        return Err("it is no plain file".to_owned());
    }
    let file = File::open(path).map_err(|err| err.to_string())?;
    let mut bytes = Vec::new();
    file.take(most + 1).read_to_end(&mut bytes).map_err(|err| err.to_string())?;
    if bytes.len() as u64 > most { Err(format!("it has more than {most} bytes")) } else { Ok(bytes) }
}
