//! Nothing is let through in a session that was never issued, was stopped, or has expired; what was let through before may end
//! after it.

use expect_test::{Expect, expect};
use model::{Actors, Digest, EntryKind, SessionId};

use crate::{
    since::{of_tail, told},
    story::{Log, Scribe, change, roster, sign_log, time},
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

/// That it is a person's takes more than two words: something was let through before, and whoever asks is in the roster.
#[test]
fn what_nobody_took_back_waits_for_its_session() {
    let undo = |before: &dyn Fn(&mut Scribe), undoes: u8, by: &str| {
        let problems = written(|log| {
            before(log);
            stop(log);
            log.allow(2);
            log.edit_last(|entry| {
                entry.detail.insert("undoes".into(), change(undoes).to_string());
                entry.detail.insert("asked_by".into(), by.into());
            });
        })
        .problems();
        assert!(problems.is_empty() || problems.contains("had stopped"), "{problems}");
        problems.is_empty()
    };
    let ran = |log: &mut Scribe| {
        log.allow(1);
        log.outcome(1, "0");
    };
    assert!(undo(&ran, 1, "carol"), "whoever it is of the roster");
    assert!(!undo(&ran, 1, "eve"));
    assert!(!undo(&ran, 3, "alice"), "of a change that there is not");
    assert!(!undo(&ran, 2, "alice"), "of itself");
    assert!(!undo(&|log| log.hold(1), 1, "alice"), "of what was only asked for");
    let of_another = |log: &mut Scribe| {
        log.write(EntryKind::SessionIssued, |entry| {
            entry.actors.agent = Some("other".parse().unwrap());
            entry.actors.session = Some(another());
        });
        log.allow(1);
        log.edit_last(|entry| {
            entry.actors.agent = Some("other".parse().unwrap());
            entry.actors.session = Some(another());
        });
    };
    assert!(!undo(&of_another, 1, "alice"), "of another agent");
    // Who has left is as little in the roster as anybody.
    let left = |log: &mut Scribe| {
        ran(log);
        let mut there = roster();
        there.people.remove("carol");
        log.adopt(5, &there, Digest::of(b"without carol"));
    };
    let by = |who: &str| {
        let mut log = Scribe::new();
        log.write(EntryKind::SessionIssued, |_| {});
        left(&mut log);
        stop(&mut log);
        log.allow(2);
        log.edit_last(|entry| {
            entry.detail.insert("undoes".into(), change(1).to_string());
            entry.detail.insert("asked_by".into(), who.into());
        });
        let problems = log.log().verify().problems;
        problems.into_iter().map(|it| it.code.name()).collect::<Vec<_>>()
    };
    assert_eq!(by("bob"), Vec::<&str>::new());
    assert_eq!(by("carol"), ["session_closed"]);
}

/// A session is one agent's, for one operator: nobody else's permit is in it, and nobody else asks for it.
#[test]
fn a_permit_is_in_a_session_of_its_own_chain() {
    let issued = |agent: &str, operator: &str| {
        let actors = Actors {
            agent: Some(agent.parse().unwrap()),
            operator: Some(operator.parse().unwrap()),
            session: Some(another()),
            person: None,
        };
        move |log: &mut Scribe| log.write(EntryKind::SessionIssued, |entry| entry.actors = actors)
    };
    let within = |log: &mut Scribe| {
        log.allow(1);
        log.edit_last(|entry| entry.actors.session = Some(another()));
    };
    let asks = |log: &mut Scribe| {
        log.allow(1);
        // The change's own session has expired by then.
        log.edit_last(|entry| {
            entry.at = time(400);
            entry.detail.insert("asked_in".into(), another().to_string());
        });
    };
    for permit in [&within as &dyn Fn(&mut Scribe), &asks] {
        for (agent, operator, sound) in
            [("kiro", "alice", true), ("other", "alice", false), ("kiro", "bob", false)]
        {
            let problems = written(|log| {
                issued(agent, operator)(log);
                permit(log);
            })
            .problems();
            if sound {
                assert_eq!(problems, "");
            } else {
                let told = problems.starts_with("session_closed @3: ")
                    && problems.ends_with("which is of another agent, or for another operator\n");
                assert!(told && problems.lines().count() == 1, "{problems}");
            }
        }
    }
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
    .assert_eq(&nowhere(&|entry| entry.actors.session = Some(SessionId::OWN)));
    let ours = |entry: &mut model::Entry| {
        entry.actors.session = Some(SessionId::OWN);
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
