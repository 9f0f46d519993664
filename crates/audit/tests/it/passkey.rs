//! A log whose approvals are passkeys' assertions: verified offline by the roster and the entries alone, and convicted
//! where a statement, an assertion or the passkey's line was altered.

use approval::{Act, NAMESPACE, Statement, passkey};
use expect_test::{Expect, expect};
use model::{Digest, EntryKind, Person, Presence};
use testkit::{Authenticator, Ceremony};

use crate::story::{Log, Scribe, change, checkpoint_line, name, public, roster, statement};

const SITE: &str = "countersign.example.com";

fn erins() -> Authenticator {
    Authenticator::p256(7, SITE)
}

/// Bob signs with a key, Erin with a passkey, and what both approved runs once.
fn log(asserted: impl Fn(&mut Ceremony)) -> (Log, usize) {
    told("2 other people", asserted)
}

/// Of which both are told that it takes this.
fn told(requirement: &str, asserted: impl Fn(&mut Ceremony)) -> (Log, usize) {
    let mut there = roster();
    let keys = [approval::parse_public_key(&erins().roster_line()).unwrap()].into();
    there.people.insert(name("erin"), Person { keys, approver: true, ..Person::default() });
    let mut log = Scribe::new();
    log.adopt(9, &there, Digest::of(b"with erin"));
    log.hold(1);
    let line = checkpoint_line(&log.entries);
    let said = statement(Act::Approve, "bob", change(1), log.digest, line);
    let said = Statement { requirement: requirement.to_owned(), bundle: log.bundle, ..said };
    log.signed(EntryKind::ApprovalGiven, 1, &said);
    let line = checkpoint_line(&log.entries);
    let said = statement(Act::Approve, "erin", change(1), log.digest, line);
    let requirement = requirement.to_owned();
    let said = Statement { presence: Presence::Touched, bundle: log.bundle, requirement, ..said };
    let challenge = passkey::challenge(NAMESPACE, said.to_text().as_bytes());
    let mut ceremony = erins().ceremony(challenge.as_bytes());
    asserted(&mut ceremony);
    let at = log.entries.len();
    log.signed_as(EntryKind::ApprovalGiven, 1, &said, &erins().sign(&ceremony).text());
    log.permit(1, "0", "2");
    log.about(EntryKind::OutcomeRecorded, 1, Some("change"), &[("step", "0")]);
    (log.log(), at)
}

/// As the holder of the log's key would have it: everything fits, but for what a person signed.
fn tampered(with: impl Fn(&mut Log, usize), expected: &Expect) {
    let (mut log, at) = log(|_| ());
    assert_eq!(log.problems(), "");
    with(&mut log, at);
    log.sign_again();
    expected.assert_eq(&log.problems());
}

fn detail(log: &Log, at: usize, key: &str) -> String {
    log.entry(at).detail[key].clone()
}

#[test]
fn an_approval_by_passkey_is_verified_offline() {
    assert_eq!(log(|_| ()).0.problems(), "");
}

#[test]
fn a_passkey_shows_nothing_on_a_machine_of_its_own() {
    let problems = |rendered: u32| {
        let words =
            format!("2 other people; {rendered} of them by the command line, on a machine of their own");
        told(&words, |_| ()).0.problems()
    };
    assert_eq!(problems(1), "");
    expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took 2 other people; 2 of them by the command line, on a machine of their own; before it the log has those of bob, erin
    "#]]
    .assert_eq(&problems(2));
}

