//! The members of the context, one by one, and which of them a rule reads. A decision's context is made of those that its
//! rules read and no others: most rules read few, and making the rest would take longer than evaluating the rules.
//! Which are read is found so that a mistake costs time and not truth: whatever is not plainly one member counts as all.

use serde_json::Value as Json;

macro_rules! members {
    ($($member:ident = $record:literal . $name:literal),* $(,)?) => {
        /// In the order of the records that they stand in.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Member { $($member),* }

        impl Member {
            /// With the record that it stands in (none: in the context itself) and what it is called there.
            pub(crate) const ALL: &[(Self, &'static str, &'static str)] =
                &[$((Self::$member, $record, $name)),*];
        }
    };
}

members![
    Operation = ""."operation",
    Operator = ""."operator",
    WithinBudget = ""."within_budget",
    Standing = ""."standing",
    InScope = "session"."in_scope",
    Autonomy = "session"."autonomy",
    People = "approvals"."people",
    Touched = "approvals"."touched",
    Rendered = "approvals"."rendered",
    Owners = "approvals"."owners",
    Roles = "approvals"."roles",
    StateObserved = "evidence"."state_observed",
    UndoCaptured = "evidence"."undo_captured",
    InnerListed = "evidence"."inner_listed",
    BackupVerified = "evidence"."backup_verified",
    DryRun = "evidence"."dry_run",
    Rehearsal = "evidence"."rehearsal",
    ShowsData = "exposes"."data",
    ShowsCredentials = "exposes"."credentials",
    RiskKnown = "risk"."known",
    ExpectedLoss = "risk"."expected_loss",
    TailLoss = "risk"."tail_loss",
    Benefit = "risk"."benefit",
    Peak = "time"."peak",
    Frozen = "time"."frozen",
    ChangeDestroys = "change"."destroys",
    Replaces = "change"."replaces",
    Staged = "change"."staged",
    Undo = "change"."undo",
    Steps = "change"."steps",
    SessionDestroys = "history"."destroys",
    AgentDestroys = "history"."agent_destroys",
    ProtectionsLowered = "history"."protections_lowered",
    BackupsTouched = "history"."backups_touched",
    DataDestroyed = "history"."data_destroyed",
    CreatedBySession = "history"."created_by_session",
];

/// A set of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members(u64);

impl Members {
    pub(crate) const ALL: Self = Self(u64::MAX);

    pub(crate) const fn contains(self, member: Member) -> bool {
        self.0 & Self::bit(member) != 0
    }

    #[must_use]
    pub(crate) const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether there is one in it that a search for the least requirement changes.
    pub(crate) fn vary(self) -> bool {
        let varying = |record: &str| matches!(record, "approvals" | "evidence" | "time");
        Member::ALL.iter().any(|(member, record, _)| self.contains(*member) && varying(record))
    }

    /// What an expression, in Cedar's JSON form, reads of the context.
    pub(crate) fn read_by(json: &Json) -> Self {
        match json {
            Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Self::default(),
            Json::Array(items) => items.iter().map(Self::read_by).fold(Self::default(), Self::and),
            Json::Object(members) => {
                if is_context(json) {
                    return Self::ALL;
                }
                let named = access(json).and_then(|(of, name)| match access(of) {
                    Some((of, record)) if is_context(of) => Self::named(record, name),
                    Some(_) | None if is_context(of) => Self::named("", name),
                    Some(_) | None => None,
                });
                named.unwrap_or_else(|| members.values().map(Self::read_by).fold(Self::default(), Self::and))
            }
        }
    }

    fn named(record: &str, name: &str) -> Option<Self> {
        let found =
            Member::ALL.iter().find(|(_, its_record, its_name)| (*its_record, *its_name) == (record, name));
        found.map(|(member, _, _)| Self(Self::bit(*member)))
    }

    const fn bit(member: Member) -> u64 {
        1 << member as u64
    }
}

/// `left.attr`, as its two parts.
fn access(json: &Json) -> Option<(&Json, &str)> {
    let access = json.get(".")?;
    Some((access.get("left")?, access.get("attr")?.as_str()?))
}

fn is_context(json: &Json) -> bool {
    json.get("Var").and_then(Json::as_str) == Some("context")
}

#[cfg(test)]
mod tests {
    use cedar_policy::Policy;
    use model::EvidenceKind;

    use super::*;

    fn check(condition: &str, expected: &[(&str, &str)]) {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        let json = Policy::parse(None, &text).unwrap().to_json().unwrap();
        let expected = expected.iter().map(|(record, name)| Members::named(record, name).unwrap());
        assert_eq!(Members::read_by(&json), expected.fold(Members::default(), Members::and), "{text}");
    }

    fn check_all(condition: &str) {
        let text = format!("forbid (principal, action, resource) when {{ {condition} }};");
        let json = Policy::parse(None, &text).unwrap().to_json().unwrap();
        assert_eq!(Members::read_by(&json), Members::ALL, "{text}");
    }

    #[test]
    fn what_is_plainly_read_is_known() {
        check("resource in Kind::\"data\"", &[]);
        check("context.history.destroys > 3", &[("history", "destroys")]);
        check(
            "context.session.autonomy == 1 && !(context.approvals.people >= 2 || context.standing)",
            &[("session", "autonomy"), ("approvals", "people"), ("", "standing")],
        );
        check("context[\"time\"][\"peak\"]", &[("time", "peak")]);
        check(
            "context.approvals.roles.contains(context.operator)",
            &[("approvals", "roles"), ("", "operator")],
        );
        check("[context.operation].contains(\"a\")", &[("", "operation")]);
        check("if context.exposes.data then resource.name like \"a*\" else false", &[("exposes", "data")]);
    }

    #[test]
    fn what_is_not_is_everything() {
        check_all("context has time");
        check_all("context.time has peak");
        check_all("context.time == {peak: true, frozen: false}");
        check_all("{c: context}.c.time.peak");
        check_all("(if principal == resource then context else context).time.peak");
        check_all("context.nothing.of_the_kind");
        check_all("context.time.never");
    }

    #[test]
    fn every_member_has_its_place() {
        assert!(Member::ALL.len() <= 64);
        for kind in EvidenceKind::ALL {
            assert!(Members::named("evidence", kind.name()).is_some(), "{kind}");
        }
        // One record's members stand together.
        let mut records: Vec<_> = Member::ALL.iter().map(|(_, record, _)| record).collect();
        records.dedup();
        let in_a_row = records.len();
        records.sort();
        records.dedup();
        assert_eq!(records.len(), in_a_row);
    }
}
