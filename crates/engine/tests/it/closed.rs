//! Promise 1: what judgement or the record needs is missing or broken, so nothing passes, and the agent is told what.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
    time::Duration,
};

use engine::{Admitted, RefusalKind, Settled};
use ledger::disk::Disk;
use model::{ChangeState, EntryKind};
use store::Probe;

use crate::{
    actions::{Call, DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    between::Between,
    cast::{ANA, BEN},
    world::{START, Unusual, World, answer, expect_refusal, permitted},
};

#[tokio::test]
async fn promise_01_a_clock_set_back_lets_nothing_pass() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.clock.advance(-60);
    for call in [DELETE_STACK, PUT_PARAMETER, DESCRIBE_STACKS] {
        expect_refusal(world.ask(&call.action()).await, RefusalKind::Fault, "CS103");
    }
    let text = world.statement(held, approval::Act::Approve, &BEN, None).await.to_text();
    assert!(world.engine.sign(held, text.clone(), BEN.sign(&text)).await.is_err(), "nor is anything signed");
    assert!(world.engine.stop(world.session.id, crate::cast::name(ANA.name)).await.is_err());
    world.clock.advance(61);
    world.run(&DELETE_STACK.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_01_a_clock_far_from_the_upstreams_lets_nothing_pass() {
    let world = World::in_memory().await;
    for off in [-600, 600] {
        world.engine.upstream_says(START.plus_seconds(off));
        for call in [DELETE_STACK, PUT_PARAMETER, DESCRIBE_STACKS] {
            let refusal = expect_refusal(world.ask(&call.action()).await, RefusalKind::Fault, "CS103");
            assert!(refusal.message.contains("upstream disagree by"), "{}", refusal.message);
        }
    }
    world.engine.upstream_says(START.plus_seconds(2));
    world.hold(&DELETE_STACK.action()).await;
    world.finish().await;
}

/// What ran has run: its outcome is recorded although nothing new would be judged by such a clock.
#[tokio::test]
async fn an_outcome_is_recorded_whatever_the_clock_says_by_then() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let (_, receipt) = permitted(world.ask(&DELETE_STACK.action()).await).redeem();
    world.clock.advance(-3600);
    world.engine.finish(receipt, Settled::Answered(answer(200))).await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Executed);
    world.finish().await;
}

#[tokio::test]
async fn promise_01_a_store_that_is_gone_lets_nothing_pass() {
    let (full, probe) = failing();
    let world = World::on_disk_with(Unusual { probe: Some(probe), ..Unusual::default() }).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    full.store(true, Ordering::SeqCst);
    for call in [DELETE_STACK, PUT_PARAMETER] {
        expect_refusal(world.ask(&call.action()).await, RefusalKind::Fault, "CS104");
    }
    full.store(false, Ordering::SeqCst);
    world.run(&DELETE_STACK.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_01_a_full_disk_lets_nothing_pass() {
    let pages = Arc::new(AtomicU32::new(u32::MAX));
    let probe = Probe { max_pages: Some(Arc::clone(&pages)), ..Probe::default() };
    let world = World::on_disk_with(Unusual { probe: Some(probe), ..Unusual::default() }).await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    pages.store(1, Ordering::SeqCst);
    let mut told = String::new();
    // What is allocated already may still hold a few.
    for _ in 0..1000 {
        match world.ask(&PUT_PARAMETER.action()).await {
            Admitted::Permit(permit) => {
                let (_, receipt) = permit.redeem();
                let settled = Settled::Answered(answer(200));
                if let Err(fault) = world.engine.finish(receipt, settled).await {
                    told = fault.to_string();
                    break;
                }
            }
            Admitted::Refused(refusal) => {
                assert_eq!(refusal.kind, RefusalKind::Fault, "{}", refusal.message);
                told = refusal.message;
                break;
            }
            Admitted::Recorded { .. } | Admitted::Turned(_) => panic!("nothing of this was held"),
        }
    }
    assert!(told.contains("the disk is full"), "{told}");
    expect_refusal(
        world.ask(&Call { name: "/app/size", ..PUT_PARAMETER }.action()).await,
        RefusalKind::Fault,
        "CS104",
    );
    pages.store(u32::MAX, Ordering::SeqCst);
    world.finish().await;
}

/// Reads are recorded a moment after they passed; where that cannot be, none pass, however often the recorder tries.
#[tokio::test]
async fn promise_01_reads_that_cannot_be_recorded_stop_further_reads() {
    let (full, probe) = failing();
    let world = World::on_disk_with(Unusual { probe: Some(probe), ..Unusual::default() }).await;
    full.store(true, Ordering::SeqCst);
    let mut passed = 0;
    while let Admitted::Permit(permit) = world.ask(&DESCRIBE_STACKS.action()).await {
        let _ = permit.redeem();
        passed += 1;
        assert!(passed < 2000, "reads pass for ever");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..40 {
        expect_refusal(world.ask(&DESCRIBE_STACKS.action()).await, RefusalKind::Fault, "CS104");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    full.store(false, Ordering::SeqCst);
    for _ in 0..1000 {
        if let Admitted::Permit(permit) = world.ask(&DESCRIBE_STACKS.action()).await {
            let _ = permit.redeem();
            passed += 1;
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.engine.close().await.unwrap();
    let recorded: usize = world
        .entries()
        .await
        .iter()
        .filter(|entry| entry.kind == EntryKind::ReadsAdmitted)
        .map(|entry| entry.detail["count"].parse::<usize>().unwrap())
        .sum();
    assert_eq!(recorded, passed, "each of them, once it can be");
    world.finish().await;
}

#[tokio::test]
async fn promise_01_a_ledger_that_cannot_be_written_lets_nothing_pass() {
    let broken = Arc::new(AtomicBool::new(false));
    let fails = Arc::clone(&broken);
    let check = move |_: &Path| match fails.load(Ordering::SeqCst) {
        true => Err(io::Error::other("the disk is gone")),
        false => Ok(()),
    };
    let disk: Box<dyn Disk> = Box::new(Between(Box::new(check)));
    let world = World::on_disk_with(Unusual { disk: Some(disk), ..Unusual::default() }).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.engine.sequence().await.unwrap();
    broken.store(true, Ordering::SeqCst);
    expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Fault, "CS102");
    assert_eq!(world.state(held).await, ChangeState::Failed, "the permit was never redeemed");
    for call in [DELETE_STACK, PUT_PARAMETER, DESCRIBE_STACKS] {
        expect_refusal(world.ask(&call.action()).await, RefusalKind::Fault, "CS102");
    }
    let (session, place) = (Arc::clone(&world.session), world.place);
    drop((world.engine, world.store));
    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    let again = world.hold(&DELETE_STACK.action()).await;
    assert_ne!(again, held, "what was approved is spent");
    world.finish().await;
}

/// A store that fails while the switch is on.
fn failing() -> (Arc<AtomicBool>, Probe) {
    let switch = Arc::new(AtomicBool::new(false));
    let failing = Arc::clone(&switch);
    let sqlite_full = 13;
    let fail = move |at: &'static str| {
        (failing.load(Ordering::SeqCst) && at.starts_with("BEGIN")).then_some(sqlite_full)
    };
    (switch, Probe { fail: Some(Arc::new(fail)), ..Probe::default() })
}
