//! What a session did, added up: on both backends, within bounds, and counted again from the entries.

use std::fmt::Write as _;

use expect_test::{Expect, expect};
use model::{Change, ChangeState, Entry, EntryKind, Session};
use rusqlite::Connection;
use store::{Activity, Often, Store, Tx};

use crate::fixture::{approval, at, change, entry, entry_id, moved_to, reads, session, session_id};

on_both!(
    what_a_session_asked_for_is_added_up,
    changes_are_counted_by_state_and_the_newest_of_each_end_are_told,
    who_stopped_it_is_told,
    what_it_reported_of_its_model_is_added_up,
    a_hundred_thousand_reads_take_bounded_room,
    what_was_refused_an_entry_is_not_counted,
);

async fn write(store: &Store, op: impl FnOnce(&mut Tx<'_>) -> Result<(), store::Conflict> + Send + 'static) {
    store.write(op).await.unwrap();
}

async fn activity(store: &Store, of: Session, most: usize) -> Activity {
    store.read(move |view| view.activity(&of, most)).await.unwrap()
}

fn told(often: &[Often]) -> String {
    let mut text = String::new();
    for Often { operation, target, why, times } in often {
        writeln!(text, "{times} {operation}|{target}|{why}").unwrap();
    }
    text
}

fn check(found: &Activity, expected: &Expect) {
    let last = |it: store::Passing| it.last.map(|last| last.since(at(0)) / 1000);
    let passing = |it: store::Passing| format!("{} times, {} kinds, last {:?}", it.times, it.kinds, last(it));
    expected.assert_eq(&format!(
        "read {}\ndenied {}\noperations\n{}most read\n{}most denied\n{}",
        passing(found.read),
        passing(found.denied),
        told(&found.operations),
        told(&found.most_read),
        told(&found.most_denied)
    ));
}

async fn what_a_session_asked_for_is_added_up(store: &Store) {
    write(store, |tx| {
        tx.record(reads(1, 1, 10, &[("s3:GetObject b/one", 2), ("ec2:DescribeInstances ", 7)]))?;
        tx.record(reads(2, 2, 11, &[("s3:GetObject b/one", 100)]))?;
        tx.record(reads(3, 1, 30, &[("s3:GetObject b/one", 3), ("s3:GetObject b/two", 1)]))?;
        tx.record(reads(4, 1, 20, &[("denied s3:GetObject b/key (secrets-stay)", 4)]))?;
        Ok(tx.record(reads(5, 1, 21, &[("refused Delete the stack. (it was rejected)", 1)]))?)
    })
    .await;
    let expected = expect![[r#"
        read 13 times, 3 kinds, last Some(30)
        denied 5 times, 2 kinds, last Some(21)
        operations
        7 ec2:DescribeInstances||
        6 s3:GetObject||
        most read
        7 ec2:DescribeInstances||
        5 s3:GetObject|b/one|
        most denied
        4 s3:GetObject|b/key|secrets-stay
        1 |Delete the stack.|it was rejected
    "#]];
    check(&activity(store, session(1), 2).await, &expected);
    assert_eq!(activity(store, session(3), 2).await, Activity::default());
}

async fn what_it_reported_of_its_model_is_added_up(store: &Store) {
    let reported = |n: u64, lines: &[&str], left_out: Option<&str>| {
        let mut entry = Entry::new(entry_id(n), at(i64::try_from(n).unwrap()), EntryKind::AgentReported);
        entry.actors.session = Some(session_id(1));
        entry.detail.insert("asked".to_owned(), "tidy up".to_owned());
        for (nth, line) in lines.iter().enumerate() {
            entry.detail.insert(format!("line_{nth:02}"), (*line).to_owned());
        }
        entry.detail.extend(left_out.map(|count| ("left_out".to_owned(), count.to_owned())));
        entry
    };
    let first = reported(1, &["refused: shell: no", "claimed: approval: they agreed"], None);
    let second = reported(2, &["refused: shell: no"], Some("3"));
    write(store, move |tx| {
        tx.record(first)?;
        Ok(tx.record(second)?)
    })
    .await;
    let found = activity(store, session(1), 2).await;
    assert_eq!(
        (found.reported.times, found.reported.kinds, found.read.times, found.denied.times),
        (6, 3, 0, 0)
    );
    let sorts: Vec<(&str, u64)> =
        found.reported_as.iter().map(|(sort, times)| (sort.as_str(), *times)).collect();
    assert_eq!(sorts, [("", 3), ("refused", 2), ("claimed", 1)]);
    expect![[r#"
        3 ||
        2 refused||shell: no
    "#]]
    .assert_eq(&told(&found.most_reported));
}

async fn changes_are_counted_by_state_and_the_newest_of_each_end_are_told(store: &Store) {
    for (nth, state) in (1..).zip(ChangeState::ALL.into_iter().cycle().take(33)) {
        let made = moved_to(&change(nth), state);
        write(store, move |tx| tx.create_change(&made, entry(nth))).await;
    }
    let others = Change { session: session_id(2), ..change(99) };
    write(store, move |tx| tx.create_change(&others, entry(99))).await;
    write(store, |tx| tx.record_approval(&approval(24, "ben"), entry(100))).await;
    let found = activity(store, session(1), 2).await;
    assert!(found.states.values().all(|count| *count == 3) && found.states.len() == 11, "{:?}", found.states);
    let states = |changes: &[Change]| changes.iter().map(|it| it.state.name()).collect::<Vec<_>>();
    assert_eq!(states(&found.ran), ["unknown", "failed"], "of more states than are shown, the newest");
    assert_eq!(states(&found.waiting), ["approved", "held"]);
    assert_eq!(states(&found.refused), ["denied", "rejected"]);
    let approved: Vec<_> = found.approved_by.iter().map(|(id, by)| (*id, by.len())).collect();
    assert_eq!(approved, [(change(24).id, 1)], "of what is shown");
    assert_eq!(found.newest, Some(change(33).created_at));
}

async fn who_stopped_it_is_told(store: &Store) {
    write(store, |tx| tx.issue_session(&session(1), entry(1))).await;
    assert_eq!(activity(store, session(1), 2).await.stopped_by, None);
    let stopped = Session { stopped_at: Some(at(7)), ..session(1) };
    let stop = stopped.clone();
    write(store, move |tx| {
        let mut entry = Entry::new(entry_id(2), at(7), EntryKind::SessionStopped);
        entry.actors.session = Some(stop.id);
        entry.actors.person = Some("ada".parse().unwrap());
        tx.update_session(&stop, entry)
    })
    .await;
    assert_eq!(activity(store, stopped, 2).await.stopped_by, Some("ada".parse().unwrap()));
}

async fn a_hundred_thousand_reads_take_bounded_room(store: &Store) {
    write(store, |tx| {
        for nth in 0..100u64 {
            let lines: Vec<String> =
                (0..1000).map(|own| format!("svc:Read{} thing-{nth}-{own}", own % 1500)).collect();
            let lines: Vec<(&str, u64)> = lines.iter().map(|line| (line.as_str(), 1)).collect();
            for (part, few) in (0..).zip(lines.chunks(500)) {
                tx.record(reads(1 + 2 * nth + part, 1, 1, few))?;
            }
        }
        Ok(())
    })
    .await;
    let found = activity(store, session(1), 3).await;
    assert_eq!(found.read.times, 100_000);
    assert!(found.read.kinds > Activity::MOST_KINDS && found.read.kinds <= 6_001, "{}", found.read.kinds);
    assert_eq!(found.operations.iter().map(|it| it.times).sum::<u64>(), 100_000);
    assert_eq!(found.operations.len(), 1000, "each operation is told apart still");
    assert_eq!(found.most_read.len(), 3);
}

async fn what_was_refused_an_entry_is_not_counted(store: &Store) {
    write(store, |tx| Ok(tx.record(reads(1, 1, 1, &[("s3:ListBuckets ", 1)]))?)).await;
    store.write(|tx| tx.record(reads(1, 1, 1, &[("s3:ListBuckets ", 1)]))).await.unwrap_err();
    let broken = store.write(|tx| {
        tx.record(reads(2, 1, 1, &[("s3:ListBuckets ", 1)])).unwrap();
        Err::<(), _>("broken off")
    });
    broken.await.unwrap_err();
    assert_eq!(activity(store, session(1), 3).await.read.times, 1);
}

/// As by a version that did not count, or counted otherwise.
#[tokio::test]
async fn what_was_asked_is_counted_again_from_the_entries() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::sqlite(&path).unwrap();
    write(&store, |tx| {
        tx.issue_session(&session(1), entry(900))?;
        for nth in 1..=700 {
            tx.record(reads(nth, 1, 5, &[("s3:ListBuckets ", 2), ("denied s3:GetObject b/k (rule)", 1)]))?;
        }
        Ok(())
    })
    .await;
    let before = activity(&store, session(1), 3).await;
    assert_eq!((before.read.times, before.denied.times), (1400, 700));
    drop(store);
    let older = "DROP TABLE recorded; DROP INDEX changes_by_session_and_state; DROP TABLE asked; UPDATE derived_by SET rules = 'older'; PRAGMA user_version = 3";
    Connection::open(&path).unwrap().execute_batch(older).unwrap();
    let store = Store::sqlite(&path).unwrap();
    assert_eq!(activity(&store, session(1), 3).await, before);
}
