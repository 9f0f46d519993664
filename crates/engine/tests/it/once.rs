//! Promise 6: used once.

use std::sync::Arc;

use engine::{Admitted, Gathered, RefusalKind, Settled};
use model::{Answer, Blob, Change, ChangeState, EntryKind};

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, STAGING, inverse},
    cast::{BEN, CLEO, DAN},
    world::{World, answer, expect_refusal, permitted, refused},
};

const RETRY_WINDOW_S: i64 = 900;

async fn carried_out() -> (World, model::ChangeId) {
    let world = World::in_memory().await;
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    (world, held)
}

#[tokio::test]
async fn promise_06_an_identical_call_soon_after_is_answered_from_the_record() {
    let (world, done) = carried_out().await;
    for (state, seconds) in [("CREATE_COMPLETE", 0), ("DELETE_IN_PROGRESS", 10), ("DELETE_COMPLETE", 880)] {
        world.clock.advance(seconds);
        world.target.is_in(state);
        match world.ask(&DELETE_STACK.action()).await {
            Admitted::Recorded { change, answer } => {
                assert_eq!(change, done);
                assert_eq!((answer.status, answer.body.as_deref()), (200, Some("<Done/>")));
            }
            other => panic!("{state}: {other:?}"),
        }
    }
    assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
    world.finish().await;
}

/// That it ran is told again; what it was answered is not made up, and the call is not sent again to find out.
#[tokio::test]
async fn an_answer_that_was_too_large_to_keep_is_not_fetched_a_second_time() {
    let world = World::in_memory().await;
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    let large = Answer { body: Some("x".repeat(Blob::MAX_BYTES)), ..answer(200) };
    world.settle(permit, Settled::Answered(large)).await;
    for repeats in [1, 2] {
        match world.ask(&DELETE_STACK.action()).await {
            Admitted::Recorded { change, answer } => {
                assert_eq!((change, answer.status, answer.body), (held, 200, None));
            }
            other => panic!("{other:?}"),
        }
        let decided = world.engine.vitals().await.counted.decisions;
        assert!(decided.contains(&("repeat", repeats)), "{decided:?}");
    }
    assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
    world.finish().await;
}

#[tokio::test]
async fn promise_06_later_or_of_another_target_it_is_a_new_change() {
    let (world, done) = carried_out().await;
    world.target.is_in("UPDATE_COMPLETE");
    let anew = world.hold(&DELETE_STACK.action()).await;
    assert_ne!(anew, done, "the target is not as it was left");
    world.engine.withdraw(&world.session, anew).await.unwrap();

    let (world, done) = carried_out().await;
    world.clock.advance(RETRY_WINDOW_S + 1);
    let anew = world.hold(&DELETE_STACK.action()).await;
    assert_ne!(anew, done);
    assert_eq!(world.count(EntryKind::PermitIssued).await, 1, "the approvals are spent");
    world.finish().await;
}

