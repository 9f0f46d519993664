//! Every file operation of a ledger's life is made to fail, and to be the last before a power cut. Afterwards a batch
//! is in whole or not at all, none that was acknowledged is missing, and nothing was signed that was not durable.

use std::path::Path;

use ledger::{AppendError, Check, Ledger};
use tlog::{leaf_hash, open_checkpoint, verify_inclusion};

use crate::{
    rig::{batch, genesis, key},
    sim::{Cut, FAULTS, Fault, SimDisk},
};

const LOG: &str = "/data/log";
const LOCK: &str = "/state/checkpoint.lock";

fn create(disk: &SimDisk) -> Result<Ledger, ledger::CreateError> {
    Ledger::create_on(Box::new(disk.clone()), Path::new(LOG), Path::new(LOCK), key(), genesis())
}

fn open(disk: &SimDisk, check: Check) -> Result<(Ledger, ledger::Recovery), ledger::OpenError> {
    Ledger::open_on(Box::new(disk.clone()), Path::new(LOG), Path::new(LOCK), key(), check)
}

/// Batches that start a bundle, continue one, fill one exactly and run over into the third.
fn batches() -> Vec<Vec<Vec<u8>>> {
    [("a", 1), ("b", 3), ("c", 252), ("d", 260), ("e", 2)].map(|(tag, count)| batch(tag, count)).to_vec()
}

/// What is certain to be in the log, and what was under way when it ended.
#[derive(Default)]
struct Expected {
    acknowledged: Vec<Vec<u8>>,
    in_doubt: Vec<Vec<u8>>,
}

impl Expected {
    fn check(&self, ledger: &Ledger, at: &str) {
        let both = [self.acknowledged.as_slice(), &self.in_doubt].concat();
        let size = ledger.size() as usize;
        assert!(size == self.acknowledged.len() || size == both.len(), "{at}: {size} of {}", both.len());
        for (index, entry) in both[..size].iter().enumerate().rev().take(20) {
            assert_eq!(ledger.entry(index as u64).unwrap(), *entry, "{at}: entry {index}");
        }
        let checkpoint = open_checkpoint(ledger.checkpoint(), &key().verifier()).unwrap();
        assert_eq!(checkpoint.size, ledger.size(), "{at}");
        assert_eq!(checkpoint.root, ledger.root_at(ledger.size()).unwrap().unwrap(), "{at}");
        for index in (0..ledger.size()).rev().step_by(97) {
            let proof = ledger.prove_inclusion(index).unwrap();
            let leaf = leaf_hash(&both[index as usize]);
            let verified = verify_inclusion(&leaf, index, checkpoint.size, &proof, &checkpoint.root);
            assert_eq!(verified, Ok(()), "{at}: entry {index}");
        }
    }
}

