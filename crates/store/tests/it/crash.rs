//! `kill -9` between every two statements, and at any moment: what was acknowledged is there whole, with its entries;
//! what was not is there whole or not at all.
//!
//! The child is this test binary again. It works, tells what was acknowledged, and, where it was asked to, stops and
//! waits at a statement; the parent kills it. This shows what a crash of the process leaves, not what a power cut does.

use std::{
    collections::BTreeSet,
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use model::{ChangeState, Entry};
use store::{Conflict, Filter, Probe, Store};

use crate::fixture::{approval, change, change_id, entry, entry_id, moved_to};

/// Statements of one operation below, with what surrounds it: found by counting, checked at the end of the test.
const STATEMENTS: i64 = 66;
const ENTRIES: u64 = 5;

/// A held change's life in one operation: two people sign it, it starts, and everything is on the record.
async fn operate(store: &Store, n: u64) {
    let result = store
        .write(move |tx| {
            let base = 1000 * n;
            tx.create_change(&change(n), entry(base))?;
            tx.record_approval(&approval(n, "ada"), entry(base + 1))?;
            tx.record_approval(&approval(n, "bob"), entry(base + 2))?;
            tx.advance_change(&moved_to(&change(n), ChangeState::Approved), 0, entry(base + 3))?;
            tx.advance_change(&moved_to(&change(n), ChangeState::Executing), 1, entry(base + 4))?;
            let rows: Vec<_> = tx.unsequenced(1000)?.iter().map(|it| it.row).collect();
            let next = tx.sequenced_through()?;
            Ok::<_, Conflict>(tx.mark_sequenced(&rows.into_iter().zip(next..).collect::<Vec<_>>())?)
        })
        .await;
    result.unwrap();
}

/// Not a test: what the parent runs. It is told where the database is, before which statement to stop (-1: never) and
/// how many operations are under way at once.
#[test]
#[ignore = "run by the crash tests as their child"]
fn child() {
    let mut told = std::io::stdin().lines().map(Result::unwrap);
    let mut next = || told.next().unwrap();
    let (path, stop_at, at_once) = (next(), next().parse::<i64>().unwrap(), next().parse::<u64>().unwrap());
    let countdown = Arc::new(AtomicI64::new(stop_at));
    let step = move |_: &'static str| {
        if countdown.fetch_sub(1, Ordering::SeqCst) == 0 {
            println!("\nstopped");
            std::thread::park();
        }
    };
    let probe = Probe { step: (stop_at >= 0).then(|| Arc::new(step) as _), ..Probe::default() };
    let store = Store::sqlite_probed(Path::new(&path), probe).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let workers: Vec<_> = (0..at_once)
            .map(|worker| {
                let store = store.clone();
                tokio::spawn(async move {
                    for n in (worker + 1..500).step_by(usize::try_from(at_once).unwrap()) {
                        operate(&store, n).await;
                        println!("\nacknowledged {n}");
                    }
                })
            })
            .collect();
        for worker in workers {
            worker.await.unwrap();
        }
    });
}

struct Killed {
    acknowledged: BTreeSet<u64>,
    /// It stopped where it was asked to, rather than being killed on the way.
    stopped: bool,
}

fn spawn(path: &Path, stop_at: i64, at_once: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--ignored", "--nocapture", "--test-threads=1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    writeln!(child.stdin.take().unwrap(), "{}\n{stop_at}\n{at_once}", path.display()).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap());
    (child, lines)
}

/// Kills the child where it stops, or once it has acknowledged `enough` operations.
fn kill(path: &Path, stop_at: i64, at_once: u64, enough: usize) -> Killed {
    let (mut child, lines) = spawn(path, stop_at, at_once);
    let mut killed = Killed { acknowledged: BTreeSet::new(), stopped: false };
    let mut alive = true;
    for line in lines.lines().map(Result::unwrap) {
        // Even what it managed to say between the decision and the signal was acknowledged.
        killed.acknowledged.extend(line.strip_prefix("acknowledged ").and_then(|n| n.parse::<u64>().ok()));
        killed.stopped |= line == "stopped";
        if alive && (killed.stopped || killed.acknowledged.len() >= enough) {
            child.kill().unwrap();
            alive = false;
        }
    }
    let status = child.wait().unwrap();
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(9), "{status}");
    killed
}

