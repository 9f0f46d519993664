//! `run.jsonl`: what machines checked, a line each, only ever added to.
//!
//! ```json
//! {"schema":"countersign.run/v1","seq":1,"at":"…","task":"1.1","attempt":1,"check":"queue-drains","moment":"after","step":"…","checked":"…","outcome":{"passed":{"evidence":"…"}}}
//! ```
//!
//! A record is of a check and a task as they were: it carries the digest of each, and says nothing of one that was edited since.

use std::collections::BTreeMap;

use model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    bounds::Bounds,
    check::{Check, Moment},
    id::{CheckId, TaskId},
    layout,
    malformed::{Cause, Malformed},
    source::Source,
    tasks::Task,
};

const SCHEMA: &str = "countersign.run/v1";

/// All that was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    records: Vec<Record>,
    /// Where those of the newest attempt at each task are.
    newest: BTreeMap<TaskId, (u32, Vec<usize>)>,
}

/// One check that was carried out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    schema: String,
    /// From 1, without a gap.
    seq: u64,
    at: Timestamp,
    task: TaskId,
    /// A step that is tried again is tried whole: what passed in an earlier attempt counts no more.
    attempt: u32,
    check: CheckId,
    moment: Moment,
    step: Digest,
    checked: Digest,
    outcome: Outcome,
}

/// What came of it. Nothing passes without something that was measured.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Outcome {
    Passed {
        evidence: Digest,
    },
    Failed {
        evidence: Digest,
        why: String,
    },
    /// It could not be carried out, which is no pass.
    Unknown {
        why: String,
    },
}

/// One observation, before it has a place in the run.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    pub at: Timestamp,
    pub task: &'a Task,
    pub attempt: u32,
    pub check: &'a Check,
    pub moment: Moment,
    pub outcome: Outcome,
}

impl Run {
    /// # Errors
    /// [`Malformed`]: a line that is no record or in another spelling, a gap, a line that was not written whole.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(layout::RUN, bytes, Bounds::RUN)?;
        let mut run = Self::default();
        for nth in 0..source.line_count() {
            let whole = source.whole_line(nth);
            if whole.is_empty() {
                continue;
            }
            let Some(line) = source.slice(whole.clone()).strip_suffix('\n') else {
                return Err(source.malformed(whole, Cause::RecordTorn));
            };
            let record = serde_json::from_str(line).map_err(|err| Cause::Record(err.to_string()));
            let added = record
                .and_then(|it: Record| if it.line() == line { Ok(it) } else { Err(Cause::RecordSpelling) });
            added.and_then(|it| run.push(it)).map_err(|cause| source.malformed(whole, cause))?;
        }
        Ok(run)
    }

    /// Adds an observation, and gives the line to add to the file.
    ///
    /// # Errors
    /// [`Cause::RecordAttempt`]: an attempt before the newest one of that task.
    pub fn add(&mut self, seen: Seen<'_>) -> Result<String, Cause> {
        let record = Record {
            schema: SCHEMA.to_owned(),
            seq: self.next(),
            at: seen.at,
            task: seen.task.id.clone(),
            attempt: seen.attempt,
            check: seen.check.id().clone(),
            moment: seen.moment,
            step: seen.task.digest(),
            checked: seen.check.digest(),
            outcome: seen.outcome.bounded(),
        };
        let line = format!("{}\n", record.line());
        self.push(record)?;
        Ok(line)
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// The newest attempt at a task.
    pub fn attempt(&self, task: &TaskId) -> Option<u32> {
        self.newest.get(task).map(|it| it.0)
    }

    /// Records of the newest attempt at a task, oldest first.
    pub(crate) fn newest_attempt(&self, task: &TaskId) -> impl Iterator<Item = &Record> {
        let places = self.newest.get(task).map(|it| it.1.as_slice()).unwrap_or_default();
        places.iter().filter_map(|it| self.records.get(*it))
    }

    fn next(&self) -> u64 {
        self.records.last().map_or(1, |it| it.seq.saturating_add(1))
    }

    fn push(&mut self, record: Record) -> Result<(), Cause> {
        if record.schema != SCHEMA {
            return Err(Cause::Record(format!("its schema is not {SCHEMA}")));
        }
        let wanted = self.next();
        if record.seq != wanted {
            return Err(Cause::RecordSequence { found: record.seq, wanted });
        }
        if let Some(newest) = self.attempt(&record.task).filter(|it| *it > record.attempt) {
            return Err(Cause::RecordAttempt {
                task: record.task.to_string(),
                found: record.attempt,
                newest,
            });
        }
        let (attempt, places) = self.newest.entry(record.task.clone()).or_default();
        if *attempt != record.attempt {
            places.clear();
        }
        *attempt = record.attempt;
        places.push(self.records.len());
        self.records.push(record);
        Ok(())
    }
}

impl Record {
    /// Without its line ending.
    pub fn line(&self) -> String {
        // Texts, numbers and digests always have a form.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub fn seq(&self) -> u64 {
        self.seq
    }

    pub fn at(&self) -> Timestamp {
        self.at
    }

    pub fn task(&self) -> &TaskId {
        &self.task
    }

    pub fn check(&self) -> &CheckId {
        &self.check
    }

    pub fn moment(&self) -> Moment {
        self.moment
    }

    pub fn outcome(&self) -> &Outcome {
        &self.outcome
    }

    /// Whether it is of these very texts.
    pub(crate) fn is_of(&self, task: &Task, check: &Check) -> bool {
        self.step == task.digest() && self.checked == check.digest()
    }
}

impl Outcome {
    /// A reason is as long as a line can hold.
    fn bounded(self) -> Self {
        let short = |why: String| why.chars().take(500).collect();
        match self {
            Self::Passed { evidence } => Self::Passed { evidence },
            Self::Failed { evidence, why } => Self::Failed { evidence, why: short(why) },
            Self::Unknown { why } => Self::Unknown { why: short(why) },
        }
    }
}
