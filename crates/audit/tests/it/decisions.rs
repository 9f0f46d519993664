//! Each permit carries its decision, and that follows from what the log said before. What an earlier version wrote is told of.

use audit::Undecided;
use expect_test::{Expect, expect};
use model::EntryKind;

use crate::{
    since::{of_tail, told},
    story::{Scribe, sign_log},
};

/// A log as this version begins it, audited whole and after each of its entries.
fn check(write: impl FnOnce(&mut Scribe), expected: &Expect) {
    let mut log = Scribe::telling();
    write(&mut log);
    let log = log.log();
    expected.assert_eq(&log.problems());
    for size in 1..=log.entries.len() {
        let old = sign_log(&log.entries[..size]);
        assert_eq!(told(&log, &old).problems, of_tail(log.clone(), &old, size as u64).1, "{size}");
    }
    assert_eq!(log.verify().undecided, None);
}

const JUDGED: [(&str, &str); 3] =
    [("verdict", "allow"), ("rules", ""), ("why", "another bundle is in force; earlier approvals are void")];

fn held(log: &mut Scribe, people: &str) {
    let detail = [
        ("step", "0"),
        ("people", people),
        ("verdict", "hold"),
        ("why", "all is there"),
        ("rules", ""),
        ("grants", ""),
    ];
    log.about(EntryKind::PermitIssued, 1, None, &detail);
}

