//! A real browser, driven from tests: Chromium by way of `e2e/driver.mjs`, which is given one step at a time.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{npm, root};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Each person has a context and a virtual authenticator of their own.
#[derive(Debug)]
pub struct Browser {
    driver: Child,
    steps: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Browser {
    /// `None` where there is no Chromium, Node.js or npm; the caller says loudly that it skips.
    ///
    /// # Errors
    /// Where there is Node.js, no browser and `CI` is `true`: nobody reads there what was skipped.
    pub fn open() -> Result<Option<Self>> {
        let node = npm::runs("node") && npm::runs("npm");
        if !node || !Path::new(CHROMIUM).exists() {
            let watched = std::env::var_os("CI").is_none_or(|it| it != "true");
            ensure!(
                watched || !node,
                "no Chromium (Debian: chromium), so the console is not tried in a browser"
            );
            return Ok(None);
        }
        let folder = root().join("e2e");
        npm::install(&folder, "browser")?;
        let mut driver = Command::new("node")
            .arg(folder.join("driver.mjs"))
            .env("CHROMIUM", CHROMIUM)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting the browser's driver")?;
        let steps = driver.stdin.take().context("no way to the driver")?;
        let answers = BufReader::new(driver.stdout.take().context("no way from the driver")?);
        Ok(Some(Self { driver, steps, answers }))
    }

    /// Runs `code`, the body of an async function of `page`, `context`, `keys`, `axe`, `said`, `authenticator` and `person`,
    /// where `who` is; what it returns.
    pub fn run(&mut self, who: &str, code: &str) -> Result<Value> {
        self.step(&json!({ "who": who, "code": code }))
    }

    /// As [`Browser::run`], in a context of its own kind, such as `{"colorScheme": "dark"}`.
    pub fn run_as(&mut self, who: &str, options: &Value, code: &str) -> Result<Value> {
        self.step(&json!({ "who": who, "options": options, "code": code }))
    }

    fn step(&mut self, step: &Value) -> Result<Value> {
        writeln!(self.steps, "{step}")?;
        self.steps.flush()?;
        let mut line = String::new();
        ensure!(self.answers.read_line(&mut line)? > 0, "the browser's driver has ended");
        let answer: Value = serde_json::from_str(&line).context(line)?;
        if let Some(error) = answer.get("error") {
            bail!("{}\nin {}", error.as_str().unwrap_or("?"), step["code"].as_str().unwrap_or("?"));
        }
        Ok(answer.get("value").cloned().unwrap_or_default())
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}
