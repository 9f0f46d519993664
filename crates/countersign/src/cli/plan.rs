//! `countersign plan`: what it plans from, and what for.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Nothing is changed by it, and nothing is asked of a cloud. Without --goal and --finding, it plans what the findings are a reason for.\nThe JSON has the plans in their order; each is proposed as one change. docs/plans.md has the goals and what each must be told.\n\nExamples:\n  countersign plan --from snapshot.json --goal repair\n  countersign plan --from snapshot.json --goal deploy --stack shop --parameter Size=2\n  countersign plan --from snapshot.json --goal roll-back --service web --against yesterday.json\n  countersign plan lint plan.json"
)]
pub(crate) struct PlanArgs {
    #[command(subcommand)]
    pub(crate) command: Option<PlanCommand>,
    #[command(flatten)]
    pub(crate) make: MakeArgs,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PlanCommand {
    /// Look at a plan of anybody: its effects are computed again from its calls. Exit code 21 where something is wrong.
    Lint {
        /// A plan (countersign.plan/v1), or what `countersign plan --output json` wrote.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct MakeArgs {
    /// A snapshot (countersign.snapshot/v1).
    #[arg(long, value_name = "FILE")]
    pub(crate) from: Option<PathBuf>,
    /// An earlier snapshot of the same account: what was before.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    /// Thresholds that are to be other than the defaults, as TOML (docs/findings.md).
    #[arg(long, value_name = "FILE")]
    pub(crate) parameters: Option<PathBuf>,
    /// A price table of your own, as TOML.
    #[arg(long, value_name = "FILE")]
    pub(crate) prices: Option<PathBuf>,
    /// A bundle's folder, by whose rules it is said how many people each way takes; with --agent and --operator.
    #[arg(long, value_name = "DIR", requires_all = ["agent", "operator"])]
    pub(crate) bundle: Option<PathBuf>,
    /// Who would propose it.
    #[arg(long, requires = "bundle")]
    pub(crate) agent: Option<String>,
    /// The person who answers for that agent.
    #[arg(long, requires = "bundle")]
    pub(crate) operator: Option<String>,
    /// What is to be achieved.
    #[arg(long, value_enum, value_name = "GOAL")]
    pub(crate) goal: Option<GoalArg>,
    /// A goal as JSON, in place of the options below.
    #[arg(long, value_name = "FILE", conflicts_with = "goal")]
    pub(crate) goal_file: Option<PathBuf>,
    /// Only this finding; may be repeated.
    #[arg(long, value_name = "ID")]
    pub(crate) finding: Vec<String>,
    /// Only this resource's findings or settings, by id or name; may be repeated.
    #[arg(long, value_name = "RESOURCE")]
    pub(crate) resource: Vec<String>,
    /// Only this analyzer's findings.
    #[arg(long, value_name = "ANALYZER", conflicts_with_all = ["finding", "resource"])]
    pub(crate) analyzer: Option<String>,
    /// Repair: a network that may still come in where a port is closed to the world; may be repeated.
    #[arg(long, value_name = "CIDR")]
    pub(crate) network: Vec<String>,
    /// Deploy, roll back: an ECS service.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["function", "stack"])]
    pub(crate) service: Option<String>,
    /// Deploy, roll back: a Lambda function, with --alias.
    #[arg(long, value_name = "NAME", requires = "alias", conflicts_with = "stack")]
    pub(crate) function: Option<String>,
    /// The function's alias.
    #[arg(long, value_name = "NAME", requires = "function")]
    pub(crate) alias: Option<String>,
    /// Deploy, roll back: a CloudFormation stack.
    #[arg(long, value_name = "NAME")]
    pub(crate) stack: Option<String>,
    /// The task definition with its revision, or the function's version.
    #[arg(long, value_name = "WHAT")]
    pub(crate) to: Option<String>,
    /// A parameter of the stack that is to be otherwise; may be repeated.
    #[arg(long, value_name = "NAME=VALUE", requires = "stack", value_parser = pair)]
    pub(crate) parameter: Vec<(String, String)>,
    /// The stack's new template.
    #[arg(long, value_name = "FILE", requires = "stack")]
    pub(crate) template: Option<PathBuf>,
    /// As `CAPABILITY_IAM`; may be repeated.
    #[arg(long, value_name = "CAPABILITY", requires = "stack")]
    pub(crate) capability: Vec<String>,
    /// Off-hours: what bears this tag, and nothing else.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    pub(crate) tag: Option<(String, String)>,
    /// Off-hours: when it stops.
    #[arg(long, value_name = "HH:MM", default_value = "20:00")]
    pub(crate) stop: String,
    /// Off-hours: when it starts.
    #[arg(long, value_name = "HH:MM", default_value = "07:00")]
    pub(crate) start: String,
    /// Off-hours: on which days.
    #[arg(long, value_name = "DAYS", default_value = "MON-FRI")]
    pub(crate) days: String,
    /// Off-hours: in which time zone.
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(crate) time_zone: String,
    /// Off-hours: the role with which the scheduler stops and starts machines and databases.
    #[arg(long, value_name = "ARN")]
    pub(crate) role: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum GoalArg {
    /// What is broken or unprotected is put right where it stands.
    Repair,
    /// What is too large is made as large as it needs to be.
    Rightsize,
    /// What is unused is marked, and goes after the grace.
    CleanUp,
    /// What is tagged for it stops in the evening.
    OffHours,
    /// Something new runs.
    Deploy,
    /// What ran before runs again.
    RollBack,
    /// Settings as an earlier snapshot shows them.
    RestoreConfiguration,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        Some(_) | None => Err("it is a name, `=` and a value".to_owned()),
    }
}
