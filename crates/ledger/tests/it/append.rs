//! Appending and reading on a real disk.

use std::collections::BTreeMap;

use expect_test::expect;
use ledger::{
    AppendError, CreateError, EntryError, Ledger, OpenError, ProveError, Published, Recovery, read_log,
    read_resource,
};
use tlog::{
    Plan, Resource, SigningKey, bundle, grown, leaf_hash, open_checkpoint, root_of, verify_growth,
    verify_inclusion,
};

use crate::rig::{Place, batch, genesis, key};

#[test]
fn indices_are_contiguous_and_every_checkpoint_is_proved() {
    let place = Place::new();
    let mut ledger = place.create();
    let mut notes = vec![ledger.checkpoint().to_owned()];
    let mut all = Vec::new();
    for (nth, count) in [1, 0, 255, 256, 300].into_iter().enumerate() {
        let entries = batch(&nth.to_string(), count);
        let appended = ledger.append(&entries).unwrap();
        assert_eq!(appended.first_index, all.len() as u64);
        assert_eq!(appended.checkpoint_note, ledger.checkpoint());
        all.extend(entries);
        notes.push(appended.checkpoint_note);
    }
    let open = |note: &String| open_checkpoint(note, &key().verifier()).unwrap();
    let newest = open(notes.last().unwrap());
    for note in &notes {
        let old = open(note);
        assert_eq!(verify_growth(&old, &newest, &ledger.consistency(old.size).unwrap().unwrap()), Ok(()));
        assert_eq!(ledger.root_at(old.size).unwrap(), Some(old.root));
    }
    for index in [0, 1, 255, 256, 511, 512, 811] {
        let entry = ledger.entry(index).unwrap();
        assert_eq!(entry, all[index as usize]);
        let proof = ledger.prove_inclusion(index).unwrap();
        assert_eq!(verify_inclusion(&leaf_hash(&entry), index, newest.size, &proof, &newest.root), Ok(()));
    }
    for old in notes.iter().map(open).filter(|it| it.size > 0) {
        for index in [0, old.size / 2, old.size - 1] {
            let proof = ledger.prove_inclusion_at(index, old.size).unwrap();
            let leaf = leaf_hash(&all[index as usize]);
            assert_eq!(
                verify_inclusion(&leaf, index, old.size, &proof, &old.root),
                Ok(()),
                "{index} of {}",
                old.size
            );
        }
        let beyond = ledger.prove_inclusion_at(old.size, old.size);
        assert!(matches!(beyond, Err(ProveError::NoSuchEntry { .. })), "{beyond:?}");
    }
    assert!(matches!(ledger.prove_inclusion_at(0, 813), Err(ProveError::NotSoLarge { .. })));
    assert_eq!(ledger.entries().unwrap(), all);
    for (end, count) in [(812, 50), (900, 1), (257, 3), (256, 256), (5, 50), (0, 50), (100, 0)] {
        let found = ledger.entries_before(end, count).unwrap();
        let (end, first) = (end.min(812), end.min(812).saturating_sub(count));
        let expected = (first..end).map(|place| (place, all[place as usize].clone()));
        assert_eq!(found, expected.collect::<Vec<_>>(), "{count} before {end}");
    }
    assert!(matches!(ledger.entry(812), Err(EntryError::NoSuchEntry { index: 812, size: 812 })));
    assert!(matches!(ledger.prove_inclusion(812), Err(ProveError::NoSuchEntry { .. })));
    assert_eq!(ledger.consistency(813).unwrap(), None);
    assert_eq!(ledger.root_at(813).unwrap(), None);

    let read = read_log(&place.log()).unwrap();
    assert_eq!((read.entries, read.problems), (all, Vec::new()));
    assert_eq!(read.checkpoint_note, ledger.checkpoint().as_bytes());

    drop(ledger);
    let (ledger, recovery) = place.open().unwrap();
    assert_eq!(recovery, Recovery { size: 812, cut: None, published: Published::Current, rebuilt: 0 });
    assert_eq!((ledger.size(), ledger.root_at(812).unwrap()), (812, Some(newest.root)));
    assert_eq!(ledger.genesis(), &genesis());
}

/// What is read while the log grows is a log: its entries begin with those that its checkpoint covers.
#[test]
fn a_growing_log_can_be_read() {
    let place = Place::new();
    let mut ledger = place.create();
    ledger.append(&batch("first", 1)).unwrap();
    let writer = std::thread::spawn(move || {
        for nth in 0..40 {
            ledger.append(&batch(&nth.to_string(), 20)).unwrap();
        }
    });
    let mut reads = 0;
    while !writer.is_finished() || reads == 0 {
        let log = read_log(&place.log()).unwrap();
        let note = String::from_utf8(log.checkpoint_note).unwrap();
        let signed = open_checkpoint(&note, &key().verifier()).unwrap();
        let leaves: Vec<_> = log.entries.iter().map(|entry| leaf_hash(entry)).collect();
        assert_eq!(tlog::root_of(&leaves[..signed.size as usize]), signed.root);
        reads += 1;
    }
    writer.join().unwrap();
    let log = read_log(&place.log()).unwrap();
    assert_eq!((log.entries.len(), log.problems), (801, Vec::new()));
}

