//! `countersign mcp`: the tools of the crate `mcp`, from a snapshot's file and the agent listener.

mod backend;
mod shelf;

use std::{
    fs::{self, File},
    io::Read as _,
    net::SocketAddr,
    os::unix::{fs::PermissionsExt as _, net::UnixStream},
    path::Path,
    process::ExitCode,
};

use engine::{Entropy as _, SystemEntropy};
use llm::Scrubber;
use mcp::{Desk, Door, Token};
use tokio::net::TcpListener;

use crate::{
    agent::Agent,
    cli::{Format, findings::SnapshotArgs, mcp::McpArgs},
    failure::Failure,
    identity::variable,
    output,
};
use backend::Ours;
use shelf::Shelf;

const TOKEN: &str = "COUNTERSIGN_MCP_TOKEN";

pub(super) async fn run(args: &McpArgs, format: Format) -> Result<ExitCode, Failure> {
    let shelf = match &args.from {
        Some(from) => {
            let snapshot = SnapshotArgs {
                from: from.clone(),
                parameters: args.parameters.clone(),
                prices: args.prices.clone(),
            };
            Some(Shelf::open(&snapshot, args.before.as_deref())?)
        }
        None => None,
    };
    let agent = match variable("COUNTERSIGN_AGENT_URL") {
        Some(_) => Some(Agent::from_environment()?),
        None => None,
    };
    if shelf.is_none() && agent.is_none() {
        return Err(Failure::usage("there is nothing to serve: neither a snapshot nor a session").hint(
            "give --from FILE (countersign scan makes one), or a session: eval \"$(countersign session new … --output env)\"",
        ));
    }
    match (&shelf, &agent) {
        (Some(_), None) => output::note("no session in the environment: answering from the snapshot alone"),
        (None, Some(_)) => output::note("no snapshot: proposing and waiting alone (--from FILE adds one)"),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let scrubber = Scrubber::new().map_err(Failure::unexpected)?;
    let mut boundary = [0; 16];
    SystemEntropy.fill(&mut boundary).map_err(Failure::unexpected)?;
    let desk = Desk::new(Box::new(Ours { shelf, agent }), scrubber, boundary);
    match args.listen {
        // Nothing but the protocol goes to standard output.
        None => desk
            .speak(input().map_err(Failure::unexpected)?, tokio::io::stdout())
            .await
            .map_err(|err| Failure::unexpected(model::causes(&err)))?,
        Some(address) => listen(args, address, desk, format).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Standard input, by a thread that nobody waits for: the runtime's own would keep an interrupted process until its client closes the pipe.
fn input() -> std::io::Result<tokio::net::UnixStream> {
    let (mut from, to) = UnixStream::pair()?;
    to.set_nonblocking(true)?;
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        // However it ends, the other side sees the end of the input.
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut from);
    })?;
    tokio::net::UnixStream::from_std(to)
}

async fn listen(args: &McpArgs, address: SocketAddr, desk: Desk, format: Format) -> Result<(), Failure> {
    if !address.ip().is_loopback() && args.host.is_empty() {
        return Err(Failure::usage(format!("{address} is reached from other machines"))
            .hint("say by which name clients come (--host NAME), and put TLS before it: the token is all that they show"));
    }
    let door = Door::new(token(args.token_file.as_deref())?, &args.host)
        .map_err(|err| Failure::usage(format!("--host: {err}")))?;
    let unusable = |err: std::io::Error| Failure::usage(format!("cannot listen on {address}: {err}"));
    let socket = TcpListener::bind(address).await.map_err(unusable)?;
    let url = format!("http://{}/mcp", socket.local_addr().map_err(unusable)?);
    match format {
        Format::Json => output::json(&serde_json::json!({ "url": url }))?,
        Format::Human => output::line(url),
    }
    door.serve(socket, desk).await;
    Ok(())
}

/// What clients show, of a file that nobody else can read or of the environment.
fn token(file: Option<&Path>) -> Result<Token, Failure> {
    const MOST: u64 = 1024;
    let (text, place) = match file {
        Some(file) => {
            let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
            let mode = fs::metadata(file).map_err(|err| wrong(&err))?.permissions().mode() & 0o777;
            if mode & 0o077 != 0 {
                return Err(wrong(&format!("others can read it (mode {mode:o})"))
                    .hint(format!("chmod 600 {}", file.display())));
            }
            let mut text = String::new();
            let opened = File::open(file).map_err(|err| wrong(&err))?;
            opened.take(MOST).read_to_string(&mut text).map_err(|err| wrong(&err))?;
            (text, file.display().to_string())
        }
        None => {
            let text = variable(TOKEN).ok_or_else(|| {
                Failure::not_authenticated("over HTTP, clients show a token, and there is none")
                    .hint(format!("give --token-file FILE, or set ${TOKEN} (openssl rand -hex 32)"))
            })?;
            (text, format!("${TOKEN}"))
        }
    };
    Token::new(text.trim()).map_err(|err| Failure::usage(format!("{place}: {err}")))
}
