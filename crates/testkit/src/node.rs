//! The JavaScript SDK, installed once per checkout where Node.js and npm are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{Output, npm, process, root};

const PACKAGES: [&str; 3] =
    ["@aws-sdk/client-s3@3.1175.0", "@aws-sdk/client-sqs@3.1175.0", "@aws-sdk/client-ssm@3.1169.0"];
const INSTALL: Duration = Duration::from_secs(10 * 60);
const CALL: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub struct Node {
    home: PathBuf,
}

impl Node {
    /// `None` where Node.js 18 or npm is missing; the caller says loudly that it skips.
    pub fn of_checkout() -> Result<Option<Self>> {
        let mut version = Command::new("node");
        version.arg("--version");
        let found = process::run(version, CALL).ok().filter(|output| output.code == 0);
        let major =
            found.as_ref().and_then(|it| it.stdout.trim().strip_prefix('v')?.split('.').next()?.parse().ok());
        if major.is_none_or(|major: u32| major < 18) || !npm::runs("npm") {
            return Ok(None);
        }
        let home = root().join("target/node");
        fs::create_dir_all(&home)?;
        let lock = fs::File::create(home.join("lock"))?;
        lock.lock().context("waiting for another installation of the JavaScript SDK")?;
        let (stamp, wanted) = (home.join("stamp"), PACKAGES.join("\n"));
        if fs::read_to_string(&stamp).ok().as_deref() != Some(wanted.as_str()) {
            fs::write(home.join("package.json"), "{\"private\": true}\n")?;
            let mut install = Command::new("npm");
            install.args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).args(PACKAGES);
            install.current_dir(&home);
            let done = process::run(install, INSTALL)?;
            ensure!(done.code == 0, "the JavaScript SDK cannot be installed: {done}");
            fs::write(&stamp, wanted)?;
        }
        Ok(Some(Self { home }))
    }

    /// Runs an ECMAScript module; only `env` and the search path reach it.
    pub fn module(&self, script: &str, env: &[(&str, &str)]) -> Result<Output> {
        let file = self.home.join(format!("script-{}.mjs", std::process::id()));
        fs::write(&file, script)?;
        let mut node = Command::new("node");
        node.arg(&file)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", &self.home)
            .envs(env.iter().copied())
            .current_dir(Path::new(&self.home));
        let told = process::run(node, CALL);
        let _ = fs::remove_file(file);
        told
    }
}
