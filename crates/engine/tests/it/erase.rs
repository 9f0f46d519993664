//! Erasing bodies: two people besides whoever asks, whatever the bundle says; and there is no other way.

use approval::Act;
use engine::{Admitted, Erase, RefusalKind, SignError};
use model::{Change, ChangeId, ChangeState, Content, EntryKind, Erasure, Kept, Outcome, StepState};
use rusqlite::{Connection, params};
use store::Fetched;

use crate::{
    actions::{Call, DELETE_STACK, Found, PUT_PARAMETER, STAGING, inverse},
    cast::{ANA, BEN, CLEO, DAN, MALLORY, OLGA, OTTO, Person, name},
    world::{Unusual, World, expect_refusal, permitted},
};

const ONE_WITNESS: &str = "quorum = 1
[witnesses.w1]
key = \"witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\"
";
const GROUND: &str = "a customer asked for it (Art. 17 GDPR)";

fn asked(of: ChangeId, by: &Person, ground: &str) -> Erase {
    let signed = ("POST /v1/changes/erase".to_owned(), "signed".to_owned());
    Erase { of, step: None, ground: ground.parse().unwrap(), by: name(by.name), signed }
}

async fn erase(world: &World, of: ChangeId, by: &Person) -> Result<Change, SignError> {
    world.engine.erase(asked(of, by, GROUND)).await
}

/// A deletion that two people agreed to and that ran; its answer is kept.
async fn ran(world: &World) -> ChangeId {
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    held
}

async fn bodies(world: &World) -> usize {
    world.store.read(|view| view.projection()).await.unwrap().bodies.len()
}

#[tokio::test]
async fn a_body_is_erased_by_two_people_and_the_log_says_so() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    assert_eq!((asking.state, asking.intent.as_str()), (ChangeState::Held, GROUND));
    let statement = world.statement(asking.id, Act::Approve, &BEN, None).await;
    let text = statement.to_text();
    for shown in [
        GROUND,
        "countersign:EraseBody",
        "DeleteStack app",
        &done.to_string(),
        "2 other people",
        "production",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    assert_eq!(erase(&world, done, &ANA).await.unwrap().id, asking.id, "asked twice, it is one");
    world.approve(asking.id, &BEN).await.unwrap();
    assert_eq!(erase(&world, done, &ANA).await.unwrap().state, ChangeState::Held, "one is not two");
    let signed = world.approve(asking.id, &CLEO).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Approved);
    assert_eq!(signed.note, "approved: it is carried out when ana asks for it again");
    assert_eq!(bodies(&world).await, 1, "nothing goes before it is asked for again");

    let erased = erase(&world, done, &ANA).await.unwrap();
    assert_eq!((erased.id, erased.state), (asking.id, ChangeState::Executed));
    assert_eq!(bodies(&world).await, 0);
    let change = world.change(done).await;
    assert_eq!(change.state, ChangeState::Executed, "what was done stays done");
    let mark = change.steps[0].erased.clone().unwrap();
    assert_eq!((mark.by, mark.asked_by.as_str(), mark.ground.as_str()), (asking.id, "ana", GROUND));

    let entries = world.entries().await;
    let kinds: Vec<_> = entries.iter().filter(|it| it.change == Some(asking.id)).map(|it| it.kind).collect();
    assert_eq!(
        kinds,
        [
            EntryKind::ChangeHeld,
            EntryKind::ApprovalGiven,
            EntryKind::ApprovalGiven,
            EntryKind::ChangeJudged,
            EntryKind::PermitIssued,
            EntryKind::BodyErased,
            EntryKind::OutcomeRecorded,
        ]
    );
    let entry = entries.iter().find(|it| it.kind == EntryKind::BodyErased).unwrap();
    let body = change.steps[0].commitments()[0].to_string();
    assert_eq!((&entry.detail["of"], &entry.detail["bodies"]), (&done.to_string(), &body));
    assert_eq!(entry.detail["ground"], GROUND);
    assert_eq!(entry.actors.person, Some(name("ana")));
    let held = entries.iter().find(|it| it.change == Some(asking.id)).unwrap();
    assert_eq!(held.detail["signature"], "signed", "who asked has signed for asking");
    let permit =
        entries.iter().position(|it| it.kind == EntryKind::PermitIssued && it.change == Some(asking.id));
    assert!(permit < entries.iter().position(|it| it.kind == EntryKind::BodyErased));

    let again =
        expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, "no longer kept");
    assert!(again.message.contains(&asking.id.to_string()), "{}", again.message);
    world.finish().await;
}

