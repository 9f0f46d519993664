//! `countersign propose` and `countersign wait`: the agent's side, with the session's own credentials.

use std::{fs, io::Read as _, process::ExitCode};

use api::types::{ChangeView, Proposal, ProposedAction};
use engine::{Clock as _, SystemClock};

use super::{
    change,
    session::{safe, seconds},
};
use crate::{
    agent::Agent,
    cli::{Format, ProposeArgs, WaitArgs},
    failure::Failure,
    output,
};

pub(super) async fn propose(args: &ProposeArgs, format: Format) -> Result<ExitCode, Failure> {
    let unreadable =
        |err: &dyn std::fmt::Display| Failure::usage(format!("{}: {err}", args.actions.display()));
    let text = if args.actions.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map_err(|err| unreadable(&err))?;
        text
    } else {
        fs::read_to_string(&args.actions).map_err(|err| unreadable(&err))?
    };
    let actions: Vec<ProposedAction> = serde_json::from_str(&text).map_err(|err| unreadable(&err))?;
    let proposal = Proposal { intent: args.intent.clone(), actions };
    let body = serde_json::to_vec(&proposal).map_err(Failure::unexpected)?;
    let change: ChangeView = Agent::from_environment()?.send("POST", "/v1/changes", body).await?;
    show(&change, format)
}

pub(super) async fn wait(args: &WaitArgs, format: Format) -> Result<ExitCode, Failure> {
    let agent = Agent::from_environment()?;
    let id = safe(&args.id)?;
    let until = SystemClock.now().plus_seconds(seconds(&args.timeout)?);
    loop {
        let left = until.since(SystemClock.now()).div_euclid(1000).clamp(1, 50);
        let change: ChangeView =
            agent.send("GET", &format!("/v1/changes/{id}/wait?seconds={left}"), Vec::new()).await?;
        if change.state != model::ChangeState::Held || SystemClock.now() >= until {
            return show(&change, format);
        }
    }
}

fn show(view: &ChangeView, format: Format) -> Result<ExitCode, Failure> {
    match format {
        Format::Json => output::json(view)?,
        Format::Human => change::row(view),
    }
    Ok(change::ended(view.state))
}