#[tokio::test]
async fn promise_06_an_allowed_call_is_a_replay_only_by_its_signature() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let action = PUT_PARAMETER.action();
    let signature = world.place.fresh();
    let permit = permitted(world.ask_signed(&world.session, &action, signature).await);
    world.answer(permit, 200).await;
    let replayed = world.ask_signed(&world.session, &action, signature).await;
    expect_refusal(replayed, RefusalKind::Replayed, "this very signature");
    let other = Call { name: "/app/size", ..PUT_PARAMETER };
    let replayed = world.ask_signed(&world.session, &other.action(), signature).await;
    expect_refusal(replayed, RefusalKind::Replayed, "this very signature");
    for _ in 0..3 {
        world.run(&action).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn promise_06_an_unknown_outcome_is_read_back_and_never_sent_again() {
    for (state, found, says) in [
        ("CREATE_COMPLETE", ChangeState::Failed, "is now failed"),
        ("DELETE_COMPLETE", ChangeState::Executed, "is now executed"),
    ] {
        for settled in [Settled::Unknown("the connection broke".to_owned()), Settled::Answered(answer(503))] {
            let world = World::in_memory().await;
            world.target.is_in("CREATE_COMPLETE");
            let held = world.hold(&DELETE_STACK.action()).await;
            world.approve_by_two(held).await;
            let permit = permitted(world.ask(&DELETE_STACK.action()).await);
            world.settle(permit, settled).await;
            assert_eq!(world.state(held).await, ChangeState::Unknown);
            world.target.is_in(state);
            let refusal = expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, says);
            assert!(refusal.message.contains("It was not sent again"), "{}", refusal.message);
            assert_eq!(world.state(held).await, found);
            assert_ne!(world.hold(&DELETE_STACK.action()).await, held, "asked anew, it is a new change");
            assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
            world.finish().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_06_of_many_at_once_exactly_one_is_let_through() {
    for call in [DELETE_STACK, PUT_PARAMETER] {
        let world = World::in_memory().await;
        world.target.is(Found { state: Some("CREATE_COMPLETE"), undo: Some(inverse()), ..Found::default() });
        if call.operation == DELETE_STACK.operation {
            let held = world.hold(&call.action()).await;
            world.approve_by_two(held).await;
        }
        let world = Arc::new(world);
        let asking: Vec<_> = (0..32)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.ask(&call.action()).await })
            })
            .collect();
        let mut permits = Vec::new();
        for asked in asking {
            match asked.await.unwrap() {
                Admitted::Permit(permit) => permits.push(permit),
                Admitted::Refused(refusal) => {
                    assert_eq!(
                        refusal.kind,
                        RefusalKind::InFlight,
                        "{}: {}",
                        call.operation,
                        refusal.message
                    );
                }
                Admitted::Recorded { .. } | Admitted::Turned(_) => panic!("nothing ran yet"),
            }
        }
        assert_eq!(permits.len(), 1, "{}", call.operation);
        assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
        world.answer(permits.pop().unwrap(), 200).await;
        Arc::into_inner(world).unwrap().finish().await;
    }
}

/// People sign and the agent asks, all at the same time: it goes through once, after two, or not at all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_06_signing_and_asking_at_once_lets_it_through_once() {
    for _ in 0..5 {
        let world = Arc::new(World::in_memory().await);
        let held = world.hold(&DELETE_STACK.action()).await;
        let signing: Vec<_> = [BEN, CLEO, DAN, BEN]
            .into_iter()
            .map(|who| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.approve(held, &who).await.is_ok() })
            })
            .collect();
        let asking: Vec<_> = (0..16)
            .map(|_| {
                let world = Arc::clone(&world);
                tokio::spawn(async move { world.ask(&DELETE_STACK.action()).await })
            })
            .collect();
        for signed in signing {
            // Who comes after the permit is told that it is over.
            let _: bool = signed.await.unwrap();
        }
        let mut permits = Vec::new();
        for asked in asking {
            if let Admitted::Permit(permit) = asked.await.unwrap() {
                permits.push(permit);
            }
        }
        assert!(permits.len() <= 1, "{} permits", permits.len());
        let permit = match permits.pop() {
            Some(permit) => permit,
            None => permitted(world.ask(&DELETE_STACK.action()).await),
        };
        assert_eq!(permit.change(), Some(held));
        world.answer(permit, 200).await;
        assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
        Arc::into_inner(world).unwrap().finish().await;
    }
}

// Of a plan, each step once.

const FIRST: Call = Call { account: STAGING, ..PUT_PARAMETER };
const SECOND: Call = Call { name: "/app/size", ..FIRST };

async fn proposed(world: &World, calls: &[Call]) -> Change {
    let actions = calls.iter().map(|call| (call.action(), Gathered::default())).collect();
    world.propose(actions, "both or neither").await.unwrap()
}

