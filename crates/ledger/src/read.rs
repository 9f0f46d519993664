//! Reading a log from its folder alone, for the auditor, who wants to hear of all damage rather than fail at the first:
//! one bundle at a time, however long the log is.

use std::{
    collections::VecDeque,
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tlog::bundle;

use crate::{
    compare::TileCheck,
    disk::{Disk as _, RealDisk},
    files::{Files, MAX_BUNDLE, MAX_GENESIS, MAX_NOTE},
};

/// A log as its files have it, unjudged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFiles {
    /// Empty where it could not be read.
    pub genesis_bytes: Vec<u8>,
    /// Empty where it could not be read.
    pub checkpoint_note: Vec<u8>,
    /// Every entry that could be read, in order. Behind damage they stand at an earlier index than they had.
    pub entries: Vec<Vec<u8>>,
    pub problems: Vec<FileProblem>,
}

/// Damage to one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProblem {
    /// Below the log's folder.
    pub file: String,
    pub message: String,
}

/// Reads again where there are entries that no checkpoint covers: a running server may be about to sign them.
const ATTEMPTS: usize = 20;
/// A batch is flushed and signed in far less, unless the disk is busy.
const PAUSE: Duration = Duration::from_millis(100);
/// `x018/x446/…/615`: what a `u64` can name.
const MAX_DEPTH: usize = 7;

/// Reads all of the log in `log_dir`; fails only where that is no folder. [`LogReader`] is for logs that are long.
pub fn read_log(log_dir: &Path) -> io::Result<LogFiles> {
    let mut reader = LogReader::open(log_dir)?;
    let mut entries = Vec::new();
    while let Some(bundle) = reader.next_bundle() {
        entries.extend(bundle);
    }
    let (genesis_bytes, checkpoint_note) = (reader.genesis_bytes.clone(), reader.checkpoint_note.clone());
    Ok(LogFiles { genesis_bytes, checkpoint_note, entries, problems: reader.finish() })
}

/// How many entries [`read_log`] would read.
pub fn count_entries(log_dir: &Path) -> io::Result<u64> {
    let mut reader = LogReader { tiles: None, ..LogReader::open(log_dir)? };
    while reader.next_bundle().is_some() {}
    Ok(reader.read)
}

/// Reads a log from its beginning.
///
/// On a running server the log grows meanwhile. What was written after the checkpoint was read is left out; but an
/// append that is between writing and signing looks like entries signed by nobody: the reader waits a moment there, and
/// looks again.
#[derive(Debug)]
pub struct LogReader {
    files: Files,
    genesis_bytes: Vec<u8>,
    checkpoint_note: Vec<u8>,
    /// How many entries the checkpoint claims.
    covered: u64,
    /// The bundles to come, ascending.
    bundles: VecDeque<u64>,
    /// The bundle that comes next in a log without gaps.
    expected: u64,
    /// Entries so far.
    read: u64,
    /// Nobody signs what lies beyond the checkpoint: it is read as it is.
    unsigned: bool,
    problems: Vec<FileProblem>,
    tiles: Option<TileCheck>,
    /// What is wrong with the last bundle.
    tail: Option<FileProblem>,
}

impl LogReader {
    /// Fails only where `log_dir` is no folder.
    pub fn open(log_dir: &Path) -> io::Result<Self> {
        fs::read_dir(log_dir)?;
        let files = Files::new(log_dir, Path::new(""));
        let (checkpoint_note, problem) = read_checkpoint(&files);
        let mut problems: Vec<FileProblem> = problem.into_iter().collect();
        let genesis_bytes = match RealDisk.read(&files.genesis(), MAX_GENESIS) {
            Ok(bytes) => bytes,
            Err(err) => {
                problems.push(problem_at("genesis.json", err.to_string()));
                Vec::new()
            }
        };
        let bundles = bundle_numbers(&files, &mut problems).into();
        Ok(Self {
            covered: claimed_size(&checkpoint_note).unwrap_or(u64::MAX),
            genesis_bytes,
            checkpoint_note,
            bundles,
            expected: 0,
            read: 0,
            unsigned: false,
            problems,
            tiles: TileCheck::of(&files),
            tail: None,
            files,
        })
    }

    /// Empty where it could not be read.
    pub fn genesis_bytes(&self) -> &[u8] {
        &self.genesis_bytes
    }

    /// Empty where it could not be read.
    pub fn checkpoint_note(&self) -> &[u8] {
        &self.checkpoint_note
    }

    /// How many entries the checkpoint claims, where there is one.
    pub fn covered(&self) -> Option<u64> {
        (self.covered < u64::MAX).then_some(self.covered)
    }

    /// Begins at the bundle that has entry `index`, and compares no tiles. Yields the index of its first
    /// entry.
    pub fn begin_at(&mut self, index: u64) -> u64 {
        let first = index.min(self.covered) / bundle::WIDTH;
        self.bundles.retain(|number| *number >= first);
        self.tiles = None;
        self.expected = first;
        self.read = first * bundle::WIDTH;
        self.read
    }

    /// The entries of the next bundle that could be read, in order; `None` after the last. Behind damage they stand at an
    /// earlier index than they had.
    pub fn next_bundle(&mut self) -> Option<Vec<Vec<u8>>> {
        let number = self.bundles.pop_front()?;
        if number > self.expected {
            let missing = if number - self.expected == 1 {
                format!("bundle {} is missing: 256 entries", self.expected)
            } else {
                format!("bundles {} to {} are missing", self.expected, number - 1)
            };
            self.problems.push(problem_at(&bundle::entry_path(self.expected), missing));
        }
        self.expected = number.saturating_add(1);
        let (entries, problem) = self.settled(number);
        if self.bundles.is_empty() {
            self.tail = problem;
        } else {
            self.problems.extend(problem);
        }
        // Behind damage the entries stand at other indices than they had.
        if !self.problems.is_empty() {
            self.tiles = None;
        }
        if let Some(tiles) = &mut self.tiles {
            let signed = entries.iter().zip(self.read..self.covered);
            signed.for_each(|(entry, _)| tiles.append(&self.files, entry));
        }
        self.read += entries.len() as u64;
        Some(entries)
    }

