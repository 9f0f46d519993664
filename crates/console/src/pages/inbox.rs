//! The queue: one row for each change that waits for people, the newest first.

use askama::Template;
use model::{Change, ChangeId, ChangeState, PersonId, Timestamp, Verdict};

use super::Frame;
use crate::{
    text::Shown,
    when::{ago, left},
};

/// On one page: more than anybody reads. How many there are is said, and the rest is on pages behind.
pub(crate) const MOST: usize = 150;

#[derive(Debug, Template)]
#[template(path = "inbox.html")]
pub(crate) struct Inbox {
    pub(crate) frame: Frame,
    /// Rendered.
    pub(crate) rows: Vec<String>,
    /// How many there are, on all pages.
    pub(crate) all: u64,
    /// The next page has those that come after this one.
    pub(crate) older: Option<ChangeId>,
    /// The first page: what comes anew belongs here.
    pub(crate) newest: bool,
}

/// One change in a queue.
#[derive(Debug, Template)]
#[template(path = "row.html")]
pub(crate) struct Row {
    id: String,
    state: &'static str,
    production: bool,
    environment: Shown,
    sentence: Shown,
    agent: Shown,
    operator: PersonId,
    asked: String,
    left: Option<String>,
    need: Shown,
}

impl Row {
    /// `could`: who may still sign for it. `signed`: how many people have.
    pub(crate) fn of(change: &Change, signed: usize, could: &[PersonId], now: Timestamp) -> Self {
        Self {
            id: change.id.to_string(),
            state: change.state.name(),
            production: change.environment.production,
            environment: Shown::of(&change.environment.name),
            sentence: sentence(change),
            agent: Shown::of(&change.chain.agent),
            operator: change.chain.operator.clone(),
            asked: ago(change.created_at, now),
            left: left(change.expires_at, now),
            need: need(change, signed, could),
        }
    }
}

/// As every message has it.
pub(crate) fn sentence(change: &Change) -> Shown {
    Shown::of(notify::sentence(change))
}

fn need(change: &Change, signed: usize, could: &[PersonId]) -> Shown {
    if change.state == ChangeState::Approved {
        return Shown::of("waits for its agent");
    }
    let Verdict::Hold(hold) = &change.verdict else { return Shown::default() };
    let names = match could {
        [] => "nobody is left who could".to_owned(),
        [one] => format!("{one} could"),
        [one, two] => format!("{one} or {two} could"),
        [one, two, rest @ ..] => format!("{one}, {two} and {} more could", rest.len()),
    };
    match hold.requirement.people {
        0 => Shown::of("waits for evidence or an hour"),
        people => Shown::of(format!("{signed} of {people} approved; {names}")),
    }
}
