//! `countersign witness`: a witness for other people's logs (C2SP `tlog-witness`). Opens no store and no log; listens,
//! and connects to nobody.
//!
//! ```text
//! DIR/witness.key      32 bytes in hexadecimal, made at the first start, readable by the owner alone
//! DIR/witness.vkey     its public half, as logs and auditors are given it
//! DIR/logs             logs to witness beside those of the command line, a verifier key on each line; read at the start
//! DIR/cosigned/HASH    the newest checkpoint that was cosigned of the origin with this SHA-256
//! DIR/forks/           pairs of checkpoints that one log signed and that cannot both be true
//! ```
//!
//! Whoever puts back an older copy of the folder has a witness that may cosign a second history. It is for no backup: a
//! witness whose disk is lost starts anew, with a new key.

mod answer;
mod kept;
mod key;

use std::{fs, net::SocketAddr, os::unix::fs::DirBuilderExt as _, path::Path, process::ExitCode, sync::Arc};

use engine::SystemClock;
use ledger::disk::RealDisk;
use listener::{Doors, Limits};
use serde_json::json;
use tokio::net::TcpListener;
use witness::Logs;

use super::resident;
use crate::{
    cli::{Format, WitnessArgs},
    failure::Failure,
    output::{self, BOLD, styled},
    tls::{self, Tls},
};
use kept::Kept;

pub(super) async fn run(args: &WitnessArgs, format: Format) -> Result<ExitCode, Failure> {
    resident::log(format);
    let made: std::io::Result<()> = fs::DirBuilder::new().recursive(true).mode(0o700).create(&args.dir);
    made.map_err(|err| Failure::usage(format!("{} cannot be made: {err}", args.dir.display())))?;
    let key = key::open(&args.dir, args.name.as_deref())?;
    resident::private([args.dir.clone()], [args.dir.join(key::SECRET)])?;
    let logs = logs(args)?;
    let vkey = key.verifier();
    let kept = Kept::open(Box::new(RealDisk), &args.dir, key, logs, Arc::new(SystemClock))?;
    let kept = Arc::new(kept);

    let socket = TcpListener::bind(args.listen).await.map_err(|err| {
        Failure::usage(format!("the witness cannot have {}: {err}", args.listen))
            .hint("is it running already? --listen takes another address")
    })?;
    let at = socket.local_addr().map_err(Failure::unexpected)?;
    let (doors, url) = doors(args, at)?;
    let answering = Arc::clone(&kept);
    tokio::spawn(listener::serve(socket, doors, move |request, _| {
        answer::answer(Arc::clone(&answering), request)
    }));

    let origins: Vec<&str> = kept.origins().collect();
    let described = json!({ "vkey": vkey.to_string(), "url": url, "logs": origins });
    match format {
        Format::Json => output::json(&described)?,
        Format::Human => output::line(&vkey),
    }
    output::note(format!("{} {}", styled(BOLD, "Witness"), vkey.name()));
    output::note(format!("  at    {url}"));
    for origin in origins {
        let size = kept
            .shown(origin)
            .map_or_else(|| "nothing yet".to_owned(), |it| format!("{} entries", it.size()));
        output::note(format!("  log   {} ({size})", model::sanitize(origin, 255)));
    }
    if let Some(file) = &args.ready_file {
        resident::put(file, &serde_json::to_vec_pretty(&described).map_err(Failure::unexpected)?)?;
    }
    Ok(resident::Signals::heard()?.next().await)
}

/// Those of the command line and those of `DIR/logs`.
fn logs(args: &WitnessArgs) -> Result<Logs, Failure> {
    let file = args.dir.join("logs");
    let mut logs = match fs::read_to_string(&file) {
        Ok(text) => Logs::read(&text).map_err(|err| Failure::usage(format!("{}: {err}", file.display())))?,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => Logs::default(),
        Err(err) => return Err(Failure::usage(format!("{} cannot be read: {err}", file.display()))),
    };
    for text in &args.log {
        let wrong = |err| Failure::usage(format!("--log {}: {err}", model::sanitize(text, 100)));
        logs.add(text.trim().parse().map_err(wrong)?);
    }
    if logs.is_empty() {
        return Err(Failure::usage("no log to witness")
            .hint("give --log VKEY (it is `vkey` in the log's genesis.json), or list logs in DIR/logs"));
    }
    Ok(logs)
}

/// Nothing that is said here is secret, and all of it is signed; TLS keeps others from answering in its place.
fn doors(args: &WitnessArgs, at: SocketAddr) -> Result<(Doors, String), Failure> {
    let given = args.certificate.clone().zip(args.certificate_key.clone());
    if given.is_none() && at.ip().is_loopback() {
        return Ok((Doors::plain(Limits::API), format!("http://{at}")));
    }
    let in_dir = |name: &str| Path::new(&args.dir).join(name);
    let place = tls::Place {
        authority: (in_dir("ca.pem"), in_dir("ca.key")),
        given,
        names: tls::with_addresses(args.host.clone(), &[at]),
    };
    let host = args.host.first().map_or_else(|| at.to_string(), |name| format!("{name}:{}", at.port()));
    Ok((Tls::load(place)?.doors(Limits::API, at), format!("https://{host}")))
}
