//! Who runs what, for whom, how long still, and what came of it lately; each session can be stopped, an agent, or all.

use std::collections::{BTreeMap, HashMap};

use api::types::SessionView;
use askama::Template;
use model::{Change, ChangeState, PersonId, SessionId, Timestamp};
use store::Filter;

use super::{Frame, inbox::sentence};
use crate::{
    text::Shown,
    when::{ago, left},
};

/// Live ones first; of those that are over as many as tell of the day.
pub(crate) const MOST: usize = 200;

/// What one session asked for, the newest first: what is not a plain read.
pub(crate) fn lately(session: SessionId) -> Filter {
    Filter { session: Some(session), limit: 20, ..Filter::default() }
}

/// Of those, as many as are shown.
const SHOWN: usize = 6;

#[derive(Debug, Template)]
#[template(path = "sessions.html")]
pub(crate) struct Sessions {
    pub(crate) frame: Frame,
    live: usize,
    /// With how many live sessions; those that have more than one.
    agents: Vec<(String, usize)>,
    sessions: Vec<Session>,
}

#[derive(Debug)]
struct Asked {
    id: String,
    state: &'static str,
    sentence: Shown,
    at: String,
}

impl Asked {
    fn of(change: &Change, now: Timestamp) -> Self {
        Self {
            id: change.id.to_string(),
            state: change.state.name(),
            sentence: sentence(change),
            at: ago(change.created_at, now),
        }
    }
}

/// What people or rules did not let it do.
const fn was_refused(change: &Change) -> bool {
    matches!(change.state, ChangeState::Denied | ChangeState::Rejected)
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
    lately: Vec<Asked>,
    refused: Option<String>,
}

impl Sessions {
    pub(crate) fn of(
        frame: Frame,
        mut all: Vec<SessionView>,
        lately: &HashMap<SessionId, Vec<Change>>,
        now: Timestamp,
    ) -> Self {
        let live = all.iter().filter(|it| it.state == "live").count();
        let mut agents: BTreeMap<String, usize> = BTreeMap::new();
        for it in all.iter().filter(|it| it.state == "live") {
            *agents.entry(it.agent.clone()).or_default() += 1;
        }
        let agents = agents.into_iter().filter(|(_, count)| *count > 1).collect();
        all.sort_by_key(|it| (it.state != "live", std::cmp::Reverse(it.issued_at)));
        let sessions = all.into_iter().take(MOST).map(|it| Session::of(&it, lately, now)).collect();
        Self { frame, live, agents, sessions }
    }
}

impl Session {
    fn of(it: &SessionView, lately: &HashMap<SessionId, Vec<Change>>, now: Timestamp) -> Self {
        let lately = lately.get(&it.id).map(Vec::as_slice).unwrap_or_default();
        let refused = lately.iter().filter(|change| was_refused(change)).count();
        Self {
            refused: (refused > 0).then(|| format!("{refused} of the last {} refused", lately.len())),
            lately: lately.iter().take(SHOWN).map(|change| Asked::of(change, now)).collect(),
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
