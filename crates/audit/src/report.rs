//! What an audit says: the contract `{ok, authenticated, entries, checkpoint, problems[]}`.

use std::fmt;

use model::sanitize;
use serde::{Deserialize, Serialize};
use tlog::Checkpoint;

use crate::{Continues, Undecided, Unproved};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// No problem was found.
    pub ok: bool,
    /// The genesis fingerprint was given, and is this log's.
    pub authenticated: bool,
    pub entries: u64,
    /// The entries before this one were not looked at: somebody had verified them before.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub since: Option<u64>,
    /// The newest checkpoint, where its signature holds.
    pub checkpoint: Option<CheckpointView>,
    /// The log that this one continues, where it says that it does.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub continues: Option<Continues>,
    /// Bundles that came into force with no certificate of a proof on record.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub unproved: Vec<Unproved>,
    /// Permits that carry no decision, in a log whose genesis does not say that each has one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undecided: Option<Undecided>,
    pub problems: Vec<Problem>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckpointView {
    pub origin: String,
    pub size: u64,
    /// Base64, as in the checkpoint itself.
    pub root: String,
}

impl CheckpointView {
    pub(crate) fn of(checkpoint: Checkpoint) -> Self {
        let Checkpoint { origin, size, root } = checkpoint;
        Self { origin, size, root: root.to_string() }
    }
}

/// One contradiction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub code: Code,
    /// The entry it is known to lie in, counted from 0.
    pub entry: Option<u64>,
    /// What contradicts what, for people.
    pub message: String,
}

