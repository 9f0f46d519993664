//! Recovery from lost keys: two of three keys that lie in safes give the installation another roster, nothing else, and not
//! before whoever is left could object.

use approval::{Act, Ineligible};
use engine::{Erase, SignError};
use model::{Autonomy, Change, ChangeState, EntryKind};
use policy::Files;

use crate::{
    actions::{DELETE_STACK, Found, PUT_PARAMETER, inverse},
    adopt::{commented, edited},
    cast::{ANA, BEN, BENS_NEXT, CLEO, CLEOS_NEXT, DAN, NORTH, SOUTH, WEST, name},
    world::{World, permitted, refused},
};

const HOURS: i64 = 3600;

/// Ben and Cleo have lost their keys, and have others.
fn with_new_keys(files: &Files) -> Files {
    let mut next = files.clone();
    for (lost, found) in [(BEN, BENS_NEXT), (CLEO, CLEOS_NEXT)] {
        next = edited(&next, "roster.toml", &lost.enrolled().0, &found.enrolled().0);
    }
    next
}

impl World {
    async fn recovery(&self) -> (Files, Change) {
        let next = with_new_keys(&self.place.files);
        let asking = self.adopt(&next, &NORTH).await.unwrap();
        assert_eq!(asking.state, ChangeState::Held);
        (next, asking)
    }

    async fn alarms(&self) -> Vec<String> {
        let entries = self.entries().await;
        let alarms = entries.iter().filter(|it| it.kind == EntryKind::Alarm);
        alarms.map(|it| it.detail["alarm"].clone()).collect()
    }
}

#[tokio::test]
async fn promise_8_two_recovery_keys_and_three_days_give_another_roster() {
    let world = World::in_memory().await;
    let before = world.digest();
    let (next, asking) = world.recovery().await;
    let until = asking.id.made_at().plus_seconds(72 * HOURS);
    let notice = format!(
        "{}: the recovery key north asks for another roster; it comes into force no sooner than {until}, unless an approver \
         vetoes it (countersign change reject)",
        asking.id
    );
    let told = [notice];
    assert_eq!(world.alarms().await, told, "everybody who reads the log is told");
    assert_eq!(world.engine.notices().await.unwrap(), told, "and every client");

    let text = world.statement(asking.id, Act::Approve, &SOUTH, None).await.to_text();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for shown in [
        format!("window 2 recovery keys sign, and no approver has vetoed it by {until}"),
        "Recover the roster by recovery keys".to_owned(),
        "signatures by key files count here".to_owned(),
    ] {
        assert!(text.contains(&shown), "{shown}: {text}");
    }
    world.approve(asking.id, &NORTH).await.unwrap();
    world.approve(asking.id, &NORTH).await.unwrap();
    world.clock.advance(72 * HOURS - 1);
    let signed = world.approve(asking.id, &WEST).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Held, "{}", signed.note);
    let early = world.adopt(&next, &NORTH).await.unwrap();
    assert_eq!((early.id, early.state, world.digest()), (asking.id, ChangeState::Held, before));
    world.clock.advance(1);
    let done = world.adopt(&next, &NORTH).await.unwrap();
    assert_eq!((done.id, done.state), (asking.id, ChangeState::Executed));
    assert_ne!(world.digest(), before);
    assert_eq!(world.engine.notices().await.unwrap(), Vec::<String>::new());

    let entries = world.entries().await;
    let adopted = entries.iter().find(|it| it.kind == EntryKind::BundleAdopted).unwrap();
    let made_of = world.engine.bundle().made_of();
    assert_eq!(adopted.detail["recovery"], "north");
    assert_eq!(adopted.detail["rest"], made_of.rest.to_string());
    assert_eq!(adopted.detail["roster_after"], made_of.roster.to_string());
    assert!(world.alarms().await[1].contains("have given the installation another roster"));

    // Those whose keys were lost sign with the new ones, and with nothing else.
    let session = world.session("", Autonomy::Autonomous).await;
    let held = refused(world.ask_as(&session, &DELETE_STACK.action()).await).change.unwrap();
    assert!(matches!(world.approve(held, &CLEO).await, Err(SignError::Signature(_))));
    world.approve(held, &BENS_NEXT).await.unwrap();
    world.approve(held, &CLEOS_NEXT).await.unwrap();
    let permit = permitted(world.ask_as(&session, &DELETE_STACK.action()).await);
    assert_eq!(permit.change(), Some(held));
    world.answer(permit, 200).await;
    world.finish().await;
}

