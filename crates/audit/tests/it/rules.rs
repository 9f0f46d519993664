//! A log that nobody tampered with, written by an engine that broke the rules.

use approval::Act;
use expect_test::{Expect, expect};
use model::{Digest, EntryKind, Person};
use tlog::WitnessSigningKey;

use crate::story::{
    Scribe, bundle, change, checkpoint_line, digest, name, public, roster, sign_log, statement, time,
};

pub(crate) fn check(write: impl FnOnce(&mut Scribe), expected: &Expect) {
    let mut scribe = Scribe::new();
    write(&mut scribe);
    expected.assert_eq(&scribe.log().problems());
}

#[test]
fn two_people_means_two_people() {
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.permit(1, "0", "2");
        },
        &expect![""],
    );
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.permit(1, "0", "2");
        },
        &expect![[r#"
            permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
    // The same person twice, the operator, the agent's owner: none of them is a second one.
    let with = |second: &str| {
        let mut log = Scribe::new();
        log.hold(1);
        log.approve(1, "bob");
        log.approve(1, second);
        log.permit(1, "0", "2");
        log.log().problems()
    };
    expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
    "#]].assert_eq(&["bob", "alice", "dave"].map(with).concat());
    // An approval after the fact.
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.permit(1, "0", "2");
            log.approve(1, "carol");
        },
        &expect![[r#"
            permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
    // The permit asks for less than the change was held for.
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.permit(1, "0", "1");
        },
        &expect![[r#"
            permit_unapproved @3: entry 3 says that chg-01m7xzk500040g2081040g2081 took 1 of the people that entry 1 asks for: 2
            permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took 2 other people; before it the log has those of bob
        "#]],
    );
}

#[test]
fn an_approval_that_has_expired_counts_no_more() {
    let at = |minutes: i64| {
        let mut log = Scribe::new();
        log.hold(1);
        log.approve(1, "bob");
        log.approve(1, "carol");
        log.permit(1, "0", "2");
        let mut log = log.log();
        log.edit(4, |entry| entry.at = time(minutes));
        log.sign_again();
        log.problems()
    };
    assert_eq!(at(600), "");
    expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
    "#]].assert_eq(&at(601));
}

/// Approvals of something else, by an altered member of the statement each.
#[test]
fn only_approvals_of_this_very_matter_count() {
    let with = |alter: fn(&mut approval::Statement)| {
        let mut log = Scribe::new();
        log.hold(1);
        log.approve(1, "bob");
        let line = checkpoint_line(&log.entries);
        let mut said = statement(Act::Approve, "carol", change(1), digest(), line);
        alter(&mut said);
        log.signed(EntryKind::ApprovalGiven, 1, &said);
        log.permit(1, "0", "2");
        log.log().verify().problems.into_iter().map(|it| it.code.name()).collect::<Vec<_>>()
    };
    assert_eq!(with(|_| {}), Vec::<&str>::new());
    let (differs, unapproved) = ("statement_differs", "permit_unapproved");
    assert_eq!(with(|said| said.change = change(2)), [differs, unapproved]);
    assert_eq!(with(|said| said.digest = Digest::of(b"x")), [differs, unapproved]);
    assert_eq!(with(|said| said.bundle = Digest::of(b"x")), [differs, unapproved]);
    assert_eq!(with(|said| said.installation = Digest::of(b"x")), [differs, unapproved]);
    assert_eq!(with(|said| said.agent = "other".parse().unwrap()), [differs, unapproved]);
    assert_eq!(with(|said| said.operator = name("carol")), [differs, unapproved]);
    assert_eq!(with(|said| said.act = Act::Reject), [differs, unapproved]);
    assert_eq!(with(|said| said.nonce = "x".into()), [unapproved]);
    assert_eq!(with(|said| said.observed[0].fingerprint = Digest::of(b"x")), [unapproved]);
    // And told less than the change was held for.
    assert_eq!(with(|said| said.requirement = "1 other person".into()), [unapproved, unapproved]);
    assert_eq!(with(|said| said.expires_at = time(2)), [unapproved]);
    assert_eq!(with(|said| said.checkpoint = "none".into()), [unapproved]);
    assert_eq!(
        with(|said| said.checkpoint = said.checkpoint.replace(" 3 ", " 2 ")),
        ["history_rewritten", unapproved]
    );
    assert_eq!(
        with(|said| said.checkpoint = said.checkpoint.replace(" 3 ", " 99 ")),
        ["history_truncated", unapproved]
    );
}

#[test]
fn a_veto_closes_and_a_step_runs_once() {
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.reject(1, "dave");
            log.permit(1, "0", "2");
        },
        &expect![[r#"
            permit_after_veto @5: entry 5 permits chg-01m7xzk500040g2081040g2081, which entry 4 had vetoed
        "#]],
    );
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            for step in ["0", "1", "0"] {
                log.permit(1, step, "2");
            }
        },
        &expect![[r#"
            permit_out_of_turn @5: entry 5 permits step 1 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
            permit_unapproved @5: entry 5 permits step 1 of chg-01m7xzk500040g2081040g2081, of which 1 action(s) were signed
            permit_twice @6: entry 6 permits step 0 of chg-01m7xzk500040g2081040g2081, which entry 4 permitted already
        "#]],
    );
    check(
        |log| log.outcome(1, "0"),
        &expect![[r#"
        outcome_without_permit @1: entry 1 records an outcome of chg-01m7xzk500040g2081040g2081, which nothing permitted
    "#]],
    );
    check(
        |log| {
            log.permit(1, "0", "0");
            log.outcome(1, "1");
        },
        &expect![[r#"
            outcome_without_permit @2: entry 2 records an outcome of chg-01m7xzk500040g2081040g2081, which nothing permitted
        "#]],
    );
}

/// Who may approve is asked again when the permit is issued: somebody who left in between does not count.
#[test]
fn the_roster_in_force_counts() {
    let adopt = |log: &mut Scribe, change: fn(&mut model::Roster)| {
        let mut roster = roster();
        change(&mut roster);
        let bundle = log.bundle;
        log.adopt(9, &roster, bundle);
    };
    let life = |log: &mut Scribe, between: &dyn Fn(&mut Scribe)| {
        log.hold(1);
        log.approve(1, "bob");
        log.approve(1, "carol");
        between(log);
        log.permit(1, "0", "2");
    };
    check(|log| life(log, &|log| adopt(log, |_| {})), &expect![""]);
    check(
        |log| life(log, &|log| adopt(log, |roster| drop(roster.people.remove("carol")))),
        &expect![[r#"
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
    check(
        |log| life(log, &|log| adopt(log, |roster| roster.people.get_mut("carol").unwrap().approver = false)),
        &expect![[r#"
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
    // Still an approver, but the key that signed is no longer theirs.
    check(
        |log| {
            life(log, &|log| {
                adopt(log, |roster| roster.people.get_mut("carol").unwrap().keys = [public("erin")].into());
            });
        },
        &expect![[r#"
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        "#]],
    );
    let mut gone = Scribe::new();
    adopt(&mut gone, |roster| drop(roster.people.remove("bob")));
    gone.hold(1);
    gone.approve(1, "bob");
    let problems = gone.log().problems();
    assert!(
        problems.starts_with("signature_invalid @7: entry 7 carries no valid signature: the key "),
        "{problems}"
    );
    // A roster that gives one key to two names counts nobody.
    check(
        |log| {
            adopt(log, |roster| {
                let keys = roster.people["bob"].keys.clone();
                roster.people.insert(name("bobby"), Person { keys, approver: true, ..Person::default() });
            });
        },
        &expect![[r#"
            roster_unreadable @5: entry 5 carries a roster that cannot be counted by: bob and bobby have the same key: one key is one person; give both flags the same name
        "#]],
    );
    check(
        |log| log.write(EntryKind::BundleAdopted, |_| {}),
        &expect![[r#"
            roster_unreadable @1: entry 1 carries no roster
            bundle_unapproved @1: entry 1 adopts a bundle and does not say which, with which roster and by which change
        "#]],
    );
}

/// Written by whoever holds the log's key: each passes for something that nobody agreed to.
#[test]
fn nothing_passes_for_what_it_is_not() {
    // Said to be allowed, of what was vetoed.
    check(
        |log| {
            log.hold(1);
            log.reject(1, "bob");
            log.about(EntryKind::ActionAllowed, 1, None, &[]);
            log.outcome(1, "0");
        },
        &expect![[r#"
            outcome_without_permit @4: entry 4 records an outcome of chg-01m7xzk500040g2081040g2081, which nothing permitted
        "#]],
    );
    // Of no change at all.
    for kind in [EntryKind::OutcomeRecorded, EntryKind::OutcomeUnknown, EntryKind::BodyErased] {
        let mut log = Scribe::new();
        log.write(kind, |_| {});
        assert!(log.log().problems().contains("but names no change"), "{kind:?}");
    }
    // Under a bundle that nobody adopted.
    check(
        |log| {
            log.hold(1);
            log.bundle = Digest::of(b"nobody's");
            log.approve(1, "bob");
            log.permit(1, "0", "1");
        },
        &expect![[r#"
            bundle_unapproved @2: entry 2 was decided under the bundle 766d63f0332125220adc982e51598010024acc16a916d500187bf15f5d0e4a54, but in force is 1e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f027bdf294a33fc
            bundle_unapproved @3: entry 3 was decided under the bundle 766d63f0332125220adc982e51598010024acc16a916d500187bf15f5d0e4a54, but in force is 1e6ed65d77d6364eeaed5a745ba5c4985ae2b700dd85d7cf7f027bdf294a33fc
            permit_unapproved @3: entry 3 says that chg-01m7xzk500040g2081040g2081 took 1 of the people that entry 1 asks for: 2
            permit_unapproved @3: entry 3 permits chg-01m7xzk500040g2081040g2081, which took 2 other people; before it the log has those of bob
        "#]],
    );
    // One approval of one action, for more of them.
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            for step in ["0", "00", "+0", "1", "4294967295"] {
                log.permit(1, step, "2");
            }
        },
        &expect![[r#"
            permit_malformed @5: entry 5 permits chg-01m7xzk500040g2081040g2081, but does not say which step
            permit_malformed @6: entry 6 permits chg-01m7xzk500040g2081040g2081, but does not say which step
            permit_out_of_turn @7: entry 7 permits step 1 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
            permit_unapproved @7: entry 7 permits step 1 of chg-01m7xzk500040g2081040g2081, of which 1 action(s) were signed
            permit_out_of_turn @8: entry 8 permits step 4294967295 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
            permit_unapproved @8: entry 8 permits step 4294967295 of chg-01m7xzk500040g2081040g2081, of which 1 action(s) were signed
        "#]],
    );
    // Held as somebody else's, so that who asked counts.
    check(
        |log| {
            log.hold(1);
            let last = log.entries.last_mut().unwrap();
            let mut entry: model::Entry = serde_json::from_slice(last).unwrap();
            entry.actors.operator = Some(name("dave"));
            *last = serde_json::to_vec(&entry).unwrap();
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.permit(1, "0", "2");
        },
        &expect![[r#"
            change_altered @2: entry 2 says that chg-01m7xzk500040g2081040g2081 is kiro's for alice, an entry before it that it is kiro's for dave
            change_altered @3: entry 3 says that chg-01m7xzk500040g2081040g2081 is kiro's for alice, an entry before it that it is kiro's for dave
            change_altered @4: entry 4 says that chg-01m7xzk500040g2081040g2081 is kiro's for alice, an entry before it that it is kiro's for dave
        "#]],
    );
    // Vetoed between its permit and its adoption.
    let mut vetoed = Scribe::new();
    vetoed.adopt(1, &roster(), Digest::of(b"the next bundle"));
    let adoption = vetoed.entries.pop().unwrap();
    vetoed.bundle = bundle();
    vetoed.reject(1, "bob");
    vetoed.entries.push(adoption);
    assert!(vetoed.log().problems().contains("had vetoed"));
}

/// A roster of strangers, slipped in between, would approve anything.
#[test]
fn the_law_is_changed_by_two_people_of_the_roster_that_was_in_force() {
    let to = || Digest::of(b"the next bundle");
    let strangers = || {
        let mut roster = roster();
        for (person, key) in [("mallory", "mallory"), ("trudy", "trudy")] {
            let keys = [public(key)].into();
            roster.people.insert(name(person), Person { keys, approver: true, ..Person::default() });
        }
        roster
    };
    // An adoption, honest but for one entry: held, two approvals, the permit, the adoption itself.
    let but = |at: usize, change: &dyn Fn(&mut model::Entry)| {
        let mut log = Scribe::new();
        log.adopt(1, &strangers(), to());
        let mut log = log.log();
        log.edit(at, |entry| change(entry));
        log.sign_again();
        log.problems()
    };
    let told = |detail: &'static str, value: &'static str| {
        but(5, &move |entry| drop(entry.detail.insert(detail.into(), value.into())))
    };
    check(
        |log| {
            log.adopt(1, &strangers(), to());
            log.adopt(2, &roster(), bundle());
        },
        &expect![""],
    );
    // The approvals of what has ended do not carry over.
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.adopt(2, &roster(), to());
            log.permit(1, "0", "2");
        },
        &expect![[r#"
            permit_unapproved @9: entry 9 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of nobody
        "#]],
    );
    check(
        |log| {
            let text = serde_json::to_string(&strangers()).unwrap();
            log.about(
                EntryKind::BundleAdopted,
                1,
                None,
                &[("from", &bundle().to_string()), ("roster", &text)],
            );
        },
        &expect![[r#"
            bundle_unapproved @1: entry 1 adopts a bundle as chg-01m7xzk500040g2081040g2081, which nothing permitted
            bundle_unapproved @1: entry 1 adopts a bundle that is not the one which chg-01m7xzk500040g2081040g2081 asked for
            bundle_unapproved @1: entry 1 adopts a bundle which takes 2 people besides whoever asked; before it the log has approvals of 0
        "#]],
    );
    expect![[r#"
        permit_unapproved @4: entry 4 permits chg-01m7xzk500040g2081040g2081, which took the approval of 2 outside its chain; before it the log has those of bob
        bundle_unapproved @5: entry 5 adopts a bundle which takes 2 people besides whoever asked; before it the log has approvals of 1
    "#]].assert_eq(&but(3, &|entry| entry.kind = EntryKind::Alarm));
    expect![[r#"
        bundle_unapproved @5: entry 5 adopts a bundle as chg-01m7xzk500040g2081040g2081, which nothing permitted
    "#]].assert_eq(&but(4, &|entry| entry.kind = EntryKind::Alarm));
    expect![[r#"
        bundle_unapproved @5: entry 5 adopts a bundle that is not the one which chg-01m7xzk500040g2081040g2081 asked for
    "#]].assert_eq(&but(5, &|entry| entry.bundle = Some(bundle())));
    expect![[r#"
        bundle_unapproved @5: entry 5 adopts a bundle in the place of another than was in force
    "#]]
    .assert_eq(&told("from", "0000000000000000000000000000000000000000000000000000000000000000"));
    expect![[r#"
        bundle_unapproved @5: entry 5 adopts a bundle that is not the one which chg-01m7xzk500040g2081040g2081 asked for
    "#]].assert_eq(&told("roster", "{\"people\":{},\"agents\":{}}"));
    for other in ["0000000000000000000000000000000000000000000000000000000000000000", "none"] {
        assert!(
            told("table", other).starts_with("bundle_unapproved @5: entry 5 adopts a bundle that "),
            "{other}"
        );
    }
    expect![[r#"
        bundle_unapproved @5: entry 5 adopts a bundle that is not the one which chg-01m7xzk500040g2081040g2081 asked for
    "#]].assert_eq(&but(5, &|entry| drop(entry.detail.remove("table"))));
    let mut twice = Scribe::new();
    twice.adopt(1, &strangers(), to());
    let mut twice = twice.log();
    let again = twice.entries[5].clone();
    twice.entries.push(again);
    twice.sign_again();
    expect![[r#"
        entry_repeated @6: entry 6 has the id ent-01m7xzw9z00m2ga1850m2ga185, which entry 5 has already
        bundle_unapproved @6: entry 6 adopts a bundle in the place of another than was in force
    "#]]
    .assert_eq(&twice.problems());
}

#[test]
fn a_log_begins_with_its_genesis_once_and_goes_forward() {
    check(
        |log| log.write(EntryKind::Genesis, |_| {}),
        &expect![[r#"
        roster_unreadable @1: entry 1 carries no roster
        genesis_entry @1: entry 1 is a second genesis
    "#]],
    );
    check(|log| log.entries.clear(), &expect![""]);
    check(
        |log| {
            log.entries.clear();
            log.hold(1);
        },
        &expect![[r#"
            genesis_entry @0: entry 0 is no genesis: the beginning of the log is gone
        "#]],
    );
    check(
        |log| {
            log.write(EntryKind::Alarm, |entry| entry.at = time(10));
            log.write(EntryKind::Alarm, |entry| entry.at = time(9));
            log.write(EntryKind::Alarm, |entry| entry.at = time(8));
        },
        &expect![[r#"
            entry_out_of_order @3: entry 3 is of 2026-11-21T02:48:00.000Z, but entry 1 before it is of 2026-11-21T02:50:00.000Z
        "#]],
    );
}

/// What a witness is on record with counts like any checkpoint that left the building.
#[test]
fn a_witness_on_record_convicts_a_rewritten_log() {
    let witness = WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
    let told = |cosigned: &[Vec<u8>], edit: &dyn Fn(&str) -> String| {
        let mut log = Scribe::new();
        log.hold(1);
        let signed = sign_log(if cosigned.is_empty() { &log.entries } else { cosigned });
        let text = signed.split_inclusive("\n\n").next().unwrap().trim_end_matches('\n').to_owned() + "\n";
        let line = tlog::cosign_text(&text, 1_700_000_000, &witness).unwrap();
        let note = edit(&format!("{signed}{line}"));
        log.write(EntryKind::CheckpointWitnessed, |entry| {
            entry.detail.insert("checkpoint".into(), note);
            entry.detail.insert("key".into(), witness.verifier().to_string());
        });
        log.log().problems()
    };
    let as_it_is = |note: &str| note.to_owned();
    assert_eq!(told(&[], &as_it_is), "");
    expect![[r#"
        history_rewritten @2: the checkpoint that a witness cosigned, of entry 2, has the root j4yA15rduCa4VJoJ4AXvfMXQLWh0Gba5nYgWcxGuWak= at 1 entries, the log has EDePJuESvnbilKHYBTTTFuDx9M1KKIswOZxPShjRdHs=: history was rewritten after it was signed
    "#]]
    .assert_eq(&told(&[b"another".to_vec()], &as_it_is));
    expect![[r#"
        signature_invalid @2: entry 2 tells of a witness: the signature by witness.example/w1 does not belong to this text
    "#]]
    .assert_eq(&told(&[], &|note| note.replace("\n2\n", "\n1\n")));
}
