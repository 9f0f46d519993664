//! Running another program to its end, with a limit on its time, and keeping what it said.

use std::{
    fmt,
    io::Read,
    process::{Child, Command, Stdio},
    thread::JoinHandle,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,
    /// Exit code; a program ended by a signal has -1.
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// The standard output as one JSON value.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("no JSON from {self}"))
    }

    /// Itself, where the exit code is the expected one; otherwise an error that shows everything.
    pub fn expect(self, code: i32) -> Result<Self> {
        ensure!(self.code == code, "expected exit code {code} from {self}");
        Ok(self)
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "`{}`: exit code {}", self.command, self.code)?;
        writeln!(f, "--- stdout\n{}\n--- stderr\n{}", self.stdout.trim_end(), self.stderr.trim_end())
    }
}

/// Runs a program without standard input; one that takes longer than `limit` is killed and is an error.
pub fn run(mut command: Command, limit: Duration) -> Result<Output> {
    let line = shown(&command);
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("starting `{line}`"))?;
    let stdout = drain(child.stdout.take());
    let stderr = drain(child.stderr.take());
    let ended = crate::until(&format!("`{line}` to end"), limit, || Ok(child.try_wait()?));
    if ended.is_err() {
        end(&mut child);
    }
    let stdout = stdout.join().unwrap_or_default();
    let stderr = stderr.join().unwrap_or_default();
    let status = ended.with_context(|| format!("--- stdout\n{stdout}\n--- stderr\n{stderr}"))?;
    Ok(Output { command: line, code: status.code().unwrap_or(-1), stdout, stderr })
}

/// SIGKILL, and no zombie left behind.
pub(crate) fn end(child: &mut Child) {
    // Both fail only for a process that has ended already.
    let _ = child.kill();
    let _ = child.wait();
}

fn shown(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|part| part.to_string_lossy())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Reads on a thread of its own, so that a program that fills one pipe while we read the other does not stand still.
fn drain(pipe: Option<impl Read + Send + 'static>) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What came before a broken pipe is still worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn code_and_both_streams_are_kept() {
        let output = run(sh("echo '{\"a\":1}'; echo bad >&2; exit 11"), Duration::from_secs(10)).unwrap();
        assert_eq!((output.code, output.stderr.trim()), (11, "bad"));
        assert_eq!(output.json().unwrap()["a"], 1);
        assert!(output.expect(0).unwrap_err().to_string().contains("expected exit code 0"));
    }

    #[test]
    fn a_program_that_hangs_is_killed() {
        let error = run(sh("echo begun; exec sleep 100"), Duration::from_millis(50)).unwrap_err();
        assert!(format!("{error:#}").contains("in vain"), "{error:#}");
        assert!(format!("{error:#}").contains("begun"), "{error:#}");
    }
}
