//! What admitting costs: a plain read, and a permitted write from the question to its durable record, beside a raw
//! flush of the same disk and one direct call of Cedar with the same constitution, in the same run. The raw flush is that
//! of a file that grows, as every record makes one grow; overwriting in place is several times cheaper and records
//! nothing.
//!
//! Classified actions go in; what the classifier takes is its own to measure. A permitted write is one that production
//! lets through because its undo was captured: judged and recorded by `admit`, its outcome recorded by `finish`, each
//! with a flush of its own unless others share it. Everything else the engine does by itself goes on meanwhile: reads
//! are written out every 50 ms, entries are sequenced into the signed log.
//!
//! Targets. A read: at most ten direct calls of Cedar; it takes four, for the constitution and both grants, and forms
//! the request each time. A write by one caller: at most three raw flushes. With 64 callers at once: at least five
//! writes in the time of one raw flush, since they share it.

#![expect(
    dead_code,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "the fixture is that of the tests, of which this needs a part"
)]

#[path = "../tests/it/actions.rs"]
mod actions;
#[path = "../tests/it/cast.rs"]
mod cast;
#[path = "../tests/it/world.rs"]
mod world;

use std::{
    fs::File,
    io::Write as _,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use anyhow::{Context as _, Result, bail};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, PolicySet, Request, RestrictedExpression, Schema,
};
use engine::{Permit, Settled};
use testkit::bench::{Contestant, Target, compare, report};
use tokio::{runtime::Runtime, task::JoinSet};

use crate::{
    actions::{Call, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    world::{World, answer, permitted},
};

const CALLERS: u32 = 64;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let world = Arc::new(runtime.block_on(World::on_disk()));
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let (alone, together) = (Writes::new("alone", &world), Writes::new("together", &world));
    let mut flushed = File::create(world.place.path().join("flushed"))?;
    let cedar = Cedar::new(&world)?;

    let measured = compare(&mut [
        contestant("4 KiB appended and flushed", 50, |times| {
            (0..times).try_for_each(|_| {
                flushed.write_all(&[7; 4096])?;
                Ok(flushed.sync_data()?)
            })
        }),
        contestant("one call of Cedar", 500, |times| (0..times).try_for_each(|_| cedar.call())),
        contestant("a read admitted", 200, |times| {
            let action = DESCRIBE_STACKS.action();
            for _ in 0..times {
                let _ = permitted(runtime.block_on(world.ask(&action))).redeem();
            }
            Ok(())
        }),
        contestant("a write permitted", 50, |times| alone.ask(&runtime, times, 1)),
        contestant("its outcome recorded", 50, |times| alone.settle(&runtime, times, 1)),
        contestant("a write permitted, 64 callers", CALLERS, |times| together.ask(&runtime, times, CALLERS)),
        contestant("its outcome recorded, 64 callers", CALLERS, |times| {
            together.settle(&runtime, times, CALLERS)
        }),
    ])?;
    let [flush, cedar, read, write, settled, writes, all_settled] = measured.as_slice() else {
        bail!("one figure each");
    };
    report(&[
        flush.figure(None, Target::None),
        cedar.figure(None, Target::None),
        read.figure(Some(cedar), Target::RatioAtMost(10.0)),
        write.figure(Some(flush), Target::RatioAtMost(3.0)),
        settled.figure(Some(flush), Target::None),
        writes.figure(Some(flush), Target::RatioAtMost(0.2)),
        all_settled.figure(Some(flush), Target::None),
    ])
}

fn contestant<'a>(
    name: &'a str,
    per_round: u32,
    round: impl FnMut(u32) -> Result<()> + 'a,
) -> Contestant<'a> {
    Contestant::new(name, per_round, round)
}

/// Writes asked for in one round and settled in the next, so that each is measured by itself.
struct Writes {
    of: &'static str,
    world: Arc<World>,
    asked: AtomicU64,
    open: Mutex<Vec<Permit>>,
}

impl Writes {
    fn new(of: &'static str, world: &Arc<World>) -> Arc<Self> {
        Arc::new(Self { of, world: Arc::clone(world), asked: AtomicU64::new(0), open: Mutex::default() })
    }

