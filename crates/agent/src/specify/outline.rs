//! The plan as chapters: its steps by the task that they lie under, each check with the criterion that it is for.

use std::collections::{BTreeMap, BTreeSet};

use findings::{Finding, Report};
use plan::{Plan, Step};
use spec::TaskId;

use super::{Guard, MOST_STEPS, SpecifyError, guards, words::clause};

pub(super) struct Outline<'a> {
    /// Each is a requirement: the first is requirement 1.
    pub(super) chapters: Vec<Chapter<'a>>,
    pub(super) guards: Vec<Guard>,
    /// Of each step but the first, the one that runs before it.
    pub(super) before: BTreeMap<TaskId, TaskId>,
}

pub(super) struct Chapter<'a> {
    pub(super) title: String,
    pub(super) findings: Vec<&'a Finding>,
    pub(super) steps: Vec<(TaskId, &'a Step)>,
}

impl<'a> Outline<'a> {
    pub(super) fn of(plan: &'a Plan, report: &'a Report) -> Result<Self, SpecifyError> {
        let steps = read(plan)?;
        let known: BTreeMap<&str, &Finding> = report.findings.iter().map(|it| (it.id.as_str(), it)).collect();
        let before =
            steps.iter().zip(steps.iter().skip(1)).map(|(it, next)| (next.0.clone(), it.0.clone())).collect();
        let mut by_task = BTreeMap::<u32, Vec<(TaskId, &Step)>>::new();
        for (id, step) in steps {
            by_task.entry(top(&id)).or_default().push((id, step));
        }
        let chapter = |steps: Vec<(TaskId, &'a Step)>| {
            let mut findings = Vec::new();
            for (_, step) in &steps {
                for id in step.findings() {
                    if let Some(finding) = known.get(id.as_str())
                        && !findings.iter().any(|it: &&Finding| it.id == finding.id)
                    {
                        findings.push(*finding);
                    }
                }
            }
            let title = match findings.as_slice() {
                [one] => clause(&format!("{}: {}", one.title, one.resource.name)),
                _ => steps.first().map_or_else(String::new, |(_, step)| clause(&step.why)),
            };
            Chapter { title, findings, steps }
        };
        Ok(Self { chapters: by_task.into_values().map(chapter).collect(), guards: guards(plan), before })
    }

    /// Every step, with the criterion of the first of its checks: in requirements a chapter counts for itself, in a bugfix all count on.
    pub(super) fn criteria(&self, counts: Counts) -> impl Iterator<Item = Criterion> {
        let mut requirement = 0_u32;
        let mut number = 0_u32;
        let mut all = Vec::new();
        for chapter in &self.chapters {
            match counts {
                Counts::Anew => (requirement, number) = (requirement.saturating_add(1), 0),
                Counts::On => requirement = 2,
            }
            for (task, step) in &chapter.steps {
                for (check, verifies) in checks(task, step) {
                    number = number.saturating_add(1);
                    all.push(Criterion { requirement, number, task: task.clone(), check, verifies });
                }
            }
        }
        all.into_iter()
    }
}

#[derive(Clone, Copy)]
pub(super) enum Counts {
    /// In each chapter.
    Anew,
    On,
}

pub(super) struct Criterion {
    pub(super) requirement: u32,
    pub(super) number: u32,
    pub(super) task: TaskId,
    /// Its name, and what holds where it passes.
    pub(super) check: String,
    pub(super) verifies: String,
}

/// What verifies a step. Where the planner knows no look at what it did, that the cloud took the call.
fn checks(task: &TaskId, step: &Step) -> Vec<(String, String)> {
    if step.after.is_empty() {
        let call = format!("the cloud took the call {}:{}", step.call.service, step.call.operation);
        return vec![(answered(task), clause(&call))];
    }
    step.after.iter().map(|it| (it.id.clone(), clause(&it.verifies))).collect()
}

/// The check of a step that has none after it: whoever carried it out knows whether it was answered.
pub fn answered(task: &TaskId) -> String {
    format!("answered-{}", task.to_string().replace('.', "-"))
}

/// In the plan's order, which is that of their ids.
fn read(plan: &Plan) -> Result<Vec<(TaskId, &Step)>, SpecifyError> {
    if plan.steps.is_empty() {
        return Err(SpecifyError::NoSteps);
    }
    if plan.steps.len() > MOST_STEPS {
        return Err(SpecifyError::TooManySteps { steps: plan.steps.len() });
    }
    let mut ids = BTreeSet::new();
    let mut checks = BTreeSet::new();
    let mut steps = Vec::new();
    for step in &plan.steps {
        let id: TaskId = step.id.parse().map_err(|_| SpecifyError::StepId(model::sanitize(&step.id, 40)))?;
        if top(&id) == 0 {
            return Err(SpecifyError::StepId(id.to_string()));
        }
        if !ids.insert(id.clone()) {
            return Err(SpecifyError::StepTwice(id.to_string()));
        }
        for check in &step.after {
            let ours = ["unchanged-", "answered-"].iter().any(|it| check.id.starts_with(it));
            let good = check.id.parse::<spec::CheckId>().is_ok() && !ours;
            if !good || !checks.insert(check.id.as_str()) {
                return Err(SpecifyError::CheckId(model::sanitize(&check.id, 80)));
            }
        }
        steps.push((id, step));
    }
    let above = ids.iter().flat_map(|id| std::iter::successors(id.parent(), TaskId::parent));
    match above.into_iter().find(|it| ids.contains(it)) {
        Some(step) => Err(SpecifyError::StepAbove(step.to_string())),
        None => Ok(steps),
    }
}

/// The first number of an id.
fn top(id: &TaskId) -> u32 {
    let text = id.to_string();
    text.split('.').next().and_then(|it| it.parse().ok()).unwrap_or(0)
}
