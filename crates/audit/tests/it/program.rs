//! The program itself, on a log that `ledger` wrote.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ledger::{Genesis, Ledger};
use model::{Entry, EntryId, EntryKind, Roster, Timestamp};
use tempfile::TempDir;
use tlog::{Checkpoint, SigningKey, bundle, leaf_hash, root_of, sign_checkpoint};

const ORIGIN: &str = "log.example/verified";

/// A log of a genesis and `more` entries, and its fingerprint.
fn log(more: u64) -> (TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let key = SigningKey::from_seed(ORIGIN, &[3; 32]).unwrap();
    let at = Timestamp::from_seconds(1_795_228_800);
    let genesis = Genesis {
        origin: ORIGIN.to_owned(),
        vkey: key.verifier().to_string(),
        installation: "0123456789abcdef0123456789abcdef".to_owned(),
        created_at: at,
        site: None,
    };
    let fingerprint = genesis.fingerprint().to_string();
    let entry = |nth: u64, kind| {
        Entry::new(EntryId::new(at.millis(), nth.to_be_bytes().repeat(2)[..10].try_into().unwrap()), at, kind)
    };
    let mut first = entry(0, EntryKind::Genesis);
    first.detail.insert("genesis".to_owned(), fingerprint.clone());
    first.detail.insert("roster".to_owned(), serde_json::to_string(&Roster::default()).unwrap());
    let rest = (1..=more).map(|nth| entry(nth, EntryKind::ReadsAdmitted));
    let entries: Vec<Vec<u8>> =
        std::iter::once(first).chain(rest).map(|it| serde_json::to_vec(&it).unwrap()).collect();
    let mut ledger = Ledger::create(&dir.path().join("log"), &dir.path().join("lock"), key, genesis).unwrap();
    ledger.append(&entries).unwrap();
    (dir, fingerprint)
}

fn run(log: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_countersign-verify")).arg(log).args(more).output().unwrap()
}

fn check(log: &Path, more: &[&str], code: i32, says: &str) {
    let output = run(log, more);
    let told =
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{more:?}: {told}");
    assert!(told.contains(says), "{more:?}: {told}");
}

#[test]
fn a_log_that_holds_is_said_to_hold() {
    let (dir, fingerprint) = log(300);
    let log = dir.path().join("log");
    check(&log, &["--genesis", &fingerprint], 0, "The record holds. 301 entries.");
    check(&log, &[], 0, "approvers not authenticated");
    check(&log, &["--genesis", &fingerprint, "--json"], 0, "\"authenticated\": true");
    let checkpoint = log.join("checkpoint");
    let kept = dir.path().join("kept");
    fs::copy(&checkpoint, &kept).unwrap();
    check(&log, &["--genesis", &fingerprint, "--checkpoint", kept.to_str().unwrap()], 0, "holds");
}

#[test]
fn what_was_done_to_a_copy_is_named() {
    let (dir, fingerprint) = log(300);
    let genesis = ["--genesis", fingerprint.as_str()];
    let log = dir.path().join("log");
    let (first, second) = (log.join("tile/entries/000"), log.join("tile/entries/001"));
    let edited = |path: &PathBuf, edit: &dyn Fn(&mut Vec<u8>), says: &str| {
        let before = fs::read(path).unwrap();
        let mut bytes = before.clone();
        edit(&mut bytes);
        fs::write(path, &bytes).unwrap();
        check(&log, &genesis, 20, says);
        fs::write(path, before).unwrap();
    };
    edited(&first, &|bytes| bytes[200] ^= 1, "entries_altered");
    edited(&first, &|bytes| bytes[0] ^= 1, "tile/entries/000");
    edited(&second, &|bytes| bytes.truncate(40), "tile/entries/001");
    edited(&log.join("checkpoint"), &|bytes| bytes[30] ^= 1, "checkpoint");
    edited(&log.join("checkpoint"), &|bytes| bytes.resize(2 << 20, b' '), "checkpoint: it has more than");
    edited(&log.join("genesis.json"), &|bytes| bytes.resize(2 << 20, b' '), "genesis.json: it has more than");
    let ten = |bytes: &mut Vec<u8>| bytes.truncate(bundle::whole_entries(bytes, 10).len);
    edited(&first, &ten, "tile/entries/000: has 10 entries, but is not the last bundle");
    // What nothing rests on is not passed over either.
    let (tile, edge) = (log.join("tile/0/000"), log.join("tile/0/001"));
    edited(&tile, &|bytes| bytes[200] ^= 1, "tile/0/000: hash 6 is not that of what stands below it");
    edited(&tile, &|bytes| bytes.push(0), "tile/0/000: it has more than 8192 bytes");
    edited(&tile, &|bytes| bytes.truncate(100), "tile/0/000: breaks off after 3 of 256 hashes");
    edited(&edge, &|bytes| bytes[100] ^= 1, "tile/0/001: hash 3 is not that");
    let kept = fs::read(&tile).unwrap();
    fs::remove_file(&tile).unwrap();
    check(&log, &genesis, 20, "tile/0/000: is missing: 256 hashes");
    fs::write(&tile, kept).unwrap();
    edited(&first, &|bytes| bytes[200] ^= 1, "tile/0/000: hash 0 is not that of what stands below it");
    fs::remove_file(&second).unwrap();
    check(&log, &genesis, 20, "entries_missing");
    let other = "0".repeat(64);
    check(&log, &["--genesis", &other], 20, "genesis_differs");
    check(&dir.path().join("nowhere"), &[], 2, "genesis.json");
    check(&log, &["--genesis", "x"], 2, "no fingerprint");
}

#[test]
fn what_came_after_a_checkpoint_is_verified_alone() {
    let (dir, fingerprint) = log(300);
    let log = dir.path().join("log");
    let bytes = fs::read(log.join("tile/entries/000")).unwrap();
    let leaves: Vec<_> = bundle::decode(&bytes).unwrap().into_iter().map(leaf_hash).collect();
    let kept = |name: &str, size: usize, seed: u8| {
        let root = root_of(&leaves[..size]);
        let checkpoint = Checkpoint { origin: ORIGIN.to_owned(), size: size as u64, root };
        let note = sign_checkpoint(&checkpoint, &SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap());
        let file = dir.path().join(name);
        fs::write(&file, note).unwrap();
        file.display().to_string()
    };
    let (old, none) = (kept("old", 200, 3), kept("none", 0, 3));
    let genesis = ["--genesis", fingerprint.as_str(), "--since"];
    check(&log, &[&genesis[..], &[&old]].concat(), 0, "101 entries after the 200 that were verified before");
    check(&log, &["--since", &old], 0, "approvers not authenticated");
    check(&log, &[&genesis[..], &[&none]].concat(), 0, "holds. 301 entries.");
    check(&log, &["--since", &kept("strange", 200, 4)], 2, "no checkpoint of this log");
    fs::write(log.join("checkpoint"), fs::read(&none).unwrap()).unwrap();
    check(&log, &["--since", &old], 20, "history_truncated");
}
