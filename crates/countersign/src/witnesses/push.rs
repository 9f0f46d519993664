//! Each new checkpoint goes to every witness: one task for each ([`super::attend`]), one request under way at most, and always
//! the newest.
//!
//! Witnesses are kept in step, or no checkpoint would ever have the cosignatures of several while the log grows: all are
//! given the checkpoint of one *round*, and the next round begins once every witness that is there has answered, or a
//! second has passed. What the log has grown by meanwhile is in the next round.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use engine::{Engine, Growth};
use model::WitnessId;
use tokio::sync::watch;

use super::kept::Kept;

/// How long those who have answered wait for one who has not.
const ROUND: Duration = Duration::from_secs(1);

/// What all attendants share.
pub(super) struct Board {
    pub(super) engine: Arc<Engine>,
    pub(super) kept: Kept,
    pub(super) standing: watch::Sender<BTreeMap<WitnessId, Standing>>,
    pub(super) rounds: watch::Sender<Arc<Growth>>,
}

/// Of a witness to which checkpoints are sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing {
    /// The size that it last cosigned.
    pub(super) known: Option<u64>,
    /// The size of what is on its way to it.
    pub(super) sending: Option<u64>,
    /// Whether it answered the last time.
    pub(super) present: bool,
}

impl Board {
    pub(super) fn of(engine: Arc<Engine>, kept: Kept) -> Self {
        let first = engine.growth([]);
        Self { engine, kept, standing: watch::Sender::default(), rounds: watch::Sender::new(Arc::new(first)) }
    }

    /// With the proofs from what each is known to have.
    pub(super) fn begin_round(&self) {
        let from: Vec<u64> = {
            let standing = self.standing.borrow();
            standing.values().flat_map(|it| [it.known.or(Some(0)), it.sending]).flatten().collect()
        };
        self.rounds.send_replace(Arc::new(self.engine.growth(from)));
    }
}

/// Begins rounds for as long as the log grows.
pub(super) async fn go_round(board: Arc<Board>) {
    let mut grown = board.engine.checkpoints();
    let mut standing = board.standing.subscribe();
    loop {
        let (size, round) = (*grown.borrow_and_update(), board.rounds.borrow().size);
        let nobody = board.standing.borrow().is_empty();
        if size > round && !nobody {
            let done = |all: &BTreeMap<WitnessId, Standing>| {
                all.values().all(|it| !it.present || it.known.is_some_and(|known| known >= round))
            };
            // Whoever is late gets the next one, too.
            let _ = tokio::time::timeout(ROUND, standing.wait_for(done)).await;
            board.begin_round();
        }
        if grown.changed().await.is_err() {
            return;
        }
    }
}
