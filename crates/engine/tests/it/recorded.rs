//! Promise 2: recorded before done.

use std::{collections::BTreeSet, time::Duration};

use model::{Content as _, EntryKind, StepState};
use rusqlite::Connection;

use crate::{
    actions::{DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, inverse},
    world::{Unusual, World, permitted},
};

#[tokio::test]
async fn promise_02_a_permitted_destroy_is_in_the_signed_log_before_its_permit_is_out() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    let permit = permitted(world.ask(&DELETE_STACK.action()).await);
    let logged = world.logged();
    let issued: Vec<_> = logged.iter().filter(|entry| entry.kind == EntryKind::PermitIssued).collect();
    assert_eq!(issued.iter().map(|entry| entry.change).collect::<Vec<_>>(), [Some(held)]);
    let log = world.log_files();
    let size: usize =
        String::from_utf8(log.checkpoint_note).unwrap().lines().nth(1).unwrap().parse().unwrap();
    assert_eq!(size, log.entries.len(), "all of it under the signed checkpoint");
    for kind in [EntryKind::ChangeHeld, EntryKind::ApprovalGiven, EntryKind::SessionIssued] {
        assert!(logged.iter().any(|entry| entry.kind == kind), "{kind:?} stands before it");
    }
    world.answer(permit, 200).await;
    world.finish().await;
}

/// Why it passed, and not only that it did: the verdict, the rules that asked for people, and the grants.
#[tokio::test]
async fn promise_02_a_permit_says_why_it_is_one() {
    let world = World::in_memory().await;
    let held = world.hold(&DELETE_STACK.action()).await;
    world.approve_by_two(held).await;
    world.run(&DELETE_STACK.action()).await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let wrote = world.run(&PUT_PARAMETER.action()).await;
    let entries = world.entries().await;
    let permit = |id| {
        let found = entries.iter().find(|it| it.kind == EntryKind::PermitIssued && it.change == Some(id));
        found.unwrap().detail.clone()
    };
    let (alone, agreed) = (permit(wrote), permit(held));
    assert_eq!(
        (alone["verdict"].as_str(), alone["people"].as_str(), alone["rules"].as_str()),
        ("allow", "0", "")
    );
    assert_eq!((agreed["verdict"].as_str(), agreed["people"].as_str()), ("hold", "2"));
    assert!(agreed["rules"].contains(".cedar:"), "{agreed:?}");
    assert_eq!(agreed["why"], model::Entry::EVERY_SIGNATURE);
    for permit in [alone, agreed] {
        assert!(permit["grants"].contains("kiro") && permit["grants"].contains("ana"), "{permit:?}");
        assert!(!permit.contains_key("asked_in"), "its own session: {permit:?}");
    }
    assert_eq!(entries[0].detail[model::Entry::PERMITS_SAY_WHY.0], model::Entry::PERMITS_SAY_WHY.1);
    world.finish().await;
}

#[tokio::test]
async fn promise_02_the_bundle_can_have_any_effect_wait_for_the_signed_log() {
    for (levels, waits) in [("", false), ("production = { write = \"sequenced\" }", true)] {
        let world = World::built(Unusual { levels, ..Unusual::default() }, store::Store::memory()).await;
        world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
        let permit = permitted(world.ask(&PUT_PARAMETER.action()).await);
        let issued = world.logged().iter().any(|entry| entry.kind == EntryKind::PermitIssued);
        assert_eq!(issued, waits, "{levels}");
        world.answer(permit, 200).await;
        world.finish().await;
    }
}

