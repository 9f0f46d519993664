//! `countersign undo CHANGE`.

use std::process::ExitCode;

use api::types::ChangeView;
use serde_json::json;

use super::{change, session::safe};
use crate::{
    cli::{Format, UndoArgs},
    client::Client,
    failure::Failure,
    output,
};

pub(super) async fn run(args: &UndoArgs, format: Format) -> Result<ExitCode, Failure> {
    let client = Client::connect(&args.server).await?;
    let undone: ChangeView =
        client.post(&format!("/v1/changes/{}/undo", safe(&args.id)?), &json!({})).await?;
    match format {
        Format::Json => output::json(&undone)?,
        Format::Human => change::row(&undone),
    }
    Ok(ExitCode::SUCCESS)
}
