//! What a message may be about, and which entries of the ledger are that.

use std::{fmt, str::FromStr};

use model::{Change, Entry, EntryKind};
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    ChangeHeld,
    ChangeApproved,
    ChangeRejected,
    ChangeExpired,
    ChangeWithdrawn,
    /// One of its actions ran.
    ChangeExecuted,
    ChangeFailed,
    ChangeUnknown,
    /// Half of its time is over, and nobody has decided.
    ChangeReminder,
    /// Nine tenths of its time are over, and nobody has decided.
    ChangeEscalated,
    SessionStopped,
    /// The constitution, or anything else that decides, is another.
    BundleAdopted,
    /// Asked for, or broken.
    BreakGlass,
    ContinuityBroken,
    /// A row that was made by hand, an edited bundle, a recovery: whatever is not as it should be.
    Alarm,
    /// The server does not start, since what is on its disk contradicts the log.
    VerificationFailed,
    /// Somebody tries whether messages arrive.
    Test,
}

impl Event {
    pub const ALL: [Self; 17] = [
        Self::ChangeHeld,
        Self::ChangeApproved,
        Self::ChangeRejected,
        Self::ChangeExpired,
        Self::ChangeWithdrawn,
        Self::ChangeExecuted,
        Self::ChangeFailed,
        Self::ChangeUnknown,
        Self::ChangeReminder,
        Self::ChangeEscalated,
        Self::SessionStopped,
        Self::BundleAdopted,
        Self::BreakGlass,
        Self::ContinuityBroken,
        Self::Alarm,
        Self::VerificationFailed,
        Self::Test,
    ];

    /// As a configuration and a message name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChangeHeld => "change_held",
            Self::ChangeApproved => "change_approved",
            Self::ChangeRejected => "change_rejected",
            Self::ChangeExpired => "change_expired",
            Self::ChangeWithdrawn => "change_withdrawn",
            Self::ChangeExecuted => "change_executed",
            Self::ChangeFailed => "change_failed",
            Self::ChangeUnknown => "change_unknown",
            Self::ChangeReminder => "change_reminder",
            Self::ChangeEscalated => "change_escalated",
            Self::SessionStopped => "session_stopped",
            Self::BundleAdopted => "bundle_adopted",
            Self::BreakGlass => "break_glass",
            Self::ContinuityBroken => "continuity_broken",
            Self::Alarm => "alarm",
            Self::VerificationFailed => "verification_failed",
            Self::Test => "test",
        }
    }

    /// What this entry is worth telling as. `change`: the one that it is about, as it is now; `decided`: whether people signed
    /// for it. What an agent may do alone, and did, is told to nobody.
    pub fn of(entry: &Entry, change: Option<&Change>, decided: bool) -> Option<Self> {
        match entry.kind {
            EntryKind::ChangeHeld | EntryKind::ChangeReopened => Some(Self::ChangeHeld),
            EntryKind::ChangeJudged => entry.says_approved().then_some(Self::ChangeApproved),
            EntryKind::ChangeRejected => Some(Self::ChangeRejected),
            EntryKind::ChangeExpired => Some(Self::ChangeExpired),
            EntryKind::ChangeWithdrawn => Some(Self::ChangeWithdrawn),
            EntryKind::OutcomeRecorded if !decided => None,
            EntryKind::OutcomeRecorded if entry.says_happened() => Some(Self::ChangeExecuted),
            EntryKind::OutcomeRecorded => Some(Self::ChangeFailed),
            EntryKind::OutcomeUnknown => Some(Self::ChangeUnknown),
            EntryKind::SessionStopped => Some(Self::SessionStopped),
            EntryKind::BundleAdopted => Some(Self::BundleAdopted),
            EntryKind::ContinuityBroken => Some(Self::ContinuityBroken),
            EntryKind::Alarm if change.is_some_and(|it| it.breaks.is_some()) => Some(Self::BreakGlass),
            EntryKind::Alarm => Some(Self::Alarm),
            // That it is broken is told by the alarm beside it.
            EntryKind::GlassBroken
            | EntryKind::Genesis
            | EntryKind::RowCarried
            | EntryKind::SignedIn
            | EntryKind::AgentReported
            | EntryKind::SessionIssued
            | EntryKind::ReadsAdmitted
            | EntryKind::ActionAllowed
            | EntryKind::ActionDenied
            | EntryKind::ChangeJoined
            | EntryKind::ChangeSealed
            | EntryKind::ApprovalGiven
            | EntryKind::ApprovalRefused
            | EntryKind::PermitIssued
            | EntryKind::BodyErased
            | EntryKind::BodyMoved
            | EntryKind::AuthenticationFailed
            | EntryKind::CheckpointWitnessed => None,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no event; use {known}", known = Event::ALL.map(Event::name).join(", "))]
pub struct UnknownEvent(String);

impl FromStr for Event {
    type Err = UnknownEvent;

    fn from_str(text: &str) -> Result<Self, UnknownEvent> {
        let found = Self::ALL.into_iter().find(|event| event.name() == text);
        found.ok_or_else(|| UnknownEvent(model::sanitize(text, 40)))
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Event {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use model::{EntryId, Timestamp};

    use super::*;

    #[test]
    fn every_event_is_found_by_its_name() {
        for event in Event::ALL {
            assert_eq!(event.name().parse(), Ok(event));
            assert_eq!(serde_json::to_value(event).unwrap(), event.name());
        }
        assert!(
            "change_done".parse::<Event>().unwrap_err().to_string().contains("`change_done` is no event")
        );
    }

    #[test]
    fn entries_are_told_as_what_they_are() {
        let told = |kind, details: &[(&str, &str)], decided| {
            let mut entry = Entry::new(EntryId::new(1, [1; 10]), Timestamp::from_seconds(1), kind);
            entry
                .detail
                .extend(details.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
            Event::of(&entry, None, decided)
        };
        for (kind, details, decided, expected) in [
            (EntryKind::ChangeHeld, &[][..], false, Some(Event::ChangeHeld)),
            (EntryKind::ChangeJudged, &[("why", Entry::EVERY_SIGNATURE)], true, Some(Event::ChangeApproved)),
            (EntryKind::ChangeJudged, &[("why", "the bundle is another")], true, None),
            (EntryKind::OutcomeRecorded, &[("status", "200")], true, Some(Event::ChangeExecuted)),
            (EntryKind::OutcomeRecorded, &[("status", "403")], true, Some(Event::ChangeFailed)),
            (EntryKind::OutcomeRecorded, &[("not_sent", "x")], true, Some(Event::ChangeFailed)),
            (EntryKind::OutcomeRecorded, &[("state", "executed")], true, Some(Event::ChangeExecuted)),
            (EntryKind::OutcomeRecorded, &[("state", "failed")], true, Some(Event::ChangeFailed)),
            (EntryKind::OutcomeRecorded, &[("status", "200")], false, None),
            (EntryKind::OutcomeUnknown, &[], false, Some(Event::ChangeUnknown)),
            (EntryKind::ReadsAdmitted, &[], false, None),
            (EntryKind::Alarm, &[("alarm", "x")], false, Some(Event::Alarm)),
        ] {
            assert_eq!(told(kind, details, decided), expected, "{kind:?} {details:?}");
        }
    }
}
