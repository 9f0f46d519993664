//! Who runs what, for whom, and how long still; each can be stopped.

use api::types::SessionView;
use askama::Template;
use model::{PersonId, Timestamp};

use super::Frame;
use crate::{
    text::Shown,
    when::{ago, left},
};

/// Live ones first; of those that are over as many as tell of the day.
const MOST: usize = 200;

#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub(crate) struct Sessions {
    pub(crate) frame: Frame,
    live: usize,
    sessions: Vec<Session>,
}

#[derive(Debug)]
struct Session {
    id: String,
    agent: Shown,
    operator: PersonId,
    task: Shown,
    scope: Shown,
    autonomy: String,
    state: String,
    role: Option<Shown>,
    glass: Option<String>,
    ends: String,
}

impl Sessions {
    pub(crate) fn of(frame: Frame, mut all: Vec<SessionView>, now: Timestamp) -> Self {
        let live = all.iter().filter(|it| it.state == "live").count();
        all.sort_by_key(|it| (it.state != "live", std::cmp::Reverse(it.issued_at)));
        let sessions = all.into_iter().take(MOST).map(|it| Session::of(&it, now)).collect();
        Self { frame, live, sessions }
    }
}

impl Session {
    fn of(it: &SessionView, now: Timestamp) -> Self {
        Self {
            id: it.id.to_string(),
            agent: Shown::of(&it.agent),
            operator: it.operator.clone(),
            task: Shown::of(&it.task),
            scope: Shown::of(&it.scope),
            autonomy: it.autonomy.clone(),
            state: it.state.clone(),
            role: it.role.as_ref().map(Shown::of),
            glass: it.glass_broken_until.map(|until| until.to_string()),
            ends: match left(it.expires_at, now) {
                Some(left) if it.state == "live" => left,
                _ => format!("began {}", ago(it.issued_at, now)),
            },
        }
    }
}
