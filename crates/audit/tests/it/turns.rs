//! What runs in which turn, and what is over and runs no more.

use approval::Act;
use expect_test::{Expect, expect};
use model::{Chain, Digest, EntryKind, change_digest};

use crate::{
    rules::check,
    story::{Scribe, change, checkpoint_line, digest, name, statement},
};

/// What is on record of a change, by its number; steps by theirs.
enum Move {
    Permitted(u8, &'static str),
    Done(u8, &'static str),
    Failed(u8, &'static str),
    Undone(u8, &'static str),
    Joined(u8),
    Sealed(u8),
    Vetoed(u8),
    /// The first as the second.
    Reopened(u8, u8),
}

use Move::{Done, Failed, Joined, Permitted, Reopened, Sealed, Undone, Vetoed};

impl Move {
    fn write(&self, log: &mut Scribe) {
        let ended = |log: &mut Scribe, nth: u8, step: &str, status: &str| {
            log.permit(nth, step, "0");
            log.about(EntryKind::OutcomeRecorded, nth, Some("change"), &[("step", step), ("status", status)]);
        };
        match *self {
            Permitted(nth, step) => log.permit(nth, step, "0"),
            Done(nth, step) => ended(log, nth, step, "200"),
            Failed(nth, step) => ended(log, nth, step, "400"),
            Undone(nth, step) => {
                log.about(EntryKind::ChangeJudged, nth, None, &[("step", step), ("undone_by", "chg-1")]);
            }
            Joined(nth) => log.about(EntryKind::ChangeJoined, nth, None, &[]),
            Sealed(nth) => log.about(EntryKind::ChangeSealed, nth, None, &[]),
            Vetoed(nth) => log.reject(nth, "bob"),
            Reopened(vetoed, nth) => {
                let line = checkpoint_line(&log.entries);
                let said = statement(Act::Reopen, "alice", change(vetoed), digest(), line);
                log.signed(EntryKind::ChangeReopened, nth, &said);
            }
        }
    }
}

fn plays(moves: &[Move], expected: &Expect) {
    check(|log| moves.iter().for_each(|it| it.write(log)), expected);
}

/// What was proposed as a plan runs in its order, each step once those in front of it are done.
#[test]
fn a_plan_runs_in_its_order() {
    plays(&[Done(1, "0"), Done(1, "1"), Permitted(1, "2")], &expect![""]);
    plays(
        &[Permitted(1, "1")],
        &expect![[r#"
            permit_out_of_turn @1: entry 1 permits step 1 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
        "#]],
    );
    plays(
        &[Done(1, "0"), Failed(1, "1"), Permitted(1, "2")],
        &expect![[r#"
            permit_out_of_turn @5: entry 5 permits step 2 of chg-01m7xzk500040g2081040g2081 before step 1 of it was done
        "#]],
    );
    plays(
        &[Permitted(1, "0"), Permitted(1, "1")],
        &expect![[r#"
            permit_out_of_turn @2: entry 2 permits step 1 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
        "#]],
    );
    plays(
        &[Done(1, "0"), Undone(1, "0"), Permitted(1, "1")],
        &expect![[r#"
            permit_out_of_turn @4: entry 4 permits step 1 of chg-01m7xzk500040g2081040g2081 before step 0 of it was done
        "#]],
    );
    // What was asked for one by one waits for nothing.
    plays(
        &[Joined(1), Permitted(1, "1")],
        &expect![[r#"
            change_altered @1: entry 1 puts an action into chg-01m7xzk500040g2081040g2081 and does not list them all
        "#]],
    );
}

/// What ran before a veto stays done when the plan is reopened, and is all that need not run again.
#[test]
fn a_plan_that_was_reopened_goes_on_where_it_was() {
    plays(
        &[
            Done(1, "0"),
            Vetoed(1),
            Reopened(1, 2),
            Done(2, "1"),
            Vetoed(2),
            Reopened(2, 3),
            Permitted(3, "2"),
        ],
        &expect![""],
    );
    plays(
        &[Done(1, "0"), Vetoed(1), Reopened(1, 2), Permitted(2, "2")],
        &expect![[r#"
            permit_out_of_turn @5: entry 5 permits step 2 of chg-01m7xzk500081040g2081040g2 before step 1 of it was done
        "#]],
    );
    // Undone before.
    plays(
        &[Done(1, "0"), Undone(1, "0"), Vetoed(1), Reopened(1, 2), Permitted(2, "1")],
        &expect![[r#"
            permit_out_of_turn @6: entry 6 permits step 1 of chg-01m7xzk500081040g2081040g2 before step 0 of it was done
        "#]],
    );
    // From one that nobody knows of.
    plays(
        &[Reopened(1, 2), Permitted(2, "1")],
        &expect![[r#"
            permit_out_of_turn @2: entry 2 permits step 1 of chg-01m7xzk500081040g2081040g2 before step 0 of it was done
        "#]],
    );
    // Said of one that is under way already, whoever else was vetoed.
    plays(
        &[Done(1, "0"), Vetoed(1), Sealed(2), Reopened(1, 2), Permitted(2, "1")],
        &expect![[r#"
            permit_out_of_turn @6: entry 6 permits step 1 of chg-01m7xzk500081040g2081040g2 before step 0 of it was done
        "#]],
    );
    // What was asked for one by one waits for nothing afterwards either.
    plays(
        &[Joined(1), Vetoed(1), Reopened(1, 2), Permitted(2, "1")],
        &expect![[r#"
            change_altered @1: entry 1 puts an action into chg-01m7xzk500040g2081040g2081 and does not list them all
        "#]],
    );
}

#[test]
fn a_permit_says_what_it_is_for() {
    check(
        |log| log.permit(1, "first", "0"),
        &expect![[r#"
        permit_malformed @1: entry 1 permits chg-01m7xzk500040g2081040g2081, but does not say which step
    "#]],
    );
    check(
        |log| log.permit(1, "0", "some"),
        &expect![[r#"
        permit_malformed @1: entry 1 permits chg-01m7xzk500040g2081040g2081, but does not say how many people it took
    "#]],
    );
    check(
        |log| log.write(EntryKind::PermitIssued, |_| {}),
        &expect![[r#"
        permit_malformed @1: entry 1 permits something, but names no change
    "#]],
    );
}

#[test]
fn what_is_over_is_let_through_no_more_and_says_how_it_is_known_to_be() {
    let seen = format!("0:{}", Digest::of(b"seen"));
    let (seen, why) = (seen.as_str(), "its target is gone: app (by cloudformation:DescribeStacks)");
    let ended = |log: &mut Scribe, kind, detail: &[(&str, &str)]| {
        log.hold(1);
        log.approve(1, "bob");
        log.approve(1, "carol");
        log.about(kind, 1, Some("change"), detail);
    };
    for (kind, detail) in [
        (EntryKind::ChangeExpired, Vec::new()),
        (EntryKind::ChangeWithdrawn, Vec::new()),
        (EntryKind::ChangeWithdrawn, vec![("why", why), ("gone", seen)]),
    ] {
        check(|log| ended(log, kind, &detail), &expect![""]);
        check(
            |log| {
                ended(log, kind, &detail);
                log.permit(1, "0", "2");
            },
            &expect![[r#"
                permit_after_end @5: entry 5 permits chg-01m7xzk500040g2081040g2081, which was over with entry 4
            "#]],
        );
    }
    let misshapen = [
        "",
        "0",
        "0:",
        "0:absent",
        "x:",
        seen.trim_start_matches('0'),
        &format!("{seen} "),
        &seen.replace("0:", "00:"),
    ];
    let unfounded = misshapen.map(|gone| vec![("why", why), ("gone", gone)]);
    for detail in unfounded.into_iter().chain([vec![("why", why)], vec![("gone", seen)]]) {
        check(
            |log| ended(log, EntryKind::ChangeWithdrawn, &detail),
            &expect![[r#"
                end_unfounded @4: entry 4 withdraws chg-01m7xzk500040g2081040g2081 because its targets are gone, and does not say by which reads that is known
            "#]],
        );
    }
    // What was let through is not looked for.
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.permit(1, "0", "2");
            log.outcome(1, "0");
            log.about(EntryKind::ChangeWithdrawn, 1, Some("change"), &[("why", why), ("gone", seen)]);
        },
        &expect![[r#"
            end_unfounded @6: entry 6 withdraws chg-01m7xzk500040g2081040g2081 because its targets are gone, that of step 0 too, which was permitted before
        "#]],
    );
}

/// It names each action that could still run, once and in order; which there are it lists as its digest has them.
#[test]
fn what_is_over_is_so_in_all_that_could_still_run() {
    let (agent, operator) = ("kiro".parse().unwrap(), name("alice"));
    let chain = Chain { agent, operator, launcher: None, owner: None };
    let actions = [Digest::of(b"one"), Digest::of(b"two")];
    let listed = actions.map(|it| it.to_string()).join(" ");
    let of_plan = change_digest(&chain, actions);
    let reads = |steps: &[u32]| {
        let each: Vec<String> = steps.iter().map(|nth| format!("{nth}:{}", Digest::of(b"seen"))).collect();
        each.join(" ")
    };
    let withdraw = |log: &mut Scribe, nth: u8, steps: &[u32], listed: &str| {
        let (why, gone) = ("its target is gone: app (by cloudformation:DescribeStacks)", reads(steps));
        let mut detail = vec![("why", why), ("gone", &gone), ("actions", listed)];
        detail.retain(|(key, value)| *key != "actions" || !value.is_empty());
        log.about(EntryKind::ChangeWithdrawn, nth, Some("change"), &detail);
    };
    let told = |ran: &[&str], steps: &[u32], listed: &str| {
        let mut log = Scribe::new();
        log.digest = of_plan;
        for step in ran {
            log.permit(1, step, "0");
            log.outcome(1, step);
        }
        withdraw(&mut log, 1, steps, listed);
        let told = log.log().problems();
        told.split_once("are gone, ").map_or(told.as_str(), |(_, why)| why).trim_end().to_owned()
    };
    assert_eq!(told(&[], &[0, 1], &listed), "");
    assert_eq!(told(&["0"], &[1], &listed), "");
    let each = "and does not name the read of each that had not run";
    for (ran, steps) in
        [(&[][..], &[0][..]), (&[], &[1]), (&[], &[0, 1, 2]), (&["0"], &[2]), (&["0", "1"], &[7])]
    {
        assert_eq!(told(ran, steps, &listed), each, "{ran:?} {steps:?}");
    }
    for steps in [&[0, 0][..], &[1, 0], &[0, 1, 1]] {
        for listed in [&listed, ""] {
            assert_eq!(told(&[], steps, listed), "and does not name each once and in order", "{steps:?}");
        }
    }
    for listed in [&listed, ""] {
        assert_eq!(told(&["0"], &[0, 1], listed), "that of step 0 too, which was permitted before");
    }
    let one = actions[0].to_string();
    assert_eq!(told(&[], &[0], &one), "and lists other actions than it has the digest of");
    assert_eq!(told(&[], &[0, 1], "some"), "and does not list them all");
    // Written before they were listed.
    assert_eq!(told(&[], &[1], ""), "");
    // What ran before a veto ran.
    for (steps, expected) in [(&[1][..], ""), (&[0, 1], "that of step 0 too, which was permitted before")] {
        let mut log = Scribe::new();
        log.digest = of_plan;
        log.permit(1, "0", "0");
        log.outcome(1, "0");
        for (kind, act, who, nth) in [
            (EntryKind::ChangeRejected, Act::Reject, "bob", 1),
            (EntryKind::ChangeReopened, Act::Reopen, "alice", 2),
        ] {
            let line = checkpoint_line(&log.entries);
            log.signed(kind, nth, &statement(act, who, change(1), of_plan, line));
        }
        withdraw(&mut log, 2, steps, &listed);
        let told = log.log().problems();
        assert!(told.trim_end().ends_with(expected) && told.is_empty() == expected.is_empty(), "{told}");
    }
}

#[test]
fn what_was_denied_at_once_is_let_through_no_more() {
    check(
        |log| {
            log.about(EntryKind::ActionDenied, 1, Some("change"), &[("verdict", "deny")]);
            log.permit(1, "0", "0");
        },
        &expect![[r#"
            permit_after_end @2: entry 2 permits chg-01m7xzk500040g2081040g2081, which was over with entry 1
        "#]],
    );
    // A freeze may pass.
    check(
        |log| {
            log.hold(1);
            log.about(EntryKind::ActionDenied, 1, None, &[("verdict", "deny")]);
            log.approve(1, "bob");
            log.approve(1, "carol");
            log.permit(1, "0", "2");
        },
        &expect![""],
    );
}
