//! One session: for whom it is, how it stands, and what it did, added up; each change leads to its own page.

use api::types::{
    Counted, ReadOften, RefusedOften, ReportedOften, RoleView, ServiceRead, SessionSummary, SessionView,
    times_of,
};
use askama::Template;
use model::{ChangeId, ChangeState, PersonId, SessionId, Timestamp};

use super::Frame;
use crate::{
    text::{Shown, all},
    when::{ago, left},
};

#[derive(Debug, Template)]
#[template(path = "session.html")]
pub(crate) struct SessionPage {
    pub(crate) frame: Frame,
    id: SessionId,
    state: String,
    agent: Shown,
    operator: PersonId,
    task: Shown,
    scope: Shown,
    autonomy: String,
    role: Option<Shown>,
    glass: Option<String>,
    ends: Option<String>,
    acted: Option<String>,
    did: Option<Did>,
}

/// What is on record of it.
#[derive(Debug)]
struct Did {
    line: String,
    when: Shown,
    allow: u64,
    hold: u64,
    deny: u64,
    read: Read,
    changed: Part,
    held: Part,
    refused: Part,
    in_passing: Vec<Often>,
    more_in_passing: u64,
    lapsed: Option<String>,
    /// Of its own model: how many of each sort, and the words of some.
    reported: Option<Reported>,
    came_from: Option<SessionId>,
    roles: Vec<(SessionId, Shown)>,
    more_roles: u64,
}

#[derive(Debug)]
struct Read {
    times: u64,
    services: Vec<(Shown, u64, Vec<Shown>)>,
    more_services: u64,
    most: Vec<Often>,
    more: u64,
    merged: Option<&'static str>,
}

#[derive(Debug)]
struct Reported {
    each: String,
    most: Vec<Shown>,
    more: u64,
}

/// Changes that have one thing in common.
#[derive(Debug)]
struct Part {
    all: u64,
    each: String,
    changes: Vec<Row>,
    more: u64,
}

#[derive(Debug)]
struct Row {
    id: String,
    state: &'static str,
    outcome: Shown,
    summary: Shown,
    how: Shown,
    at: String,
}

#[derive(Debug)]
struct Often {
    times: String,
    what: Shown,
}

impl SessionPage {
    pub(crate) fn of(frame: Frame, it: &SessionView, now: Timestamp) -> Self {
        let live = it.state == "live";
        let acted = it.summary.as_ref().and_then(|summary| summary.last_acted);
        Self {
            frame,
            id: it.id,
            state: it.state.clone(),
            agent: Shown::of(&it.agent),
            operator: it.operator.clone(),
            task: Shown::of(&it.task),
            scope: Shown::of(&it.scope),
            autonomy: it.autonomy.clone(),
            role: it.role.as_ref().map(Shown::of),
            glass: it.glass_broken_until.map(|until| until.to_string()),
            ends: if live { left(it.expires_at, now) } else { None },
            acted: acted.map(|at| ago(at, now)),
            did: it.summary.as_ref().map(|summary| Did::of(summary, now)),
        }
    }
}

impl Did {
    fn of(summary: &SessionSummary, now: Timestamp) -> Self {
        let (changed, held, refused) = (&summary.changed, &summary.held, &summary.refused);
        let services = summary.read.services.iter().map(service);
        let row = |id: ChangeId, state: ChangeState, at: Timestamp, summary: &str, how: String| Row {
            id: id.to_string(),
            state: state.name(),
            outcome: Shown::of(state),
            summary: Shown::of(summary),
            how: Shown::of(how),
            at: ago(at, now),
        };
        let ran = changed.newest.iter().map(|it| Row {
            outcome: Shown::of(it.outcome()),
            ..row(it.change, it.state, it.at, &it.summary, it.how())
        });
        let waits = held.newest.iter().map(|it| row(it.change, it.state, it.at, &it.summary, it.how()));
        let denied = refused.newest.iter().map(|it| row(it.change, it.state, it.at, &it.summary, it.how()));
        Self {
            line: summary.line(),
            when: Shown::of(summary.when()),
            allow: summary.verdicts.allow,
            hold: summary.verdicts.hold,
            deny: summary.verdicts.deny,
            read: Read {
                times: summary.read.times,
                services: services.collect(),
                more_services: summary.read.more_services,
                most: summary.read.most.iter().map(read_often).collect(),
                more: summary.read.more,
                merged: summary.read.merged.then_some(api::types::ReadSummary::MERGED),
            },
            changed: Part::of(changed, ran, changed.more),
            held: Part::of(held, waits, held.more),
            refused: Part::of(refused, denied, refused.more),
            in_passing: refused.most.iter().map(in_passing).collect(),
            more_in_passing: refused.more_in_passing,
            lapsed: (summary.lapsed.all() > 0).then(|| summary.lapsed.each()),
            reported: (summary.reported.all() > 0).then(|| Reported {
                each: summary.reported.each(),
                most: all(summary.reported.most.iter().map(ReportedOften::told)),
                more: summary.reported.more,
            }),
            came_from: summary.came_from,
            roles: summary.roles.iter().map(|it: &RoleView| (it.session, Shown::of(&it.role))).collect(),
            more_roles: summary.more_roles,
        }
    }
}

impl Part {
    fn of(counted: &impl Counted, changes: impl Iterator<Item = Row>, more: u64) -> Self {
        Self { all: counted.all(), each: counted.each(), changes: changes.collect(), more }
    }
}

fn service(it: &ServiceRead) -> (Shown, u64, Vec<Shown>) {
    let mut operations = all(it.operations.iter().map(|own| format!("{} {}", own.operation, own.times)));
    if it.more_operations > 0 {
        operations.push(Shown::of(format!("and {} more", it.more_operations)));
    }
    (Shown::of(&it.service), it.times, operations)
}

fn read_often(it: &ReadOften) -> Often {
    Often { times: times_of(it.times), what: Shown::of(it.what()) }
}

fn in_passing(it: &RefusedOften) -> Often {
    Often { times: times_of(it.times), what: Shown::of(it.what()) }
}
