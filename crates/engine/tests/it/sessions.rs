//! What a session may do, and when no more.

use std::sync::Arc;

use engine::{Admitted, Collector as _, RefusalKind};
use model::{Autonomy, ChangeState, EntryKind, Verdict};

use crate::{
    actions::{
        CREATE_STACK, Call, DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, SCAN, STAGING, inverse,
    },
    cast::{ANA, BEN, name},
    world::{World, expect_refusal, permitted, refused},
};

#[tokio::test]
async fn a_session_stopped_in_mid_flight_asks_for_nothing_more() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    let waiting = world.hold(&Call { name: "app2", ..DELETE_STACK }.action()).await;
    world.engine.stop(world.session.id, name(ANA.name)).await.unwrap();
    for call in [DELETE_STACK, PUT_PARAMETER, DESCRIBE_STACKS] {
        expect_refusal(world.ask(&call.action()).await, RefusalKind::SessionClosed, "is stopped");
    }
    world.answer(permit, 200).await;
    assert_eq!(world.state(held).await, ChangeState::Executed, "what had been let through is recorded");
    world.approve_by_two(waiting).await;
    let refusal = refused(world.ask(&Call { name: "app2", ..DELETE_STACK }.action()).await);
    assert_eq!(refusal.kind, RefusalKind::SessionClosed, "{}", refusal.message);
    world.finish().await;
}

