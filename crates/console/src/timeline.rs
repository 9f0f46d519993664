//! What became of a change and when: each entry that the log has of it, and when its targets were looked at. Pure.

use std::collections::BTreeSet;

use model::{Change, Entry, EntryKind, Timestamp};

use crate::text::Shown;

/// Entries of one change that are shown; of more the newest.
pub(crate) const MOST: usize = 200;

/// One line; the oldest comes first.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) at: Timestamp,
    pub(crate) said: Shown,
    /// Where it stands in the log. Nothing is there of what Countersign only looked at, or while the log has yet to follow.
    pub(crate) index: Option<u64>,
}

/// `recorded`: all that the log has of it.
pub(crate) fn timeline(change: &Change, recorded: &[(Entry, Option<u64>)]) -> Vec<Event> {
    let seen = change.steps.iter().filter_map(|step| step.observation.as_ref());
    let seen: BTreeSet<Timestamp> = seen.map(|it| it.at).collect();
    let looked =
        seen.into_iter().map(|at| Event { at, said: Shown::of("its target was looked at"), index: None });
    let told = recorded.iter().filter_map(|(entry, index)| {
        Some(Event { at: entry.at, said: Shown::of(said(entry)?), index: *index })
    });
    let mut events: Vec<Event> = looked.chain(told).collect();
    // Of one time, those that were recorded stay in the order in which they were.
    events.sort_by_key(|it| it.at);
    events
}

/// The entry that says how it stands: the last one that is not about something beside it.
pub(crate) fn last(recorded: &[(Entry, Option<u64>)]) -> Option<&(Entry, Option<u64>)> {
    let beside = [EntryKind::ApprovalRefused, EntryKind::Alarm, EntryKind::BodyMoved];
    recorded.iter().rev().find(|(entry, _)| !beside.contains(&entry.kind))
}

/// What happened, in a few words. `None` for what happens to no change.
fn said(entry: &Entry) -> Option<String> {
    let detail = |name: &str| entry.detail.get(name).map(String::as_str).unwrap_or_default();
    let by = |what: &str| match &entry.actors.person {
        Some(person) => format!("{what} by {person}"),
        None => what.to_owned(),
    };
    let with = |what: String, name: &str| match detail(name) {
        "" => what,
        why => format!("{what}: {why}"),
    };
    let plain = |what: &str| what.to_owned();
    Some(match entry.kind {
        EntryKind::ChangeHeld => plain("asked for, and held"),
        EntryKind::ChangeJoined => with(plain("one more action was asked for with it"), "summary"),
        EntryKind::ChangeSealed => format!("{}; nothing joins it any more", by("opened for the first time")),
        EntryKind::ChangeJudged => with(plain("judged again"), "why"),
        EntryKind::ActionAllowed => plain("asked for, and allowed"),
        EntryKind::ActionDenied => plain("asked for, and denied"),
        EntryKind::ApprovalGiven => match detail("presence") {
            "" => by("approved"),
            presence => format!("{} ({presence})", by("approved")),
        },
        EntryKind::ApprovalRefused => {
            let act = match detail("act") {
                "reject" => "a rejection",
                "reopen" => "a new intent",
                _ => "an approval",
            };
            with(format!("{} was refused", by(act)), "why")
        }
        EntryKind::ChangeRejected => with(by("rejected"), "reason"),
        EntryKind::ChangeReopened => by("asked for anew after a rejection,"),
        EntryKind::ChangeWithdrawn => match detail("why") {
            "" => plain("withdrawn by its agent"),
            why => format!("withdrawn: {why}"),
        },
        EntryKind::ChangeExpired => plain("over: its time went by"),
        EntryKind::PermitIssued => plain("let go: it was sent"),
        EntryKind::OutcomeRecorded => match (detail("status"), detail("read_back"), detail("not_sent")) {
            ("", "", "") => plain("answered"),
            ("", "", why) => format!("not sent after all: {why}"),
            ("", found, _) => format!("read back: {found}"),
            (status, _, _) => format!("answered with {status}"),
        },
        EntryKind::OutcomeUnknown => with(plain("no answer came: what it did is not known"), "unknown"),
        EntryKind::BodyErased => plain("its answer and inverse were erased"),
        EntryKind::BundleAdopted => plain("the bundle came into force"),
        EntryKind::GlassBroken => plain("the glass was broken"),
        EntryKind::Alarm => with(plain("an alarm"), "alarm"),
        EntryKind::RowCarried => plain("carried over from the log before"),
        EntryKind::Genesis
        | EntryKind::ContinuityBroken
        | EntryKind::SessionIssued
        | EntryKind::SessionStopped
        | EntryKind::ReadsAdmitted
        | EntryKind::BodyMoved
        | EntryKind::SignedIn
        | EntryKind::AgentReported
        | EntryKind::AuthenticationFailed
        | EntryKind::CheckpointWitnessed => return None,
    })
}

