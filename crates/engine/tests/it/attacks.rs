//! Every way to make a log say something else than it said, by whoever runs the installation and has its key: each is
//! convicted, and what it was, which entry and which file are named. What no log can show stands in SECURITY.md.

use std::{fs, path::Path, sync::Arc};

use audit::{AuditInput, Code, Database, Report};
use ledger::{Ledger, read_log};
use model::{Entry, EntryId, EntryKind, Roster};
use store::Conflict;
use tempfile::TempDir;
use tlog::{Checkpoint, SigningKey, bundle, leaf_hash, root_of, sign_checkpoint};

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, inverse},
    cast::{BEN, CLEO, MALLORY},
    world::{Place, START, World, entries_of, log_key},
};

/// A real installation's log: a session, a delete that two people approved, and more than a bundle of writes.
struct Story {
    place: Place,
    /// What an approver's client kept when the log was younger, and what it keeps now.
    kept_early: String,
    kept: String,
    database: Database,
    entries: Vec<Vec<u8>>,
}

impl Story {
    async fn tell() -> Self {
        let world = World::on_disk().await;
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve_by_two(held).await;
        world.run(&DELETE_STACK.action()).await;
        world.engine.sequence().await.unwrap();
        let note = |world: &World| String::from_utf8(world.log_files().checkpoint_note).unwrap();
        let kept_early = note(&world);
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        for nth in 0..140 {
            let name: &'static str = format!("/app/{nth}").leak();
            world.run(&Call { name, ..PUT_PARAMETER }.action()).await;
        }
        world.engine.close().await.unwrap();
        let database = engine::database_of(world.store.read(|view| view.projection()).await.unwrap());
        let (kept, entries) = (note(&world), world.log_files().entries);
        assert!(entries.len() > 280, "more than one bundle and one tile: {}", entries.len());
        Self { kept_early, kept, database, entries, place: world.end().await }
    }

    /// A copy of the log's folder, to do with as one likes.
    fn copy(&self) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_folder(&self.place.log(), copy.path());
        copy
    }

    fn place_of(&self, kind: EntryKind) -> usize {
        entries_of(&self.entries).iter().position(|entry| entry.kind == kind).unwrap()
    }

    /// The whole log written anew, with a fresh and valid signature: what only whoever has the log's key can do.
    fn rewritten(&self, entries: &[Vec<u8>]) -> TempDir {
        let copy = tempfile::tempdir().unwrap();
        let (log, lock) = (copy.path().join("log"), copy.path().join("lock"));
        Ledger::create(&log, &lock, log_key(), self.place.genesis.clone()).unwrap().append(entries).unwrap();
        for name in fs::read_dir(&log).unwrap() {
            let from = name.unwrap().path();
            fs::rename(&from, copy.path().join(from.file_name().unwrap())).unwrap();
        }
        copy
    }

    fn verify(&self, log: &Path, held: &[&str], database: Option<Database>) -> Report {
        let files = read_log(log).unwrap();
        let mut report = audit::verify(&AuditInput {
            genesis: files.genesis_bytes,
            expected_genesis: Some(self.place.genesis.fingerprint()),
            checkpoint: files.checkpoint_note,
            held_checkpoints: held.iter().map(|it| (*it).to_owned()).collect(),
            entries: &files.entries,
            database,
        });
        for problem in files.problems {
            report.add(Code::FileDamaged, None, &format!("{}: {}", problem.file, problem.message));
        }
        report
    }

    /// `log` is convicted of `code`, at `entry` where that can be told, in words that hold `says`.
    #[track_caller]
    fn check(&self, attack: &str, report: &Report, code: Code, entry: Option<usize>, says: &str) {
        let entry = entry.map(|it| it as u64);
        let named = report
            .problems
            .iter()
            .any(|it| it.code == code && (entry.is_none() || it.entry == entry) && it.message.contains(says));
        let told: Vec<String> = report
            .problems
            .iter()
            .take(5)
            .map(|it| format!("{} {:?} {}", it.code, it.entry, it.message))
            .collect();
        assert!(!report.ok && named, "{attack}: {told:#?}");
    }
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let (path, kind) = {
            let entry = entry.unwrap();
            (entry.path(), entry.file_type().unwrap())
        };
        let target = to.join(path.file_name().unwrap());
        if kind.is_dir() { copy_folder(&path, &target) } else { fs::copy(&path, &target).map(drop).unwrap() }
    }
}