    fn ask(self: &Arc<Self>, runtime: &Runtime, times: u32, callers: u32) -> Result<()> {
        self.by(runtime, times, callers, |writes| async move {
            // Another parameter each time; the same one would be in flight.
            let nth = writes.asked.fetch_add(1, Ordering::Relaxed);
            let name: &'static str = format!("/app/{}/{nth}", writes.of).leak();
            let permit = permitted(writes.world.ask(&Call { name, ..PUT_PARAMETER }.action()).await);
            writes.open.lock().unwrap().push(permit);
        })
    }

    fn settle(self: &Arc<Self>, runtime: &Runtime, times: u32, callers: u32) -> Result<()> {
        self.by(runtime, times, callers, |writes| async move {
            let permit = writes.open.lock().unwrap().pop().unwrap();
            let (_, receipt) = permit.redeem();
            writes.world.engine.finish(receipt, Settled::Answered(answer(200))).await.unwrap();
        })
    }

    fn by<F>(
        self: &Arc<Self>,
        runtime: &Runtime,
        times: u32,
        callers: u32,
        each: impl Fn(Arc<Self>) -> F + Clone + Send + 'static,
    ) -> Result<()>
    where
        F: Future<Output = ()> + Send,
    {
        runtime.block_on(async {
            let mut calling = JoinSet::new();
            for _ in 0..callers {
                let (writes, each) = (Arc::clone(self), each.clone());
                calling.spawn(async move {
                    for _ in 0..times / callers {
                        each(Arc::clone(&writes)).await;
                    }
                });
            }
            while let Some(done) = calling.join_next().await {
                done?;
            }
            Ok(())
        })
    }
}

/// The constitution of the world's own bundle, asked about the same read without anything of ours in between.
struct Cedar {
    policies: PolicySet,
    entities: Entities,
    request: Request,
}

impl Cedar {
    fn new(world: &World) -> Result<Self> {
        let (schema, _) = Schema::from_cedarschema_str(policy::schema_text())?;
        let rules = world
            .place
            .files
            .iter()
            .filter(|(path, _)| path.starts_with("constitution/") && path.ends_with(".cedar"));
        let mut text = "permit (principal, action, resource);\n".to_owned();
        for (_, rule) in rules {
            text.push_str(std::str::from_utf8(rule)?);
        }
        let parents = ["Environment::\"production\"", "Service::\"cloudformation\"", "Kind::\"stack\""];
        let parents = parents.map(|it| it.parse().unwrap());
        let named = |name: &str| RestrictedExpression::new_string(name.to_owned());
        let resource = Entity::new(
            "Resource::\"app\"".parse()?,
            [("name".to_owned(), named("app")), ("id".to_owned(), named("app"))].into(),
            parents.into(),
        )?;
        let context: serde_json::Value = serde_json::from_str(CONTEXT)?;
        let read = "Action::\"read\"".parse()?;
        let context = Context::from_json_value(context, Some((&schema, &read)))?;
        let request = Request::new(
            "Agent::\"kiro\"".parse()?,
            read,
            "Resource::\"app\"".parse()?,
            context,
            Some(&schema),
        )?;
        let entities = Entities::from_entities([resource], Some(&schema))?;
        Ok(Self { policies: text.parse().context("the constitution")?, entities, request })
    }

    fn call(&self) -> Result<()> {
        let answer = Authorizer::new().is_authorized(&self.request, &self.policies, &self.entities);
        if answer.decision() == Decision::Allow { Ok(()) } else { bail!("the constitution forbids a read") }
    }
}

const CONTEXT: &str = r#"{
    "operation": "cloudformation:DescribeStacks",
    "operator": "ana",
    "session": { "in_scope": true, "autonomy": 2 },
    "approvals": { "people": 0, "touched": 0, "rendered": 0, "owners": 0, "roles": [] },
    "evidence": {
        "state_observed": false, "undo_captured": false, "inner_listed": false,
        "backup_verified": false, "dry_run": false, "rehearsal": false
    },
    "exposes": { "data": false, "credentials": false },
    "within_budget": false,
    "standing": false,
    "risk": { "known": false, "expected_loss": 9223372036854775807, "tail_loss": 9223372036854775807, "benefit": 0 },
    "time": { "peak": false, "frozen": false },
    "change": { "destroys": 0, "replaces": false, "staged": false, "undo": false, "steps": 1 },
    "history": {
        "destroys": 0, "agent_destroys": 0, "protections_lowered": 0, "backups_touched": 0,
        "data_destroyed": 0, "created_by_session": false
    }
}"#;
