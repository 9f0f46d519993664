//! Promise 3: two people means two people.

use std::sync::Arc;

use approval::Act;
use engine::{Gathered, NewSession, RefusalKind, SignError};
use model::{Autonomy, ChangeState, EntryKind, LinkKind};

use crate::{
    actions::{Call, DELETE_STACK},
    adopt::edited,
    cast::{ANA, BEN, BEN_AGAIN, CLEO, DAN, MALLORY, OLGA, OTTO, name},
    world::{World, expect_refusal, refused},
};

#[tokio::test]
async fn promise_03_nobody_in_the_chain_counts() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    for (who, why) in [
        (ANA, "answers for this session as its operator"),
        (OTTO, "owns the agent"),
        (OLGA, "not as an approver"),
    ] {
        let err = world.approve(held, &who).await.unwrap_err();
        assert!(matches!(err, SignError::MayNot(_)), "{err}");
        assert!(err.to_string().contains(why), "{err}");
    }
    let err = world.approve(held, &MALLORY).await.unwrap_err();
    assert!(matches!(err, SignError::Signature(_)), "{err}");
    assert_eq!(world.count(EntryKind::ApprovalRefused).await, 3, "each of those people is on record");
    world.approve(held, &BEN).await.unwrap();
    world.hold(&DELETE_STACK.action()).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_03_one_person_counts_once_whatever_they_sign_with() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve(held, &BEN).await.unwrap();
    for again in [BEN, BEN_AGAIN] {
        let signed = world.approve(held, &again).await.unwrap();
        assert_eq!(signed.note, "ben has already approved this; one person counts once");
        assert_eq!(signed.change.state, ChangeState::Held);
        world.hold(&DELETE_STACK.action()).await;
    }
    assert_eq!(world.count(EntryKind::ApprovalGiven).await, 1);
    let signed = world.approve(held, &CLEO).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Approved);
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn promise_03_one_veto_closes_and_only_the_operators_new_intent_reopens() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    assert!(
        matches!(world.says(held, Act::Reject, &DAN, None).await, Err(SignError::Reason(_))),
        "a veto says why"
    );
    world.says(held, Act::Reject, &DAN, Some("the figures are read by finance")).await.unwrap();
    assert_eq!(world.state(held).await, ChangeState::Rejected);

    let refusal =
        expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, "dan rejected");
    assert!(refusal.message.contains("the figures are read by finance"), "{}", refusal.message);
    assert!(matches!(world.approve(held, &CLEO).await, Err(SignError::Closed { .. })));

    for not_operator in [BEN, OTTO, OLGA] {
        let err = world.says(held, Act::Reopen, &not_operator, Some("please")).await.unwrap_err();
        assert!(matches!(err, SignError::NotOperator(_)), "{err}");
    }
    assert!(matches!(world.says(held, Act::Reopen, &ANA, None).await, Err(SignError::Reason(_))));
    let intent = "finance has its copy; delete it for good";
    let reopened = world.says(held, Act::Reopen, &ANA, Some(intent)).await.unwrap().change;
    assert_ne!(reopened.id, held);
    assert_eq!((reopened.state, reopened.intent.as_str()), (ChangeState::Held, intent));
    assert!(reopened.links.iter().any(|link| link.kind == LinkKind::Reopens && link.change == held));
    let entries = world.entries().await;
    let entry = entries.iter().find(|entry| entry.kind == EntryKind::ChangeReopened).unwrap();
    assert_eq!(entry.detail["veto"], "the figures are read by finance", "the veto is shown");

    assert_eq!(world.hold(&DELETE_STACK.action()).await, reopened.id, "earlier signatures are void");
    world.approve_by_two(reopened.id).await;
    assert_eq!(world.run(&DELETE_STACK.action()).await, reopened.id);
    world.finish().await;
}

/// The way around: have it reopened once, withdraw that, and ask again as if nobody had ever said no.
#[tokio::test]
async fn promise_03_a_veto_outlives_the_change_that_reopened_it() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.says(held, Act::Reject, &DAN, Some("not this year")).await.unwrap();
    let reopened = world.says(held, Act::Reopen, &ANA, Some("it is January")).await.unwrap().change;
    world.engine.withdraw(&world.session, reopened.id).await.unwrap();
    expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, "not this year");
    world.finish().await;
}

