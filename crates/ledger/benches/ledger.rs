//! What the ledger costs: entries of 1 KiB appended in batches (written, flushed, read back and hashed again, signed, the
//! checkpoint swapped and published), beside raw flushes of as many bytes, one a batch, and beside a table in SQLite whose
//! every row has the hash of the one before, one transaction a row, as audit tables are usually made; and a whole log
//! checked when it is opened.
//!
//! Targets. Tessera, the log that is run at the largest scale, publishes about 10,000 entries a second for its driver on
//! plain files: batches of 256 and more must do better. Checking: 200,000 entries a second on one processor.

use std::{
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, ensure};
use ledger::{Genesis, Ledger};
use model::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use testkit::bench::{Contestant, Figure, Measured, Target, compare, report};
use tlog::{Hash, SigningKey, empty_root, leaf_hash, node_hash};

const ORIGIN: &str = "log.example/bench";
const ENTRY: usize = 1024;
/// Entries to a batch, and batches to a round.
const BATCHES: [(u32, u32); 4] = [(1, 40), (16, 20), (256, 10), (4096, 2)];
const TESSERA: f64 = 10_000.0;
const CHECKED: u64 = 60_000;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let names: Vec<[String; 2]> = BATCHES
        .iter()
        .map(|(size, _)| [format!("appended in batches of {size}"), format!("raw flushes of {size} KiB")])
        .collect();
    let mut contestants = Vec::new();
    for ((size, count), [ours, raw]) in BATCHES.into_iter().zip(&names) {
        let mut ledger = create(&folder.path().join(format!("batch-{size}")))?;
        contestants.push(Contestant::new(ours, size * count, move |_| {
            (0..count).try_for_each(|_| append(&mut ledger, size))
        }));
        let mut file = File::create(folder.path().join(format!("raw-{size}")))?;
        contestants.push(Contestant::new(raw, size * count, move |_| {
            let bytes = vec![7; size as usize * (ENTRY + 2)];
            (0..count).try_for_each(|_| {
                file.write_all(&bytes)?;
                Ok(file.sync_data()?)
            })
        }));
    }
    let chained = Chained::create(&folder.path().join("chained.db"))?;
    contestants.push(Contestant::new("a chained row a transaction (SQLite)", 40, move |times| {
        (0..times).try_for_each(|_| chained.insert())
    }));

    let whole = folder.path().join("whole");
    {
        let mut ledger = create(&whole)?;
        (0..CHECKED / 4096 + 1).try_for_each(|_| append(&mut ledger, 4096))?;
    }
    let checked = u32::try_from((CHECKED / 4096 + 1) * 4096)?;
    contestants.push(Contestant::new("checked whole when opened", checked, move |times| {
        let (log, lock) = places(&whole);
        let (ledger, recovery) = Ledger::open(&log, &lock, key()?)?;
        ensure!(
            recovery.rebuilt == 0 && ledger.size() == u64::from(times),
            "the log is not as it was written"
        );
        Ok(())
    }));
    let measured = compare(&mut contestants)?;

    let (last, batches) = measured.split_last().context("figures")?;
    let (row, batches) = batches.split_last().context("figures")?;
    let mut figures = vec![rate(row, None, Target::None)];
    for ((size, _), pair) in BATCHES.into_iter().zip(batches.as_chunks().0) {
        let [ours, raw]: &[Measured; 2] = pair;
        let target = if size >= 256 { Target::AtLeast(TESSERA) } else { Target::None };
        figures.push(rate(ours, Some(raw), target));
        figures.push(rate(ours, Some(row), Target::None));
    }
    figures.push(rate(last, None, Target::AtLeast(200_000.0)));
    report(&figures)
}

/// Entries a second, where the harness has microseconds an entry.
fn rate(measured: &Measured, peer: Option<&Measured>, target: Target) -> Figure {
    let a_second = |micros: f64| 1e6 / micros;
    Figure {
        name: measured.name.clone(),
        value: a_second(measured.median),
        unit: "entries/s",
        peer: peer.map(|peer| (peer.name.clone(), a_second(peer.median))),
        target,
        spread: Some((a_second(measured.most), a_second(measured.least))),
    }
}

fn key() -> Result<SigningKey> {
    Ok(SigningKey::from_seed(ORIGIN, &[7; 32])?)
}

fn places(folder: &Path) -> (PathBuf, PathBuf) {
    (folder.join("log"), folder.join("checkpoint.lock"))
}

fn create(folder: &Path) -> Result<Ledger> {
    let (log, lock) = places(folder);
    let genesis = Genesis {
        origin: ORIGIN.to_owned(),
        vkey: key()?.verifier().to_string(),
        installation: "00112233445566778899aabbccddeeff".to_owned(),
        created_at: Timestamp::from_seconds(1_795_228_800),
        site: None,
    };
    Ok(Ledger::create(&log, &lock, key()?, genesis)?)
}

/// A batch of entries that differ from all others.
fn append(ledger: &mut Ledger, size: u32) -> Result<()> {
    let entries: Vec<Vec<u8>> = (ledger.size()..)
        .take(size as usize)
        .map(|index| {
            let mut entry = vec![b'x'; ENTRY];
            entry.splice(..8, index.to_be_bytes());
            entry
        })
        .collect();
    ledger.append(&entries)?;
    Ok(())
}

/// As durable as the ledger: a write-ahead log, flushed with every transaction.
struct Chained(Connection);

impl Chained {
    fn create(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE chain (id INTEGER PRIMARY KEY, entry BLOB NOT NULL, hash BLOB NOT NULL) STRICT;",
        )?;
        Ok(Self(connection))
    }

    fn insert(&self) -> Result<()> {
        let transaction = self.0.unchecked_transaction()?;
        let last: Option<(i64, [u8; 32])> = transaction
            .prepare_cached("SELECT id, hash FROM chain ORDER BY id DESC LIMIT 1")?
            .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (id, before) = last.map_or((0, empty_root()), |(id, hash)| (id, Hash::from_bytes(hash)));
        let mut entry = vec![b'x'; ENTRY];
        entry.splice(..8, id.to_be_bytes());
        let hash = node_hash(&before, &leaf_hash(&entry));
        transaction
            .prepare_cached("INSERT INTO chain (entry, hash) VALUES (?1, ?2)")?
            .execute((&entry, hash.as_bytes()))?;
        Ok(transaction.commit()?)
    }
}
