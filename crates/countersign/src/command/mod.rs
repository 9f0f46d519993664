//! One file per command.

mod adopt;
mod agent;
mod ask;
mod audit;
mod aws;
mod backup;
mod change;
mod completions;
mod doctor;
mod erase;
mod explain;
mod export;
mod few;
mod files;
mod findings;
mod init;
mod man;
mod mcp;
mod notify;
mod observe;
mod people;
mod place;
mod plan;
mod policy;
mod propose;
mod prove;
mod receipt;
mod reconcile;
mod resident;
mod restore;
mod scan;
mod serve;
mod session;
mod shown;
mod since;
mod spec;
mod specified;
mod steering;
mod table;
mod trails;
mod undo;
mod upstream;
mod witness;

use std::{
    process::ExitCode,
    sync::atomic::{AtomicBool, Ordering},
};

pub(crate) use serve::bundle_files;

use crate::{
    cli::{Cli, Command},
    failure::Failure,
};

/// Set by a command that ends in order on signals rather than at once.
static HANDLES_SIGNALS: AtomicBool = AtomicBool::new(false);

pub(crate) fn handles_signals() -> bool {
    HANDLES_SIGNALS.load(Ordering::SeqCst)
}

pub(crate) async fn run(cli: Cli) -> Result<ExitCode, Failure> {
    let (format, env) = (cli.output_format(), cli.output == crate::cli::OutputArg::Env);
    match cli.command {
        Command::Init(args) => init::run(&args, format).await,
        Command::Backup(args) => backup::run(&args, format),
        Command::Restore(args) => restore::run(&args, format).await,
        Command::Rotate(args) => restore::rotate(&args, format).await,
        Command::Serve(args) => {
            HANDLES_SIGNALS.store(true, Ordering::SeqCst);
            serve::run(&args, format).await
        }
        Command::Witness(args) => {
            HANDLES_SIGNALS.store(true, Ordering::SeqCst);
            witness::run(&args, format).await
        }
        Command::Session(command) => session::run(command, format, env).await,
        Command::Change(command) => change::run(command, format).await,
        Command::Undo(args) => undo::run(&args, format).await,
        Command::Propose(args) => propose::propose(&args, format).await,
        Command::Wait(args) => propose::wait(&args, format).await,
        Command::Agent(command) => agent::run(&command, format).await,
        Command::Scan(args) => {
            HANDLES_SIGNALS.store(true, Ordering::SeqCst);
            scan::run(&args, format).await
        }
        Command::Audit(command) => audit::run(&command, format).await,
        Command::Observe(args) => observe::run(&args, format),
        Command::Findings(args) => findings::run(&args, format),
        Command::Costs(args) => findings::costs(&args, format),
        Command::Ask(args) => ask::run(&args, format).await,
        Command::Mcp(args) => mcp::run(&args, format).await,
        Command::Plan(args) => plan::run(&args, format),
        Command::People(command) => people::run(&command, format).await,
        Command::Policy(command) => policy::run(&command, format).await,
        Command::Spec(command) => spec::run(&command, format),
        Command::Aws(command) => aws::run(command, cli.output),
        Command::Explain { code } => explain::run(code.as_deref(), format),
        Command::Notify(command) => notify::run(&command, format).await,
        Command::Doctor(args) => doctor::run(&args, format).await,
        Command::Completions { shell } => completions::run(shell),
        Command::Man { dir } => man::run(&dir),
    }
}
