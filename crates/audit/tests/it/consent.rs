//! Two people are not enough where the statement asks for more of them than that: a touched key, a role. And of one
//! permit there is one outcome.

use approval::{Act, NAMESPACE, Statement};
use expect_test::{Expect, expect};
use model::{Digest, EntryKind, Person, Presence};

use crate::story::{Scribe, change, checkpoint_line, digest, name, roster, sign, statement};

/// A delete that is held for `held`, of which those who sign are told `told`, approved as `approve` does and run.
struct Case {
    held: &'static str,
    told: &'static str,
    presence_rule: &'static str,
}

const FILES: &str = "signatures by key files count here (profile lab)";

fn as_told(requirement: &'static str) -> Case {
    Case { held: requirement, told: requirement, presence_rule: FILES }
}

impl Case {
    fn hold(&self, log: &mut Scribe) {
        let people = if self.held.starts_with('1') { "1" } else { "2" };
        let detail = [("verdict", "hold"), ("requirement", self.held), ("people", people)];
        log.about(EntryKind::ChangeHeld, 1, Some("change"), &detail);
    }

    fn said(&self, log: &Scribe, person: &str) -> Statement {
        let line = checkpoint_line(&log.entries);
        let said = statement(Act::Approve, person, change(1), digest(), line);
        Statement {
            requirement: self.told.into(),
            presence_rule: self.presence_rule.into(),
            bundle: log.bundle,
            ..said
        }
    }

    fn approve(&self, log: &mut Scribe, person: &str) {
        let said = self.said(log, person);
        log.signed(EntryKind::ApprovalGiven, 1, &said);
    }

    fn run(&self, mut log: Scribe, people: &[&str]) -> String {
        self.hold(&mut log);
        people.iter().for_each(|person| self.approve(&mut log, person));
        log.permit(1, "0", if self.held.starts_with('1') { "1" } else { "2" });
        log.log().problems()
    }
}

fn check(case: &Case, people: &[&str], expected: &Expect) {
    expected.assert_eq(&case.run(Scribe::new(), people));
}

#[test]
fn a_permit_takes_the_touch_and_the_roles_that_were_signed_for() {
    check(&as_told("2 other people"), &["bob", "carol"], &expect![""]);
    check(
        &as_told("2 other people, 1 of them with a touched key"),
        &["bob", "carol"],
        &expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took 2 other people, 1 of them with a touched key; before it the log has those of bob, carol
    "#]],
    );
    check(
        &as_told("1 other person; one of them as dba; evidence undo_captured"),
        &["bob"],
        &expect![[r#"
        permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took 1 other person; one of them as dba; before it the log has those of bob
    "#]],
    );
    // As statements said it before there were passkeys.
    check(
        &Case {
            presence_rule: "only signatures by a touched security key count here",
            ..as_told("2 other people")
        },
        &["bob", "carol"],
        &expect![[r#"
            permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
        "#]],
    );
    // What nobody can read asks for more than there is.
    let unread = |told, presence_rule| {
        let case = Case { told, presence_rule, held: "2 other people" };
        assert!(
            case.run(Scribe::new(), &["bob", "carol"]).ends_with("those of nobody\n"),
            "{told} {presence_rule}"
        );
    };
    unread("whatever", FILES);
    unread("2 other people", "whatever");
}

#[test]
fn who_signs_is_told_all_that_the_change_was_held_for() {
    let held = "2 other people, 1 of them with a touched key; one of them as dba";
    check(
        &Case { held, ..as_told("2 other people") },
        &["bob", "carol"],
        &expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, of which those who signed were told that it takes 2 other people, and entry 1 asks for 2 other people, 1 of them with a touched key; one of them as dba
    "#]],
    );
    check(
        &Case { told: "1 other person", ..as_told("2 other people") },
        &["bob", "carol"],
        &expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, of which those who signed were told that it takes 1 other person, and entry 1 asks for 2 other people
    "#]],
    );
}

/// A role, and a touch by a device of software: what a log without a fault looks like.
#[test]
fn who_was_asked_for_is_found() {
    let mut log = Scribe::new();
    let mut there = roster();
    there.people.get_mut("carol").unwrap().roles = ["dba".parse().unwrap()].into();
    log.adopt(9, &there, Digest::of(b"with a dba"));
    assert_eq!(as_told("2 other people; one of them as dba").run(log, &["bob", "carol"]), "");

    let folder = tempfile::tempdir().unwrap();
    let Some(device) = testkit::Key::security(folder.path(), "erin").unwrap() else { return };
    let keys = [approval::parse_public_key(&device.public_line().unwrap()).unwrap()].into();
    there.people.insert(name("erin"), Person { keys, approver: true, ..Person::default() });
    let with = |people: &[&str], told: &'static str, presence_rule: &'static str| {
        let mut log = Scribe::new();
        log.adopt(9, &there, Digest::of(b"with erin"));
        let case = Case { held: told, told, presence_rule };
        case.hold(&mut log);
        for person in people {
            let said = case.said(&log, person);
            if *person == "erin" {
                let said = Statement { presence: Presence::Touched, ..said };
                let signature = device.sign(NAMESPACE, said.to_text().as_bytes()).unwrap();
                log.signed_as(EntryKind::ApprovalGiven, 1, &said, &signature);
            } else {
                let signature = sign(person, &said.to_text());
                log.signed_as(EntryKind::ApprovalGiven, 1, &said, &signature);
            }
        }
        log.permit(1, "0", "2");
        log.log().problems()
    };
    let told = "2 other people, 1 of them with a touched key";
    assert_eq!(with(&["bob", "erin"], told, FILES), "");
    expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took 2 other people, 2 of them with a touched key; before it the log has those of bob, erin
    "#]].assert_eq(&with(&["bob", "erin"], "2 other people, 2 of them with a touched key", FILES));
    let only = "only signatures by a touched security key or a passkey count here (profile strict)";
    expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of erin
    "#]].assert_eq(&with(&["bob", "erin"], told, only));
}

#[test]
fn of_one_permit_there_is_one_outcome() {
    let with = |kinds: &[EntryKind], expected: &Expect| {
        let mut log = Scribe::new();
        log.hold(1);
        log.approve(1, "bob");
        log.approve(1, "carol");
        log.permit(1, "0", "2");
        for kind in kinds {
            log.about(*kind, 1, Some("change"), &[("step", "0")]);
        }
        expected.assert_eq(&log.log().problems());
    };
    let (known, unknown) = (EntryKind::OutcomeRecorded, EntryKind::OutcomeUnknown);
    with(&[known], &expect![""]);
    with(&[unknown, known], &expect![""]);
    with(
        &[known, known],
        &expect![[r#"
        outcome_twice @6: entry 6 says what came of step 0 of chg-01m7xzk500040g2081040g2081, and so did entry 5
    "#]],
    );
    with(
        &[unknown, known, known],
        &expect![[r#"
        outcome_twice @7: entry 7 says what came of step 0 of chg-01m7xzk500040g2081040g2081, and so did entry 6
    "#]],
    );
    with(
        &[known, unknown],
        &expect![[r#"
        outcome_twice @6: entry 6 says what came of step 0 of chg-01m7xzk500040g2081040g2081, and so did entry 5
    "#]],
    );
}