/// Erin signs by a key file and by a passkey, in this order, and with one of them alone; two are needed by the command line, of
/// whom one is touched.
#[test]
fn two_signatures_of_one_person_show_what_both_do_and_count_once() {
    let check = |erin_by: &[bool], expected: &Expect| {
        let mut there = roster();
        let keys = [approval::parse_public_key(&erins().roster_line()).unwrap(), public("erin")].into();
        there.people.insert(name("erin"), Person { keys, approver: true, ..Person::default() });
        let mut log = Scribe::new();
        log.adopt(9, &there, Digest::of(b"with erin"));
        log.hold(1);
        let requirement = "2 other people, 1 of them with a touched key; 2 of them by the command line, on a machine of their own";
        let said = |log: &Scribe, who, presence| {
            let line = checkpoint_line(&log.entries);
            let said = statement(Act::Approve, who, change(1), log.digest, line);
            Statement { requirement: requirement.to_owned(), bundle: log.bundle, presence, ..said }
        };
        let bobs = said(&log, "bob", Presence::File);
        log.signed(EntryKind::ApprovalGiven, 1, &bobs);
        for by_passkey in erin_by {
            if *by_passkey {
                let said = said(&log, "erin", Presence::Touched);
                let challenge = passkey::challenge(NAMESPACE, said.to_text().as_bytes());
                let signature = erins().sign(&erins().ceremony(challenge.as_bytes())).text();
                log.signed_as(EntryKind::ApprovalGiven, 1, &said, &signature);
            } else {
                let said = said(&log, "erin", Presence::File);
                log.signed(EntryKind::ApprovalGiven, 1, &said);
            }
        }
        log.permit(1, "0", "2");
        log.about(EntryKind::OutcomeRecorded, 1, Some("change"), &[("step", "0")]);
        expected.assert_eq(&log.log().problems());
    };
    check(&[false, true], &expect![""]);
    check(&[true, false], &expect![""]);
    check(
        &[false],
        &expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took 2 other people, 1 of them with a touched key; 2 of them by the command line, on a machine of their own; before it the log has those of bob, erin
    "#]],
    );
    check(
        &[true],
        &expect![[r#"
        permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took 2 other people, 1 of them with a touched key; 2 of them by the command line, on a machine of their own; before it the log has those of bob, erin
    "#]],
    );
}

#[test]
fn an_altered_statement_under_an_assertion_convicts() {
    tampered(
        |log, at| {
            let text = detail(log, at, "statement").replace("deletes the stack", "describes the stack");
            log.detail(at, "statement", &text);
        },
        &expect![[r#"
            signature_invalid @8: entry 8 carries no valid signature: the assertion is over another text: the text was altered, or the assertion was made for something else; sign this one
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
}

#[test]
fn an_altered_assertion_convicts() {
    tampered(
        |log, at| {
            let text = detail(log, at, "signature").replace("client data: ", "client data: AAAA");
            log.detail(at, "signature", &text);
        },
        &expect![[r#"
            signature_invalid @8: entry 8 carries no valid signature: what the browser said of the assertion cannot be read: it is no JSON object
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
}

/// What a server that is not honest would take, and an auditor does not.
#[test]
fn an_assertion_that_should_not_have_been_taken_convicts() {
    let check = |asserted: fn(&mut Ceremony), expected: &Expect| {
        assert_eq!(log(|_| ()).0.problems(), "");
        let problems = log(asserted).0.problems();
        expected.assert_eq(problems.lines().next().unwrap_or_default());
    };
    check(
        |it| it.flags = 0x01,
        &expect![
            "signature_invalid @8: entry 8 carries no valid signature: the authenticator did not verify who was present: sign again with its PIN, fingerprint or face, and set one up if it has none"
        ],
    );
    check(
        |it| it.rp_id = "example.com".to_owned(),
        &expect![
            "signature_invalid @8: entry 8 carries no valid signature: the authenticator signed for another site than countersign.example.com: use the passkey that was enrolled there"
        ],
    );
    check(
        |it| it.client_data = it.client_data.replace(SITE, "evil.example"),
        &expect![
            "signature_invalid @8: entry 8 carries no valid signature: the assertion was made on a page of `https://evil.example`, and this passkey signs on https://countersign.example.com only: open the console there"
        ],
    );
    check(
        |it| it.client_data = it.client_data.replace("false", "true"),
        &expect![
            "signature_invalid @8: entry 8 carries no valid signature: the assertion was made inside another site's page: open the console in a window of its own"
        ],
    );
}