fn edit_entry(bytes: &[u8], edit: impl FnOnce(&mut Entry)) -> Vec<u8> {
    let mut entry: Entry = serde_json::from_slice(bytes).unwrap();
    edit(&mut entry);
    serde_json::to_vec(&entry).unwrap()
}

/// The first bundle of `log`, taken apart and put together again.
fn edit_bundle(log: &Path, edit: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let file = log.join("tile/entries/000");
    let bytes = fs::read(&file).unwrap();
    let mut entries: Vec<Vec<u8>> = bundle::decode(&bytes).unwrap().iter().map(|it| it.to_vec()).collect();
    edit(&mut entries);
    fs::write(&file, bundle::encode(&entries).unwrap()).unwrap();
}

#[tokio::test]
async fn promise_11_every_attack_on_the_record_is_convicted_and_named() {
    let story = Story::tell().await;
    let clean =
        story.verify(&story.place.log(), &[&story.kept_early, &story.kept], Some(story.database.clone()));
    assert!(clean.ok && clean.authenticated, "{:#?}", clean.problems);
    let approval = story.place_of(EntryKind::ApprovalGiven);

    // Whoever can write to the folder, and has no key.
    type Damage = (&'static str, fn(&Path, usize), Code, Option<usize>, &'static str);
    let damage: [Damage; 14] = [
        (
            "one flipped bit",
            |log, _| flip(&log.join("tile/entries/000"), 5000),
            Code::FileDamaged,
            None,
            "tile/0/000",
        ),
        (
            "one flipped bit, in the length of an entry",
            |log, _| flip(&log.join("tile/entries/001"), 0),
            Code::FileDamaged,
            None,
            "tile/entries/001",
        ),
        (
            "an edited entry",
            |log, at| {
                edit_bundle(log, |all| {
                    all[at] = edit_entry(&all[at], |it| {
                        it.detail.insert("presence".into(), "touched".into());
                    })
                })
            },
            Code::StatementDiffers,
            Some(usize::MAX),
            "presence",
        ),
        (
            "a deleted entry",
            |log, at| edit_bundle(log, |all| drop(all.remove(at))),
            Code::FileDamaged,
            None,
            "tile/entries/000",
        ),
        (
            "an inserted entry",
            |log, at| {
                edit_bundle(log, |all| {
                    all.insert(at, all[at].clone());
                    all.pop();
                })
            },
            Code::EntryRepeated,
            None,
            "",
        ),
        (
            "entries in another order",
            |log, at| edit_bundle(log, |all| all.swap(at, at + 1)),
            Code::EntriesAltered,
            None,
            "first difference",
        ),
        (
            "a truncated tail",
            |log, _| truncate(&log.join("tile/entries/001")),
            Code::EntriesMissing,
            None,
            "are there",
        ),
        (
            "half an entry at the end",
            |log, _| cut(&log.join("tile/entries/001"), 40),
            Code::FileDamaged,
            None,
            "tile/entries/001",
        ),
        (
            "a missing bundle",
            |log, _| fs::remove_file(log.join("tile/entries/000")).unwrap(),
            Code::FileDamaged,
            None,
            "tile/entries/000",
        ),
        (
            "a malformed tile",
            |log, _| flip(&log.join("tile/0/000"), 100),
            Code::FileDamaged,
            None,
            "tile/0/000",
        ),
        (
            "a tile of the wrong size",
            |log, _| cut(&log.join("tile/0/000"), 31),
            Code::FileDamaged,
            None,
            "tile/0/000",
        ),
        (
            "a note that is edited",
            |log, _| flip(&log.join("checkpoint"), 25),
            Code::CheckpointInvalid,
            None,
            "",
        ),
        (
            "an oversized note",
            |log, _| fs::write(log.join("checkpoint"), vec![b'x'; 4 << 20]).unwrap(),
            Code::FileDamaged,
            None,
            "checkpoint",
        ),
        (
            "another installation's genesis",
            |log, _| rename(log),
            Code::GenesisDiffers,
            None,
            "another installation",
        ),
    ];
    for (attack, does, code, entry, says) in damage {
        let copy = story.copy();
        does(copy.path(), approval);
        let report = story.verify(copy.path(), &[], None);
        let entry = entry.map(|at| if at == usize::MAX { approval } else { at });
        if code == Code::GenesisDiffers && report.problems.iter().any(|it| it.code == Code::GenesisUnreadable)
        {
            continue;
        }
        story.check(attack, &report, code, entry, says);
    }

    wrong_key(&story);
    alone(&story);
    fork(&story);
    rewritten_history(&story, approval);
    strangers(&story);
    old_backup(&story);
}

