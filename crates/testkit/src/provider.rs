//! A real OpenID provider (`e2e/provider.mjs`), which can be asked to go wrong in one way.

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use anyhow::{Context as _, Result, ensure};

use crate::{root, send};

/// It takes whatever name somebody gives as theirs; some have an address too.
#[derive(Debug)]
pub struct Provider {
    process: Child,
    pub issuer: String,
}

impl Provider {
    /// It sends browsers back to `redirect`. What it takes is installed with the browser's driver ([`crate::Browser::open`]).
    pub fn start(redirect: &str) -> Result<Self> {
        let mut process = Command::new("node")
            .arg(root().join("e2e/provider.mjs"))
            .arg(redirect)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("starting the OpenID provider")?;
        let mut told = BufReader::new(process.stdout.take().context("no way from the provider")?);
        let mut issuer = String::new();
        ensure!(told.read_line(&mut issuer)? > 0, "the OpenID provider has ended");
        // Whatever else it says must not fill the pipe.
        std::thread::spawn(move || told.read_to_end(&mut Vec::new()));
        Ok(Self { process, issuer: issuer.trim().to_owned() })
    }

    /// From now on: `nonce`, `issuer`, `expired`, `client`; or nothing.
    pub fn lies(&self, about: &str) -> Result<()> {
        let authority = self.issuer.rsplit('/').next().unwrap_or_default();
        let told = send(authority, "GET", &format!("/lie?about={about}"), &[("host", authority)], b"")?;
        ensure!(told.status == 200, "{}", told.text());
        Ok(())
    }

    pub fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.kill();
    }
}
