//! An approval by passkey goes through the door that every signature goes through: when it is handed in, when it is used,
//! and when the log is audited.

use std::sync::Arc;

use approval::{Act, ApprovalError, NAMESPACE, Statement, passkey};
use engine::{RefusalKind, SignError};
use model::{Approval, ChangeId, ChangeState, EntryId, EntryKind, Given, Presence};
use store::Store;
use testkit::Ceremony;

use crate::{
    actions::DELETE_STACK,
    cast::{BEN, DAN, dans_authenticator, name},
    world::{START, Unusual, World, refused},
};

/// Dan reads it in the browser, and touches.
async fn read_by_dan(world: &World, held: ChangeId, act: Act, reason: Option<&str>) -> String {
    let said = world.statement(held, act, &DAN, reason).await;
    Statement { presence: Presence::Touched, ..said }.to_text()
}

fn touched(text: &str) -> String {
    dans_authenticator().approve(passkey::challenge(NAMESPACE, text.as_bytes()).as_bytes())
}

/// As by an authenticator that has signed so often.
fn counted(text: &str, counter: u32) -> String {
    let ceremony = dans_authenticator().ceremony(passkey::challenge(NAMESPACE, text.as_bytes()).as_bytes());
    dans_authenticator().sign(&Ceremony { counter, ..ceremony }).text()
}

#[tokio::test]
async fn a_passkey_that_may_exist_twice_approves_nothing_and_is_an_alarm() {
    // Those that count nothing tell nothing; once one has counted, it goes up.
    let cases = [(0, true), (0, true), (5, true), (5, false), (4, false), (0, false), (6, true), (6, false)];
    let world = World::in_memory().await;
    let mut alarms = 0;
    for (counter, taken) in cases {
        let held = world.hold(&DELETE_STACK.action()).await;
        let text = read_by_dan(&world, held, Act::Approve, None).await;
        let signed = world.engine.sign(held, text.clone(), counted(&text, counter)).await;
        alarms += usize::from(!taken);
        match signed {
            Ok(signed) => assert!(taken && signed.change.state == ChangeState::Held, "{counter}"),
            Err(refused) => {
                assert!(!taken && matches!(refused, SignError::Cloned(_)), "{counter}: {refused}")
            }
        }
        let approvals = world.engine.read(move |view| view.approvals(held)).await.unwrap();
        assert_eq!(approvals.len(), usize::from(taken), "{counter}");
        assert_eq!(world.count(EntryKind::Alarm).await, alarms, "{counter}");
        world.engine.withdraw(&world.session, held).await.unwrap();
    }
    // The same signature, sent twice, is no other one.
    let held = world.hold(&DELETE_STACK.action()).await;
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    for said in ["in all", "counts once"] {
        let signed = world.engine.sign(held, text.clone(), counted(&text, 7)).await.unwrap();
        assert!(signed.note.contains(said), "{}", signed.note);
    }
    // A veto gets through, and is told of.
    let text = read_by_dan(&world, held, Act::Reject, Some("not tonight")).await;
    let signed = world.engine.sign(held, text.clone(), counted(&text, 3)).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Rejected);
    assert_eq!(world.count(EntryKind::Alarm).await, alarms + 1);
    world.finish().await;
}

#[tokio::test]
async fn who_signs_in_is_on_record_and_a_copied_passkey_does_not() {
    let world = World::in_memory().await;
    let sign_in = |counter| {
        let signature = counted("a request", counter);
        world.engine.sign_in(name("dan"), ("a request".to_owned(), signature))
    };
    sign_in(5).await.unwrap();
    assert!(matches!(sign_in(5).await, Err(SignError::Cloned(_))));
    sign_in(6).await.unwrap();
    let entries = world.entries().await;
    let signed_in: Vec<_> = entries.iter().filter(|it| it.kind == EntryKind::SignedIn).collect();
    assert_eq!(signed_in.len(), 2);
    assert!(signed_in.iter().all(|it| it.actors.person == Some(name("dan"))));
    assert_eq!(signed_in[1].detail["signature"], counted("a request", 6));
    assert_eq!(world.count(EntryKind::Alarm).await, 1);
    // What was signed for before it, is known of by what is signed for after.
    let held = world.hold(&DELETE_STACK.action()).await;
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    assert!(matches!(
        world.engine.sign(held, text.clone(), counted(&text, 6)).await,
        Err(SignError::Cloned(_))
    ));
    // A recovery key is nobody's who could sign in.
    let north = world.engine.sign_in(name("north"), (String::new(), String::new())).await;
    assert!(matches!(north, Err(SignError::MayNot(_))));
    world.finish().await;
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

/// Both who agree to lose the stack `app` sign by the command line.
const RENDERED: [&str; 2] = [
    r#"@id("unusual")
@reason("both see it on a machine of their own")
forbid (principal, action == Action::"destroy", resource in Environment::"production")
when { resource.id == "app" }
unless { context.approvals.rendered >= 2 };
"#,
    r#"[[example]]
name = "two, on a page"
effects = ["destroy"]
kind = "stack"
resource = "app"
environment = "production"
approvals = { people = 2, touched = 2 }
expect = "hold"
rules = ["unusual"]

[[example]]
name = "two, by the command line"
effects = ["destroy"]
kind = "stack"
resource = "app"
environment = "production"
approvals = { people = 2, rendered = 2 }
expect = "allow"
"#,
];

#[tokio::test]
async fn what_a_page_showed_is_not_what_a_machine_of_their_own_did() {
    let world = World::built(Unusual { rule: Some(RENDERED), ..Unusual::default() }, Store::memory()).await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let refusal = refused(world.ask(&DELETE_STACK.action()).await);
    assert!(refusal.message.contains("2 of them by the command line"), "{}", refusal.message);
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
    let signed = world.approve(held, &BEN).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Held);
    assert!(signed.note.contains(&format!("`countersign change approve {held}`")), "{}", signed.note);
    assert_eq!(refused(world.ask(&DELETE_STACK.action()).await).kind, RefusalKind::Held);
    // The same person, once more, where their own machine shows it; not the other way round.
    let signed = world.approve(held, &DAN).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Approved, "{}", signed.note);
    let text = read_by_dan(&world, held, Act::Approve, None).await;
    let again = world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
    assert!(again.note.contains("counts once"), "{}", again.note);
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

