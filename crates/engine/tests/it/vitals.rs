//! What those see who keep an installation running: whether it is ready, what was counted, what asking people costs.

use approval::Act;
use engine::Vitals;
use model::ChangeState;

use crate::{
    actions::{Call, DELETE_STACK, DESCRIBE_STACKS},
    cast::{BEN, OTTO},
    world::{START, World},
};

fn missing(world: &World) -> Vec<(&'static str, &'static str)> {
    let parts = world.engine.readiness().into_iter();
    parts.filter_map(|part| Some((part.name, part.missing?.why))).collect()
}

fn decided(vitals: &Vitals) -> Vec<(&'static str, u64)> {
    vitals.counted.decisions.iter().copied().filter(|(_, count)| *count > 0).collect()
}

const NO_GATEWAY: (&str, &str) = ("gateway", "none is connected");

#[tokio::test]
async fn what_is_missing_is_named() {
    let world = World::in_memory().await;
    assert_eq!(missing(&world), [NO_GATEWAY]);
    world.clock.advance(-60);
    assert_eq!(missing(&world), [("clock", "the clock cannot be trusted (CS103)"), NO_GATEWAY]);
    world.clock.advance(61);
    world.engine.upstream_says(START.plus_seconds(600));
    assert_eq!(missing(&world).len(), 2, "nor one that the upstream disputes");
    world.engine.upstream_says(START);
    world.engine.stand_down();
    assert_eq!(missing(&world), [("serving", "it is being stopped"), NO_GATEWAY]);
    assert!(*world.engine.standing_down().borrow());
}

#[tokio::test]
async fn what_was_decided_signed_and_left_waiting_is_counted() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let read = world.ask(&DESCRIBE_STACKS.action()).await;
    assert!(matches!(read, engine::Admitted::Permit(_)));
    world.approve(held, &OTTO).await.unwrap_err();
    world.approve(held, &BEN).await.unwrap();
    world.engine.authentication_failed("192.0.2.1").await;
    let vitals = world.engine.vitals().await;
    assert_eq!(decided(&vitals), [("allow", 1), ("hold", 1)]);
    assert_eq!(vitals.counted.own.count, 2);
    assert_eq!(vitals.counted.upstream.count, 1, "a read's target is not looked at");
    assert_eq!(vitals.counted.signed.first(), Some(&("approve", 1, 1)));
    assert_eq!((vitals.counted.strangers, vitals.live_sessions), (1, 1));
    assert_eq!(vitals.stored.as_ref().map(|it| (it.held, it.approved)), Some((1, 0)));
    // The read goes on record a moment later.
    let vitals = loop {
        world.engine.sequence().await.unwrap();
        let vitals = world.engine.vitals().await;
        if vitals.stored.as_ref().is_some_and(|it| it.pending == 0) {
            break vitals;
        }
    };
    assert_eq!(vitals.stored.map(|it| it.pending_s), Some(0.0));
    assert!(vitals.log > 3 && vitals.witnesses.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn what_asking_people_costs_is_measured_from_the_record() {
    let world = World::in_memory().await;
    let nothing = world.engine.friction().await.unwrap();
    assert_eq!((nothing.prompts, nothing.median_decision_s, nothing.expired_share), (0, None, None));
    let approved = world.hold(&DELETE_STACK.action()).await;
    world.clock.advance(120);
    world.approve_by_two(approved).await;
    world.clock.advance(1680);
    let friction = world.engine.friction().await.unwrap();
    assert_eq!(friction.prompts, 1);
    let rate = friction.prompts_per_agent_hour().unwrap();
    assert!((1.9..2.1).contains(&rate), "one in half an hour: {rate}");
    assert!((120.0..121.0).contains(&friction.median_decision_s.unwrap()));
    assert_eq!(friction.expired_share, None, "none is over");
    world.run(&DELETE_STACK.action()).await;
    assert_eq!(world.engine.friction().await.unwrap().expired_share, Some(0.0));

    // What is vetoed was decided as well; a read that passes by itself is no prompt.
    assert!(matches!(world.ask(&DESCRIBE_STACKS.action()).await, engine::Admitted::Permit(_)));
    let vetoed = world.hold(&Call { name: "other", ..DELETE_STACK }.action()).await;
    world.says(vetoed, Act::Reject, &BEN, Some("not now")).await.unwrap();
    assert_eq!(world.state(vetoed).await, ChangeState::Rejected);
    let friction = world.engine.friction().await.unwrap();
    assert_eq!((friction.prompts, friction.expired_share), (2, Some(0.0)));

    // A day later nobody was asked anything.
    world.clock.advance(24 * 3600 + 1);
    assert_eq!(world.engine.friction().await.unwrap().prompts, 0);
    world.finish().await;
}
