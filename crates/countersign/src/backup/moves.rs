//! Putting a restored state in its place, by renaming: what is there is put aside under another name, never written over or
//! removed. All of it is made ready and flushed first; then a journal says which parts there are and by which mark what is
//! put aside is known. The lock file is the first to go aside and the last to be put, and without it nothing is served: from
//! the one to the other there is one way to go, and whoever finds the journal makes the moves that are still missing. A part
//! is moved where what was made ready for it is still there, so nothing else has to be kept up to date.

use std::{
    ffi::OsStr,
    fs, io,
    path::{Path, PathBuf},
};

use model::Digest;
use serde::{Deserialize, Serialize};

use super::{plain, put};
use crate::{
    config::Config,
    failure::{Failure, VERIFICATION},
};

/// What a restore may put in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Part {
    Database,
    Bundle,
    Log,
    LogKey,
    Lock,
}

impl Part {
    const ALL: [Self; 5] = [Self::Database, Self::Bundle, Self::Log, Self::LogKey, Self::Lock];

    pub(crate) fn place(self, config: &Config) -> PathBuf {
        match self {
            Self::Database => config.database(),
            Self::Bundle => config.bundle(),
            Self::Log => config.log(),
            Self::LogKey => config.key("log.key"),
            Self::Lock => config.checkpoint(),
        }
    }

    /// Where it is made ready: beside its place.
    pub(crate) fn staged(self, config: &Config) -> PathBuf {
        suffixed(&self.place(config), ".restoring")
    }

    /// The endings of what goes with it, itself first: SQLite finds its own files by the database's name.
    const fn suffixes(self) -> &'static [&'static str] {
        match self {
            Self::Database => &["", "-wal", "-shm"],
            Self::Bundle | Self::Log | Self::LogKey | Self::Lock => &[""],
        }
    }
}

/// Removes whatever an earlier restore made ready, as long as it wrote no journal.
pub(crate) fn clear(config: &Config) -> Result<(), Failure> {
    for part in Part::ALL {
        let staged = part.staged(config);
        for suffix in part.suffixes().iter().chain(&[".held", ".lock"]) {
            remove(&suffixed(&staged, suffix))?;
        }
    }
    Ok(())
}

/// What was locked while it was made ready, and what SQLite had beside it; all of it must be in the one file.
pub(crate) fn settle(config: &Config) -> Result<(), Failure> {
    let database = Part::Database.staged(config);
    let log = suffixed(&database, "-wal");
    if fs::symlink_metadata(&log).is_ok_and(|found| found.len() > 0) {
        return Err(Failure::unexpected(format!("{} was not emptied", log.display())));
    }
    for stray in [log, suffixed(&database, "-shm"), suffixed(&database, ".lock")] {
        remove(&stray)?;
    }
    remove(&suffixed(&Part::Lock.staged(config), ".held"))
}

/// `lock/checkpoint.restore`: a restore that is to be made, all of which is ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Journal {
    /// `countersign.restore/v1`.
    schema: String,
    /// What is put aside is called `….before-MARK`.
    mark: String,
    /// In the order in which they are put in their places; the lock file comes after them.
    parts: Vec<Part>,
    /// SHA-256 of the lock file that is to go aside; absent where there is none.
    lock: Option<Digest>,
}

impl Journal {
    const SCHEMA: &str = "countersign.restore/v1";
    const MAX_BYTES: u64 = 4096;

    /// `mark`: a time. Writes it once `parts` and the lock file are on the disk where they are made ready.
    pub(crate) fn begin(config: &Config, mark: &str, parts: Vec<Part>) -> Result<Self, Failure> {
        let (schema, lock) = (Self::SCHEMA.to_owned(), lock_here(config)?);
        let journal = Self { schema, mark: mark.to_owned(), parts, lock };
        for part in journal.parts.iter().chain(&[Part::Lock]) {
            let staged = part.staged(config);
            sync_folders(&staged)
                .and_then(|()| sync(folder_of(&staged)))
                .map_err(|err| Failure::usage(format!("{}: {err}", staged.display())))?;
        }
        let (file, fresh) = (Self::file(config), suffixed(&Self::file(config), ".new"));
        remove(&fresh)?;
        put(&fresh, &serde_json::to_vec(&journal).map_err(Failure::unexpected)?)?;
        rename(&fresh, &file)?;
        engine::crash::point("restore-moved");
        Ok(journal)
    }

    /// The one that was left behind, where a restore has to be ended. One that had moved nothing yet is forgotten: the lock
    /// file was in its place, and the log may have gone on since.
    pub(crate) fn left(config: &Config) -> Result<Option<Self>, Failure> {
        let Some(journal) = Self::read(config)? else { return Ok(None) };
        let before_lock = there(&Part::Lock.place(config))? && there(&Part::Lock.staged(config))?;
        if !before_lock {
            return Ok(Some(journal));
        }
        if !journal.moved_any(config)? {
            Self::forget(config)?;
            return Ok(None);
        }
        if journal.lock.is_some() && lock_here(config)? == journal.lock {
            return Ok(Some(journal));
        }
        Err(Failure::new(
            VERIFICATION,
            "CS213",
            format!(
                "a restore was broken off after it had begun, and {} is another since",
                config.checkpoint().display()
            ),
        )
        .hint("move that lock file away, and restore again: what was begun is ended"))
    }

