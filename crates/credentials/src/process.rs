//! `credential_process`: a command whose output is credentials. What it writes beside that is dropped, since nobody
//! knows what is in it.

use std::{process::Stdio, time::Duration};

use tokio::{io::AsyncReadExt as _, process::Command};
use zeroize::Zeroizing;

use crate::{CredentialError, Credentials, json};

const PATIENCE: Duration = Duration::from_secs(60);
const MAX_OUTPUT: u64 = 64 * 1024;

pub(crate) async fn load(profile: &str, line: &str) -> Result<Credentials, CredentialError> {
    let from = format!("the credential_process of the profile `{}`", model::sanitize(profile, 80));
    let wrong = |why: String| CredentialError::Unanswered { from: from.clone(), why };
    // As AWS's own tools do: the line is the shell's to take apart.
    let mut child = Command::new("sh")
        .args(["-c", line])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|err| wrong(err.to_string()))?;
    let Some(output) = child.stdout.take() else { return Err(wrong("it has no output".to_owned())) };
    let run = async {
        let mut text = Zeroizing::new(String::new());
        output.take(MAX_OUTPUT).read_to_string(&mut text).await.map_err(|err| wrong(err.to_string()))?;
        let status = child.wait().await.map_err(|err| wrong(err.to_string()))?;
        if status.success() { Ok(text) } else { Err(wrong(format!("it ended with {status}"))) }
    };
    let text = match tokio::time::timeout(PATIENCE, run).await {
        Ok(text) => text?,
        Err(_) => return Err(wrong(format!("it was not done within {} s", PATIENCE.as_secs()))),
    };
    json::read(&from, &text, Some(1))
}
