//! What a scan has understood so far, a line for each answer, so that it need not be asked again. A line that a crash cut short is
//! no line.

use std::{
    collections::BTreeMap,
    fs::{self, File, OpenOptions},
    io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
};

use inventory::{Place, Understood};
use model::Timestamp;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;

const SCHEMA: &str = "countersign.scan/v1";
/// What was read is not put together with what is read much later.
const OLDEST_MS: i64 = 12 * 3600 * 1000;
const LONGEST_LINE: u64 = 64 * 1024 * 1024;

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    schema: String,
    partition: String,
    account: String,
    regions: Vec<String>,
    days: u32,
    begun: Timestamp,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    key: String,
    at: Timestamp,
    understood: Understood,
}

pub(super) struct Journal {
    file: File,
    path: PathBuf,
    begun: Timestamp,
    known: BTreeMap<String, (Timestamp, Understood)>,
}

impl Journal {
    /// Beside `snapshot`; `anew` forgets what is there.
    pub(super) fn open(
        snapshot: &Path,
        place: &Place,
        days: u32,
        now: Timestamp,
        anew: bool,
    ) -> Result<Self, Failure> {
        let path = beside(snapshot);
        let head = |begun| Head {
            schema: SCHEMA.to_owned(),
            partition: place.partition.clone(),
            account: place.account.clone(),
            regions: place.regions.clone(),
            days,
            begun,
        };
        let there = if anew { None } else { read(&path)? };
        let (begun, known, length) = match there {
            None => (now, BTreeMap::new(), 0),
            Some((found, known, length)) => {
                let age = now.since(found.begun);
                if found != head(found.begun) || !(0..=OLDEST_MS).contains(&age) {
                    return Err(Failure::usage(format!(
                        "{} is of another scan: account {}, regions {}, {} days of metrics, begun {}",
                        path.display(),
                        model::sanitize(&found.account, 40),
                        model::sanitize(&found.regions.join(","), 120),
                        found.days,
                        found.begun
                    ))
                    .hint("--anew forgets it and begins again"));
                }
                (found.begun, known, length)
            }
        };
        let mut file = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(&path)
            .map_err(|err| unwritable(&path, &err))?;
        let ready = file.set_len(length).and_then(|()| file.seek(SeekFrom::End(0)).map(drop));
        ready.map_err(|err| unwritable(&path, &err))?;
        let mut journal = Self { file, path, begun, known };
        if length == 0 {
            journal.write(&head(begun))?;
        }
        Ok(journal)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) const fn begun(&self) -> Timestamp {
        self.begun
    }

    pub(super) fn len(&self) -> usize {
        self.known.len()
    }

    pub(super) fn known(&mut self, key: &str) -> Option<(Timestamp, Understood)> {
        self.known.remove(key)
    }

    /// What was refused or failed may be answered the next time.
    pub(super) fn keep(&mut self, key: &str, at: Timestamp, understood: &Understood) -> Result<(), Failure> {
        match understood {
            Understood::Page(_) | Understood::Absent(_) => {
                self.write(&Line { key: key.to_owned(), at, understood: understood.clone() })
            }
            Understood::Denied(_) | Understood::Failed(_) | Understood::Later(_) => Ok(()),
        }
    }

    /// Once the snapshot is whole.
    pub(super) fn remove(self) {
        // What stays behind is of a scan that is over, and said to be so by the next one.
        let _ = fs::remove_file(&self.path);
    }

    fn write<T: Serialize>(&mut self, value: &T) -> Result<(), Failure> {
        let mut line = serde_json::to_vec(value).map_err(Failure::unexpected)?;
        line.push(b'\n');
        self.file.write_all(&line).map_err(|err| unwritable(&self.path, &err))
    }
}

/// A file that is there whole or not at all, readable by its owner only: what an environment is made of is nobody else's business.
pub(in crate::command) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map(drop).map_err(|err| err.error)
    };
    written().map_err(|err| unwritable(path, &err))
}

fn beside(snapshot: &Path) -> PathBuf {
    let mut name = snapshot.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    snapshot.with_file_name(name)
}

type Known = BTreeMap<String, (Timestamp, Understood)>;

/// The head, the answers, and how many bytes of the file are whole lines. None where there is nothing to go on from.
fn read(path: &Path) -> Result<Option<(Head, Known, u64)>, Failure> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(unwritable(path, &err)),
    };
    let mut reader = BufReader::new(file);
    let mut line = |length: &mut u64| -> Result<Option<Vec<u8>>, Failure> {
        let mut bytes = Vec::new();
        let mut bounded = reader.by_ref().take(LONGEST_LINE);
        bounded.read_until(b'\n', &mut bytes).map_err(|err| unwritable(path, &err))?;
        if bytes.last() != Some(&b'\n') {
            return Ok(None);
        }
        *length = length.saturating_add(bytes.len() as u64);
        Ok(Some(bytes))
    };
    let mut length = 0;
    let Some(first) = line(&mut length)? else { return Ok(None) };
    let head: Head = serde_json::from_slice(&first).map_err(|err| {
        Failure::usage(format!("{} is no scan that was broken off: {err}", path.display()))
            .hint("--anew forgets it and begins again")
    })?;
    let mut known = BTreeMap::new();
    loop {
        let before = length;
        let Some(bytes) = line(&mut length)? else { return Ok(Some((head, known, before))) };
        match serde_json::from_slice::<Line>(&bytes) {
            Ok(one) => drop(known.insert(one.key, (one.at, one.understood))),
            Err(_) => return Ok(Some((head, known, before))),
        }
    }
}

fn unwritable(path: &Path, err: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: {err}", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn place(account: &str) -> Place {
        Place {
            partition: "aws".to_owned(),
            account: account.to_owned(),
            regions: vec!["us-east-1".to_owned()],
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_795_228_800);

    #[test]
    fn a_scan_that_was_broken_off_goes_on_with_whole_lines_only() {
        let dir = tempfile::tempdir().unwrap();
        let snapshot = dir.path().join("s.json");
        let open =
            |account: &str, days, now, anew| Journal::open(&snapshot, &place(account), days, now, anew);
        let mut journal = open("1", 30, NOW, false).unwrap();
        let page = Understood::Page(json!({ "a": 1 }));
        journal.keep("one", NOW, &page).unwrap();
        journal.keep("denied", NOW, &Understood::Denied("no".to_owned())).unwrap();
        journal.keep("two", NOW, &Understood::Absent("none".to_owned())).unwrap();
        drop(journal);
        let path = beside(&snapshot);
        let whole = fs::read(&path).unwrap();
        fs::write(&path, [whole.as_slice(), br#"{"key":"three","at":"2026"#].concat()).unwrap();
        let later = NOW.plus_seconds(60);
        let mut journal = open("1", 30, later, false).unwrap();
        assert_eq!((journal.len(), journal.begun()), (2, NOW));
        assert_eq!(journal.known("one"), Some((NOW, page)));
        assert!(journal.known("denied").is_none() && journal.known("three").is_none());
        assert_eq!(fs::read(&path).unwrap(), whole, "what was cut short is gone");
        drop(journal);
        for (account, days, now) in
            [("2", 30, later), ("1", 31, later), ("1", 30, NOW.plus_seconds(13 * 3600))]
        {
            let refused = open(account, days, now, false).err().unwrap();
            assert!(refused.message.contains("another scan"), "{}", refused.message);
        }
        assert_eq!(open("2", 31, later, true).unwrap().len(), 0);
        fs::write(&path, "something else\n").unwrap();
        assert!(open("1", 30, NOW, false).err().unwrap().message.contains("no scan"));
    }
}
