//! What the next process makes of what the last one left behind: it goes on, or refuses to start; it repairs nothing.

use std::{fs, path::Path, sync::Arc};

use engine::{RefusalKind, SignError, StartError};
use model::{ChangeState, Entry, EntryId, EntryKind};
use rusqlite::Connection;

use crate::{
    actions::{Call, DELETE_STACK},
    adopt::edited,
    cast::{BEN, CLEO},
    world::{Place, START, World, expect_refusal, permitted, refused},
};

/// A world with one held change, ended in good order.
async fn ended() -> (Place, Arc<model::Session>, model::ChangeId) {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    let held = world.hold(&DELETE_STACK.action()).await;
    (world.end().await, session, held)
}

async fn refused_to_start(place: Place, session: Arc<model::Session>) -> StartError {
    match place.restart(session, START.plus_seconds(60)).await {
        Ok(_) => panic!("it started"),
        Err((err, _)) => err,
    }
}

#[tokio::test]
async fn everything_goes_on_after_a_restart() {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let world =
        world.end().await.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    assert!(world.engine.session_of(&world.session.access_key).is_some());
    assert_eq!(world.run(&DELETE_STACK.action()).await, held, "signatures are good beyond the process");
    world.finish().await;
}

/// Who is asked to pause is still asked to after a restart: it is the record that says how many they approved.
#[tokio::test]
async fn nobody_in_a_hurry_is_forgotten_by_a_restart() {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    let limit = "clock_skew_s = 300";
    let next = edited(&world.place.files, "bundle.toml", limit, &format!("{limit}\nhurried_approvals = 2"));
    // Approving this is one.
    world.adopted(&next).await;
    let one = world.hold(&Call { name: "one", ..DELETE_STACK }.action()).await;
    world.approve(one, &BEN).await.unwrap();
    let two = world.hold(&Call { name: "two", ..DELETE_STACK }.action()).await;
    let hurried = |told: Result<engine::Signed, SignError>| matches!(told, Err(SignError::Hurried(_)));
    assert!(hurried(world.approve(two, &BEN).await));

    let mut place = world.end().await;
    place.files = next;
    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    assert!(hurried(world.approve(two, &BEN).await), "the restart gave ben a fresh start");
    world.approve(one, &CLEO).await.unwrap();
    world.clock.advance(600);
    world.approve(two, &BEN).await.unwrap();
    world.finish().await;
}

#[tokio::test]
async fn what_was_being_carried_out_is_unknown_and_read_back() {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    world.target.is_in("CREATE_COMPLETE");
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    let place = world.place;
    drop((permit, world.engine, world.store));

    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    assert_eq!(world.state(held).await, ChangeState::Unknown);
    world.target.is_in("CREATE_COMPLETE");
    expect_refusal(world.ask(&DELETE_STACK.action()).await, RefusalKind::Denied, "is now failed");
    assert_eq!(world.count(EntryKind::PermitIssued).await, 1, "it was not let through again");
    world.finish().await;
}

#[tokio::test]
async fn an_edited_row_stops_the_start() {
    for edit in [
        "UPDATE changes SET document = replace(CAST(document AS TEXT), 'stale figures', 'fresh figures')",
        "UPDATE changes SET document = CAST(replace(CAST(document AS TEXT), 'stale figures', 'fresh figures') AS BLOB)",
        "UPDATE changes SET state = 'approved'",
        "DELETE FROM changes",
        "DELETE FROM sessions",
        "UPDATE sessions SET access_key = 'AKCSAAAAAAAAAAAAAAAA'",
    ] {
        let (place, session, _) = ended().await;
        drop(place.reopened().await);
        let edited = Connection::open(place.database()).unwrap().execute(edit, []);
        match edited {
            Ok(rows) => assert_eq!(rows, 1, "{edit}"),
            // The table takes bytes only.
            Err(err) => {
                assert!(err.to_string().contains("BLOB"), "{edit}: {err}");
                continue;
            }
        }
        let err = refused_to_start(place, session).await;
        assert!(matches!(err, StartError::Contradiction(_)), "{edit}: {err}");
    }
}