#[test]
fn a_permit_says_why() {
    check(
        |log| {
            log.allow(1);
            log.outcome(1, "0");
        },
        &expect![""],
    );
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            held(log, "2");
            log.outcome(1, "0");
        },
        &expect![""],
    );
    for key in ["verdict", "why", "rules", "grants"] {
        check(
            |log| {
                log.allow(1);
                log.edit_last(|entry| drop(entry.detail.remove(key)));
            },
            &expect![[r#"
                permit_undecided @2: entry 2 permits chg-01m7xzk500040g2081040g2081 and does not say why: no decision is in it
            "#]],
        );
    }
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            held(log, "2");
            log.edit_last(|entry| drop(entry.detail.remove("grants")));
        },
        &expect![[r#"
            permit_undecided @5: entry 5 permits chg-01m7xzk500040g2081040g2081 and does not say why: no decision is in it
        "#]],
    );
    check(
        |log| {
            log.allow(1);
            log.edit_last(|entry| drop(entry.detail.insert("verdict".into(), "deny".into())));
        },
        &expect![[r#"
            permit_undecided @2: entry 2 permits chg-01m7xzk500040g2081040g2081 and does not say why: no decision is in it
        "#]],
    );
}

/// Two people were to agree, nobody did, and the permit says that nobody had to.
#[test]
fn what_was_held_passes_for_nobody_only_once_it_was_judged_anew() {
    check(
        |log| {
            log.hold(1);
            log.allow(1);
            log.outcome(1, "0");
        },
        &expect![[r#"
            permit_undecided @3: entry 3 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, but entry 2 holds it for 2 other people, and no entry says that it was judged anew
        "#]],
    );
    check(
        |log| {
            log.hold(1);
            log.about(EntryKind::ChangeJudged, 1, None, &JUDGED);
            log.allow(1);
            log.outcome(1, "0");
        },
        &expect![""],
    );
    // That says nothing of why.
    check(
        |log| {
            log.hold(1);
            log.about(EntryKind::ChangeJudged, 1, None, &JUDGED[..2]);
            log.allow(1);
        },
        &expect![[r#"
            permit_undecided @4: entry 4 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, but entry 2 holds it for 2 other people, and no entry says that it was judged anew
        "#]],
    );
    // Of another change; and before it was held.
    check(
        |log| {
            log.hold(1);
            log.about(EntryKind::ChangeJudged, 2, None, &JUDGED);
            log.allow(1);
        },
        &expect![[r#"
            permit_undecided @4: entry 4 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, but entry 2 holds it for 2 other people, and no entry says that it was judged anew
        "#]],
    );
    check(
        |log| {
            log.about(EntryKind::ChangeJudged, 1, None, &JUDGED);
            log.hold(1);
            log.allow(1);
        },
        &expect![[r#"
            permit_undecided @4: entry 4 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, but entry 3 holds it for 2 other people, and no entry says that it was judged anew
        "#]],
    );
}

/// Only a judgement that says why asks for less than was asked for before; whatever else says so is not believed.
#[test]
fn less_is_needed_only_once_it_was_judged_anew() {
    let then_allowed = |kind: EntryKind, detail: &[(&str, &str)]| {
        let mut log = Scribe::telling();
        log.hold(1);
        log.about(kind, 1, None, detail);
        log.allow(1);
        let problems = log.log().verify().problems;
        // Of the actions that another one joined, and of the signature of whoever reopens, others tell.
        let of_permit = problems.into_iter().filter(|it| it.code.name().starts_with("permit_"));
        of_permit.map(|it| format!("{} {}\n", it.code, it.message)).collect::<String>()
    };
    let kept = "permit_undecided entry 4 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, but entry 2 holds it for 2 other people, and no entry says that it was judged anew\n";
    let why = ("why", "what it needs has changed");
    let (allow, nobody) = ([("verdict", "allow")], [("verdict", "hold"), ("people", "0")]);
    for kind in [EntryKind::ChangeHeld, EntryKind::ChangeJoined, EntryKind::ChangeReopened] {
        for less in [&allow[..], &nobody] {
            assert_eq!(then_allowed(kind, less), kept, "{kind:?} {less:?}");
            assert_eq!(then_allowed(kind, &[less, &[why]].concat()), kept, "{kind:?} {less:?}, and why");
        }
    }
    for less in [&allow[..], &nobody] {
        assert_eq!(then_allowed(EntryKind::ChangeJudged, less), kept, "{less:?}");
        assert_eq!(then_allowed(EntryKind::ChangeJudged, &[less, &[("why", "")]].concat()), kept, "{less:?}");
        assert_eq!(then_allowed(EntryKind::ChangeJudged, &[less, &[why]].concat()), "", "{less:?}");
    }
    // As many people, and not as well.
    check(
        |log| {
            log.hold(1);
            let role = "2 other people; one of them as data-owner";
            let more = [("verdict", "hold"), ("requirement", role), ("people", "2")];
            log.about(EntryKind::ChangeJudged, 1, None, &more);
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            held(log, "2");
        },
        &expect![[r#"
            permit_unapproved @7: entry 7 permits chg-01m7xzk500040g2081040g2081, of which those who signed were told that it takes 2 other people, and entry 3 asks for 2 other people; one of them as data-owner
        "#]],
    );
    // More may be asked for at any time.
    check(
        |log| {
            let one =
                [("verdict", "hold"), ("requirement", "1 other person"), ("people", "1"), ("rules", "")];
            log.about(EntryKind::ChangeHeld, 1, None, &one);
            log.about(EntryKind::ChangeJudged, 1, None, &[("verdict", "hold"), ("people", "2")]);
            log.approve(1, "bob");
            log.approve(1, "carol");
            held(log, "2");
        },
        &expect![""],
    );
}

#[test]
fn a_decision_is_the_one_that_the_log_tells_of() {
    check(
        |log| held(log, "0"),
        &expect![[r#"
            permit_undecided @2: entry 2 permits chg-01m7xzk500040g2081040g2081 as what was held, and no entry before it holds it
        "#]],
    );
    check(
        |log| {
            log.allow(1);
            log.edit_last(|entry| drop(entry.detail.insert("people".into(), "1".into())));
        },
        &expect![[r#"
            permit_undecided @2: entry 2 permits chg-01m7xzk500040g2081040g2081 as what needs nobody, and says that it took people
            permit_unapproved @2: entry 2 permits chg-01m7xzk500040g2081040g2081, which took the approval of 1 outside its chain; before it the log has those of nobody
        "#]],
    );
}

/// A log that an earlier version began is convicted of nothing that it did not write; whoever reads the report is told.
#[test]
fn permits_of_an_earlier_version_are_told_of() {
    let undecided = |write: &dyn Fn(&mut Scribe)| {
        let mut log = Scribe::new();
        write(&mut log);
        let report = log.log().verify();
        assert_eq!(report.problems, []);
        report.undecided
    };
    let allowed = [("step", "0"), ("people", "0"), ("verdict", "allow")];
    assert_eq!(undecided(&|log| log.allow(1)), None);
    let first = undecided(&|log| {
        log.about(EntryKind::PermitIssued, 1, None, &allowed);
        log.allow(2);
        log.about(EntryKind::PermitIssued, 3, None, &allowed);
    });
    assert_eq!(first, Some(Undecided { permits: 2, first: 1, last: 3, of_held: Vec::new() }));
    let of_held = undecided(&|log| {
        log.hold(1);
        log.about(EntryKind::PermitIssued, 1, None, &allowed);
        log.outcome(1, "0");
    });
    assert_eq!(of_held, Some(Undecided { permits: 1, first: 2, last: 2, of_held: vec![2] }));
    expect!["1 permit(s) between entry 2 and entry 2 do not say why they were issued: an earlier version wrote them, or somebody left it out; of a change that was held for people and let through for nobody: entry 2"]
        .assert_eq(&of_held.unwrap().to_string());
}
