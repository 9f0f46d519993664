//! A script as data: what each answer says and calls, how it fails, and what its request must have.

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::heard::{Heard, Protocol};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    pub(super) turns: Vec<Turn>,
}

/// One answer.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Turn {
    pub(super) expect: Expected,
    /// As many pieces.
    pub(super) say: Vec<String>,
    pub(super) calls: Vec<Called>,
    pub(super) stop: Option<Stopped>,
    /// `None`: it is not told.
    pub(super) usage: Option<Counted>,
    pub(super) fault: Option<Fault>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Called {
    pub(super) id: String,
    pub(super) tool: String,
    /// As many pieces; together they are JSON, unless the script wants otherwise.
    #[serde(default)]
    pub(super) arguments: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Stopped {
    Done,
    Calls,
    Length,
    Filtered,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Counted {
    pub(super) input: u64,
    pub(super) output: u64,
}

/// How an answer goes wrong.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Fault {
    /// The body ends before the last piece, and its end is the connection's: nothing says that something is missing.
    Cut,
    /// The connection ends before the last piece, within a body that says how it ends.
    Break,
    /// Nothing comes any more before the last piece.
    Stall,
    /// The last frame is not what it was.
    Corrupt,
    /// An error of this type arrives in the answer, after its first piece.
    Error(String),
    Status {
        code: u16,
        retry_after: Option<u64>,
    },
}

/// What a request must have; nothing is asked of what is not named.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Expected {
    /// The tools offered, in any order.
    tools: Option<Vec<String>>,
    /// The calls whose results it tells since the last answer.
    results: Option<Vec<String>>,
    /// Somewhere in it.
    says: Vec<String>,
    /// Nowhere in it.
    never: Vec<String>,
}

/// One moment of an answer; each protocol has its bytes for it, or none.
#[derive(Clone, Debug)]
pub(super) enum Beat<'a> {
    Begin,
    Text(&'a str),
    TextEnd,
    CallBegin(usize, &'a Called),
    Arguments(usize, &'a str),
    CallEnd(usize, &'a Called),
    End,
    Error(&'a str),
}

impl Scenario {
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("the script {}", path.display()))
    }

    pub fn parse(text: &str) -> Result<Self> {
        Ok(toml::from_str(text)?)
    }
}

impl Turn {
    pub(super) fn stop(&self) -> Stopped {
        self.stop.unwrap_or(if self.calls.is_empty() { Stopped::Done } else { Stopped::Calls })
    }

    /// As far as this answer gets.
    pub(super) fn beats(&self) -> Vec<Beat<'_>> {
        let mut beats = vec![Beat::Begin];
        beats.extend(self.say.iter().map(|piece| Beat::Text(piece)));
        if !self.say.is_empty() {
            beats.push(Beat::TextEnd);
        }
        for (nth, call) in self.calls.iter().enumerate() {
            beats.push(Beat::CallBegin(nth, call));
            beats.extend(call.arguments.iter().map(|piece| Beat::Arguments(nth, piece)));
            beats.push(Beat::CallEnd(nth, call));
        }
        beats.push(Beat::End);
        let piece = |beat: &Beat<'_>| matches!(beat, Beat::Text(_) | Beat::Arguments(..));
        match &self.fault {
            Some(Fault::Cut | Fault::Break | Fault::Stall) => {
                beats.truncate(beats.iter().rposition(piece).unwrap_or(1));
            }
            Some(Fault::Error(kind)) => {
                beats.truncate(beats.iter().position(piece).unwrap_or(0) + 1);
                beats.push(Beat::Error(kind));
            }
            Some(Fault::Corrupt | Fault::Status { .. }) | None => {}
        }
        beats
    }
}

impl Expected {
    pub(super) fn problems(&self, heard: &Heard) -> Vec<String> {
        let mut problems = Vec::new();
        let sorted = |mut it: Vec<String>| {
            it.sort();
            it
        };
        if let Some(tools) = &self.tools
            && sorted(tools.clone()) != sorted(heard.tools())
        {
            problems.push(format!("the tools {tools:?} were expected, not {:?}", heard.tools()));
        }
        // Ollama's protocol has no ids.
        if let Some(results) = &self.results
            && heard.protocol != Protocol::Ollama
            && sorted(results.clone()) != sorted(heard.latest_results())
        {
            problems.push(format!("results of {results:?} were expected, not {:?}", heard.latest_results()));
        }
        problems.extend(heard.unpaired());
        let absent = self.says.iter().filter(|it| !heard.says(it));
        problems.extend(absent.map(|it| format!("it does not say `{it}`")));
        problems.extend(self.never.iter().filter(|it| heard.says(it)).map(|it| format!("it says `{it}`")));
        problems
    }
}
