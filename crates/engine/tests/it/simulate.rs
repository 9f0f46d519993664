//! What is on record, judged again: under the bundle in force it comes out as it did, whatever it rested on, and under another one
//! it changes where that one says otherwise.

use engine::{Gathered, RefusalKind, Simulation};
use model::{Timestamp, Undo, Verdict, Vouched};
use policy::Files;

use crate::{
    actions::{Call, DELETE_STACK, PUT_PARAMETER, STAGING},
    allowances::{BATCH, PUBLISH, RESTART, world},
    cast::BEN,
    world::{World, expect_refusal},
};

const SNAPSHOT: Call =
    Call { operation: "ec2:DeleteSnapshot", kind: "snapshot", name: "snap-1", ..DELETE_STACK };
const VOLUME: Call = Call { operation: "ec2:DeleteVolume", kind: "volume", name: "vol-1", ..DELETE_STACK };

/// Out of allowances and beyond them, held and approved, denied for what went before, and outside production.
async fn lived() -> World {
    let world = world().await;
    world.run(&BATCH.action()).await;
    world.run(&PUBLISH.action()).await;
    world.hold(&BATCH.action()).await;
    for name in ["web-1", "web-2"] {
        world.run(&Call { name, ..RESTART }.action()).await;
    }
    world.hold(&Call { name: "web-3", ..RESTART }.action()).await;
    let snapshot = world.hold(&SNAPSHOT.action()).await;
    world.approve_by_two(snapshot).await;
    assert_eq!(world.run(&SNAPSHOT.action()).await, snapshot);
    expect_refusal(world.ask(&VOLUME.action()).await, RefusalKind::Denied, "touched backups");
    world.run(&Call { account: STAGING, ..DELETE_STACK }.action()).await;
    world.run(&Call { account: STAGING, undo: Undo::Additive, ..PUT_PARAMETER }.action()).await;
    world
}

const ALL: usize = 10;

/// With a text in a file replaced.
async fn simulated(world: &World, file: &str, from: &str, to: &str) -> Simulation {
    let mut files: Files = world.place.files.clone();
    let text = String::from_utf8(files[file].clone()).unwrap();
    let next = if from.is_empty() { format!("{text}{to}") } else { text.replace(from, to) };
    assert_ne!(next, text, "{text}");
    files.insert(file.to_owned(), next.into_bytes());
    let candidate = engine::draft(&files).unwrap_or_else(|err| panic!("{err}"));
    world.engine.simulate(candidate, Timestamp::from_millis(0)).await.unwrap()
}

/// `operation before → after`, oldest first.
async fn changed(world: &World, found: &Simulation) -> Vec<String> {
    let mut told = Vec::new();
    for it in &found.changed {
        let change = world.change(it.change).await;
        let operations: Vec<_> = change.steps.iter().map(|step| step.action.operation.to_string()).collect();
        told.push(format!("{} {} → {}", operations.join("+"), short(&it.before), short(&it.after)));
    }
    told
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Hold(hold) => format!("hold {}", hold.requirement.people),
        Verdict::Allow | Verdict::Deny(_) => verdict.name().to_owned(),
    }
}

#[tokio::test]
async fn under_the_bundle_in_force_what_is_on_record_comes_out_as_it_did() {
    let world = lived().await;
    let same = simulated(&world, "overrides.toml", "", "# the same\n").await;
    assert_eq!((same.judged, same.own, same.cut), (ALL, 0, false), "{same:?}");
    assert!(same.changed.is_empty() && same.unjudged.is_empty() && same.uncertain.is_empty(), "{same:#?}");
    assert_ne!(same.before, same.bundle);
    // From its middle on.
    let later = world
        .engine
        .simulate(world.engine.bundle(), world.engine.now().unwrap().plus_seconds(1))
        .await
        .unwrap();
    assert_eq!((later.judged, later.changed.len()), (0, 0));
    world.finish().await;
}

#[tokio::test]
async fn another_bundle_changes_what_it_says_otherwise_of() {
    let world = lived().await;
    let found = simulated(&world, "budgets.toml", "limit = 5", "limit = 3").await;
    assert_eq!(changed(&world, &found).await, ["sns:Publish allow → hold 1"]);
    let found = simulated(&world, "budgets.toml", "limit = 5", "limit = 50").await;
    assert_eq!(changed(&world, &found).await, ["sns:PublishBatch hold 1 → allow"]);
    let found = simulated(&world, "standing.toml", "limit = 2", "limit = 1").await;
    assert_eq!(changed(&world, &found).await, ["ecs:UpdateService allow → hold 2"]);
    let backups = "constitution/no-data-loss-after-backup.cedar";
    let found = simulated(&world, backups, "backups_touched >= 1", "backups_touched >= 2").await;
    assert_eq!(changed(&world, &found).await, ["ec2:DeleteVolume deny → hold 2"]);
    let found = simulated(&world, "overrides.toml", "override = []", "[[override]]\noperation = \"ec2:DeleteVolume\"\neffects = [\"write\"]\nundo = \"additive\"\nreason = \"r\"\n").await;
    assert_eq!((found.judged, found.unjudged.len(), found.changed.len()), (ALL - 1, 1, 0), "{found:#?}");
    world.finish().await;
}

/// What only a model vouches for is agreed to by a person, and takes out of the allowance what it takes out of it.
#[tokio::test]
async fn what_ran_with_the_mark_of_a_models_word_has_taken_what_it_takes() {
    let world = world().await;
    let asked = vec![(BATCH.action(), Gathered::default(), Vouched::ByModelAlone)];
    let marked = world.propose_vouched(asked, "its own idea").await.unwrap();
    expect_refusal(world.ask(&BATCH.action()).await, RefusalKind::Held, "one more person");
    world.approve(marked.id, &BEN).await.unwrap();
    // Before it runs there is room for this.
    world.run(&Call { name: "refunds", ..PUBLISH }.action()).await;
    assert_eq!(world.run(&BATCH.action()).await, marked.id);
    world.run(&Call { name: "returns", ..PUBLISH }.action()).await;
    world.hold(&Call { name: "complaints", ..BATCH }.action()).await;
    let same = simulated(&world, "overrides.toml", "", "# the same\n").await;
    assert_eq!((same.judged, same.cut), (4, false), "{same:?}");
    assert!(same.changed.is_empty() && same.unjudged.is_empty() && same.uncertain.is_empty(), "{same:#?}");
    world.finish().await;
}

/// Tags are not on record: where the new map reads them, what they would make of a target is not guessed.
#[tokio::test]
async fn what_rests_on_something_that_is_not_on_record_is_not_judged() {
    let world = lived().await;
    let tags = "[environments.production]\ntags = [\"env=prod*\"]";
    let found = simulated(&world, "environments.toml", "[environments.production]", tags).await;
    let of_staging = found.unjudged.iter().filter(|it| it.why.contains("reads its tags"));
    assert_eq!((of_staging.count(), found.judged), (2, ALL - 2), "{found:#?}");
    assert!(found.changed.is_empty(), "{found:#?}");
    let map = simulated(&world, "environments.toml", "accounts = [\"210987654321\"]", "accounts = []").await;
    let changed = changed(&world, &map).await;
    assert!(changed.contains(&"cloudformation:DeleteStack allow → hold 2".to_owned()), "{changed:?}");
    assert_eq!(map.unjudged.len(), 0, "{map:#?}");
    world.finish().await;
}
