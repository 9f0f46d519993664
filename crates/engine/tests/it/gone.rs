//! What waits for nothing any more leaves the queue by itself, and says why.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

use engine::{
    Collector as _, Connector, Engine, Gathered, Later, Proposed, Refusal, RefusalKind, Rounds, SignError,
    Undoing,
};
use model::{
    Absence, Action, ActionParts, Autonomy, CapturedUndo, ChangeId, ChangeState, Digest, EntryKind,
    Observation, Operation, Session, Sight, Sought, StepState, Value,
};
use tokio::sync::Semaphore;

use crate::{
    actions::{Call, DELETE_STACK},
    cast::{BEN, CLEO},
    world::{World, expect_refusal, permitted, refused},
};

/// A gateway that sees what the tests say, by the target's name; what they say nothing of is there.
#[derive(Default)]
struct Eyes {
    seen: Mutex<BTreeMap<String, Sight>>,
    looked: Mutex<Vec<String>>,
    /// Each look waits here for leave.
    gate: Option<Semaphore>,
}

impl Eyes {
    fn see(&self, name: &str, sight: Sight) {
        self.seen.lock().unwrap().insert(name.to_owned(), sight);
    }

    fn looked(&self) -> Vec<String> {
        std::mem::take(&mut *self.looked.lock().unwrap())
    }
}

fn gone() -> Sight {
    let read = Operation::new("cloudformation", "DescribeStacks");
    Sight::Gone(Absence { read, digest: Digest::of(b"there is no such thing") })
}

impl Connector for Eyes {
    fn prepare<'a>(
        &'a self,
        _: &'a Engine,
        _: &'a Session,
        asked: Proposed,
    ) -> Later<'a, Result<(Action, Gathered), Refusal>> {
        panic!("nobody proposes {}", asked.operation)
    }

    fn undo<'a>(
        &'a self,
        _: &'a Engine,
        undo: CapturedUndo,
        _: &'a ActionParts,
        _: Undoing,
    ) -> Later<'a, Result<ChangeId, Refusal>> {
        panic!("nobody undoes: {}", undo.summary)
    }

    fn look<'a>(&'a self, _: &'a Engine, _: &'a ActionParts, sought: &'a Sought) -> Later<'a, Sight> {
        Box::pin(async move {
            let name = &sought.0["Name"];
            let sight = self.seen.lock().unwrap().get(name).cloned().unwrap_or(Sight::There);
            self.looked.lock().unwrap().push(name.clone());
            if let Some(gate) = &self.gate {
                gate.acquire().await.unwrap().forget();
            }
            sight
        })
    }

    fn fits<'a>(&'a self, _: &'a Engine, _: &'a policy::Bundle) -> Later<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}

impl World {
    async fn with_eyes() -> (Self, Arc<Eyes>) {
        Self::watched(Eyes::default()).await
    }

    async fn watched(eyes: Eyes) -> (Self, Arc<Eyes>) {
        let (world, eyes) = (Self::in_memory().await, Arc::new(eyes));
        world.engine.connect(eyes.clone());
        world.target.is_in("CREATE_COMPLETE");
        (world, eyes)
    }

    /// A round over what waits, once one is due.
    async fn round(&self) {
        let mut rounds = self.due().await;
        self.engine.tidy(&mut rounds).await.unwrap();
    }

    async fn due(&self) -> Rounds {
        let mut rounds = Rounds::default();
        self.engine.tidy(&mut rounds).await.unwrap();
        self.clock.advance(300);
        rounds
    }
}

const fn delete(name: &'static str) -> Call {
    Call { name, ..DELETE_STACK }
}

/// An action with facts about its target as they are gathered, of which `sought` is kept.
fn seen(call: Call, sought: bool) -> (Action, Gathered) {
    let observation = Observation {
        at: crate::world::START,
        facts: vec![("StackStatus".to_owned(), "CREATE_COMPLETE".to_owned())],
        fingerprint: Observation::fingerprint_of(&Value::text(call.name)),
        inner: Vec::new(),
        inner_whole: true,
        unknowns: Vec::new(),
    };
    let named = Sought(BTreeMap::from([("Name".to_owned(), call.name.to_owned())]));
    let sought = sought.then_some(named);
    (call.action(), Gathered { observation: Some(observation), sought, ..Gathered::default() })
}

