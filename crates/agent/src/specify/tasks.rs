//! `tasks.md`: the plan's steps, ticked by nothing but their checks.

use std::{collections::BTreeSet, fmt::Write as _};

use plan::{Origin, Step, Undo};
use spec::{Sort, TaskId};

use super::{
    design::{NAMES, property},
    outline::{Counts, Criterion, Outline},
    words::{clause, plain},
};

pub(super) fn text(outline: &Outline<'_>, sort: Sort) -> String {
    let counts = match sort {
        Sort::Feature => Counts::Anew,
        Sort::Bugfix => Counts::On,
    };
    let criteria: Vec<Criterion> = outline.criteria(counts).collect();
    let mut out = String::from("# Implementation Plan\n");
    let mut there = BTreeSet::new();
    for chapter in &outline.chapters {
        for (id, step) in &chapter.steps {
            let above: Vec<TaskId> = std::iter::successors(id.parent(), TaskId::parent).collect();
            for parent in above.into_iter().rev().filter(|it| !there.contains(it)).collect::<Vec<_>>() {
                let under = |it: &&Criterion| it.task.to_string().starts_with(&format!("{parent}."));
                let serves: Vec<&Criterion> = criteria.iter().filter(under).collect();
                let indent = indent(&parent);
                line(&mut out, format_args!("\n{indent}- [ ] {} {}", numbered(&parent), chapter.title));
                line(&mut out, format_args!("{indent}  - _Requirements: {}_", list(&serves)));
                there.insert(parent);
            }
            let own: Vec<&Criterion> = criteria.iter().filter(|it| it.task == *id).collect();
            one(&mut out, id, step, &own, outline.before.get(id));
        }
    }
    out
}

fn one(out: &mut String, id: &TaskId, step: &Step, own: &[&Criterion], before: Option<&TaskId>) {
    let indent = indent(id);
    if indent.is_empty() {
        out.push('\n');
    }
    let call = &step.call;
    let what = clause(&format!("{}:{} in {}", call.service, call.operation, call.region));
    line(out, format_args!("{indent}- [ ] {} {what}", numbered(id)));
    line(out, format_args!("{indent}  - Why: {}", plain(&step.why)));
    line(out, format_args!("{indent}  - About: {}", plain(&few(&step.about))));
    line(out, format_args!("{indent}  - Effects, by the operation table: {}", step.effects));
    if let Some(what) = &step.interrupts {
        line(out, format_args!("{indent}  - Interrupts: {}", plain(what)));
    }
    line(out, format_args!("{indent}  - Undo: {}", undo(&step.undo)));
    if let Origin::Unverified { why } = &step.origin {
        line(out, format_args!("{indent}  - NOT VERIFIED, and needs more people: {}", plain(why)));
    }
    for check in &step.before {
        line(out, format_args!("{indent}  - Only if {}", clause(&check.verifies)));
    }
    line(out, format_args!("{indent}  - _Requirements: {}_", list(own)));
    if let Some(before) = before {
        line(out, format_args!("{indent}  - _Depends: {before}_"));
    }
    for nth in 0..NAMES.len() {
        line(out, format_args!("{indent}  - **{}**", property(nth)));
    }
    for Criterion { requirement, number, check, verifies, .. } in own {
        line(out, format_args!("{indent}  - _Check {check}: {verifies} ({requirement}.{number})_"));
    }
}

fn undo(undo: &Undo) -> String {
    match undo {
        Undo::NotNeeded(why) => format!("not needed: {}", plain(why)),
        Undo::Captured => "its inverse is captured before it runs".to_owned(),
        Undo::Calls(calls) => {
            let names: Vec<String> =
                calls.iter().map(|it| format!("{}:{}", it.service, it.operation)).collect();
            plain(&names.join(", then "))
        }
        Undo::Impossible(why) => format!("impossible: {}", plain(why)),
    }
}

fn list(criteria: &[&Criterion]) -> String {
    criteria.iter().map(|it| format!("{}.{}", it.requirement, it.number)).collect::<Vec<_>>().join(", ")
}

/// The first few of what a step is about.
fn few(names: &[String]) -> String {
    const FEW: usize = 5;
    let shown = names.iter().take(FEW).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(FEW) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// A task at the top has a dot behind its number.
fn numbered(id: &TaskId) -> String {
    if id.parent().is_none() { format!("{id}.") } else { id.to_string() }
}

fn indent(id: &TaskId) -> String {
    "  ".repeat(std::iter::successors(id.parent(), TaskId::parent).count())
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
