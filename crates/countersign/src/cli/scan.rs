//! `countersign scan`.

use std::path::PathBuf;

use clap::Args;

use super::ServerArgs;

/// What is read, and where it is kept.
#[derive(Debug, Args)]
pub(crate) struct ReadArgs {
    /// Where the snapshot is written.
    #[arg(long, value_name = "FILE", default_value = "snapshot.json")]
    pub(crate) snapshot: PathBuf,
    /// Which regions, comma-separated; otherwise $AWS_REGION.
    #[arg(long, value_delimiter = ',')]
    pub(crate) region: Vec<String>,
    /// How many whole days of metrics: what runs once a year shows only in more than a year.
    #[arg(long, value_name = "N", default_value_t = 400)]
    pub(crate) days: u32,
    /// At most as many calls a second.
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) rate: u32,
}

#[derive(Debug, Args)]
pub(crate) struct ScanArgs {
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// Forget a scan that was broken off, rather than going on with it.
    #[arg(long)]
    pub(crate) anew: bool,
    /// The agent to open a session for that only looks; without, the session of the environment is used.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The person who answers for that session: whoever signs.
    #[arg(long)]
    pub(crate) operator: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
