//! Keys as people have them: made and used by OpenSSH's own programs, not by our code.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::process;

/// Where Debian's `openssh-tests` and OpenSSH's own builds put the security key made of software.
const SOFTWARE_KEY: [&str; 3] = [
    "/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so",
    "/usr/libexec/openssh/regress/misc/sk-dummy/sk-dummy.so",
    "/usr/local/lib/openssh/regress/misc/sk-dummy/sk-dummy.so",
];

#[derive(Clone, Debug)]
pub struct Key {
    pub private: PathBuf,
    pub public: PathBuf,
    /// The library that stands for the device, where the key needs one.
    provider: Option<PathBuf>,
}

impl Key {
    /// A key in a file, without a passphrase.
    pub fn ed25519(folder: &Path, name: &str) -> Result<Self> {
        Self::generate(folder, name, "ed25519", None)
    }

    /// One that lies there already, made by [`Key::ed25519`].
    pub fn there(folder: &Path, name: &str) -> Self {
        Self { private: folder.join(name), public: folder.join(format!("{name}.pub")), provider: None }
    }

    /// A security key (`sk-ssh-ed25519`) whose device is OpenSSH's software stand-in, which always says it was touched.
    /// `None`, and a loud line, where the stand-in is not installed.
    pub fn security(folder: &Path, name: &str) -> Result<Option<Self>> {
        Self::with_device(folder, name, "ed25519-sk")
    }

    /// As [`Key::security`], with the other algorithm that devices offer (`sk-ecdsa-sha2-nistp256`).
    pub fn security_p256(folder: &Path, name: &str) -> Result<Option<Self>> {
        Self::with_device(folder, name, "ecdsa-sk")
    }

    /// What a program that signs with this key needs in its environment.
    pub fn env(&self) -> Vec<(&'static str, &str)> {
        self.provider.iter().filter_map(|path| Some(("SSH_SK_PROVIDER", path.to_str()?))).collect()
    }

    /// The public key's line.
    pub fn public_line(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.public)?.trim().to_owned())
    }

    /// An armored signature over `message`, by `ssh-keygen`.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("message");
        std::fs::write(&file, message)?;
        let mut command = Command::new("ssh-keygen");
        command
            .args(["-q", "-Y", "sign", "-n", namespace, "-f"])
            .arg(&self.private)
            .arg(&file)
            .envs(self.env());
        keygen(command)?;
        Ok(std::fs::read_to_string(folder.path().join("message.sig"))?)
    }

    fn with_device(folder: &Path, name: &str, kind: &str) -> Result<Option<Self>> {
        match SOFTWARE_KEY.iter().map(PathBuf::from).find(|path| path.exists()) {
            Some(library) => Self::generate(folder, name, kind, Some(library)).map(Some),
            None => {
                skipped("no security key made of software; on Debian: apt-get install openssh-tests");
                Ok(None)
            }
        }
    }

    fn generate(folder: &Path, name: &str, kind: &str, provider: Option<PathBuf>) -> Result<Self> {
        let private = folder.join(name);
        let key = Self { public: folder.join(format!("{name}.pub")), private, provider };
        let mut command = Command::new("ssh-keygen");
        command.args(["-q", "-N", "", "-C", name, "-t", kind, "-f"]).arg(&key.private).envs(key.env());
        keygen(command)?;
        Ok(key)
    }
}

fn keygen(command: Command) -> Result<()> {
    let output = process::run(command, Duration::from_secs(30))
        .context("keys need OpenSSH's programs; on Debian: apt-get install openssh-client")?;
    ensure!(output.code == 0, "{output}");
    Ok(())
}

#[expect(clippy::print_stderr, reason = "a test that could not be run must not look like one that passed")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_made_and_sign() {
        let folder = tempfile::tempdir().unwrap();
        let file = Key::ed25519(folder.path(), "mira").unwrap();
        assert!(file.public_line().unwrap().starts_with("ssh-ed25519 "));
        assert!(file.env().is_empty());
        assert!(file.sign("test", b"words").unwrap().starts_with("-----BEGIN SSH SIGNATURE-----"));
        let devices = [
            (Key::security(folder.path(), "one").unwrap(), "sk-ssh-ed25519@openssh.com "),
            (Key::security_p256(folder.path(), "two").unwrap(), "sk-ecdsa-sha2-nistp256@openssh.com "),
        ];
        for (device, algorithm) in devices {
            let Some(key) = device else { continue };
            assert!(key.public_line().unwrap().starts_with(algorithm));
            assert!(key.sign("test", b"words").unwrap().contains("SSH SIGNATURE"));
        }
    }
}
