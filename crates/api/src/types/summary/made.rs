//! A summary, made of what the store has added up.

use std::collections::BTreeMap;

use model::{Change, ChangeState, PersonId, Session, Step, StepState, Timestamp, Verdict, sanitize};
use store::{Activity, Often};

use super::{
    ChangedSummary, ChangedView, Counted as _, EndedView, HeldSummary, HeldView, LapsedSummary,
    OperationRead, ReadOften, ReadSummary, RefusedOften, RefusedSummary, RefusedView, ReportedOften,
    ReportedSummary, RoleView, ServiceRead, SessionSummary, VerdictCounts,
};
use crate::types::made::undo_of;

const SERVICES: usize = 8;
const OPERATIONS: usize = 4;
const RULES: usize = 3;
/// Of what clouds, agents and people wrote.
const WORDS: usize = 300;
const NAMES: usize = 160;

impl SessionSummary {
    /// Of each list.
    pub const MOST: usize = 10;

    /// `roles`: the sessions that came from this one.
    pub fn of<'s>(
        session: &Session,
        activity: &Activity,
        roles: impl ExactSizeIterator<Item = &'s Session>,
        now: Timestamp,
    ) -> Self {
        let count =
            |states: &[ChangeState]| states.iter().map(|state| activity.in_state(*state)).sum::<u64>();
        let lapsed = LapsedSummary {
            expired: activity.in_state(ChangeState::Expired),
            withdrawn: activity.in_state(ChangeState::Withdrawn),
        };
        let waited = activity.in_state(ChangeState::Rejected).saturating_add(lapsed.all());
        let all = roles.len();
        let roles: Vec<RoleView> = roles.take(Self::MOST).map(role).collect();
        Self {
            began: session.issued_at,
            last_acted: last_acted(activity),
            ended: ended(session, activity, now),
            verdicts: VerdictCounts {
                allow: activity.read.times.saturating_add(count(&Activity::RAN)),
                hold: count(&Activity::WAITING).saturating_add(waited),
                deny: activity.in_state(ChangeState::Denied).saturating_add(activity.denied.times),
            },
            read: read(activity),
            changed: changed(activity),
            held: held(activity),
            refused: refused(activity),
            lapsed,
            reported: reported(activity),
            came_from: session.parent,
            more_roles: more(all, roles.len()),
            roles,
        }
    }
}

fn ended(session: &Session, activity: &Activity, now: Timestamp) -> Option<EndedView> {
    let why = session.closed(now)?.to_owned();
    Some(EndedView {
        at: session.stopped_at.unwrap_or(session.expires_at),
        why,
        by: activity.stopped_by.clone(),
    })
}

/// What an undo of later did is the undo's, which is a change of its own.
fn last_acted(activity: &Activity) -> Option<Timestamp> {
    let ran = activity.ran.iter().flat_map(|change| &change.steps).filter_map(|step| step.execution.as_ref());
    ran.map(|execution| execution.started_at)
        .chain(activity.newest)
        .chain(activity.read.last)
        .chain(activity.denied.last)
        .chain(activity.reported.last)
        .max()
}

fn read(activity: &Activity) -> ReadSummary {
    let mut by_service: BTreeMap<&str, (u64, Vec<OperationRead>)> = BTreeMap::new();
    for often in &activity.operations {
        let (service, name) = often.operation.split_once(':').unwrap_or(("others", "not told apart"));
        let (times, operations) = by_service.entry(service).or_default();
        *times = times.saturating_add(often.times);
        operations.push(OperationRead { operation: sanitize(name, NAMES), times: often.times });
    }
    let mut services: Vec<ServiceRead> = by_service
        .into_iter()
        .map(|(service, (times, mut operations))| {
            let more_operations = more(operations.len(), OPERATIONS);
            operations.truncate(OPERATIONS);
            ServiceRead { service: sanitize(service, NAMES), times, operations, more_operations }
        })
        .collect();
    services.sort_by_key(|it| std::cmp::Reverse(it.times));
    let more_services = more(services.len(), SERVICES);
    services.truncate(SERVICES);
    let often = |it: &Often| ReadOften {
        operation: sanitize(&it.operation, NAMES),
        resource: sanitize(&it.target, NAMES),
        times: it.times,
    };
    ReadSummary {
        times: activity.read.times,
        services,
        more_services,
        most: activity.most_read.iter().map(often).collect(),
        more: rest(activity.read.kinds, activity.most_read.len()),
        merged: activity
            .read
            .kinds
            .saturating_add(activity.denied.kinds)
            .saturating_add(activity.reported.kinds)
            > Activity::MOST_KINDS,
    }
}

fn changed(activity: &Activity) -> ChangedSummary {
    let one = |change: &Change| {
        let ran = change.steps.iter().filter(|step| has_run(step)).count();
        ChangedView {
            change: change.id,
            at: change.created_at,
            state: change.state,
            summary: summary(change),
            environment: change.environment.name.to_string(),
            actions: change.steps.len() as u64,
            ran: ran as u64,
            undo: undo(change),
            approved_by: approved_by(activity, change),
        }
    };
    let mut changed = ChangedSummary {
        executing: activity.in_state(ChangeState::Executing),
        executed: activity.in_state(ChangeState::Executed),
        undone: activity.in_state(ChangeState::Undone),
        failed: activity.in_state(ChangeState::Failed),
        unknown: activity.in_state(ChangeState::Unknown),
        newest: activity.ran.iter().map(one).collect(),
        more: 0,
    };
    changed.more = rest(changed.all(), changed.newest.len());
    changed
}