impl Report {
    /// Adds what somebody else found, such as damage to the files that the entries were read from.
    pub fn add(&mut self, code: Code, entry: Option<u64>, message: &str) {
        self.ok = false;
        self.problems.push(Problem { code, entry, message: sanitize(message, MAX_MESSAGE) });
    }
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident $text:literal,)*) => {
        /// What kind of contradiction; stable, for scripts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Code {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name),*];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

codes! {
    /// A file of the log is damaged or missing; reported by whoever read it.
    FileDamaged "file_damaged",
    GenesisUnreadable "genesis_unreadable",
    /// The fingerprint is not the expected one.
    GenesisDiffers "genesis_differs",
    GenesisKey "genesis_key",
    /// The first entry does not stand for this genesis, or there is another genesis later.
    GenesisEntry "genesis_entry",
    /// The log's newest checkpoint is missing, malformed or not signed by its key.
    CheckpointInvalid "checkpoint_invalid",
    /// The checkpoint covers more entries than there are.
    EntriesMissing "entries_missing",
    /// There are entries that no checkpoint covers.
    EntriesUnsigned "entries_unsigned",
    /// The entries have another root than the one signed for.
    EntriesAltered "entries_altered",
    HeldInvalid "held_invalid",
    /// The log's newest checkpoint lacks signatures that the auditor's policy asks for; reported by whoever holds the policy.
    PolicyUnmet "policy_unmet",
    /// A checkpoint that left the building covers more than the log admits to.
    HistoryTruncated "history_truncated",
    /// A checkpoint that left the building, or one in a signed statement, is of another history.
    HistoryRewritten "history_rewritten",
    EntryMalformed "entry_malformed",
    /// The entry's bytes are not the ones this event is written as.
    EntryNotCanonical "entry_not_canonical",
    EntryRepeated "entry_repeated",
    EntryOutOfOrder "entry_out_of_order",
    /// Two entries give one change different digests.
    ChangeAltered "change_altered",
    /// The entries that say which log this one continues, and what came over from it, do not hold, or stand elsewhere than
    /// at the beginning.
    ContinuityInvalid "continuity_invalid",
    /// A bundle was adopted without the two people that it takes, or another than they were told of.
    BundleUnapproved "bundle_unapproved",
    /// A session's glass was broken without the two people that it takes, or something was let through by one that was not,
    /// or no longer.
    GlassUnapproved "glass_unapproved",
    RosterUnreadable "roster_unreadable",
    /// A signature does not hold, or the signer is not enrolled.
    SignatureInvalid "signature_invalid",
    /// A signed statement says something else than the entry that carries it.
    StatementDiffers "statement_differs",
    PermitMalformed "permit_malformed",
    /// A permit does not carry its decision, or another than follows from what the log says of its change before.
    PermitUndecided "permit_undecided",
    /// Something was let through in a session that was never issued, was stopped, or had expired.
    SessionClosed "session_closed",
    /// The verified approvals are not what the permit, or the statement that was signed, says was required.
    PermitUnapproved "permit_unapproved",
    PermitAfterVeto "permit_after_veto",
    /// Something was let through after it had expired or been withdrawn.
    PermitAfterEnd "permit_after_end",
    /// A change was withdrawn because its targets were gone, and the entry does not say by which reads that is known, or the log
    /// says otherwise.
    EndUnfounded "end_unfounded",
    /// One step of one change was permitted twice.
    PermitTwice "permit_twice",
    /// A step of a plan was permitted before all those in front of it were done.
    PermitOutOfTurn "permit_out_of_turn",
    OutcomeWithoutPermit "outcome_without_permit",
    /// Two entries say what came of one permit.
    OutcomeTwice "outcome_twice",
    /// A row of the database is not as its last entry left it.
    RowAltered "row_altered",
    /// A row that no entry speaks of.
    RowInserted "row_inserted",
    /// An entry left a row that is gone.
    RowDeleted "row_deleted",
    RowTwice "row_twice",
    /// A document commits to a body that is not there, and no entry says that it was erased.
    BodyMissing "body_missing",
    /// A body is not the one that its document commits to.
    BodyAltered "body_altered",
    /// A body that no document refers to.
    BodyInserted "body_inserted",
    /// A body lies there that the log says was erased.
    BodyNotErased "body_not_erased",
    /// A body was erased without the two people that it takes, or other than they were told.
    ErasureUnapproved "erasure_unapproved",
    /// The log has entries that the database never had: an older database was put back.
    DatabaseBehind "database_behind",
    /// An entry that the database holds is not the one that the log went on with.
    PendingDiffers "pending_differs",
    /// There are more problems than are listed.
    MoreProblems "more_problems",
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A rewritten log has a problem in every entry; nobody reads further than this.
const MAX_PROBLEMS: usize = 500;
const MAX_MESSAGE: usize = 600;

#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Problem>,
    unlisted: u64,
}

impl Findings {
    pub(crate) fn add(&mut self, code: Code, entry: Option<u64>, message: String) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(Problem { code, entry, message: sanitize(&message, MAX_MESSAGE) });
        } else {
            self.unlisted += 1;
        }
    }

    /// Those of another rule, after these.
    pub(crate) fn extend(&mut self, other: Self) {
        let room = MAX_PROBLEMS.saturating_sub(self.problems.len());
        self.unlisted += other.unlisted + other.problems.len().saturating_sub(room) as u64;
        self.problems.extend(other.problems.into_iter().take(room));
    }

    /// Those of the same rule, in the order of the log. Each side has its first ones listed, so the first of both are.
    pub(crate) fn merge(&mut self, other: Self) {
        let mut problems = std::mem::take(&mut self.problems);
        problems.extend(other.problems);
        problems.sort_by_key(|problem| problem.entry);
        self.extend(Self { problems, unlisted: other.unlisted });
    }

    pub(crate) fn into_report(
        self,
        authenticated: bool,
        entries: u64,
        checkpoint: Option<CheckpointView>,
    ) -> Report {
        let ok = self.problems.is_empty();
        let mut report = Report {
            ok,
            authenticated,
            entries,
            since: None,
            checkpoint,
            continues: None,
            unproved: Vec::new(),
            undecided: None,
            problems: self.problems,
        };
        if self.unlisted > 0 {
            report.add(Code::MoreProblems, None, &format!("{} more problems are not listed", self.unlisted));
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn the_contract_in_json() {
        let mut findings = Findings::default();
        findings.add(Code::EntriesAltered, Some(3), "entry 3\u{1b}[2K".to_owned());
        let checkpoint = CheckpointView { origin: "log.example/1".into(), size: 4, root: "AAAA".into() };
        let report = findings.into_report(true, 4, Some(checkpoint));
        expect![[r#"
            {
              "ok": false,
              "authenticated": true,
              "entries": 4,
              "checkpoint": {
                "origin": "log.example/1",
                "size": 4,
                "root": "AAAA"
              },
              "problems": [
                {
                  "code": "entries_altered",
                  "entry": 3,
                  "message": "entry 3\\u{1b}[2K"
                }
              ]
            }"#]]
        .assert_eq(&serde_json::to_string_pretty(&report).unwrap());
        for code in Code::ALL {
            assert_eq!(serde_json::to_string(code).unwrap(), format!("\"{code}\""));
        }
    }

    #[test]
    fn a_flood_of_problems_is_counted_not_listed() {
        let mut findings = Findings::default();
        for entry in 0..2000 {
            findings.add(Code::EntryMalformed, Some(entry), String::new());
        }
        let report = findings.into_report(false, 2000, None);
        assert_eq!(report.problems.len(), MAX_PROBLEMS + 1);
        assert_eq!(report.problems.last().unwrap().message, "1500 more problems are not listed");
    }

    #[test]
    fn floods_of_several_rules_are_one_flood() {
        let of = |code, entries: &mut dyn Iterator<Item = u64>| {
            let mut findings = Findings::default();
            entries.for_each(|entry| findings.add(code, Some(entry), String::new()));
            findings
        };
        let mut even = of(Code::EntryMalformed, &mut (0..2000).step_by(2));
        even.merge(of(Code::EntryRepeated, &mut (1..2000).step_by(2)));
        even.extend(of(Code::GenesisEntry, &mut (0..7)));
        let report = even.into_report(false, 2000, None);
        let listed: Vec<_> = report.problems.iter().filter_map(|it| it.entry).collect();
        assert_eq!(listed, (0..MAX_PROBLEMS as u64).collect::<Vec<_>>());
        assert_eq!(report.problems.last().unwrap().message, "1507 more problems are not listed");
    }
}
