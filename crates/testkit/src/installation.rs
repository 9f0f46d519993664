//! Installations of the real binary: `init`, `serve`, and every other command as a client.

use std::{
    ffi::OsStr,
    fs::File,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Output, binary, process, until};

const CALL: Duration = Duration::from_secs(60);
const START: Duration = Duration::from_secs(60);

/// One call of the command line.
#[derive(Debug)]
pub struct Cli;

impl Cli {
    pub fn run<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Output> {
        Self::run_with(args, &[])
    }

    /// With `env` and the search path as the whole environment, so that no key or agent of whoever runs the tests is
    /// found by accident.
    pub fn run_with<I: AsRef<OsStr>>(
        args: impl IntoIterator<Item = I>,
        env: &[(&str, &str)],
    ) -> Result<Output> {
        let mut command = Command::new(binary("countersign")?);
        command.args(args).env_clear().env("PATH", path()).envs(env.iter().copied());
        process::run(command, CALL)
    }
}

/// A folder that `countersign init` made.
#[derive(Debug)]
pub struct Installation {
    /// The folder itself is `root/countersign`; keys and notes of a test go beside it.
    root: TempDir,
    config: PathBuf,
    genesis: String,
}

impl Installation {
    /// `countersign init DIR ARGS…` in a fresh temporary folder, with nothing proved: the solver takes seconds.
    pub fn init<I: AsRef<OsStr>>(args: impl IntoIterator<Item = I>) -> Result<Self> {
        let root = tempfile::tempdir()?;
        let folder = root.path().join("countersign");
        let mut line = vec![OsStr::new("init").to_owned(), folder.clone().into_os_string()];
        line.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        line.extend(["--unproved", "--output", "json"].map(Into::into));
        let told = Cli::run(line)?.expect(0)?.json()?;
        let genesis = text(&told, "genesis")?;
        Ok(Self { config: folder.join("countersign.toml"), root, genesis })
    }

    /// `DIR`, as given to `init`.
    pub fn folder(&self) -> PathBuf {
        self.root.path().join("countersign")
    }

    /// A place outside `DIR` that lives as long as it does.
    pub fn beside(&self) -> &Path {
        self.root.path()
    }

    pub fn config(&self) -> &Path {
        &self.config
    }

    pub fn genesis(&self) -> &str {
        &self.genesis
    }

    /// Any command with `--config` and `--output json` added. The home folder, where a client keeps the checkpoints it
    /// has verified, is [`Installation::beside`]; another `HOME` is another person's machine.
    pub fn run<'a>(&self, args: impl IntoIterator<Item = &'a str>) -> Result<Output> {
        self.run_with(args, &[])
    }

    pub fn run_with<'a>(
        &self,
        args: impl IntoIterator<Item = &'a str>,
        env: &[(&str, &str)],
    ) -> Result<Output> {
        let mut line: Vec<_> = args.into_iter().map(OsStr::new).collect();
        line.extend([OsStr::new("--config"), self.config.as_os_str()]);
        line.extend(["--output", "json"].map(OsStr::new));
        let home = self.beside().to_str().context("a folder whose path is not text")?;
        Cli::run_with(line, &[&[("HOME", home)], env].concat())
    }

    /// `change approve`, as somebody does it who is not at a terminal: with the eight words under which `change show` has shown it
    /// to them. `by`: the flags that say with which key. Where there is nothing to be shown, as whoever has read nothing.
    pub fn approve(&self, id: &str, by: &[&str], env: &[(&str, &str)]) -> Result<Output> {
        let shown = self.run_with([&["change", "show", id], by].concat(), env)?;
        let words = shown.json().ok().and_then(|it| it.get("statement_words")?.as_str().map(str::to_owned));
        let words = words.as_deref().map_or_else(Vec::new, |words| vec!["--words", words]);
        self.run_with([&["change", "approve", id], by, words.as_slice()].concat(), env)
    }

    /// `session new`; `more` holds further flags, such as `--scope`.
    pub fn session(
        &self,
        agent: &str,
        operator: &str,
        key: &Path,
        task: &str,
        more: &[&str],
    ) -> Result<Session> {
        let key = key.to_str().context("a key's path that is not text")?;
        let line = ["session", "new", "--agent", agent, "--operator", operator, "--key", key, "--task", task];
        let told = self.run(line.into_iter().chain(more.iter().copied()))?.expect(0)?.json()?;
        let env = told.get("env").and_then(Value::as_object).context("`session new` told no `env`")?;
        let env =
            env.iter().filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned()))).collect();
        Ok(Session { id: text(&told, "id")?, env })
    }
}

