//! An outcome for people. What a model or a cloud wrote passes the Markdown renderer, which lets nothing act on the terminal.

use agent::{Event, Proposed};
use model::sanitize;
use plan::{Origin, Plan};

use super::{Outcome, markdown::Renderer};
use crate::output::{self, BAD, BOLD, DIM, GOOD, WARN, styled};

const MOST: usize = 20;

pub(super) fn outcome(outcome: &Outcome) {
    if !outcome.understood.is_empty() {
        prose(&outcome.understood);
    }
    if let Some(why) = &outcome.model_failed {
        output::note(format!(
            "{} the model gave no answer: {}; the catalogue did",
            styled(WARN, "!"),
            sanitize(why, 400)
        ));
    }
    if !outcome.answer.is_empty() {
        output::line("");
        prose(&outcome.answer);
    }
    for claim in &outcome.claims {
        output::line(format!("{} {}", styled(WARN, "!"), claim.of.note()));
        output::line(styled(DIM, format!("  it says: {}", claim.words)));
    }
    for event in &outcome.record {
        let told = match event {
            Event::Refused { tool, why } => format!("not done for the model: {tool}: {}", sanitize(why, 400)),
            Event::TookBack { why } => {
                format!("an answer of the model was not taken: {}", sanitize(why, 400))
            }
            Event::Called { .. } | Event::Planned { .. } | Event::Claimed { .. } | Event::Ended { .. } => {
                continue;
            }
        };
        output::line(styled(DIM, format!("  {told}")));
    }
    for proposed in outcome.proposed.iter().take(MOST) {
        plan(proposed);
    }
    if outcome.proposed.len() > MOST {
        output::line(styled(
            DIM,
            format!("… and {} more plans: --output json has them all", outcome.proposed.len() - MOST),
        ));
    }
    for left in outcome.left.iter().take(MOST) {
        output::line(styled(
            DIM,
            format!("left: {}: {}", sanitize(&left.about, 200), sanitize(&left.why, 400)),
        ));
    }
    if outcome.left.len() > MOST {
        output::line(styled(DIM, format!("… and {} more that no plan does", outcome.left.len() - MOST)));
    }
    for folder in &outcome.specifications {
        output::line(format!("{} {folder}", styled(GOOD, "Specified:")));
    }
    if !outcome.proposed.is_empty() {
        output::note(
            "nothing has been asked for: `countersign agent run --plan` proposes a plan, and people decide what rules leave to them",
        );
    }
}

/// Markdown, sanitized line by line.
pub(super) fn prose(text: &str) {
    let mut renderer = Renderer::default();
    renderer.push(text).into_iter().chain(renderer.rest()).for_each(output::line);
}

fn plan(proposed: &Proposed) {
    let plan: &Plan = &proposed.plan;
    output::line(format!("\n{} {} ({})", styled(BOLD, "Plan:"), sanitize(&plan.goal, 300), plan.effects));
    output::line(styled(DIM, format!("  {}", plan.id)));
    for step in &plan.steps {
        let undo =
            if step.undoable { styled(GOOD, "can be undone") } else { styled(BAD, "cannot be undone") };
        let call = format!("{}:{}", sanitize(&step.call.service, 64), sanitize(&step.call.operation, 80));
        output::line(format!(
            "  {} {call} ({}, {undo}): {}",
            step.id,
            step.effects,
            sanitize(&step.why, 300)
        ));
        if let Origin::Unverified { why } = &step.origin {
            output::line(format!(
                "    {} {}; it takes one more person",
                styled(BAD, "not verified:"),
                sanitize(why, 300)
            ));
        }
        if let Some(what) = &step.interrupts {
            output::line(format!("    {} {}", styled(WARN, "interrupts:"), sanitize(what, 300)));
        }
    }
    for other in plan.alternatives.iter().take(MOST) {
        let gone = if other.destroys.is_empty() {
            String::new()
        } else {
            format!(", {} resources gone for good", other.destroys.len())
        };
        output::line(styled(
            DIM,
            format!("  not chosen: {}{gone}: {}", sanitize(&other.name, 120), sanitize(&other.why_not, 300)),
        ));
    }
    for it in plan.unknowns.iter().take(MOST) {
        output::line(format!("  {} {}", styled(WARN, "not known:"), sanitize(it, 300)));
    }
    for it in plan.traps.iter().take(MOST) {
        output::line(format!("  {} {}", styled(WARN, "!"), sanitize(it, 300)));
    }
}
