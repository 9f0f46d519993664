//! `countersign agent undo CHANGE [--action N]`: of what the session itself ran, by its captured inverse.

use std::process::ExitCode;

use api::types::{ChangeView, UndoRequest};
use model::StepState;

use super::super::{change, session::safe};
use crate::{
    agent::Agent,
    cli::{Format, agent::AgentUndoArgs},
    failure::Failure,
    output,
};

pub(super) async fn run(args: &AgentUndoArgs, format: Format) -> Result<ExitCode, Failure> {
    let (agent, id) = (Agent::from_environment()?, safe(&args.id)?);
    let which: Vec<usize> = match args.action {
        Some(nth) => vec![usize::from(nth).saturating_sub(1)],
        None => {
            let change: ChangeView = agent.send("GET", &format!("/v1/changes/{id}"), Vec::new()).await?;
            let ran = |nth: &usize| {
                change.actions.get(*nth).is_some_and(|it| it.state == StepState::Executed.name())
            };
            (0..change.actions.len()).filter(ran).rev().collect()
        }
    };
    if which.is_empty() {
        return Err(Failure::new(
            crate::failure::CLOSED,
            "CS209",
            format!("nothing of {id} is there to undo"),
        ));
    }
    let mut undone = Vec::new();
    for nth in which {
        let change = one(&agent, id, nth).await?;
        if format == Format::Human {
            change::row(&change);
        }
        undone.push(change);
    }
    if format == Format::Json {
        output::json(&undone)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The change by which this action was undone.
pub(super) async fn one(agent: &Agent, id: &str, nth: usize) -> Result<ChangeView, Failure> {
    let body = serde_json::to_vec(&UndoRequest { action: Some(nth) }).map_err(Failure::unexpected)?;
    agent.send("POST", &format!("/v1/changes/{id}/undo"), body).await
}