/// Another installation's name in the genesis.
fn rename(log: &Path) {
    let file = log.join("genesis.json");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains("0123456789abcdef"));
    fs::write(&file, text.replacen("0123456789abcdef", "1123456789abcdef", 1)).unwrap();
}

fn flip(file: &Path, at: usize) {
    let mut bytes = fs::read(file).unwrap();
    bytes[at] ^= 1;
    fs::write(file, bytes).unwrap();
}

fn cut(file: &Path, last: usize) {
    let bytes = fs::read(file).unwrap();
    fs::write(file, &bytes[..bytes.len() - last]).unwrap();
}

/// A bundle without its last entry.
fn truncate(file: &Path) {
    let bytes = fs::read(file).unwrap();
    let mut entries = bundle::decode(&bytes).unwrap();
    entries.pop();
    fs::write(file, bundle::encode(&entries).unwrap()).unwrap();
}

fn wrong_key(story: &Story) {
    let copy = story.copy();
    let checkpoint = checkpoint_of(&story.entries);
    let stranger = SigningKey::from_seed(&checkpoint.origin, &[99; 32]).unwrap();
    fs::write(copy.path().join("checkpoint"), sign_checkpoint(&checkpoint, &stranger)).unwrap();
    story.check("a wrong key", &story.verify(copy.path(), &[], None), Code::CheckpointInvalid, None, "");
}

fn checkpoint_of(entries: &[Vec<u8>]) -> Checkpoint {
    let leaves: Vec<_> = entries.iter().map(|it| leaf_hash(it)).collect();
    Checkpoint {
        origin: log_key().verifier().name().to_owned(),
        size: leaves.len() as u64,
        root: root_of(&leaves),
    }
}

/// What two people had to agree to is said to have needed nobody, or no reason is given, or its session had been stopped: by whoever
/// has the log's key, in a history that is whole and signed.
fn alone(story: &Story) {
    let permit = story.place_of(EntryKind::PermitIssued);
    let edited = |edit: &dyn Fn(&mut Entry)| {
        let mut entries = story.entries.clone();
        entries[permit] = edit_entry(&entries[permit], edit);
        let copy = story.rewritten(&entries);
        story.verify(copy.path(), &[], None)
    };
    let attack = "a permit that says that nobody had to agree";
    let report = edited(&|entry| {
        entry.detail.extend([("verdict", "allow"), ("people", "0")].map(|(key, it)| (key.into(), it.into())));
    });
    story.check(
        attack,
        &report,
        Code::PermitUndecided,
        Some(permit),
        "no entry says that it was judged anew",
    );
    for key in ["why", "rules", "verdict", "grants"] {
        let report = edited(&|entry| drop(entry.detail.remove(key)));
        let attack = "a permit without its decision";
        story.check(attack, &report, Code::PermitUndecided, Some(permit), "does not say why");
    }
    let report = edited(&|entry| entry.actors.session = Some(model::SessionId::new(1, [9; 10])));
    let attack = "a permit in a session of nobody's";
    story.check(attack, &report, Code::SessionClosed, Some(permit), "never issued");

    let mut entries = story.entries.clone();
    let stopped = edit_entry(&entries[story.place_of(EntryKind::SessionIssued)], |entry| {
        entry.kind = EntryKind::SessionStopped;
        entry.id = EntryId::new(entry.at.millis(), [9; 10]);
        entry.subject = None;
    });
    entries.insert(permit, stopped);
    let copy = story.rewritten(&entries);
    let report = story.verify(copy.path(), &[], None);
    let attack = "a permit in a session that was stopped";
    story.check(attack, &report, Code::SessionClosed, Some(permit + 1), "had stopped");
}

