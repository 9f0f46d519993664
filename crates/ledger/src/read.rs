//! Reading a log from its folder alone, for the auditor, who wants to hear of all damage rather than fail at the first.

use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use tlog::bundle;

use crate::{
    compare,
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

/// Reads the log in `log_dir`; fails only where that is no folder.
///
/// On a running server the log grows meanwhile. What was written after the checkpoint was read is left out; but an
/// append that is between writing and signing looks like entries signed by nobody: who finds such waits a moment and
/// reads again.
pub fn read_log(log_dir: &Path) -> io::Result<LogFiles> {
    fs::read_dir(log_dir)?;
    let files = Files::new(log_dir, Path::new(""));
    let mut read = read_once(&files);
    for _ in 1..ATTEMPTS {
        match read {
            Read::Settled(log) => return Ok(log),
            Read::Ahead(_) => {
                pause();
                read = read_once(&files);
            }
        }
    }
    match read {
        Read::Settled(log) | Read::Ahead(log) => Ok(log),
    }
}

#[expect(clippy::disallowed_methods, reason = "another process signs, and a folder tells nobody when")]
fn pause() {
    thread::sleep(PAUSE);
}

enum Read {
    Settled(LogFiles),
    /// There are entries beyond the checkpoint, which has not moved.
    Ahead(LogFiles),
}

fn read_once(files: &Files) -> Read {
    let mut log = LogFiles::default();
    let (note, problem) = read_checkpoint(files);
    let covered = claimed_size(&note);
    log.checkpoint_note = note;
    log.problems.extend(problem);
    match RealDisk.read(&files.genesis(), MAX_GENESIS) {
        Ok(bytes) => log.genesis_bytes = bytes,
        Err(err) => log.problems.push(problem_at("genesis.json", err.to_string())),
    }
    let numbers = bundle_numbers(files, &mut log.problems);
    let (mut expected, mut tail) = (0, None);
    for number in &numbers {
        log.problems.extend(tail.take());
        if *number > expected {
            let missing = if *number - expected == 1 {
                format!("bundle {expected} is missing: 256 entries")
            } else {
                format!("bundles {expected} to {} are missing", *number - 1)
            };
            log.problems.push(problem_at(&bundle::entry_path(expected), missing));
        }
        expected = number.saturating_add(1);
        tail = read_bundle(files, *number, numbers.last() == Some(number), &mut log.entries);
    }
    let covered = covered.and_then(|size| usize::try_from(size).ok()).unwrap_or(usize::MAX);
    // Behind damage the entries stand at other indices than they had.
    if log.problems.is_empty() {
        log.problems.extend(compare::tiles(files, log.entries.get(..covered).unwrap_or(&log.entries)));
    }
    let ahead = log.entries.len() > covered || (log.entries.len() == covered && tail.is_some());
    if ahead && read_checkpoint(files).0 != log.checkpoint_note {
        log.entries.truncate(covered);
        return Read::Settled(log);
    }
    log.problems.extend(tail);
    if ahead { Read::Ahead(log) } else { Read::Settled(log) }
}

/// The size a checkpoint claims; whether it is signed is for the auditor.
fn claimed_size(note: &[u8]) -> Option<u64> {
    std::str::from_utf8(note).ok()?.lines().nth(1)?.parse().ok()
}

/// Adds the bundle's entries; what is wrong with it.
fn read_bundle(files: &Files, number: u64, last: bool, entries: &mut Vec<Vec<u8>>) -> Option<FileProblem> {
    let name = bundle::entry_path(number);
    let bytes = match RealDisk.read(&files.bundle(number), MAX_BUNDLE) {
        Ok(bytes) => bytes,
        Err(err) => return Some(problem_at(&name, err.to_string())),
    };
    let whole = bundle::whole_entries(&bytes, bundle::WIDTH);
    entries.extend(whole.entries.iter().map(|entry| entry.to_vec()));
    if let Err(err) = bundle::decode(&bytes) {
        return Some(problem_at(&name, err.to_string()));
    }
    let short = !last && (whole.entries.len() as u64) < bundle::WIDTH;
    let message = || format!("has {} entries, but is not the last bundle", whole.entries.len());
    short.then(|| problem_at(&name, message()))
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
