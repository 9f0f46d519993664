//! `countersign spec status`: what each task says of itself, and what is proved of it.

use std::process::ExitCode;

use ::spec::{Proof, Specification, State, Status, TaskStatus};

use crate::{
    cli::Format,
    failure::Failure,
    output::{self, BAD, DIM, GOOD, styled},
};

pub(super) fn run(spec: &Specification, format: Format) -> Result<ExitCode, Failure> {
    let status = Status::of(spec);
    match format {
        Format::Json => output::json(&status)?,
        Format::Human => human(&status),
    }
    Ok(ExitCode::SUCCESS)
}

fn human(status: &Status) {
    output::line(format!(
        "{}: {} criteria, {} properties, {} checks ({} of them around each step), {} records, {} untraced",
        status.goal,
        status.criteria,
        status.properties,
        status.checks,
        status.guards,
        status.records,
        status.untraced
    ));
    match status.intent {
        Some(digest) => output::line(format!("intent: sha-256 {digest}")),
        None => output::line("intent: not kept"),
    }
    status.tasks.iter().for_each(task);
    let proved = status.tasks.iter().filter(|it| it.proof == Proof::Passed).count();
    output::line(format!("{proved} of {} proved", status.tasks.len()));
    if let Some(next) = &status.next {
        output::line(format!("next: {next}"));
    }
}

fn task(task: &TaskStatus) {
    let mark = match task.state {
        State::Todo => "[ ]",
        State::InProgress => "[-]",
        State::Done => "[x]",
    };
    let optional = if task.optional { " (optional)" } else { "" };
    let proof = match (&task.proof, task.state) {
        (Proof::Passed, _) => styled(GOOD, "proved"),
        (Proof::Lacks(why), State::Done) => styled(BAD, format!("ticked and not proved: {why}")),
        (Proof::Lacks(why), State::Todo | State::InProgress) => styled(DIM, why),
    };
    let dots = task.id.to_string().matches('.').count();
    let indent = "  ".repeat(dots);
    output::line(format!("{indent}{mark} {} {}{optional}", task.id, task.title));
    output::line(format!("{indent}    {proof}"));
}
