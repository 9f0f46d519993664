//! `design.md`: how the plan holds together, what was weighed, what is not known, and the properties that hold for every step of it.

use std::fmt::Write as _;

use plan::{Origin, Step};
use spec::Sort;

use super::{
    Order,
    outline::Outline,
    words::{clause, plain},
};

/// Property 1 is the first.
pub(super) const NAMES: [&str; 2] = ["Every step is checked", "What was reached stays"];

pub(super) fn property(nth: usize) -> String {
    format!("Property {}: {}", nth.saturating_add(1), NAMES.get(nth).copied().unwrap_or_default())
}

pub(super) fn text(outline: &Outline<'_>, order: &Order<'_>) -> String {
    let plan = order.plan;
    let basis = &plan.basis;
    let mut out = String::from("# Design Document\n\n## Overview\n\n");
    let mut say = |text: String| {
        out.push_str(&text);
        out.push('\n');
    };
    say(format!("The goal: {}.", clause(&plan.goal)));
    say(format!(
        "The plan `{}` was made of a snapshot of account {} taken at {} (SHA-256 `{}`).",
        plan.id,
        plain(&basis.account),
        basis.taken,
        basis.snapshot
    ));
    if let Some(said) = order.said {
        quoted(said).into_iter().for_each(&mut say);
    }
    say("\n## Architecture\n".to_owned());
    say("Countersign proposes the whole plan as one change. Once that is allowed, it asks for the steps one by one, in this order:\n".to_owned());
    for (id, step) in outline.chapters.iter().flat_map(|it| &it.steps) {
        say(format!("- {id} {} ({}{})", name(step), step.effects, unverified(step)));
    }
    say("\n## Components and Interfaces\n".to_owned());
    say("Each step is one call of the cloud's API, written out in `plan.json` with its parameters. What it does is not its own word: \
         the operation table classifies the call again when it is asked for."
        .to_owned());
    say("\n## Data Models\n".to_owned());
    say("`plan.json` holds the steps, `findings.json` what they answer, `run.jsonl` what machines checked."
        .to_owned());
    say("\n## Correctness Properties\n".to_owned());
    let (steps, guards) = places(outline, order.sort);
    for (nth, (claim, validates)) in [
        ("*For any* step of the plan, all its checks hold after it ran, or the plan stops there and what ran is undone.", steps),
        ("*For any* step of the plan, what shall continue is measured before it and after it, and holds both times.", guards),
    ]
    .into_iter()
    .enumerate()
    {
        say(format!("### {}\n\n{claim}\n\n**Validates: Requirements {validates}**\n", property(nth)));
    }
    say("## Error Handling\n".to_owned());
    say("A check that fails in the end stops the plan; what ran is undone where it can be.".to_owned());
    for (id, step) in outline.chapters.iter().flat_map(|it| &it.steps).filter(|(_, step)| !step.undoable) {
        say(format!("- Step {id} cannot be undone: {}", name(step)));
    }
    for (id, step) in outline.chapters.iter().flat_map(|it| &it.steps) {
        if let Some(what) = &step.interrupts {
            say(format!("- Step {id} interrupts: {}", plain(what)));
        }
    }
    plan.traps.iter().for_each(|it| say(format!("- Beware: {}", plain(it))));
    say("\nWhat was weighed and not chosen:\n".to_owned());
    for other in &plan.alternatives {
        let destroys = match other.destroys.len() {
            0 => String::new(),
            count => format!(" It would destroy {count} resources for good."),
        };
        say(format!("- {}: {}.{destroys}", clause(&other.name), clause(&other.why_not)));
    }
    if plan.alternatives.is_empty() {
        say("- nothing".to_owned());
    }
    say("\nWhat is not known:\n".to_owned());
    plan.unknowns.iter().for_each(|it| say(format!("- {}", plain(it))));
    if plan.unknowns.is_empty() {
        say("- nothing that the planner looked for".to_owned());
    }
    say("\n## Testing Strategy\n".to_owned());
    say("Each check is a plain read of the cloud whose answer a machine compares; a task is ticked for that and for nothing else.".to_owned());
    out
}

/// Longer prose is cut.
const MOST_LINES: usize = 60;

/// What a language model said, as a quotation: nothing in it is a heading, a property or a reference.
fn quoted(said: &str) -> Vec<String> {
    let lines: Vec<String> = said.lines().map(plain).collect();
    if lines.iter().all(String::is_empty) {
        return Vec::new();
    }
    let mut out = vec![
        "\n### In a language model's words\n".to_owned(),
        "Nobody has checked what it says, and no check reads it.\n".to_owned(),
    ];
    out.extend(lines.iter().take(MOST_LINES).map(|line| format!("> {line}").trim_end().to_owned()));
    if lines.len() > MOST_LINES {
        out.push("> …".to_owned());
    }
    out
}

/// The requirements that the two properties are about.
fn places(outline: &Outline<'_>, sort: Sort) -> (String, String) {
    match sort {
        Sort::Bugfix => ("2".to_owned(), "3".to_owned()),
        Sort::Feature => {
            let chapters = outline.chapters.len();
            let all: Vec<String> = (1..=chapters).map(|it| it.to_string()).collect();
            (all.join(", "), chapters.saturating_add(1).to_string())
        }
    }
}

fn name(step: &Step) -> String {
    let mut name = String::new();
    // Writing to a String cannot fail.
    let _ = write!(name, "{}:{}", step.call.service, step.call.operation);
    if let Some(about) = step.about.first() {
        let _ = write!(name, " of {about}");
    }
    plain(&name)
}

const fn unverified(step: &Step) -> &'static str {
    match step.origin {
        Origin::Derived { .. } => "",
        Origin::Unverified { .. } => "; not verified",
    }
}