/// The other way around: ask for the same in other company.
#[tokio::test]
async fn promise_03_a_veto_is_shown_with_whatever_asks_for_the_same_again() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.says(held, Act::Reject, &DAN, Some("finance reads it")).await.unwrap();
    let company = Call { name: "app2", ..DELETE_STACK };
    let actions = [DELETE_STACK, company].map(|call| (call.action(), Gathered::default())).into();
    let plan = world.propose(actions, "tidy up").await.unwrap();
    assert!(plan.links.iter().any(|link| link.kind == LinkKind::AfterVeto && link.change == held));
    let statement = world.statement(plan.id, Act::Approve, &BEN, None).await;
    assert!(statement.unknowns.iter().any(|it| it.contains("finance reads it")), "{:?}", statement.unknowns);
    world.finish().await;
}

/// And another one: have another agent, which somebody else launched, ask for it.
#[tokio::test]
async fn promise_03_a_veto_is_shown_whoever_asks_for_the_same() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.says(held, Act::Reject, &DAN, Some("finance reads it")).await.unwrap();
    let asked = NewSession {
        agent: "codex".parse().unwrap(),
        operator: name(OLGA.name),
        launcher: name(OLGA.name),
        task: "tidy up".to_owned(),
        scope: "".parse().unwrap(),
        autonomy: Autonomy::Autonomous,
        ttl_s: 3600,
        signed: ("POST /sessions".to_owned(), "signed".to_owned()),
    };
    let session = Arc::new(world.engine.issue(asked).await.unwrap().0);
    for (call, vetoed) in [(DELETE_STACK, true), (Call { name: "app2", ..DELETE_STACK }, false)] {
        let refusal = refused(world.ask_as(&session, &call.action()).await);
        assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
        let change = world.change(refusal.change.unwrap()).await;
        let linked = change.links.iter().any(|it| it.kind == LinkKind::AfterVeto && it.change == held);
        let told = change.steps[0].unknowns().any(|it| {
            it.contains("dan rejected")
                && it.contains("finance reads it")
                && it.contains("asked for by kiro for ana")
        });
        assert_eq!((linked, told), (vetoed, vetoed), "{}", call.name);
    }
    world.finish().await;
}

#[tokio::test]
async fn promise_03_a_reopened_change_can_be_vetoed_again() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.says(held, Act::Reject, &DAN, Some("no")).await.unwrap();
    let reopened = world.says(held, Act::Reopen, &ANA, Some("yes")).await.unwrap().change;
    // The operator may stop what is asked in their name.
    world.says(reopened.id, Act::Reject, &ANA, Some("on second thoughts")).await.unwrap();
    expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, "on second thoughts");
    world.finish().await;
}

/// Nobody reads that fast: the next approval waits, and is on record; a veto does not.
#[tokio::test]
async fn whoever_approves_one_change_after_another_is_asked_to_pause() {
    let world = World::in_memory().await;
    let limit = "clock_skew_s = 300";
    let next = edited(&world.place.files, "bundle.toml", limit, &format!("{limit}\nhurried_approvals = 2"));
    // Approving this is one.
    world.adopted(&next).await;
    let stack = |name| Call { name, ..DELETE_STACK }.action();
    let one = world.hold(&stack("one")).await;
    world.approve(one, &BEN).await.unwrap();
    // What somebody has signed nothing joins: it is another change.
    let two = world.hold(&stack("two")).await;
    assert_ne!(one, two);
    // Saying the same again is no other change, and is not on record as a refusal.
    let again = world.approve(one, &BEN_AGAIN).await.unwrap();
    assert!(again.note.contains("counts once"), "{}", again.note);
    let err = world.approve(two, &BEN).await.unwrap_err();
    assert!(matches!(&err, SignError::Hurried(why) if why.contains("ben has approved 2 changes")), "{err}");
    assert_eq!(world.count(EntryKind::ApprovalRefused).await, 1);
    world.approve(one, &CLEO).await.unwrap();
    assert_eq!(world.state(one).await, ChangeState::Approved, "others go on");

    world.clock.advance(600);
    world.approve(two, &BEN).await.unwrap();
    // However often.
    for _ in 0..3 {
        world.approve(two, &BEN).await.unwrap();
    }
    let three = world.hold(&stack("three")).await;
    world.approve(three, &BEN).await.unwrap();
    let four = world.hold(&stack("four")).await;
    assert!(matches!(world.approve(four, &BEN).await, Err(SignError::Hurried(_))));
    world.says(four, Act::Reject, &BEN, Some("not tonight")).await.unwrap();
    assert_eq!(world.state(four).await, ChangeState::Rejected, "a veto is taken at any time");
    world.finish().await;
}
