//! What the bundle allows ahead of time: counted in the decision's own transaction, kept on record, and never more than
//! was agreed to, whatever asks beside it, in one change or after a crash.

use std::sync::Arc;

use engine::{Gathered, RefusalKind};
use model::{AllowanceId, ChangeState, Effect, EntryKind, Undo, Verdict, Vouched};

use crate::{
    actions::{Call, DELETE_STACK, Found},
    cast::{BEN, CLEO},
    world::{Unusual, World, expect_refusal, permitted},
};

pub(crate) const BUDGETS: &str = r#"
[budgets.mails]
effect = "emit"
operations = ["sns:Publish*"]
accounts = ["123456789012"]
limit = 5
per = "hour"
reason = "what a busy hour sends"
"#;

pub(crate) const STANDING: &str = r#"
[standing.restarts]
operations = ["ecs:UpdateService"]
resources = ["web-*"]
accounts = ["123456789012"]
limit = 2
per = "hour"
reason = "restarts are routine"
"#;

pub(crate) const PUBLISH: Call = Call {
    operation: "sns:Publish",
    effect: Effect::Emit,
    undo: Undo::Additive,
    kind: "topic",
    name: "orders",
    ..DELETE_STACK
};
pub(crate) const BATCH: Call = Call { operation: "sns:PublishBatch", units: 3, ..PUBLISH };

/// Nobody can capture an undo of it: in production it counts as destroy.
pub(crate) const RESTART: Call = Call {
    operation: "ecs:UpdateService",
    effect: Effect::Write,
    undo: Undo::Unlisted,
    kind: "service",
    name: "web-1",
    ..DELETE_STACK
};

pub(crate) fn unusual() -> Unusual {
    Unusual { budgets: BUDGETS, standing: STANDING, ..Unusual::default() }
}

pub(crate) async fn world() -> World {
    let world = World::built(unusual(), store::Store::memory()).await;
    world.target.is(Found { state: Some("running"), ..Found::default() });
    world
}

async fn charged(world: &World, allowance: &str) -> u64 {
    let allowance: AllowanceId = allowance.parse().unwrap();
    let since = model::Timestamp::from_millis(0);
    world.engine.read(move |view| view.charged(&allowance, since)).await.unwrap()
}

#[tokio::test]
async fn a_budget_is_used_up_and_comes_back() {
    let world = world().await;
    world.run(&BATCH.action()).await;
    world.run(&PUBLISH.action()).await;
    let held = world.hold(&BATCH.action()).await;
    world.run(&PUBLISH.action()).await;
    let refusal = expect_refusal(world.ask(&PUBLISH.action()).await, RefusalKind::Held, "beyond the budget");
    let Verdict::Hold(hold) = world.change(refusal.change.unwrap()).await.verdict else { panic!("held") };
    let told = "the budget mails (5 an hour) has no room for it now";
    assert!(hold.alternatives.iter().any(|it| it.0 == told), "{:?}", hold.alternatives);
    assert_eq!(charged(&world, "mails").await, 5);
    // What a person agrees to takes nothing out of it.
    world.approve(held, &BEN).await.unwrap();
    assert_eq!(world.run(&BATCH.action()).await, held);
    assert_eq!(charged(&world, "mails").await, 5);
    world.clock.advance(3601);
    world.run(&PUBLISH.action()).await;
    let entries = world.entries().await;
    let noted: Vec<&str> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::PermitIssued)
        .filter_map(|entry| entry.detail.get("charges").map(String::as_str))
        .collect();
    assert_eq!(noted, ["3 from mails", "1 from mails", "1 from mails", "1 from mails"]);
    world.finish().await;
}

#[tokio::test]
async fn many_at_once_do_not_take_more_than_there_is() {
    let world = Arc::new(world().await);
    let asked: Vec<_> = (0..20)
        .map(|nth: usize| {
            let (world, name) = (Arc::clone(&world), &*format!("topic-{nth}").leak());
            tokio::spawn(async move { world.ask(&Call { name, ..PUBLISH }.action()).await })
        })
        .collect();
    let mut permits = Vec::new();
    for asked in asked {
        if let engine::Admitted::Permit(permit) = asked.await.unwrap() {
            permits.push(permit);
        }
    }
    assert_eq!(permits.len(), 5);
    for permit in permits {
        world.answer(permit, 200).await;
    }
    assert_eq!(charged(&world, "mails").await, 5);
    Arc::into_inner(world).unwrap().finish().await;
}

