//! Promise 5: bound to what was seen and to what will run.

use approval::Act;
use engine::{Pinned, RefusalKind};
use model::{ChangeState, Effect, EffectSet, EntryKind, EvidenceStatus, InnerAction, Operation};

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, STAGING},
    cast::BEN,
    world::{World, expect_refusal, permitted},
};

#[tokio::test]
async fn promise_05_what_does_not_matter_makes_no_other_change() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let later = Call { date: "20261121T235959Z", ..DELETE_STACK };
    assert_eq!(world.hold(&later.action()).await, held, "another date is the same action");
    // Once somebody looks at it, nothing joins it.
    world.statement(held, Act::Approve, &BEN, None).await;
    for other in [Call { name: "app2", ..DELETE_STACK }, Call { account: "999999999999", ..DELETE_STACK }] {
        assert_ne!(world.hold(&other.action()).await, held, "another target is another one");
    }
    world.approve_by_two(held).await;
    let permit = permitted(world.ask(&later.action()).await);
    let (request, receipt) = permit.redeem();
    assert_eq!(request, later.request(), "what is forwarded is the request that was received");
    world.engine.finish(receipt, engine::Settled::NotSent("done with".to_owned())).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn promise_05_a_target_that_changed_after_approval_is_held_again() {
    let world = World::in_memory().await;
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let nonce = world.change(held).await.nonce;
    world.target.is_in("UPDATE_COMPLETE");
    assert_eq!(world.hold(&DELETE_STACK.action()).await, held);
    let change = world.change(held).await;
    assert_eq!(change.state, ChangeState::Held);
    assert_ne!(change.nonce, nonce);
    world.target.is_in("CREATE_COMPLETE");
    world.hold(&DELETE_STACK.action()).await;
    assert_eq!(world.state(held).await, ChangeState::Held, "not even where it changes back");
    world.approve_by_two(held).await;
    assert_eq!(world.run(&DELETE_STACK.action()).await, held, "the same people sign what is there now");
    world.finish().await;
}

/// Refused at once, as it would have been at first, and not left waiting for people who cannot answer.
#[tokio::test]
async fn promise_05_a_target_that_has_grown_past_signing_is_refused_and_not_held() {
    let world = World::in_memory().await;
    let call = Call { name: Box::leak("long".repeat(1020).into_boxed_str()), ..DELETE_STACK };
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&call.action()).await;
    world.approve_by_two(held).await;
    let before = world.change(held).await;
    let unknowns = (0..50).map(|nth| format!("what member {nth} {}", "is for ".repeat(500))).collect();
    world.target.is(Found { state: Some("UPDATE_COMPLETE"), unknowns, ..Found::default() });
    expect_refusal(world.ask(&call.action()).await, RefusalKind::Denied, "nobody could sign");
    assert_eq!(world.change(held).await, before, "what people can still read, sign and reject stays");
    assert_eq!(world.count(EntryKind::PermitIssued).await, 0);
    world.target.is(Found { state: Some("UPDATE_COMPLETE"), ..Found::default() });
    assert_eq!(world.hold(&call.action()).await, held, "held again over what can be signed");
    world.finish().await;
}

#[tokio::test]
async fn promise_05_a_statement_signed_before_the_target_changed_is_stale() {
    let world = World::in_memory().await;
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    let text = world.statement(held, Act::Approve, &BEN, None).await.to_text();
    world.target.is_in("UPDATE_COMPLETE");
    world.hold(&DELETE_STACK.action()).await;
    let err = world.engine.sign(held, text.clone(), BEN.sign(&text)).await.unwrap_err();
    assert!(err.to_string().contains("observed"), "{err}");
    world.finish().await;
}

