//! When the disk is flushed: before the answer of what must be durable, with it for what is lazy, soon for what nobody
//! asks about, and never for nothing. What a power cut leaves is shown in `power`.

use std::{
    convert::Infallible,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use store::{Probe, StorageError, Store, WriteError};

use crate::fixture::{change, change_id, entry};

/// What the writer does about flushes, as it does it.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<&'static str>>>);

impl Seen {
    fn probe(&self, soon: Option<Duration>) -> Probe {
        let seen = Arc::clone(&self.0);
        let step = move |name: &'static str| {
            if name.starts_with("synchronous") || name == "COMMIT" || name == "flush" {
                seen.lock().unwrap().push(name);
            }
        };
        Probe { step: Some(Arc::new(step)), soon, ..Probe::default() }
    }

    /// Since it was last asked.
    fn since(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

const NEVER: Option<Duration> = Some(Duration::from_secs(3600));

/// A store in which nothing is outstanding.
fn opened(folder: &tempfile::TempDir, soon: Option<Duration>) -> (Store, Seen) {
    let seen = Seen::default();
    let store = Store::sqlite_probed(&folder.path().join("db"), seen.probe(soon)).unwrap();
    seen.since();
    (store, seen)
}

async fn durable(store: &Store, n: u64) {
    store.write(move |tx| tx.create_change(&change(n), entry(n))).await.unwrap();
}

async fn lazy(store: &Store, n: u64) {
    store.write_lazily(move |tx| tx.create_change(&change(n), entry(n))).await.unwrap();
}

async fn look(store: &Store) {
    store.write(|tx| tx.change(change_id(1))).await.unwrap();
}

#[tokio::test]
async fn each_acknowledgement_costs_the_flush_that_it_promises() {
    let folder = tempfile::tempdir().unwrap();
    let (store, seen) = opened(&folder, NEVER);
    let check = |expected: &[&str]| assert_eq!(seen.since(), expected);

    durable(&store, 1).await;
    check(&["COMMIT"]);
    store.settle().await.unwrap();
    check(&["COMMIT"]);
    look(&store).await;
    check(&["COMMIT"]);

    lazy(&store, 2).await;
    check(&["synchronous = NORMAL", "COMMIT"]);
    // One flush for both: under `FULL`, whether a commit flushes depends on what it has to write.
    durable(&store, 3).await;
    check(&["COMMIT", "flush"]);
    store.settle().await.unwrap();
    check(&["synchronous = FULL", "COMMIT"]);

    lazy(&store, 4).await;
    lazy(&store, 5).await;
    store.settle().await.unwrap();
    check(&["synchronous = NORMAL", "COMMIT", "COMMIT", "COMMIT", "flush"]);
    lazy(&store, 6).await;
    look(&store).await;
    check(&["COMMIT", "COMMIT", "flush"]);

    // What is refused leaves nothing behind that anybody would have to flush.
    let refused = store.write_lazily(|tx| tx.create_change(&change(1), entry(7))).await;
    assert!(matches!(refused, Err(WriteError::Op(_))));
    store.settle().await.unwrap();
    check(&["COMMIT", "synchronous = FULL", "COMMIT"]);
}

/// One that must be durable takes all of its batch along.
#[tokio::test]
async fn a_mixed_batch_is_flushed_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (store, seen) = opened(&folder, NEVER);
    let (entered, enter) = std::sync::mpsc::channel();
    let (leave, left) = std::sync::mpsc::channel::<()>();
    // While this one runs, the others queue up behind it.
    let first = {
        let store = store.clone();
        tokio::spawn(async move {
            let held = store.write(move |_| {
                entered.send(()).unwrap();
                left.recv().unwrap();
                Ok::<_, Infallible>(())
            });
            held.await.unwrap();
        })
    };
    tokio::task::spawn_blocking(move || enter.recv().unwrap()).await.unwrap();
    let mut others: Vec<_> = Vec::new();
    for n in 1..=9 {
        let store = store.clone();
        others.push(tokio::spawn(async move {
            if n == 5 { durable(&store, n).await } else { lazy(&store, n).await }
        }));
    }
    tokio::task::yield_now().await;
    leave.send(()).unwrap();
    first.await.unwrap();
    for other in others {
        other.await.unwrap();
    }
    store.settle().await.unwrap();
    assert_eq!(seen.since(), ["COMMIT", "COMMIT", "COMMIT"], "the first, the batch, and nothing to settle");
}

#[tokio::test]
async fn what_nobody_asks_about_is_flushed_soon() {
    let folder = tempfile::tempdir().unwrap();
    let (store, seen) = opened(&folder, None);
    for n in 1..4 {
        lazy(&store, n).await;
        seen.since();
        let mut flushes = 0;
        for _ in 0..500 {
            tokio::time::sleep(Duration::from_millis(10)).await;
            flushes += seen.since().iter().filter(|it| **it == "flush").count();
            if flushes > 0 {
                break;
            }
        }
        assert_eq!(flushes, 1);
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(seen.since(), Vec::<&str>::new(), "and then there is nothing to do");
}

/// However long one follows the other.
#[tokio::test]
async fn a_stream_of_lazy_writes_is_flushed_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let (store, seen) = opened(&folder, None);
    let mut n = 0;
    while !seen.since().contains(&"flush") {
        n += 1;
        assert!(n < 100_000, "never");
        lazy(&store, n).await;
    }
}

#[tokio::test]
async fn the_last_handle_leaves_nothing_unflushed() {
    let folder = tempfile::tempdir().unwrap();
    let (store, seen) = opened(&folder, NEVER);
    lazy(&store, 1).await;
    drop(store);
    assert_eq!(seen.since(), ["synchronous = NORMAL", "COMMIT", "flush"]);
}

/// Where it is not known whether commits flush, that is settled before the next one.
#[tokio::test]
async fn a_setting_that_was_not_read_back_is_made_again() {
    let folder = tempfile::tempdir().unwrap();
    let seen = Seen::default();
    let broken = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&broken);
    let fail = move |name: &'static str| {
        (name == "read back" && fails.load(Ordering::SeqCst)).then_some(rusqlite::ffi::SQLITE_IOERR_READ)
    };
    let probe = Probe { fail: Some(Arc::new(fail)), ..seen.probe(NEVER) };
    let store = Store::sqlite_probed(&folder.path().join("db"), probe).unwrap();
    seen.since();
    broken.store(true, Ordering::SeqCst);
    let refused = store.write_lazily(|tx| tx.create_change(&change(1), entry(1))).await;
    assert!(matches!(refused, Err(WriteError::Storage(StorageError::Io(_)))));
    broken.store(false, Ordering::SeqCst);
    durable(&store, 2).await;
    assert_eq!(seen.since(), ["synchronous = NORMAL", "synchronous = FULL", "COMMIT"]);
}

