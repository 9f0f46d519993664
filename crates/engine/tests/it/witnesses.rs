//! Promise 11, as far as the engine goes: a cosignature counts that verifies here, and a witness that knows what this disk
//! does not contain ends all signing.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use engine::{CosignedError, CosignedFrom, Engine, Later, LogError, SignError, WitnessReach};
use model::{EntryKind, WitnessId};
use tlog::{Checkpoint, NoteError, WitnessSigningKey, cosign, leaf_hash, sign_checkpoint, verify_growth};
use witness::Contradiction;

use crate::{
    actions::{DELETE_STACK, Found, PUT_PARAMETER, inverse},
    cast::ANA,
    world::{Unusual, World, expect_refusal, log_key},
};

const TWO: &str = "quorum = 2
[witnesses.w1]
key = \"witness.example/w1+24b5d9fe+BP0XJDhaoMdbZPt4zWAvodmR/ev3axPFjtcC6sg16fYY\"
[witnesses.w2]
key = \"witness.example/w2+W2ID+W2KEY\"
";

const SEEN: u64 = 1_795_228_800;

struct Witness {
    name: WitnessId,
    key: WitnessSigningKey,
}

fn witness(nth: u8) -> Witness {
    let key = WitnessSigningKey::from_seed(&format!("witness.example/w{nth}"), &[8 + nth; 32]).unwrap();
    Witness { name: format!("w{nth}").parse().unwrap(), key }
}

impl Witness {
    /// Cosigns a checkpoint of the log, as the engine gave it.
    fn line(&self, note: &str) -> String {
        let checkpoint = tlog::open_checkpoint(note, &log_key().verifier()).unwrap();
        cosign(&checkpoint, SEEN, &self.key).unwrap()
    }

    async fn sees(&self, world: &World) -> Option<String> {
        world.engine.sequence().await.unwrap();
        let note = world.engine.checkpoint();
        world.engine.cosigned(&self.name, &note, &self.line(&note), CosignedFrom::Witness).await.unwrap()
    }
}

async fn world() -> World {
    world_with("").await
}

async fn world_with(levels: &'static str) -> World {
    let w2 = witness(2).key.verifier().to_string();
    let (_, w2) = w2.split_once('+').unwrap();
    let toml = Box::leak(TWO.replace("W2ID+W2KEY", w2).into_boxed_str());
    let world =
        World::built(Unusual { witnesses: toml, levels, ..Unusual::default() }, store::Store::memory()).await;
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    world
}

#[tokio::test]
async fn a_cosignature_counts_where_it_verifies_and_for_what_it_covers() {
    let (world, w1, w2) = (world().await, witness(1), witness(2));
    let engine = &world.engine;
    engine.sequence().await.unwrap();
    let note = engine.checkpoint();
    let size = engine.growth([]).size;
    assert_eq!((engine.witnesses().seen(size), engine.witnesses().seen_by(1)), (0, 0));
    assert_eq!(w1.sees(&world).await, None, "one of two is not enough to be published");
    assert_eq!((engine.witnesses().seen(size), engine.witnesses().seen(size + 9)), (1, 0));
    assert_eq!(engine.witnesses().newest(), None);

    world.run(&PUT_PARAMETER.action()).await;
    let published = w2.sees(&world).await;
    assert_eq!(published, None, "of another checkpoint each");
    assert_eq!(
        (engine.witnesses().seen_by(1), engine.witnesses().seen_by(2)),
        (engine.witnesses().seen_of(&w2.name).unwrap(), size)
    );
    let published = w1.sees(&world).await;
    assert_eq!(published, None, "the log grew by what it told of w2");
    let published = w2.sees(&world).await.unwrap();
    assert_eq!(engine.witnesses().newest().as_ref(), Some(&published));
    for witness in [&w1, &w2] {
        assert!(witness::open_witnessed(&published, &log_key().verifier(), &witness.key.verifier()).is_ok());
    }

    // Not verified, not known, not ours.
    let line = w1.line(&note);
    for (name, note, line) in [
        (&w2.name, note.clone(), line.clone()),
        (&w1.name, note.clone(), String::new()),
        (&w1.name, engine.checkpoint(), line.clone()),
    ] {
        let refused = engine.cosigned(name, &note, &line, CosignedFrom::Witness).await;
        assert!(matches!(
            refused,
            Err(CosignedError::Note(NoteError::NotSigned(_) | NoteError::WrongSignature(_)))
        ));
    }
    let stranger: WitnessId = "w3".parse().unwrap();
    let refused = engine.cosigned(&stranger, &note, &line, CosignedFrom::Witness).await;
    assert!(matches!(refused, Err(CosignedError::Unknown(_))));
    world.finish().await;
}