#[cfg(test)]
mod tests {
    use model::EntryId;

    use super::*;

    fn entry(kind: EntryKind, person: &str, details: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::new(EntryId::new(0, [0; 10]), Timestamp::from_seconds(0), kind);
        entry.actors.person = person.parse().ok();
        entry.detail.extend(details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        entry
    }

    #[test]
    fn each_entry_is_told_with_who_and_why() {
        let check = |kind, person: &str, details: &[(&str, &str)], expected: &str| {
            assert_eq!(said(&entry(kind, person, details)).as_deref(), Some(expected));
        };
        use EntryKind as Kind;
        check(Kind::ChangeHeld, "", &[("summary", "x")], "asked for, and held");
        check(
            Kind::ChangeJoined,
            "",
            &[("summary", "Deletes b.")],
            "one more action was asked for with it: Deletes b.",
        );
        check(Kind::ChangeSealed, "ben", &[], "opened for the first time by ben; nothing joins it any more");
        check(Kind::ChangeJudged, "", &[("why", "the target moved")], "judged again: the target moved");
        check(Kind::ApprovalGiven, "ben", &[("presence", "touched")], "approved by ben (touched)");
        check(
            Kind::ApprovalRefused,
            "ben",
            &[("act", "approve"), ("why", "pause until noon")],
            "an approval by ben was refused: pause until noon",
        );
        check(Kind::ApprovalRefused, "ana", &[("act", "reject")], "a rejection by ana was refused");
        check(Kind::ChangeRejected, "carla", &[("reason", "not now")], "rejected by carla: not now");
        check(Kind::ChangeWithdrawn, "", &[], "withdrawn by its agent");
        check(Kind::ChangeWithdrawn, "", &[("why", "it is gone")], "withdrawn: it is gone");
        check(Kind::ChangeExpired, "", &[], "over: its time went by");
        check(Kind::OutcomeRecorded, "", &[("status", "200")], "answered with 200");
        check(Kind::OutcomeRecorded, "", &[("read_back", "it happened")], "read back: it happened");
        check(Kind::OutcomeRecorded, "", &[("not_sent", "no log")], "not sent after all: no log");
        check(Kind::Alarm, "", &[("alarm", "a row was made by hand")], "an alarm: a row was made by hand");
        for of_no_change in [Kind::Genesis, Kind::SignedIn, Kind::CheckpointWitnessed] {
            assert_eq!(said(&entry(of_no_change, "", &[])), None);
        }
    }

    #[test]
    fn how_it_stands_is_said_by_what_is_about_the_change_itself() {
        let all =
            [EntryKind::ChangeHeld, EntryKind::ChangeRejected, EntryKind::ApprovalRefused, EntryKind::Alarm];
        let recorded = all.map(|kind| (entry(kind, "", &[]), None));
        let found = last(&recorded).map(|(entry, _)| entry.kind);
        assert_eq!(found, Some(EntryKind::ChangeRejected));
        assert_eq!(last(&[]), None);
    }
}
