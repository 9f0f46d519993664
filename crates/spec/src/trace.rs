//! Which criterion is served by which property, task and check, and what is served by none.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Serialize, Serializer};

use crate::{
    id::{CheckId, CriterionId, PropertyId, TaskId},
    specification::Specification,
    tasks::Tasks,
};

/// A row for each criterion, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Matrix {
    pub rows: Vec<Row>,
    pub untraced: Vec<Untraced>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    pub criterion: CriterionId,
    pub text: String,
    pub line: usize,
    pub properties: Vec<PropertyId>,
    pub tasks: Vec<TaskId>,
    /// Of these tasks, or what they lie under, those that are carried out.
    pub steps: Vec<TaskId>,
    pub checks: Vec<CheckId>,
}

/// What leads nowhere.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Untraced {
    CriterionWithoutTask(CriterionId),
    CriterionWithoutCheck(CriterionId),
    PropertyWithoutCriterion(PropertyId),
    PropertyWithoutTask(PropertyId),
    TaskWithoutCriterion(TaskId),
    StepWithoutCheck(TaskId),
    CheckWithoutCriterion(CheckId),
}

impl Matrix {
    pub fn of(spec: &Specification) -> Self {
        let checks = spec.checks();
        let known: BTreeSet<_> = spec.criteria().iter().map(|it| it.id).collect();
        // One set for each direction: a specification has thousands of criteria at most, and each list is looked at once.
        let mut properties = BTreeMap::<CriterionId, BTreeSet<PropertyId>>::new();
        let mut tasks = BTreeMap::<CriterionId, BTreeSet<TaskId>>::new();
        let mut by_check = BTreeMap::<CriterionId, BTreeSet<CheckId>>::new();
        let mut untraced = BTreeSet::new();
        let ids = spec.ids();
        for property in spec.design.iter().flat_map(|it| &it.properties) {
            if property.validates.of(&ids).is_empty() {
                untraced.insert(Untraced::PropertyWithoutCriterion(property.id));
            }
            for id in property.validates.of(&known) {
                properties.entry(id).or_default().insert(property.id);
            }
        }
        let list = spec.tasks.as_ref().map(Tasks::tasks).unwrap_or_default();
        for task in list {
            for id in task.requirements.of(&known) {
                tasks.entry(id).or_default().insert(task.id.clone());
            }
        }
        for check in checks.all() {
            if check.criteria().is_empty() {
                untraced.insert(Untraced::CheckWithoutCriterion(check.id().clone()));
            }
            for id in check.criteria() {
                by_check.entry(*id).or_default().insert(check.id().clone());
            }
        }
        if let Some(tasks) = &spec.tasks {
            untraced.extend(loose_tasks(tasks, &ids, &checks));
            let tested: BTreeSet<_> = list.iter().flat_map(|it| &it.properties).map(|it| it.0).collect();
            let all = spec.design.iter().flat_map(|it| &it.properties).map(|it| it.id);
            untraced.extend(all.filter(|it| !tested.contains(it)).map(Untraced::PropertyWithoutTask));
        }
        let steps = spec.tasks.as_ref().map(steps).unwrap_or_default();
        let rows: Vec<_> = spec
            .criteria()
            .into_iter()
            .map(|criterion| {
                let id = criterion.id;
                let of: Vec<_> = tasks.get(&id).into_iter().flatten().cloned().collect();
                let all: BTreeSet<_> =
                    of.iter().filter_map(|it| steps.get(it)).flatten().map(|it| (*it).clone()).collect();
                // A guard is carried out around every step, and takes no task of its own.
                if of.is_empty() && !criterion.is_guard() {
                    untraced.insert(Untraced::CriterionWithoutTask(id));
                }
                let checks: Vec<_> = by_check.get(&id).into_iter().flatten().cloned().collect();
                if checks.is_empty() {
                    untraced.insert(Untraced::CriterionWithoutCheck(id));
                }
                Row {
                    criterion: id,
                    text: model::sanitize(&criterion.text, 1_000),
                    line: criterion.span.line,
                    properties: properties.get(&id).into_iter().flatten().copied().collect(),
                    tasks: of,
                    steps: all.into_iter().collect(),
                    checks,
                }
            })
            .collect();
        Self { rows, untraced: untraced.into_iter().collect() }
    }
}

/// For each task, those under it that are carried out, or itself.
fn steps(tasks: &Tasks) -> BTreeMap<&TaskId, Vec<&TaskId>> {
    let mut steps = BTreeMap::<&TaskId, Vec<&TaskId>>::new();
    for task in tasks.tasks() {
        let inner =
            tasks.tasks().iter().map(|it| &it.id).filter(|it| it.is_under(&task.id) && tasks.is_step(it));
        let all = if tasks.is_step(&task.id) { vec![&task.id] } else { inner.collect() };
        steps.insert(&task.id, all);
    }
    steps
}

fn loose_tasks(tasks: &Tasks, ids: &BTreeSet<CriterionId>, checks: &crate::check::Checks) -> Vec<Untraced> {
    // A task is for what it names, or what those above or below it name.
    let named: BTreeSet<_> = tasks
        .tasks()
        .iter()
        .filter(|it| !it.requirements.of(ids).is_empty())
        .map(|it| it.id.clone())
        .collect();
    let mut loose = Vec::new();
    for task in tasks.tasks() {
        let above =
            std::iter::successors(Some(task.id.clone()), TaskId::parent).any(|it| named.contains(&it));
        let is_step = tasks.is_step(&task.id);
        if is_step && !above {
            loose.push(Untraced::TaskWithoutCriterion(task.id.clone()));
        }
        if is_step && !task.optional && checks.own(&task.id).is_empty() {
            loose.push(Untraced::StepWithoutCheck(task.id.clone()));
        }
    }
    loose
}

impl fmt::Display for Untraced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CriterionWithoutTask(id) => write!(f, "criterion {id} has no task"),
            Self::CriterionWithoutCheck(id) => write!(f, "criterion {id} has no check"),
            Self::PropertyWithoutCriterion(id) => write!(f, "property {id} validates nothing"),
            Self::PropertyWithoutTask(id) => write!(f, "property {id} has no task that tests it"),
            Self::TaskWithoutCriterion(id) => write!(f, "task {id} is for no criterion"),
            Self::StepWithoutCheck(id) => write!(f, "task {id} has no check, so that nothing can tick it"),
            Self::CheckWithoutCriterion(id) => write!(f, "check `{id}` is for no criterion"),
        }
    }
}

impl Serialize for Untraced {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
