//! How far a receiver has been told, on disk: one file each, beside the database and in none of its backups. A file is whole or not
//! there; it is written before something is sent (so that the same is sent again, under the same id, after a kill) and once
//! that was taken.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Write as _},
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

use model::{ChangeId, Digest, Timestamp};
use notify::Event;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Told {
    /// Whose log it is; a place in another one means nothing.
    pub(crate) installation: Digest,
    /// The entry that is looked at next.
    pub(crate) next: u64,
    /// What was sent and, as far as is known, not taken.
    pub(crate) trying: Option<Trying>,
    /// Of changes that wait, what was brought to mind last.
    pub(crate) reminded: BTreeMap<String, Event>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trying {
    pub(crate) id: String,
    /// The last entry that it tells of; `None` where it tells of none.
    pub(crate) through: Option<u64>,
    pub(crate) since: Timestamp,
}

impl Told {
    pub(crate) fn file(database: &Path, receiver: &str) -> PathBuf {
        database.with_file_name("notify").join(format!("{receiver}.json"))
    }

    /// Whoever is new hears what happens from now on; a log that is new is told from its beginning to whoever knew the one before.
    ///
    /// # Errors
    /// Where the file is there and cannot be read: to begin anew would leave out what nobody has told.
    pub(crate) fn load(file: &Path, installation: Digest, size: u64) -> io::Result<Self> {
        let at = |next| Self { installation, next, trying: None, reminded: BTreeMap::new() };
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(at(size)),
            Err(err) => return Err(err),
        };
        let known: Self = serde_json::from_slice(&bytes)?;
        Ok(if known.installation == installation { known } else { at(0) })
    }

    pub(crate) fn save(&self, file: &Path) -> io::Result<()> {
        let folder = file.parent().unwrap_or(Path::new("."));
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        let aside = file.with_extension("new");
        let mut open =
            fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
        open.write_all(&serde_json::to_vec_pretty(self)?)?;
        open.sync_all()?;
        fs::rename(&aside, file)
    }

    pub(crate) fn reminded_of(&self, change: ChangeId) -> Option<Event> {
        self.reminded.get(&change.to_string()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_kept_and_belongs_to_one_log() {
        let folder = tempfile::tempdir().unwrap();
        let file = Told::file(&folder.path().join("db"), "chat");
        let (one, other) = (Digest::of(b"one"), Digest::of(b"other"));
        let mut told = Told::load(&file, one, 7).unwrap();
        assert_eq!(told.next, 7, "nobody is told what was before");
        told.next = 9;
        told.trying = Some(Trying { id: "x".into(), through: Some(8), since: Timestamp::from_seconds(1) });
        told.reminded.insert("chg-1".into(), Event::ChangeReminder);
        told.save(&file).unwrap();
        assert_eq!(Told::load(&file, one, 100).unwrap(), told);
        assert_eq!(Told::load(&file, other, 100).unwrap().next, 0, "a log that continues it is told whole");
        fs::write(&file, "{").unwrap();
        assert!(Told::load(&file, one, 100).is_err());
    }
}