/// What was acknowledged lazily stays readable; nothing more is written, and the barrier never says that it is durable.
#[tokio::test]
async fn a_flush_that_fails_after_the_answer_ends_all_writing() {
    let folder = tempfile::tempdir().unwrap();
    let broken = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&broken);
    let fail = move |name: &'static str| {
        (name == "flush" && fails.load(Ordering::SeqCst)).then_some(rusqlite::ffi::SQLITE_IOERR_FSYNC)
    };
    let probe = Probe { fail: Some(Arc::new(fail)), ..Probe::default() };
    let store = Store::sqlite_probed(&folder.path().join("db"), probe).unwrap();
    broken.store(true, Ordering::SeqCst);
    lazy(&store, 1).await;
    for _ in 0..3 {
        assert!(matches!(store.settle().await, Err(StorageError::Poisoned(_))));
        broken.store(false, Ordering::SeqCst);
    }
    let written = store.write_lazily(|tx| tx.create_change(&change(2), entry(2))).await;
    assert!(matches!(written, Err(WriteError::Storage(StorageError::Poisoned(_)))));
    let there = store.read(|view| Ok(view.change(change_id(1))?.is_some())).await;
    assert_eq!(there, Ok(true));
}

#[tokio::test]
async fn a_store_without_a_disk_has_nothing_to_flush() {
    let store = Store::memory();
    lazy(&store, 1).await;
    store.settle().await.unwrap();
    let there = store.read(|view| Ok(view.change(change_id(1))?.is_some())).await;
    assert_eq!(there, Ok(true));
}
