//! A held loop of single calls is one thing to decide, and what was opened stays as it was seen.

use approval::Act;
use engine::{Admitted, Gathered, RefusalKind, Settled};
use model::{Autonomy, ChangeId, ChangeState, EntryKind, StepState};

use crate::{
    actions::{Call, DELETE_STACK, STAGING},
    cast::{ANA, BEN, DAN},
    world::{World, expect_refusal, permitted, refused},
};

const OBJECTS: [&str; 22] = [
    "data/00", "data/01", "data/02", "data/03", "data/04", "data/05", "data/06", "data/07", "data/08",
    "data/09", "data/10", "data/11", "data/12", "data/13", "data/14", "data/15", "data/16", "data/17",
    "data/18", "data/19", "data/20", "data/21",
];

const fn delete(name: &'static str) -> Call {
    Call { operation: "s3:DeleteObject", kind: "object", name, ..DELETE_STACK }
}

impl World {
    /// Asks for each to be deleted; all are held in one and the same change.
    async fn hold_all(&self, names: &[&'static str]) -> ChangeId {
        let mut held = None;
        for name in names {
            let id = self.hold(&delete(name).action()).await;
            assert_eq!(*held.get_or_insert(id), id, "{name} stands apart");
        }
        held.unwrap()
    }

    async fn steps(&self, id: ChangeId) -> Vec<StepState> {
        self.change(id).await.steps.iter().map(|step| step.state).collect()
    }
}

#[tokio::test]
async fn a_held_loop_is_one_change_that_two_people_decide_once() {
    let world = World::in_memory().await;
    let held = world.hold_all(&OBJECTS[..12]).await;
    let change = world.change(held).await;
    assert_eq!((change.steps.len(), change.state), (12, ChangeState::Held));
    assert_eq!(world.count(EntryKind::ChangeJoined).await, 11);

    let refusal = refused(world.ask(&delete(OBJECTS[3]).action()).await);
    assert_eq!(refusal.change, Some(held), "asked again, it stands there already");
    for part in ["DeleteObject data/03", "one of 12 like it", &held.to_string()] {
        assert!(refusal.message.contains(part), "{part}: {}", refusal.message);
    }
    assert_eq!(world.steps(held).await.len(), 12);

    let statement = world.statement(held, Act::Approve, &BEN, None).await;
    assert_eq!((statement.actions.len(), statement.digest), (12, change.digest));
    world.approve_by_two(held).await;
    // In whatever order, and each once.
    for name in OBJECTS[..12].iter().rev() {
        assert_eq!(world.run(&delete(name).action()).await, held, "{name}");
    }
    assert_eq!(world.state(held).await, ChangeState::Executed);
    assert!(
        matches!(world.ask(&delete(OBJECTS[5]).action()).await, Admitted::Recorded { change, .. } if change == held)
    );
    world.finish().await;
}

#[tokio::test]
async fn what_a_person_opened_nothing_joins() {
    let world = World::in_memory().await;
    let first = world.hold_all(&OBJECTS[..2]).await;
    let statement = world.statement(first, Act::Approve, &BEN, None).await;
    assert_eq!(world.count(EntryKind::ChangeSealed).await, 1);
    let second = world.hold(&delete(OBJECTS[2]).action()).await;
    assert_ne!(first, second);
    let text = statement.to_text();
    world.engine.sign(first, text.clone(), BEN.sign(&text)).await.unwrap();
    assert_eq!(world.hold(&delete(OBJECTS[3]).action()).await, second, "the next loop is another change");
    world.statement(first, Act::Approve, &DAN, None).await;
    assert_eq!(world.count(EntryKind::ChangeSealed).await, 1, "it is sealed once");
    world.finish().await;
}

#[tokio::test]
async fn only_the_like_of_it_in_the_same_place_and_session_joins() {
    let world = World::in_memory().await;
    let held = world.hold(&delete("data/00").action()).await;
    for other in [
        delete("other/00"),
        Call { kind: "object_version", ..delete("data/01") },
        Call { operation: "s3:DeleteObjectTagging", ..delete("data/02") },
        Call { account: STAGING, ..delete("data/03") },
        DELETE_STACK,
    ] {
        assert_ne!(world.hold(&other.action()).await, held, "{} {}", other.operation, other.name);
    }
    let stranger = world.session("", Autonomy::Autonomous).await;
    let apart = refused(world.ask_as(&stranger, &delete("data/04").action()).await);
    assert_eq!(apart.kind, RefusalKind::Held);
    assert_ne!(apart.change, Some(held));
    assert_eq!(world.steps(held).await.len(), 1);
    world.finish().await;
}

#[tokio::test]
async fn a_change_takes_in_no_more_than_people_can_read() {
    let world = World::in_memory().await;
    let held = world.hold_all(&OBJECTS[..20]).await;
    let next = world.hold(&delete(OBJECTS[20]).action()).await;
    assert_ne!(next, held);
    assert_eq!(world.hold(&delete(OBJECTS[21]).action()).await, next);
    world.finish().await;
}

/// As many as may be asked for at once can be signed for.
#[tokio::test]
async fn a_plan_of_as_many_is_held_too() {
    let world = World::in_memory().await;
    let actions = OBJECTS[..20].iter().map(|name| (delete(name).action(), Gathered::default())).collect();
    let plan = world.propose(actions, "tidy up").await.unwrap();
    assert_eq!((plan.state, plan.steps.len()), (ChangeState::Held, 20));
    world.approve_by_two(plan.id).await;
    for name in &OBJECTS[..20] {
        assert_eq!(world.run(&delete(name).action()).await, plan.id, "its own loop does not stop it");
    }
    world.finish().await;
}

#[tokio::test]
async fn a_veto_over_many_is_a_veto_over_each() {
    let world = World::in_memory().await;
    let held = world.hold_all(&OBJECTS[..3]).await;
    world.says(held, Act::Reject, &DAN, Some("finance reads them")).await.unwrap();
    for name in &OBJECTS[..3] {
        let asked = world.ask(&delete(name).action()).await;
        expect_refusal(asked, RefusalKind::Denied, "finance reads them");
    }
    let reopened = world.says(held, Act::Reopen, &ANA, Some("they have a copy")).await.unwrap().change;
    for name in &OBJECTS[..3] {
        assert_eq!(world.hold(&delete(name).action()).await, reopened.id);
    }
    assert_ne!(
        world.hold(&delete(OBJECTS[3]).action()).await,
        reopened.id,
        "nothing joins what was reopened"
    );
    world.approve_by_two(reopened.id).await;
    world.run(&delete(OBJECTS[1]).action()).await;
    world.finish().await;
}

#[tokio::test]
async fn steps_that_were_asked_for_one_by_one_run_beside_each_other() {
    let world = World::in_memory().await;
    let held = world.hold_all(&OBJECTS[..4]).await;
    world.approve_by_two(held).await;
    let first = permitted(world.ask(&delete(OBJECTS[0]).action()).await);
    let second = permitted(world.ask(&delete(OBJECTS[1]).action()).await);
    assert_eq!(refused(world.ask(&delete(OBJECTS[0]).action()).await).kind, RefusalKind::InFlight);
    world.answer(first, 403).await;
    assert_eq!(world.state(held).await, ChangeState::Executing);
    world.answer(second, 200).await;
    assert_eq!(world.state(held).await, ChangeState::Approved, "one failed; the others may run still");

    // An outcome that is not known stops the rest until it is read back.
    let third = permitted(world.ask(&delete(OBJECTS[2]).action()).await);
    world.settle(third, Settled::Unknown("the connection broke".to_owned())).await;
    let waiting = world.ask(&delete(OBJECTS[3]).action()).await;
    expect_refusal(waiting, RefusalKind::Denied, "DeleteObject data/02");
    let read_back = world.ask(&delete(OBJECTS[2]).action()).await;
    expect_refusal(read_back, RefusalKind::Denied, "read back");
    world.run(&delete(OBJECTS[3]).action()).await;
    use StepState::{Executed, Failed};
    assert_eq!(world.steps(held).await, [Failed, Executed, Failed, Executed]);
    assert_eq!(world.state(held).await, ChangeState::Failed);
    // What failed may be asked for anew.
    assert_ne!(world.hold(&delete(OBJECTS[0]).action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn a_loop_is_counted_as_one_hold() {
    let world = World::in_memory().await;
    let held = world.hold_all(&OBJECTS[..20]).await;
    let buckets = ["b0/x", "b1/x", "b2/x", "b3/x", "b4/x", "b5/x", "b6/x", "b7/x", "b8/x"];
    let mut last = held;
    for object in buckets {
        last = world.hold(&delete(object).action()).await;
        assert_ne!(last, held, "{object}");
    }
    expect_refusal(world.ask(&delete("b9/x").action()).await, RefusalKind::Denied, "already waiting");
    assert_eq!(world.hold(&delete("b8/y").action()).await, last, "to one of them more may be added");
    world.finish().await;
}
