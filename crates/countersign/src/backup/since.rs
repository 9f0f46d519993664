//! What the log that is here tells of the time after a backup was made: which bundle was adopted last, and which bodies were
//! erased. It is taken from entries that were signed for, and from a log that holds; what lies behind its newest checkpoint
//! (a torn append) counts for nothing, as it does when the log is opened.

use std::{fs, path::Path};

use audit::{Auditor, Given};
use engine::ErasedSince;
use ledger::LogReader;
use model::{Digest, Entry, EntryKind};
use tlog::Checkpoint;

use super::Backup;
use crate::failure::Failure;

#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Since {
    /// Adopted after the backup was made, the last of them.
    pub(crate) bundle: Option<Digest>,
    pub(crate) erased: Vec<ErasedSince>,
    /// How far the log told of it, in entries; the backup's own where there was nothing that could.
    pub(crate) told_to: u64,
}

/// Why nothing can be said: the log is the backup's own, and does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Silent(pub(crate) String);

impl Since {
    pub(crate) const fn nothing(backup: &Backup) -> Self {
        Self { bundle: None, erased: Vec::new(), told_to: backup.checkpoint.size }
    }

    /// `newest`: the largest checkpoint of the log in `dir` that is here; `kept`: those that had left, where it must have
    /// what they cover.
    pub(crate) fn of(
        dir: &Path,
        newest: Option<&(String, Checkpoint)>,
        kept: &[(String, Checkpoint)],
        backup: &Backup,
    ) -> Result<Result<Self, Silent>, Failure> {
        let unreadable = |err: std::io::Error| Failure::usage(format!("{}: {err}", dir.display()));
        match fs::read_dir(dir).map(|mut names| names.next().is_none()) {
            Ok(true) => return Ok(Ok(Self::nothing(backup))),
            Ok(false) => {}
            Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(Ok(Self::nothing(backup))),
            Err(err) => return Err(unreadable(err)),
        }
        let Some((note, checkpoint)) = newest else {
            return Ok(Err(Silent("no checkpoint of it is here".to_owned())));
        };
        if checkpoint.size < backup.checkpoint.size {
            return Ok(Ok(Self::nothing(backup)));
        }
        let mut log = LogReader::open(dir).map_err(unreadable)?;
        let genesis = log.genesis_bytes().to_vec();
        let covered = kept.iter().filter(|(_, it)| it.size <= checkpoint.size);
        let held: Vec<_> = covered.map(|(note, _)| note).chain([&backup.note]).cloned().collect();
        let mut auditor = Auditor::new(Given {
            genesis: &genesis,
            expected_genesis: Some(backup.manifest.genesis),
            checkpoint: note.as_bytes(),
            held_checkpoints: &held,
            database: None,
        });
        let mut since = Self { told_to: checkpoint.size, ..Self::default() };
        let mut index = 0;
        while index < checkpoint.size
            && let Some(entries) = log.next_bundle()
        {
            for entry in entries.iter().take(usize::try_from(checkpoint.size - index).unwrap_or(usize::MAX)) {
                auditor.entry(entry);
                if index >= backup.checkpoint.size {
                    since.take(entry);
                }
                index += 1;
            }
        }
        // Entries that lead to the signed root are the ones that were signed for, whatever else is damaged.
        Ok(match auditor.finish().problems.first() {
            Some(problem) => Err(Silent(problem.message.clone())),
            None => Ok(since),
        })
    }

    fn take(&mut self, bytes: &[u8]) {
        let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else { return };
        if matches!(entry.kind, EntryKind::Genesis | EntryKind::BundleAdopted) {
            self.bundle = entry.bundle;
        }
        self.erased.extend(ErasedSince::of(&entry));
    }
}
