//! Whose key signs: `--key FILE`, then `$COUNTERSIGN_KEY`, then the ssh-agent. A file that only points to a security
//! key is signed with by `ssh-keygen`, which asks for the touch.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use approval::sign::{self, SignError};
use model::{EnrolledKey, Presence};

use crate::{failure::Failure, ssh_agent};

/// A key that can sign.
#[derive(Debug)]
pub(crate) enum Identity {
    File { path: PathBuf, public: EnrolledKey },
    Agent { socket: PathBuf, public: EnrolledKey },
}

impl Identity {
    /// Every identity there is to try, most specific first; empty where there is none.
    pub(crate) fn candidates(key: Option<&Path>) -> Result<Vec<Self>, Failure> {
        if let Some(path) = key {
            return Ok(vec![Self::from_file(path)?]);
        }
        if let Some(path) = variable("COUNTERSIGN_KEY") {
            return Ok(vec![Self::from_file(Path::new(&path))?]);
        }
        let Some(socket) = variable("SSH_AUTH_SOCK").map(PathBuf::from) else { return Ok(Vec::new()) };
        let keys = ssh_agent::keys(&socket).unwrap_or_default();
        Ok(keys
            .iter()
            .filter_map(|bytes| sign::from_wire_form(bytes).ok())
            .map(|public| Self::Agent { socket: socket.clone(), public })
            .collect())
    }

    fn from_file(path: &Path) -> Result<Self, Failure> {
        let unreadable = |err: &dyn std::fmt::Display| {
            Failure::not_authenticated(format!("the key {} cannot be used: {err}", path.display()))
        };
        let text = fs::read_to_string(path).map_err(|err| unreadable(&err))?;
        let public = sign::public_of(&text).map_err(|err| unreadable(&err))?;
        Ok(Self::File { path: path.to_owned(), public })
    }

    pub(crate) const fn public(&self) -> &EnrolledKey {
        match self {
            Self::File { public, .. } | Self::Agent { public, .. } => public,
        }
    }

    pub(crate) fn presence(&self) -> Presence {
        if sign::proves_presence(self.public()) { Presence::Touched } else { Presence::File }
    }

    /// An armored SSHSIG over `text`.
    pub(crate) fn sign(&self, namespace: &'static str, text: &str) -> Result<String, Failure> {
        let failed =
            |err: &dyn std::fmt::Display| Failure::not_authenticated(format!("nothing was signed: {err}"));
        match self {
            Self::File { path, .. } => {
                let key = fs::read_to_string(path).map_err(|err| failed(&err))?;
                match sign::with_key_file(
                    &key,
                    variable("COUNTERSIGN_KEY_PASSPHRASE").as_deref(),
                    namespace,
                    text,
                ) {
                    Err(SignError::NeedsDevice) => with_ssh_keygen(path, namespace, text),
                    Err(err) => Err(failed(&err)),
                    Ok(armored) => Ok(armored),
                }
            }
            Self::Agent { socket, public } => {
                let wire = sign::wire_form(public).map_err(|err| failed(&err))?;
                let data = sign::to_be_signed(namespace, text).map_err(|err| failed(&err))?;
                let answer = ssh_agent::sign(socket, &wire, &data).map_err(|err| failed(&err))?;
                sign::with_agents_answer(public, namespace, text, &answer).map_err(|err| failed(&err))
            }
        }
    }
}

fn with_ssh_keygen(path: &Path, namespace: &str, text: &str) -> Result<String, Failure> {
    let failed = |err: &dyn std::fmt::Display| {
        Failure::not_authenticated(format!("ssh-keygen could not sign with {}: {err}", path.display()))
            .hint("a security key is signed with through ssh-keygen: is openssh-client installed, the key plugged in?")
    };
    let mut child = Command::new("ssh-keygen")
        .args(["-Y", "sign", "-n", namespace, "-f"])
        .arg(path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|err| failed(&err))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(text.as_bytes()).map_err(|err| failed(&err))?;
    }
    let output = child.wait_with_output().map_err(|err| failed(&err))?;
    if !output.status.success() {
        return Err(failed(&output.status));
    }
    String::from_utf8(output.stdout).map_err(|err| failed(&err))
}

/// A variable of the caller's environment that says who they are, never what may pass.
#[expect(clippy::disallowed_methods, reason = "this is the binary's edge")]
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
