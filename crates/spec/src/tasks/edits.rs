//! What changes a list of tasks. A tick takes a proof; nothing else makes a task done.

use super::{State, Tasks};
use crate::{
    edit::{self, EditError, Splice},
    id::TaskId,
    passed::Passed,
};

/// Why a task was not ticked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TickError {
    #[error("there is no task {0} any more")]
    NotThere(TaskId),
    #[error("task {0} says something else than when its checks passed")]
    Changed(TaskId),
    #[error(transparent)]
    Edit(#[from] EditError),
}

impl Tasks {
    /// Marks a task as done: one byte.
    ///
    /// # Errors
    /// [`TickError`]; then nothing has changed.
    pub fn tick(&mut self, proof: &Passed) -> Result<(), TickError> {
        let task = self.get(proof.task()).ok_or_else(|| TickError::NotThere(proof.task().clone()))?;
        if self.digest_of(&task.id) != Some(proof.text()) {
            return Err(TickError::Changed(task.id.clone()));
        }
        if task.state != State::Done {
            self.mark(proof.task(), State::Done)?;
        }
        Ok(())
    }

    /// Marks a task as begun: one byte. One that was done is so no more.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn begin(&mut self, id: &TaskId) -> Result<(), EditError> {
        self.mark(id, State::InProgress)
    }

    /// Marks a task as one that is to be done: one byte.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn reset(&mut self, id: &TaskId) -> Result<(), EditError> {
        self.mark(id, State::Todo)
    }

    /// Adds a task after the last one.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn append(&mut self, title: &str) -> Result<TaskId, EditError> {
        let title = edit::one_line(title)?;
        let newest = self.list.iter().filter(|it| it.id.is_top()).map(|it| &it.id).max();
        let id =
            newest.map_or_else(|| "1".parse().map_err(|_| EditError::ReadOtherwise), |it| Ok(it.next()))?;
        let line = format!("- [ ] {id}. {title}");
        let last = self.source.line_count().saturating_sub(1);
        let nth = self.list.last().map_or_else(
            // After everything, but not after an empty line that is only the ending of the one before.
            || if self.source.line(last).is_empty() { last.saturating_sub(1) } else { last },
            |it| it.tail,
        );
        let splice = Splice::line_after(&self.source, nth, &line);
        let next = Self::parse(self.source.file(), &splice.applied(&self.source))?;
        let there = next.get(&id).is_some_and(|it| it.title == crate::source::one_line(title));
        if !there || next.list.len() != self.list.len().saturating_add(1) {
            return Err(EditError::ReadOtherwise);
        }
        *self = next;
        Ok(id)
    }

    fn mark(&mut self, id: &TaskId, state: State) -> Result<(), EditError> {
        let task = self.get(id).ok_or_else(|| EditError::NotThere(format!("task {id}")))?;
        let mark = match state {
            State::Todo => " ",
            State::InProgress => "-",
            State::Done => "x",
        };
        let splice = Splice { start: task.mark, end: task.mark.saturating_add(1), insert: mark.to_owned() };
        let next = Self::parse(self.source.file(), &splice.applied(&self.source))?;
        if next.get(id).is_none_or(|it| it.state != state) {
            return Err(EditError::ReadOtherwise);
        }
        *self = next;
        Ok(())
    }
}