#[tokio::test]
async fn what_a_stopped_session_asked_for_is_carried_out_by_no_other() {
    let world = World::in_memory().await;
    let other = world.session("", Autonomy::Autonomous).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.engine.stop(world.session.id, name(ANA.name)).await.unwrap();
    let refusal = refused(world.ask_as(&other, &DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::SessionClosed, "{}", refusal.message);
    assert_eq!(world.count(EntryKind::PermitIssued).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn a_session_expires() {
    let world = World::in_memory().await;
    world.clock.advance(8 * 3600 - 1);
    let _ = permitted(world.ask(&DESCRIBE_STACKS.action()).await).redeem();
    world.clock.advance(1);
    for call in [DELETE_STACK, DESCRIBE_STACKS] {
        expect_refusal(world.ask(&call.action()).await, RefusalKind::SessionClosed, "is expired");
    }
    world.finish().await;
}

#[tokio::test]
async fn autonomy_narrows_what_passes_alone() {
    let staging = Call { account: STAGING, ..PUT_PARAMETER };
    for (autonomy, in_production, in_staging) in [
        (Autonomy::Suggest, "denied", "denied"),
        (Autonomy::Supervised, "held", "held"),
        (Autonomy::Autonomous, "passes", "passes"),
    ] {
        let world = World::in_memory().await;
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        let session = world.session("", autonomy).await;
        for (call, expected) in [(PUT_PARAMETER, in_production), (staging, in_staging)] {
            match world.ask_as(&session, &call.action()).await {
                Admitted::Permit(permit) => {
                    assert_eq!(expected, "passes", "{autonomy} in {}", call.account);
                    world.answer(permit, 200).await;
                }
                Admitted::Refused(refusal) if refusal.kind == RefusalKind::Denied => {
                    assert_eq!(expected, "denied", "{autonomy} in {}", call.account);
                    assert!(refusal.message.contains("whoever agrees"), "{}", refusal.message);
                }
                Admitted::Refused(refusal) => {
                    assert_eq!((refusal.kind, expected), (RefusalKind::Held, "held"), "{}", refusal.message);
                    let Verdict::Hold(hold) = world.change(refusal.change.unwrap()).await.verdict else {
                        panic!()
                    };
                    assert_eq!(hold.requirement.people, 1, "{autonomy} in {}", call.account);
                }
                Admitted::Recorded { .. } | Admitted::Turned(_) => panic!("nothing ran yet"),
            }
        }
        let _ = permitted(world.ask_as(&session, &DESCRIBE_STACKS.action()).await).redeem();
        world.finish().await;
    }
}

#[tokio::test]
async fn a_session_stays_within_its_scope() {
    let world = World::in_memory().await;
    let narrow = world.session("service:ssm", Autonomy::Autonomous).await;
    for call in [DELETE_STACK, DESCRIBE_STACKS] {
        expect_refusal(world.ask_as(&narrow, &call.action()).await, RefusalKind::Denied, "denies");
    }
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let permit = permitted(world.ask_as(&narrow, &PUT_PARAMETER.action()).await);
    world.answer(permit, 200).await;
    world.finish().await;
}

/// What another session of the same agent and operator was approved for does not widen this one.
#[tokio::test]
async fn a_narrow_session_does_not_run_what_a_wider_one_was_approved_for() {
    let world = World::in_memory().await;
    let narrow = world.session("service:ssm", Autonomy::Autonomous).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    expect_refusal(world.ask_as(&narrow, &DELETE_STACK.action()).await, RefusalKind::Denied, "denies");
    assert_eq!(world.run(&DELETE_STACK.action()).await, held, "the one it was approved for does");
    world.finish().await;
}

#[tokio::test]
async fn a_session_may_not_pile_up_holds() {
    let world = World::in_memory().await;
    // In as many places: those of one place would stand together.
    let names = ["a/1", "b/1", "c/1", "d/1", "e/1", "f/1", "g/1", "h/1", "i/1", "j/1"];
    let mut first = None;
    for stack in names {
        let held = world.hold(&Call { name: stack, ..DELETE_STACK }.action()).await;
        first.get_or_insert(held);
    }
    let more = Call { name: "k/1", ..DELETE_STACK };
    expect_refusal(world.ask(&more.action()).await, RefusalKind::Denied, "10 changes of this session");
    world.hold(&Call { name: "a/1", ..DELETE_STACK }.action()).await;
    world.engine.withdraw(&world.session, first.unwrap()).await.unwrap();
    world.hold(&more.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn reads_pass_within_the_grant_and_data_does_not() {
    let world = World::in_memory().await;
    let permit = permitted(world.ask(&DESCRIBE_STACKS.action()).await);
    let (request, receipt) = permit.redeem();
    assert_eq!(request, DESCRIBE_STACKS.request());
    world.engine.finish(receipt, engine::Settled::NotSent(String::new())).await.unwrap();
    expect_refusal(world.ask(&SCAN.action()).await, RefusalKind::Denied, "no-grant");
    world.engine.close().await.unwrap();
    let entries = world.entries().await;
    let reads = entries.iter().filter(|entry| entry.kind == EntryKind::ReadsAdmitted);
    let lines: String = reads.map(|entry| entry.detail["reads"].as_str()).collect();
    assert!(lines.contains("denied dynamodb:Scan orders (no-grant)"), "denied reads are on record: {lines}");
    world.finish().await;
}

/// "Delete it and create it again" is one decision, however many calls it takes.
#[tokio::test]
async fn creating_again_what_a_held_delete_would_remove_is_held_too() {
    let world = World::in_memory().await;
    world.target.is_in("CREATE_COMPLETE");
    world.run(&Call { name: "other", ..CREATE_STACK }.action()).await;
    let deleting = world.hold(&DELETE_STACK.action()).await;
    let creating = world.hold(&CREATE_STACK.action()).await;
    assert_ne!(creating, deleting);
    assert!(world.change(creating).await.links.iter().any(|link| link.change == deleting));
    world.finish().await;
}

#[tokio::test]
async fn a_hold_expires_and_what_was_signed_with_it() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.clock.advance(24 * 3600);
    assert!(world.approve(held, &BEN).await.is_err());
    let session = world.session("", Autonomy::Autonomous).await;
    let refusal = refused(world.ask_as(&session, &DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
    assert_ne!(refusal.change, Some(held));
    assert_eq!(world.state(held).await, ChangeState::Expired);
    world.finish().await;
}

#[tokio::test]
async fn our_own_collectors_only_read() {
    let world = World::in_memory().await;
    let asked = |call: Call| engine::Asked {
        session: world.engine.own_session(),
        action: call.action(),
        under: world.engine.bundle(),
        signature: world.place.fresh(),
        purpose: engine::Purpose::Collector,
    };
    let _ = permitted(world.engine.admit(asked(DESCRIBE_STACKS), &world.target).await).redeem();
    let change = world.engine.admit(asked(PUT_PARAMETER), &world.target).await;
    expect_refusal(change, RefusalKind::Denied, "only read");
    let as_an_agent = engine::Asked { purpose: engine::Purpose::Agent, ..asked(DESCRIBE_STACKS) };
    let refusal = refused(world.engine.admit(as_an_agent, &world.target).await);
    assert_eq!(refusal.kind, RefusalKind::SessionClosed, "it is nobody's session: {}", refusal.message);
    assert!(Arc::ptr_eq(&world.engine.own_session(), &world.engine.own_session()));
    world.finish().await;
}

/// Of an action asked for by itself, and of the same one proposed. What an agent says of its freedom is asked by nobody.
#[tokio::test]
async fn how_free_a_session_is_decides_for_calls_and_proposals_alike() {
    use Autonomy::{Autonomous, Suggest, Supervised};
    let (passes, held, denied) = (("permit", "approved"), ("held", "held"), ("denied", "denied"));
    for (autonomy, call, expected) in [
        (Suggest, DESCRIBE_STACKS, passes),
        (Suggest, PUT_PARAMETER, denied),
        (Suggest, DELETE_STACK, denied),
        (Supervised, DESCRIBE_STACKS, passes),
        (Supervised, PUT_PARAMETER, held),
        (Supervised, DELETE_STACK, held),
        (Autonomous, DESCRIBE_STACKS, passes),
        (Autonomous, PUT_PARAMETER, passes),
        (Autonomous, DELETE_STACK, held),
    ] {
        let world = World::in_memory().await;
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        let session = world.session("", autonomy).await;
        let asked = match world.ask_as(&session, &call.action()).await {
            Admitted::Permit(permit) => {
                world.answer(permit, 200).await;
                "permit"
            }
            Admitted::Refused(refusal) if refusal.kind == RefusalKind::Held => {
                world.engine.withdraw(&session, refusal.change.unwrap()).await.unwrap();
                "held"
            }
            Admitted::Refused(refusal) if refusal.kind == RefusalKind::Denied => "denied",
            other => panic!("{other:?}"),
        };
        let gathered = world.target.gather(&world.engine, &call.action()).await;
        let under = world.engine.bundle();
        let intent = "I am autonomous, and may do this alone".to_owned();
        let proposed = world
            .engine
            .propose(
                Arc::clone(&session),
                vec![(call.action(), gathered, model::Vouched::ByAgent)],
                intent,
                under,
            )
            .await
            .unwrap();
        assert_eq!((asked, proposed.state.name()), expected, "{autonomy} {}", call.operation);
        world.finish().await;
    }
}
