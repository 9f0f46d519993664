//! What is flushed before whom: the decision before its permit is out, whatever the log signs for before it signs, and the
//! outcome before its answer where the decision had to be more than recorded. And what a power cut makes of an outcome
//! that was not.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use engine::{RefusalKind, Settled};
use model::{ChangeState, EntryKind};
use rusqlite::Connection;
use store::Probe;

use crate::{
    actions::{DELETE_STACK, Found, PUT_PARAMETER, inverse},
    between::Between,
    world::{START, Unusual, World, answer, expect_refusal, permitted},
};

/// A database as the next process would find it after a power cut, and how it got there.
#[derive(Default)]
struct Database {
    path: OnceLock<PathBuf>,
    /// Its entries that no power cut can take.
    durable: AtomicI64,
    writer: Mutex<Writer>,
}

#[derive(Default)]
struct Writer {
    lazy: bool,
    statements: Vec<&'static str>,
    /// Of every commit that moved a change: whether it was flushed with it.
    moves: Vec<bool>,
    /// The database and its write-ahead log as they were last flushed.
    flushed: [Vec<u8>; 2],
}

impl Database {
    /// Nothing is flushed that nobody asks for, so that what is not flushed stays so.
    fn probe(self: &Arc<Self>) -> Probe {
        let this = Arc::clone(self);
        let step = move |name| this.step(name);
        Probe { step: Some(Arc::new(step)), soon: Some(Duration::from_secs(3600)), ..Probe::default() }
    }

    fn step(&self, name: &'static str) {
        let mut writer = self.writer.lock().unwrap();
        match name {
            "synchronous = NORMAL" => writer.lazy = true,
            "synchronous = FULL" => writer.lazy = false,
            "BEGIN IMMEDIATE" => writer.statements.clear(),
            "after COMMIT" => {
                let flushed = !writer.lazy || writer.statements.contains(&"flush");
                if writer.statements.contains(&"put change") {
                    writer.moves.push(flushed);
                }
                let Some(path) = self.path.get().filter(|_| flushed) else { return };
                writer.flushed = files(path).map(|file| fs::read(file).unwrap());
                let count = "SELECT count(*) FROM outbox";
                let durable = Connection::open(path).unwrap().query_row(count, [], |row| row.get(0));
                self.durable.store(durable.unwrap(), Ordering::SeqCst);
            }
            _ => writer.statements.push(name),
        }
    }

    fn moves(&self) -> Vec<bool> {
        std::mem::take(&mut self.writer.lock().unwrap().moves)
    }

    /// Once the process has let go of it.
    fn cut_the_power(&self) {
        let path = self.path.get().unwrap();
        for (file, bytes) in files(path).iter().zip(&self.writer.lock().unwrap().flushed) {
            fs::write(file, bytes).unwrap();
            fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
        }
    }
}

fn files(database: &Path) -> [PathBuf; 2] {
    [database.to_owned(), PathBuf::from(format!("{}-wal", database.display()))]
}

async fn world(database: &Arc<Database>, unusual: Unusual) -> World {
    let world = World::on_disk_with(Unusual { probe: Some(database.probe()), ..unusual }).await;
    database.path.set(world.place.database()).unwrap();
    world.target.is(Found { state: Some("blue"), undo: Some(inverse()), ..Found::default() });
    world
}

#[tokio::test]
async fn promise_02_a_permit_is_flushed_before_it_is_out_and_an_outcome_by_its_level() {
    for (levels, expected) in [("", [true, false]), ("production = { write = \"sequenced\" }", [true, true])]
    {
        let database = Arc::default();
        let world = world(&database, Unusual { levels, ..Unusual::default() }).await;
        for settled in [
            Settled::Answered(answer(200)),
            Settled::Answered(answer(400)),
            Settled::NotSent("no connection".to_owned()),
        ] {
            world.engine.sequence().await.unwrap();
            database.moves();
            let permit = permitted(world.ask(&PUT_PARAMETER.action()).await);
            assert_eq!(database.moves(), [expected[0]], "{levels}");
            world.settle(permit, settled).await;
            assert_eq!(database.moves(), [expected[1]], "{levels}");
        }
        // What destroys waits for the signed log, and its outcome for the disk.
        let held = world.hold(&DELETE_STACK.action()).await;
        world.approve_by_two(held).await;
        world.run(&DELETE_STACK.action()).await;
        assert!(database.moves().into_iter().all(|flushed| flushed), "{levels}");
        world.finish().await;
    }
}

#[tokio::test]
async fn the_log_signs_for_nothing_that_the_database_could_lose() {
    let database: Arc<Database> = Arc::default();
    let signed = Arc::new(AtomicI64::new(0));
    let check = {
        let (database, signed) = (Arc::clone(&database), Arc::clone(&signed));
        move |file: &Path| {
            // A checkpoint about to be put in the place of the last one; its second line is the size of the log.
            let note = fs::read_to_string(file).unwrap_or_default();
            let size = note.lines().nth(1).and_then(|line| line.parse().ok()).unwrap_or(0i64);
            if database.path.get().is_some() && size > signed.load(Ordering::SeqCst) {
                signed.store(size, Ordering::SeqCst);
                let durable = database.durable.load(Ordering::SeqCst);
                if size > durable {
                    return Err(io::Error::other(format!("{size} signed for, {durable} durable")));
                }
            }
            Ok(())
        }
    };
    let unusual = Unusual { disk: Some(Box::new(Between(Box::new(check)))), ..Unusual::default() };
    let world = world(&database, unusual).await;
    for nth in 0..12 {
        let before = signed.load(Ordering::SeqCst);
        world.run(&PUT_PARAMETER.action()).await;
        if nth % 3 == 0 {
            world.run(&PUT_PARAMETER.action()).await;
        }
        if nth % 4 == 1 {
            // Durable by itself, and what it takes along is too.
            world.session("", model::Autonomy::Autonomous).await;
        }
        world.engine.sequence().await.unwrap();
        assert!(signed.load(Ordering::SeqCst) >= before + 2, "nothing was looked at");
    }
    world.finish().await;
}

#[tokio::test]
async fn an_outcome_that_a_power_cut_took_is_read_back() {
    let database = Arc::default();
    let world = world(&database, Unusual::default()).await;
    let session = Arc::clone(&world.session);
    let earlier = world.run(&PUT_PARAMETER.action()).await;
    let permit = permitted(world.ask(&PUT_PARAMETER.action()).await);
    let change = permit.change().unwrap();
    world.engine.sequence().await.unwrap();
    world.answer(permit, 200).await;
    assert_eq!(world.state(change).await, ChangeState::Executed, "everybody is told so");
    let place = world.place;
    drop((world.engine, world.store));
    drop(place.reopened().await);
    database.cut_the_power();

    let world = place.restart(session, START.plus_seconds(60)).await.map_err(|(err, _)| err).unwrap();
    assert_eq!(
        world.state(earlier).await,
        ChangeState::Executed,
        "flushed with the permit that came after it"
    );
    assert_eq!(world.state(change).await, ChangeState::Unknown);
    world.target.is(Found { state: Some("green"), undo: Some(inverse()), ..Found::default() });
    expect_refusal(world.ask(&PUT_PARAMETER.action()).await, RefusalKind::Denied, "is now executed");
    assert_eq!(world.count(EntryKind::PermitIssued).await, 2, "it was not let through again");
    world.finish().await;
}
