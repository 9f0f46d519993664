//! Promise 12: undo is captured first.

use std::sync::{Arc, Mutex};

use engine::{
    Admitted, Asked, By, Collector, Connector, Engine, Gathered, Later, Proposed, Purpose, Refusal,
    RefusalKind, Settled, SignError, Undoing,
};
use model::{
    Action, ActionParts, CapturedUndo, ChangeId, ChangeState, EntryKind, LinkKind, Session, StepState,
    Timestamp, Undo,
};
use policy::Files;

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, STAGING, Target, inverse},
    cast::{ANA, BEN, CLEO, name},
    world::{World, answer, expect_refusal, permitted, refused},
};

#[tokio::test]
async fn promise_12_a_write_without_a_captured_undo_is_a_destroy_in_production() {
    let world = World::in_memory().await;
    world.target.is_in("blue");
    for undo in [Undo::Capturable, Undo::Unlisted] {
        let call = Call { undo, ..PUT_PARAMETER };
        let held = world.hold(&call.action()).await;
        let change = world.change(held).await;
        assert!(change.steps[0].action.effects.contains(model::Effect::Destroy), "{undo:?}");
        let statement = world.statement(held, approval::Act::Approve, &BEN, None).await;
        assert_eq!(statement.undo, ["not captured: this cannot be undone"], "and the statement says so");
        world.engine.withdraw(&world.session, held).await.unwrap();
    }
    world.run(&Call { account: STAGING, ..PUT_PARAMETER }.action()).await;
    world.run(&Call { undo: Undo::Additive, name: "/app/new", ..PUT_PARAMETER }.action()).await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    assert_eq!(world.inverse_of(done).await, Some(inverse()), "captured before it ran");
    world.finish().await;
}

#[tokio::test]
async fn promise_12_a_captured_undo_goes_through_the_same_door_once() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let by = name(ANA.name);
    assert!(
        matches!(world.engine.undo(done, None, by.clone()).await, Err(SignError::NotUndoable(_))),
        "no gateway yet"
    );

    let gateway = Arc::new(Gateway::default());
    world.engine.connect(Arc::clone(&gateway) as Arc<dyn Connector>);
    let undoing = world.engine.undo(done, None, by.clone()).await.unwrap();
    assert_eq!(world.state(done).await, ChangeState::Undone);
    let change = world.change(undoing).await;
    assert_eq!(change.state, ChangeState::Executed);
    assert!(change.links.iter().any(|link| link.kind == LinkKind::Undoes && link.change == done));
    assert_eq!(*gateway.sent.lock().unwrap(), [inverse().request], "the very request that was captured");
    let entries = world.entries().await;
    let permit = entries.iter().find(|it| it.kind == EntryKind::PermitIssued && it.change == Some(undoing));
    let detail = &permit.unwrap().detail;
    assert_eq!(detail.get("asked_by").map(String::as_str), Some(ANA.name), "who asked is on record");
    assert_eq!(detail.get("undoes"), Some(&done.to_string()));
    let again = world.engine.undo(done, None, by).await.unwrap_err();
    assert!(again.to_string().contains("only what was executed can be undone"), "{again}");
    assert_eq!(gateway.sent.lock().unwrap().len(), 1);
    world.finish().await;
}

/// Nor does anybody whom the roster in force does not know: the record could not tell them from nobody.
#[tokio::test]
async fn promise_12_nobody_from_outside_the_roster_takes_anything_back() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let gateway = Arc::new(Gateway::default());
    world.engine.connect(Arc::clone(&gateway) as Arc<dyn Connector>);
    let err = world.engine.undo(done, None, name("zoe")).await.unwrap_err().to_string();
    assert!(err.contains("no person called zoe"), "{err}");
    assert_eq!(gateway.sent.lock().unwrap().len(), 0);
    assert_eq!(world.state(done).await, ChangeState::Executed);
    world.finish().await;
}

