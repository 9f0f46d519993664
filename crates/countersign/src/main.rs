//! The one binary: commands and wiring, nothing else. `main` parses, runs one command, prints its error and exits with
//! the code that the error carries.

mod agent;
mod audited;
mod backup;
mod bootstrap;
mod cli;
mod client;
mod command;
mod config;
mod estate;
mod exchange;
mod failure;
mod identity;
mod known;
mod library;
mod loaded;
mod memory;
mod mirror;
mod output;
mod providers;
mod queue;
mod receivers;
mod shelf;
mod ssh_agent;
mod tables;
mod tls;
mod transport;
mod watch;
mod witnesses;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(err) => {
            // Help and version are answers; everything else is a usage error. A closed pipe is neither.
            let _ = err.print();
            return ExitCode::from(if err.use_stderr() { failure::USAGE } else { 0 });
        }
    };
    let format = cli.output_format();
    let runtime = runtime();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                // The command first: it says whether it handles signals itself.
                biased;
                result = command::run(cli) => result,
                () = interrupted() => Err(failure::Failure::interrupted()),
            }
        }),
        Err(err) => Err(failure::Failure::unexpected(format!("no threads can be started: {err}"))),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::failure(&failure, format);
            failure.exit_code()
        }
    }
}

/// Where there is one processor, workers would only hand work to each other.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = match std::thread::available_parallelism() {
        Ok(one) if one.get() == 1 => tokio::runtime::Builder::new_current_thread(),
        Ok(_) | Err(_) => tokio::runtime::Builder::new_multi_thread(),
    };
    builder.enable_all().build()
}

/// Never resolves where the command handles signals itself (`serve`, `scan`).
async fn interrupted() {
    if command::handles_signals() || tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}
