//! A log folder or lock file that is not the one that was signed for: nothing is signed on top of it, and the error
//! says what to do.

use std::{fs, path::Path};

use expect_test::{Expect, expect};
use ledger::{EntryError, OpenError, ProveError, Published, read_log};
use proptest::prelude::*;
use tlog::{leaf_hash, open_checkpoint, verify_inclusion};

use crate::rig::{Place, batch, copy_all, key};

/// Two full bundles and a third that is not, in three batches.
fn place() -> Place {
    let place = Place::new();
    let mut ledger = place.create();
    for (tag, count) in [("a", 200), ("b", 200), ("c", 200)] {
        ledger.append(&batch(tag, count)).unwrap();
    }
    place
}

fn check(tamper: impl FnOnce(&Place), expected: &Expect) {
    checked(tamper, Place::open, expected);
}

fn check_edge(tamper: impl FnOnce(&Place), expected: &Expect) {
    checked(tamper, Place::open_at_edge, expected);
}

fn checked(
    tamper: impl FnOnce(&Place),
    open: impl FnOnce(&Place) -> Result<(ledger::Ledger, ledger::Recovery), ledger::OpenError>,
    expected: &Expect,
) {
    let place = place();
    tamper(&place);
    let text = match open(&place) {
        Ok((ledger, recovery)) => format!("{} entries, {recovery:?}", ledger.size()),
        Err(err) => {
            let cause = std::error::Error::source(&err).map(|cause| format!(": {cause}")).unwrap_or_default();
            format!("{err}{cause}")
        }
    };
    expected.assert_eq(&format!("{text}\n").replace(&place.dir.path().display().to_string(), "DIR"));
}