#[tokio::test]
async fn a_plan_asks_for_all_that_it_takes() {
    let world = world().await;
    let plan = |calls: Vec<Call>| {
        let actions =
            calls.iter().map(|call| (call.action(), Gathered::default(), model::Vouched::ByAgent)).collect();
        world.engine.propose(
            Arc::clone(&world.session),
            actions,
            "tell them".to_owned(),
            world.engine.bundle(),
        )
    };
    let named = |name: &'static str| Call { name, ..PUBLISH };
    let six = plan(vec![BATCH, Call { name: "b", ..BATCH }]).await.unwrap();
    assert_eq!(six.state, ChangeState::Held, "three and three are six");
    let five = plan(vec![Call { name: "c", ..BATCH }, named("d"), named("e")]).await.unwrap();
    assert_eq!(five.state, ChangeState::Approved);
    // Somebody else takes one out before it runs: from there on it waits for a person like any other.
    world.run(&named("f").action()).await;
    let refusal = expect_refusal(
        world.ask(&Call { name: "c", ..BATCH }.action()).await,
        RefusalKind::Held,
        "beyond the budget",
    );
    assert_eq!(refusal.change, Some(five.id));
    world.clock.advance(3601);
    for call in [Call { name: "c", ..BATCH }, named("d"), named("e")] {
        assert_eq!(world.run(&call.action()).await, five.id);
    }
    world.finish().await;
}

/// The mark takes a person more; what the step takes out of a budget is what anybody's would.
#[tokio::test]
async fn what_only_a_model_vouches_for_counts_against_a_budget_as_any_other() {
    let world = world().await;
    let refunds = Call { name: "refunds", ..BATCH };
    for (call, people, before, after) in [
        // There is room: the one person stands for the model's word, and the budget for the rest.
        (BATCH, 1, 0, 3),
        // There is none left: the rules ask for a person, the mark for one more, and who agreed to it pays for it.
        (refunds, 2, 3, 3),
    ] {
        let asked = vec![(call.action(), Gathered::default(), Vouched::ByModelAlone)];
        let marked = world.propose_vouched(asked, "its own idea").await.unwrap();
        assert_eq!(world.hold(&call.action()).await, marked.id);
        let Verdict::Hold(hold) = world.change(marked.id).await.verdict else { panic!("held") };
        assert_eq!(hold.requirement.people, people, "{}", call.name);
        assert_eq!(charged(&world, "mails").await, before, "what waits takes nothing");
        for (who, nth) in [BEN, CLEO].into_iter().zip(1..).take_while(|(_, nth)| *nth <= people) {
            let signed = world.approve(marked.id, &who).await.unwrap();
            let state = if nth == people { ChangeState::Approved } else { ChangeState::Held };
            assert_eq!(signed.change.state, state, "{}: {}", call.name, signed.note);
        }
        assert_eq!(world.run(&call.action()).await, marked.id);
        assert_eq!(charged(&world, "mails").await, after);
    }
    // What is left of it is anybody's.
    for name in ["returns", "complaints"] {
        world.run(&Call { name, ..PUBLISH }.action()).await;
    }
    expect_refusal(world.ask(&PUBLISH.action()).await, RefusalKind::Held, "beyond the budget");
    let entries = world.entries().await;
    let noted: Vec<Option<&str>> = entries
        .iter()
        .filter(|entry| entry.kind == EntryKind::PermitIssued)
        .map(|entry| entry.detail.get("charges").map(String::as_str))
        .collect();
    assert_eq!(noted, [Some("3 from mails"), None, Some("1 from mails"), Some("1 from mails")]);
    world.finish().await;
}

#[tokio::test]
async fn what_failed_is_not_counted_and_what_is_not_known_is() {
    let world = world().await;
    for status in [400, 200, 500] {
        let permit = permitted(world.ask(&PUBLISH.action()).await);
        world.answer(permit, status).await;
    }
    assert_eq!(charged(&world, "mails").await, 2);
    world.finish().await;
}

#[tokio::test]
async fn a_standing_approval_lets_routine_pass_and_says_so() {
    let world = world().await;
    world.run(&RESTART.action()).await;
    world.run(&Call { name: "web-2", ..RESTART }.action()).await;
    world.hold(&Call { name: "web-3", ..RESTART }.action()).await;
    world.hold(&Call { name: "db-1", ..RESTART }.action()).await;
    world.hold(&Call { effect: Effect::Destroy, name: "web-4", ..RESTART }.action()).await;
    world.hold(&Call { kind: "table", name: "web-5", ..RESTART }.action()).await;
    let entries = world.entries().await;
    let noted: Vec<&str> =
        entries.iter().filter_map(|entry| entry.detail.get("standing").map(String::as_str)).collect();
    assert_eq!(noted, ["restarts (standing.toml:2)"; 2]);
    world.finish().await;
}

#[tokio::test]
async fn what_was_taken_out_survives_the_process() {
    let world = World::on_disk_with(unusual()).await;
    for name in ["a", "b", "c", "d", "e"] {
        world.run(&Call { name, ..PUBLISH }.action()).await;
    }
    let (session, now) = (Arc::clone(&world.session), crate::world::START.plus_seconds(60));
    let world = world.end().await.restart(session, now).await.map_err(|(err, _)| err).unwrap();
    world.hold(&PUBLISH.action()).await;
    world.finish().await;
}
