//! A log's folder under the auditor, an entry at a time: no command holds a whole log.

use std::path::Path;

use audit::{Auditor, Code, Database, Given, Report};
use ledger::{FileProblem, LogReader};
use model::Digest;

use crate::failure::Failure;

pub(crate) struct Audited {
    /// But for what is wrong with files: [`Audited::told`].
    pub(crate) report: Report,
    pub(crate) damage: Vec<FileProblem>,
    /// In force after the last entry.
    pub(crate) bundle: Option<Digest>,
}

impl Audited {
    /// All of it.
    pub(crate) fn told(self) -> Report {
        let mut report = self.report;
        for problem in self.damage {
            report.add(Code::FileDamaged, None, &format!("{}: {}", problem.file, problem.message));
        }
        report
    }
}

/// Audits the log in `dir`, and shows each entry to `show`.
pub(crate) fn audit(
    dir: &Path,
    expected: Option<Digest>,
    held_checkpoints: &[String],
    database: Option<&Database>,
    mut show: impl FnMut(&[u8]),
) -> Result<Audited, Failure> {
    let unreadable = |err: std::io::Error| Failure::usage(format!("{}: {err}", dir.display()));
    let mut log = LogReader::open(dir).map_err(unreadable)?;
    let (genesis, checkpoint) = (log.genesis_bytes().to_vec(), log.checkpoint_note().to_vec());
    let mut auditor = Auditor::new(Given {
        genesis: &genesis,
        expected_genesis: expected,
        checkpoint: &checkpoint,
        held_checkpoints,
        database,
    });
    while let Some(entries) = log.next_bundle() {
        for entry in &entries {
            auditor.entry(entry);
            show(entry);
        }
    }
    let bundle = auditor.bundle();
    Ok(Audited { report: auditor.finish(), damage: log.finish(), bundle })
}