/// What an agent is given: virtual credentials, as environment variables.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: String,
    pub env: Vec<(String, String)>,
}

impl Session {
    /// As the rigs of the clients take it.
    pub fn env(&self) -> Vec<(&str, &str)> {
        self.env.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
    }
}

/// A running `countersign serve`.
#[derive(Debug)]
pub struct Serve {
    child: Child,
    log: PathBuf,
    _folder: TempDir,
    /// Where agents speak AWS.
    pub aws: String,
    /// Where agents propose and wait.
    pub agent: String,
    /// Where people look and sign.
    pub people: String,
    /// What `HTTPS_PROXY` is set to.
    pub proxy: String,
    /// The certificate of the installation's own authority.
    pub ca: PathBuf,
}

impl Serve {
    /// Starts it and returns once its ready file says that all listeners accept.
    pub fn start(config: &Path) -> Result<Self> {
        Self::start_with(config, &[])
    }

    /// With `env` beside the search path as the whole environment.
    pub fn start_with(config: &Path, env: &[(&str, &str)]) -> Result<Self> {
        Self::launch(Command::new(binary("countersign")?), config, env)
    }

    /// With another binary, or under a shell that sets limits first: `program` is followed by the arguments of `serve`.
    pub fn launch(mut program: Command, config: &Path, env: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let (ready, log) = (folder.path().join("ready.json"), folder.path().join("log"));
        let file = File::create(&log)?;
        let mut child = program
            .args([OsStr::new("serve"), OsStr::new("--config"), config.as_os_str()])
            .args([OsStr::new("--ready-file"), ready.as_os_str()])
            .env_clear()
            .env("PATH", path())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .context("starting `countersign serve`")?;
        let told = until("`countersign serve` to be ready", START, || {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("`countersign serve` ended before it was ready: {status}");
            }
            // Written atomically: what is there is whole.
            Ok(std::fs::read_to_string(&ready).ok())
        });
        let listeners = told.and_then(|told| {
            let told: Value = serde_json::from_str(&told)?;
            let urls = [text(&told, "aws")?, text(&told, "agent")?, text(&told, "people")?];
            Ok((urls, text(&told, "proxy")?, PathBuf::from(text(&told, "ca")?)))
        });
        match listeners {
            Ok(([aws, agent, people], proxy, ca)) => {
                Ok(Self { child, log, _folder: folder, aws, agent, people, proxy, ca })
            }
            Err(error) => {
                process::end(&mut child);
                Err(error.context(std::fs::read_to_string(&log).unwrap_or_default()))
            }
        }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it has written so far.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// `127.0.0.1:PORT` of the AWS gateway, of the agent listener, of the people listener.
    pub fn authorities(&self) -> [&str; 3] {
        [&self.aws, &self.agent, &self.people]
            .map(|url| url.split_once("://").map_or(url.as_str(), |(_, authority)| authority))
    }

    pub fn is_alive(&mut self) -> Result<bool> {
        Ok(self.child.try_wait()?.is_none())
    }

    /// SIGKILL: nothing is flushed, nothing is closed.
    pub fn kill(&mut self) {
        process::end(&mut self.child);
    }

    /// SIGTERM, and its exit code once it has ended in good order.
    pub fn stop(&mut self) -> Result<i32> {
        self.terminate()?;
        self.ended()
    }

    /// SIGTERM; it may take its time.
    pub fn terminate(&self) -> Result<()> {
        let mut command = Command::new("kill");
        command.args(["-TERM", &self.pid().to_string()]);
        let sent = process::run(command, CALL)?;
        ensure!(sent.code == 0, "{sent}");
        Ok(())
    }

    /// Its exit code, once it has ended.
    pub fn ended(&mut self) -> Result<i32> {
        let status = until("`countersign serve` to stop", START, || Ok(self.child.try_wait()?))?;
        Ok(status.code().unwrap_or(-1))
    }
}

impl Drop for Serve {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

fn path() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

fn text(told: &Value, name: &str) -> Result<String> {
    let value = told.get(name).and_then(Value::as_str);
    Ok(value.with_context(|| format!("no `{name}` in {told}"))?.to_owned())
}
