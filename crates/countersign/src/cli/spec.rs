//! `countersign spec …`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum SpecCommand {
    /// Begin a specification: a folder `.kiro/specs/NAME` with the headings of its documents.
    New(NewArgs),
    /// Look for what is malformed, vague, or leads nowhere. Exit code 21 where a finding is an error.
    Lint(FolderArgs),
    /// Which criterion is served by which property, task and check, and what is served by none.
    Trace(FolderArgs),
    /// What the tasks say, what records prove, and what comes next.
    Status(FolderArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  countersign spec new slow-search --bugfix --intent 'The search takes minutes for short texts.'"
)]
pub(crate) struct NewArgs {
    /// Lower-case words with hyphens.
    pub(crate) name: ::spec::SpecName,
    /// What is wanted, in the words of whoever wants it; `-` reads them from standard input. Kept as they are, with their digest.
    #[arg(long, value_name = "TEXT")]
    pub(crate) intent: Option<String>,
    /// Something is to be right again: what is wrong, what is right, what stays.
    #[arg(long)]
    pub(crate) bugfix: bool,
    /// The top of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct FolderArgs {
    /// The specification's folder: `.kiro/specs/NAME`.
    pub(crate) dir: PathBuf,
}
