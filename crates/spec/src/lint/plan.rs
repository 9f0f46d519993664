//! Findings about how it holds together: `design.md`, `tasks.md`, checks and records.

use std::collections::{BTreeMap, BTreeSet};

use super::{Code, Findings};
use crate::{
    id::{CriterionId, PropertyId, Reference, TaskId},
    reference::References,
    specification::Specification,
    tasks::{State, Tasks},
    trace::{Matrix, Untraced},
};

pub(super) fn design<'a>(spec: &'a Specification, findings: &mut Findings<'a>) {
    let Some(design) = &spec.design else { return };
    findings.source = design.source();
    let known = Known::of(spec);
    let mut seen = BTreeSet::new();
    for property in &design.properties {
        let id = property.id;
        if !seen.insert(id) {
            findings.tell(Code::PropertyTwice, property.span, format!("property {id} is above already"));
        }
        if property.validates.list.is_empty() && property.validates.unreadable.is_empty() {
            findings.tell(Code::ValidatesNothing, property.span, format!("property {id} validates nothing"));
        }
        known.references(&property.validates, Code::PropertyUnknown, &format!("property {id}"), findings);
        let claims = property.text.to_lowercase().replace(['*', '_'], "");
        if !["for any", "for all", "for every", "for each"].iter().any(|it| claims.contains(it)) {
            let message = format!("property {id} does not say what it holds for");
            findings.tell(Code::NotForAny, property.span, message);
        }
    }
}

pub(super) fn tasks<'a>(spec: &'a Specification, findings: &mut Findings<'a>) {
    let Some(tasks) = &spec.tasks else { return };
    findings.source = tasks.source();
    if tasks.list.is_empty() {
        findings.tell_of_file(Code::NoTasks, "there is no task");
    }
    let known = Known::of(spec);
    let properties: BTreeSet<PropertyId> =
        spec.design.iter().flat_map(|it| &it.properties).map(|it| it.id).collect();
    let stuck = stuck(tasks);
    let open = open_below(tasks);
    for task in &tasks.list {
        let id = &task.id;
        if task.optional && id.is_top() {
            findings.tell(Code::OptionalTask, task.span, format!("task {id} is optional"));
        }
        known.references(&task.requirements, Code::TaskUnknown, &format!("task {id}"), findings);
        for declared in &task.checks {
            let name = format!("check `{}`", declared.id);
            known.references(&declared.criteria, Code::TaskUnknown, &name, findings);
        }
        for (property, span) in task.properties.iter().filter(|it| !properties.contains(&it.0)) {
            findings.tell(Code::TestsUnknown, *span, format!("task {id}: there is no property {property}"));
        }
        for (on, span) in &task.depends {
            if tasks.get(on).is_none() {
                findings.tell(Code::DependsUnknown, *span, format!("task {id}: there is no task {on}"));
            } else if stuck.contains(id) && stuck.contains(on) {
                let message = format!("task {id} waits for {on}, and neither can begin");
                findings.tell(Code::DependsUnknown, *span, message);
            }
        }
        if let Some(below) = open.get(id).filter(|_| task.state == State::Done) {
            findings.tell(Code::OpenBelow, task.span, format!("task {id} is ticked, and {below} is not"));
        }
    }
}

pub(super) fn checks<'a>(spec: &'a Specification, findings: &mut Findings<'a>) {
    let Some(tasks) = &spec.tasks else { return };
    findings.source = tasks.source();
    let checks = spec.checks();
    let mut seen = BTreeSet::new();
    for task in &tasks.list {
        for (declared, check) in task.checks.iter().zip(checks.own(&task.id)) {
            if !seen.insert(&declared.id) {
                findings.tell(
                    Code::CheckTwice,
                    declared.span,
                    format!("check `{}` is above already", declared.id),
                );
            }
            if check.criteria().is_empty() {
                let message = format!("check `{}` is for no criterion", declared.id);
                findings.tell(Code::CheckForNothing, declared.span, message);
            }
        }
        if task.state != State::Done {
            continue;
        }
        if let Err(why) = checks.passed(tasks, &spec.run, &task.id) {
            findings.tell(Code::Unproved, task.span, format!("task {} is ticked: {why}", task.id));
        }
    }
}

