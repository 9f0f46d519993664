//! A guard that goes down and what it guarded: in one change, and one after the other in a session.

use engine::{Gathered, RefusalKind};
use model::{ChangeState, Effect, Undo};

use crate::{
    actions::{Call, DELETE_STACK},
    world::{World, expect_refusal},
};

/// Takes down what keeps deleted things for a while.
const UNGUARD: Call = Call {
    operation: "rbin:DeleteRule",
    effect: Effect::Destroy,
    undo: Undo::Unlisted,
    kind: "rule",
    name: "keep-a-week",
    ..DELETE_STACK
};

#[tokio::test]
async fn what_a_guard_protected_is_not_destroyed_in_the_same_change() {
    let world = World::in_memory().await;
    let both = [UNGUARD, DELETE_STACK];
    let actions = both.iter().map(|call| (call.action(), Gathered::default())).collect();
    let refusal = world.propose(actions, "remove it for good").await.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Denied);
    assert!(refusal.message.contains("nothing-lost-once-a-guard-is-down"), "{}", refusal.message);
    // Each by itself waits for people.
    for call in both {
        let held = world.hold(&call.action()).await;
        assert_eq!(world.state(held).await, ChangeState::Held);
    }
    world.finish().await;
}

#[tokio::test]
async fn nor_after_it_in_the_same_session() {
    let world = World::in_memory().await;
    let held = world.hold(&UNGUARD.action()).await;
    world.approve_by_two(held).await;
    assert_eq!(world.run(&UNGUARD.action()).await, held);
    let refused = world.ask(&DELETE_STACK.action()).await;
    expect_refusal(refused, RefusalKind::Denied, "nothing-lost-once-a-guard-is-down");
    world.finish().await;
}
