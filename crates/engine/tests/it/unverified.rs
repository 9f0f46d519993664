//! What only a language model vouches for takes one more person; the mark tightens and never loosens.

use engine::{Gathered, RefusalKind};
use model::{Autonomy, ChangeState, EntryKind, Requirement, Verdict, Vouched};

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, STAGING, inverse},
    cast::{BEN, CLEO, DAN},
    world::{World, expect_refusal, permitted},
};

const FREE: Call = Call { account: STAGING, ..PUT_PARAMETER };

fn asked(call: Call, vouched: Vouched) -> Vec<(model::Action, Gathered, Vouched)> {
    vec![(call.action(), Gathered::default(), vouched)]
}

fn needs(verdict: &Verdict) -> Requirement {
    match verdict {
        Verdict::Hold(hold) => hold.requirement.clone(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_an_agent_may_do_alone_waits_for_a_person() {
    let world = World::in_memory().await;
    let change = world.propose_vouched(asked(FREE, Vouched::ByModelAlone), "its own idea").await.unwrap();
    assert_eq!(change.state, ChangeState::Held);
    assert_eq!(needs(&change.verdict).people, 1);
    assert!(
        matches!(&change.verdict, Verdict::Hold(hold) if hold.rules.iter().any(|it| it.id.to_string() == "unverified-step"))
    );
    let statement = world.statement(change.id, approval::Act::Approve, &BEN, None).await;
    assert!(
        statement.unknowns.iter().any(|it| it.contains("a language model proposed it")),
        "{:?}",
        statement.unknowns
    );
    // Asking for the call itself does not get around it.
    expect_refusal(world.ask(&FREE.action()).await, RefusalKind::Held, "one more person");
    world.approve(change.id, &BEN).await.unwrap();
    let permit = permitted(world.ask(&FREE.action()).await);
    assert_eq!(permit.change(), Some(change.id));
    world.answer(permit, 200).await;
    world.finish().await;
}

#[tokio::test]
async fn what_takes_two_takes_three() {
    let world = World::in_memory().await;
    let change =
        world.propose_vouched(asked(DELETE_STACK, Vouched::ByModelAlone), "its own idea").await.unwrap();
    assert_eq!(needs(&change.verdict).people, 3);
    world.approve(change.id, &BEN).await.unwrap();
    world.approve(change.id, &CLEO).await.unwrap();
    assert_eq!(world.state(change.id).await, ChangeState::Held, "two are not enough");
    expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Held, "");
    world.approve(change.id, &DAN).await.unwrap();
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    world.answer(permit, 200).await;
    world.finish().await;
}

#[tokio::test]
async fn the_mark_is_not_lost_in_what_was_asked_before() {
    let world = World::in_memory().await;
    let own = world.propose_vouched(asked(DELETE_STACK, Vouched::ByAgent), "mine").await.unwrap();
    let refusal =
        world.propose_vouched(asked(DELETE_STACK, Vouched::ByModelAlone), "a model's").await.unwrap_err();
    assert_eq!(refusal.change, Some(own.id));
    assert!(refusal.message.contains("without the mark"), "{}", refusal.message);
    world.finish().await;
}

/// The plan ended before its turn came; what only a model vouched for in it does not become an agent's own by that.
#[tokio::test]
async fn the_mark_outlives_the_change_that_bore_it() {
    for withdrawn in [false, true] {
        let world = World::in_memory().await;
        let change = world.propose_vouched(asked(FREE, Vouched::ByModelAlone), "its own idea").await.unwrap();
        world.approve(change.id, &BEN).await.unwrap();
        if withdrawn {
            world.engine.withdraw(&world.session, change.id).await.unwrap();
        } else {
            world.clock.advance(24 * 3600);
        }
        let session = world.session("", Autonomy::Autonomous).await;
        expect_refusal(world.ask_as(&session, &FREE.action()).await, RefusalKind::Held, "one more person");
        world.finish().await;
    }
    // Once it ran, it is an action like any other of the agent's.
    let world = World::in_memory().await;
    let change = world.propose_vouched(asked(FREE, Vouched::ByModelAlone), "its own idea").await.unwrap();
    world.approve(change.id, &BEN).await.unwrap();
    let permit = permitted(world.ask(&FREE.action()).await);
    world.answer(permit, 200).await;
    world.clock.advance(3600);
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let permit = permitted(world.ask(&FREE.action()).await);
    world.answer(permit, 200).await;
    world.finish().await;
}

/// It is on record in the agent's name, whole and bounded, and decides nothing.
#[tokio::test]
async fn what_an_agent_says_of_itself_is_on_record_as_its_word() {
    let world = World::in_memory().await;
    let hostile = "\u{202e}".repeat(1_000);
    let lines = vec![(model::ReportedAs::Refused, hostile.clone()); 50];
    world.engine.report(&world.session, &engine::Report { asked: hostile, lines }).await.unwrap();
    assert_eq!(world.count(EntryKind::AgentReported).await, 1);
    let entry = world.entries().await.into_iter().find(|it| it.kind == EntryKind::AgentReported).unwrap();
    assert_eq!(entry.actors.session, Some(world.session.id));
    assert_eq!(entry.detail.keys().filter(|key| key.starts_with("line_")).count(), engine::Report::MAX_LINES);
    assert_eq!(entry.detail["left_out"], "30");
    assert!(entry.detail.values().all(|text| text.is_ascii() || text.ends_with('…')), "{:?}", entry.detail);
    let _ = permitted(world.ask(&crate::actions::DESCRIBE_STACKS.action()).await).redeem();
    world.finish().await;
}