/// What leads nowhere, told where it stands.
pub(super) fn coverage<'a>(spec: &'a Specification, findings: &mut Findings<'a>) {
    // A specification is written in phases: what has no file yet is not missing.
    let Some(tasks) = &spec.tasks else { return };
    if tasks.list.is_empty() {
        return;
    }
    let criteria: BTreeMap<_, _> = spec.criteria().into_iter().map(|it| (it.id, it.span)).collect();
    let places: BTreeMap<_, _> = tasks.list.iter().map(|it| (&it.id, it.span)).collect();
    let properties: BTreeMap<_, _> =
        spec.design.iter().flat_map(|it| &it.properties).map(|it| (it.id, it.span)).collect();
    for untraced in Matrix::of(spec).untraced {
        let (source, code, span) = match &untraced {
            Untraced::CriterionWithoutTask(id) => (Some(spec.goal.source()), Code::NoTask, criteria.get(id)),
            Untraced::TaskWithoutCriterion(id) => (Some(tasks.source()), Code::ForNothing, places.get(id)),
            Untraced::StepWithoutCheck(id) => (Some(tasks.source()), Code::NoCheck, places.get(id)),
            Untraced::PropertyWithoutTask(id) => {
                (spec.design.as_ref().map(crate::design::Design::source), Code::Untested, properties.get(id))
            }
            // Told with the property or the check itself; and a criterion lacks a check because its step does.
            Untraced::PropertyWithoutCriterion(_)
            | Untraced::CheckWithoutCriterion(_)
            | Untraced::CriterionWithoutCheck(_) => continue,
        };
        if let Some((source, span)) = source.zip(span) {
            findings.source = source;
            findings.tell(code, *span, untraced.to_string());
        }
    }
}

pub(super) fn run<'a>(spec: &'a Specification, findings: &mut Findings<'a>) {
    let Some(tasks) = &spec.tasks else { return };
    findings.source = tasks.source();
    let checks = spec.checks();
    let known: BTreeSet<_> = checks.all().map(crate::check::Check::id).collect();
    let gone: BTreeSet<_> = spec
        .run
        .records()
        .iter()
        .filter(|it| tasks.get(it.task()).is_none() || !known.contains(it.check()))
        .map(|it| (it.task(), it.check()))
        .collect();
    for (task, check) in gone {
        findings.tell_of_file(
            Code::RecordUnknown,
            format!("run.jsonl has records of check `{check}` of task {task}"),
        );
    }
}

/// What can be referred to.
struct Known {
    criteria: BTreeSet<CriterionId>,
    requirements: BTreeSet<u32>,
}

impl Known {
    fn of(spec: &Specification) -> Self {
        let criteria = spec.ids();
        let mut requirements: BTreeSet<_> = criteria.iter().map(|it| it.requirement).collect();
        if let crate::specification::Goal::Feature(it) = &spec.goal {
            requirements.extend(it.list.iter().map(|it| it.number));
        }
        Self { criteria, requirements }
    }

    fn references(&self, references: &References, code: Code, who: &str, findings: &mut Findings<'_>) {
        for (reference, span) in &references.list {
            let there = match reference {
                Reference::Requirement(number) => self.requirements.contains(number),
                Reference::Criterion(id) => self.criteria.contains(id),
            };
            if !there {
                findings.tell(code, *span, format!("{who} refers to {reference}, which is not there"));
            }
        }
        for span in &references.unreadable {
            let word = findings.source.slice(span.start..span.end).to_owned();
            findings.tell(Code::Unreadable, *span, format!("{who} refers to `{word}`"));
        }
    }
}

/// Tasks that wait for each other, or for such, so that none of them can ever begin.
fn stuck(tasks: &Tasks) -> BTreeSet<&TaskId> {
    let there: BTreeSet<_> = tasks.list.iter().map(|it| &it.id).collect();
    let mut waits = BTreeMap::<&TaskId, BTreeSet<&TaskId>>::new();
    let mut waited_for = BTreeMap::<&TaskId, Vec<&TaskId>>::new();
    for task in &tasks.list {
        for (on, _) in task.depends.iter().filter(|it| there.contains(&it.0)) {
            if waits.entry(&task.id).or_default().insert(on) {
                waited_for.entry(on).or_default().push(&task.id);
            }
        }
    }
    let mut free: Vec<_> = there.into_iter().filter(|it| !waits.contains_key(it)).collect();
    while let Some(done) = free.pop() {
        for task in waited_for.get(done).into_iter().flatten() {
            let left = waits.get_mut(*task);
            if left.is_some_and(|left| left.remove(done) && left.is_empty()) {
                waits.remove(*task);
                free.push(*task);
            }
        }
    }
    waits.into_keys().collect()
}

/// For each task, the first below it that is neither done nor optional.
fn open_below(tasks: &Tasks) -> BTreeMap<TaskId, &TaskId> {
    let mut open = BTreeMap::new();
    for task in tasks.list.iter().filter(|it| it.state != State::Done && !it.optional) {
        for above in std::iter::successors(task.id.parent(), TaskId::parent) {
            open.entry(above).or_insert(&task.id);
        }
    }
    open
}
