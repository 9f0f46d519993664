//! An entry of the log as people read it: which kind of event, by whom, and what happened, in a sentence. Pure; what an entry quotes of
//! agents and clouds is cleaned as everything is.

use engine::Logged;
use model::{ChangeId, Entry, EntryKind, Timestamp};

use crate::{
    text::{Shown, all},
    when::ago,
};

/// One line of the list.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) index: u64,
    /// None where it is of a version that this program does not read.
    pub(crate) at: Option<(Timestamp, String)>,
    pub(crate) kind: Shown,
    pub(crate) who: Shown,
    pub(crate) said: Shown,
    pub(crate) change: Option<ChangeId>,
}

impl Row {
    pub(crate) fn of(logged: &Logged, now: Timestamp) -> Self {
        let index = logged.index;
        let Ok(entry) = serde_json::from_slice::<Entry>(&logged.bytes) else {
            let (kind, said) =
                (Shown::of("not read"), Shown::of("something that another version wrote down"));
            return Self { index, at: None, kind, who: Shown::default(), said, change: None };
        };
        Self {
            index,
            at: Some((entry.at, ago(entry.at, now))),
            kind: Shown::of(kind(entry.kind)),
            who: Shown::of(who(&entry)),
            said: Shown::of(said(&entry)),
            change: entry.change,
        }
    }
}

/// One member of an entry, whole as far as somebody reads on.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Shown,
    pub(crate) lines: Vec<Shown>,
    /// Of its lines, as many are not shown.
    pub(crate) more: usize,
}

/// Lines of one member that are shown; a statement has fewer.
const MOST_LINES: usize = 600;

impl Member {
    fn of(name: &str, value: &str) -> Self {
        let lines = all(value.lines().take(MOST_LINES));
        Self { name: Shown::of(name), more: value.lines().count().saturating_sub(lines.len()), lines }
    }

    pub(crate) fn is_short(&self) -> bool {
        self.lines.len() <= 1 && self.more == 0
    }
}

/// Everything that was hashed, member by member.
pub(crate) fn members(bytes: &[u8]) -> Vec<Member> {
    let Ok(entry) = serde_json::from_slice::<Entry>(bytes) else {
        return vec![Member::of("as it is", &String::from_utf8_lossy(bytes))];
    };
    let mut members = vec![Member::of("id", &entry.id.to_string())];
    let mut add = |name: &str, value: Option<String>| members.extend(value.map(|it| Member::of(name, &it)));
    add("agent", entry.actors.agent.map(|it| it.to_string()));
    add("operator", entry.actors.operator.map(|it| it.to_string()));
    add("session", entry.actors.session.map(|it| it.to_string()));
    add("person", entry.actors.person.map(|it| it.to_string()));
    add("change", entry.change.map(|it| it.to_string()));
    add("digest of the change", entry.change_digest.map(|it| it.to_string()));
    add("bundle", entry.bundle.map(|it| it.to_string()));
    let row = entry.subject.map(|it| format!("{} {}, as {}", it.table, it.id, it.state));
    add("row that it left", row);
    members.extend(entry.detail.iter().map(|(name, value)| Member::of(name, value)));
    members
}

/// What the receipt of an entry is kept as.
pub(crate) fn receipt_file(index: u64) -> String {
    format!("entry-{index}.tlog-proof")
}

/// Its name in the log, and on the command line.
pub(crate) fn kind(kind: EntryKind) -> String {
    let named = serde_json::to_value(kind).ok();
    named.and_then(|it| it.as_str().map(str::to_owned)).unwrap_or_default()
}

/// Who did it: the person who signed, else the agent and for whom.
fn who(entry: &Entry) -> String {
    match (&entry.actors.person, &entry.actors.agent, &entry.actors.operator) {
        (Some(person), _, _) => person.to_string(),
        (None, Some(agent), Some(operator)) => format!("{agent} for {operator}"),
        (None, Some(agent), None) => agent.to_string(),
        (None, None, Some(operator)) => operator.to_string(),
        (None, None, None) => String::new(),
    }
}

