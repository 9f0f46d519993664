//! A disk that fails between any two steps, many requests at once, a second process: no answer leaves before it is kept,
//! and what leaves is one history.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicI64, AtomicUsize, Ordering},
};

use ledger::disk::{DiskFile, RealDisk};
use model::Timestamp;
use tlog::{Checkpoint, Hash, SigningKey, consistency_proof, leaf_hash, root_of, sign_checkpoint};
use witness::Request;

use super::*;

const ORIGIN: &str = "log.example/1";

/// Fails from the `from`-th durable step on.
#[derive(Debug)]
struct Failing {
    steps: Arc<AtomicUsize>,
    from: usize,
}

impl Failing {
    fn step(&self) -> io::Result<()> {
        if self.steps.fetch_add(1, Ordering::SeqCst) < self.from {
            Ok(())
        } else {
            Err(io::ErrorKind::StorageFull.into())
        }
    }
}

impl Disk for Failing {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dirs(dir)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, max)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        let file = RealDisk.create(path)?;
        Ok(Box::new(FailingFile { file, disk: Self { steps: Arc::clone(&self.steps), from: self.from } }))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        RealDisk.extend(path)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        RealDisk.truncate(path, len)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        RealDisk.sync_dir(dir)
    }

    fn hold(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        RealDisk.hold(path)
    }
}

struct FailingFile {
    file: Box<dyn DiskFile>,
    disk: Failing,
}

impl DiskFile for FailingFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.disk.step()?;
        self.file.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        self.file.sync()
    }
}

struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_seconds(self.0.fetch_add(1, Ordering::SeqCst))
    }
}

fn log_key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[1; 32]).unwrap()
}

fn open(dir: &Path, disk: Box<dyn Disk>) -> Result<Kept, Failure> {
    let mut logs = Logs::default();
    logs.add(log_key().verifier());
    let key = WitnessSigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
    Kept::open(disk, dir, key, logs, Arc::new(Ticking(AtomicI64::new(1_700_000_000))))
}

/// The entries of a history: up to `from` they are everybody's.
fn leaves(count: u64, from: u64, name: u64) -> Vec<Hash> {
    (0..count)
        .map(|n| leaf_hash(&[n, if n < from { 0 } else { name }].map(u64::to_be_bytes).concat()))
        .collect()
}

fn body(old: u64, leaves: &[Hash]) -> Vec<u8> {
    let size = leaves.len() as u64;
    let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size, root: root_of(leaves) };
    let proof = consistency_proof(leaves, old, size).unwrap_or_default();
    Request { old, proof, note: &sign_checkpoint(&checkpoint, &log_key()) }.to_text().into_bytes()
}

#[test]
fn nothing_is_answered_that_is_not_kept_wherever_the_disk_fails() {
    // Opening syncs three folders; keeping is: create, write, sync, rename, sync the folder.
    for from in 3..=13 {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path(), Box::new(Failing { steps: Arc::default(), from })).unwrap();
        let first = kept.add_checkpoint(&body(0, &leaves(3, 9, 0)));
        let second = kept.add_checkpoint(&body(3, &leaves(5, 9, 0)));
        let shown = kept.shown(ORIGIN).map_or(0, |record| record.size());
        let answered = [(5, &second), (3, &first)].into_iter().find(|(_, it)| it.status == 200);
        assert_eq!(shown, answered.map_or(0, |(size, _)| size), "fails from step {from}");
        let refused = if first.status == 200 { &second } else { &first };
        assert_eq!(refused.status, if from < 13 { 500 } else { 200 }, "fails from step {from}");
        drop(kept);

        // What is found afterwards is what was answered, or what was about to be.
        let again = open(folder.path(), Box::new(RealDisk)).unwrap();
        let found = again.shown(ORIGIN).map_or(0, |record| record.size());
        assert!(found >= shown, "fails from step {from}: {found} after {shown}");
        let grown = again.add_checkpoint(&body(found, &leaves(8, 9, 0)));
        assert_eq!(grown.status, 200, "fails from step {from}: {}", grown.body);
    }
}

