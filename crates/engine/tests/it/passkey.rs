//! An approval by passkey goes through the door that every signature goes through: when it is handed in, when it is used,
//! and when the log is audited.

use approval::{Act, ApprovalError, NAMESPACE, Statement, passkey};
use engine::{RefusalKind, SignError};
use model::{Approval, ChangeId, ChangeState, EntryId, EntryKind, Presence};

use crate::{
    actions::DELETE_STACK,
    cast::{BEN, DAN, dans_authenticator, name},
    world::{START, World, refused},
};

/// Dan reads it in the browser, and touches.
async fn read_by_dan(world: &World, held: ChangeId, act: Act, reason: Option<&str>) -> String {
    let said = world.statement(held, act, &DAN, reason).await;
    Statement { presence: Presence::Touched, ..said }.to_text()
}

fn touched(text: &str) -> String {
    dans_authenticator().approve(passkey::challenge(NAMESPACE, text.as_bytes()).as_bytes())
}

#[tokio::test]
async fn a_passkey_approves_as_any_key_does() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &BEN).await.unwrap();
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    let signed = world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Approved, "{}", signed.note);
    let entries = world.entries().await;
    let given = entries.iter().rfind(|entry| entry.kind == EntryKind::ApprovalGiven).unwrap();
    assert_eq!(given.detail["presence"], "touched");
    assert_eq!(given.detail["signature"], touched(&text));
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn a_passkey_vetoes() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let text = read_by_dan(&world, held, Act::Reject, Some("not tonight")).await;
    let signed = world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Rejected);
    world.finish().await;
}

#[tokio::test]
async fn a_key_and_a_passkey_are_one_person() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &DAN).await.unwrap();
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    let signed = world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Held, "{}", signed.note);
    world.approve(held, &BEN).await.unwrap();
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn an_assertion_for_one_change_is_none_for_another() {
    let world = World::in_memory().await;
    let first = world.hold(&DELETE_STACK.action()).await;
    let old = read_by_dan(&world, first, Act::Approve, None).await;
    world.engine.withdraw(&world.session, first).await.unwrap();
    let second = world.hold(&DELETE_STACK.action()).await;
    let text = read_by_dan(&world, second, Act::Approve, None).await;
    let refused = world.engine.sign(second, text.clone(), touched(&old)).await.unwrap_err();
    let challenge = passkey::AssertionError::Challenge;
    assert!(
        matches!(&refused, SignError::Signature(ApprovalError::Assertion(err)) if *err == challenge),
        "{refused}"
    );
    assert!(matches!(world.engine.sign(second, old.clone(), touched(&old)).await, Err(SignError::Stale(_))));
    world.engine.sign(second, text.clone(), touched(&text)).await.unwrap();
    world.finish().await;
}

/// A row that somebody wrote: the assertion is real, and the text is not the one it was made for.
#[tokio::test]
async fn an_assertion_under_another_text_is_void_when_it_is_used() {
    for altered in [false, true] {
        let world = World::in_memory().await;
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve(held, &BEN).await.unwrap();
        let statement = read_by_dan(&world, held, Act::Approve, None).await;
        let made_for = if altered { statement.replace("kiro", "nobo") } else { statement.clone() };
        let approval = Approval {
            change: held,
            person: name("dan"),
            presence: Presence::Touched,
            at: START,
            statement,
            signature: touched(&made_for),
        };
        let entry = model::Entry::new(EntryId::new(START.millis(), [9; 10]), START, EntryKind::BundleAdopted);
        world.store.write(move |tx| tx.record_approval(&approval, entry)).await.unwrap();
        if altered {
            let refusal = refused(world.ask(&DELETE_STACK.action()).await);
            assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
            assert_eq!(world.count(EntryKind::Alarm).await, 1);
        } else {
            assert_eq!(world.run(&DELETE_STACK.action()).await, held);
        }
    }
}