#[tokio::test]
async fn promise_06_of_a_plan_each_step_runs_once() {
    let world = World::in_memory().await;
    let production = [DELETE_STACK, Call { name: "app2", ..DELETE_STACK }];
    let plan = proposed(&world, &production).await;
    assert_eq!(plan.state, ChangeState::Held);
    world.approve_by_two(plan.id).await;
    for call in production {
        assert_eq!(world.run(&call.action()).await, plan.id);
    }
    assert_eq!(world.state(plan.id).await, ChangeState::Executed);
    for call in production {
        match world.ask(&call.action()).await {
            Admitted::Recorded { change, .. } => assert_eq!(change, plan.id, "its outcome is the answer"),
            other => panic!("{other:?}"),
        }
    }
    world.clock.advance(3_600);
    for call in production {
        assert_ne!(world.hold(&call.action()).await, plan.id, "once");
    }
    world.finish().await;
}

/// Whoever did not hear the answer asks again, and people have one thing to decide.
#[tokio::test]
async fn the_same_proposal_is_the_same_change_while_it_is_open() {
    for held in [false, true] {
        let calls =
            if held { [DELETE_STACK, Call { name: "app2", ..DELETE_STACK }] } else { [FIRST, SECOND] };
        let world = World::in_memory().await;
        let first = proposed(&world, &calls).await;
        assert_eq!(first.state, if held { ChangeState::Held } else { ChangeState::Approved });
        assert_eq!(proposed(&world, &calls).await.id, first.id);
        let [one, other] = calls;
        assert_ne!(proposed(&world, &[other, one]).await.id, first.id, "another order is another plan");
        world.engine.withdraw(&world.session, first.id).await.unwrap();
        assert_ne!(proposed(&world, &calls).await.id, first.id, "what is over is not taken up again");
        world.finish().await;
    }
}

#[tokio::test]
async fn the_steps_of_a_plan_run_in_their_order() {
    let world = World::in_memory().await;
    let plan = proposed(&world, &[FIRST, SECOND]).await;
    let refusal = refused(world.ask(&SECOND.action()).await);
    assert_eq!(refusal.change, Some(plan.id), "{}", refusal.message);
    assert!(refusal.message.contains("it is the turn of action 1"), "{}", refusal.message);
    let permit = permitted(world.ask(&FIRST.action()).await);
    let refusal = refused(world.ask(&SECOND.action()).await);
    assert_eq!(refusal.change, Some(plan.id), "{}", refusal.message);
    world.answer(permit, 200).await;
    assert_eq!(world.run(&SECOND.action()).await, plan.id);
    assert_eq!(world.state(plan.id).await, ChangeState::Executed);
    world.finish().await;
}

#[tokio::test]
async fn promise_06_a_step_in_flight_is_not_let_through_beside_its_plan() {
    let world = World::in_memory().await;
    let plan = proposed(&world, &[FIRST, SECOND]).await;
    assert_eq!(plan.state, ChangeState::Approved, "staging takes nobody");
    let permit = permitted(world.ask(&FIRST.action()).await);
    assert_eq!(permit.change(), Some(plan.id));
    expect_refusal(world.ask(&FIRST.action()).await, RefusalKind::InFlight, &plan.id.to_string());
    world.answer(permit, 200).await;
    assert_eq!(world.run(&SECOND.action()).await, plan.id);
    world.finish().await;
}

#[tokio::test]
async fn promise_06_a_step_of_unknown_outcome_is_read_back_before_anything_else() {
    let world = World::in_memory().await;
    world.target.is_in("blue");
    let plan = proposed(&world, &[FIRST, SECOND]).await;
    let permit = permitted(world.ask(&FIRST.action()).await);
    assert_eq!(permit.change(), Some(plan.id));
    world.settle(permit, Settled::Unknown("the connection broke".to_owned())).await;
    expect_refusal(world.ask(&FIRST.action()).await, RefusalKind::Denied, "It was not sent again");
    assert_eq!(world.count(EntryKind::PermitIssued).await, 1);
    world.finish().await;
}