#[tokio::test]
async fn whoever_asked_and_whoever_may_not_approve_does_not_count() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    let asking = erase(&world, done, &BEN).await.unwrap();
    for nobody in [BEN, OLGA] {
        let err = world.approve(asking.id, &nobody).await.unwrap_err();
        assert!(matches!(err, SignError::MayNot(_)), "{}: {err}", nobody.name);
    }
    assert!(matches!(world.approve(asking.id, &MALLORY).await, Err(SignError::Signature(_))));
    world.approve(asking.id, &CLEO).await.unwrap();
    world.approve(asking.id, &CLEO).await.unwrap();
    assert_eq!(erase(&world, done, &BEN).await.unwrap().state, ChangeState::Held);
    // What somebody else asks for is another change, and needs its own signatures.
    let other = erase(&world, done, &DAN).await.unwrap();
    assert_ne!(other.id, asking.id);
    world.approve(asking.id, &OTTO).await.unwrap();
    assert_eq!(erase(&world, done, &DAN).await.unwrap().state, ChangeState::Held);
    assert_eq!(erase(&world, done, &BEN).await.unwrap().state, ChangeState::Executed);
    let late = erase(&world, done, &DAN).await.unwrap_err();
    assert!(late.to_string().contains("erased already"), "{late}");
    world.finish().await;
}

#[tokio::test]
async fn one_veto_closes_it_and_only_a_signed_new_intent_reopens_it() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    world.approve(asking.id, &BEN).await.unwrap();
    world.approve(asking.id, &CLEO).await.unwrap();
    world.says(asking.id, Act::Reject, &DAN, Some("the dispute with them is open")).await.unwrap();
    let refused = erase(&world, done, &ANA).await.unwrap_err().to_string();
    assert!(refused.contains("dan rejected") && refused.contains("the dispute"), "{refused}");
    assert_eq!(bodies(&world).await, 1);
    // In other words, it comes with the veto in front of everybody.
    let other = world.engine.erase(asked(done, &ANA, "no longer needed")).await.unwrap();
    let shown = world.statement(other.id, Act::Approve, &BEN, None).await;
    assert!(shown.unknowns.iter().any(|it| it.contains("the dispute")), "{:?}", shown.unknowns);

    let err = world.says(asking.id, Act::Reopen, &BEN, Some("it is settled")).await.unwrap_err();
    assert!(matches!(err, SignError::NotOperator(_)), "{err}");
    let reopened = world.says(asking.id, Act::Reopen, &ANA, Some("it is settled")).await.unwrap().change;
    assert_eq!(reopened.state, ChangeState::Held);
    assert_eq!(erase(&world, done, &ANA).await.unwrap().id, reopened.id, "earlier signatures are void");
    world.approve_by_two(reopened.id).await;
    assert_eq!(erase(&world, done, &ANA).await.unwrap().state, ChangeState::Executed);
    assert_eq!(bodies(&world).await, 0);
    world.finish().await;
}

#[tokio::test]
async fn it_expires_like_any_other() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let until = world.change(asking.id).await.expires_at;
    world.clock.advance(until.since(world.engine.now().unwrap()) / 1000 + 1);
    let anew = erase(&world, done, &ANA).await.unwrap();
    assert_ne!(anew.id, asking.id);
    assert_eq!((anew.state, world.state(asking.id).await), (ChangeState::Held, ChangeState::Expired));
    assert_eq!(bodies(&world).await, 1);
    world.finish().await;
}