fn held(activity: &Activity) -> HeldSummary {
    let one = |change: &Change| HeldView {
        change: change.id,
        at: change.created_at,
        state: change.state,
        summary: summary(change),
        environment: change.environment.name.to_string(),
        rules: rules(&change.verdict),
        why: reason(&change.verdict),
        needs: match &change.verdict {
            Verdict::Hold(hold) => sanitize(&hold.requirement.to_string(), WORDS),
            Verdict::Allow | Verdict::Deny(_) => String::new(),
        },
        approved_by: approved_by(activity, change),
    };
    let mut held = HeldSummary {
        held: activity.in_state(ChangeState::Held),
        approved: activity.in_state(ChangeState::Approved),
        newest: activity.waiting.iter().map(one).collect(),
        more: 0,
    };
    held.more = rest(held.all(), held.newest.len());
    held
}

fn refused(activity: &Activity) -> RefusedSummary {
    let one = |change: &Change| {
        let veto = change.rejection.as_ref();
        RefusedView {
            change: change.id,
            at: change.created_at,
            state: change.state,
            summary: summary(change),
            environment: change.environment.name.to_string(),
            rules: if veto.is_some() { Vec::new() } else { rules(&change.verdict) },
            by: veto.map(|it| it.approval.person.clone()),
            why: veto.map_or_else(|| reason(&change.verdict), |it| sanitize(&it.reason, WORDS)),
        }
    };
    let often = |it: &Often| RefusedOften {
        operation: sanitize(&it.operation, NAMES),
        resource: sanitize(&it.target, NAMES),
        why: if it.why.is_empty() { NO_RULE.to_owned() } else { sanitize(&it.why, WORDS) },
        times: it.times,
    };
    let mut refused = RefusedSummary {
        denied: activity.in_state(ChangeState::Denied),
        rejected: activity.in_state(ChangeState::Rejected),
        in_passing: activity.denied.times,
        newest: activity.refused.iter().map(one).collect(),
        more: 0,
        most: activity.most_denied.iter().map(often).collect(),
        more_in_passing: rest(activity.denied.kinds, activity.most_denied.len()),
    };
    refused.more = rest(refused.denied.saturating_add(refused.rejected), refused.newest.len());
    refused
}

fn reported(activity: &Activity) -> ReportedSummary {
    let of = |sort: &str| {
        activity.reported_as.iter().filter(|(own, _)| own == sort).map(|(_, times)| *times).sum::<u64>()
    };
    let often = |it: &Often| ReportedOften {
        outcome: sanitize(&it.operation, NAMES),
        why: sanitize(&it.why, WORDS),
        times: it.times,
    };
    ReportedSummary {
        refused: of("refused"),
        claimed: of("claimed"),
        ended: of("ended"),
        left_out: of(""),
        most: activity.most_reported.iter().map(often).collect(),
        more: rest(activity.reported.kinds, activity.most_reported.len()),
    }
}

const NO_RULE: &str = "no rule allows it";

fn role(session: &Session) -> RoleView {
    let role = session.assumed.as_ref().map_or("", |it| it.role.as_str());
    RoleView { session: session.id, role: sanitize(role, NAMES) }
}

fn summary(change: &Change) -> String {
    let words: Vec<&str> = change.steps.iter().map(|step| step.action.summary.as_str()).take(RULES).collect();
    sanitize(&words.join(" "), WORDS)
}

fn approved_by(activity: &Activity, change: &Change) -> Vec<PersonId> {
    activity.approved_by.get(&change.id).cloned().unwrap_or_default()
}

fn rules(verdict: &Verdict) -> Vec<String> {
    verdict.rules().iter().take(RULES).map(|rule| rule.id.to_string()).collect()
}

fn reason(verdict: &Verdict) -> String {
    let first = verdict.rules().first().map(|rule| sanitize(&rule.reason, WORDS));
    match verdict {
        Verdict::Allow => String::new(),
        Verdict::Hold(_) => first.unwrap_or_default(),
        Verdict::Deny(denial) => match &denial.fault {
            Some(fault) => sanitize(&format!("{fault} [{}]", fault.code()), WORDS),
            None => first.unwrap_or_else(|| NO_RULE.to_owned()),
        },
    }
}

const fn has_run(step: &Step) -> bool {
    !matches!(step.state, StepState::Pending)
}

/// Of one action as everywhere; of several, how many.
fn undo(change: &Change) -> String {
    let ran: Vec<&Step> = change.steps.iter().filter(|step| has_run(step)).collect();
    let taken_back = ran.iter().filter(|step| step.state == StepState::Undone).count();
    match ran.as_slice() {
        [] => String::new(),
        _ if taken_back == ran.len() => "undone".to_owned(),
        [one] => sanitize(&undo_of(one), WORDS),
        _ => {
            let captured = ran.iter().filter(|step| step.undo.is_some()).count();
            let back = if taken_back > 0 { format!(", {taken_back} undone") } else { String::new() };
            format!("captured for {captured} of {} actions{back}", ran.len())
        }
    }
}

const fn more(all: usize, shown: usize) -> u64 {
    all.saturating_sub(shown) as u64
}

const fn rest(all: u64, shown: usize) -> u64 {
    all.saturating_sub(shown as u64)
}
