//! What the AWS gateway costs, as its clients meet it: the release binary beside nginx, both before the same stub, each
//! with one worker on the first processor; the load and the stub are this process, on the last one.
//!
//! Reads are one request signed anew in each round and sent over and over, as pollers do (beside them, reads of which none
//! was asked before); nginx passes the same bytes on without looking at them. A write is one that production lets through because it only adds (`PutMetricData`), each
//! signed by itself, judged, on disk before it is forwarded and with its outcome recorded after. Beside them stands one
//! flush of a file that grows, on the same disk.
//!
//! Targets. A read: at most twice nginx's time with 32 connections, and at most 0.3 ms more than nginx's at the median
//! with one. Writes of 64 connections: they share their flushes and wait for no lock, so that with a flush of 3.5 ms, as
//! on the disk that the design was measured on, a write takes at most half of one. (Where the disk below flushes faster
//! than one processor judges a write, the processor is what bounds them, whatever they share.) Memory: 60 MB at rest,
//! 250 MB with 10,000 held changes.

#[path = "../rig/held.rs"]
mod held;
mod nginx;
#[path = "../rig/mod.rs"]
mod rig;

use std::{
    cell::RefCell,
    fs::File,
    io::Write as _,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::{Result, bail};
use testkit::{
    Signed, Signer,
    bench::{Contestant, Figure, Target, compare, report},
};

use crate::{
    held::{HELD, hold, many_may_wait, resident},
    nginx::Nginx,
    rig::{
        load::{self, Latencies},
        place::{Place, write},
        slow,
        stub::Stub,
    },
};

const READERS: usize = 32;
const WRITERS: usize = 64;

fn main() -> Result<()> {
    let stub = Stub::start()?;
    let nginx = Nginx::start(stub.authority())?;
    let place = Place::new(stub.authority(), &[], many_may_wait)?;
    let slow = slow::library()?;
    let library = slow.library().display().to_string();
    let beside = Place::new(stub.authority(), &[("LD_PRELOAD", &library)], many_may_wait)?;
    let [gateway, _, _] = place.serve.authorities();
    let agent = place.agent()?;
    let at_rest = resident(&place)?;

    let written = AtomicU64::new(0);
    let latencies = [(); 6].map(|()| Latencies::default());
    let [direct_one, nginx_one, ours_one, write_one, nginx_many, ours_many] = &latencies;
    let reads = |authority: &str, connections: usize, times: u32, into: &Latencies| {
        let request = load::bytes(&read(&agent, authority));
        load::run(authority, connections, vec![request; times as usize], into)
    };
    // Nothing that was asked before: nothing that is remembered for a second helps.
    let signed = RefCell::new(Vec::new());
    let sign = |times: u32, one: &dyn Fn(u64) -> Signed| {
        let fresh = (0..times).map(|_| load::bytes(&one(written.fetch_add(1, Ordering::Relaxed))));
        signed.replace(fresh.collect());
        Ok(())
    };
    let other = |nth: u64| read_from(&agent, gateway, &format!("t{nth}"));
    let new = |nth: u64| write(&agent, gateway, nth);
    let [slow_gateway, _, _] = beside.serve.authorities();
    let slow_agent = beside.agent()?;
    let slow_new = |nth: u64| write(&slow_agent, slow_gateway, nth);
    let run = |connections: usize, into: &Latencies| load::run(gateway, connections, signed.take(), into);
    let mut flushed = File::create(place.installation.beside().join("flushed"))?;
    let mut flushed_slowly = File::create(beside.installation.beside().join("flushed"))?;
    let (together, apart, slowly) = (Latencies::default(), Latencies::default(), Latencies::default());
    let measured = compare(&mut [
        Contestant::new("a read past everything, 1 connection", 2_000, |times| {
            reads(stub.authority(), 1, times, direct_one)
        }),
        Contestant::new("a read through nginx, 1 connection", 2_000, |times| {
            reads(nginx.authority(), 1, times, nginx_one)
        }),
        Contestant::new("a read through Countersign, 1 connection", 1_000, |times| {
            reads(gateway, 1, times, ours_one)
        }),
        Contestant::new("a read through nginx, 32 connections", 20_000, |times| {
            reads(nginx.authority(), READERS, times, nginx_many)
        }),
        Contestant::new("a read through Countersign, 32 connections", 8_000, |times| {
            reads(gateway, READERS, times, ours_many)
        }),
        Contestant::new("reads of different things through Countersign, 32 connections", 8_000, |_| {
            run(READERS, &apart)
        })
        .readied(|times| sign(times, &other)),
        Contestant::new("4 KiB appended and flushed", 100, |times| {
            (0..times).try_for_each(|_| {
                flushed.write_all(&[7; 4096])?;
                Ok(flushed.sync_data()?)
            })
        }),
        Contestant::new("a write through Countersign, 1 connection", 200, |_| run(1, write_one))
            .readied(|times| sign(times, &new)),
        Contestant::new("a write through Countersign, 64 connections", 2_000, |_| run(WRITERS, &together))
            .readied(|times| sign(times, &new)),
        Contestant::new("4 KiB appended and flushed, a flush of 3.5 ms", 100, |times| {
            (0..times).try_for_each(|_| {
                flushed_slowly.write_all(&[7; 4096])?;
                slow::wait();
                Ok(flushed_slowly.sync_data()?)
            })
        }),
        Contestant::new("a write through Countersign, 64 connections, a flush of 3.5 ms", 2_000, |_| {
            load::run(slow_gateway, WRITERS, signed.take(), &slowly)
        })
        .readied(|times| sign(times, &slow_new)),
    ])?;
    let [
        direct,
        one_nginx,
        one_ours,
        many_nginx,
        many_ours,
        many_others,
        flush,
        one_write,
        many_writes,
        slow_flush,
        slow_writes,
    ] = measured.as_slice()
    else {
        bail!("one figure each");
    };
    report(&[
        direct.figure(None, Target::None),
        one_nginx.figure(Some(direct), Target::None),
        one_ours.figure(Some(one_nginx), Target::None),
        added("added to nginx's p50, 1 connection", ours_one, nginx_one, 0.5, Target::AtMost(300.0))?,
        added("added to nginx's p99, 1 connection", ours_one, nginx_one, 0.99, Target::None)?,
        many_nginx.figure(None, Target::None),
        many_ours.figure(Some(many_nginx), Target::RatioAtMost(2.0)),
        many_others.figure(Some(many_nginx), Target::None),
        added("added to nginx's p50, 32 connections", ours_many, nginx_many, 0.5, Target::None)?,
        added("added to nginx's p99, 32 connections", ours_many, nginx_many, 0.99, Target::None)?,
        flush.figure(None, Target::None),
        one_write.figure(Some(flush), Target::None),
        many_writes.figure(Some(flush), Target::None),
        slow_flush.figure(None, Target::None),
        slow_writes.figure(Some(slow_flush), Target::RatioAtMost(0.5)),
        at("a write's p50, 64 connections", &together, 0.5)?,
        at("a write's p99, 64 connections", &together, 0.99)?,
        at("a write's p50, 64 connections, a flush of 3.5 ms", &slowly, 0.5)?,
        at("a write's p99, 64 connections, a flush of 3.5 ms", &slowly, 0.99)?,
        megabytes("memory at rest", at_rest, Target::AtMost(60.0)),
    ])?;

    hold(&place, HELD)?;
    report(&[megabytes("memory with 10,000 held changes", resident(&place)?, Target::AtMost(250.0))])
}

fn read_from(agent: &Signer, authority: &str, table: &str) -> Signed {
    let body = serde_json::json!({ "Limit": 10, "ExclusiveStartTableName": table });
    agent.json("dynamodb", authority, "DynamoDB_20120810.ListTables", &body)
}

fn read(agent: &Signer, authority: &str) -> Signed {
    agent.json("dynamodb", authority, "DynamoDB_20120810.ListTables", &serde_json::json!({ "Limit": 10 }))
}

fn added(name: &str, ours: &Latencies, theirs: &Latencies, share: f64, target: Target) -> Result<Figure> {
    let value = ours.at(share)? - theirs.at(share)?;
    Ok(Figure { name: name.to_owned(), value, unit: "µs", peer: None, target, spread: None })
}

fn at(name: &str, latencies: &Latencies, share: f64) -> Result<Figure> {
    let value = latencies.at(share)?;
    Ok(Figure { name: name.to_owned(), value, unit: "µs", peer: None, target: Target::None, spread: None })
}

fn megabytes(name: &str, value: f64, target: Target) -> Figure {
    Figure { name: name.to_owned(), value, unit: "MB", peer: None, target, spread: None }
}