/// The process died, or the connection broke: the record does not know, and the person who undoes need not wait for
/// the agent to ask again.
#[tokio::test]
async fn promise_12_what_is_not_known_to_have_happened_is_read_back_before_it_is_undone() {
    for (before, found) in [("blue", ChangeState::Undone), ("red", ChangeState::Failed)] {
        let world = World::in_memory().await;
        world.target.is(Found { state: Some(before), undo: Some(inverse()), ..Found::default() });
        let permit = permitted(world.ask(&PUT_PARAMETER.action()).await);
        let write = permit.change().unwrap();
        world.settle(permit, Settled::Unknown("the connection broke".to_owned())).await;
        let gateway = Arc::new(Gateway::default());
        world.engine.connect(Arc::clone(&gateway) as Arc<dyn Connector>);
        let undone = world.engine.undo(write, None, name(ANA.name)).await;
        assert_eq!(world.state(write).await, found, "it was {before} and is red: {undone:?}");
        let sent = gateway.sent.lock().unwrap().len();
        assert_eq!((undone.is_ok(), sent), if found == ChangeState::Undone { (true, 1) } else { (false, 0) });
        world.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_12_of_many_undoing_at_once_one_does() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let gateway = Arc::new(Gateway::default());
    world.engine.connect(Arc::clone(&gateway) as Arc<dyn Connector>);
    let undoing: Vec<_> = (0..16)
        .map(|_| {
            let engine = Arc::clone(&world.engine);
            tokio::spawn(async move { engine.undo(done, None, name(ANA.name)).await.is_ok() })
        })
        .collect();
    let mut undone = 0;
    for one in undoing {
        undone += usize::from(one.await.unwrap());
    }
    assert_eq!((undone, gateway.sent.lock().unwrap().len()), (1, 1));
    assert_eq!(world.state(done).await, ChangeState::Undone);
    world.finish().await;
}

/// By the same door, with the agent on record as who asked; and nothing of anybody else's.
#[tokio::test]
async fn promise_12_an_agent_undoes_what_its_own_session_ran() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    world.engine.connect(Arc::new(Gateway::default()));
    let other = world.session("", model::Autonomy::Autonomous).await;
    let err = world.engine.undo_own(&other, done, None).await.unwrap_err();
    assert!(matches!(err, SignError::UnknownChange(_)), "another session's: {err}");
    let undoing = world.engine.undo_own(&world.session, done, None).await.unwrap();
    assert_eq!(world.state(done).await, ChangeState::Undone);
    let entries = world.entries().await;
    let permit = entries.iter().find(|it| it.kind == EntryKind::PermitIssued && it.change == Some(undoing));
    let detail = &permit.unwrap().detail;
    assert_eq!(detail.get("asked_by_agent").map(String::as_str), Some("kiro"));
    assert_eq!(detail.get("asked_by"), None, "no person did");
    let again = world.engine.undo_own(&world.session, done, None).await.unwrap_err();
    assert!(again.to_string().contains("only what was executed can be undone"), "{again}");
    world.finish().await;
}

/// What a session is issued with decides, for what an agent takes back as for what it does.
#[tokio::test]
async fn promise_12_an_undo_by_the_agent_is_judged_as_free_as_its_session_is() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let session = world.session("", model::Autonomy::Supervised).await;
    let held = refused(world.ask_as(&session, &PUT_PARAMETER.action()).await).change.unwrap();
    world.approve(held, &BEN).await.unwrap();
    let permit = permitted(world.ask_as(&session, &PUT_PARAMETER.action()).await);
    world.answer(permit, 200).await;
    world.engine.connect(Arc::new(Gateway::default()));
    match world.engine.undo_own(&session, held, None).await {
        Err(SignError::Refused(refusal)) => {
            assert_eq!(refusal.kind, engine::RefusalKind::Held, "{}", refusal.message);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.state(held).await, ChangeState::Executed);
    world.finish().await;
}

