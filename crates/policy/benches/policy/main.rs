//! What a decision costs, beside one direct call of Cedar, over bundles of 40 to 10,000 rules and targets of which there
//! are 10,000 or 1,000,000.
//!
//! The peer is one `is_authorized` with request and entities made before, of those rules whose scope can match: the least
//! that any use of Cedar would pay. A decision asks three times (constitution, the agent's grant, the operator's), and
//! makes context, entities and calendar facts from what it is told. *Uncached*: a target nobody asked about before.
//! *Cached*: what has just been asked. *Held*: uncached, with the search for the least requirement. Entities are made for
//! each request, so that there is no store of them to grow; what there are many of is accounts in the map, and targets that
//! have been asked about before.
//!
//! Targets. Uncached with 40 rules: at most 2.5 times the peer; with more rules, about others: at most 1.5 times
//! that with 40. Cached: at most 2 µs. Held: at most 200 µs.

#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_wrap,
    reason = "the fixture is that of the tests, of which this needs a part; a bench stops where something is wrong"
)]

mod asks;
mod made;
mod peer;
mod timing;
#[path = "../../tests/it/world.rs"]
mod world;

use std::{hint::black_box, time::Instant};

use anyhow::Result;
use cedar_policy::Decision;
use model::Verdict;
use policy::{Bundle, Files};
use testkit::bench::{Figure, Target, report};

use crate::{
    peer::{Peer, Ready},
    timing::{Call, Quantile, calls, compare},
    world::World,
};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const PER_ROUND: usize = 1_000;
/// What is asked over and over again in the cached case.
const REPEATED: usize = 24;

fn main() -> Result<()> {
    let mut first = None;
    for rules in [40, 100, 1_000, 10_000] {
        let figures = sized(&format!("{rules} rules"), &made::bundle(rules, 0), 0, &mut first)?;
        report(&figures)?;
    }
    for targets in [10_000, 1_000_000] {
        let named = format!("1000 rules, {targets} targets");
        report(&sized(&named, &made::bundle(1_000, 10_000), targets, &mut first)?)?;
    }
    Ok(())
}

/// `first`: an uncached decision with 40 rules, which is measured before all others.
fn sized(named: &str, files: &Files, asked: usize, first: &mut Option<Quantile>) -> Result<Vec<Figure>> {
    let (bundle, took) = load(files)?;
    for nth in 0..asked {
        assert_eq!(bundle.decide(&asks::allowed(nth).ask()), Verdict::Allow);
    }
    let mut peer = Peer::new(files);
    let news: Vec<World> = (asked..asked + calls(PER_ROUND)).map(asks::allowed).collect();
    let ready: Vec<Ready> = news.iter().map(|world| peer.ready(world)).collect();
    let helds: Vec<World> = (asked..asked + calls(PER_ROUND)).map(asks::held).collect();
    let again: Vec<World> = (0..REPEATED).map(asks::allowed).collect();
    let held_again: Vec<World> = (0..REPEATED).map(asks::held).collect();
    let contestants: [Call<'_>; 5] = [
        Box::new(|nth| assert!(black_box(peer.call(&ready[nth])) == Decision::Allow)),
        Box::new(|nth| assert!(black_box(bundle.decide(&news[nth].ask())) == Verdict::Allow)),
        Box::new(|nth| assert!(black_box(bundle.decide(&again[nth % REPEATED].ask())) == Verdict::Allow)),
        Box::new(|nth| assert!(matches!(black_box(bundle.decide(&helds[nth].ask())), Verdict::Hold(_)))),
        Box::new(|nth| {
            assert!(matches!(black_box(bundle.decide(&held_again[nth % REPEATED].ask())), Verdict::Hold(_)));
        }),
    ];
    let [cedar, uncached, cached, held, held_cached] = compare(PER_ROUND, contestants);
    let name = |what: &str| format!("{what}, {named}");
    let call = Some(("one call of Cedar", cedar.p50));
    let (peer, target) = match *first {
        None => (call, Target::RatioAtMost(2.5)),
        Some(first) => (Some(("uncached, 40 rules", first)), Target::RatioAtMost(1.5)),
    };
    first.get_or_insert(uncached.p50);
    Ok(vec![
        cedar.p50.figure(name("one call of Cedar p50"), None, Target::None),
        cedar.p99.figure(name("one call of Cedar p99"), None, Target::None),
        uncached.p50.figure(name("uncached p50"), peer, target),
        uncached.p99.figure(name("uncached p99"), Some(("one call of Cedar p99", cedar.p99)), Target::None),
        cached.p50.figure(name("cached p50"), None, Target::AtMost(2.0)),
        cached.p99.figure(name("cached p99"), None, Target::None),
        held.p50.figure(name("held p50"), call, Target::AtMost(200.0)),
        held.p99.figure(name("held p99"), None, Target::None),
        held_cached.p50.figure(name("held, cached p50"), None, Target::AtMost(2.0)),
        held_cached.p99.figure(name("held, cached p99"), None, Target::None),
        Figure {
            name: name("loading"),
            value: took,
            unit: "ms",
            peer: None,
            target: Target::None,
            spread: None,
        },
    ])
}

#[expect(clippy::disallowed_methods, reason = "measuring time is what a bench is for")]
fn load(files: &Files) -> Result<(Bundle, f64)> {
    let started = Instant::now();
    let bundle = Bundle::load(files)?;
    Ok((bundle, started.elapsed().as_secs_f64() * 1e3))
}
