//! `countersign agent run|undo`: our own agent. It has no rights but a session's, and no way to anything but the gateway and the agent
//! listener, like everybody's agent; nothing here decides whether something may happen.

mod again;
mod asked;
mod carry_out;
mod folder;
mod outcome;
mod reading;
mod run;
mod undo;

use std::process::ExitCode;

use crate::{
    cli::{Format, agent::AgentCommand},
    failure::Failure,
};

pub(super) async fn run(command: &AgentCommand, format: Format) -> Result<ExitCode, Failure> {
    match command {
        AgentCommand::Run(args) => run::run(args, format).await,
        AgentCommand::Undo(args) => undo::run(args, format).await,
    }
}
