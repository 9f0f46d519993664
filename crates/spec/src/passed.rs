//! The proof that a task's checks passed. Only records make one.

use std::{collections::BTreeMap, fmt};

use model::Digest;

use crate::{
    check::{Check, Checks, Moment},
    id::{CheckId, TaskId},
    run::{Outcome, Run},
    tasks::{Task, Tasks},
};

/// Every check of a task passed, in its newest attempt, and what was checked is what stands there now. Nobody else can say so:
///
/// ```compile_fail
/// # fn forge(task: spec::TaskId, text: model::Digest) -> spec::Passed {
/// spec::Passed { task, text }
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    task: TaskId,
    text: Digest,
}

/// Why there is no such proof.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPassed {
    #[error("there is no task {0}")]
    NotThere(TaskId),
    #[error("it declares no check")]
    NoCheck(TaskId),
    #[error("{}", Listed(.lacks))]
    Lacks { task: TaskId, lacks: Vec<Lack> },
    #[error("{task} below it: {why}")]
    Subtask { task: TaskId, why: Box<NotPassed> },
}

/// One thing that is not proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    pub check: CheckId,
    pub moment: Moment,
    pub why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    NeverRun,
    Failed,
    Unknown,
    /// The task or the check says something else now.
    Changed,
    /// What was to be measured before the step was measured after it.
    TooLate,
}

impl Passed {
    pub fn task(&self) -> &TaskId {
        &self.task
    }

    /// The digest of what the task and everything below it said then.
    pub fn text(&self) -> Digest {
        self.text
    }
}

impl Checks {
    /// Whether `run` proves that a task is done. A task with subtasks is done once those are that are not optional, and its own checks
    /// passed, if it has any; one without needs a check of its own.
    ///
    /// # Errors
    /// [`NotPassed`], with everything that is lacking.
    pub(crate) fn passed(&self, tasks: &Tasks, run: &Run, id: &TaskId) -> Result<Passed, NotPassed> {
        let missing = || NotPassed::NotThere(id.clone());
        let task = tasks.get(id).ok_or_else(missing)?;
        let proof = || Ok(Passed { task: id.clone(), text: tasks.digest_of(id).ok_or_else(missing)? });
        if tasks.is_step(id) {
            if self.own(id).is_empty() {
                return Err(NotPassed::NoCheck(id.clone()));
            }
            lacking(task, run, self.around(id))?;
            return proof();
        }
        // Numbers get longer with each level, so this ends.
        for subtask in tasks.subtasks(id).filter(|it| !it.optional) {
            self.passed(tasks, run, &subtask.id)
                .map_err(|why| NotPassed::Subtask { task: subtask.id.clone(), why: Box::new(why) })?;
        }
        lacking(task, run, self.own(id).iter())?;
        proof()
    }
}

/// More than these are not told.
const TOLD: usize = 20;

fn lacking<'a>(task: &Task, run: &Run, checks: impl Iterator<Item = &'a Check>) -> Result<(), NotPassed> {
    let mut newest = BTreeMap::new();
    // Whatever was measured after a step shows that it was carried out by then.
    let mut carried_out = u64::MAX;
    for record in run.newest_attempt(&task.id) {
        newest.insert((record.check(), record.moment()), record);
        if record.moment() == Moment::After {
            carried_out = carried_out.min(record.seq());
        }
    }
    let why = |check: &Check, moment| {
        let Some(record) = newest.get(&(check.id(), moment)) else { return Some(Why::NeverRun) };
        match record.outcome() {
            _ if !record.is_of(task, check) => Some(Why::Changed),
            Outcome::Failed { .. } => Some(Why::Failed),
            Outcome::Unknown { .. } => Some(Why::Unknown),
            Outcome::Passed { .. } => {
                (moment == Moment::Before && carried_out < record.seq()).then_some(Why::TooLate)
            }
        }
    };
    let moments = checks.flat_map(|check| check.when().moments().iter().map(move |it| (check, *it)));
    let lacks = moments.filter_map(|(check, moment)| {
        why(check, moment).map(|why| Lack { check: check.id().clone(), moment, why })
    });
    let lacks: Vec<_> = lacks.take(TOLD).collect();
    if lacks.is_empty() { Ok(()) } else { Err(NotPassed::Lacks { task: task.id.clone(), lacks }) }
}

struct Listed<'a>(&'a [Lack]);

/// What lacks for the same reason before and after is said once.
impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, alike) in self.0.chunk_by(|a, b| (&a.check, a.why) == (&b.check, b.why)).enumerate() {
            let Some(lack) = alike.first() else { continue };
            let when = match (alike.len(), lack.moment) {
                (1, Moment::Before) => "before",
                (1, Moment::After) => "after",
                _ => "before and after",
            };
            write!(f, "{}`{}` {} {when} it", if nth == 0 { "" } else { "; " }, lack.check, lack.why)?;
        }
        Ok(())
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NeverRun => "was not run",
            Self::Failed => "failed",
            Self::Unknown => "could not be carried out",
            Self::Changed => "was run on another text",
            Self::TooLate => "was run too late, not",
        })
    }
}
