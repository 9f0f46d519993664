//! Files that only grow, written many at a time: first all bytes, then each file's sync, then each folder's, the deepest
//! first. A file that is not full is a prefix of what it will be.

use std::{
    cmp::Reverse,
    collections::BTreeSet,
    io,
    path::{Path, PathBuf},
};

use crate::{
    disk::{Disk, DiskFile},
    files::{Failed, Files, at, parent},
};

/// Open at once; a batch of any size stays below what a process may open.
const MOST_OPEN: usize = 64;
/// Files to a folder, as paths are made of groups of three digits.
const IN_FOLDER: u64 = 1000;

pub(crate) struct Growing<'a> {
    disk: &'a dyn Disk,
    files: &'a Files,
    open: Vec<(PathBuf, Box<dyn DiskFile>)>,
    folders: BTreeSet<PathBuf>,
}

/// Where the bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// Into a file that is not there yet.
    New,
    /// To the end of one that is.
    End,
}

impl<'a> Growing<'a> {
    pub(crate) fn new(disk: &'a dyn Disk, files: &'a Files) -> Self {
        Self { disk, files, open: Vec::new(), folders: BTreeSet::new() }
    }

    /// Writes what [`Self::sync`] makes durable.
    pub(crate) fn write(&mut self, path: &Path, place: Place, bytes: &[u8]) -> Result<(), Failed> {
        if self.open.len() >= MOST_OPEN {
            self.sync_files()?;
        }
        let file = self.written(path, place, bytes)?;
        self.open.push((path.to_owned(), file));
        Ok(())
    }

    /// Writes what may be gone after a power cut.
    pub(crate) fn write_unsynced(&self, path: &Path, place: Place, bytes: &[u8]) -> Result<(), Failed> {
        self.written(path, place, bytes).map(drop)
    }

    fn written(&self, path: &Path, place: Place, bytes: &[u8]) -> Result<Box<dyn DiskFile>, Failed> {
        let mut file = match place {
            Place::New => self.create(path)?,
            Place::End => self.disk.extend(path).map_err(at("open", path))?,
        };
        file.write_all(bytes).map_err(at("write", path))?;
        Ok(file)
    }

    /// Also makes the name durable of a file that is the `number`th of its kind. The first in a folder makes the folder.
    pub(crate) fn name(&mut self, path: &Path, number: u64) {
        let folders = self.files.folders_up_from(parent(path)).map(Path::to_owned);
        let new = if number.is_multiple_of(IN_FOLDER) { usize::MAX } else { 1 };
        self.folders.extend(folders.take(new));
    }

    pub(crate) fn sync(&mut self) -> Result<(), Failed> {
        self.sync_files()?;
        let mut folders: Vec<PathBuf> = std::mem::take(&mut self.folders).into_iter().collect();
        folders.sort_by_key(|folder| Reverse(folder.components().count()));
        for folder in &folders {
            self.disk.sync_dir(folder).map_err(at("sync", folder))?;
        }
        Ok(())
    }

    fn sync_files(&mut self) -> Result<(), Failed> {
        for (path, mut file) in self.open.drain(..) {
            file.sync().map_err(at("sync", &path))?;
        }
        Ok(())
    }

    /// What lies there already was never signed for: it is of an append that was cut short, and lay behind a gap where
    /// opening did not see it, because a later folder's names reached the disk and an earlier one's did not.
    fn create(&self, path: &Path) -> Result<Box<dyn DiskFile>, Failed> {
        let dir = parent(path);
        self.disk.create_dirs(dir).map_err(at("create", dir))?;
        match self.disk.create(path) {
            Err(err) if err.kind() == io::ErrorKind::AlreadyExists => {
                self.disk.remove(path).map_err(at("remove", path))?;
                self.disk.create(path).map_err(at("create", path))
            }
            created => created.map_err(at("create", path)),
        }
    }
}
