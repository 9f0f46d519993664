//! Checks as data: what a machine is to verify, for which criteria, and when. Carrying them out is somebody else's.

use std::collections::{BTreeMap, BTreeSet};

use model::{Digest, Value};
use serde::{Deserialize, Serialize};

use crate::{
    criterion::Criterion,
    id::{CheckId, CriterionId, TaskId},
    links::serves,
    tasks::Tasks,
};

/// One thing that is verified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub(crate) id: CheckId,
    pub(crate) verifies: String,
    pub(crate) criteria: BTreeSet<CriterionId>,
    pub(crate) when: When,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum When {
    /// Once its task is carried out.
    AfterItsTask,
    /// Before and after each step, whatever the step is for: what shall continue.
    AroundEachStep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    Before,
    After,
}

/// All checks of a specification, by what they are for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Around each step.
    pub(crate) guards: Vec<Check>,
    pub(crate) own: BTreeMap<TaskId, Vec<Check>>,
}

impl Check {
    pub fn id(&self) -> &CheckId {
        &self.id
    }

    pub fn verifies(&self) -> &str {
        &self.verifies
    }

    pub fn criteria(&self) -> &BTreeSet<CriterionId> {
        &self.criteria
    }

    pub fn when(&self) -> When {
        self.when
    }

    /// What it says: a record is of a check as it was.
    pub fn digest(&self) -> Digest {
        let criteria = self.criteria.iter().map(|it| Value::Text(it.to_string())).collect();
        Value::Map(
            [
                ("id".to_owned(), Value::Text(self.id.to_string())),
                ("verifies".to_owned(), Value::Text(self.verifies.clone())),
                ("criteria".to_owned(), Value::List(criteria)),
            ]
            .into(),
        )
        .digest("countersign/spec-check/v1")
    }
}

impl When {
    /// The moments at which a step needs it.
    pub fn moments(self) -> &'static [Moment] {
        match self {
            Self::AfterItsTask => &[Moment::After],
            Self::AroundEachStep => &[Moment::Before, Moment::After],
        }
    }
}

impl Checks {
    /// Those that criteria make, and those that tasks declare.
    pub(crate) fn of<'a>(criteria: impl Iterator<Item = &'a Criterion>, tasks: Option<&Tasks>) -> Self {
        let criteria: Vec<_> = criteria.collect();
        let known: BTreeSet<_> = criteria.iter().map(|it| it.id).collect();
        let guards = criteria.iter().filter(|it| it.is_guard()).map(|it| Check {
            id: CheckId::unchanged(it.id),
            verifies: it.text.clone(),
            criteria: [it.id].into(),
            when: When::AroundEachStep,
        });
        let mut own = BTreeMap::<TaskId, Vec<Check>>::new();
        for (tasks, task) in tasks.into_iter().flat_map(|it| it.tasks().iter().map(move |task| (it, task))) {
            own.entry(task.id.clone()).or_default().extend(task.checks.iter().map(|it| {
                let named = if it.criteria.list.is_empty() { serves(tasks, task) } else { &it.criteria };
                let (id, verifies) = (it.id.clone(), it.verifies.clone());
                Check { id, verifies, criteria: named.of(&known), when: When::AfterItsTask }
            }));
        }
        Self { guards: guards.collect(), own }
    }

    pub fn guards(&self) -> &[Check] {
        &self.guards
    }

    /// What a task declares.
    pub fn own(&self, task: &TaskId) -> &[Check] {
        self.own.get(task).map(Vec::as_slice).unwrap_or_default()
    }

    /// What has to pass at a step: its own, and what shall continue.
    pub fn around<'a>(&'a self, step: &TaskId) -> impl Iterator<Item = &'a Check> {
        self.guards.iter().chain(self.own(step))
    }

    pub fn all(&self) -> impl Iterator<Item = &Check> {
        self.guards.iter().chain(self.own.values().flatten())
    }
}
