//! `tasks.md`: what is to be done, in order, and what of it is.
//!
//! ```text
//! - [ ] 1. Move the queue
//!   - _Requirements: 1.1, 2.3_
//!   - _Check queue-drains: the queue is empty within 5 minutes (2.3)_
//!   - [-] 1.1 Make the new one
//!   - [ ]* 1.2 Measure the old one
//! ```
//!
//! A subtask lies under the task that its number names, however it is indented. Lines `_Check NAME: …_` are ours: Kiro takes them for
//! details like any other.

mod edits;
mod parse;

use std::collections::BTreeMap;

use model::{Digest, Value};
use serde::Serialize;

use crate::{
    check::Check,
    id::{PropertyId, TaskId},
    reference::References,
    source::{Source, Span},
};

pub use edits::TickError;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tasks {
    source: Source,
    pub(crate) list: Vec<Task>,
    places: BTreeMap<TaskId, usize>,
    /// Of each task that has some.
    below: BTreeMap<TaskId, Vec<usize>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    pub id: TaskId,
    pub title: String,
    pub state: State,
    pub optional: bool,
    pub span: Span,
    pub requirements: References,
    pub depends: Vec<(TaskId, Span)>,
    pub properties: Vec<(PropertyId, Span)>,
    pub(crate) checks: Vec<Declared>,
    /// Everything that stands under it, with one space between words.
    pub(crate) details: Vec<String>,
    /// Where the mark between the brackets is.
    mark: usize,
    /// The last line, from 0, of what belongs to it.
    tail: usize,
}

/// A check as a task declares it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Declared {
    pub(crate) id: crate::id::CheckId,
    pub(crate) verifies: String,
    /// Where it names criteria of its own; otherwise it is for all of the task's.
    pub(crate) criteria: References,
    pub(crate) span: Span,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Todo,
    InProgress,
    Done,
}

impl Tasks {
    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn tasks(&self) -> &[Task] {
        &self.list
    }

    pub fn get(&self, id: &TaskId) -> Option<&Task> {
        self.list.get(*self.places.get(id)?)
    }

    /// One below.
    pub fn subtasks(&self, id: &TaskId) -> impl Iterator<Item = &Task> {
        self.below.get(id).into_iter().flatten().filter_map(|it| self.list.get(*it))
    }

    /// What a task and everything below it say, but for their states.
    pub(crate) fn digest_of(&self, id: &TaskId) -> Option<Digest> {
        let own = self.get(id)?.digest();
        let below = self.list.iter().filter(|it| it.id.is_under(id)).map(Task::digest);
        let all = std::iter::once(own).chain(below).map(|it| Value::Text(it.to_string()));
        Some(Value::List(all.collect()).digest("countersign/spec-subtree/v1"))
    }

    /// What is carried out: a task that has no subtasks.
    pub fn is_step(&self, id: &TaskId) -> bool {
        !self.below.contains_key(id)
    }
}

impl Task {
    /// What it says, but for its state: a record is of a task as it was.
    pub fn digest(&self) -> Digest {
        let text = |it: &str| Value::Text(it.to_owned());
        let details = self.details.iter().map(|it| text(it)).collect();
        Value::Map(
            [
                ("id".to_owned(), text(&self.id.to_string())),
                ("title".to_owned(), text(&self.title)),
                ("optional".to_owned(), Value::Bool(self.optional)),
                ("details".to_owned(), Value::List(details)),
            ]
            .into(),
        )
        .digest("countersign/spec-task/v1")
    }

    /// What it declares, by name.
    pub fn declares(&self, check: &Check) -> bool {
        self.checks.iter().any(|it| it.id == *check.id())
    }
}