/// Whose cosignatures count, and how many, is what the bundle in force says.
#[tokio::test]
async fn another_bundle_names_other_witnesses_from_then_on() {
    let (world, w1, w2) = (world().await, witness(1), witness(2));
    w1.sees(&world).await;
    w2.sees(&world).await;
    let mut next = world.place.files.clone();
    let own = String::from_utf8(next["witnesses.toml"].clone()).unwrap();
    let (first, _) = own.split_once("[witnesses.w2]").unwrap();
    next.insert("witnesses.toml".to_owned(), first.replace("quorum = 2", "quorum = 1").into_bytes());
    world.adopted(&next).await;
    let witnesses = world.engine.witnesses();
    assert_eq!((witnesses.quorum(), witnesses.names()), (1, vec![w1.name.clone()]));
    assert!(witnesses.seen_of(&w1.name).is_some(), "what it cosigned before counts");
    assert_eq!(witnesses.seen_of(&w2.name), None);
    let note = world.engine.checkpoint();
    let refused = world.engine.cosigned(&w2.name, &note, &w2.line(&note), CosignedFrom::Witness).await;
    assert!(matches!(refused, Err(CosignedError::Unknown(_))));
    assert!(w1.sees(&world).await.is_some(), "one is enough now");
    world.adopted(&world.place.files.clone()).await;
    assert_eq!(world.engine.witnesses().names().len(), 2);
    world.finish().await;
}

/// Whoever reaches them, as long as they can be reached.
#[derive(Default)]
struct Reaches(AtomicBool);

impl WitnessReach for Reaches {
    fn fits<'a>(&'a self, _: &'a Engine, next: &'a policy::Bundle) -> Later<'a, Result<(), String>> {
        let quorum = next.witnesses().quorum;
        let there = self.0.load(Ordering::SeqCst);
        Box::pin(
            async move { if there { Ok(()) } else { Err(format!("{quorum} witnesses cannot be reached")) } },
        )
    }
}

