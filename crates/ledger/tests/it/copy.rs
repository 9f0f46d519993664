//! A copy of a log under one of its checkpoints is that log, whatever was appended since.

use std::fs;

use ledger::{CopyError, Ledger, Standstill, copy, read_lock_file, read_log};

use crate::rig::{Place, batch, key};

#[test]
fn a_copy_is_the_log_as_it_was_under_the_checkpoint() {
    let place = Place::new();
    let mut ledger = place.create();
    let mut notes = vec![(0, ledger.checkpoint().to_owned())];
    for (tag, count) in [("a", 1), ("b", 255), ("c", 1), ("d", 600), ("e", 66_000), ("f", 3)] {
        ledger.append(&batch(tag, count)).unwrap();
        notes.push((ledger.size(), ledger.checkpoint().to_owned()));
    }
    let entries = ledger.entries().unwrap();
    for (size, note) in notes {
        let copied = Place::new();
        copy(&place.log(), &copied.log(), &note, size).unwrap();
        let read = read_log(&copied.log()).unwrap();
        assert_eq!(read.problems, [], "{size}");
        assert_eq!(read.entries, entries[..usize::try_from(size).unwrap()]);
        fs::create_dir_all(copied.lock().parent().unwrap()).unwrap();
        fs::write(copied.lock(), &note).unwrap();
        let (mut opened, recovery) = copied.open().unwrap();
        assert_eq!((recovery.size, recovery.cut, recovery.rebuilt), (size, None, 0));
        opened.append(&batch("g", 300)).unwrap();
        assert_eq!(read_log(&copied.log()).unwrap().problems, []);
    }
}

#[test]
fn what_is_missing_is_named() {
    let place = Place::new();
    let mut ledger = place.create();
    ledger.append(&batch("a", 300)).unwrap();
    let note = ledger.checkpoint().to_owned();
    for (remove, said) in [("tile/entries/001", "tile/entries/001.p/44"), ("tile/0/000", "tile/0/000")] {
        let kept = fs::read(place.log().join(remove)).unwrap();
        fs::remove_file(place.log().join(remove)).unwrap();
        let copied = Place::new();
        match copy(&place.log(), &copied.log(), &note, 300) {
            Err(CopyError::Missing(what)) => assert_eq!(what, said),
            other => panic!("{other:?}"),
        }
        fs::write(place.log().join(remove), kept).unwrap();
    }
}

#[test]
fn a_log_stands_still_for_one_alone() {
    let place = Place::new();
    let ledger = place.create();
    assert!(Standstill::of(&place.lock()).unwrap().is_none());
    drop(ledger);
    let held = Standstill::of(&place.lock()).unwrap().unwrap();
    assert!(place.open().unwrap_err().to_string().contains("in use by another process"));
    assert!(Standstill::of(&place.lock()).unwrap().is_none());
    drop(held);
    assert!(place.open().is_ok());
    let note = read_lock_file(&place.lock()).unwrap().unwrap();
    assert!(tlog::open_checkpoint(std::str::from_utf8(&note).unwrap(), &key().verifier()).is_ok());
    assert_eq!(read_lock_file(&place.dir.path().join("none")).unwrap(), None);
}

#[test]
fn an_existing_copy_is_not_written_over() {
    let place = Place::new();
    let ledger: Ledger = place.create();
    let copied = Place::new();
    copy(&place.log(), &copied.log(), ledger.checkpoint(), 0).unwrap();
    assert!(matches!(copy(&place.log(), &copied.log(), ledger.checkpoint(), 0), Err(CopyError::Io(_))));
}
