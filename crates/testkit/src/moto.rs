//! A mock AWS in a process of its own: the upstream of every test that speaks AWS.

use std::{
    fs::File,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use tempfile::TempDir;

use crate::{Response, Venv, process, send, until};

/// The pipe to its standard input is its lifeline: when this process ends, however it ends, the mock does too. Without
/// Nagle's algorithm an answer need not wait for the acknowledgement of its own head.
const SERVER: &str = "
import os, sys, threading
def lifeline():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=lifeline, daemon=True).start()
import socketserver
socketserver.StreamRequestHandler.disable_nagle_algorithm = True
from moto.server import main
main(['-H', '127.0.0.1', '-p', sys.argv[1]])
";

#[derive(Debug)]
pub struct Moto {
    child: Child,
    authority: String,
    log: TempDir,
}

impl Moto {
    /// Starts one on a free port and returns once it answers.
    pub fn start(venv: &Venv) -> Result<Self> {
        // The port is free when we look and may be taken when the mock binds it: look again.
        let mut last = None;
        for _ in 0..3 {
            match Self::start_on(venv, free_port()?) {
                Ok(moto) => return Ok(moto),
                Err(error) => last = Some(error),
            }
        }
        Err(last.context("no attempt was made")?)
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.authority)
    }

    /// `127.0.0.1:PORT`.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written: a line per request it received.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.log.path().join("log"))?)
    }

    /// From now on every request is kept with its body.
    pub fn record(&self) -> Result<()> {
        self.control("/moto-api/recorder/start-recording", &[], b"")
    }

    /// How many recorded requests have all of `texts` in their headers or body.
    pub fn recorded(&self, texts: &[&str]) -> Result<usize> {
        let kept = std::fs::read_to_string(self.log.path().join("recording"))
            .context("nothing was recorded: was `record` called?")?;
        let readable = kept.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let has_all = |request: &String| texts.iter().all(|text| request.contains(text));
        Ok(readable.map(|request| decoded(&request)).filter(has_all).count())
    }

    /// Forgets every resource.
    pub fn reset(&self) -> Result<()> {
        self.control("/moto-api/reset", &[], b"")
    }

    /// From now on every request's signature is verified and IAM policies are enforced.
    pub fn reset_auth(&self) -> Result<()> {
        self.control("/moto-api/reset-auth", &[("content-type", "text/plain")], b"0")
    }

    /// Seeds something that no AWS call can make, such as cost figures.
    pub fn seed(&self, path: &str, json: &str) -> Result<()> {
        self.control(path, &[("content-type", "application/json")], json.as_bytes())
    }

    fn control(&self, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Result<()> {
        let Response { status, body, .. } = send(&self.authority, "POST", path, headers, body)?;
        ensure!((200..300).contains(&status), "{path}: {status}: {}", String::from_utf8_lossy(&body));
        Ok(())
    }

    fn start_on(venv: &Venv, port: u16) -> Result<Self> {
        let log = tempfile::tempdir()?;
        let file = File::create(log.path().join("log"))?;
        let child = Command::new(venv.bin("python"))
            .args(["-u", "-c", SERVER, &port.to_string()])
            .env("MOTO_RECORDER_FILEPATH", log.path().join("recording"))
            // Thousands of machine images, read anew after every reset; machines start from any name.
            .env("MOTO_EC2_LOAD_DEFAULT_AMIS", "false")
            .stdin(Stdio::piped())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("starting the mock AWS")?;
        let mut moto = Self { child, authority: format!("127.0.0.1:{port}"), log };
        let answered = until("the mock AWS to answer", Duration::from_secs(60), || {
            if let Some(status) = moto.child.try_wait()? {
                bail!("the mock AWS ended at once: {status}");
            }
            let answer = send(&moto.authority, "GET", "/moto-api/", &[], b"");
            Ok(answer.ok().filter(|response| response.status == 200))
        });
        match answered {
            Ok(_) => Ok(moto),
            Err(error) => Err(error.context(moto.log().unwrap_or_default())),
        }
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

/// One recorded request as text, its body decoded.
fn decoded(request: &serde_json::Value) -> String {
    let body = request.get("body").and_then(serde_json::Value::as_str).unwrap_or_default();
    let encoded = request.get("body_encoded").and_then(serde_json::Value::as_bool).unwrap_or_default();
    let headers = request.get("headers").map(ToString::to_string).unwrap_or_default();
    let body = if encoded { BASE64_STANDARD.decode(body).unwrap_or_default() } else { body.into() };
    format!("{headers}\n{}", String::from_utf8_lossy(&body))
}
