//! A whole folder, read at once: every file of it that is malformed is told.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{
    bugfix::Bugfix,
    check::Checks,
    criterion::Criterion,
    design::Design,
    id::{CriterionId, TaskId},
    intent::Intent,
    layout, links,
    malformed::{Cause, Malformed},
    passed::{NotPassed, Passed},
    requirements::Requirements,
    run::Run,
    source::Source,
    tasks::Tasks,
};

/// Files by their names in the folder.
pub type Files = BTreeMap<String, Vec<u8>>;

/// A specification whose files can all be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Specification {
    pub(crate) goal: Goal,
    pub(crate) design: Option<Design>,
    pub(crate) tasks: Option<Tasks>,
    pub(crate) intent: Option<Intent>,
    pub(crate) run: Run,
}

/// What is wanted: something new, or that something be right again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Goal {
    Feature(Requirements),
    Bugfix(Bugfix),
}

/// Why a folder is not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    #[error("there is neither requirements.md nor bugfix.md")]
    NoSpecification,
    #[error("{}", Listed(.0))]
    Malformed(Vec<Malformed>),
}

struct Listed<'a>(&'a [Malformed]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if nth == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl Specification {
    /// # Errors
    /// [`Unreadable`]
    pub fn read(files: &Files) -> Result<Self, Unreadable> {
        let mut problems = Vec::new();
        let feature = part(files, layout::REQUIREMENTS, &mut problems, Requirements::parse);
        let bugfix = part(files, layout::BUGFIX, &mut problems, Bugfix::parse);
        let design = part(files, layout::DESIGN, &mut problems, Design::parse);
        let tasks = part(files, layout::TASKS, &mut problems, Tasks::parse);
        let intent = part(files, layout::INTENT, &mut problems, |_, bytes| Intent::parse(bytes));
        let run = part(files, layout::RUN, &mut problems, |_, bytes| Run::parse(bytes)).unwrap_or_default();
        if files.contains_key(layout::REQUIREMENTS) && files.contains_key(layout::BUGFIX) {
            let (file, cause) = (layout::BUGFIX.to_owned(), Cause::TwoGoals);
            problems.push(Malformed { file, line: 1, column: 1, cause });
        }
        if !problems.is_empty() {
            return Err(Unreadable::Malformed(problems));
        }
        let goal =
            feature.map(Goal::Feature).or(bugfix.map(Goal::Bugfix)).ok_or(Unreadable::NoSpecification)?;
        let spec = Self { goal, design, tasks, intent, run };
        links::few(&spec).map_err(|problem| Unreadable::Malformed(vec![problem]))?;
        Ok(spec)
    }

    pub fn goal(&self) -> &Goal {
        &self.goal
    }

    pub fn design(&self) -> Option<&Design> {
        self.design.as_ref()
    }

    pub fn tasks(&self) -> Option<&Tasks> {
        self.tasks.as_ref()
    }

    pub fn intent(&self) -> Option<&Intent> {
        self.intent.as_ref()
    }

    /// Empty where there is no file.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Whether the records of this folder prove that a task of it is done.
    ///
    /// # Errors
    /// [`NotPassed`], with what is lacking.
    pub fn passed(&self, task: &TaskId) -> Result<Passed, NotPassed> {
        let missing = || NotPassed::NotThere(task.clone());
        self.checks().passed(self.tasks.as_ref().ok_or_else(missing)?, &self.run, task)
    }

    /// What has to hold: acceptance criteria; of a bugfix, what is expected and what stays.
    pub fn criteria(&self) -> Vec<&Criterion> {
        match &self.goal {
            Goal::Feature(it) => it.criteria().collect(),
            Goal::Bugfix(it) => it.criteria().iter().collect(),
        }
    }

    /// Everything that can be referred to; defects, too.
    pub(crate) fn ids(&self) -> BTreeSet<CriterionId> {
        match &self.goal {
            Goal::Feature(it) => it.criteria().map(|it| it.id).collect(),
            Goal::Bugfix(it) => it.ids().collect(),
        }
    }

    pub fn checks(&self) -> Checks {
        Checks::of(self.criteria().into_iter(), self.tasks.as_ref())
    }
}

impl Goal {
    pub fn source(&self) -> &Source {
        match self {
            Self::Feature(it) => it.source(),
            Self::Bugfix(it) => it.source(),
        }
    }
}

fn part<T>(
    files: &Files,
    name: &str,
    problems: &mut Vec<Malformed>,
    read: impl FnOnce(&str, &[u8]) -> Result<T, Malformed>,
) -> Option<T> {
    match read(name, files.get(name)?) {
        Ok(part) => Some(part),
        Err(problem) => {
            problems.push(problem);
            None
        }
    }
}
