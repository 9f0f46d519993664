//! `countersign change erase CHANGE [--action N] --ground TEXT`.

use std::process::ExitCode;

use api::types::{ChangeView, EraseRequest};
use model::ChangeState;

use super::{change, session::safe};
use crate::{
    cli::{EraseArgs, Format},
    client::Client,
    failure::Failure,
    output,
};

pub(super) async fn run(args: &EraseArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.server).await?;
    let action = args.action.map(|nth| usize::from(nth).saturating_sub(1));
    let request = EraseRequest { action, ground: args.ground.clone() };
    let change: ChangeView = client.post(&format!("/v1/changes/{}/erase", safe(&args.id)?), &request).await?;
    match format {
        Format::Json => output::json(&change)?,
        Format::Human => {
            change::row(&change);
            if change.state == ChangeState::Held {
                output::note("nothing is erased yet: two others approve it, then run the same command again");
            }
        }
    }
    Ok(change::ended(change.state))
}