#[tokio::test]
async fn promise_02_nothing_passes_before_it_is_durable() {
    let world = World::on_disk().await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    let permit = permitted(world.ask(&PUT_PARAMETER.action()).await);
    // Another connection sees what was committed and nothing else.
    let beside = Connection::open(world.place.database()).unwrap();
    let document: Vec<u8> = beside
        .query_row(
            "SELECT document FROM changes WHERE id = ?1",
            [permit.change().unwrap().to_string()],
            |row| row.get(0),
        )
        .unwrap();
    let change: model::Change = serde_json::from_slice(&document).unwrap();
    assert_eq!(change.steps[0].state, StepState::Executing);
    let undo = change.steps[0].undo.as_ref().unwrap().request.commitment().unwrap();
    let body: Vec<u8> = beside
        .query_row("SELECT bytes FROM bodies WHERE commitment = ?1", [undo.to_string()], |row| row.get(0))
        .unwrap();
    assert_eq!(body, inverse().request.to_body(), "and how to take it back");
    let entries: i64 = beside
        .query_row("SELECT count(*) FROM outbox WHERE bytes LIKE '%permit_issued%'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(entries, 1);
    world.answer(permit, 200).await;
    world.finish().await;
}

#[tokio::test]
async fn promise_02_reads_are_recorded_in_batches() {
    let world = World::in_memory().await;
    for _ in 0..250 {
        let permit = permitted(world.ask(&DESCRIBE_STACKS.action()).await);
        assert_eq!(permit.change(), None, "a plain read is no change");
        let _ = permit.redeem();
    }
    let mut batches = Vec::new();
    while batches.iter().sum::<usize>() < 250 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        batches = world
            .entries()
            .await
            .iter()
            .filter(|entry| entry.kind == EntryKind::ReadsAdmitted)
            .map(|entry| {
                assert_eq!(entry.actors.session, Some(world.session.id));
                // One line, and how often it was asked for.
                assert_eq!(entry.detail["reads"], r#"["cloudformation:DescribeStacks app"]"#);
                assert_eq!(entry.detail["times"], format!("[{}]", entry.detail["count"]));
                entry.detail["count"].parse::<usize>().unwrap()
            })
            .collect();
    }
    assert!(batches.len() < 25, "many to an entry: {batches:?}");
    world.finish().await;
}

#[tokio::test]
async fn promise_02_failed_authentications_are_counted_per_source_and_minute() {
    let world = World::in_memory().await;
    for (source, times) in [("192.0.2.1", 5), ("192.0.2.2", 130)] {
        for _ in 0..times {
            world.engine.authentication_failed(source).await;
        }
    }
    assert!(!world.engine.is_flooding("192.0.2.1"));
    assert!(world.engine.is_flooding("192.0.2.2"), "refused before any cryptography");
    assert_eq!(world.count(EntryKind::AuthenticationFailed).await, 0, "the minute is not over");
    world.clock.advance(60);
    assert!(!world.engine.is_flooding("192.0.2.2"), "a new minute");
    world.engine.authentication_failed("192.0.2.1").await;
    world.engine.close().await.unwrap();
    let counted = |entries: Vec<model::Entry>| -> BTreeSet<(String, String)> {
        let failed = entries.into_iter().filter(|entry| entry.kind == EntryKind::AuthenticationFailed);
        failed.map(|entry| (entry.detail["source"].clone(), entry.detail["count"].clone())).collect()
    };
    let of = |source: &str, count: &str| (source.to_owned(), count.to_owned());
    assert_eq!(
        counted(world.entries().await),
        BTreeSet::from([of("192.0.2.1", "5"), of("192.0.2.1", "1"), of("192.0.2.2", "130")]),
        "the minute that is not over is written out at an orderly end"
    );
    assert_eq!(world.count(EntryKind::AuthenticationFailed).await, 3, "one entry for each source and minute");
    world.finish().await;
}

/// What an attacker can make the server remember is bounded.
#[tokio::test]
async fn more_sources_than_can_be_told_apart_are_counted_together() {
    let world = World::in_memory().await;
    for source in 0..10_500 {
        world.engine.authentication_failed(&format!("source {source}")).await;
    }
    assert!(world.engine.is_flooding("source 10400"), "those that share a count share its limit");
    assert!(!world.engine.is_flooding("source 1"));
    world.clock.advance(60);
    world.engine.close().await.unwrap();
    let entries = world.entries().await;
    let failed = entries.iter().filter(|entry| entry.kind == EntryKind::AuthenticationFailed);
    let sum: usize = failed.map(|entry| entry.detail["count"].parse::<usize>().unwrap()).sum();
    assert_eq!(sum, 10_500, "none is lost");
    world.finish().await;
}
