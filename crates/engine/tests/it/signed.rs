//! Promise 4: for every field of the statement, altering it voids the approval: when it is handed in, and when it is
//! found in the database at the moment of execution.

use approval::{Act, Observed, Statement};
use engine::RefusalKind;
use model::{Approval, ChangeId, ChangeState, Digest, EntryId, EntryKind, EvidenceKind, Presence, Timestamp};

use crate::{
    actions::{DELETE_STACK, Found},
    cast::{BEN, CLEO, Person, name},
    world::{START, World, refused},
};

/// The statement with one field altered; a field that is not here fails the test.
fn altered(statement: &Statement, field: &str) -> Statement {
    let mut other = statement.clone();
    match field {
        "act" => other.act = Act::Reopen,
        "installation" => other.installation = Digest::of(b"another installation"),
        "change" => other.change = ChangeId::new(START.millis(), [42; 10]),
        "digest" => other.digest = Digest::of(b"another change"),
        "agent" => other.agent = "codex".parse().unwrap(),
        "operator" => other.operator = name("olga"),
        "person" => other.person = name("dan"),
        "scope" => other.scope = "env:staging".to_owned(),
        "account" => other.account = "210987654321".to_owned(),
        "region" => other.region = "eu-west-2".to_owned(),
        "environment" => other.environment = "staging".to_owned(),
        "intent" => other.intent = "tidy up".to_owned(),
        "actions" => {
            other.actions = vec!["DescribeStacks app. [cloudformation:DescribeStacks; read]".to_owned()]
        }
        "parameters" => other.parameters[0][0].value = "another".to_owned(),
        "observed" => {
            other.observed = vec![Observed { step: 1, fingerprint: Digest::of(b"other"), at: START }]
        }
        "undo" => other.undo = vec!["captured: it comes back".to_owned()],
        "second_lock" => other.second_lock = vec!["yes, to the operation alone".to_owned()],
        "unknowns" => other.unknowns = vec!["nothing at all".to_owned()],
        "bundle" => other.bundle = Digest::of(b"another bundle"),
        "requirement" => other.requirement = "1 person".to_owned(),
        "evidence" => other.evidence = vec![(EvidenceKind::BackupVerified, Some(Digest::of(b"backup")))],
        "presence" => other.presence = Presence::Touched,
        "presence_rule" => other.presence_rule = "whatever is signed counts".to_owned(),
        "expires_at" => other.expires_at = START.plus_seconds(90 * 24 * 3600),
        "nonce" => other.nonce = "00000000000000000000000000000000".to_owned(),
        "checkpoint" => other.checkpoint = format!("log.example/engine 1 {}", hex::encode([7; 32])),
        "reason" => other.reason = Some("because".to_owned()),
        field => panic!("a new field of the statement: say here how it could be altered: {field}"),
    }
    assert_eq!(statement.differences(&other), [field]);
    other
}

/// The signer's own words: a signature over other words is another signature, and as good as the first.
const OWN_WORDS: &str = "reason";

async fn held() -> (World, ChangeId) {
    let world = World::in_memory().await;
    world.target.is(Found {
        state: Some("CREATE_COMPLETE"),
        unknowns: vec!["who reads it".to_owned()],
        ..Found::default()
    });
    let held = world.hold(&DELETE_STACK.action()).await;
    (world, held)
}

#[tokio::test]
async fn promise_04_altering_any_field_voids_the_approval_when_it_is_handed_in() {
    let (world, held) = held().await;
    for field in Statement::FIELDS {
        let honest = world.statement(held, Act::Approve, &BEN, None).await;
        let text = altered(&honest, field).to_text();
        let not_signed_again = world.engine.sign(held, text.clone(), BEN.sign(&honest.to_text())).await;
        assert!(not_signed_again.is_err(), "{field}, under the old signature");
        if *field != OWN_WORDS {
            let signed_again = world.engine.sign(held, text.clone(), BEN.sign(&text)).await;
            assert!(signed_again.is_err(), "{field}, signed again");
        }
        assert_eq!(world.state(held).await, ChangeState::Held, "{field}");
    }
    assert_eq!(world.count(EntryKind::ApprovalGiven).await, 0);
    world.approve_by_two(held).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_04_altering_any_field_voids_the_approval_when_it_is_used() {
    for field in Statement::FIELDS.iter().filter(|field| **field != OWN_WORDS) {
        for again in [true, false] {
            let (world, held) = held().await;
            for who in [BEN, CLEO] {
                let honest = world.statement(held, Act::Approve, &who, None).await;
                let text = altered(&honest, field).to_text();
                let signature = if again { who.sign(&text) } else { who.sign(&honest.to_text()) };
                smuggle(&world, held, &who, text, signature).await;
            }
            let refusal = refused(world.ask(&DELETE_STACK.action()).await);
            assert_eq!(refusal.kind, RefusalKind::Held, "{field}: {}", refusal.message);
            assert_eq!(world.count(EntryKind::PermitIssued).await, 0, "{field}");
            if !again {
                assert_eq!(world.count(EntryKind::Alarm).await, 2, "{field}: one for each row");
            }
        }
    }
}

/// The same rows with nothing altered are what people gave: what is refused above is refused for the field alone.
#[tokio::test]
async fn unaltered_statements_stand_however_they_came_in() {
    let (world, held) = held().await;
    for who in [BEN, CLEO] {
        let text = world.statement(held, Act::Approve, &who, None).await.to_text();
        let signature = who.sign(&text);
        smuggle(&world, held, &who, text, signature).await;
    }
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
}

#[tokio::test]
async fn an_approval_may_say_why() {
    let (world, held) = held().await;
    for who in [BEN, CLEO] {
        world.says(held, Act::Approve, &who, Some("finance has its copy")).await.unwrap();
    }
    assert_eq!(world.state(held).await, ChangeState::Approved, "their own words are theirs to add");
    assert_eq!(world.run(&DELETE_STACK.action()).await, held);
    world.finish().await;
}

#[tokio::test]
async fn an_approval_of_one_change_is_none_of_another() {
    let (world, first) = held().await;
    let text = world.statement(first, Act::Approve, &BEN, None).await.to_text();
    world.engine.withdraw(&world.session, first).await.unwrap();
    let second = world.hold(&DELETE_STACK.action()).await;
    assert!(world.engine.sign(second, text.clone(), BEN.sign(&text)).await.is_err());
    smuggle(&world, second, &BEN, text.clone(), BEN.sign(&text)).await;
    world.approve(second, &CLEO).await.unwrap();
    world.hold(&DELETE_STACK.action()).await;
}

async fn smuggle(world: &World, change: ChangeId, who: &Person, statement: String, signature: String) {
    let approval = Approval {
        change,
        person: name(who.name),
        presence: Presence::File,
        at: START,
        statement,
        signature,
        beside: None,
    };
    let mut random = [0; 10];
    random[..8].copy_from_slice(&hex::decode(world.place.fresh().to_string()).unwrap()[..8]);
    let at = Timestamp::from_millis(START.millis());
    let entry = model::Entry::new(EntryId::new(at.millis(), random), at, EntryKind::BundleAdopted);
    world.store.write(move |tx| tx.record_approval(&approval, entry)).await.unwrap();
}
