//! Plans for people: each step with what it stops and how it is undone, then the other ways side by side. Names in it are the cloud's
//! own, and are sanitized where the planner took them up; what is not (calls' parameters), where they are told.

use ::plan::{Alternative, People, Plan, Plans, Step};

use crate::output::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

/// Lists are cut here; `--output json` has them whole.
const MOST: usize = 30;
const MOST_LOST: usize = 12;

pub(super) fn plans(all: &Plans) {
    for (nth, plan) in all.plans.iter().enumerate().take(MOST) {
        if nth > 0 {
            output::line("");
        }
        one(nth + 1, plan, &all.plans);
    }
    more("plans", all.plans.len(), MOST);
    if !all.left.is_empty() {
        output::line(format!("\n{}", styled(BOLD, "No plan for")));
    }
    for left in all.left.iter().take(MOST) {
        output::line(format!("  {}: {}", left.about, left.why));
    }
    more("of these", all.left.len(), MOST);
}

fn one(number: usize, plan: &Plan, all: &[Plan]) {
    output::line(format!("{} {}", styled(BOLD, format!("Plan {number}:")), plan.goal));
    let follows = plan
        .follows
        .and_then(|id| all.iter().position(|other| other.id == id))
        .map_or_else(String::new, |place| format!(", once plan {} has run", place + 1));
    output::line(styled(
        DIM,
        format!(
            "  {} of account {} as of {}{follows}",
            plan.id.short(),
            plan.basis.account,
            plan.basis.taken
        ),
    ));
    plan.steps.iter().for_each(step);
    ways(plan);
    for words in &plan.unknowns {
        output::line(format!("  {} {words}", styled(WARN, "not known:")));
    }
    for words in &plan.traps {
        output::line(format!("  {} {words}", styled(WARN, "!")));
    }
}

fn step(step: &Step) {
    output::line(format!("  {} {}: {}", step.id, step.call.told(), step.why));
    let undoable =
        if step.undoable { styled(GOOD, "can be undone") } else { styled(BAD, "cannot be undone") };
    output::line(format!("      {}, {undoable}", step.effects));
    output::line(format!("      undo: {}", step.undo.told()));
    if let Some(interrupts) = &step.interrupts {
        output::line(format!("      {} {interrupts}", styled(WARN, "interrupts")));
    }
    for (when, checks) in [("before", &step.before), ("after", &step.after)] {
        for check in checks {
            let patience = check.patience.seconds();
            let within = if patience == 0 { String::new() } else { format!(" within {patience} s") };
            output::line(styled(DIM, format!("      {when}: {}{within}", check.verifies)));
        }
    }
}

/// The proposed way and the others, side by side.
fn ways(plan: &Plan) {
    if plan.alternatives.is_empty() {
        return;
    }
    let interrupts = plan.steps.iter().filter(|step| step.interrupts.is_some()).count();
    let undoable = plan.steps.iter().all(|step| step.undoable);
    output::line(format!("  {}", styled(BOLD, "Ways")));
    output::line(styled(DIM, row(["", "effects", "undo", "interrupts", "destroys", "people"])));
    output::line(row([
        "this plan",
        &plan.effects.to_string(),
        yes_or_no(undoable),
        &count(interrupts),
        "-",
        &people(plan.people.as_ref()),
    ]));
    for other in &plan.alternatives {
        output::line(row([
            &other.name,
            &other.effects.to_string(),
            yes_or_no(other.undoable),
            &count(other.interrupts.len()),
            &count(other.destroys.len()),
            &people(other.people.as_ref()),
        ]));
    }
    plan.alternatives.iter().for_each(why_not);
}

fn why_not(other: &Alternative) {
    output::line(format!("  not {}: {}", styled(BOLD, &other.name), other.why_not));
    for (what, all) in
        [("destroys", &other.destroys), ("loses", &other.loses), ("interrupts", &other.interrupts)]
    {
        for one in all.iter().take(MOST_LOST) {
            output::line(format!(
                "      {} {one}",
                styled(if what == "interrupts" { WARN } else { BAD }, what)
            ));
        }
        more("of these", all.len(), MOST_LOST);
    }
}

fn row([name, effects, undo, interrupts, destroys, people]: [&str; 6]) -> String {
    format!("    {name:<20} {effects:<28} {undo:<8} {interrupts:>10} {destroys:>8} {people:>8}")
}

fn people(people: Option<&People>) -> String {
    people.map_or_else(|| "?".into(), People::how_many)
}

const fn yes_or_no(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn count(many: usize) -> String {
    if many == 0 { "-".into() } else { many.to_string() }
}

fn more(what: &str, all: usize, shown: usize) {
    if all > shown {
        output::line(styled(DIM, format!("  and {} more {what}: --output json has them all", all - shown)));
    }
}
