//! OpenSSH's agent with keys loaded: how most people hold theirs.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::{Key, process, until};

#[derive(Debug)]
pub struct KeyAgent {
    child: Child,
    /// The socket; its folder goes with it.
    folder: TempDir,
}

impl KeyAgent {
    pub fn start(keys: &[&Key]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let child = Command::new("ssh-agent")
            .arg("-D")
            // Security keys made of software are no libraries that it would load by itself.
            .args(["-P", "/usr/lib/openssh/*"])
            .arg("-a")
            .arg(folder.path().join("socket"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("an agent needs OpenSSH's programs; on Debian: apt-get install openssh-client")?;
        let agent = Self { child, folder };
        let socket = agent.socket();
        until("the ssh-agent's socket", Duration::from_secs(10), || Ok(socket.exists().then_some(())))?;
        for key in keys {
            agent.add(&key.private, key)?;
        }
        Ok(agent)
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// What a client needs in its environment.
    pub fn env(&self) -> Result<[(&'static str, String); 1]> {
        let socket = self.socket().into_os_string().into_string();
        let socket = socket.ok().context("a socket whose path is not text")?;
        Ok([("SSH_AUTH_SOCK", socket)])
    }

    fn add(&self, private: &Path, key: &Key) -> Result<()> {
        let mut command = Command::new("ssh-add");
        command.arg("-q").arg(private).env("SSH_AUTH_SOCK", self.socket()).envs(key.env());
        let added = process::run(command, Duration::from_secs(10))?;
        ensure!(added.code == 0, "{added}");
        Ok(())
    }
}

impl Drop for KeyAgent {
    fn drop(&mut self) {
        process::end(&mut self.child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_the_keys_it_was_given() {
        let folder = tempfile::tempdir().unwrap();
        let mut keys = vec![Key::ed25519(folder.path(), "file").unwrap()];
        keys.extend(Key::security(folder.path(), "device").unwrap());
        let agent = KeyAgent::start(&keys.iter().collect::<Vec<_>>()).unwrap();
        let mut command = Command::new("ssh-add");
        command.arg("-L").envs(agent.env().unwrap());
        let listed = process::run(command, Duration::from_secs(10)).unwrap().expect(0).unwrap();
        assert_eq!(listed.stdout.lines().count(), keys.len(), "{listed}");
        for key in keys {
            assert!(listed.stdout.contains(&key.public_line().unwrap()), "{listed}");
        }
    }
}
