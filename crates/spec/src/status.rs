//! How far a specification is: what its tasks say, and what records prove.

use model::Digest;
use serde::Serialize;

use crate::{
    id::TaskId,
    passed::NotPassed,
    specification::{Goal, Specification},
    tasks::{State, Tasks},
    trace::Matrix,
};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    pub goal: &'static str,
    /// SHA-256 of the user's words.
    pub intent: Option<Digest>,
    pub criteria: usize,
    pub properties: usize,
    /// Checks that run around each step.
    pub guards: usize,
    pub checks: usize,
    pub untraced: usize,
    pub records: usize,
    pub tasks: Vec<TaskStatus>,
    /// The first step that is not proved and not optional.
    pub next: Option<TaskId>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskStatus {
    pub id: TaskId,
    pub title: String,
    pub state: State,
    pub optional: bool,
    pub step: bool,
    pub proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    Passed,
    /// Why not.
    Lacks(String),
}

impl Status {
    pub fn of(spec: &Specification) -> Self {
        let checks = spec.checks();
        let tasks: Vec<_> = spec.tasks.iter().flat_map(|tasks| each(spec, tasks)).collect();
        let open = |it: &&TaskStatus| it.step && !it.optional && it.proof != Proof::Passed;
        Self {
            goal: match spec.goal {
                Goal::Feature(_) => "feature",
                Goal::Bugfix(_) => "bugfix",
            },
            intent: spec.intent.as_ref().map(crate::intent::Intent::digest),
            criteria: spec.criteria().len(),
            properties: spec.design.as_ref().map_or(0, |it| it.properties.len()),
            guards: checks.guards().len(),
            checks: checks.all().count(),
            untraced: Matrix::of(spec).untraced.len(),
            records: spec.run.records().len(),
            next: tasks.iter().find(open).map(|it| it.id.clone()),
            tasks,
        }
    }
}

impl Status {
    /// In a line.
    pub fn told(&self) -> String {
        format!(
            "{}: {} criteria, {} properties, {} checks ({} of them around each step), {} records, {} untraced",
            self.goal, self.criteria, self.properties, self.checks, self.guards, self.records, self.untraced
        )
    }

    /// How many tasks records prove.
    pub fn proved(&self) -> usize {
        self.tasks.iter().filter(|it| it.proof == Proof::Passed).count()
    }
}

impl TaskStatus {
    /// What is proved of it, in words.
    pub fn told(&self) -> String {
        match (&self.proof, self.state) {
            (Proof::Passed, _) => "proved".to_owned(),
            (Proof::Lacks(why), State::Done) => format!("ticked and not proved: {why}"),
            (Proof::Lacks(why), State::Todo | State::InProgress) => why.clone(),
        }
    }
}

impl State {
    /// As `tasks.md` has it.
    pub const fn mark(self) -> &'static str {
        match self {
            Self::Todo => "[ ]",
            Self::InProgress => "[-]",
            Self::Done => "[x]",
        }
    }
}

fn each(spec: &Specification, tasks: &Tasks) -> Vec<TaskStatus> {
    let checks = spec.checks();
    let proof = |id: &TaskId| match checks.passed(tasks, &spec.run, id) {
        Ok(_) => Proof::Passed,
        Err(why) => Proof::Lacks(NotPassed::to_string(&why)),
    };
    let one = |it: &crate::tasks::Task| TaskStatus {
        id: it.id.clone(),
        title: model::sanitize(&it.title, 200),
        state: it.state,
        optional: it.optional,
        step: tasks.is_step(&it.id),
        proof: proof(&it.id),
    };
    tasks.tasks().iter().map(one).collect()
}
