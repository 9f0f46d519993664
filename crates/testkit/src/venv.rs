//! The Python environment with the mock AWS and the real clients, at pinned versions, installed once per checkout.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Output, once::once, process, python_home, root};

/// The versions the wire facts were measured with; another version is another set of facts.
const PACKAGES: [&str; 4] =
    ["moto[server,all]==5.2.5", "boto3==1.44.5", "awscli==1.46.2", "schemathesis==4.32.5"];
/// An environment of its own: it has another generation of what the others rest on.
const MCP: [&str; 1] = ["mcp==2.3.0"];

const INSTALL: Duration = Duration::from_secs(20 * 60);
const CALL: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub struct Venv {
    home: PathBuf,
}

impl Venv {
    /// The checkout's own environment, made if it is not there.
    pub fn of_checkout() -> Result<Self> {
        Self::ensure(&python_home())
    }

    /// The environment in `home`. Whoever comes second waits for the first to finish installing.
    pub fn ensure(home: &Path) -> Result<Self> {
        Self::with(home, &PACKAGES)
    }

    /// The Python SDK of the Model Context Protocol.
    pub fn of_mcp() -> Result<Self> {
        Self::with(&root().join("target/mcp-venv"), &MCP)
    }

    fn with(home: &Path, packages: &[&str]) -> Result<Self> {
        let venv = Self { home: home.to_owned() };
        once(
            |mark| home.with_extension(mark),
            &packages.join("\n"),
            || venv.bin("python").exists(),
            || venv.install(packages),
        )?;
        Ok(venv)
    }

    pub fn bin(&self, program: &str) -> PathBuf {
        self.home.join("bin").join(program)
    }

    /// Runs a Python script; only `env` and the search path reach it, so no credentials of whoever runs the tests do.
    pub fn python(&self, script: &str, env: &[(&str, &str)]) -> Result<Output> {
        self.call("python", ["-c", script], env)
    }

    /// Runs the real `aws` CLI.
    pub fn aws<'a>(&self, args: impl IntoIterator<Item = &'a str>, env: &[(&str, &str)]) -> Result<Output> {
        self.call("aws", args, env)
    }

    /// Any of its programs, in a folder of the caller's, for at most `limit`.
    pub fn program<'a>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = &'a str>,
        env: &[(&str, &str)],
        (folder, limit): (&Path, Duration),
    ) -> Result<Output> {
        let mut command = self.command(program, args, env);
        command.current_dir(folder);
        process::run(command, limit)
    }

    fn call<'a>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = &'a str>,
        env: &[(&str, &str)],
    ) -> Result<Output> {
        process::run(self.command(program, args, env), CALL)
    }

    fn command<'a>(
        &self,
        program: &str,
        args: impl IntoIterator<Item = &'a str>,
        env: &[(&str, &str)],
    ) -> Command {
        let mut command = Command::new(self.bin(program));
        command
            .args(args)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .env("LANG", "C.UTF-8")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
            .envs(env.iter().copied());
        command
    }

    fn install(&self, packages: &[&str]) -> Result<()> {
        let mut make = Command::new("python3");
        make.args(["-m", "venv", "--clear"]).arg(&self.home);
        let made = process::run(make, INSTALL).context(NO_PYTHON)?;
        ensure!(made.code == 0, "{NO_PYTHON}\n{made}");
        let mut pip = Command::new(self.bin("python"));
        pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]).args(packages);
        let installed = process::run(pip, INSTALL)?;
        ensure!(installed.code == 0, "the Python packages could not be installed\n{installed}");
        Ok(())
    }
}

const NO_PYTHON: &str = "the mock AWS and the real clients need Python 3 with its `venv` module; \
                         on Debian: apt-get install python3 python3-venv";