#[tokio::test]
async fn a_change_whose_target_is_gone_is_over_and_says_why() {
    let (world, eyes) = World::with_eyes().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &BEN).await.unwrap();
    eyes.see("app", gone());
    let mut rounds = Rounds::default();
    world.engine.tidy(&mut rounds).await.unwrap();
    assert_eq!(eyes.looked(), [""; 0], "not before its time");
    world.round().await;
    let change = world.change(held).await;
    assert_eq!(change.state, ChangeState::Withdrawn);
    let why = "its target is gone: app (by cloudformation:DescribeStacks)";
    assert_eq!(change.gone.unwrap().why, why);
    let entries = world.entries().await;
    let ended = entries.iter().find(|it| it.kind == EntryKind::ChangeWithdrawn).unwrap();
    assert_eq!((ended.change, ended.detail["why"].as_str()), (Some(held), why));
    assert_eq!(ended.detail["gone"], format!("0:{}", Digest::of(b"there is no such thing")));
    assert_eq!(ended.detail["actions"], DELETE_STACK.action().digest().to_string());

    // What was signed leads nowhere, nothing more is signed, and nobody looks again.
    let closed = world.approve(held, &CLEO).await.unwrap_err();
    assert!(matches!(closed, SignError::Closed { state: ChangeState::Withdrawn, .. }), "{closed}");
    world.round().await;
    assert_eq!(eyes.looked(), ["app"]);
    // Whoever asks again is judged anew.
    let again = world.hold(&DELETE_STACK.action()).await;
    assert_ne!(again, held);
    assert_eq!(world.state(again).await, ChangeState::Held);
    world.finish().await;
}

#[tokio::test]
async fn one_that_is_approved_is_over_too() {
    let (world, eyes) = World::with_eyes().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    eyes.see("app", gone());
    world.round().await;
    assert_eq!(world.state(held).await, ChangeState::Withdrawn);
    let again = refused(world.ask(&DELETE_STACK.action()).await);
    assert_eq!(again.kind, RefusalKind::Held, "{}", again.message);
    assert_ne!(again.change, Some(held));
    world.finish().await;
}

#[tokio::test]
async fn nothing_is_over_that_is_not_known_to_be_gone() {
    let (world, eyes) = World::with_eyes().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    for sight in [
        Sight::There,
        Sight::Unknown("status 403 (AccessDenied)".to_owned()),
        Sight::Unknown("the answer is cut short".to_owned()),
    ] {
        eyes.see("app", sight);
        world.round().await;
        assert_eq!(eyes.looked(), ["app"]);
        assert_eq!(world.state(held).await, ChangeState::Held);
    }
    // Whose target was not seen when it was held is not looked for.
    let (action, gathered) = seen(delete("other/a"), false);
    let unseen = world.propose(vec![(action, gathered)], "tidy up").await.unwrap();
    eyes.see("other/a", gone());
    world.round().await;
    assert_eq!(eyes.looked(), ["app"]);
    assert_eq!(world.state(unseen.id).await, ChangeState::Held);
    assert_eq!(world.count(EntryKind::ChangeWithdrawn).await, 0);
    world.finish().await;
}

/// As what an earlier version held.
#[tokio::test]
async fn what_was_held_without_its_targets_name_is_looked_for_once_it_is_asked_for_again() {
    let (world, eyes) = World::with_eyes().await;
    let action = DELETE_STACK.action();
    let unnamed = Gathered { sought: None, ..world.target.gather(&world.engine, &action).await };
    let held = world.propose(vec![(action.clone(), unnamed)], "tidy up").await.unwrap().id;
    world.approve(held, &BEN).await.unwrap();
    eyes.see("app", gone());
    world.round().await;
    assert_eq!((eyes.looked(), world.state(held).await), (Vec::new(), ChangeState::Held));

    let before = world.count(EntryKind::ChangeJudged).await;
    for _ in 0..3 {
        assert_eq!(world.hold(&action).await, held);
    }
    assert_eq!(world.count(EntryKind::ChangeJudged).await, before + 1, "it is said once");
    world.approve(held, &CLEO).await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Approved, "what was signed before stands");
    world.round().await;
    assert_eq!((eyes.looked(), world.state(held).await), (vec!["app".into()], ChangeState::Withdrawn));
    world.finish().await;
}

#[tokio::test]
async fn of_several_each_that_could_still_run_must_be_gone() {
    let (world, eyes) = World::with_eyes().await;
    let plan = vec![seen(delete("one"), true), seen(delete("two"), true)];
    let plan = world.propose(plan, "tidy up").await.unwrap().id;
    eyes.see("one", gone());
    world.round().await;
    assert_eq!(
        (eyes.looked(), world.state(plan).await),
        (vec!["one".into(), "two".into()], ChangeState::Held)
    );
    eyes.see("two", Sight::Unknown("status 500 ()".to_owned()));
    world.round().await;
    assert_eq!(world.state(plan).await, ChangeState::Held);
    eyes.see("two", gone());
    world.round().await;
    let why = world.change(plan).await.gone.unwrap().why;
    let by = "(by cloudformation:DescribeStacks)";
    assert_eq!(why, format!("its targets are gone: one {by}; two {by}"));

    // Where one of them cannot be looked for, none is.
    eyes.looked();
    let partly = vec![seen(delete("three"), true), seen(delete("four"), false)];
    let partly = world.propose(partly, "tidy up").await.unwrap().id;
    eyes.see("three", gone());
    world.round().await;
    assert_eq!((eyes.looked(), world.state(partly).await), (Vec::new(), ChangeState::Held));
    world.finish().await;
}

