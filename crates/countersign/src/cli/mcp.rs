//! `mcp`: what it answers from, and who may ask.

use std::{net::SocketAddr, path::PathBuf};

use clap::Args;

#[derive(Debug, Args)]
#[command(
    after_help = "Speaks on standard input and output, as agents start it, or over HTTP with --listen. Changes are proposed with the session in the\nenvironment (eval \"$(countersign session new … --output env)\"); without one it answers from the snapshot alone, and says so.\nNothing in it approves, runs a command or calls a cloud. docs/mcp.md says how to add it to an agent."
)]
pub(crate) struct McpArgs {
    /// A snapshot (countersign.snapshot/v1); read again where its file has changed.
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// Thresholds that are to be other than the defaults, as TOML (docs/findings.md).
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) parameters: Option<PathBuf>,
    /// A price table of your own, as TOML; without it, approximate list prices of us-east-1.
    #[arg(long, value_name = "FILE", requires = "from")]
    pub(crate) prices: Option<PathBuf>,
    /// An earlier snapshot of the same account: what was before, which `plan` restores configurations to.
    #[arg(long = "against", visible_alias = "before", value_name = "FILE", requires = "from")]
    pub(crate) before: Option<PathBuf>,
    /// Serve HTTP here in place of standard input and output; port 0: any that is free.
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// A file that nobody else can read, with the token that clients show; without it, $COUNTERSIGN_MCP_TOKEN.
    #[arg(long, value_name = "FILE", requires = "listen")]
    pub(crate) token_file: Option<PathBuf>,
    /// A name by which clients come, beside those of this machine; may be repeated. Needed where the address is not this machine's own.
    #[arg(long, value_name = "NAME", requires = "listen")]
    pub(crate) host: Vec<String>,
}
