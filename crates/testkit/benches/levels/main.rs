//! What the levels of the record add to a permitted write, as its agent meets it: one connection, the release binary on
//! the first processor, a stub of the cloud and the load on the last one; beside the same write to the stub alone, and
//! beside one flush of a file that grows, on the same disk and in the same run. Once on the disk that is there, and once
//! on one whose flush takes 3.5 ms, as on the disk that the design was measured on.
//!
//! Target. At `recorded` a write takes at most one and a half times a flush longer than without Countersign: it waits for
//! one flush, and the rest is for judging it and for two transactions. Where the disk flushes about as fast as one
//! processor does that, the ratio says nothing of flushes and is shown without a target. `sequenced` waits for the signed log too;
//! its figures have none.

#[path = "../rig/mod.rs"]
mod rig;

use std::{
    cell::{Cell, RefCell},
    fs::File,
    io::Write as _,
    time::Instant,
};

use anyhow::Result;
use testkit::{
    Signer,
    bench::{Contestant, Figure, Target, compare, report},
};

use crate::rig::{
    load::{self, Latencies},
    place::{Place, write},
    slow,
    stub::Stub,
};

const MOST: f64 = 1.5;
/// A flush so long, in microseconds, that what the processor does to a write (about a millisecond) is not what is measured.
const JUDGED_FROM: f64 = 2_000.0;
/// Writes to a round.
const WRITES: u32 = 100;
const FLUSHES: u32 = 100;

fn main() -> Result<()> {
    let (stub, library) = (Stub::start()?, slow::library()?);
    let library = library.library().display().to_string();
    let disks = [
        Disk::new("this disk", stub.authority(), &[], || {})?,
        Disk::new("a flush of 3.5 ms", stub.authority(), &[("LD_PRELOAD", &library)], slow::wait)?,
    ];
    let [first, _] = &disks;
    let alone = Door::new(stub.authority(), first.recorded.place.agent()?);
    let mut contestants = vec![alone.contestant("a write, the upstream alone")];
    for disk in &disks {
        contestants.push(Contestant::new(disk.name, FLUSHES, |times| disk.flush(times)));
        contestants.extend([&disk.recorded, &disk.sequenced].map(|it| it.door.contestant(disk.name)));
    }
    compare(&mut contestants)?;
    drop(contestants);

    let upstream = alone.took.at(0.5)?;
    let mut figures = vec![
        figure("a write, the upstream alone: p50".to_owned(), upstream),
        figure("a write, the upstream alone: p99".to_owned(), alone.took.at(0.99)?),
    ];
    for disk in &disks {
        figures.extend(disk.figures(upstream)?);
    }
    report(&figures)
}

/// The server over one disk, at either level.
struct Disk {
    name: &'static str,
    /// What each of its flushes takes longer.
    longer: fn(),
    file: RefCell<File>,
    flushes: Latencies,
    recorded: Level,
    sequenced: Level,
}

struct Level {
    place: Place,
    door: Door,
}

impl Disk {
    fn new(name: &'static str, stub: &str, env: &[(&str, &str)], longer: fn()) -> Result<Self> {
        let recorded = Level::new(stub, env, "")?;
        let sequenced = Level::new(stub, env, "write = \"sequenced\"\n")?;
        let file = RefCell::new(File::create(recorded.place.installation.beside().join("flushed"))?);
        Ok(Self { name, longer, file, flushes: Latencies::default(), recorded, sequenced })
    }

    #[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
    fn flush(&self, times: u32) -> Result<()> {
        let mut file = self.file.borrow_mut();
        for _ in 0..times {
            let started = Instant::now();
            file.write_all(&[7; 4096])?;
            (self.longer)();
            file.sync_data()?;
            self.flushes.extend(vec![started.elapsed().as_secs_f64() * 1e6]);
        }
        Ok(())
    }

    fn figures(&self, upstream: f64) -> Result<Vec<Figure>> {
        let named = |what: &str| format!("{what}, {}", self.name);
        let flush = self.flushes.at(0.5)?;
        let mut figures = vec![
            figure(named("4 KiB appended and flushed: p50"), flush),
            figure(named("4 KiB appended and flushed: p99"), self.flushes.at(0.99)?),
        ];
        for (level, place) in [("recorded", &self.recorded), ("sequenced", &self.sequenced)] {
            let (p50, p99) = (place.door.took.at(0.5)?, place.door.took.at(0.99)?);
            let added = p50 - upstream;
            let target = match level {
                "recorded" if flush >= JUDGED_FROM => Target::RatioAtMost(MOST),
                _ => Target::None,
            };
            figures.extend([
                figure(named(&format!("a write at {level}: p50")), p50),
                figure(named(&format!("a write at {level}: p99")), p99),
                Figure {
                    peer: Some((named("one flush, p50"), flush)),
                    target,
                    ..figure(named(&format!("added to a permitted write at {level}: p50")), added)
                },
            ]);
        }
        Ok(figures)
    }
}

impl Level {
    /// `level` stands below `[levels.production]`.
    fn new(stub: &str, env: &[(&str, &str)], level: &str) -> Result<Self> {
        let heading = "[levels.production]\n";
        let place =
            Place::new(stub, env, |settings| settings.replace(heading, &format!("{heading}{level}")))?;
        let [gateway, _, _] = place.serve.authorities();
        let door = Door::new(gateway, place.agent()?);
        Ok(Self { door, place })
    }
}

/// Where an agent's writes go, and how long each took.
struct Door {
    authority: String,
    agent: Signer,
    written: Cell<u64>,
    signed: RefCell<Vec<Vec<u8>>>,
    took: Latencies,
}

impl Door {
    fn new(authority: &str, agent: Signer) -> Self {
        let (written, signed) = (Cell::default(), RefCell::default());
        Self { authority: authority.to_owned(), agent, written, signed, took: Latencies::default() }
    }

    /// Signed before each round, sent one after the other in it.
    fn contestant<'a>(&'a self, name: &'a str) -> Contestant<'a> {
        let sign = |times: u32| {
            let from = self.written.replace(self.written.get() + u64::from(times));
            let one = |nth| load::bytes(&write(&self.agent, &self.authority, nth));
            self.signed.replace((from..).take(times as usize).map(one).collect());
            Ok(())
        };
        let send = |_| load::run(&self.authority, 1, self.signed.take(), &self.took);
        Contestant::new(name, WRITES, send).readied(sign)
    }
}

fn figure(name: String, value: f64) -> Figure {
    Figure { name, value, unit: "µs", peer: None, target: Target::None, spread: None }
}