#[tokio::test]
async fn what_has_run_is_not_asked_about() {
    let (world, eyes) = World::with_eyes().await;
    let first = world.hold(&delete("one").action()).await;
    assert_eq!(world.hold(&delete("two").action()).await, first, "it is one loop");
    world.approve_by_two(first).await;
    world.run(&delete("one").action()).await;
    assert_eq!(world.state(first).await, ChangeState::Approved);
    eyes.see("two", gone());
    world.round().await;
    assert_eq!(eyes.looked(), ["two"]);
    let change = world.change(first).await;
    assert_eq!(change.state, ChangeState::Withdrawn);
    let states: Vec<StepState> = change.steps.iter().map(|step| step.state).collect();
    assert_eq!(states, [StepState::Executed, StepState::Pending]);
    world.finish().await;
}

/// What is let through while somebody looks is not withdrawn; what was withdrawn is not let through.
#[tokio::test]
async fn whoever_comes_first_at_the_same_moment_counts() {
    let (world, eyes) = World::watched(Eyes { gate: Some(Semaphore::new(0)), ..Eyes::default() }).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    eyes.see("app", gone());
    let looking = |mut rounds: Rounds| {
        let engine = Arc::clone(&world.engine);
        tokio::spawn(async move { engine.tidy(&mut rounds).await.unwrap() })
    };
    let looked = async || {
        while eyes.looked().is_empty() {
            tokio::task::yield_now().await;
        }
    };
    let leave = || eyes.gate.as_ref().unwrap().add_permits(1);

    let round = looking(world.due().await);
    looked().await;
    world.approve_by_two(held).await;
    leave();
    round.await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Approved, "it is looked at again");

    let round = looking(world.due().await);
    looked().await;
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    leave();
    round.await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Executing);
    world.answer(permit, 400).await;
    assert_eq!(world.state(held).await, ChangeState::Failed);

    // One approval of two leaves it as it is: it is over, and so is what was signed.
    let second = world.hold(&DELETE_STACK.action()).await;
    world.engine.open(second, None).await.unwrap();
    let round = looking(world.due().await);
    looked().await;
    world.approve(second, &BEN).await.unwrap();
    leave();
    round.await.unwrap();
    assert_eq!(world.state(second).await, ChangeState::Withdrawn);
    assert!(world.approve(second, &CLEO).await.is_err());
    let again = world.ask(&DELETE_STACK.action()).await;
    expect_refusal(again, RefusalKind::Held, "It needs");
    world.finish().await;
}

#[tokio::test]
async fn what_nobody_decided_in_time_is_over_without_being_asked_for() {
    let (world, eyes) = World::with_eyes().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.clock.advance(24 * 3600);
    world.round().await;
    assert_eq!(world.state(held).await, ChangeState::Expired);
    assert_eq!((eyes.looked(), world.count(EntryKind::ChangeExpired).await), (Vec::new(), 1));
    world.finish().await;
}

/// Whatever a hand with a database client did to it: those behind it are looked at and end as ever.
#[tokio::test]
async fn one_that_cannot_be_read_keeps_nobody_from_the_others() {
    let (world, eyes) = (World::on_disk().await, Arc::new(Eyes::default()));
    world.engine.connect(eyes.clone());
    world.target.is_in("CREATE_COMPLETE");
    let mut held = Vec::new();
    for name in ["one/stack", "two/stack", "three/stack"] {
        held.push(world.hold(&delete(name).action()).await);
    }
    let [oldest, altered, newest] = held[..] else { panic!("{held:?}") };
    let database = rusqlite::Connection::open(world.place.database()).unwrap();
    let sql = "UPDATE changes SET document = CAST('{}' AS BLOB) WHERE id = ?1";
    assert_eq!(database.execute(sql, [altered.to_string()]).unwrap(), 1);
    eyes.see("one/stack", gone());
    world.round().await;
    assert_eq!(eyes.looked(), ["three/stack", "one/stack"]);
    assert_eq!(world.state(oldest).await, ChangeState::Withdrawn);
    world.clock.advance(24 * 3600);
    world.round().await;
    assert_eq!(world.state(newest).await, ChangeState::Expired);
}

/// A little at a time, each as often as the others, and not more often than the bundle says.
#[tokio::test]
async fn a_long_queue_is_gone_through_piece_by_piece() {
    let (world, eyes) = World::with_eyes().await;
    let mut names = Vec::new();
    for part in 0..3 {
        let session = world.session("", Autonomy::Autonomous).await;
        for nth in 0..10 {
            let name: &'static str = format!("{part}{nth}/stack").leak();
            assert_eq!(refused(world.ask_as(&session, &delete(name).action()).await).kind, RefusalKind::Held);
            names.push(name.to_owned());
        }
    }
    names.reverse();
    let mut rounds = world.due().await;
    let mut piece = async || {
        world.engine.tidy(&mut rounds).await.unwrap();
        eyes.looked()
    };
    assert_eq!(piece().await, names[..25], "the newest first");
    assert_eq!(piece().await, names[25..]);
    assert_eq!(piece().await, [""; 0], "the round is over");
    world.clock.advance(300);
    assert_eq!(piece().await, names[..25]);
    world.finish().await;
}
