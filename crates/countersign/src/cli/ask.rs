//! `ask`: a question, what it is asked of, and who helps to understand it.

use std::path::PathBuf;

use clap::Args;

use super::findings::SnapshotArgs;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  countersign ask 'what costs most' --from snapshot.json\n  countersign ask 'fix stack shop' --from snapshot.json --specify .\n\nNothing is changed by it: what is to be done becomes a plan, and a plan becomes a change only by `countersign propose` or `countersign agent run`.\nWithout --model, a closed catalogue of sentences is understood, and what is not is said (docs/ask.md)."
)]
pub(crate) struct AskArgs {
    /// What you want to know, or to have done; without it, each line of the input is a question.
    pub(crate) question: Option<String>,
    #[command(flatten)]
    pub(crate) snapshot: SnapshotArgs,
    /// An earlier snapshot of the same account: what was before.
    #[arg(long, value_name = "FILE")]
    pub(crate) before: Option<PathBuf>,
    /// A language model, as TOML (docs/ask.md).
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Write a specification of each plan below DIR/.kiro/specs.
    #[arg(long, value_name = "DIR")]
    pub(crate) specify: Option<PathBuf>,
}
