//! What verifying costs the auditor: hashing and structure of entries that nobody signs (read, held against their one
//! spelling, put into the tree, compared with the checkpoint, followed through their history), and signatures apart; and how
//! long a receipt is. Target: 200,000 entries a second on one processor, signatures not counted.

#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "the fixture is that of the tests, of which this needs a part"
)]

#[path = "../tests/it/story.rs"]
mod story;

use anyhow::{Context as _, Result, bail, ensure};
use approval::Act;
use model::{Entry, EntryId, EntryKind, Timestamp};
use testkit::bench::{Contestant, Figure, Measured, Target, compare, report};

use crate::story::{Log, Scribe, change, checkpoint_line, digest, roster, sign, statement};

const ENTRIES: u32 = 100_000;
const SIGNATURES: u32 = 500;

/// As in the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> Result<()> {
    let log = unsigned(ENTRIES)?;
    let bytes: usize = log.entries.iter().map(Vec::len).sum();
    let said =
        statement(Act::Approve, "bob", change(1), digest(), checkpoint_line(&log.entries[..1])).to_text();
    let (signature, people) = (sign("bob", &said), roster());

    let measured = compare(&mut [
        Contestant::new("hashing and structure", ENTRIES, |_| {
            let report = log.verify();
            ensure!(report.ok && report.authenticated, "{:?}", report.problems.first());
            Ok(())
        }),
        Contestant::new("signatures over statements", SIGNATURES, |times| {
            for _ in 0..times {
                approval::verify(&said, &signature, &people)?;
            }
            Ok(())
        }),
    ])?;
    let [entries, signatures] = measured.as_slice() else { bail!("one figure each") };
    let receipt = audit::receipt(
        &log.genesis.to_json(),
        log.checkpoint.as_bytes(),
        &log.entries,
        u64::from(ENTRIES / 2),
    )?;
    report(&[
        rate(entries, "entries/s", Target::AtLeast(200_000.0)),
        rate(signatures, "signatures/s", Target::None),
        size("an entry", bytes as f64 / f64::from(ENTRIES)),
        size("a receipt with its entry and the genesis", receipt.to_text().len() as f64),
    ])
}

fn rate(measured: &Measured, unit: &'static str, target: Target) -> Figure {
    let a_second = |micros: f64| 1e6 / micros;
    Figure {
        name: measured.name.clone(),
        value: a_second(measured.median),
        unit,
        peer: None,
        target,
        spread: Some((a_second(measured.most), a_second(measured.least))),
    }
}

fn size(name: &str, value: f64) -> Figure {
    Figure { name: name.to_owned(), value, unit: "bytes", peer: None, target: Target::None, spread: None }
}

/// An installation at which agents read for a long time, after its first entry.
fn unsigned(count: u32) -> Result<Log> {
    let mut scribe = Scribe::new();
    scribe.write(EntryKind::ReadsAdmitted, |entry| {
        entry.detail.insert("count".to_owned(), "3".to_owned());
        entry.detail.insert("reads".to_owned(), "s3:ListBuckets, cloudformation:DescribeStacks".to_owned());
    });
    let model: Entry = serde_json::from_slice(scribe.entries.last().context("an entry")?)?;
    for nth in 2..count {
        let at = Timestamp::from_seconds(1_795_300_000 + i64::from(nth));
        let mut random = [0; 10];
        random[..4].copy_from_slice(&nth.to_be_bytes());
        let entry = Entry { id: EntryId::new(at.millis(), random), at, ..model.clone() };
        scribe.entries.push(serde_json::to_vec(&entry)?);
    }
    let mut log = scribe.log();
    log.rows = None;
    Ok(log)
}