/// One life with one fault at one operation; `false` once the fault lies behind the life's end.
fn live(nth: usize, fault: Fault, cut: Cut) -> bool {
    let at = format!("operation {nth}, {fault:?}, {cut:?}");
    let disk = SimDisk::default();
    disk.arm(nth, fault);
    let mut expected = Expected::default();

    let mut ledger = match create(&disk) {
        Ok(ledger) => ledger,
        Err(_) => {
            disk.restart(cut);
            // Cut short: either creating it again with the same genesis goes through, or it was far enough to open.
            match create(&disk) {
                Ok(ledger) => ledger,
                Err(err) => {
                    let opened = open(&disk, Check::Whole);
                    opened.unwrap_or_else(|open| panic!("{at}: neither {err} nor {open}")).0
                }
            }
        }
    };
    let mut seen = Vec::new();
    let mut batches = batches().into_iter();
    for batch in batches.by_ref() {
        match ledger.append(&batch) {
            Ok(appended) => {
                assert_eq!(appended.first_index, expected.acknowledged.len() as u64, "{at}");
                expected.acknowledged.extend(batch);
                seen.push(appended.checkpoint_note);
            }
            Err(_) => {
                expected.in_doubt = batch;
                assert!(matches!(ledger.append(&[b"x".to_vec()]), Err(AppendError::Poisoned { .. })), "{at}");
                break;
            }
        }
    }
    let met = !disk.disarm();
    drop(ledger);
    disk.restart(cut);

    let (mut ledger, recovery) = open(&disk, Check::Edge).unwrap_or_else(|err| panic!("{at}: {err}"));
    assert_eq!(recovery.size, ledger.size(), "{at}");
    expected.check(&ledger, &at);
    // What the opening found is there to stay, though the power fails at once.
    let found = ledger.size();
    drop(ledger);
    disk.restart(Cut::Loses);
    let (again, recovery) = open(&disk, Check::Whole).unwrap_or_else(|err| panic!("{at}, again: {err}"));
    assert_eq!((again.size(), recovery.cut), (found, None), "{at}");
    assert!(recovery.rebuilt <= 2, "{at}: more than the tiles that are not full");
    ledger = again;

    let mut rest: Vec<Vec<u8>> = batches.flatten().collect();
    rest.push(b"last".to_vec());
    seen.push(ledger.append(&rest).unwrap_or_else(|err| panic!("{at}: {err}")).checkpoint_note);
    drop(ledger);
    disk.restart(Cut::Loses);
    let (ledger, recovery) = open(&disk, Check::Edge).unwrap_or_else(|err| panic!("{at}, last: {err}"));
    assert_eq!((ledger.size(), recovery.cut), (found + rest.len() as u64, None), "{at}");
    assert!(recovery.rebuilt <= 2, "{at}: more than the tiles that are not full");
    for note in seen {
        let checkpoint = open_checkpoint(&note, &key().verifier()).unwrap();
        assert_eq!(ledger.root_at(checkpoint.size).unwrap(), Some(checkpoint.root), "{at}: a fork");
    }
    drop(ledger);
    let (_, recovery) = open(&disk, Check::Whole).unwrap_or_else(|err| panic!("{at}, whole: {err}"));
    assert_eq!((recovery.cut, recovery.rebuilt), (None, 0), "{at}");
    assert_eq!(disk.premature(), Vec::<String>::new(), "{at}: signed what was not durable");
    met
}

fn cuts(seed: usize) -> [Cut; 3] {
    [Cut::Loses, Cut::Keeps, Cut::Mixed(seed as u64)]
}

#[test]
fn no_fault_at_any_operation_loses_or_halves_a_batch() {
    for fault in FAULTS {
        let mut operations = 0;
        while cuts(operations)
            .map(|cut| live(operations, fault, cut))
            .into_iter()
            .fold(false, |any, met| any | met)
        {
            operations += 1;
        }
        assert!(
            operations > 80,
            "only {operations} operations: the rig no longer reaches the ledger's files"
        );
    }
}

/// Recovery itself may be cut short, at any operation, and is then simply done again.
#[test]
fn a_fault_during_recovery_is_recovered_from() {
    let begun = || {
        let disk = SimDisk::default();
        let mut ledger = create(&disk).unwrap();
        ledger.append(&batch("a", 250)).unwrap();
        (disk, ledger)
    };
    // Dies between the last bundle's sync and the signature, with all entries and all tiles there but the lock.
    let torn = batch("torn", 400);
    let mut before = None;
    for nth in 0.. {
        let (disk, mut ledger) = begun();
        disk.arm(nth, Fault::Crash);
        if ledger.append(&torn).is_ok() {
            break;
        }
        drop(ledger);
        disk.restart(Cut::Keeps);
        if open(&disk, Check::Whole).unwrap().1.cut.is_some_and(|cut| cut.entries == 400) {
            before = Some(nth);
        }
    }
    let before = before.unwrap();
    for (fault, check) in FAULTS.into_iter().flat_map(|fault| [(fault, Check::Whole), (fault, Check::Edge)]) {
        for nth in 0.. {
            let (disk, mut ledger) = begun();
            disk.arm(before, Fault::Crash);
            ledger.append(&torn).unwrap_err();
            drop(ledger);
            disk.restart(Cut::Keeps);

            disk.arm(nth, fault);
            let opened = open(&disk, check).map(drop);
            let met = !disk.disarm();
            disk.restart(Cut::Loses);
            let (mut ledger, _) =
                open(&disk, check).unwrap_or_else(|err| panic!("{nth} {fault:?} {check:?}: {err}"));
            assert_eq!(ledger.size(), 250);
            ledger.append(&batch("b", 400)).unwrap();
            assert_eq!(disk.premature(), Vec::<String>::new());
            drop(ledger);
            let (_, recovery) = open(&disk, Check::Whole).unwrap();
            assert_eq!((recovery.size, recovery.rebuilt), (650, 0), "{nth} {fault:?} {check:?}");
            if !met {
                opened.unwrap();
                break;
            }
        }
    }
}

