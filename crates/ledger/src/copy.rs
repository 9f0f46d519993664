//! A log as it was under one of its checkpoints, copied into a folder of its own, beside a process that appends to it.

use std::{
    collections::BTreeSet,
    fmt, io,
    path::{Path, PathBuf},
};

use tlog::{Resource, Tile, bundle};

use crate::{
    disk::{Disk as _, Held, RealDisk},
    files::{Failed, Files, MAX_GENESIS, MAX_NOTE, at, parent, read_if_there},
    read_resource,
};

#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error("the log has no {0}, which the checkpoint covers; run `countersign audit verify`")]
    Missing(String),
    #[error(transparent)]
    Io(#[from] Failed),
}

/// Copies what the tree of `size` entries is made of out of `log_dir` into the new folder `into`, with the genesis and
/// `note`, the checkpoint of that size. Flushed; nothing of it is judged: that is for who verifies the copy.
pub fn copy(log_dir: &Path, into: &Path, note: &str, size: u64) -> Result<(), CopyError> {
    let (from, to) = (Files::new(log_dir, Path::new("")), Files::new(into, Path::new("")));
    RealDisk.create_dirs(&to.entries()).map_err(at("create", into))?;
    let mut folders = BTreeSet::from([into.to_owned(), to.entries()]);
    let genesis = read_if_there(&RealDisk, &from.genesis(), MAX_GENESIS)?;
    put(&to.genesis(), &genesis.ok_or_else(|| CopyError::Missing("genesis.json".to_owned()))?)?;
    let mut level = 0;
    let mut hashes = size;
    while hashes > 0 {
        for index in 0..hashes.div_ceil(bundle::WIDTH) {
            let Some(tile) = Tile::of_tree(level, index, size) else { break };
            if level == 0 {
                folders.extend(one(log_dir, into, Resource::Entries(tile), size)?);
            }
            folders.extend(one(log_dir, into, Resource::Hashes(tile), size)?);
        }
        (level, hashes) = (level + 1, hashes / bundle::WIDTH);
    }
    put(&to.published(), note.as_bytes())?;
    for folder in &folders {
        RealDisk.sync_dir(folder).map_err(at("sync", folder))?;
    }
    Ok(())
}

/// The folders that have a new name in them since.
fn one(log_dir: &Path, into: &Path, resource: Resource, size: u64) -> Result<Vec<PathBuf>, CopyError> {
    let bytes = read_resource(log_dir, resource, size)?.ok_or_else(|| CopyError::Missing(resource.path()))?;
    let path = into.join(resource.full_path());
    let folder = parent(&path).to_owned();
    RealDisk.create_dirs(&folder).map_err(at("create", &folder))?;
    put(&path, &bytes)?;
    let inside = folder.ancestors().take_while(|it| it.starts_with(into));
    Ok(inside.map(Path::to_path_buf).collect())
}

fn put(path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let mut file = RealDisk.create(path).map_err(at("create", path))?;
    file.write_all(bytes).map_err(at("write", path))?;
    file.sync().map_err(at("sync", path))
}

/// Keeps every other process from opening the log of a lock file, for as long as it lives.
pub struct Standstill(#[expect(dead_code, reason = "the lock goes when it is dropped")] Box<dyn Held>);

impl fmt::Debug for Standstill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Standstill")
    }
}

impl Standstill {
    /// `None` where another process has the log open.
    pub fn of(lock_file: &Path) -> Result<Option<Self>, Failed> {
        let guard = Files::new(Path::new(""), lock_file).guard();
        let folder = parent(lock_file);
        RealDisk.create_dirs(folder).map_err(at("create", folder))?;
        match RealDisk.hold(&guard) {
            Ok(held) => Ok(Some(Self(held))),
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => Ok(None),
            Err(err) => Err(at("lock", &guard)(err)),
        }
    }
}

/// The note in a lock file, unjudged; `None` where there is no such file.
pub fn read_lock_file(lock_file: &Path) -> Result<Option<Vec<u8>>, Failed> {
    read_if_there(&RealDisk, lock_file, MAX_NOTE)
}
