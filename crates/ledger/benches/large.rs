//! A log of ten million small entries, beside the same log when it had a tenth of them: checking all of it grows with the
//! log and with nothing more; verifying what came since a checkpoint, making a proof, appending, opening at the edge and
//! the writer's memory do not grow with it. Takes about 1.5 GB of disk and some minutes.
//!
//! Each figure of the whole log has the tenth as its peer. Flat is: at most twice it, which is room for one level of tiles
//! more and for the noise of things that take microseconds; opening, with a flush in it, has a bound of its own.

use std::{collections::BTreeMap, fs, path::Path, time::Instant};

use anyhow::{Context as _, Result, ensure};
use ledger::{Genesis, Ledger, read_resource};
use model::Timestamp;
use testkit::bench::{Contestant, Figure, Measured, Target, compare, report};
use tlog::{
    Checkpoint, Edge, Hash, LEVELS, Plan, Receipt, Resource, SigningKey, Tile, bundle, leaf_hash,
    open_checkpoint, verify_consistency, verify_inclusion,
};

const ORIGIN: &str = "log.example/bench";
const WHOLE: u64 = 10_000_000;
const TENTH: u64 = WHOLE / 10;
const BATCH: u64 = 16_384;
/// Entries that came since the checkpoint that a reader kept.
const SINCE: u64 = 1000;

fn main() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (log, lock) = (folder.path().join("log"), folder.path().join("checkpoint.lock"));
    let genesis = Genesis {
        origin: ORIGIN.to_owned(),
        vkey: key()?.verifier().to_string(),
        installation: "00112233445566778899aabbccddeeff".to_owned(),
        created_at: Timestamp::from_seconds(1_795_228_800),
        site: None,
    };
    let ledger = Ledger::create(&log, &lock, key()?, genesis)?;
    let (ledger, tenth) = measure(ledger, &log, &lock, TENTH)?;
    let (_, whole) = measure(ledger, &log, &lock, WHOLE)?;

    let mut figures = Vec::new();
    for (tenth, whole) in tenth.iter().zip(&whole) {
        ensure!(tenth.name == whole.name, "the same figures of both logs");
        let peer = (format!("at {TENTH} entries"), tenth.value);
        figures.push(Figure {
            name: format!("{} at {WHOLE} entries", whole.name),
            peer: Some(peer),
            ..whole.clone()
        });
    }
    report(&figures)
}

fn key() -> Result<SigningKey> {
    Ok(SigningKey::from_seed(ORIGIN, &[7; 32])?)
}

fn entry(index: u64) -> Vec<u8> {
    format!("entry {index:016} of the bench").into_bytes()
}

fn grow(ledger: &mut Ledger, size: u64) -> Result<()> {
    while ledger.size() < size {
        let next = ledger.size();
        let entries: Vec<Vec<u8>> = (next..(next + BATCH).min(size)).map(entry).collect();
        ledger.append(&entries)?;
    }
    Ok(())
}

