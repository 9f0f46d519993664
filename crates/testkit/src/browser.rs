//! A real browser, driven from tests: Chromium by way of `e2e/driver.mjs`, which is given one step at a time.

use std::{
    fs,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::{process, root};

const INSTALL: Duration = Duration::from_secs(10 * 60);
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
    pub fn open() -> Result<Option<Self>> {
        let there = |program: &str| {
            let mut command = Command::new(program);
            command.arg("--version");
            process::run(command, Duration::from_secs(60)).is_ok_and(|output| output.code == 0)
        };
        if !Path::new(CHROMIUM).exists() || !there("node") || !there("npm") {
            return Ok(None);
        }
        let folder = root().join("e2e");
        install(&folder)?;
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

/// Once for each version of the lock file.
fn install(folder: &Path) -> Result<()> {
    let place = root().join("target/browser");
    fs::create_dir_all(&place)?;
    let lock = fs::File::create(place.join("lock"))?;
    lock.lock().context("waiting for another installation of the browser's driver")?;
    let wanted = fs::read_to_string(folder.join("package-lock.json"))?;
    let stamp = place.join("stamp");
    let is_there = folder.join("node_modules").is_dir();
    if is_there && fs::read_to_string(&stamp).ok().as_deref() == Some(wanted.as_str()) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.arg("ci").current_dir(folder);
    let done = process::run(npm, INSTALL)?;
    ensure!(done.code == 0, "the browser's driver cannot be installed: {done}");
    fs::write(stamp, wanted)?;
    Ok(())
}