#[tokio::test]
async fn promise_05_what_could_not_be_read_is_shown_as_unknown() {
    let world = World::in_memory().await;
    world.target.is(Found { unknowns: vec!["the template behind the URL".to_owned()], ..Found::default() });
    let held = world.hold(&DELETE_STACK.action()).await;
    let statement = world.statement(held, Act::Approve, &BEN, None).await;
    assert_eq!(statement.unknowns, ["the template behind the URL", "state not observed"]);
    assert_eq!(statement.undo, ["not captured: this cannot be undone"]);
    assert!(statement.evidence.iter().all(|(_, digest)| digest.is_none()));
    let change = world.change(held).await;
    assert!(change.evidence.iter().all(|it| it.status == EvidenceStatus::Missing), "{:?}", change.evidence);
    // What could not be seen and now can is a change of what approvers knew.
    world.approve_by_two(held).await;
    world.target.is_in("CREATE_COMPLETE");
    world.hold(&DELETE_STACK.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_05_what_is_forwarded_names_what_was_observed() {
    let world = World::in_memory().await;
    let pinned =
        Call { name: "arn:aws:cloudformation:eu-west-1:123456789012:stack/app/1", ..DELETE_STACK }.request();
    world.target.is(Found {
        state: Some("CREATE_COMPLETE"),
        pinned: Pinned::Request(Box::new(pinned.clone())),
        ..Found::default()
    });
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let (request, receipt) = permitted(world.ask(&DELETE_STACK.action()).await).redeem();
    assert_eq!(request, pinned);
    world.engine.finish(receipt, engine::Settled::NotSent("done with".to_owned())).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn promise_05_what_cannot_be_forwarded_pinned_is_not_forwarded() {
    let world = World::in_memory().await;
    world.target.is(Found {
        pinned: Pinned::Impossible("the version cannot be named".to_owned()),
        ..Found::default()
    });
    let refusal = expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Fault, "CS107");
    assert!(refusal.message.contains("the version cannot be named"), "{}", refusal.message);
    world.finish().await;
}

/// What runs inside counts as what it is: an update that would replace the database is no update.
#[tokio::test]
async fn inner_actions_are_judged_and_shown() {
    let world = World::in_memory().await;
    let inner = |effect, name: &str| InnerAction {
        operation: Operation::new("rds", name),
        effects: EffectSet::of(effect),
        resources: vec![model::Resource {
            service: "rds".into(),
            kind: "database".parse().unwrap(),
            name: "orders".into(),
        }],
        summary: format!("{name} orders"),
    };
    let execute =
        Call { operation: "cloudformation:ExecuteChangeSet", effect: Effect::Execute, ..DELETE_STACK };
    let found = |inner: InnerAction| Found {
        state: Some("CREATE_COMPLETE"),
        effects: Some(inner.effects),
        inner: vec![inner],
        undo: Some(crate::actions::inverse()),
        ..Found::default()
    };
    world.target.is(found(inner(Effect::Write, "ModifyDBInstance")));
    world.run(&execute.action()).await;

    let replaces = Call { name: "app2", ..execute };
    world.target.is(found(inner(Effect::Destroy, "DeleteDBInstance")));
    let held = world.hold(&replaces.action()).await;
    let statement = world.statement(held, Act::Approve, &BEN, None).await;
    assert!(statement.actions[0].contains("It would: DeleteDBInstance orders."), "{:?}", statement.actions);
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 1);

    // What its own parameters raise stays, however harmless the inner actions are.
    let overrules = Call { name: "app3", effect: Effect::Destroy, ..execute };
    world.target.is(found(inner(Effect::Write, "ModifyDBInstance")));
    world.hold(&overrules.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn a_target_in_an_account_that_nobody_named_is_in_production() {
    let world = World::in_memory().await;
    let staging = Call { account: STAGING, ..PUT_PARAMETER };
    world.run(&staging.action()).await;
    let elsewhere = Call { account: "999999999999", ..PUT_PARAMETER };
    world.hold(&elsewhere.action()).await;
    let reaching_over = Call { name: "arn:aws:ssm:eu-west-1:123456789012:parameter/app/colour", ..staging };
    world.hold(&reaching_over.action()).await;
    world.finish().await;
}