/// Where a tile of level 1 fills, and one of level 2 begins. Opening looks at the edge alone, and at everything where a
/// crash has left that in disorder.
#[test]
fn no_fault_at_the_boundary_of_a_level_loses_anything() {
    let full = SimDisk::default();
    let mut ledger = create(&full).unwrap();
    ledger.append(&batch("first", 65_500)).unwrap();
    drop(ledger);
    assert_eq!(full.premature(), Vec::<String>::new());
    let before = open_checkpoint(&full.text(LOCK), &key().verifier()).unwrap();
    let over = batch("over", 300);
    for (fault, cut) in
        [(Fault::Crash, Cut::Loses), (Fault::CrashHalfway, Cut::Mixed(7)), (Fault::Fails, Cut::Keeps)]
    {
        for nth in 0.. {
            let at = format!("operation {nth}, {fault:?}, {cut:?}");
            let disk = full.fork();
            let mut ledger = open(&disk, Check::Edge).unwrap().0;
            disk.arm(nth, fault);
            let appended = ledger.append(&over);
            let met = !disk.disarm();
            drop(ledger);
            disk.restart(cut);
            let (mut ledger, _) = open(&disk, Check::Edge).unwrap_or_else(|err| panic!("{at}: {err}"));
            let size = ledger.size();
            assert!(size == 65_800 || (size == 65_500 && appended.is_err()), "{at}: {size}");
            assert_eq!(ledger.root_at(65_500).unwrap().unwrap(), before.root, "{at}");
            ledger.append(&batch("last", 1)).unwrap();
            for index in [0, 65_499, 65_500, size] {
                let proof = ledger.prove_inclusion(index).unwrap();
                let (entry, root) =
                    (ledger.entry(index).unwrap(), ledger.root_at(size + 1).unwrap().unwrap());
                let verified = verify_inclusion(&leaf_hash(&entry), index, size + 1, &proof, &root);
                assert_eq!(verified, Ok(()), "{at}: entry {index}");
            }
            assert_eq!(disk.premature(), Vec::<String>::new(), "{at}");
            if !met {
                let (_, recovery) = {
                    drop(ledger);
                    open(&disk, Check::Whole).unwrap()
                };
                assert_eq!((recovery.size, recovery.rebuilt), (65_801, 0));
                break;
            }
        }
    }
}

/// The thousandth bundle and the thousandth tile begin a folder each, whose names must be as durable as theirs.
#[test]
fn a_new_folder_is_there_to_stay_before_anything_in_it_is_signed_for() {
    let disk = SimDisk::default();
    let mut ledger = create(&disk).unwrap();
    ledger.append(&batch("first", 255_990)).unwrap();
    for (tag, count) in [("over", 20), ("full", 250), ("next", 300)] {
        ledger.append(&batch(tag, count)).unwrap();
        let size = ledger.size();
        drop(ledger);
        disk.restart(Cut::Loses);
        let (opened, recovery) = open(&disk, Check::Edge).unwrap();
        assert_eq!((opened.size(), recovery.cut), (size, None), "{tag}");
        opened.prove_inclusion(255_999).unwrap();
        ledger = opened;
    }
    drop(ledger);
    let (_, recovery) = open(&disk, Check::Whole).unwrap();
    assert_eq!((recovery.size, recovery.rebuilt), (256_560, 0));
}
