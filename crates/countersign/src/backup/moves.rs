//! Putting a restored state in its place, by renaming: what is there is put aside under another name, never written over or
//! removed. From the first move to the last the lock file is not in its place, and without it nothing is served.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// What was made ready beside its place.
#[derive(Clone, Debug)]
pub(crate) struct Staged {
    /// Where it belongs.
    pub(crate) place: PathBuf,
}

impl Staged {
    /// With nothing left of an earlier try.
    pub(crate) fn beside(place: PathBuf) -> Result<Self, Failure> {
        let staged = Self { place };
        let path = staged.path();
        let removed = match fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(err) => Err(err),
        };
        removed.map_err(|err| Failure::usage(format!("{} cannot be removed: {err}", path.display())))?;
        Ok(staged)
    }

    pub(crate) fn path(&self) -> PathBuf {
        suffixed(&self.place, ".restoring")
    }
}

/// The moves of one restore; what is put aside gets its mark.
#[derive(Clone, Debug)]
pub(crate) struct Moves {
    mark: String,
}

impl Moves {
    /// `mark` must be new: a time.
    pub(crate) fn marked(mark: &str) -> Self {
        Self { mark: format!(".before-{mark}") }
    }

    /// Out of the way, if it is there.
    pub(crate) fn aside(&self, place: &Path) -> Result<(), Failure> {
        if fs::symlink_metadata(place).is_err() {
            return Ok(());
        }
        rename(place, &aside(place, &self.mark))
    }

    /// What is in the place goes aside, and what was staged goes in.
    pub(crate) fn put(&self, staged: &Staged) -> Result<(), Failure> {
        self.aside(&staged.place)?;
        rename(&staged.path(), &staged.place)
    }
}

pub(crate) fn aside(place: &Path, mark: &str) -> PathBuf {
    suffixed(place, mark)
}

/// A name that is there still after a power cut.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    let failed = |err: io::Error| {
        Failure::usage(format!("{} cannot be moved to {}: {err}", from.display(), to.display()))
    };
    fs::rename(from, to).map_err(failed)?;
    let folder = to.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder).and_then(|open| open.sync_all()).map_err(failed)
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