#[tokio::test]
async fn what_is_not_there_or_still_needed_is_not_erased() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    let check = async |of: ChangeId, step: Option<usize>, says: &str| {
        let err = world.engine.erase(Erase { step, ..asked(of, &ANA, GROUND) }).await.unwrap_err();
        assert!(err.to_string().contains(says), "{says}: {err}");
    };
    check(ChangeId::new(1, [1; 10]), None, "no change").await;
    check(done, Some(1), "has 1 actions, counted from 1").await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    check(asking.id, None, "needed until it is over").await;
    world.approve_by_two(asking.id).await;
    erase(&world, done, &ANA).await.unwrap();
    check(done, None, "was erased already").await;
    check(asking.id, None, "no body is kept").await;

    // Held with its inverse, then withdrawn: nothing needs it any more.
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let destroys = Call { effect: model::Effect::Destroy, ..PUT_PARAMETER };
    let held = world.hold(&destroys.action()).await;
    check(held, None, "its bodies are needed until it is over").await;
    world.engine.withdraw(&world.session, held).await.unwrap();
    let asking = erase(&world, held, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    assert_eq!(erase(&world, held, &ANA).await.unwrap().state, ChangeState::Executed);
    assert_eq!(world.state(held).await, ChangeState::Withdrawn);
    world.finish().await;
}

#[tokio::test]
async fn an_inverse_that_was_erased_undoes_nothing() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    assert_eq!(bodies(&world).await, 2, "the answer, and what puts it back");
    let asking = erase(&world, done, &ANA).await.unwrap();
    assert!(
        asking.steps[0].action.summary.contains("cannot be undone"),
        "{}",
        asking.steps[0].action.summary
    );
    world.approve_by_two(asking.id).await;
    erase(&world, done, &ANA).await.unwrap();
    assert_eq!((bodies(&world).await, world.inverse_of(done).await), (0, None));
    let err = world.engine.undo(done, None, name(ANA.name)).await.unwrap_err().to_string();
    assert!(err.contains("no longer kept") && err.contains(&asking.id.to_string()), "{err}");
    world.finish().await;
}

/// An inverse captured again is the same one, though its salt is another: it voids nobody's approval.
#[tokio::test]
async fn a_new_salt_alone_voids_nothing() {
    let world = World::in_memory().await;
    let destroys = Call { effect: model::Effect::Destroy, ..PUT_PARAMETER };
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let held = world.hold(&destroys.action()).await;
    let before = world.change(held).await.steps[0].undo.clone();
    world.approve(held, &BEN).await.unwrap();
    assert_eq!(world.hold(&destroys.action()).await, held);
    assert_eq!(world.change(held).await.steps[0].undo, before);
    world.approve(held, &CLEO).await.unwrap();
    assert_eq!(world.run(&destroys.action()).await, held);
    assert_eq!(world.inverse_of(held).await, Some(inverse()));

    // Another inverse is another: what was signed before is void, and the one of before is not kept.
    let other = || model::CapturedUndo { summary: "PutParameter to something else".to_owned(), ..inverse() };
    world.target.is(Found { state: Some("green"), undo: Some(inverse()), ..Found::default() });
    let held = world.hold(&destroys.action()).await;
    world.approve_by_two(held).await;
    let kept = bodies(&world).await;
    world.target.is(Found { state: Some("green"), undo: Some(other()), ..Found::default() });
    assert_eq!(world.hold(&destroys.action()).await, held);
    assert_eq!((bodies(&world).await, world.inverse_of(held).await), (kept, Some(other())));
    world.finish().await;
}