/// Of those who agree to lose the stack `app` both sign by the command line, and one is touched for it.
const BOTH: [&str; 2] = [
    r#"@id("unusual")
@reason("both see it on a machine of their own, and one is touched")
forbid (principal, action == Action::"destroy", resource in Environment::"production")
when { resource.id == "app" }
unless { context.approvals.rendered >= 2 && context.approvals.touched >= 1 };
"#,
    r#"[[example]]
name = "two, by key files"
effects = ["destroy"]
kind = "stack"
resource = "app"
environment = "production"
approvals = { people = 2, rendered = 2 }
expect = "hold"
rules = ["unusual"]

[[example]]
name = "two, of whom one is touched"
effects = ["destroy"]
kind = "stack"
resource = "app"
environment = "production"
approvals = { people = 2, rendered = 2, touched = 1 }
expect = "allow"
"#,
];

/// A key file shows what was read, a passkey that somebody was there: who has no key that shows both signs with each.
#[tokio::test]
async fn a_key_file_and_a_passkey_are_one_approval_that_shows_what_both_do() {
    for page_first in [false, true] {
        let world = World::on_disk_with(Unusual { rule: Some(BOTH), ..Unusual::default() }).await;
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve(held, &BEN).await.unwrap();
        let text = read_by_dan(&world, held, Act::Approve, None).await;
        let on_the_page = || world.engine.sign(held, text.clone(), counted(&text, 5));
        let first = if page_first { on_the_page().await } else { world.approve(held, &DAN).await }.unwrap();
        assert_eq!(first.change.state, ChangeState::Held, "{}", first.note);
        assert!(first.note.contains("(2 so far)"), "{}", first.note);
        assert_eq!(refused(world.ask(&DELETE_STACK.action()).await).kind, RefusalKind::Held);
        let second = if page_first { world.approve(held, &DAN).await } else { on_the_page().await }.unwrap();
        assert_eq!(second.change.state, ChangeState::Approved, "{}", second.note);
        // Neither adds anything any more.
        for again in [on_the_page().await, world.approve(held, &DAN).await] {
            assert!(again.unwrap().note.contains("counts once"));
        }
        let approvals = world.engine.read(move |view| view.approvals(held)).await.unwrap();
        let of_dan: Vec<_> = approvals.iter().filter(|it| it.person == name("dan")).collect();
        assert_eq!((approvals.len(), of_dan.len(), of_dan[0].given().len()), (2, 1, 2));
        assert_eq!(world.count(EntryKind::ApprovalGiven).await, 3, "each signature is on record");
        // What the passkey counted is known after a restart, whichever of the two it was.
        let session = Arc::clone(&world.session);
        let world = world.end().await.restart(session, START.plus_seconds(60)).await;
        let world = world.map_err(|(err, _)| err).unwrap();
        assert_eq!(world.run(&DELETE_STACK.action()).await, held);
        let copied = world.engine.sign_in(name("dan"), ("a request".to_owned(), counted("a request", 5)));
        assert!(matches!(copied.await, Err(SignError::Cloned(_))));
        world.finish().await;
    }
}

/// What stands beside a signature in a row is verified as the signature is.
#[tokio::test]
async fn what_a_hand_puts_beside_a_signature_counts_for_nothing_and_alarms() {
    for by_hand in [false, true] {
        let world = World::built(Unusual { rule: Some(BOTH), ..Unusual::default() }, Store::memory()).await;
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve(held, &BEN).await.unwrap();
        world.approve(held, &DAN).await.unwrap();
        let text = read_by_dan(&world, held, Act::Approve, None).await;
        if by_hand {
            let beside = Given {
                presence: Presence::Touched,
                at: START,
                statement: text.clone(),
                signature: touched(&text.replace("kiro", "nobo")),
            };
            let approvals = world.engine.read(move |view| view.approvals(held)).await.unwrap();
            let dans = approvals.into_iter().find(|it| it.person == name("dan")).unwrap();
            let row = Approval { beside: Some(Box::new(beside)), ..dans };
            let id = EntryId::new(START.millis(), [9; 10]);
            let entry = model::Entry::new(id, START, EntryKind::BundleAdopted);
            world.store.write(move |tx| tx.replace_approval(&row, entry)).await.unwrap();
            assert_eq!(refused(world.ask(&DELETE_STACK.action()).await).kind, RefusalKind::Held);
            assert_eq!(world.count(EntryKind::Alarm).await, 1);
        } else {
            world.engine.sign(held, text.clone(), touched(&text)).await.unwrap();
            assert_eq!(world.run(&DELETE_STACK.action()).await, held);
            assert_eq!(world.count(EntryKind::Alarm).await, 0);
        }
    }
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
            beside: None,
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