#[tokio::test]
async fn an_edited_bundle_stops_the_start() {
    let (mut place, session, _) = ended().await;
    // A comment: whatever is not what was pinned is another bundle.
    place.files.get_mut("overrides.toml").unwrap().extend_from_slice(b"# nothing\n");
    let err = refused_to_start(place, session).await;
    assert!(matches!(err, StartError::Bundle { .. }), "{err}");
}

#[tokio::test]
async fn a_clock_behind_the_last_entry_stops_the_start() {
    let (place, session, _) = ended().await;
    match place.restart(session, START.plus_seconds(-3600)).await {
        Ok(_) => panic!("it started"),
        Err((err, _)) => assert!(matches!(err, StartError::Fault(model::Fault::NoClock(_))), "{err}"),
    }
}

#[tokio::test]
async fn a_crash_between_the_log_and_the_database_is_made_good() {
    let (place, session, _) = ended().await;
    let store = place.reopened().await;
    for nth in 1..=3 {
        let id = EntryId::new(START.millis(), [nth; 10]);
        store.write(move |tx| tx.record(Entry::new(id, START, EntryKind::Alarm))).await.unwrap();
    }
    let pending = store.read(|view| view.unsequenced(100)).await.unwrap();
    assert_eq!(pending.len(), 3);
    drop(store);
    let mut ledger = place.ledger().await;
    let size = ledger.size();
    // Two of the three had reached the log.
    ledger.append(&pending.iter().take(2).map(|it| it.bytes.clone()).collect::<Vec<_>>()).unwrap();
    drop(ledger);
    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    let entries = world.entries().await;
    assert_eq!(entries.len() as u64, size + 3, "each once");
    assert_eq!(entries.iter().filter(|entry| entry.kind == EntryKind::Alarm).count(), 3);
    world.finish().await;
}

#[tokio::test]
async fn a_log_with_entries_that_the_database_never_had_stops_the_start() {
    let (place, session, _) = ended().await;
    let mut ledger = place.ledger().await;
    let foreign = Entry::new(EntryId::new(START.millis(), [9; 10]), START, EntryKind::Alarm);
    ledger.append(&[serde_json::to_vec(&foreign).unwrap()]).unwrap();
    drop(ledger);
    let err = refused_to_start(place, session).await;
    assert!(matches!(err, StartError::Contradiction(_)), "{err}");
}

#[tokio::test]
async fn a_log_or_a_database_set_back_stops_the_start() {
    for set_back in ["log", "database"] {
        let (place, session, _) = ended().await;
        drop(place.reopened().await);
        let kept = tempfile::TempDir::new().unwrap();
        copy(place.path(), kept.path());
        let world = place
            .restart(Arc::clone(&session), START.plus_seconds(60))
            .await
            .map_err(|(err, _)| err)
            .unwrap();
        world.hold(&crate::actions::Call { name: "app2", ..DELETE_STACK }.action()).await;
        let place = world.end().await;
        drop((place.reopened().await, place.ledger().await));
        let old = if set_back == "log" { ["log", "run"] } else { ["countersign.db", "countersign.db-wal"] };
        for part in old {
            put_back(&kept.path().join(part), &place.path().join(part));
        }
        match place.restart(session, START.plus_seconds(90)).await {
            Ok(_) => panic!("it started on a {set_back} that was set back"),
            Err((err, _)) => assert!(matches!(err, StartError::Contradiction(_)), "{set_back}: {err}"),
        }
    }
}

#[tokio::test]
async fn a_stopped_session_stays_stopped() {
    let world = World::on_disk().await;
    let session = Arc::clone(&world.session);
    world.engine.stop(session.id, crate::cast::name("ana")).await.unwrap();
    let world =
        world.end().await.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    let refusal = refused(world.ask(&DELETE_STACK.action()).await);
    assert_eq!(refusal.kind, RefusalKind::SessionClosed, "{}", refusal.message);
    world.finish().await;
}

fn put_back(from: &Path, to: &Path) {
    if to.is_dir() {
        fs::remove_dir_all(to).unwrap();
        copy(from, to);
    } else {
        drop(fs::remove_file(to));
        drop(fs::copy(from, to));
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target)
        } else {
            drop(fs::copy(entry.path(), target))
        }
    }
}