/// A rule lets pass what a person has taken back. What the agent has taken back is what it did itself: it could do, before a
/// freeze, and undo, in it, whatever it likes.
#[tokio::test]
async fn promise_12_no_rule_is_milder_for_what_an_agent_takes_back_itself() {
    let world = World::on_disk().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    world.adopted(&frozen(&world)).await;
    world.engine.connect(Arc::new(Gateway::default()));
    match world.engine.undo_own(&world.session, done, None).await {
        Err(SignError::Refused(refusal)) => {
            assert_eq!(refusal.kind, engine::RefusalKind::Denied, "{}", refusal.message);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.state(done).await, ChangeState::Executed);
    world.engine.undo(done, None, name(ANA.name)).await.unwrap();
    assert_eq!(world.state(done).await, ChangeState::Undone);
    world.finish().await;
}

fn frozen(world: &World) -> Files {
    let mut files = world.place.files.clone();
    let calendar =
        "timezone = \"UTC\"\npeak = []\n[[freeze]]\nfrom = 2026-01-01\nto = 2027-12-31\nreason = \"r\"\n";
    files.insert("calendar.toml".to_owned(), calendar.as_bytes().to_vec());
    files
}

/// A write that ran, whose inverse waits for people since the agent asked for it.
async fn agents_held_undo() -> (World, ChangeId, ChangeId) {
    let world = World::on_disk().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    world.engine.connect(Arc::new(Gateway::inverting(GRANT)));
    let held = undo_refused(world.engine.undo_own(&world.session, done, None).await, RefusalKind::Held);
    (world, done, held.unwrap())
}

pub(crate) fn undo_refused(undone: Result<ChangeId, SignError>, kind: RefusalKind) -> Option<ChangeId> {
    match undone {
        Err(SignError::Refused(refusal)) => {
            assert_eq!(refusal.kind, kind, "{}", refusal.message);
            refusal.change
        }
        other => panic!("{other:?}"),
    }
}

/// Those who sign it may be persons; who wants it is the agent, here as where it asks for it.
#[tokio::test]
async fn promise_12_an_agents_undo_stays_the_agents_while_it_waits_for_people() {
    let (world, done, held) = agents_held_undo().await;
    let files = frozen(&world);
    let candidate = engine::draft(&files).unwrap_or_else(|err| panic!("{err}"));
    let found = world.engine.simulate(candidate, Timestamp::from_millis(0)).await.unwrap();
    assert!(found.changed.iter().any(|it| it.change == held), "{found:#?}");
    world.adopted(&files).await;
    world.approve(held, &BEN).await.unwrap();
    let signed = world.approve(held, &CLEO).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Held, "{}", signed.note);
    assert!(signed.note.contains("denied at this time"), "{}", signed.note);
    undo_refused(world.engine.undo_own(&world.session, done, None).await, RefusalKind::Denied);
    // What the same people agreed to a person may have.
    assert_eq!(world.engine.undo(done, None, name(ANA.name)).await.unwrap(), held);
    assert_eq!(world.state(done).await, ChangeState::Undone);
    world.finish().await;
}

#[tokio::test]
async fn promise_12_an_undo_that_a_person_asks_for_as_well_is_theirs() {
    let (world, done, held) = agents_held_undo().await;
    world.adopted(&frozen(&world)).await;
    let by_a_person = async || world.engine.undo(done, None, name(ANA.name)).await;
    assert_eq!(undo_refused(by_a_person().await, RefusalKind::Held), Some(held));
    let entries = world.entries().await;
    let judged = entries.iter().rfind(|it| it.kind == EntryKind::ChangeJudged && it.change == Some(held));
    assert_eq!(judged.unwrap().detail["asked_by"], ANA.name);
    // What the agent may not have takes it from nobody.
    undo_refused(world.engine.undo_own(&world.session, done, None).await, RefusalKind::Denied);
    world.approve_by_two(held).await;
    assert_eq!(by_a_person().await.unwrap(), held);
    assert_eq!(world.state(done).await, ChangeState::Undone);
    world.finish().await;
}