/// What is reopened has bodies of its own.
#[tokio::test]
async fn a_reopened_change_keeps_its_inverse_under_a_salt_of_its_own() {
    let world = World::in_memory().await;
    let destroys = Call { effect: model::Effect::Destroy, ..PUT_PARAMETER };
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let held = world.hold(&destroys.action()).await;
    world.says(held, Act::Reject, &DAN, Some("no")).await.unwrap();
    let reopened = world.says(held, Act::Reopen, &ANA, Some("yes")).await.unwrap().change;
    assert_ne!(reopened.steps[0].commitments(), world.change(held).await.steps[0].commitments());
    assert_eq!(
        (world.inverse_of(held).await, world.inverse_of(reopened.id).await),
        (Some(inverse()), Some(inverse()))
    );
    // Erasing the one leaves the other.
    let asking = erase(&world, held, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    erase(&world, held, &ANA).await.unwrap();
    assert_eq!((world.inverse_of(held).await, world.inverse_of(reopened.id).await), (None, Some(inverse())));
    world.approve_by_two(reopened.id).await;
    assert_eq!(world.run(&destroys.action()).await, reopened.id);
    world.finish().await;
}

#[tokio::test]
async fn a_reopened_change_without_its_inverse_says_that_it_cannot_be_undone() {
    let world = World::in_memory().await;
    let destroys = Call { effect: model::Effect::Destroy, ..PUT_PARAMETER };
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let held = world.hold(&destroys.action()).await;
    world.says(held, Act::Reject, &DAN, Some("no")).await.unwrap();
    let asking = erase(&world, held, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    erase(&world, held, &ANA).await.unwrap();
    let reopened = world.says(held, Act::Reopen, &ANA, Some("yes")).await.unwrap().change;
    let statement = world.statement(reopened.id, Act::Approve, &BEN, None).await;
    assert_eq!(statement.undo, ["not captured: this cannot be undone"]);
    // Asked for again it is captured again, and shown.
    assert_eq!(world.hold(&destroys.action()).await, reopened.id);
    assert_eq!(world.inverse_of(reopened.id).await, Some(inverse()));
    world.finish().await;
}

fn by_hand(world: &World, sql: &str) {
    assert_eq!(Connection::open(world.place.database()).unwrap().execute(sql, []).unwrap(), 1, "{sql}");
}

#[tokio::test]
async fn an_altered_answer_is_an_alarm_and_nobodys_answer() {
    for sql in [
        "UPDATE bodies SET bytes = CAST('{\"status\":200,\"headers\":[],\"kept\":true}' || char(10) || 'lies' AS BLOB)",
        "UPDATE bodies SET salt = zeroblob(32)",
        "UPDATE bodies SET kept = 0",
        "DELETE FROM bodies",
    ] {
        let world = World::on_disk().await;
        ran(&world).await;
        by_hand(&world, sql);
        expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Fault, "CS104");
        let entries = world.entries().await;
        let alarm = entries.iter().find(|it| it.kind == EntryKind::Alarm).expect(sql);
        assert!(alarm.detail["alarm"].contains("a body in the database"), "{:?}", alarm.detail);
        let problems = world.problems().await;
        assert!(problems.iter().any(|it| it.starts_with("body_")), "{sql}: {problems:?}");
    }
}

#[tokio::test]
async fn an_altered_inverse_is_an_alarm_and_undoes_nothing() {
    let world = World::on_disk().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = permitted(world.ask(&PUT_PARAMETER.action()).await);
    let id = done.change().unwrap();
    world.answer(done, 200).await;
    let gateway = std::sync::Arc::new(crate::undo::Gateway::default());
    world.engine.connect(gateway);
    let body = world.change(id).await.steps[0].undo.clone().unwrap().request.commitment().unwrap();
    by_hand(&world, &format!("UPDATE bodies SET bytes = CAST('{{}}' AS BLOB) WHERE commitment = '{body}'"));
    let err = world.engine.undo(id, None, name(ANA.name)).await.unwrap_err();
    assert!(matches!(err, SignError::Fault(_)), "{err}");
    assert_eq!(world.count(EntryKind::Alarm).await, 1);
}

/// Promise 13, for this: states and documents by hand erase nothing.
#[tokio::test]
async fn promise_13_nothing_is_erased_by_a_row() {
    type Edit = fn(&mut Change);
    let edits: [(&str, Edit); 4] = [
        ("approved", |change| change.state = ChangeState::Approved),
        ("executing", |change| {
            change.state = ChangeState::Executing;
            change.steps[0].state = StepState::Executing;
        }),
        ("executed", |change| {
            change.state = ChangeState::Executed;
            change.steps[0].state = StepState::Executed;
        }),
        ("held", |change| change.verdict = model::Verdict::Allow),
    ];
    for (state, edit) in edits {
        let world = World::on_disk().await;
        let done = ran(&world).await;
        let asking = erase(&world, done, &ANA).await.unwrap();
        world.approve(asking.id, &BEN).await.unwrap();
        let mut change = world.change(asking.id).await;
        edit(&mut change);
        put(&world, &change, state);
        let result = erase(&world, done, &ANA).await;
        assert!(
            !matches!(&result, Ok(it) if it.id == asking.id && it.state == ChangeState::Executed && state != "executed")
        );
        assert_eq!(bodies(&world).await, 1, "{state}: {result:?}");
        assert_eq!(world.count(EntryKind::BodyErased).await, 0, "{state}");
    }
}

fn put(world: &World, change: &Change, state: &str) {
    let rows = Connection::open(world.place.database()).unwrap().execute(
        "UPDATE changes SET state = ?3, document = ?2 WHERE id = ?1",
        params![change.id.to_string(), serde_json::to_vec(change).unwrap(), state],
    );
    assert_eq!(rows, Ok(1));
}

/// Approvals of one erasure, and a document that says it was of something else.
#[tokio::test]
async fn promise_13_approvals_of_one_erasure_are_none_of_another() {
    let world = World::on_disk().await;
    let first = ran(&world).await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let second = world.run(&PUT_PARAMETER.action()).await;
    let asking = erase(&world, first, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let mut change = world.change(asking.id).await;
    let bodies_of_second = world.change(second).await.steps[0].commitments();
    change.erases = Some(Erasure { of: second, bodies: bodies_of_second, ..change.erases.unwrap() });
    put(&world, &change, "approved");
    let asked = erase(&world, first, &ANA).await.unwrap();
    assert_eq!((asked.state, bodies(&world).await), (ChangeState::Held, 3));
}

/// Where the bundle asks nobody for anything, erasing asks two.
#[tokio::test]
async fn no_bundle_makes_it_less_than_two_people() {
    let world = World::in_memory().await;
    let done = world.run(&Call { account: STAGING, ..PUT_PARAMETER }.action()).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    assert!(asking.environment.production);
    world.approve(asking.id, &BEN).await.unwrap();
    assert_eq!(erase(&world, done, &ANA).await.unwrap().state, ChangeState::Held);
    assert_eq!(bodies(&world).await, 1);
    world.finish().await;
}

/// Its permit is on record, and the process ended before the erasing: the next start says that it was not done, and nobody has to
/// ask for that. It is asked for anew.
#[tokio::test]
async fn what_the_last_process_was_to_do_itself_has_failed_at_the_next_start() {
    let levels = "wait_s = 50\nproduction = { destroy = \"witnessed(1)\" }";
    let world = World::on_disk_with(Unusual { levels, witnesses: ONE_WITNESS, ..Unusual::default() }).await;
    let session = std::sync::Arc::clone(&world.session);
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let waits = std::time::Duration::from_millis(200);
    assert!(tokio::time::timeout(waits, erase(&world, done, &ANA)).await.is_err(), "no witness answers");
    assert_eq!(world.state(asking.id).await, ChangeState::Executing);
    let then = world.engine.now().unwrap();
    let world = world.end().await.restart(session, then).await.map_err(|(err, _)| err).unwrap();

    let lost = world.change(asking.id).await;
    assert_eq!((lost.state, lost.steps[0].state), (ChangeState::Failed, StepState::Failed));
    let entries = world.entries().await;
    let told: Vec<_> = entries
        .iter()
        .filter(|it| it.change == Some(asking.id))
        .map(|it| (it.kind, it.detail.get("not_sent").map(String::as_str)))
        .skip_while(|(kind, _)| *kind != EntryKind::PermitIssued)
        .collect();
    let why = "the server ended before it was done";
    assert_eq!(told, [(EntryKind::PermitIssued, None), (EntryKind::OutcomeRecorded, Some(why))]);
    assert_eq!((bodies(&world).await, world.change(done).await.steps[0].erased.clone()), (2, None));
    let anew = erase(&world, done, &ANA).await.unwrap();
    assert_ne!(anew.id, asking.id);
    assert_eq!(anew.state, ChangeState::Held, "its approvals are spent");
    world.finish().await;
}

/// As earlier versions left it: whatever became of the body since, it did not happen, and who asks again is told.
#[tokio::test]
async fn what_a_crash_left_under_way_erased_nothing() {
    let world = World::on_disk().await;
    let done = ran(&world).await;
    let asking = erase(&world, done, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    let mut change = world.change(asking.id).await;
    change.steps[0].state = StepState::Unknown;
    change.state = ChangeState::Executing;
    let from = change.version;
    let id = asking.id;
    let entry = model::Entry::new(
        model::EntryId::new(1, [1; 10]),
        world.engine.now().unwrap(),
        EntryKind::OutcomeUnknown,
    );
    world.store.write(move |tx| tx.advance_change(&change, from, entry)).await.unwrap();
    by_hand(&world, "UPDATE bodies SET salt = zeroblob(32)");
    let back = erase(&world, done, &ANA).await.unwrap();
    assert_eq!((back.id, back.state), (id, ChangeState::Failed));
    assert_eq!(world.change(done).await.steps[0].erased, None);
    assert_eq!(bodies(&world).await, 1);
    let anew = erase(&world, done, &ANA).await.unwrap();
    assert_ne!(anew.id, id);
    assert_eq!(anew.state, ChangeState::Held, "its approvals are spent");
}

/// What an earlier version left in a document is moved once, and told.
#[tokio::test]
async fn bodies_move_out_of_documents_of_earlier_versions() {
    let world = World::on_disk().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let mut old = world.change(done).await;
    let commitments = old.steps[0].commitments();
    let session = std::sync::Arc::clone(&world.session);
    let answer = {
        let Some(Outcome { answer: Some(kept), .. }) = old.steps[0].execution.clone().unwrap().outcome else {
            panic!("no answer")
        };
        let body = kept.commitment().unwrap();
        match world.engine.read(move |view| view.body(body)).await.unwrap() {
            Fetched::Whole(blob) => blob.content::<model::Answer>().unwrap(),
            other => panic!("{other:?}"),
        }
    };
    old.steps[0].undo.as_mut().unwrap().request = Kept::Inline(inverse().request);
    let outcome = old.steps[0].execution.as_mut().unwrap().outcome.as_mut().unwrap();
    outcome.answer = Some(Kept::Inline(answer.clone()));
    let now = world.engine.now().unwrap();
    let place = world.end().await;
    // As the earlier version would have left it: the document, its entry, and no blob store.
    let store = place.reopened().await;
    let mut entry =
        model::Entry::new(model::EntryId::new(now.millis(), [9; 10]), now, EntryKind::ChangeJudged);
    let document = serde_json::to_vec(&old).unwrap();
    entry.change = Some(old.id);
    entry.change_digest = Some(old.digest);
    entry.subject = Some(model::Subject {
        table: "change".to_owned(),
        id: done.to_string(),
        state: model::Digest::of(&document),
    });
    drop(store);
    let beside = Connection::open(place.database()).unwrap();
    beside
        .execute("UPDATE changes SET document = ?2 WHERE id = ?1", params![done.to_string(), document])
        .unwrap();
    let bytes = serde_json::to_vec(&entry).unwrap();
    let values = params![entry.id.to_string(), now.millis(), bytes];
    beside.execute("INSERT INTO outbox (entry, at, bytes) VALUES (?1, ?2, ?3)", values).unwrap();
    beside
        .execute_batch("DROP TABLE recorded; DROP INDEX changes_by_session_and_state; DROP TABLE asked; DROP TABLE bodies; UPDATE derived_by SET rules = 'older'; PRAGMA user_version = 2")
        .unwrap();
    drop(beside);
    let world = place.restart(session, now.plus_seconds(5)).await.map_err(|(err, _)| err).unwrap();
    let moved = world.change(done).await;
    assert_ne!(moved.steps[0].commitments(), commitments);
    assert_eq!(moved.steps[0].commitments().len(), 2);
    assert_eq!(world.inverse_of(done).await, Some(inverse()));
    assert_eq!(world.count(EntryKind::BodyMoved).await, 1);
    assert_eq!(bodies(&world).await, 2);
    assert!(answer.to_body().len() > 10);
    world.finish().await;
}

#[tokio::test]
async fn the_record_of_an_answer_is_given_while_it_is_kept() {
    let world = World::in_memory().await;
    let done = ran(&world).await;
    match world.ask(&DELETE_STACK.action()).await {
        Admitted::Recorded { change, answer } => {
            assert_eq!((change, answer.body.as_deref()), (done, Some("<Done/>")));
        }
        other => panic!("{other:?}"),
    }
    let entries = world.entries().await;
    let outcome = entries.iter().find(|it| it.kind == EntryKind::OutcomeRecorded).unwrap();
    assert_eq!(outcome.detail["answer"], world.change(done).await.steps[0].commitments()[0].to_string());
    assert!(!outcome.detail.contains_key("body_digest"), "nothing that a short answer could be guessed from");
    world.finish().await;
}
