//! How much a specification is allowed to hang together: a task may serve every criterion, and every task may, but the rows of what
//! serves what are then the product of both. Counted before any of them is made.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    bounds::LINKS,
    id::{CriterionId, TaskId},
    malformed::{Cause, Malformed},
    reference::References,
    source::{Source, Span},
    specification::Specification,
    tasks::{Task, Tasks},
};

pub(crate) fn few(spec: &Specification) -> Result<(), Malformed> {
    let mut count = Count { ids: spec.ids(), left: LINKS };
    for (design, property) in spec.design.iter().flat_map(|it| it.properties.iter().map(move |one| (it, one)))
    {
        count.take(&property.validates, 1, (design.source(), property.span))?;
    }
    let Some(tasks) = &spec.tasks else { return Ok(()) };
    let below = below(tasks);
    for task in tasks.tasks() {
        let at = (tasks.source(), task.span);
        // A row has the task, what lies under it and is carried out, and its checks that name nothing of their own.
        let steps = below.get(&task.id).copied().unwrap_or_default();
        count.take(&task.requirements, steps.saturating_add(1), at)?;
        for declared in &task.checks {
            let named = &declared.criteria;
            count.take(if named.list.is_empty() { serves(tasks, task) } else { named }, 1, at)?;
        }
    }
    Ok(())
}

struct Count {
    ids: BTreeSet<CriterionId>,
    left: usize,
}

impl Count {
    fn take(&mut self, list: &References, times: usize, at: (&Source, Span)) -> Result<(), Malformed> {
        let links = list.of(&self.ids).len().saturating_mul(times);
        let (source, span) = at;
        self.left = self.left.checked_sub(links).ok_or_else(|| {
            let what = "links between criteria and what serves them";
            source.malformed(span.start..span.end, Cause::TooMany { what, most: LINKS })
        })?;
        Ok(())
    }
}

/// How many tasks lie under each.
fn below(tasks: &Tasks) -> BTreeMap<TaskId, usize> {
    let mut below = BTreeMap::<TaskId, usize>::new();
    for above in tasks.tasks().iter().flat_map(|it| std::iter::successors(it.id.parent(), TaskId::parent)) {
        let count = below.entry(above).or_default();
        *count = count.saturating_add(1);
    }
    below
}

/// What a task names, or the nearest one above it that names anything.
pub(crate) fn serves<'a>(tasks: &'a Tasks, task: &'a Task) -> &'a References {
    let above = std::iter::successors(task.id.parent(), TaskId::parent).filter_map(|it| tasks.get(&it));
    std::iter::once(task)
        .chain(above)
        .map(|it| &it.requirements)
        .find(|it| !it.list.is_empty())
        .unwrap_or(&task.requirements)
}
