//! `findings` and `costs`: what they run from.

use std::path::PathBuf;

use clap::Args;
use findings::By;

/// What both read.
#[derive(Debug, Args)]
pub(crate) struct SnapshotArgs {
    /// A snapshot (countersign.snapshot/v1).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: PathBuf,
    /// Thresholds that are to be other than the defaults, as TOML (docs/findings.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// A price table of your own, as TOML; without it, approximate list prices of us-east-1.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is changed by it, and nothing is asked of a cloud. What could not be read is said at the end: where a read was\nrefused, nothing is claimed. `way` in the JSON has the operations of a remedy as `countersign propose` takes them."
)]
pub(crate) struct FindingsArgs {
    #[command(flatten)]
    pub(crate) snapshot: SnapshotArgs,
    /// Only this analyzer's; may be repeated.
    #[arg(long, value_name = "ANALYZER")]
    pub(crate) only: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct CostsArgs {
    #[command(flatten)]
    pub(crate) snapshot: SnapshotArgs,
    /// service, tag:KEY, or finding: what each analyzer's findings would save.
    #[arg(long, value_name = "WHAT", default_value = "service", value_parser = by)]
    pub(crate) by: By,
}

fn by(text: &str) -> Result<By, String> {
    match (text, text.strip_prefix("tag:")) {
        ("service", _) => Ok(By::Service),
        ("finding", _) => Ok(By::Finding),
        (_, Some(key)) if !key.is_empty() => Ok(By::Tag(key.to_owned())),
        _ => Err("it is `service`, `finding`, or `tag:` and the tag's key".to_owned()),
    }
}
