//! A power cut at any moment of a stream of durable and lazy writes: what was acknowledged as durable is there, what was
//! acknowledged lazily is lost from its end only, and nothing is there in part. With the power on, `kill -9` takes nothing.
//!
//! The child is this test binary again, with a library before it (`watch.c`) that writes down what it does to its files;
//! it ends without any order, and a second one goes on where it ended. The parent then plays power cuts over that record.

mod disk;

use std::{
    collections::BTreeSet,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use store::{Conflict, Filter, Store};
use testkit::Preload;

use crate::fixture::{change, change_id, entry};
use disk::{Disk, Operation, What, parse};

/// Beside its own: so many that the write-ahead log is moved into the database now and then.
const ENTRIES: u64 = 150;
/// Of the first child and of both.
const LIVES: [u64; 2] = [68, 92];
/// For so many changes somebody reads, and the log can be moved in part only.
const READ_ON: std::ops::Range<u64> = 20..38;

fn operation(n: u64) -> impl FnOnce(&mut store::Tx<'_>) -> Result<(), Conflict> + Send + 'static {
    move |tx| {
        tx.create_change(&change(n), entry(1000 * n))?;
        Ok((1..=ENTRIES).try_for_each(|nth| tx.record(entry(1000 * n + nth)))?)
    }
}

/// Not a test: what the parent runs. It is told where to work, from which change on and up to which.
#[tokio::test]
#[ignore = "run by the power tests as their child"]
async fn child() {
    let mut told = std::io::stdin().lines().map(Result::unwrap);
    let folder = PathBuf::from(told.next().unwrap());
    let (first, last): (u64, u64) =
        (told.next().unwrap().parse().unwrap(), told.next().unwrap().parse().unwrap());
    let mut acks = fs::OpenOptions::new().append(true).create(true).open(folder.join("acks")).unwrap();
    let mut tell = |how: char, n: u64| acks.write_all(format!("{how} {n}\n").as_bytes()).unwrap();
    let store = Store::sqlite(&folder.join("db")).unwrap();
    // Whatever the last process left is durable once the store is open.
    tell('d', first - 1);
    let mut reader = None;
    let mut n = first;
    while n <= last {
        if READ_ON.contains(&n) {
            reader.get_or_insert_with(|| {
                let reader = rusqlite::Connection::open(folder.join("db")).unwrap();
                reader.execute_batch("BEGIN; SELECT count(*) FROM changes").unwrap();
                reader
            });
        } else {
            reader = None;
        }
        match n % 8 {
            0 | 5 => {
                store.write(operation(n)).await.unwrap();
                tell('d', n);
            }
            2 => {
                let (lazy, durable) =
                    tokio::join!(store.write_lazily(operation(n)), store.write(operation(n + 1)));
                lazy.and(durable).unwrap();
                tell('d', n + 1);
                n += 1;
            }
            6 => {
                store.write_lazily(operation(n)).await.unwrap();
                tell('l', n);
                store.settle().await.unwrap();
                tell('d', n);
            }
            7 => {
                store.write_lazily(operation(n)).await.unwrap();
                tell('l', n);
                // Writes nothing, and is as durable as what it saw.
                let seen = store.write(move |tx| Ok::<_, Conflict>(tx.change(change_id(n))?.is_some())).await;
                assert_eq!(seen, Ok(true));
                tell('d', n);
            }
            _ => {
                store.write_lazily(operation(n)).await.unwrap();
                tell('l', n);
            }
        }
        n += 1;
    }
    // As `kill -9` would: nothing is closed, and the last writes are lazy.
    std::process::abort();
}

/// Everything that two lives did to their files.
fn recorded() -> Vec<Operation> {
    let watch = Preload::compile(include_str!("watch.c")).unwrap();
    let (folder, beside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (folder, record) = (folder.path().canonicalize().unwrap(), beside.path().join("record"));
    let mut first = 1;
    for last in LIVES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "power::child", "--ignored", "--nocapture", "--test-threads=1"])
            .env("LD_PRELOAD", watch.library())
            .env("POWER_FOLDER", &folder)
            .env("POWER_RECORD", &record)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        writeln!(child.stdin.take().unwrap(), "{}\n{first}\n{last}", folder.display()).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(6), "{status}");
        first = last + 1;
    }
    parse(&fs::read(record).unwrap())
}

/// The last change that was acknowledged as durable, and the last that was acknowledged at all.
#[derive(Clone, Copy, Default)]
struct Acknowledged {
    durable: Option<u64>,
    any: u64,
}

impl Acknowledged {
    fn hear(&mut self, operation: &Operation) {
        let (true, What::Written { bytes, .. }) = (operation.name == "acks", &operation.what) else { return };
        let (how, n) = std::str::from_utf8(bytes).unwrap().trim().split_once(' ').unwrap();
        let n = n.parse().unwrap();
        self.any = self.any.max(n);
        if how == "d" {
            self.durable = self.durable.max(Some(n));
        }
    }
}

/// How many changes are there; each is whole, and none is missing before another.
async fn examined(folder: &Path) -> u64 {
    let store = Store::sqlite(&folder.join("db")).unwrap();
    let (changes, documents, entries) = store
        .read(|view| {
            let all = Filter { limit: usize::MAX, ..Filter::default() };
            Ok((view.changes(&all)?, view.documents()?, view.unsequenced(1_000_000)?.len()))
        })
        .await
        .unwrap();
    assert!(documents.iter().all(|it| it.altered.is_none()));
    let there: BTreeSet<_> = changes.iter().map(|it| it.id).collect();
    let count = there.len() as u64;
    assert_eq!(there, (1..=count).map(change_id).collect(), "what is lost is the newest");
    assert_eq!(entries as u64, count * (ENTRIES + 1), "whole or not at all");
    count
}

/// Not random enough for anything else, and the same every time.
fn coin(seed: u64, share: u64) -> impl FnMut() -> bool {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 20) % 100 < share
    }
}

#[tokio::test]
async fn a_power_cut_takes_only_what_was_acknowledged_lazily_and_the_newest_of_it() {
    let operations = recorded();
    let (mut disk, mut told, mut lost, mut cuts) = (Disk::default(), Acknowledged::default(), 0, 0u64);
    for nth in 0..operations.len() {
        disk.apply(&operations, nth);
        told.hear(&operations[nth]);
        let Some(durable) = told.durable else { continue };
        // Most operations are pages of one commit; what moves things is what is not a write.
        let moment = !matches!(operations[nth].what, What::Written { .. }) || operations[nth].name == "acks";
        if !(moment || nth % 97 == 0) {
            continue;
        }
        cuts += 1;
        // All that was not flushed is gone, or a share of it.
        let share = [0, 30, 60, 95][nth % 4];
        let after = tempfile::tempdir().unwrap();
        disk.cut(&operations, &mut coin(nth as u64, share), after.path());
        let there = examined(after.path()).await;
        assert!(there >= durable, "cut at {nth}: {durable} was durable, {there} are there");
        lost += told.any.saturating_sub(there);

        let after = tempfile::tempdir().unwrap();
        disk.cut(&operations, &mut || true, after.path());
        let there = examined(after.path()).await;
        assert!(there >= told.any, "killed at {nth}: {} was acknowledged, {there} are there", told.any);
    }
    assert_eq!(told.any, LIVES[1]);
    assert!(cuts > 150 && lost > 20, "{cuts} cuts took {lost} lazy writes: too few to show anything");
}
