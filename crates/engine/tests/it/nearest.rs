//! What is near to a held change and needs nobody.

use approval::Act;
use engine::Gathered;
use model::ChangeId;

use crate::{
    actions::{Call, DELETE_STACK, PUT_PARAMETER, STAGING},
    cast::DAN,
    world::World,
};

async fn near(world: &World, id: ChangeId) -> Vec<String> {
    let change = world.change(id).await;
    world.engine.nearest(&change, &world.session).unwrap()
}

#[tokio::test]
async fn a_write_that_nobody_can_undo_passes_where_it_is_not_production() {
    let world = World::in_memory().await;
    let held = world.hold(&PUT_PARAMETER.action()).await;
    assert_eq!(near(&world, held).await, ["in staging the same would need nobody"]);
    // It says of nothing that is decided what would have been.
    world.says(held, Act::Reject, &DAN, Some("no")).await.unwrap();
    assert!(near(&world, held).await.is_empty());
    let destroys = world.hold(&DELETE_STACK.action()).await;
    // However much the agent has destroyed by now: so nothing is promised of a destroy.
    assert!(near(&world, destroys).await.is_empty());
    world.finish().await;
}

#[tokio::test]
async fn of_several_actions_those_are_told_that_alone_need_nobody() {
    let world = World::in_memory().await;
    let free = Call { account: STAGING, name: "/app/size", ..PUT_PARAMETER };
    let actions = [DELETE_STACK, free].map(|call| (call.action(), Gathered::default())).into();
    let plan = world.propose(actions, "tidy up").await.unwrap();
    assert_eq!(near(&world, plan.id).await, ["action 2 would need nobody if it were asked for alone"]);
    world.finish().await;
}
