//! Promise 13: an approval cannot be made by a row.

use approval::Act;
use engine::{IssueError, RefusalKind};
use model::{Approval, ChangeId, ChangeState, EntryKind, Presence};
use rusqlite::{Connection, params};

use crate::{
    actions::DELETE_STACK,
    cast::{BEN, CLEO, MALLORY, OLGA, Person, name},
    world::{START, World, refused},
};

/// Puts a row where only the server writes.
fn by_hand(world: &World, change: ChangeId, who: &Person, statement: String, signature: String) {
    let approval = Approval {
        change,
        person: name(who.name),
        presence: Presence::File,
        at: START,
        statement,
        signature,
        beside: None,
    };
    Connection::open(world.place.database())
        .unwrap()
        .execute(
            "INSERT INTO approvals (change, person, document) VALUES (?1, ?2, ?3)",
            params![change.to_string(), who.name, serde_json::to_vec(&approval).unwrap()],
        )
        .unwrap();
}

#[tokio::test]
async fn promise_13_a_row_by_hand_forwards_nothing_and_raises_an_alarm() {
    for (forger, makes) in [
        (CLEO, "a signature of nothing"),
        (CLEO, "another's signature"),
        (MALLORY, "a signature by a key that is enrolled nowhere"),
        (OLGA, "a true signature of somebody who is no approver"),
    ] {
        let world = World::on_disk().await;
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve(held, &BEN).await.unwrap();
        let text = world.statement(held, Act::Approve, &forger, None).await.to_text();
        let signature = match makes {
            "a signature of nothing" => forger.sign("nothing"),
            "another's signature" => BEN.sign(&text),
            _ => forger.sign(&text),
        };
        by_hand(&world, held, &forger, text, signature);
        let refusal = refused(world.ask(&DELETE_STACK.action()).await);
        assert_eq!(refusal.kind, RefusalKind::Held, "{makes}: {}", refusal.message);
        let entries = world.entries().await;
        let alarms: Vec<_> = entries.iter().filter(|entry| entry.kind == EntryKind::Alarm).collect();
        assert_eq!(alarms.len(), 1, "{makes}");
        assert_eq!(alarms[0].actors.person, Some(name(forger.name)), "{makes}");
        assert_eq!(alarms[0].change, Some(held));
        assert_eq!(world.state(held).await, ChangeState::Held, "{makes}");
        let problems = world.problems().await;
        assert!(problems.iter().any(|it| it.contains("put there by hand")), "{makes}: {problems:?}");
    }
}

#[tokio::test]
async fn promise_13_a_state_by_hand_forwards_nothing() {
    let world = World::on_disk().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    let mut change = world.change(held).await;
    change.state = ChangeState::Approved;
    Connection::open(world.place.database())
        .unwrap()
        .execute(
            "UPDATE changes SET state = 'approved', document = ?2 WHERE id = ?1",
            params![held.to_string(), serde_json::to_vec(&change).unwrap()],
        )
        .unwrap();
    let refusal = refused(world.ask(&DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::Held, "{}", refusal.message);
    assert_eq!(world.count(EntryKind::PermitIssued).await, 0);
}

#[tokio::test]
async fn promise_13_a_session_by_hand_opens_nothing() {
    let world = World::on_disk().await;
    let mut session = (*world.session).clone();
    session.id = model::SessionId::new(START.millis(), [3; 10]);
    session.access_key = "AKCSAAAAAAAAAAAAAAAA".to_owned();
    Connection::open(world.place.database())
        .unwrap()
        .execute(
            "INSERT INTO sessions (id, access_key, document) VALUES (?1, ?2, ?3)",
            params![session.id.to_string(), session.access_key, serde_json::to_vec(&session).unwrap()],
        )
        .unwrap();
    assert!(world.engine.session_of(&session.access_key).is_none());
    let refusal = refused(world.ask_as(&std::sync::Arc::new(session.clone()), &DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::SessionClosed, "{}", refusal.message);
    let nobody = model::SessionId::new(START.millis(), [4; 10]);
    assert!(matches!(world.engine.stop(nobody, name("ana")).await, Err(IssueError::Unknown(_))));
    let problems = world.problems().await;
    assert!(problems.iter().any(|it| it.contains("put there by hand")), "{problems:?}");
}
