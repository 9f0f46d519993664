//! cvc5 in a process of its own, spoken to through pipes. Nothing that it prints is taken on trust beyond one word after
//! a mark that only we know, and no more of it is read than a model can be long. Time limits are the caller's, from
//! outside: dropping a [`Cvc5`] kills its process.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use cedar_policy_symcc::{
    SmtLibScript as _,
    solver::{Decision, DecisionWithModel, Solver, SolverError as Trouble},
};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, BufWriter},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Which solver to run, and how long one question may take.
#[derive(Clone, Debug)]
pub struct SolverChoice {
    /// `cvc5`, looked for on the path, unless told otherwise.
    pub program: PathBuf,
    /// Wall-clock time of one question.
    pub per_question: Duration,
    /// How many run at once.
    pub processes: usize,
}

impl Default for SolverChoice {
    fn default() -> Self {
        Self { program: PathBuf::from("cvc5"), per_question: Duration::from_secs(20), processes: 2 }
    }
}

/// Why there is no solver to ask.
#[derive(Debug, thiserror::Error)]
pub enum SolverError {
    #[error("the solver `{}` cannot be started: {source}", .program.display())]
    Missing {
        program: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("`{}` does not answer as cvc5 would: {why}", .program.display())]
    Strange { program: PathBuf, why: String },
}

impl SolverError {
    pub fn hint(&self) -> String {
        "proofs need cvc5 (1.0.3 or later): on Debian `apt-get install cvc5`, or name another with --solver FILE"
            .to_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Cvc5 {
    /// Killed when dropped.
    _child: Child,
    input: BufWriter<ChildStdin>,
    output: BufReader<ChildStdout>,
    asked: u64,
}

/// A model of the largest request that a schema can express is some tens of kilobytes.
const MAX_ANSWER: u64 = 4 * 1024 * 1024;
const MAX_VERSION: u64 = 64 * 1024;

/// The version as the program itself prints it.
pub(crate) async fn version(choice: &SolverChoice) -> Result<String, SolverError> {
    let strange = |why: &str| SolverError::Strange { program: choice.program.clone(), why: why.to_owned() };
    let mut child = spawn(&choice.program, &["--version"])?;
    let output = child.stdout.take().ok_or_else(|| strange("it has no output"))?;
    let mut text = String::new();
    let read = BufReader::new(output).take(MAX_VERSION);
    let mut read = read;
    match timeout(choice.per_question, read.read_to_string(&mut text)).await {
        Ok(Ok(_)) => {}
        Ok(Err(err)) => return Err(strange(&format!("its version cannot be read: {err}"))),
        Err(_) => return Err(strange("it does not say its version in time")),
    }
    let version = text
        .lines()
        .next()
        .and_then(|line| line.split_once("cvc5 version "))
        .and_then(|(_, rest)| rest.split_whitespace().next())
        .filter(|version| version.len() <= 32 && version.starts_with(|it: char| it.is_ascii_digit()));
    version.map(|version| model::sanitize(version, 32)).ok_or_else(|| strange("it prints no version of cvc5"))
}

fn spawn(program: &Path, args: &[&str]) -> Result<Child, SolverError> {
    Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        // Read by nobody: a full pipe would stop it.
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| SolverError::Missing { program: program.to_owned(), source })
}

impl Cvc5 {
    /// Starts one and asks it what must be `sat` and what must not.
    pub(crate) async fn start(choice: &SolverChoice) -> Result<Self, SolverError> {
        let strange = |why: String| SolverError::Strange { program: choice.program.clone(), why };
        let mut child = spawn(&choice.program, &["--lang", "smt"])?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(strange("it has no pipes".to_owned()));
        };
        let mut solver =
            Self { _child: child, input: BufWriter::new(input), output: BufReader::new(output), asked: 0 };
        match timeout(choice.per_question, solver.known_answers()).await {
            Ok(Ok(())) => Ok(solver),
            Ok(Err(err)) => Err(strange(told(&err))),
            Err(_) => Err(strange("it does not answer in time".to_owned())),
        }
    }

    async fn known_answers(&mut self) -> Result<(), Trouble> {
        for (bound, expected) in [("(< n 4)", Decision::Sat), ("(< n 3)", Decision::Unsat)] {
            let script = format!(
                "(reset)\n(set-logic ALL)\n(declare-const n Int)\n(assert (> n 2))\n(assert {bound})\n"
            );
            self.input.write_all(script.as_bytes()).await?;
            let answer = self.check_sat().await?;
            if answer != expected {
                return Err(Trouble::Solver(format!("of a trivial question it says {answer:?}")));
            }
        }
        Ok(())
    }

    /// One line, without its end; at most what is left of `bound`.
    async fn line(&mut self, bound: u64) -> Result<String, Trouble> {
        let mut line = String::new();
        let read = (&mut self.output).take(bound).read_line(&mut line).await?;
        if !line.ends_with('\n') {
            let why = if read == 0 { "it ended" } else { "its answer has no end" };
            return Err(Trouble::Solver(why.to_owned()));
        }
        Ok(line)
    }
}

impl Solver for Cvc5 {
    fn smtlib_input(&mut self) -> &mut (dyn AsyncWrite + Unpin + Send) {
        &mut self.input
    }

    async fn enable_models(&mut self) -> Result<(), Trouble> {
        Ok(self.input.set_option("produce-models", "true").await?)
    }

    async fn check_sat(&mut self) -> Result<Decision, Trouble> {
        self.asked = self.asked.saturating_add(1);
        let mark = format!("asked {}", self.asked);
        self.input.write_all(format!("(echo \"{mark}\")\n").as_bytes()).await?;
        self.input.check_sat().await?;
        self.input.flush().await?;
        let echoed = self.line(MAX_ANSWER).await?;
        if echoed.trim().trim_matches('"') != mark {
            return Err(rubbish(&echoed));
        }
        let answer = self.line(MAX_ANSWER).await?;
        match answer.trim() {
            "sat" => Ok(Decision::Sat),
            "unsat" => Ok(Decision::Unsat),
            "unknown" => Ok(Decision::Unknown),
            _ => Err(rubbish(&answer)),
        }
    }

    async fn check_sat_with_model(&mut self) -> Result<DecisionWithModel, Trouble> {
        match self.check_sat().await? {
            Decision::Unsat => return Ok(DecisionWithModel::Unsat),
            Decision::Unknown => return Ok(DecisionWithModel::Unknown),
            Decision::Sat => {}
        }
        self.input.get_model().await?;
        self.input.flush().await?;
        let mut model = self.line(MAX_ANSWER).await?;
        if model.trim() != "(" {
            return Err(rubbish(&model));
        }
        loop {
            let read = u64::try_from(model.len()).unwrap_or(MAX_ANSWER);
            let line = self.line(MAX_ANSWER.saturating_sub(read)).await?;
            model.push_str(&line);
            if line.trim() == ")" {
                return Ok(DecisionWithModel::Sat { model });
            }
        }
    }
}

fn rubbish(line: &str) -> Trouble {
    Trouble::UnrecognizedSolverOutput(model::sanitize(line.trim(), 120))
}

/// An error with its causes, on one line.
pub(crate) fn told(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut cause = err.source();
    while let Some(err) = cause {
        let more = err.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = err.source();
    }
    model::sanitize(&text, 300)
}