#[test]
fn what_was_signed_for_must_be_there() {
    check(
        |_| {},
        &expect![[r#"
            600 entries, Recovery { size: 600, cut: None, published: Current, rebuilt: 0 }
        "#]],
    );
    check(
        |place| {
            let mut bytes = fs::read(place.bundle("001")).unwrap();
            bytes[100] ^= 1;
            fs::write(place.bundle("001"), bytes).unwrap();
        },
        &expect![[r#"
            the first 600 entries on disk are not the ones that were signed for: an entry was changed, removed or moved; run `countersign audit verify` and bring back the log folder from a good copy
        "#]],
    );
    check(
        |place| fs::remove_file(place.bundle("002")).unwrap(),
        &expect![[r#"
            the disk has 512 entries, but 600 were signed for: this looks like a restored backup; bring back the newer log folder, nothing is signed on top of an older one. If it is lost for good, a new log can continue this one: `countersign restore BACKUP --new-origin`
        "#]],
    );
    check(
        |place| fs::remove_file(place.bundle("000")).unwrap(),
        &expect![[r#"
            the disk has 0 entries, but 600 were signed for: this looks like a restored backup; bring back the newer log folder, nothing is signed on top of an older one. If it is lost for good, a new log can continue this one: `countersign restore BACKUP --new-origin`
        "#]],
    );
    check(
        |place| {
            let bytes = fs::read(place.bundle("000")).unwrap();
            fs::write(place.bundle("000"), &bytes[..bytes.len() - 1]).unwrap();
        },
        &expect![[r#"
            the first 600 entries on disk are not the ones that were signed for: an entry was changed, removed or moved; run `countersign audit verify` and bring back the log folder from a good copy
        "#]],
    );
    check(
        |place| {
            let bytes = fs::read(place.bundle("000")).unwrap();
            fs::write(place.bundle("000"), [&bytes[..], b"\0\0"].concat()).unwrap();
        },
        &expect![[r#"
            the first 600 entries on disk are not the ones that were signed for: an entry was changed, removed or moved; run `countersign audit verify` and bring back the log folder from a good copy
        "#]],
    );
    check(
        |place| {
            let bytes = fs::read(place.bundle("002")).unwrap();
            fs::write(place.bundle("002"), [&bytes[..], b"\0\x01x\0\x09torn"].concat()).unwrap();
            fs::write(place.bundle("003"), b"\0\x01y").unwrap();
        },
        &expect![[r#"
            600 entries, Recovery { size: 600, cut: Some(Cut { entries: 2, bytes: 12 }), published: Current, rebuilt: 0 }
        "#]],
    );
}

fn flip(path: impl AsRef<Path>, at: usize) {
    let mut bytes = fs::read(path.as_ref()).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Entries that were found right make every tile anew; the edge alone has to be in order where only it is looked at.
#[test]
fn tiles_are_made_anew_from_entries_that_were_signed_for() {
    let check = |whole: u64, edge: u64, tamper: fn(&Path)| {
        let seen_at_edge = place();
        tamper(&seen_at_edge.log().join("tile"));
        let (_, recovery) = seen_at_edge.open_at_edge().unwrap();
        assert_eq!((recovery.size, recovery.cut, recovery.rebuilt), (600, None, edge));
        let place = place();
        tamper(&place.log().join("tile"));
        let (mut ledger, recovery) = place.open().unwrap();
        assert_eq!((recovery.size, recovery.cut, recovery.rebuilt), (600, None, whole));
        ledger.append(&batch("d", 1)).unwrap();
        (0..601).step_by(40).for_each(|index| drop(ledger.prove_inclusion(index).unwrap()));
        drop(ledger);
        assert_eq!(place.open().unwrap().1.rebuilt, 0);
        assert!(!place.log().join("tile/0/003").exists() && !place.log().join("tile/1/001").exists());
    };
    check(0, 0, |_| {});
    // As a log of a version that wrote no tiles.
    check(4, 4, |tile| ["0", "1"].iter().for_each(|level| fs::remove_dir_all(tile.join(level)).unwrap()));
    check(3, 1, |tile| fs::remove_dir_all(tile.join("0")).unwrap());
    check(1, 0, |tile| flip(tile.join("0/001"), 5000));
    check(1, 1, |tile| flip(tile.join("0/002"), 5));
    check(1, 1, |tile| flip(tile.join("1/000"), 40));
    check(1, 1, |tile| fs::remove_file(tile.join("1/000")).unwrap());
    check(1, 0, |tile| fs::write(tile.join("0/000"), vec![0; 9000]).unwrap());
    check(2, 2, |tile| {
        fs::write(tile.join("0/000"), vec![0; 8191]).unwrap();
        fs::write(tile.join("1/000"), &fs::read(tile.join("1/000")).unwrap()[..63]).unwrap();
    });
    // What lies beyond is cut off and not counted.
    check(0, 0, |tile| {
        let edge = fs::read(tile.join("0/002")).unwrap();
        fs::write(tile.join("0/002"), [edge, vec![7; 64]].concat()).unwrap();
        for beyond in ["0/003", "0/004", "1/001"] {
            fs::write(tile.join(beyond), vec![7; 9000]).unwrap();
        }
    });
}

#[test]
fn the_auditor_names_a_tile_that_is_not_of_the_entries() {
    let check = |tamper: fn(&Path), expected: Expect| {
        let place = place();
        tamper(&place.log().join("tile"));
        let problems = read_log(&place.log()).unwrap().problems;
        let told: Vec<String> = problems.iter().map(|it| format!("{}: {}", it.file, it.message)).collect();
        expected.assert_eq(&told.join("; "));
    };
    check(|_| {}, expect![""]);
    check(|tile| flip(tile.join("0/001"), 5000), expect!["tile/0/001: hash 156 is not that of entry 412"]);
    check(
        |tile| flip(tile.join("1/000"), 40),
        expect!["tile/1/000: hash 1 is not that of entries 256 to 511"],
    );
    check(|tile| fs::remove_file(tile.join("0/000")).unwrap(), expect!["tile/0/000: is missing: 256 hashes"]);
    check(
        |tile| fs::write(tile.join("0/000"), vec![0; 9000]).unwrap(),
        expect!["tile/0/000: longer than 8192 bytes"],
    );
    check(
        |tile| fs::write(tile.join("1/000"), &fs::read(tile.join("1/000")).unwrap()[..32]).unwrap(),
        expect![""],
    );
    check(|tile| fs::remove_file(tile.join("0/002")).unwrap(), expect![""]);
    check(|tile| fs::remove_dir_all(tile.join("0")).unwrap(), expect![""]);
}

#[test]
fn at_the_edge_what_is_there_must_be_what_was_signed_for() {
    check_edge(
        |_| {},
        &expect![[r#"
        600 entries, Recovery { size: 600, cut: None, published: Current, rebuilt: 0 }
    "#]],
    );
    check_edge(
        |place| flip(place.bundle("002"), 100),
        &expect![[r#"
        the first 600 entries on disk are not the ones that were signed for: an entry was changed, removed or moved; run `countersign audit verify` and bring back the log folder from a good copy
    "#]],
    );
    check_edge(
        |place| fs::remove_file(place.bundle("002")).unwrap(),
        &expect![[r#"
            the disk has 512 entries, but 600 were signed for: this looks like a restored backup; bring back the newer log folder, nothing is signed on top of an older one. If it is lost for good, a new log can continue this one: `countersign restore BACKUP --new-origin`
        "#]],
    );
    check_edge(
        |place| fs::write(place.bundle("003"), b"\0\x01y").unwrap(),
        &expect![[r#"
        600 entries, Recovery { size: 600, cut: Some(Cut { entries: 1, bytes: 3 }), published: Current, rebuilt: 0 }
    "#]],
    );

    // The last bundle is looked at also where it is full.
    let place = Place::new();
    place.create().append(&batch("full", 512)).unwrap();
    assert_eq!(place.open_at_edge().unwrap().1.rebuilt, 0);
    flip(place.bundle("001"), 105);
    assert!(matches!(place.open_at_edge(), Err(OpenError::Diverged { size: 512 })));
}

/// An old entry that changed is not seen at the edge; it is not signed for either, and whoever reads it hears of it.
#[test]
fn what_an_edge_check_does_not_see_is_never_vouched_for() {
    let place = place();
    flip(place.bundle("000"), 100);
    flip(place.log().join("tile/0/001"), 100);
    let (mut ledger, recovery) = place.open_at_edge().unwrap();
    assert_eq!((recovery.cut, recovery.rebuilt), (None, 0));
    let appended = ledger.append(&batch("d", 300)).unwrap();
    assert!(matches!(ledger.entry(18), Err(EntryError::Changed(18))));
    assert!(matches!(ledger.entries(), Err(EntryError::Changed(18))));
    assert!(ledger.entry(19).is_ok() && ledger.entry(899).is_ok());
    expect!["the tile tile/0/001 on disk is not the one that was signed for; run `countersign audit verify`, and restart, which makes tiles anew from the entries"]
        .assert_eq(&ledger.prove_inclusion(300).unwrap_err().to_string());
    assert!(matches!(ledger.entry(300), Err(EntryError::Tile { index: 300, .. })));
    assert!(matches!(ledger.consistency(300), Err(ProveError::Changed(_))));
    assert!(
        matches!(ledger.root_at(300), Err(ProveError::Changed(_))),
        "damage is no word against a checkpoint"
    );

    let signed = open_checkpoint(&appended.checkpoint_note, &key().verifier()).unwrap();
    let proof = ledger.prove_inclusion(18).unwrap();
    let entry = |index: usize| batch("a", 200)[index].clone();
    assert_eq!(verify_inclusion(&leaf_hash(&entry(18)), 18, signed.size, &proof, &signed.root), Ok(()));
    drop(ledger);
    assert!(matches!(place.open(), Err(OpenError::Diverged { size: 900 })));
}

#[test]
fn the_lock_file_decides() {
    check(
        |place| fs::remove_file(place.lock()).unwrap(),
        &expect![[r#"
            the checkpoint lock file DIR/state/checkpoint.lock is missing, so nothing says how far the log was signed; bring the file back (it is in no backup), run `countersign restore` again if one was broken off, or begin a new log under a backup: `countersign restore BACKUP --new-origin`
        "#]],
    );
    check(
        |place| fs::write(place.lock(), b"").unwrap(),
        &expect![[r#"
        the checkpoint lock file DIR/state/checkpoint.lock holds no checkpoint of this log; bring the right file back: the note has no empty line with signatures below it
    "#]],
    );
    check(
        |place| {
            let note = fs::read_to_string(place.lock()).unwrap();
            fs::write(place.lock(), note.replace("\n600\n", "\n601\n")).unwrap();
        },
        &expect![[r#"
            the checkpoint lock file DIR/state/checkpoint.lock holds no checkpoint of this log; bring the right file back: the signature by log.example/test does not belong to this text
        "#]],
    );
    check(
        |place| fs::write(place.log().join("checkpoint"), b"nothing").unwrap(),
        &expect![[r#"
            600 entries, Recovery { size: 600, cut: None, published: Replaced("the note has no empty line with signatures below it"), rebuilt: 0 }
        "#]],
    );
    check(
        |place| fs::remove_file(place.log().join("genesis.json")).unwrap(),
        &expect![[r#"
        there is no genesis at DIR/data/log/genesis.json: this is no ledger, or its folder was moved
    "#]],
    );
    check(
        |place| fs::write(place.log().join("genesis.json"), b"{}").unwrap(),
        &expect![[r#"
        the genesis at DIR/data/log/genesis.json cannot be read as one: missing field `origin` at line 1 column 2; restore the file from a backup
    "#]],
    );
}

#[test]
fn an_old_copy_of_either_half_is_refused() {
    let place = Place::new();
    let mut ledger = place.create();
    ledger.append(&batch("a", 10)).unwrap();
    let old_log = place.dir.path().join("old-log");
    copy_all(&place.log(), &old_log);
    let old_lock = fs::read(place.lock()).unwrap();
    ledger.append(&batch("b", 10)).unwrap();
    drop(ledger);

    let new_lock = fs::read(place.lock()).unwrap();
    fs::write(place.lock(), &old_lock).unwrap();
    expect!["the published checkpoint covers 20 entries, the lock file 10: the lock file is an old copy; bring the newer one back, or entries that were acknowledged would be cut off"]
        .assert_eq(&place.open().unwrap_err().to_string());
    fs::write(place.lock(), new_lock).unwrap();
    let (ledger, recovery) = place.open().unwrap();
    assert_eq!((ledger.size(), recovery.published), (20, Published::Current));
    drop(ledger);

    fs::remove_dir_all(place.log()).unwrap();
    copy_all(&old_log, &place.log());
    expect!["the disk has 10 entries, but 20 were signed for: this looks like a restored backup; bring back the newer log folder, nothing is signed on top of an older one. If it is lost for good, a new log can continue this one: `countersign restore BACKUP --new-origin`"]
        .assert_eq(&place.open().unwrap_err().to_string());
}

#[test]
fn the_auditor_reads_on_and_names_every_damaged_file() {
    let place = place();
    fs::remove_file(place.bundle("000")).unwrap();
    let bytes = fs::read(place.bundle("001")).unwrap();
    fs::write(place.bundle("001"), &bytes[..bytes.len() - 1]).unwrap();
    fs::write(place.bundle("note.txt"), b"hello").unwrap();
    fs::create_dir(place.bundle("x001")).unwrap();
    fs::write(place.bundle("x001/002"), b"\0\x01z").unwrap();
    fs::remove_file(place.log().join("genesis.json")).unwrap();
    let log = read_log(&place.log()).unwrap();
    assert_eq!(log.entries.len(), 255 + 88 + 1);
    let found: Vec<String> = log.problems.iter().map(|it| format!("{}: {}", it.file, it.message)).collect();
    expect![[r#"
        genesis.json: No such file or directory (os error 2)
        tile/entries/note.txt: is no entry bundle
        tile/entries/000: bundle 0 is missing: 256 entries
        tile/entries/001: the bundle breaks off in entry 255 (counted from 0), 6 bytes after its last whole entry
        tile/entries/002: has 88 entries, but is not the last bundle
        tile/entries/003: bundles 3 to 1001 are missing"#]].assert_eq(&found.join("\n"));
    assert!(read_log(&place.log().join("nowhere")).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Any bytes in any file: opening and reading end, and what opens is what was signed for.
    #[test]
    fn arbitrary_bytes_open_nothing_else(
        which in 0usize..4, bytes in proptest::collection::vec(any::<u8>(), 0..80), cut in 0usize..120,
    ) {
        let place = Place::new();
        let mut ledger = place.create();
        ledger.append(&batch("a", 5)).unwrap();
        let root = ledger.root_at(5).unwrap();
        drop(ledger);
        let file = [place.bundle("000"), place.lock(), place.log().join("checkpoint"), place.log().join("genesis.json")];
        let mut content = fs::read(&file[which]).unwrap();
        content.truncate(cut);
        content.extend(bytes);
        fs::write(&file[which], content).unwrap();
        let _ = read_log(&place.log()).unwrap();
        if let Ok((ledger, _)) = place.open() {
            prop_assert_eq!((ledger.size(), ledger.root_at(5).unwrap()), (5, root));
        }
    }
}
