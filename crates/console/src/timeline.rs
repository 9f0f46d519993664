//! What became of a change and when, out of its document and of what the log says of it at those times. Pure.

use std::collections::BTreeSet;

use model::{Approval, Change, Entry, EntryKind, Timestamp};

use crate::text::Shown;

/// One line; the oldest comes first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) said: Shown,
    /// Where it stands in the log. Nothing is there of what Countersign only looked at, or while the log has yet to follow.
    pub(crate) index: Option<u64>,
}

/// At which times something is known to have happened to it.
pub(crate) fn times(change: &Change, approvals: &[Approval]) -> BTreeSet<Timestamp> {
    let mut times = BTreeSet::from([change.created_at, change.expires_at]);
    times.extend(approvals.iter().flat_map(model::Approval::given).map(|it| it.at));
    times.extend(change.rejection.iter().map(|it| it.approval.at));
    times.extend(change.gone.iter().map(|it| it.at));
    times.extend(change.reopened.iter().map(|it| it.at));
    for step in &change.steps {
        times.extend(step.observation.iter().map(|it| it.at));
        times.extend(step.execution.iter().map(|it| it.started_at));
        times.extend(step.execution.iter().filter_map(|it| it.outcome.as_ref()).map(|it| it.at));
        times.extend(step.erased.iter().map(|it| it.at));
    }
    times
}

/// `recorded`: what the log has of it at those times.
pub(crate) fn timeline(change: &Change, recorded: &[(Entry, Option<u64>)]) -> Vec<Event> {
    let seen = change.steps.iter().filter_map(|step| step.observation.as_ref());
    let seen: BTreeSet<Timestamp> = seen.map(|it| it.at).collect();
    let looked =
        seen.into_iter().map(|at| Event { at, said: Shown::of("its target was looked at"), index: None });
    let told = recorded.iter().filter_map(|(entry, index)| {
        Some(Event { at: entry.at, said: Shown::of(said(entry)?), index: *index })
    });
    let mut events: Vec<Event> = looked.chain(told).collect();
    events.sort_by_key(|it| (it.at, it.index));
    events
}

/// What happened, in a few words. `None` for what happens to no change.
fn said(entry: &Entry) -> Option<String> {
    let person = entry.actors.person.as_ref();
    let by = |what: &str| match person {
        Some(person) => format!("{what} by {person}"),
        None => what.to_owned(),
    };
    let detail = |name: &str| entry.detail.get(name).map(String::as_str).unwrap_or_default();
    Some(match entry.kind {
        EntryKind::ChangeHeld => "asked for, and held".to_owned(),
        EntryKind::ChangeJoined => "one more action was asked for with it".to_owned(),
        EntryKind::ChangeSealed => by("opened for the first time"),
        EntryKind::ChangeJudged => match detail("why") {
            "" => "judged again".to_owned(),
            why => format!("judged again: {why}"),
        },
        EntryKind::ActionAllowed => "asked for, and allowed".to_owned(),
        EntryKind::ActionDenied => "asked for, and denied".to_owned(),
        EntryKind::ApprovalGiven => by("approved"),
        EntryKind::ApprovalRefused => by("an approval was refused: signed"),
        EntryKind::ChangeRejected => by("rejected"),
        EntryKind::ChangeReopened => by("asked for anew after a rejection,"),
        EntryKind::ChangeWithdrawn => match detail("why") {
            "" => "withdrawn".to_owned(),
            why => format!("withdrawn: {why}"),
        },
        EntryKind::ChangeExpired => "over: its time went by".to_owned(),
        EntryKind::PermitIssued => "let go: it was sent".to_owned(),
        EntryKind::OutcomeRecorded => match detail("status") {
            "" => "answered".to_owned(),
            status => format!("answered with {status}"),
        },
        EntryKind::OutcomeUnknown => "no answer came: what it did is not known".to_owned(),
        EntryKind::BodyErased => "its answer and inverse were erased".to_owned(),
        EntryKind::BundleAdopted => "the bundle came into force".to_owned(),
        EntryKind::GlassBroken => "the glass was broken".to_owned(),
        EntryKind::Genesis
        | EntryKind::ContinuityBroken
        | EntryKind::RowCarried
        | EntryKind::SessionIssued
        | EntryKind::SessionStopped
        | EntryKind::ReadsAdmitted
        | EntryKind::BodyMoved
        | EntryKind::SignedIn
        | EntryKind::AgentReported
        | EntryKind::AuthenticationFailed
        | EntryKind::CheckpointWitnessed
        | EntryKind::Alarm => return None,
    })
}