/// Returns how many operations are there.
async fn examine(path: &Path, acknowledged: &BTreeSet<u64>) -> usize {
    let store = Store::sqlite(path).unwrap();
    let (documents, changes, pending, through) = store
        .read(|view| {
            let all = Filter { limit: usize::MAX, ..Filter::default() };
            Ok((
                view.documents()?,
                view.changes(&all)?,
                view.unsequenced(100_000)?,
                view.sequenced_through()?,
            ))
        })
        .await
        .unwrap();
    assert!(documents.iter().all(|it| it.altered.is_none()), "{documents:?}");
    assert!(pending.is_empty(), "every operation sequences what it recorded");
    let present: BTreeSet<u64> =
        (1..500).filter(|n| changes.iter().any(|it| it.id == change_id(*n))).collect();
    assert!(acknowledged.is_subset(&present), "lost: {:?}", acknowledged.difference(&present));
    assert_eq!(
        through,
        ENTRIES * u64::try_from(present.len()).unwrap(),
        "entries without their rows, or rows without"
    );
    assert_eq!(documents.len(), 3 * present.len());
    let places: BTreeSet<_> = store
        .read(move |view| {
            let mut places = BTreeSet::new();
            for n in present {
                let stored = view.change(change_id(n))?.unwrap();
                assert_eq!((stored.state, stored.version), (ChangeState::Executing, 2));
                assert_eq!(view.approvals(change_id(n))?.len(), 2);
                for nth in 0..ENTRIES {
                    places.extend(view.index_of(entry_id(1000 * n + nth))?);
                }
            }
            Ok(places)
        })
        .await
        .unwrap();
    assert_eq!(places, (0..through).collect());
    // It goes on as if nothing had been.
    operate(&store, 777).await;
    changes.len()
}

#[tokio::test]
async fn between_any_two_statements() {
    let mut counts = BTreeSet::new();
    for stop_at in 0..STATEMENTS {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let killed = kill(&path, stop_at, 1, usize::MAX);
        assert!(killed.stopped, "it never came to statement {stop_at}");
        let present = examine(&path, &killed.acknowledged).await;
        assert!(present <= killed.acknowledged.len() + 1);
        counts.insert((killed.acknowledged.len(), present));
    }
    // Before the first commit, between it and its acknowledgement, and after.
    assert!(counts.is_superset(&[(0, 0), (0, 1), (1, 1), (1, 2)].into()), "{counts:?}");
}

#[tokio::test]
async fn at_any_moment_under_load() {
    for enough in [1, 2, 3, 7, 20, 33, 58, 90] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let killed = kill(&path, -1, 12, enough);
        examine(&path, &killed.acknowledged).await;
    }
}

#[tokio::test]
async fn between_statements_under_load() {
    for stop_at in (100..1500).step_by(211) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let killed = kill(&path, stop_at, 12, usize::MAX);
        examine(&path, &killed.acknowledged).await;
    }
}

/// The entries that a crash leaves behind are those that their rows' documents speak of.
#[tokio::test]
async fn entries_name_the_documents_that_survived() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    kill(&path, -1, 4, 10);
    // The auditor comes first, while the log of the dead process still lies there.
    let stored: std::collections::BTreeMap<_, _> = Store::projection_of(&path)
        .unwrap()
        .documents
        .into_iter()
        .map(|it| ((it.table, it.id), model::Digest::of(&it.bytes)))
        .collect();
    let bytes = |sql: &str| -> Vec<Vec<u8>> {
        let conn = rusqlite::Connection::open(&path).unwrap();
        let mut statement = conn.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let mut latest = std::collections::BTreeMap::new();
    for entry in bytes("SELECT bytes FROM outbox ORDER BY place") {
        let subject = serde_json::from_slice::<Entry>(&entry).unwrap().subject.unwrap();
        latest.insert((subject.table, subject.id), subject.state);
    }
    assert_eq!(stored, latest);
}