/// Two readers, two histories, both under the log's own key: whoever compares what they were shown has it.
fn fork(story: &Story) {
    let mut other = story.entries.clone();
    let last = other.len() - 1;
    other[last] = edit_entry(&other[last], |entry| drop(entry.detail.insert("status".into(), "500".into())));
    let shown_to_another = sign_checkpoint(&checkpoint_of(&other), &log_key());
    let report = story.verify(&story.place.log(), &[&story.kept, &shown_to_another], None);
    story.check("a fork shown to two readers", &report, Code::HistoryRewritten, None, "held checkpoint 2");
}

/// An approval that was never given, in a history that is whole, canonical and freshly signed.
fn rewritten_history(story: &Story, approval: usize) {
    let mut entries = story.entries.clone();
    entries[approval] = edit_entry(&entries[approval], |entry| entry.actors.person = "dan".parse().ok());
    let copy = story.rewritten(&entries);
    let attack = "a whole rewritten history with a fresh valid signature";
    let report = story.verify(copy.path(), &[&story.kept_early], None);
    story.check(attack, &report, Code::HistoryRewritten, None, "held checkpoint 1");
    story.check(attack, &report, Code::StatementDiffers, Some(approval), "person");
    // The statements themselves carry what their signers had seen of the log.
    let mut entries = story.entries.clone();
    entries[0] = edit_entry(&entries[0], |entry| drop(entry.detail.insert("profile".into(), "x".into())));
    let copy = story.rewritten(&entries);
    let report = story.verify(copy.path(), &[], None);
    story.check(attack, &report, Code::HistoryRewritten, None, "statement");
    // And the database of the installation contradicts it too.
    let report = story.verify(copy.path(), &[&story.kept], Some(story.database.clone()));
    story.check(attack, &report, Code::HistoryRewritten, None, "held checkpoint 1");
}

/// Somebody else's keys under the names of the people.
fn strangers(story: &Story) {
    let mut entries = story.entries.clone();
    let mut roster: Roster = {
        let first: Entry = serde_json::from_slice(&entries[0]).unwrap();
        serde_json::from_str(&first.detail["roster"]).unwrap()
    };
    for who in [&BEN, &CLEO] {
        roster.people.get_mut(who.name).unwrap().keys.clear();
    }
    roster.people.get_mut("cleo").unwrap().keys = [MALLORY.enrolled()].into();
    let text = serde_json::to_string(&roster).unwrap();
    entries[0] = edit_entry(&entries[0], |entry| drop(entry.detail.insert("roster".into(), text)));
    let attack = "a roster of strangers";
    let copy = story.rewritten(&entries);
    let approval = story.place_of(EntryKind::ApprovalGiven);
    let report = story.verify(copy.path(), &[], None);
    story.check(attack, &report, Code::SignatureInvalid, Some(approval), "");
    story.check(attack, &report, Code::PermitUnapproved, Some(story.place_of(EntryKind::PermitIssued)), "");
    let report = story.verify(copy.path(), &[&story.kept_early], None);
    story.check(attack, &report, Code::HistoryRewritten, None, "held checkpoint 1");

    // The strangers sign anew what the people had signed: then what was signed is about a log that never was.
    for (place, entry) in entries.iter_mut().enumerate().skip(1) {
        let read: Entry = serde_json::from_slice(entry).unwrap();
        if read.kind == EntryKind::ApprovalGiven && place > approval {
            let signature = MALLORY.sign(&read.detail["statement"]);
            *entry = edit_entry(entry, |it| drop(it.detail.insert("signature".into(), signature)));
        }
    }
    let copy = story.rewritten(&entries);
    let report = story.verify(copy.path(), &[&story.kept_early], None);
    story.check(attack, &report, Code::HistoryRewritten, None, "held checkpoint 1");
    story.check(attack, &report, Code::PermitUnapproved, Some(story.place_of(EntryKind::PermitIssued)), "");
}