/// What happened, in a sentence.
pub(crate) fn said(entry: &Entry) -> String {
    let detail = |name: &str| entry.detail.get(name).map(String::as_str).unwrap_or_default();
    let with = |what: &str, name: &str| match detail(name) {
        "" => format!("{what}."),
        told => format!("{what}: {told}"),
    };
    match entry.kind {
        EntryKind::Genesis => "The log begins: which installation this is, and its first bundle.".to_owned(),
        EntryKind::ContinuityBroken => with("This log goes on where another had to end", "ground"),
        EntryKind::RowCarried => "A row came over from the log before.".to_owned(),
        EntryKind::BundleAdopted => "Another bundle came into force.".to_owned(),
        EntryKind::SessionIssued => with("A session began", "task"),
        EntryKind::SessionStopped => "A session was stopped.".to_owned(),
        EntryKind::ReadsAdmitted => "Reads went through, counted together.".to_owned(),
        EntryKind::ActionAllowed => with("Asked for, and allowed", "summary"),
        EntryKind::ActionDenied => with("Asked for, and denied", "summary"),
        EntryKind::ChangeHeld => with("Asked for, and held for people", "summary"),
        EntryKind::ChangeJoined => with("One more action was asked for with it", "summary"),
        EntryKind::ChangeSealed => {
            "A held change was opened for the first time: nothing joins it any more.".to_owned()
        }
        EntryKind::ChangeJudged => with("Judged again", "why"),
        EntryKind::ApprovalGiven => "An approval was given.".to_owned(),
        EntryKind::ApprovalRefused => with("A signature was refused", "why"),
        EntryKind::ChangeRejected => with("Rejected", "reason"),
        EntryKind::ChangeReopened => with("Asked for anew after a rejection", "intent"),
        EntryKind::ChangeWithdrawn => with("Withdrawn", "why"),
        EntryKind::ChangeExpired => "Over: its time went by.".to_owned(),
        EntryKind::PermitIssued => "A permit was given: it was sent.".to_owned(),
        EntryKind::OutcomeRecorded => with("The outcome was recorded", "status"),
        EntryKind::OutcomeUnknown => "No answer came: what it did is not known.".to_owned(),
        EntryKind::BodyErased => with("What was kept of an action was erased", "ground"),
        EntryKind::GlassBroken => with("The glass was broken", "ground"),
        EntryKind::BodyMoved => "A body moved to where bodies lie now.".to_owned(),
        EntryKind::SignedIn => "Signed in to the console.".to_owned(),
        EntryKind::AgentReported => "An agent said what its own checks stopped: its word alone.".to_owned(),
        EntryKind::AuthenticationFailed => "Requests that no session signed were turned away.".to_owned(),
        EntryKind::CheckpointWitnessed => with("A checkpoint was cosigned", "witness"),
        EntryKind::Alarm => with("Alarm", "alarm"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(kind: EntryKind, detail: &[(&str, &str)]) -> Entry {
        let mut entry = Entry::new(model::EntryId::new(0, [0; 10]), Timestamp::from_seconds(60), kind);
        entry.detail = detail.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        entry
    }

    fn row(entry: &Entry) -> Row {
        let bytes = serde_json::to_vec(entry).unwrap();
        Row::of(&Logged { index: 7, bytes }, Timestamp::from_seconds(180))
    }

    #[test]
    fn a_row_says_who_did_what_and_when() {
        for (kind, detail, told) in [
            (
                EntryKind::ChangeHeld,
                &[("summary", "Deletes it.")][..],
                "Asked for, and held for people: Deletes it.",
            ),
            (EntryKind::ChangeWithdrawn, &[][..], "Withdrawn."),
            (
                EntryKind::ChangeRejected,
                &[("reason", "no\u{202e}t \u{1b}[2J")][..],
                "Rejected: no\\u{202e}t \\u{1b}[2J",
            ),
            (EntryKind::OutcomeRecorded, &[("status", "200")][..], "The outcome was recorded: 200"),
        ] {
            assert_eq!(row(&entry(kind, detail)).said.to_string(), told);
        }
        let mut signed = entry(EntryKind::ApprovalGiven, &[]);
        signed.actors.agent = Some("fixer".parse().unwrap());
        signed.actors.operator = Some("olga".parse().unwrap());
        assert_eq!(row(&signed).who.to_string(), "fixer for olga");
        signed.actors.person = Some("ben".parse().unwrap());
        let told = row(&signed);
        assert_eq!(
            (told.who.to_string(), told.kind.to_string()),
            ("ben".to_owned(), "approval_given".to_owned())
        );
        assert_eq!(told.at.map(|(_, ago)| ago).as_deref(), Some("2 min ago"));
    }

    #[test]
    fn what_another_version_wrote_is_shown_as_it_is() {
        let bytes = br#"{"schema":"countersign.entry/v9","kind":"something"}"#.to_vec();
        assert!(Row::of(&Logged { index: 7, bytes: bytes.clone() }, Timestamp::from_seconds(0)).at.is_none());
        let [member] = members(&bytes).try_into().unwrap();
        assert_eq!((member.lines.len(), member.more, member.is_short()), (1, 0, true));
        assert!(member.lines[0].to_string().contains("countersign.entry/v9"));
    }

    #[test]
    fn an_entry_is_shown_whole_and_within_bounds() {
        let long = vec!["x".repeat(10_000); MOST_LINES + 5].join("\n");
        let bytes =
            serde_json::to_vec(&entry(EntryKind::Alarm, &[("alarm", &long), ("b", "one\ntwo")])).unwrap();
        let found = members(&bytes);
        let of = |name: &str| found.iter().find(|it| it.name.to_string() == name).unwrap();
        assert_eq!((of("alarm").lines.len(), of("alarm").more), (MOST_LINES, 5));
        assert!(of("alarm").lines.iter().all(|line| line.to_string().chars().count() <= 2001));
        assert_eq!((of("b").lines.len(), of("b").is_short(), of("id").is_short()), (2, false, true));
    }
}