/// What was approved for a session that was stopped since is not carried out because it happens to be an inverse.
#[tokio::test]
async fn promise_12_an_undo_carries_out_nothing_of_a_session_that_was_stopped() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let stopped = world.session("", model::Autonomy::Supervised).await;
    let same = Call { date: "inverse", ..PUT_PARAMETER }.action().pinned(inverse().request);
    let held = refused(world.ask_as(&stopped, &same).await).change.unwrap();
    world.approve(held, &BEN).await.unwrap();
    world.engine.stop(stopped.id, name(ANA.name)).await.unwrap();
    let gateway = Arc::new(Gateway::default());
    world.engine.connect(Arc::clone(&gateway) as Arc<dyn Connector>);
    match world.engine.undo_own(&world.session, done, None).await {
        Err(SignError::Refused(refusal)) => {
            assert_eq!(refusal.kind, engine::RefusalKind::SessionClosed, "{}", refusal.message);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(gateway.sent.lock().unwrap().len(), 0);
    world.finish().await;
}

/// As with every call of its own: by then its target need not be looked at.
#[tokio::test]
async fn promise_12_an_undo_by_the_agent_of_a_closed_session_looks_at_nothing() {
    struct Nobody;
    impl Collector for Nobody {
        fn gather<'a>(&'a self, _: &'a Engine, action: &'a Action) -> Later<'a, Gathered> {
            panic!("{:?} is looked at", action.parts().operation)
        }
    }
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let of = world.run(&PUT_PARAMETER.action()).await;
    world.engine.stop(world.session.id, name(ANA.name)).await.unwrap();
    let by = By::Agent(world.session.chain.agent.clone());
    let asked = Asked {
        session: Arc::clone(&world.session),
        action: Call { date: "inverse", ..PUT_PARAMETER }.action(),
        under: world.engine.bundle(),
        signature: world.place.fresh(),
        purpose: Purpose::Undo(Undoing { of, step: 0, by }),
    };
    expect_refusal(world.engine.admit(asked, &Nobody).await, RefusalKind::SessionClosed, "stopped");
    world.finish().await;
}

