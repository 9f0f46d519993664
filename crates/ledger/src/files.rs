//! Where the ledger's files lie, and the one way in which a file is replaced.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use tlog::{Resource, Tile, bundle};

use crate::disk::{Disk, DiskFile};

/// A full bundle of the longest entries.
pub(crate) const MAX_BUNDLE: u64 = bundle::WIDTH * (bundle::MAX_ENTRY as u64 + 2);
/// A full tile.
pub(crate) const MAX_TILE: u64 = bundle::WIDTH * 32;
/// A checkpoint with many cosignatures.
pub(crate) const MAX_NOTE: u64 = 256 * 1024;
pub(crate) const MAX_GENESIS: u64 = 16 * 1024;

/// What was being done to which file when it failed.
#[derive(Debug)]
pub struct Failed {
    pub doing: &'static str,
    pub path: PathBuf,
    pub source: io::Error,
}

/// With its cause on the same line: it ends in a [`model::Fault`], which is one text.
impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "could not {} {}: {}", self.doing, self.path.display(), self.source)
    }
}

impl std::error::Error for Failed {}

/// Names the operation and the file in an error.
pub(crate) fn at<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> Failed + 'p {
    move |source| Failed { doing, path: path.to_owned(), source }
}

#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) log: PathBuf,
    pub(crate) lock: PathBuf,
}

impl Files {
    pub(crate) fn new(log: &Path, lock: &Path) -> Self {
        Self { log: log.to_owned(), lock: lock.to_owned() }
    }

    pub(crate) fn genesis(&self) -> PathBuf {
        self.log.join("genesis.json")
    }

    pub(crate) fn published(&self) -> PathBuf {
        self.log.join("checkpoint")
    }

    pub(crate) fn entries(&self) -> PathBuf {
        self.log.join("tile").join("entries")
    }

    pub(crate) fn bundle(&self, number: u64) -> PathBuf {
        self.log.join(bundle::entry_path(number))
    }

    /// The file of a tile, also while it is not full.
    pub(crate) fn tile(&self, tile: Tile) -> PathBuf {
        self.log.join(Resource::Hashes(tile).full_path())
    }

    /// The file whose lock keeps a second process away.
    pub(crate) fn guard(&self) -> PathBuf {
        beside(&self.lock, ".held")
    }

    /// The folders from `dir` up to the log's own, innermost first: what must be synced for a new file to stay.
    pub(crate) fn folders_up_from<'a>(&self, dir: &'a Path) -> impl Iterator<Item = &'a Path> {
        let log = self.log.clone();
        dir.ancestors().take_while(move |folder| folder.starts_with(&log))
    }
}

/// Replaces `path` in one step: whoever reads it, before or after a crash, finds the old bytes or the new ones.
pub(crate) fn replace(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let temporary = beside(path, ".new");
    let mut file = write_new(disk, &temporary, bytes)?;
    file.sync().map_err(at("sync", &temporary))?;
    drop(file);
    disk.rename(&temporary, path).map_err(at("replace", path))?;
    sync_parent(disk, path)
}

/// Replaces `path` in one step for whoever reads it now. After a power cut it may be the old one, or whatever of the new
/// one was on its way: for what can be made again.
pub(crate) fn publish(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<(), Failed> {
    let temporary = beside(path, ".new");
    drop(write_new(disk, &temporary, bytes)?);
    disk.rename(&temporary, path).map_err(at("replace", path))
}

fn write_new(disk: &dyn Disk, path: &Path, bytes: &[u8]) -> Result<Box<dyn DiskFile>, Failed> {
    match disk.remove(path) {
        Ok(()) => {}
        Err(err) if err.kind() == io::ErrorKind::NotFound => {}
        Err(err) => return Err(at("remove", path)(err)),
    }
    let mut file = disk.create(path).map_err(at("create", path))?;
    file.write_all(bytes).map_err(at("write", path))?;
    Ok(file)
}

pub(crate) fn sync_parent(disk: &dyn Disk, path: &Path) -> Result<(), Failed> {
    let dir = parent(path);
    disk.sync_dir(dir).map_err(at("sync", dir))
}

/// A bare file name lies in the current folder.
pub(crate) fn parent(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// The bytes of a file that may be missing.
pub(crate) fn read_if_there(disk: &dyn Disk, path: &Path, max: u64) -> Result<Option<Vec<u8>>, Failed> {
    match disk.read(path, max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(at("read", path)(err)),
    }
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
