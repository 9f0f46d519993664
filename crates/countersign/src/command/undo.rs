//! `countersign undo CHANGE [--action N]`.

use std::process::ExitCode;

use api::types::{ChangeView, UndoRequest};

use super::{change, session::safe};
use crate::{
    cli::{Format, UndoArgs},
    client::Client,
    failure::Failure,
    output,
};

pub(super) async fn run(args: &UndoArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.server).await?;
    let request = UndoRequest { action: args.action.map(|nth| usize::from(nth).saturating_sub(1)) };
    let undone: ChangeView = client.post(&format!("/v1/changes/{}/undo", safe(&args.id)?), &request).await?;
    match format {
        Format::Json => output::json(&undone)?,
        Format::Human => change::row(&undone),
    }
    Ok(ExitCode::SUCCESS)
}
