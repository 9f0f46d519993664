//! A role that an agent takes on: another way to act, and no other history.

use std::sync::Arc;

use engine::{IssueError, RefusalKind, SignError};
use model::{ChangeState, EntryKind, Session};

use crate::{
    actions::{Call, DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    cast::{ANA, name},
    undo::{Gateway, undo_refused},
    world::{Unusual, World, expect_refusal, permitted, refused},
};

const DEPLOY: &str = "arn:aws:iam::123456789012:role/deploy";
const TUNE: &str = "arn:aws:iam::123456789012:role/tune";

const ACCOUNTS: &str = r#"
[accounts.123456789012]
read_role = "arn:aws:iam::123456789012:role/cs-read"
write_role = "arn:aws:iam::123456789012:role/cs-write"
[assumable."arn:aws:iam::123456789012:role/deploy"]
agents = ["kiro"]
[assumable."arn:aws:iam::123456789012:role/tune"]
agents = ["kiro"]
[assumable."arn:aws:iam::123456789012:role/others"]
agents = ["codex"]
"#;

async fn world() -> World {
    World::on_disk_with(Unusual { accounts: ACCOUNTS, ..Unusual::default() }).await
}

async fn taken_on(world: &World) -> Arc<Session> {
    in_role(world, Some(DEPLOY)).await
}

/// The session that came first, or that of a role.
async fn in_role(world: &World, role: Option<&str>) -> Arc<Session> {
    match role {
        Some(role) => world.engine.assume(&world.session, role, 3600).await.unwrap().0,
        None => Arc::clone(&world.session),
    }
}

#[tokio::test]
async fn a_role_is_taken_on_only_where_the_bundle_lets_the_agent() {
    let world = world().await;
    let child = taken_on(&world).await;
    let assumed = child.assumed.clone().unwrap();
    assert_eq!((assumed.role.as_str(), assumed.account.0.as_str()), (DEPLOY, "123456789012"));
    assert_eq!((child.parent, child.root()), (Some(world.session.id), world.session.id));
    assert_eq!((&child.chain, child.autonomy), (&world.session.chain, world.session.autonomy));
    let issued = world.entries().await.into_iter().rfind(|it| it.kind == EntryKind::SessionIssued);
    let issued = issued.unwrap();
    assert_eq!((issued.actors.session, issued.detail["role"].as_str()), (Some(child.id), DEPLOY));
    for role in ["arn:aws:iam::123456789012:role/others", "arn:aws:iam::123456789012:role/admin", "admin"] {
        let refused = world.engine.assume(&world.session, role, 3600).await;
        assert!(matches!(refused, Err(IssueError::Role(_))), "{role}");
    }
    assert!(matches!(
        world.engine.assume(&world.session, DEPLOY, 1 << 40).await,
        Err(IssueError::TimeToLive { .. })
    ));
    world.finish().await;
}

#[tokio::test]
async fn it_is_the_same_session_until_half_of_its_time_is_over_and_ends_with_the_one_it_came_from() {
    let world = world().await;
    let child = taken_on(&world).await;
    world.clock.advance(1_700);
    assert_eq!(taken_on(&world).await.id, child.id);
    world.clock.advance(200);
    assert_ne!(taken_on(&world).await.id, child.id);
    world.clock.advance(8 * 3600 - 1_900 - 600);
    let last = taken_on(&world).await;
    assert_eq!(last.expires_at, world.session.expires_at);
    world.clock.advance(600);
    let asked = world.ask_as(&last, &DESCRIBE_STACKS.action()).await;
    expect_refusal(asked, RefusalKind::SessionClosed, "is expired");
    world.finish().await;
}

#[tokio::test]
async fn what_it_does_is_history_of_the_session_it_came_from() {
    let world = world().await;
    let child = taken_on(&world).await;
    let held = refused(world.ask_as(&child, &DELETE_STACK.action()).await).change.unwrap();
    assert_eq!(world.change(held).await.session, world.session.id);
    // A loop does not escape by changing its role, nor by going back.
    let names = ["b/1", "c/1", "d/1", "e/1", "f/1", "g/1", "h/1", "i/1", "j/1"];
    for (stack, nth) in names.into_iter().zip(0..) {
        let session = if nth % 2 == 0 { &child } else { &world.session };
        let asked = world.ask_as(session, &Call { name: stack, ..DELETE_STACK }.action()).await;
        assert_eq!(refused(asked).kind, RefusalKind::Held, "{stack}");
    }
    let more = Call { name: "k/1", ..DELETE_STACK }.action();
    for session in [&child, &world.session] {
        expect_refusal(world.ask_as(session, &more).await, RefusalKind::Denied, "10 changes of this session");
    }
    world.finish().await;
}

#[tokio::test]
async fn it_is_stopped_with_the_session_it_came_from_also_after_a_restart() {
    let world = world().await;
    let child = taken_on(&world).await;
    let again = taken_on(&world).await;
    assert_eq!(again.id, child.id);
    let session = Arc::clone(&world.session);
    let now = world.engine.now().unwrap();
    let world = world.end().await.restart(session, now).await.map_err(|(err, _)| err).unwrap();
    let _ = permitted(world.ask_as(&child, &DESCRIBE_STACKS.action()).await).redeem();
    world.engine.stop(world.session.id, name(ANA.name)).await.unwrap();
    for call in [DESCRIBE_STACKS, PUT_PARAMETER] {
        let asked = world.ask_as(&child, &call.action()).await;
        expect_refusal(asked, RefusalKind::SessionClosed, "is stopped");
    }
    assert_eq!(world.count(EntryKind::SessionStopped).await, 2);
    let refused = world.engine.assume(&world.session, DEPLOY, 3600).await;
    assert!(refused.is_err(), "a stopped session begins nothing");
    world.finish().await;
}

/// A role takes back what was done in it; the session it came from, all that was done in its name.
#[tokio::test]
async fn a_session_in_a_role_undoes_what_was_done_in_that_role_and_nothing_else() {
    for (done_in, undone_in, may) in [
        (None, None, true),
        (Some(DEPLOY), Some(DEPLOY), true),
        (Some(DEPLOY), None, true),
        (None, Some(DEPLOY), false),
        (Some(DEPLOY), Some(TUNE), false),
    ] {
        let world = world().await;
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        let (doing, undoing) = (in_role(&world, done_in).await, in_role(&world, undone_in).await);
        let call = Call { acting_as: done_in, ..PUT_PARAMETER };
        let permit = permitted(world.ask_as(&doing, &call.action()).await);
        let done = permit.change().unwrap();
        world.answer(permit, 200).await;
        world.engine.connect(Arc::new(Gateway::inverting(Call { date: "inverse", ..call })));
        match world.engine.undo_own(&undoing, done, None).await {
            Ok(undo) if may => {
                assert_eq!(world.state(done).await, ChangeState::Undone);
                let change = world.change(undo).await;
                assert_eq!((change.state, change.session), (ChangeState::Executed, world.session.id));
                let entries = world.entries().await;
                let permit =
                    entries.iter().find(|it| it.kind == EntryKind::PermitIssued && it.change == Some(undo));
                let detail = &permit.unwrap().detail;
                let said = |key: &str| detail.get(key).map(String::as_str);
                assert_eq!((said("acting_as"), said("asked_by_agent")), (done_in, Some("kiro")));
            }
            Err(SignError::UnknownChange(unknown)) if !may => {
                assert_eq!((unknown, world.state(done).await), (done, ChangeState::Executed));
                assert_eq!(world.count(EntryKind::PermitIssued).await, 1, "nothing was sent");
            }
            other => panic!("done in {done_in:?}, undone in {undone_in:?}: {other:?}"),
        }
        world.finish().await;
    }
}

#[tokio::test]
async fn a_role_takes_nothing_back_once_the_session_it_came_from_is_stopped() {
    let world = world().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let child = taken_on(&world).await;
    let call = Call { acting_as: Some(DEPLOY), ..PUT_PARAMETER };
    let permit = permitted(world.ask_as(&child, &call.action()).await);
    let done = permit.change().unwrap();
    world.answer(permit, 200).await;
    world.engine.connect(Arc::new(Gateway::inverting(Call { date: "inverse", ..call })));
    world.engine.stop(world.session.id, name(ANA.name)).await.unwrap();
    undo_refused(world.engine.undo_own(&child, done, None).await, RefusalKind::SessionClosed);
    assert_eq!(world.state(done).await, ChangeState::Executed);
    world.finish().await;
}