#[test]
fn after_an_unknown_outcome_nothing_more_is_cosigned_until_it_is_started_again() {
    let folder = tempfile::tempdir().unwrap();
    // The sync after the rename fails.
    let kept = open(folder.path(), Box::new(Failing { steps: Arc::default(), from: 7 })).unwrap();
    assert_eq!(kept.add_checkpoint(&body(0, &leaves(3, 9, 0))).status, 500);
    let again = kept.add_checkpoint(&body(0, &leaves(3, 9, 0)));
    assert_eq!((again.status, again.body.contains("started again")), (500, true), "{}", again.body);
    drop(kept);
    assert_eq!(open(folder.path(), Box::new(RealDisk)).unwrap().shown(ORIGIN).unwrap().size(), 3);
}

#[test]
fn of_many_forks_at_once_one_history_is_cosigned() {
    for round in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let kept = open(folder.path(), Box::new(RealDisk)).unwrap();
        assert_eq!(kept.add_checkpoint(&body(0, &leaves(3, 3, 0))).status, 200);
        let cosigned: Vec<(u64, u64)> = std::thread::scope(|scope| {
            let asking: Vec<_> = (0..8u64)
                .map(|name| {
                    let kept = &kept;
                    scope.spawn(move || {
                        let sizes = [4 + (name + round) % 3, 7, 9];
                        let mut old = 3;
                        let mut told = Vec::new();
                        for new in sizes {
                            if kept.add_checkpoint(&body(old, &leaves(new, 3, name))).status == 200 {
                                told.push((new, name));
                                old = new;
                            }
                        }
                        told
                    })
                })
                .collect();
            asking.into_iter().flat_map(|it| it.join().unwrap()).collect()
        });
        let histories: BTreeSet<u64> = cosigned.iter().map(|(_, name)| *name).collect();
        assert_eq!(histories.len(), 1, "{cosigned:?}");
        let newest = cosigned.iter().max().unwrap();
        assert_eq!(kept.shown(ORIGIN).unwrap().root(), root_of(&leaves(newest.0, 3, newest.1)));
    }
}

#[test]
fn a_fork_is_kept_as_evidence_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(folder.path(), Box::new(RealDisk)).unwrap();
    assert_eq!(kept.add_checkpoint(&body(0, &leaves(3, 9, 0))).status, 200);
    for name in 1..200 {
        assert_eq!(kept.add_checkpoint(&body(3, &leaves(3, 2, name))).status, 422);
    }
    let found: Vec<_> = std::fs::read_dir(folder.path().join("forks")).unwrap().flatten().collect();
    assert_eq!(found.len(), MOST_FORKS);
    let text = std::fs::read_to_string(found[0].path()).unwrap();
    let notes: Vec<_> = text.split("\n\nlog.example/1\n").collect();
    let (cosigned, refused) = (format!("{}\n", notes[0]), format!("{ORIGIN}\n{}", notes[1]));
    let (one, other) = (
        tlog::open_checkpoint(&cosigned, &log_key().verifier()).unwrap(),
        tlog::open_checkpoint(&refused, &log_key().verifier()).unwrap(),
    );
    assert!(one.size == other.size && one.root != other.root);
}

#[test]
fn a_second_process_and_a_spoiled_file_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let kept = open(folder.path(), Box::new(RealDisk)).unwrap();
    assert_eq!(kept.add_checkpoint(&body(0, &leaves(3, 9, 0))).status, 200);
    assert!(open(folder.path(), Box::new(RealDisk)).unwrap_err().message.contains("another witness runs"));
    drop(kept);
    let path = folder.path().join("cosigned").join(origin_hash(ORIGIN));
    let note = std::fs::read_to_string(&path).unwrap();
    for spoiled in [note.replace("\n3\n", "\n2\n"), String::new(), note.replace("w1", "w2")] {
        std::fs::write(&path, spoiled).unwrap();
        assert!(open(folder.path(), Box::new(RealDisk)).unwrap_err().message.contains("does not hold"));
    }
    std::fs::write(&path, note).unwrap();
    assert_eq!(
        open(folder.path(), Box::new(RealDisk)).unwrap().shown_by_hash(&origin_hash(ORIGIN)).unwrap().size(),
        3
    );
}
