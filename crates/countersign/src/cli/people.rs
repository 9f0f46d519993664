//! `countersign people …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::ServerArgs;

#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// Ask that somebody be enrolled, or one more key or account of theirs; once two others have approved it, the same command
    /// has it in force.
    Enrol(EnrolArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign people enrol dora --approver --role sre --passkey 'passkey …' --server URL --genesis FINGERPRINT --key KEY"
)]
pub(crate) struct EnrolArgs {
    /// Their name here.
    pub(crate) name: model::PersonId,
    /// The line that the console's page /enrol showed them.
    #[arg(long = "passkey", value_name = "LINE")]
    pub(crate) passkeys: Vec<String>,
    /// Their public key, as OpenSSH writes it.
    #[arg(long = "public-key", value_name = "FILE")]
    pub(crate) key_files: Vec<PathBuf>,
    /// An account by which they may sign in to look: `ISSUER sub VALUE`, or `ISSUER email ADDRESS`.
    #[arg(long = "account", value_name = "LINE")]
    pub(crate) accounts: Vec<model::Identity>,
    /// They may approve. Like the next two, of somebody who is new.
    #[arg(long)]
    pub(crate) approver: bool,
    /// They may launch agents; what in, a grant of theirs says, which is written by hand.
    #[arg(long)]
    pub(crate) operator: bool,
    #[arg(long = "role", value_name = "ROLE")]
    pub(crate) roles: Vec<model::Role>,
    /// Write the amended bundle into this new folder, to be looked at, and ask for nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) into: Option<PathBuf>,
    /// What `policy prove --certificate` wrote of the amended bundle; without, it is proved now.
    #[arg(long, value_name = "FILE")]
    pub(crate) certificate: Option<PathBuf>,
    /// The solver, where it is not `cvc5` on the path.
    #[arg(long, value_name = "FILE")]
    pub(crate) solver: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}