/// Grows the log to `size`, and measures there.
fn measure(mut ledger: Ledger, log: &Path, lock: &Path, size: u64) -> Result<(Ledger, Vec<Figure>)> {
    grow(&mut ledger, size - SINCE)?;
    let kept = opened(&ledger)?;
    grow(&mut ledger, size)?;
    let newest = opened(&ledger)?;
    let memory = resident()?;

    let mut asked = 0;
    let mut next = || {
        asked = (asked + 7_368_787) % size;
        asked
    };
    let shared = &ledger;
    let measured = compare(&mut [
        Contestant::new("an inclusion proof made and verified", 200, |times| {
            (0..times).try_for_each(|_| {
                let index = next();
                let proof = shared.prove_inclusion(index)?;
                Ok(verify_inclusion(&leaf_hash(&entry(index)), index, size, &proof, &newest.root)?)
            })
        }),
        Contestant::new("a consistency proof made and verified", 200, |times| {
            (0..times).try_for_each(|_| {
                let proof = shared.prove_consistency(kept.size)?;
                Ok(verify_consistency(kept.size, size, &kept.root, &newest.root, &proof)?)
            })
        }),
        Contestant::new("1000 entries since a kept checkpoint verified by a reader", 1, |_| {
            verify_since(log, &kept, &newest)
        }),
    ])?;
    let flat = Target::RatioAtMost(2.0);
    let mut figures: Vec<Figure> = measured.iter().map(|it| it.figure(None, flat)).collect();
    let receipt = Receipt {
        extra: None,
        index: size / 2,
        proof: shared.prove_inclusion(size / 2)?,
        checkpoint: shared.checkpoint().to_owned(),
    };
    figures.push(figure("a receipt without its entry", receipt.to_text().len() as f64, "bytes", flat));
    figures.push(figure("the writer's memory", memory, "MB", Target::AtMost(64.0)));
    // One process, and in it one ledger, holds the log.
    drop(ledger);

    let opening = compare(&mut [Contestant::new("opened at the edge", 1, |_| {
        let (opened, recovery) = Ledger::open_at_edge(log, lock, key()?)?;
        ensure!(opened.size() == size && recovery.rebuilt == 0, "the log is not as it was written");
        Ok(())
    })])?;
    // It flushes a folder's name, which takes what the disk takes.
    figures.extend(opening.iter().map(|it: &Measured| it.figure(None, Target::AtMost(50_000.0))));
    let (ledger, seconds) = timed(|| Ok(Ledger::open(log, lock, key()?)?.0))?;
    let checked = size as f64 / seconds;
    figures.push(figure("checked whole when opened", checked, "entries/s", Target::AtLeast(200_000.0)));
    Ok((ledger, figures))
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn timed<T>(run: impl FnOnce() -> Result<T>) -> Result<(T, f64)> {
    let started = Instant::now();
    let done = run()?;
    Ok((done, started.elapsed().as_secs_f64()))
}

/// Megabytes of this process; where the system does not say, none.
fn resident() -> Result<f64> {
    let status = fs::read_to_string("/proc/self/status").context("reading this process's memory")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1000.0)
}

/// What `--since` takes: the tree as the kept checkpoint has it, out of its tiles, and what came after it.
fn verify_since(log: &Path, kept: &Checkpoint, newest: &Checkpoint) -> Result<()> {
    let read = |resource: Resource| -> Result<Vec<u8>> {
        read_resource(log, resource, newest.size)?.with_context(|| format!("{resource} is missing"))
    };
    let mut levels = Vec::new();
    for level in 0..LEVELS {
        let index = kept.size.checked_shr(8 * (u32::from(level) + 1)).unwrap_or(0);
        levels.push(match Tile::new(level, index, Edge::width(kept.size, level)) {
            Some(tile) => tile.decode(&read(Resource::Hashes(tile))?)?,
            None => Vec::new(),
        });
    }
    let mut edge = Edge::from_levels(kept.size, levels).context("the tiles are of another size")?;
    ensure!(edge.root() == kept.root, "the tiles do not come to the kept checkpoint's root");
    for number in kept.size / bundle::WIDTH..newest.size.div_ceil(bundle::WIDTH) {
        let tile = Tile::of_tree(0, number, newest.size).context("no such bundle")?;
        let bytes = read(Resource::Entries(tile))?;
        let known = usize::try_from(edge.size() - tile.hashes().start)?;
        for entry in bundle::decode(&bytes)?.into_iter().skip(known) {
            edge.append(leaf_hash(entry));
        }
    }
    ensure!(edge.root() == newest.root, "the entries since do not come to the newest root");
    let plan = Plan::consistency(kept.size, newest.size).context("no growth")?;
    let tiles: BTreeMap<Tile, Vec<Hash>> = plan
        .tiles()
        .into_iter()
        .map(|tile| Ok((tile, tile.decode(&read(Resource::Hashes(tile))?)?)))
        .collect::<Result<_>>()?;
    let proof = plan.fill(&tiles)?;
    Ok(verify_consistency(kept.size, newest.size, &kept.root, &newest.root, &proof)?)
}

fn opened(ledger: &Ledger) -> Result<Checkpoint> {
    Ok(open_checkpoint(ledger.checkpoint(), &key()?.verifier())?)
}

fn figure(name: &str, value: f64, unit: &'static str, target: Target) -> Figure {
    Figure { name: name.to_owned(), value, unit, peer: None, target, spread: None }
}
