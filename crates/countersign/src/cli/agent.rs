//! `countersign agent …`.

use std::path::PathBuf;

use clap::{
    Args, Subcommand,
    builder::{PossibleValuesParser, TypedValueParser},
};
use plan::Kind;

use super::{ServerArgs, scan::ReadArgs};

#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// The whole way: read, find, specify, propose, and carry out what may be; what people decide stays held. Exit code 10 where
    /// something is held, 11 where something is denied, 12 where something stopped on its way and was taken back.
    Run(Box<RunArgs>),
    /// Have the captured inverse of what the session itself ran carried out (agent side; uses the session's credentials).
    Undo(AgentUndoArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  eval \"$(countersign session new --agent fixer --operator olga --task 'repair' --output env …)\"\n  countersign agent run --goal repair\n  countersign agent run \"clean up what nobody uses\" --from snapshot.json --wait 30m\n  countersign agent run --resume .kiro/specs/repair-the-queue"
)]
pub(crate) struct RunArgs {
    /// What is wanted, in a sentence; without one, and without --goal and --finding, all that a snapshot gives reason for.
    #[arg(conflicts_with_all = ["plan", "resume"])]
    pub(crate) sentence: Option<String>,
    /// A language model that understands the sentence, as TOML (docs/ask.md); without, a closed catalogue is understood.
    #[arg(long, value_name = "FILE", env = "COUNTERSIGN_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Only what this finding gives reason for, by its id; may be given several times.
    #[arg(long, value_name = "ID", conflicts_with_all = ["sentence", "goal", "plan", "resume"])]
    pub(crate) finding: Vec<String>,
    /// Only plans of this kind; may be given several times.
    #[arg(long, value_parser = kinds(), conflicts_with_all = ["sentence", "plan", "resume"])]
    pub(crate) goal: Vec<Kind>,
    /// Carry out this plan; what it says of itself is judged again.
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    pub(crate) plan: Option<PathBuf>,
    /// Go on with a specification whose plan was begun: what ran is not run again.
    #[arg(long, value_name = "DIR")]
    pub(crate) resume: Option<PathBuf>,
    /// A snapshot that is there, in place of reading the environment now.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "resume"])]
    pub(crate) from: Option<PathBuf>,
    /// An earlier snapshot of the same account: what was before, which configurations are restored to and services rolled back to.
    #[arg(long = "against", visible_alias = "before", value_name = "FILE", conflicts_with_all = ["plan", "resume"])]
    pub(crate) before: Option<PathBuf>,
    /// Thresholds that are to be other than the defaults, as TOML (docs/findings.md).
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "resume"])]
    pub(crate) parameters: Option<PathBuf>,
    /// A price table of your own, as TOML; without it, approximate list prices of us-east-1.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["plan", "resume"])]
    pub(crate) prices: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) read: ReadArgs,
    /// How long to wait for people: 90s, 30m, 8h; without, nobody is waited for.
    #[arg(long, value_name = "TIME")]
    pub(crate) wait: Option<String>,
    /// The top of the repository; specifications are written below it.
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) dir: PathBuf,
    /// The agent to open a session for; without, the session of the environment is used.
    #[arg(long)]
    pub(crate) agent: Option<String>,
    /// The person who answers for that session: whoever signs.
    #[arg(long)]
    pub(crate) operator: Option<String>,
    /// Of that session: suggest, supervised or autonomous. The server holds to it, not this program.
    #[arg(long, requires = "agent")]
    pub(crate) autonomy: Option<String>,
    #[command(flatten)]
    pub(crate) server: ServerArgs,
}

#[derive(Debug, Args)]
pub(crate) struct AgentUndoArgs {
    pub(crate) id: String,
    /// Which of its actions, counted from 1; without it all that ran, the last first.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) action: Option<u16>,
}

/// The goals that findings lead to, by the names that plans give them.
fn kinds() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::name))
        .try_map(|name| Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or("there is no such goal"))
}
