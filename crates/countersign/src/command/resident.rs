//! What the commands have in common that stay: a log on standard error, folders and keys that are nobody else's, files
//! that are whole or not there, and an end in good order.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{
    cli::Format,
    failure::{Failure, INTERRUPTED, USAGE},
};

/// Lines about what happens, on standard error; each a JSON object where that is asked for.
pub(super) fn log(format: Format) {
    let lines = tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::INFO)
        .with_ansi(false)
        // Otherwise a log line that cannot be written (the disk is full) is complained about on a stream that cannot be
        // written either, and whoever wrote the line dies of it.
        .log_internal_errors(false);
    match format {
        Format::Human => lines.init(),
        Format::Json => lines.json().flatten_event(true).init(),
    }
}

/// Refuses folders and keys that others can read.
pub(super) fn private(
    folders: impl IntoIterator<Item = PathBuf>,
    keys: impl IntoIterator<Item = PathBuf>,
) -> Result<(), Failure> {
    let folders = folders.into_iter().map(|path| (path, 700));
    for (path, wanted) in folders.chain(keys.into_iter().map(|path| (path, 600))) {
        let found =
            fs::metadata(&path).map_err(|err| Failure::usage(format!("{}: {err}", path.display())))?;
        let mode = found.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let message = format!("{} can be read by others (mode {mode:03o})", path.display());
            return Err(
                Failure::new(USAGE, "CS007", message).hint(format!("chmod {wanted} {}", path.display()))
            );
        }
    }
    Ok(())
}

/// A key of 32 bytes, as `init` writes them: in hexadecimal.
pub(super) fn secret(file: &Path) -> Result<[u8; 32], Failure> {
    let wrong = |why: &str| Failure::usage(format!("{}: {why}", file.display()));
    let text = fs::read_to_string(file).map_err(|err| wrong(&err.to_string()))?;
    let mut bytes = [0; 32];
    hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| wrong("not 64 hexadecimal digits"))?;
    Ok(bytes)
}

/// Whole or not at all, for our eyes only.
pub(super) fn put(file: &Path, content: &[u8]) -> Result<(), Failure> {
    let failed = |err: std::io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    let partial = file.with_extension("new");
    fs::write(&partial, content).map_err(failed)?;
    fs::set_permissions(&partial, fs::Permissions::from_mode(0o600)).map_err(failed)?;
    fs::rename(&partial, file).map_err(failed)
}

/// Signals to end. Made once: what comes while nobody waits is not lost.
#[derive(Debug)]
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn heard() -> Result<Self, Failure> {
        let heard = |kind| signal(kind).map_err(Failure::unexpected);
        Ok(Self { terminate: heard(SignalKind::terminate())?, interrupt: heard(SignalKind::interrupt())? })
    }

    /// The next one, as the exit code of whoever ends in order on it.
    pub(super) async fn next(&mut self) -> ExitCode {
        tokio::select! {
            _ = self.interrupt.recv() => ExitCode::from(INTERRUPTED),
            _ = self.terminate.recv() => ExitCode::SUCCESS,
        }
    }
}
