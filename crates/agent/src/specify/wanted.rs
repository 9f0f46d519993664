//! `requirements.md` and `bugfix.md`: what is wanted, one sentence for each check of the plan, and what shall continue.

use std::fmt::Write as _;

use super::{
    Order,
    outline::{Counts, Outline},
    words::{clause, plain},
};

/// While what shall continue is measured, as requirements say it.
pub(super) const DURING: &str = "the plan runs";
/// When it is measured, as a bugfix says it.
pub(super) const AROUND: &str = "a step of the plan runs";

pub(super) fn requirements(outline: &Outline<'_>, order: &Order<'_>) -> String {
    let mut out = String::from("# Requirements Document\n\n## Introduction\n\n");
    introduction(&mut out, order);
    line(&mut out, format_args!("\n## Glossary\n"));
    let account = plain(&order.plan.basis.account);
    line(&mut out, format_args!("- **Environment**: what account {account} holds"));
    line(&mut out, format_args!("\n## Requirements"));
    let goal = clause(&order.plan.goal);
    let mut requirement = 0_u32;
    let criteria: Vec<_> = outline.criteria(Counts::Anew).collect();
    for chapter in &outline.chapters {
        requirement = requirement.saturating_add(1);
        line(&mut out, format_args!("\n### Requirement {requirement}: {}\n", chapter.title));
        let wish = chapter.steps.first().map_or_else(String::new, |(_, step)| clause(&step.why));
        line(
            &mut out,
            format_args!(
                "**User Story:** As an operator, I want this to be done: {wish}, so that the goal is reached: {goal}."
            ),
        );
        for finding in &chapter.findings {
            for fact in &finding.facts {
                line(
                    &mut out,
                    format_args!("\nSeen: {} ({})", plain(&fact.text), plain(&finding.resource.name)),
                );
            }
        }
        line(&mut out, format_args!("\n#### Acceptance Criteria\n"));
        for it in criteria.iter().filter(|it| it.requirement == requirement) {
            let (number, task, verifies) = (it.number, &it.task, &it.verifies);
            line(
                &mut out,
                format_args!("{number}. WHEN step {task} ran THE Environment SHALL show that {verifies}"),
            );
        }
    }
    let last = requirement.saturating_add(1);
    line(&mut out, format_args!("\n### Requirement {last}: What works goes on working\n"));
    line(
        &mut out,
        format_args!(
            "**User Story:** As an operator, I want nothing else to break, so that nobody but me notices the change."
        ),
    );
    line(&mut out, format_args!("\n#### Acceptance Criteria\n"));
    for (number, guard) in (1..).zip(&outline.guards) {
        line(
            &mut out,
            format_args!("{number}. WHILE {DURING} THE Environment SHALL CONTINUE TO {}", guard.response),
        );
    }
    out
}

pub(super) fn bugfix(outline: &Outline<'_>, order: &Order<'_>) -> String {
    let mut out = String::from("# Bugfix Requirements Document\n\n## Introduction\n\n");
    introduction(&mut out, order);
    line(&mut out, format_args!("\n## Bug Analysis\n\n### Current Behavior (Defect)"));
    let taken = order.plan.basis.taken;
    let mut defects: Vec<String> = Vec::new();
    for finding in outline.chapters.iter().flat_map(|it| &it.findings) {
        let seen: Vec<String> = finding.facts.iter().map(|it| clause(&it.text)).collect();
        let (name, title) = (clause(&finding.resource.name), clause(&finding.title));
        defects.push(format!("WHEN {name} is looked at THEN this is seen: {title}: {}", seen.join("; ")));
    }
    if defects.is_empty() {
        let goal = clause(&order.plan.goal);
        defects.push(format!("WHEN the snapshot of {taken} was taken THEN this was not reached: {goal}"));
    }
    // Each is answered by the expected behavior of its number, so there are no more of them.
    let expected: Vec<_> = outline.criteria(Counts::On).collect();
    let rest = defects.split_off(defects.len().min(expected.len()));
    if let Some(last) = defects.last_mut() {
        rest.iter().for_each(|it| {
            let _ = write!(last, "; and {}", it.trim_start_matches("WHEN ").replace(" THEN ", ": "));
        });
    }
    for (number, defect) in (1..).zip(&defects) {
        let shown: String = defect.chars().take(4_000).collect();
        line(&mut out, format_args!("\n1.{number} {shown}"));
    }
    line(&mut out, format_args!("\n### Expected Behavior (Correct)"));
    for it in expected {
        let (number, task, verifies) = (it.number, it.task, &it.verifies);
        line(
            &mut out,
            format_args!("\n2.{number} WHEN step {task} ran THEN the environment SHALL show that {verifies}"),
        );
    }
    line(&mut out, format_args!("\n### Unchanged Behavior (Regression Prevention)"));
    for (number, guard) in (1..).zip(&outline.guards) {
        line(
            &mut out,
            format_args!(
                "\n3.{number} WHEN {AROUND} THEN the environment SHALL CONTINUE TO {}",
                guard.response
            ),
        );
    }
    out
}

fn introduction(out: &mut String, order: &Order<'_>) {
    let plan = order.plan;
    line(
        out,
        format_args!(
            "What was asked for stands in `intent.md`. It was understood as this: {}.",
            clause(&plan.goal)
        ),
    );
    line(
        out,
        format_args!(
            "The account is {}, as of {}. The plan has {} steps; together they are: {}.",
            plain(&plan.basis.account),
            plan.basis.taken,
            plan.steps.len(),
            plan.effects
        ),
    );
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(out, "{text}");
}