/// A reader that has a checkpoint and asks by path alone: every tile and bundle that the spec has a log of that size
/// serve is there, also after it has grown, and what no checkpoint covers is not.
#[test]
fn a_served_log_has_every_tile_of_every_checkpoint() {
    let place = Place::new();
    let mut ledger = place.create();
    let mut all = Vec::new();
    let mut sizes = vec![0];
    for (nth, count) in [1, 2, 252, 1, 1, 300, 66_000].into_iter().enumerate() {
        all.extend(batch(&nth.to_string(), count));
        ledger.append(&all[sizes[nth]..]).unwrap();
        sizes.push(all.len());
    }
    let leaves: Vec<_> = all.iter().map(|entry| leaf_hash(entry)).collect();
    let read =
        |path: &str, size: usize| read_resource(&place.log(), path.parse().unwrap(), size as u64).unwrap();
    for size in &sizes {
        let tiles: BTreeMap<_, _> = grown(0, *size as u64)
            .map(|tile| (tile, tile.decode(&read(&tile.path(), *size).unwrap()).unwrap()))
            .collect();
        let root = Plan::root(*size as u64).unwrap().fill(&tiles).unwrap();
        assert_eq!(root, [root_of(&leaves[..*size])], "size {size}");
        for tile in tiles.keys().filter(|tile| tile.level() == 0) {
            let bytes = read(&Resource::Entries(*tile).path(), *size).unwrap();
            let range = tile.hashes().start as usize..tile.hashes().end as usize;
            assert_eq!(bundle::decode(&bytes).unwrap(), all[range]);
        }
    }
    for beyond in ["tile/0/001", "tile/0/001.p/2", "tile/entries/001", "tile/1/000.p/2", "tile/2/000.p/1"] {
        assert_eq!(read(beyond, 257), None, "{beyond}");
    }
    assert_eq!(read("tile/0/001.p/1", 257).unwrap(), leaves[256].as_bytes());
    assert_eq!(read("tile/0/x001/000", usize::MAX), None);
    assert_eq!(read_log(&place.log()).unwrap().problems, []);
}

#[test]
fn an_entry_too_long_is_refused_before_anything_is_written() {
    let place = Place::new();
    let mut ledger = place.create();
    let longest = vec![b'x'; 65_535];
    let error = ledger.append(&[b"one".to_vec(), vec![b'x'; 65_536]]).unwrap_err();
    expect!["entry 1 of the batch has 65536 bytes; the log takes at most 65535: shorten what it carries"]
        .assert_eq(&error.to_string());
    assert_eq!(read_log(&place.log()).unwrap().entries.len(), 0);
    ledger.append(std::slice::from_ref(&longest)).unwrap();
    assert_eq!(ledger.entry(0).unwrap(), longest);
}

#[test]
fn somebody_else_changing_the_lock_file_stops_this_process_for_good() {
    let place = Place::new();
    let mut ledger = place.create();
    ledger.append(&batch("a", 2)).unwrap();
    let ours = std::fs::read(place.lock()).unwrap();
    std::fs::write(place.lock(), [&ours[..], b"\n"].concat()).unwrap();
    assert!(matches!(ledger.append(&batch("b", 1)), Err(AppendError::LockChanged)));
    std::fs::write(place.lock(), ours).unwrap();
    assert!(matches!(ledger.append(&batch("b", 1)), Err(AppendError::Poisoned { .. })));
    drop(ledger);
    let (_, recovery) = place.open().unwrap();
    assert_eq!((recovery.size, recovery.cut.map(|cut| cut.entries)), (2, Some(1)));
}

#[test]
fn a_bit_that_flips_on_disk_is_never_signed_over() {
    let place = Place::new();
    let mut ledger = place.create();
    ledger.append(&batch("a", 3)).unwrap();
    let mut bytes = std::fs::read(place.bundle("000")).unwrap();
    bytes[3] ^= 1;
    std::fs::write(place.bundle("000"), bytes).unwrap();
    assert!(matches!(ledger.append(&batch("b", 1)), Err(AppendError::ReadBack { .. })));
    assert!(matches!(ledger.entry(0), Err(EntryError::Changed(0))));
    assert!(matches!(ledger.entries(), Err(EntryError::Changed(0))));
    assert_eq!(ledger.size(), 3);
    assert_eq!(std::fs::read_to_string(place.lock()).unwrap(), ledger.checkpoint());
}

#[test]
fn one_process_at_a_time_and_one_ledger_to_a_folder() {
    let place = Place::new();
    let ledger = place.create();
    assert!(matches!(place.open(), Err(OpenError::InUse(_))));
    assert!(matches!(
        Ledger::create(&place.log(), &place.lock(), key(), genesis()),
        Err(CreateError::InUse(_))
    ));
    drop(ledger);
    assert!(matches!(
        Ledger::create(&place.log(), &place.lock(), key(), genesis()),
        Err(CreateError::Exists(_))
    ));
    place.open().unwrap();

    let other = SigningKey::from_seed("log.example/test", &[8; 32]).unwrap();
    let elsewhere = Place::new();
    assert!(matches!(
        Ledger::create(&elsewhere.log(), &elsewhere.lock(), other, genesis()),
        Err(CreateError::OtherKey { .. })
    ));
}

#[cfg(unix)]
#[test]
fn only_the_owner_can_read_what_the_ledger_makes() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::new();
    place.create().append(&batch("a", 300)).unwrap();
    let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let guard = place.dir.path().join("state/checkpoint.lock.held");
    for file in [
        place.lock(),
        guard,
        place.log().join("genesis.json"),
        place.log().join("checkpoint"),
        place.bundle("000"),
        place.bundle("001"),
    ] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    for dir in
        [place.log(), place.log().join("tile"), place.bundle(""), place.lock().parent().unwrap().to_owned()]
    {
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
    }
}
