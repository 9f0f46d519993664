//! Many at once: exactly one wins, nothing is lost, and the last handle waits for what is queued.

use std::future::Future as _;

use model::ChangeState;
use store::{Conflict, Filter, HistoryQuery, Store, WriteError};

use crate::fixture::{approval, at, chain, change, change_id, digest, entry, moved_to, session_id};

const RACERS: u64 = 40;

async fn one_of_many_advances(store: Store) {
    store.write(|tx| tx.create_change(&change(1), entry(1))).await.unwrap();
    for round in 0..5 {
        let racers: Vec<_> = (0..RACERS)
            .map(|n| {
                let store = store.clone();
                tokio::spawn(async move {
                    let next = moved_to(&change(1), ChangeState::Approved);
                    store.write(move |tx| tx.advance_change(&next, round, entry(100 * (round + 1) + n))).await
                })
            })
            .collect();
        let mut won = 0;
        for racer in racers {
            match racer.await.unwrap() {
                Ok(()) => won += 1,
                Err(WriteError::Op(Conflict::Version { expected, found })) => {
                    assert_eq!((expected, found), (round, round + 1));
                }
                Err(other) => panic!("{other}"),
            }
        }
        assert_eq!(won, 1);
    }
    let (version, entries) = store
        .read(|view| Ok((view.change(change_id(1))?.unwrap().version, view.unsequenced(1000)?.len())))
        .await
        .unwrap();
    assert_eq!((version, entries), (5, 6), "losers record nothing");
}

async fn one_of_many_creates(store: Store) {
    let racers: Vec<_> = (1..=RACERS)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let same = model::Change { digest: digest(1), ..change(n) };
                store.write(move |tx| tx.create_change(&same, entry(n))).await
            })
        })
        .collect();
    let mut made = Vec::new();
    for racer in racers {
        match racer.await.unwrap() {
            Ok(()) => made.push(()),
            Err(WriteError::Op(Conflict::Open(_))) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(made.len(), 1);
}

/// Approvals and a veto race on one change: whatever the order, none is recorded after the change was closed.
async fn nobody_signs_what_is_closed(store: Store) {
    store.write(|tx| tx.create_change(&change(1), entry(1))).await.unwrap();
    let racers: Vec<_> = (0..RACERS)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                store
                    .write(move |tx| {
                        let now = tx.change(change_id(1))?.unwrap();
                        if n == RACERS / 2 {
                            let closed = moved_to(&now, ChangeState::Rejected);
                            tx.advance_change(&closed, now.version, entry(1000))?;
                            return Ok(tx.approvals(change_id(1))?.len());
                        }
                        if now.state == ChangeState::Held {
                            tx.record_approval(&approval(1, &format!("person-{n}")), entry(100 + n))?;
                        }
                        Ok::<_, Conflict>(0)
                    })
                    .await
                    .unwrap()
            })
        })
        .collect();
    let mut seen_at_veto = 0;
    for racer in racers {
        seen_at_veto += racer.await.unwrap();
    }
    let approvals = store.read(|view| view.approvals(change_id(1))).await.unwrap();
    assert_eq!(approvals.len(), seen_at_veto);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_memory() {
    one_of_many_advances(Store::memory()).await;
    one_of_many_creates(Store::memory()).await;
    nobody_signs_what_is_closed(Store::memory()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let store = |name: &str| Store::sqlite(&folder.path().join(name)).unwrap();
    one_of_many_advances(store("one")).await;
    one_of_many_creates(store("two")).await;
    nobody_signs_what_is_closed(store("three")).await;
}

#[tokio::test]
async fn an_operation_may_own_the_last_handle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::sqlite(&path).unwrap();
    let inside = store.clone();
    let outside = store.clone();
    let writing = tokio::spawn(async move {
        outside
            .write(move |tx| {
                let result = tx.create_change(&change(1), entry(1));
                drop(inside);
                result
            })
            .await
    });
    drop(store);
    writing.await.unwrap().unwrap();
}

/// A long reading neither holds up the writer nor sees what it does.
#[tokio::test]
async fn a_reader_keeps_its_state_while_others_write() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::sqlite(&folder.path().join("db")).unwrap();
    store.write(|tx| tx.create_change(&change(1), entry(1))).await.unwrap();
    let (go_on, wait) = std::sync::mpsc::channel::<()>();
    let (tell_started, started) = tokio::sync::oneshot::channel();
    let reader = store.clone();
    let reading = tokio::spawn(async move {
        let count = |view: &store::View<'_>| Ok(view.changes(&Filter::default())?.len());
        reader
            .read(move |view| {
                let first = count(view)?;
                tell_started.send(()).unwrap();
                wait.recv().unwrap();
                Ok((first, count(view)?, view.history(&nothing_since())?.destroys))
            })
            .await
    });
    started.await.unwrap();
    let ran = moved_to(&change(2), ChangeState::Executing);
    store.write(move |tx| tx.create_change(&ran, entry(2))).await.unwrap();
    go_on.send(()).unwrap();
    assert_eq!(reading.await.unwrap(), Ok((1, 1, 0)));
    assert_eq!(store.read(|view| view.history(&nothing_since())).await.unwrap().destroys, 1);
}

fn nothing_since() -> HistoryQuery {
    HistoryQuery { session: session_id(1), agent: chain().agent, targets: vec![], since: at(0) }
}

/// Nobody waits for the answer any more; it is done all the same.
#[tokio::test]
async fn what_is_queued_is_done_before_the_store_goes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let store = Store::sqlite(&path).unwrap();
    for n in 1..=20 {
        let mut write = std::pin::pin!(store.write(move |tx| tx.create_change(&change(n), entry(n))));
        // One poll queues it; then the asker goes away.
        std::future::poll_fn(|context| {
            let _ = write.as_mut().poll(context);
            std::task::Poll::Ready(())
        })
        .await;
    }
    drop(store);
    assert_eq!(Store::projection_of(&path).unwrap().documents.len(), 20);
}
