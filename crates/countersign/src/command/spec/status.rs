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
    output::line(status.told());
    match status.intent {
        Some(digest) => output::line(format!("intent: sha-256 {digest}")),
        None => output::line("intent: not kept"),
    }
    status.tasks.iter().for_each(task);
    output::line(format!("{} of {} proved", status.proved(), status.tasks.len()));
    if let Some(next) = &status.next {
        output::line(format!("next: {next}"));
    }
}

fn task(task: &TaskStatus) {
    let mark = task.state.mark();
    let optional = if task.optional { " (optional)" } else { "" };
    let proof = match (&task.proof, task.state) {
        (Proof::Passed, _) => styled(GOOD, task.told()),
        (Proof::Lacks(_), State::Done) => styled(BAD, task.told()),
        (Proof::Lacks(_), State::Todo | State::InProgress) => styled(DIM, task.told()),
    };
    let dots = task.id.to_string().matches('.').count();
    let indent = "  ".repeat(dots);
    output::line(format!("{indent}{mark} {} {}{optional}", task.id, task.title));
    output::line(format!("{indent}    {proof}"));
}
