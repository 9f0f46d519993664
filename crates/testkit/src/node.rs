//! The JavaScript SDK, installed once per checkout where Node.js and npm are.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Result, ensure};

use crate::{Output, npm, once::once, process, root};

const PACKAGES: [&str; 3] =
    ["@aws-sdk/client-s3@3.1175.0", "@aws-sdk/client-sqs@3.1175.0", "@aws-sdk/client-ssm@3.1169.0"];
const OLDEST: (u32, u32) = (18, 0);
const INSTALL: Duration = Duration::from_secs(10 * 60);
const CALL: Duration = Duration::from_secs(120);

#[derive(Clone, Debug)]
pub struct Node {
    home: PathBuf,
}

impl Node {
    /// `None` where Node.js 18 or npm is missing; the caller says loudly that it skips.
    pub fn of_checkout() -> Result<Option<Self>> {
        if version(Path::new("node")).is_none_or(|it| it < OLDEST) || !npm::runs("npm") {
            return Ok(None);
        }
        let home = root().join("target/node");
        let install = || {
            fs::write(home.join("package.json"), "{\"private\": true}\n")?;
            let mut install = Command::new("npm");
            install.args(["install", "--no-audit", "--no-fund", "--no-package-lock"]).args(PACKAGES);
            install.current_dir(&home);
            let done = process::run(install, INSTALL)?;
            ensure!(done.code == 0, "the JavaScript SDK cannot be installed: {done}");
            Ok(())
        };
        once(|mark| home.join(mark), &PACKAGES.join("\n"), || true, install)?;
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

/// Major and minor; `None` where it cannot be run.
pub(crate) fn version(node: &Path) -> Option<(u32, u32)> {
    let mut command = Command::new(node);
    command.arg("--version");
    let told = process::run(command, CALL).ok().filter(|it| it.code == 0)?.stdout;
    let mut parts = told.trim().strip_prefix('v')?.split('.').map(|it| it.parse().ok());
    Some((parts.next()??, parts.next()??))
}
