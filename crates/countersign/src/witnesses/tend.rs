//! Who is attended: the witnesses that the bundle in force names and that have an address. Whenever another bundle comes into
//! force the addresses are read again; whoever is new is reached, whoever is dismissed no more, and the rest notice nothing.

use std::{collections::BTreeMap, path::Path, sync::Arc};

use engine::Engine;
use model::WitnessId;
use tlog::WitnessKey;
use tokio::task::JoinHandle;

use super::{
    Doors, Reachable, Seat,
    attend::{Attendant, Guarded},
    kept::Kept,
    push::{Board, go_round},
    read_again, seats,
};

/// Hands the engine what earlier processes kept, and begins. `file`: the configuration; `reachable` is as it was guarded.
pub(crate) async fn start(engine: Arc<Engine>, reachable: Reachable, file: &Path, log: &Path) {
    let mut bundles = engine.bundles();
    let board = Arc::new(Board::of(engine, Kept::at(log)));
    tokio::spawn(go_round(Arc::clone(&board)));
    let mut tended = Tended { board, doors: reachable.doors, attended: BTreeMap::new() };
    // Another bundle may be in force already; whoever that one names was asked by nobody.
    tended.look(&seats(&reachable.keys, &tended.doors)).await;
    let file = file.to_owned();
    tokio::spawn(async move {
        while bundles.changed().await.is_ok() {
            match read_again(file.clone()).await {
                Ok(doors) => tended.doors = doors,
                Err(failure) => tracing::error!(
                    "another bundle is in force, and the addresses of witnesses could not be read again: {}; those of before \
                     are used until it is started again",
                    failure.message
                ),
            }
            tended.look(&BTreeMap::new()).await;
        }
    });
}

struct Tended {
    board: Arc<Board>,
    doors: Doors,
    attended: BTreeMap<WitnessId, Attended>,
}

struct Attended {
    seat: Seat,
    task: JoinHandle<()>,
}

impl Tended {
    /// `guarded`: those that were asked what they know before anything was signed.
    async fn look(&mut self, guarded: &BTreeMap<WitnessId, Seat>) {
        let convicting = self.board.kept.load(&self.board.engine).await;
        let keys = self.board.engine.witnesses().keys();
        self.say(&keys);
        let mut wanted = seats(&keys, &self.doors);
        wanted.retain(|witness, _| !convicting.contains(witness));

        let stays = |witness: &WitnessId, it: &Attended| {
            !it.task.is_finished() && wanted.get(witness).is_some_and(|seat| seat.is(&it.seat))
        };
        let gone: Vec<WitnessId> = self
            .attended
            .iter()
            .filter(|(witness, it)| !stays(witness, it))
            .map(|(name, _)| name.clone())
            .collect();
        for witness in gone {
            self.dismiss(&witness).await;
            if !keys.contains_key(&witness) {
                tracing::info!(%witness, "the bundle in force does not name this witness: nothing more is sent to it");
            }
        }
        for (witness, seat) in wanted {
            if self.attended.contains_key(&witness) {
                continue;
            }
            let asked = guarded.get(&witness).is_some_and(|it| it.is(&seat));
            let guarded = if asked { Guarded::AtStart } else { Guarded::NotYet };
            let board = Arc::clone(&self.board);
            let attendant = Attendant { board, witness: witness.clone(), seat: seat.clone() };
            let task = tokio::spawn(attendant.attend(guarded));
            self.attended.insert(witness, Attended { seat, task });
        }
    }

    /// Nothing is under way to it any more once this is over.
    async fn dismiss(&mut self, witness: &WitnessId) {
        let Some(Attended { task, .. }) = self.attended.remove(witness) else { return };
        task.abort();
        let _ = task.await;
        self.board.standing.send_modify(|all| {
            all.remove(witness);
        });
    }

    fn say(&self, keys: &BTreeMap<WitnessId, WitnessKey>) {
        for witness in keys.keys().filter(|witness| !self.doors.contains_key(*witness)) {
            self.board.engine.witness_away(witness);
            tracing::warn!(%witness, "a witness of the bundle has no address under [witness]: nothing is sent to it");
        }
        for witness in self.doors.keys().filter(|witness| !keys.contains_key(*witness)) {
            tracing::warn!(
                %witness,
                "an address under [witness] is of nobody whom the bundle in force names: nothing is sent to it until one does"
            );
        }
    }
}