/// Last week's folder, with last week's signed checkpoint: whole by itself.
fn old_backup(story: &Story) {
    let short = &story.entries[..20];
    let copy = story.rewritten(short);
    let report = story.verify(copy.path(), &[&story.kept], None);
    story.check("a restored week-old backup", &report, Code::HistoryTruncated, None, "held checkpoint 1");
    let report = story.verify(copy.path(), &[], Some(story.database.clone()));
    assert!(!report.ok, "the database knows more than the log: {:?}", report.problems);
}

/// A row of the outbox that is gone before it got its place: the state that it reported has no entry then.
#[tokio::test]
async fn promise_11_a_dropped_outbox_row_is_convicted() {
    let world = World::on_disk().await;
    world.engine.sequence().await.unwrap();
    let held = world.hold(&DELETE_STACK.action()).await;
    let beside = rusqlite::Connection::open(world.place.database()).unwrap();
    let pending: i64 = beside
        .query_row("SELECT count(*) FROM outbox WHERE bytes LIKE ?1", [format!("%{held}%")], |row| row.get(0))
        .unwrap();
    assert_eq!(pending, 1);
    beside.execute("DELETE FROM outbox WHERE bytes LIKE ?1", [format!("%{held}%")]).unwrap();
    let problems = world.problems().await;
    assert!(
        problems.iter().any(|it| it.starts_with("row_inserted") && it.contains(&held.to_string())),
        "{problems:?}"
    );
}

/// A row that no other entry contradicts, because it leaves nothing behind or another of the same change came after it: its number
/// is missing, and nothing more is signed.
#[tokio::test]
async fn promise_11_a_number_that_is_missing_in_the_outbox_stops_the_ledger_and_is_named() {
    for gone in [None, Some(0), Some(1), Some(2), Some(3)] {
        let world = World::on_disk().await;
        let session = Arc::clone(&world.session);
        world.hold(&DELETE_STACK.action()).await;
        let place = world.end().await;
        let store = place.reopened().await;
        let alarm = |nth: u8| {
            let entry = Entry::new(EntryId::new(START.millis(), [nth; 10]), START, EntryKind::Alarm);
            let store = store.clone();
            async move { store.write(move |tx| tx.record(entry)).await.unwrap() }
        };
        alarm(1).await;
        // What is rolled back takes no number.
        let entry = Entry::new(EntryId::new(START.millis(), [9; 10]), START, EntryKind::Alarm);
        let undone = store.write(move |tx| -> Result<(), Conflict> {
            tx.record(entry)?;
            Err(Conflict::Stopped)
        });
        undone.await.unwrap_err();
        alarm(2).await;
        alarm(3).await;
        alarm(4).await;
        let pending = store.read(|view| view.unsequenced(100)).await.unwrap();
        let rows: Vec<i64> = pending.into_iter().map(|it| it.row).collect();
        assert_eq!(rows, (rows[0]..rows[0] + 4).collect::<Vec<_>>(), "each the one before and one more");
        if let Some(nth) = gone {
            let beside = rusqlite::Connection::open(place.database()).unwrap();
            beside.execute("DELETE FROM outbox WHERE number = ?1", [rows[nth]]).unwrap();
        }
        // Of the last one it shows with the next.
        alarm(5).await;
        drop(store);
        let started = place.restart(session, START.plus_seconds(60)).await;
        match (gone, started) {
            (None, Ok(world)) => world.finish().await,
            (Some(nth), Err((err, _))) => {
                let says = format!("row {} of the database's outbox is missing", rows[nth]);
                assert!(err.to_string().contains(&says), "{gone:?}: {err}");
            }
            (_, Ok(_)) => panic!("{gone:?}: it started"),
            (None, Err((err, _))) => panic!("{err}"),
        }
    }
}