    fn moved_any(&self, config: &Config) -> Result<bool, Failure> {
        for part in self.parts.iter().chain(&[Part::Lock]) {
            let aside = self.aside(&part.place(config));
            let mut asides = part.suffixes().iter().map(|suffix| there(&suffixed(&aside, suffix)));
            if !there(&part.staged(config))? || asides.try_fold(false, |any, it| it.map(|it| any || it))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(config: &Config) -> Result<Option<Self>, Failure> {
        let file = Self::file(config);
        let wrong = |why: &dyn std::fmt::Display| {
            Failure::usage(format!("{}: {why}", file.display())).hint(
                "it says how a restore that was broken off is to be ended; it is written by `restore` alone",
            )
        };
        let bytes = match plain(&file, Self::MAX_BYTES) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(err) => return Err(wrong(&err)),
        };
        let journal: Self = serde_json::from_slice(&bytes).map_err(|err| wrong(&err))?;
        let named = journal.mark.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        match journal.schema == Self::SCHEMA && named && !journal.mark.is_empty() {
            true => Ok(Some(journal)),
            false => Err(wrong(&"is none of this version's")),
        }
    }

    /// Everything but the lock file.
    pub(crate) fn put_parts(&self, config: &Config) -> Result<(), Failure> {
        self.put_aside(config, Part::Lock)?;
        for part in &self.parts {
            self.put_aside(config, *part)?;
            fill(config, *part)?;
        }
        Ok(())
    }

    /// The lock file; with it the restore is made.
    pub(crate) fn put_lock(&self, config: &Config) -> Result<(), Failure> {
        fill(config, Part::Lock)?;
        Self::forget(config)?;
        engine::crash::point("restore-moved");
        Ok(())
    }

    fn forget(config: &Config) -> Result<(), Failure> {
        let file = Self::file(config);
        remove(&file)?;
        sync(folder_of(&file)).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))
    }

    fn aside(&self, place: &Path) -> PathBuf {
        suffixed(place, &format!(".before-{}", self.mark))
    }

    fn put_aside(&self, config: &Config, part: Part) -> Result<(), Failure> {
        if !there(&part.staged(config))? {
            return Ok(());
        }
        let place = part.place(config);
        let aside = self.aside(&place);
        for suffix in part.suffixes() {
            let (from, to) = (suffixed(&place, suffix), suffixed(&aside, suffix));
            if there(&from)? {
                rename(&from, &to)?;
                engine::crash::point("restore-moved");
            }
        }
        Ok(())
    }

    fn file(config: &Config) -> PathBuf {
        suffixed(&config.checkpoint(), ".restore")
    }
}

fn lock_here(config: &Config) -> Result<Option<Digest>, Failure> {
    let note = ledger::read_lock_file(&config.checkpoint()).map_err(Failure::usage)?;
    Ok(note.map(|note| Digest::of(&note)))
}

fn fill(config: &Config, part: Part) -> Result<(), Failure> {
    let (staged, place) = (part.staged(config), part.place(config));
    if there(&staged)? {
        rename(&staged, &place)?;
        engine::crash::point("restore-moved");
        return Ok(());
    }
    if there(&place)? {
        return Ok(());
    }
    Err(Failure::usage(format!("a restore was broken off, and {} is gone", staged.display()))
        .hint("bring it back; without it the restore cannot be ended"))
}

fn there(path: &Path) -> Result<bool, Failure> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(err) => Err(Failure::usage(format!("{}: {err}", path.display()))),
    }
}

/// Never over something that is there. The new name is there still after a power cut.
fn rename(from: &Path, to: &Path) -> Result<(), Failure> {
    if there(to)? {
        return Err(Failure::usage(format!("{} and {} are both there", from.display(), to.display())).hint(
            "somebody made one of them after a restore was broken off; move that one away, and restore again",
        ));
    }
    fs::rename(from, to).and_then(|()| sync(folder_of(to))).map_err(|err| {
        Failure::usage(format!("{} cannot be moved to {}: {err}", from.display(), to.display()))
    })
}

fn remove(path: &Path) -> Result<(), Failure> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(err) => Err(err),
    };
    removed.map_err(|err| Failure::usage(format!("{} cannot be removed: {err}", path.display())))
}

/// The names in a folder and in all below it; nothing where `path` is a file.
fn sync_folders(path: &Path) -> io::Result<()> {
    let mut open = vec![path.to_owned()];
    while let Some(next) = open.pop() {
        if !fs::symlink_metadata(&next)?.is_dir() {
            continue;
        }
        for entry in fs::read_dir(&next)? {
            open.push(entry?.path());
        }
        sync(&next)?;
    }
    Ok(())
}

fn sync(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(OsStr::new(suffix));
    name.into()
}
