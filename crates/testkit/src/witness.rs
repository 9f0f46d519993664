//! A running `countersign witness`.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Mutex, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Response, process, send, until};

const START: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Witness {
    child: Mutex<Child>,
    log: PathBuf,
    _folder: TempDir,
    /// Its verifier key, as it printed it.
    pub vkey: String,
    pub url: String,
}

impl Witness {
    /// `program` is followed by the arguments of `witness`; `args` are further ones. Listens on a free port where `args`
    /// name no address.
    pub fn start(mut program: Command, dir: &Path, args: &[&str]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (ready, log) = (folder.path().join("ready.json"), folder.path().join("log"));
        let file = File::create(&log)?;
        let free = ["--listen", "127.0.0.1:0"];
        let listen: &[&str] = if args.contains(&"--listen") { &[] } else { &free };
        let mut child = program
            .arg("witness")
            .arg(dir)
            .args(listen)
            .args(args)
            .arg("--ready-file")
            .arg(&ready)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("starting `countersign witness`")?;
        let told = until("`countersign witness` to be ready", START, || {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("`countersign witness` ended before it was ready: {status}");
            }
            Ok(std::fs::read_to_string(&ready).ok())
        });
        let told = match told.and_then(|told| Ok(serde_json::from_str::<Value>(&told)?)) {
            Ok(told) => told,
            Err(error) => {
                process::end(&mut child);
                return Err(error.context(std::fs::read_to_string(&log).unwrap_or_default()));
            }
        };
        let text = |name: &str| told.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        Ok(Self { child: Mutex::new(child), log, _folder: folder, vkey: text("vkey"), url: text("url") })
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        self.url.split_once("://").map_or(self.url.as_str(), |(_, authority)| authority)
    }

    pub fn add_checkpoint(&self, body: &[u8]) -> Result<Response> {
        send(self.authority(), "POST", "/add-checkpoint", &[], body)
    }

    /// What it has written so far.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// SIGKILL.
    pub fn kill(&self) {
        process::end(&mut self.child.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.kill();
    }
}