    /// A bundle's entries, and what is wrong with it; where they are more than the checkpoint covers, once it is clear
    /// that nobody is about to sign for them.
    fn settled(&mut self, number: u64) -> (Vec<Vec<u8>>, Option<FileProblem>) {
        let mut attempts = 0;
        loop {
            let (mut entries, problem) = read_bundle(&self.files, number, self.bundles.is_empty());
            let there = self.read.saturating_add(entries.len() as u64);
            let torn = problem.is_some() && self.bundles.is_empty();
            if self.unsigned || there < self.covered || (there == self.covered && !torn) {
                return (entries, problem);
            }
            if read_checkpoint(&self.files).0 != self.checkpoint_note {
                // Signed for meanwhile: it is the next reader's.
                entries.truncate(usize::try_from(self.covered - self.read).unwrap_or(usize::MAX));
                self.bundles.clear();
                return (entries, None);
            }
            attempts += 1;
            if attempts == ATTEMPTS {
                self.unsigned = true;
                return (entries, problem);
            }
            pause();
            // What was torn may have been cut off.
            let there = bundle_numbers(&self.files, &mut Vec::new());
            self.bundles = there.iter().copied().filter(|it| *it > number).collect();
            if !there.contains(&number) {
                return (Vec::new(), None);
            }
        }
    }

    /// All damage that was found. To be asked once there is no bundle left.
    pub fn finish(self) -> Vec<FileProblem> {
        let Self { files, mut problems, tiles, tail, .. } = self;
        if problems.is_empty() {
            problems.extend(tiles.into_iter().flat_map(|tiles| tiles.finish(&files)));
        }
        problems.extend(tail);
        problems
    }
}

#[expect(clippy::disallowed_methods, reason = "another process signs, and a folder tells nobody when")]
fn pause() {
    thread::sleep(PAUSE);
}

/// The size a checkpoint claims; whether it is signed is for the auditor.
fn claimed_size(note: &[u8]) -> Option<u64> {
    std::str::from_utf8(note).ok()?.lines().nth(1)?.parse().ok()
}

/// The bundle's entries; what is wrong with it.
fn read_bundle(files: &Files, number: u64, last: bool) -> (Vec<Vec<u8>>, Option<FileProblem>) {
    let name = bundle::entry_path(number);
    let bytes = match RealDisk.read(&files.bundle(number), MAX_BUNDLE) {
        Ok(bytes) => bytes,
        Err(err) => return (Vec::new(), Some(problem_at(&name, err.to_string()))),
    };
    let whole = bundle::whole_entries(&bytes, bundle::WIDTH);
    let entries = whole.entries.iter().map(|entry| entry.to_vec()).collect();
    if let Err(err) = bundle::decode(&bytes) {
        return (entries, Some(problem_at(&name, err.to_string())));
    }
    let short = !last && (whole.entries.len() as u64) < bundle::WIDTH;
    let message = || format!("has {} entries, but is not the last bundle", whole.entries.len());
    (entries, short.then(|| problem_at(&name, message())))
}

fn read_checkpoint(files: &Files) -> (Vec<u8>, Option<FileProblem>) {
    match RealDisk.read(&files.published(), MAX_NOTE) {
        Ok(bytes) => (bytes, None),
        Err(err) => (Vec::new(), Some(problem_at("checkpoint", err.to_string()))),
    }
}

/// The numbers of all bundles there are, ascending; files that are no bundle are problems.
fn bundle_numbers(files: &Files, problems: &mut Vec<FileProblem>) -> Vec<u64> {
    let mut numbers = Vec::new();
    let mut folders = vec![(files.entries(), String::new(), 0)];
    while let Some((folder, prefix, depth)) = folders.pop() {
        let listed = match list(&folder) {
            Ok(listed) => listed,
            Err(err) => {
                problems.push(problem_at(&format!("tile/entries{prefix}"), err.to_string()));
                continue;
            }
        };
        for (name, path) in listed {
            let below = format!("{prefix}/{name}");
            match number_of(&below) {
                Some(number) if path.is_file() => numbers.push(number),
                Some(_) | None if path.is_dir() && name.starts_with('x') && depth < MAX_DEPTH => {
                    folders.push((path, below, depth + 1));
                }
                Some(_) | None => {
                    problems
                        .push(problem_at(&format!("tile/entries{below}"), "is no entry bundle".to_owned()));
                }
            }
        }
    }
    numbers.sort_unstable();
    numbers
}

fn list(folder: &Path) -> io::Result<Vec<(String, PathBuf)>> {
    let mut listed = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        listed.push((entry.file_name().to_string_lossy().into_owned(), entry.path()));
    }
    listed.sort();
    Ok(listed)
}

/// The number a path below `tile/entries` names, if it is the one spelling of it.
fn number_of(below: &str) -> Option<u64> {
    let number = below.split('/').skip(1).try_fold(0u64, |number, part| {
        let digits = part.strip_prefix('x').unwrap_or(part);
        number.checked_mul(1000)?.checked_add(digits.parse().ok()?)
    })?;
    (bundle::entry_path(number) == format!("tile/entries{below}")).then_some(number)
}

pub(crate) fn problem_at(file: &str, message: String) -> FileProblem {
    FileProblem { file: model::sanitize(file, 200), message }
}
