//! Nothing is let through in a session that was never issued, was stopped, or has expired; what was let through before may end
//! after it.

use expect_test::{Expect, expect};
use model::{EntryKind, SessionId};

use crate::{
    since::{of_tail, told},
    story::{Log, Scribe, change, sign_log, time},
};

fn written(write: impl FnOnce(&mut Scribe)) -> Log {
    let mut log = Scribe::telling();
    write(&mut log);
    let log = log.log();
    for size in 1..=log.entries.len() {
        let old = sign_log(&log.entries[..size]);
        assert_eq!(told(&log, &old).problems, of_tail(log.clone(), &old, size as u64).1, "{size}");
    }
    log
}

fn check(write: impl FnOnce(&mut Scribe), expected: &Expect) {
    expected.assert_eq(&written(write).problems());
}

fn stop(log: &mut Scribe) {
    log.write(EntryKind::SessionStopped, |_| {});
}

/// Besides the one that the log is told in.
fn another() -> SessionId {
    SessionId::new(1, [2; 10])
}

#[test]
fn a_stopped_session_lets_nothing_through_and_what_was_may_end() {
    check(
        |log| {
            log.allow(1);
            stop(log);
            log.outcome(1, "0");
        },
        &expect![""],
    );
    check(
        |log| {
            stop(log);
            log.allow(1);
            log.outcome(1, "0");
        },
        &expect![[r#"
            session_closed @3: entry 3 permits chg-01m7xzk500040g2081040g2081 in ses-0000000001040g2081040g2081, which entry 2 had stopped
        "#]],
    );
    check(
        |log| {
            log.hold(1);
            log.approve(1, "bob");
            log.approve(1, "carol");
            stop(log);
            log.permit(1, "0", "2");
            log.edit_last(|entry| {
                let why = [("why", "all"), ("rules", ""), ("grants", "")];
                entry.detail.extend(why.map(|(key, it)| (key.into(), it.into())));
            });
        },
        &expect![[r#"
            session_closed @6: entry 6 permits chg-01m7xzk500040g2081040g2081 in ses-0000000001040g2081040g2081, which entry 5 had stopped
        "#]],
    );
    // Another one was.
    check(
        |log| {
            log.write(EntryKind::SessionIssued, |entry| entry.actors.session = Some(another()));
            log.write(EntryKind::SessionStopped, |entry| entry.actors.session = Some(another()));
            log.allow(1);
        },
        &expect![""],
    );
}

/// It is the person's, who needs no session for it.
#[test]
fn a_person_takes_back_what_a_stopped_session_did() {
    let undo = |by: &'static str| {
        written(|log| {
            log.allow(1);
            log.outcome(1, "0");
            stop(log);
            log.allow(2);
            log.edit_last(|entry| {
                entry.detail.insert("undoes".into(), change(1).to_string());
                entry.detail.insert(by.into(), "alice".into());
            });
        })
        .problems()
    };
    assert_eq!(undo("asked_by"), "");
    assert!(undo("asked_by_agent").starts_with("session_closed @5: "), "{}", undo("asked_by_agent"));
}

#[test]
fn an_expired_session_lets_nothing_through() {
    let at = |minutes: i64| {
        move |log: &mut Scribe| {
            log.allow(1);
            log.edit_last(|entry| entry.at = time(minutes));
        }
    };
    check(at(299), &expect![""]);
    check(
        at(300),
        &expect![[r#"
            session_closed @2: entry 2 permits chg-01m7xzk500040g2081040g2081 in ses-0000000001040g2081040g2081, which had expired at 2026-11-21T07:40:00.000Z
        "#]],
    );
    // Another one of the same agent asks for what that one had asked for, and says so.
    let goes_on = |log: &mut Scribe, stopped: bool| {
        log.write(EntryKind::SessionIssued, |entry| entry.actors.session = Some(another()));
        if stopped {
            log.write(EntryKind::SessionStopped, |entry| entry.actors.session = Some(another()));
        }
        at(400)(log);
        log.edit_last(|entry| drop(entry.detail.insert("asked_in".into(), another().to_string())));
    };
    check(|log| goes_on(log, false), &expect![""]);
    let problems = written(|log| goes_on(log, true)).problems();
    assert!(problems.contains("which entry 3 had stopped"), "{problems}");
}

#[test]
fn a_session_that_was_never_issued_lets_nothing_through() {
    let nowhere = |edit: &dyn Fn(&mut model::Entry)| {
        written(|log| {
            log.allow(1);
            log.edit_last(edit);
        })
        .problems()
    };
    let problems = nowhere(&|entry| entry.actors.session = Some(another()));
    assert!(problems.starts_with("session_closed @2: ") && problems.contains("never issued"), "{problems}");
    let problems = nowhere(&|entry| drop(entry.detail.insert("asked_in".into(), another().to_string())));
    assert!(problems.starts_with("session_closed @2: ") && problems.contains("never issued"), "{problems}");
    expect![[r#"
        session_closed @2: entry 2 permits chg-01m7xzk500040g2081040g2081 in a session of no name
    "#]]
    .assert_eq(&nowhere(&|entry| drop(entry.detail.insert("asked_in".into(), "some".into()))));
    expect![[r#"
        session_closed @2: entry 2 permits chg-01m7xzk500040g2081040g2081 in no session
    "#]]
    .assert_eq(&nowhere(&|entry| entry.actors.session = None));
    // Countersign's own is for nobody else.
    expect![[r#"
        session_closed @2: entry 2 permits chg-01m7xzk500040g2081040g2081 in the session of Countersign itself, for another agent
    "#]]
    .assert_eq(&nowhere(&|entry| entry.actors.session = Some(SessionId::new(0, [0; 10]))));
    let ours = |entry: &mut model::Entry| {
        entry.actors.session = Some(SessionId::new(0, [0; 10]));
        entry.actors.agent = Some("countersign".parse().unwrap());
    };
    assert_eq!(nowhere(&ours), "");
    // In the log of an earlier version too.
    let mut log = Scribe::new();
    log.about(EntryKind::PermitIssued, 1, None, &[("step", "0"), ("people", "0"), ("verdict", "allow")]);
    let report = log.log().verify_with_sessions();
    let codes: Vec<&str> = report.problems.iter().map(|it| it.code.name()).collect();
    assert_eq!(codes, ["session_closed"]);
}