#[tokio::test]
async fn one_key_twice_is_one_key_and_nobody_else_signs_for_a_recovery() {
    let world = World::in_memory().await;
    let (next, asking) = world.recovery().await;
    world.approve(asking.id, &SOUTH).await.unwrap();
    world.approve(asking.id, &SOUTH).await.unwrap();
    for person in [ANA, BEN, CLEO] {
        let refused = world.approve(asking.id, &person).await.unwrap_err();
        assert!(matches!(&refused, SignError::MayNot(Ineligible::NotRecoveryKey(_))), "{refused}");
    }
    world.clock.advance(73 * HOURS);
    assert_eq!(world.adopt(&next, &NORTH).await.unwrap().state, ChangeState::Held);
    world.approve(asking.id, &NORTH).await.unwrap();
    assert_eq!(world.adopt(&next, &NORTH).await.unwrap().state, ChangeState::Executed);
    world.finish().await;
}

/// By any approver who is left, at any moment until it is in force; and asked for again it waits again.
#[tokio::test]
async fn promise_8_one_veto_ends_a_recovery() {
    let world = World::in_memory().await;
    let (next, asking) = world.recovery().await;
    world.approve(asking.id, &NORTH).await.unwrap();
    world.approve(asking.id, &WEST).await.unwrap();
    world.clock.advance(72 * HOURS);
    assert!(matches!(
        world.says(asking.id, Act::Reject, &SOUTH, Some("no")).await,
        Err(SignError::MayNot(Ineligible::RecoveryKey(_)))
    ));
    world.says(asking.id, Act::Reject, &DAN, Some("my key is here")).await.unwrap();
    let refused = world.adopt(&next, &NORTH).await.unwrap_err().to_string();
    assert!(refused.contains("dan rejected"), "{refused}");

    let reopened = world.says(asking.id, Act::Reopen, &NORTH, Some("dan was asked")).await.unwrap().change;
    world.approve(reopened.id, &NORTH).await.unwrap();
    world.approve(reopened.id, &WEST).await.unwrap();
    assert_eq!(world.adopt(&next, &NORTH).await.unwrap().state, ChangeState::Held, "three days anew");
    world.clock.advance(72 * HOURS);
    assert_eq!(world.adopt(&next, &NORTH).await.unwrap().state, ChangeState::Executed);
    assert_eq!(world.alarms().await.len(), 3);
    world.finish().await;
}

#[tokio::test]
async fn promise_8_a_recovery_changes_the_roster_and_nothing_else() {
    let world = World::in_memory().await;
    let more = commented(&with_new_keys(&world.place.files), "more");
    let refused = world.adopt(&more, &NORTH).await.unwrap_err().to_string();
    assert!(refused.contains("a recovery changes roster.toml alone"), "{refused}");
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 0);

    // Nor does a recovery key do anything but recover.
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let done = world.run(&PUT_PARAMETER.action()).await;
    let may_not = |refused: SignError| {
        assert!(matches!(&refused, SignError::MayNot(Ineligible::RecoveryKey(_))), "{refused}");
    };
    may_not(world.engine.undo(done, None, name("north")).await.unwrap_err());
    let ground = "gdpr: request 7".parse().unwrap();
    let signed = ("POST".to_owned(), "signed".to_owned());
    let erase = Erase { of: done, step: None, ground, by: name("north"), signed };
    may_not(world.engine.erase(erase).await.unwrap_err());
    let held = world.hold(&DELETE_STACK.action()).await;
    may_not(world.approve(held, &WEST).await.unwrap_err());
    let adoption = world.adopt(&commented(&world.place.files, "by people"), &ANA).await.unwrap();
    may_not(world.approve(adoption.id, &WEST).await.unwrap_err());
    world.finish().await;
}

/// Whoever has the database cannot bring the day forward: that stands in what was signed.
#[tokio::test]
async fn a_row_that_says_it_was_asked_for_earlier_changes_nothing() {
    let world = World::on_disk().await;
    let (next, asking) = world.recovery().await;
    world.approve(asking.id, &NORTH).await.unwrap();
    world.approve(asking.id, &WEST).await.unwrap();
    let mut row = world.change(asking.id).await;
    row.created_at = row.created_at.plus_seconds(-80 * HOURS);
    rusqlite::Connection::open(world.place.database())
        .unwrap()
        .execute(
            "UPDATE changes SET document = ?2, created_at = ?3 WHERE id = ?1",
            rusqlite::params![
                asking.id.to_string(),
                serde_json::to_vec(&row).unwrap(),
                row.created_at.millis()
            ],
        )
        .unwrap();
    let still = world.adopt(&next, &NORTH).await.unwrap();
    assert_eq!((still.id, still.state), (asking.id, ChangeState::Held));
}