/// Before anybody is asked to sign, and again before it comes into force.
#[tokio::test]
async fn a_bundle_whose_witnesses_cannot_be_reached_is_not_adopted() {
    let (world, reach) = (world().await, Arc::new(Reaches::default()));
    world.engine.reach_witnesses_by(Arc::<Reaches>::clone(&reach));
    let mut bundles = world.engine.bundles();
    let mut next = world.place.files.clone();
    let own = String::from_utf8(next["witnesses.toml"].clone()).unwrap();
    next.insert("witnesses.toml".to_owned(), own.replace("quorum = 2", "quorum = 1").into_bytes());
    let refused = async || match world.adopt(&next, &ANA).await {
        Err(SignError::NotAdoptable(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused().await, "1 witnesses cannot be reached");
    assert_eq!(world.count(EntryKind::ChangeHeld).await, 0);
    reach.0.store(true, Ordering::SeqCst);
    let asking = world.adopt(&next, &ANA).await.unwrap();
    world.approve_by_two(asking.id).await;
    reach.0.store(false, Ordering::SeqCst);
    assert_eq!(refused().await, "1 witnesses cannot be reached");
    assert!(!bundles.has_changed().unwrap());
    reach.0.store(true, Ordering::SeqCst);
    assert_eq!(world.adopt(&next, &ANA).await.unwrap().id, asking.id, "what was signed for it stands");
    assert!(bundles.has_changed().unwrap());
    assert_eq!(bundles.borrow_and_update().digest(), policy::Bundle::digest_of(&next));
    world.finish().await;
}

#[tokio::test]
async fn whoever_needs_witnesses_waits_for_as_many_and_no_longer() {
    let (world, w1, w2) = (world().await, witness(1), witness(2));
    let size = world.engine.growth([]).size;
    let waiting = |count| world.engine.witnesses().wait(size, count, Duration::from_millis(50));
    waiting(0).await.unwrap();
    let late = waiting(1).await.unwrap_err();
    assert_eq!(late.to_string(), format!("0 of 1 witnesses have cosigned the log up to entry {size}"));
    w1.sees(&world).await;
    waiting(1).await.unwrap();
    let both = tokio::spawn({
        let engine = std::sync::Arc::clone(&world.engine);
        async move { engine.witnesses().wait(size, 2, Duration::from_secs(60)).await }
    });
    w2.sees(&world).await;
    both.await.unwrap().unwrap();
    world.finish().await;
}

/// `witnessed(2)` before the permit is out; and where that cannot come, nothing is begun or nothing is sent.
#[tokio::test]
async fn promise_02_an_effect_waits_for_as_many_witnesses_as_the_bundle_says() {
    let levels = "wait_s = 1\nproduction = { write = \"witnessed(2)\" }";
    let (world, w1, w2) = (world_with(levels).await, witness(1), witness(2));
    let witnesses = async {
        let mut grown = world.engine.checkpoints();
        loop {
            w1.sees(&world).await;
            w2.sees(&world).await;
            grown.changed().await.unwrap();
        }
    };
    let action = PUT_PARAMETER.action();
    let permit = tokio::select! {
        admitted = world.ask(&action) => crate::world::permitted(admitted),
        () = witnesses => unreachable!(),
    };
    let issued = world.logged().iter().position(|entry| entry.kind == EntryKind::PermitIssued).unwrap();
    assert!(world.engine.witnesses().seen_by(2) > issued as u64, "two have cosigned the permit's entry");
    world.answer(permit, 200).await;

    // They hear nothing of it: not sent, once the time is over.
    let other = crate::actions::Call { name: "/app/other", ..PUT_PARAMETER }.action();
    expect_refusal(world.ask(&other).await, engine::RefusalKind::Fault, "CS110");
    let permits = world.count(EntryKind::PermitIssued).await;
    assert_eq!(permits, 2);
    // Known to be away: nothing is begun.
    world.engine.witness_away(&w1.name);
    let third = crate::actions::Call { name: "/app/third", ..PUT_PARAMETER }.action();
    expect_refusal(world.ask(&third).await, engine::RefusalKind::Fault, "CS110");
    assert_eq!(world.count(EntryKind::PermitIssued).await, permits);
    world.finish().await;
}

#[tokio::test]
async fn a_witness_is_on_record_once_and_again_after_it_was_away() {
    let (world, w1) = (world().await, witness(1));
    let told = async || world.count(EntryKind::CheckpointWitnessed).await;
    for _ in 0..5 {
        w1.sees(&world).await;
    }
    assert_eq!(told().await, 1, "not for each checkpoint");
    world.engine.witness_away(&w1.name);
    w1.sees(&world).await;
    assert_eq!(told().await, 1, "a moment is no absence");
    world.engine.witness_away(&w1.name);
    world.clock.advance(70);
    world.engine.witness_away(&w1.name);
    w1.sees(&world).await;
    w1.sees(&world).await;
    assert_eq!(told().await, 2);

    let note = world.engine.checkpoint();
    let w2 = witness(2);
    world.engine.cosigned(&w2.name, &note, &w2.line(&note), CosignedFrom::Kept).await.unwrap();
    w2.sees(&world).await;
    assert_eq!(told().await, 2, "an earlier process has told of it");
    world.finish().await;
}

#[tokio::test]
async fn a_receipt_has_the_witnesses_that_cover_its_entry() {
    let (world, w1, w2) = (world().await, witness(1), witness(2));
    let engine = &world.engine;
    // The log grows by what it tells of each for the first time.
    for witness in [&w1, &w2, &w1] {
        assert_eq!(witness.sees(&world).await, None);
    }
    let published = w2.sees(&world).await.unwrap();
    let covered = engine.growth([]).size;
    world.run(&PUT_PARAMETER.action()).await;
    engine.sequence().await.unwrap();
    let newest = engine.checkpoint();
    for (index, note) in [(0, &published), (covered - 1, &published), (covered, &newest)] {
        let text = engine.receipt(index).unwrap();
        assert!(text.ends_with(note), "{index}: {text}");
        let shown = audit::check_receipt(&text, Some(engine.installation())).unwrap();
        assert_eq!((shown.index, shown.authenticated), (index, true));
    }
    let beyond = engine.receipt(engine.growth([]).size);
    assert!(matches!(beyond, Err(LogError::NoSuchEntry { .. })), "{beyond:?}");
    world.finish().await;
}

#[tokio::test]
async fn proofs_are_of_one_moment_and_from_every_size_that_was() {
    let world = world().await;
    let early = world.engine.growth([]);
    for _ in 0..3 {
        world.run(&PUT_PARAMETER.action()).await;
    }
    world.engine.sequence().await.unwrap();
    let mut grown = world.engine.checkpoints();
    let growth = world.engine.growth([0, early.size, 10_000]);
    assert_eq!(growth.proofs.keys().copied().collect::<Vec<_>>(), [0, early.size]);
    let open = |note: &str| tlog::open_checkpoint(note, &log_key().verifier()).unwrap();
    assert_eq!(open(&growth.note).size, growth.size);
    verify_growth(&open(&early.note), &open(&growth.note), &growth.proofs[&early.size]).unwrap();
    world.run(&PUT_PARAMETER.action()).await;
    world.engine.sequence().await.unwrap();
    assert!(*grown.wait_for(|size| *size > growth.size).await.unwrap() > growth.size);
    world.finish().await;
}

#[tokio::test]
async fn a_witness_that_knows_more_or_otherwise_ends_all_signing() {
    for longer in [true, false] {
        let (world, w1) = (world().await, witness(1));
        world.run(&PUT_PARAMETER.action()).await;
        world.engine.sequence().await.unwrap();
        let here = world.engine.growth([]);
        let root = leaf_hash(b"another history");
        let size = if longer { here.size + 7 } else { here.size - 1 };
        let seen = Checkpoint { origin: "log.example/engine".to_owned(), size, root };
        let signed = sign_checkpoint(&seen, &log_key());
        let shown = format!("{signed}{}", cosign(&seen, SEEN, &w1.key).unwrap());

        // Without both signatures it is only a rumour.
        let other = cosign(&seen, SEEN, &witness(2).key).unwrap();
        assert!(matches!(
            world.engine.compare(&w1.name, &format!("{signed}{other}")),
            Err(CosignedError::Note(_))
        ));
        world.run(&PUT_PARAMETER.action()).await;
        world.engine.sequence().await.unwrap();
        let before = world.engine.checkpoint();

        // Looked at before a bundle names it, that is only told.
        let told = world.engine.contradicted(&w1.name, &w1.key.verifier(), &shown).unwrap();
        assert!(told.is_some());
        assert!(world.engine.contradicted(&w1.name, &witness(2).key.verifier(), &shown).is_err());
        world.engine.sequence().await.unwrap();

        let found = world.engine.compare(&w1.name, &shown).unwrap_err();
        assert!(
            matches!(
                (&found, longer),
                (CosignedError::Contradiction(Contradiction::Longer { .. }), true)
                    | (CosignedError::Contradiction(Contradiction::Forked { .. }), false)
            ),
            "{found}"
        );
        for call in [PUT_PARAMETER, DELETE_STACK] {
            expect_refusal(world.ask(&call.action()).await, engine::RefusalKind::Fault, "CS102");
        }
        assert!(world.engine.sequence().await.is_err());
        tokio::time::sleep(Duration::from_millis(700)).await;
        assert!(world.engine.sequence().await.is_err(), "it does not recover by itself");
        assert_eq!(world.engine.checkpoint(), before, "nothing more was signed");
    }
}