/// Undoing a create is a destroy of what was created: the engine's mark does not make it less.
#[tokio::test]
async fn promise_12_an_undo_that_destroys_waits_for_people_too() {
    let world = World::in_memory().await;
    let removal = CapturedUndo { removes_created: true, summary: "DeleteStack app".to_owned(), ..inverse() };
    world.target.is(Found { state: Some("absent"), undo: Some(removal), ..Found::default() });
    let done = world.run(&Call { undo: Undo::Capturable, ..crate::actions::CREATE_STACK }.action()).await;
    world.engine.connect(Arc::new(Gateway::inverting(DELETE_STACK)));
    match world.engine.undo(done, None, name(ANA.name)).await {
        Err(SignError::Refused(refusal)) => {
            assert_eq!(refusal.kind, engine::RefusalKind::Held, "{}", refusal.message)
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(world.state(done).await, ChangeState::Executed, "nothing was undone");
    world.finish().await;
}

#[tokio::test]
async fn promise_12_what_nothing_was_captured_for_cannot_be_undone() {
    let world = World::in_memory().await;
    world.engine.connect(Arc::new(Gateway::default()));
    let held = world.hold(&DELETE_STACK.action()).await;
    let by = name(ANA.name);
    let err = world.engine.undo(held, None, by.clone()).await.unwrap_err();
    assert!(err.to_string().contains("is held"), "{err}");
    world.approve_by_two(held).await;
    world.run(&DELETE_STACK.action()).await;
    let err = world.engine.undo(held, None, by).await.unwrap_err();
    assert!(err.to_string().contains("no inverse"), "{err}");
    world.finish().await;
}

/// Held one by one and decided together, each is undone by itself.
#[tokio::test]
async fn each_action_of_several_is_undone_by_itself() {
    let world = World::in_memory().await;
    let gateway = Arc::new(Gateway::default());
    world.engine.connect(gateway.clone());
    let attach = |name| Call { operation: "iam:PutRolePolicy", kind: "role", name, ..GRANT };
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let held = world.hold(&attach("one").action()).await;
    assert_eq!(world.hold(&attach("two").action()).await, held);
    world.approve_by_two(held).await;
    world.run(&attach("one").action()).await;

    let undo = async |nth| world.engine.undo(held, nth, name(ANA.name)).await;
    for (nth, says) in [
        (None, "2 actions; say which (--action N)"),
        (Some(1), "action 2 of"),
        (Some(1), "is pending"),
        (Some(2), "2 actions, counted from 1"),
    ] {
        let err = undo(nth).await.unwrap_err().to_string();
        assert!(err.contains(says), "{says}: {err}");
    }
    undo(Some(0)).await.unwrap();
    let states = async || {
        let change = world.change(held).await;
        (change.state, change.steps.iter().map(|step| step.state).collect::<Vec<_>>())
    };
    use StepState::{Executed, Pending, Undone};
    assert_eq!(states().await, (ChangeState::Approved, vec![Undone, Pending]));
    assert!(undo(Some(0)).await.unwrap_err().to_string().contains("action 1 of"), "once");
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    world.run(&attach("two").action()).await;
    assert_eq!(states().await, (ChangeState::Executed, vec![Undone, Executed]));
    undo(Some(1)).await.unwrap();
    assert_eq!(states().await, (ChangeState::Undone, vec![Undone, Undone]));
    world.finish().await;
}

const GRANT: Call = Call { effect: model::Effect::Privilege, ..PUT_PARAMETER };

/// As a gateway carries a captured inverse out.
#[derive(Default)]
pub(crate) struct Gateway {
    /// How it classifies the inverse; as the call it inverts where not said.
    inverse: Option<Call>,
    target: Target,
    sent: Mutex<Vec<model::Request>>,
}

impl Gateway {
    pub(crate) fn inverting(inverse: Call) -> Self {
        Self { inverse: Some(inverse), ..Self::default() }
    }
}

impl Connector for Gateway {
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
        engine: &'a Engine,
        undo: CapturedUndo,
        _: &'a ActionParts,
        undoing: Undoing,
    ) -> Later<'a, Result<ChangeId, Refusal>> {
        Box::pin(async move {
            let classified = self.inverse.unwrap_or(Call { date: "inverse", ..PUT_PARAMETER }).action();
            self.target.is(Found { state: Some("red"), undo: Some(inverse()), ..Found::default() });
            let asked = Asked {
                session: Arc::new(engine.session_of_change(undoing.of).await?),
                action: classified.pinned(undo.request),
                under: engine.bundle(),
                signature: model::Digest::of(format!("{} {}", undoing.of, undoing.step).as_bytes()),
                purpose: Purpose::Undo(undoing),
            };
            match engine.admit(asked, &self.target).await {
                Admitted::Permit(permit) => {
                    let change = permit.change().unwrap();
                    let (request, receipt) = permit.redeem();
                    self.sent.lock().unwrap().push(request);
                    engine.finish(receipt, Settled::Answered(answer(200))).await.map_err(Refusal::from)?;
                    Ok(change)
                }
                other => Err(refused(other)),
            }
        })
    }

    fn look<'a>(
        &'a self,
        _: &'a Engine,
        _: &'a ActionParts,
        _: &'a model::Sought,
    ) -> Later<'a, model::Sight> {
        Box::pin(async { model::Sight::There })
    }

    fn fits<'a>(&'a self, _: &'a Engine, _: &'a policy::Bundle) -> Later<'a, Result<(), String>> {
        Box::pin(async { Ok(()) })
    }
}
