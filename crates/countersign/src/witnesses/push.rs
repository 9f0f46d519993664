//! Each new checkpoint goes to every witness: one task for each, one request under way at most, and always the newest.
//!
//! Witnesses are kept in step, or no checkpoint would ever have the cosignatures of several while the log grows: all are
//! given the checkpoint of one *round*, and the next round begins once every witness that is there has answered, or a
//! second has passed. What the log has grown by meanwhile is in the next round.

use std::{collections::BTreeMap, path::Path, sync::Arc, time::Duration};

use engine::{CosignedError, CosignedFrom, Engine, Growth};
use model::WitnessId;
use tlog::WitnessKey;
use tokio::sync::watch;
use witness::{Reply, Request};

use super::{Reachable, door::Door, kept::Kept};

/// How long those who have answered wait for one who has not.
const ROUND: Duration = Duration::from_secs(1);
/// Before a witness that failed is tried again; doubled each time, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A witness that says another size each time is not one to talk with for long.
const TRIES: usize = 3;

/// Hands the engine what earlier processes kept, and begins.
pub(crate) async fn start(engine: Arc<Engine>, reachable: Reachable, log: &Path) {
    let kept = Kept::at(log);
    kept.load(&engine).await;
    if reachable.doors.is_empty() {
        return;
    }
    let standing = reachable.doors.keys().map(|witness| {
        let known = engine.witnesses().seen_of(witness);
        (witness.clone(), Standing { known, sending: None, present: true })
    });
    let standing: BTreeMap<WitnessId, Standing> = standing.collect();
    let first = engine.growth(sizes(&standing));
    let board = Arc::new(Board {
        engine,
        kept,
        standing: watch::Sender::new(standing),
        rounds: watch::Sender::new(Arc::new(first)),
    });
    tokio::spawn(go_round(Arc::clone(&board)));
    for (witness, (key, door)) in reachable.doors {
        tokio::spawn(Attendant { board: Arc::clone(&board), witness, key, door }.attend());
    }
}

struct Board {
    engine: Arc<Engine>,
    kept: Kept,
    standing: watch::Sender<BTreeMap<WitnessId, Standing>>,
    rounds: watch::Sender<Arc<Growth>>,
}

#[derive(Clone, Copy, Debug)]
struct Standing {
    /// The size that it last cosigned.
    known: Option<u64>,
    /// The size of what is on its way to it.
    sending: Option<u64>,
    /// Whether it answered the last time.
    present: bool,
}

/// What the proofs of a round begin from.
fn sizes(standing: &BTreeMap<WitnessId, Standing>) -> Vec<u64> {
    standing.values().flat_map(|it| [it.known.or(Some(0)), it.sending]).flatten().collect()
}

async fn go_round(board: Arc<Board>) {
    let mut grown = board.engine.checkpoints();
    let mut standing = board.standing.subscribe();
    loop {
        let (size, round) = (*grown.borrow_and_update(), board.rounds.borrow().size);
        if size > round {
            let done = |all: &BTreeMap<WitnessId, Standing>| {
                all.values().all(|it| !it.present || it.known.is_some_and(|known| known >= round))
            };
            // Whoever is late gets the next one, too.
            let _ = tokio::time::timeout(ROUND, standing.wait_for(done)).await;
            let from = sizes(&board.standing.borrow());
            board.rounds.send_replace(Arc::new(board.engine.growth(from)));
        }
        if grown.changed().await.is_err() {
            return;
        }
    }
}

struct Attendant {
    board: Arc<Board>,
    witness: WitnessId,
    key: WitnessKey,
    door: Door,
}

/// Why a checkpoint was not cosigned.
enum NotCosigned {
    /// To be tried again later.
    Away(String),
    /// It knows what this log does not contain; the engine signs nothing more.
    Contradicted,
    /// The bundle in force does not name it any more.
    Dismissed,
}

impl Attendant {
    async fn attend(self) {
        let Self { board, witness, .. } = &self;
        let mut rounds = board.rounds.subscribe();
        let mut pause = PAUSE.0;
        loop {
            let round = Arc::clone(&rounds.borrow_and_update());
            if self.standing().known.is_some_and(|known| known >= round.size) {
                if rounds.changed().await.is_err() {
                    return;
                }
                continue;
            }
            match self.push(round).await {
                Ok(()) => {
                    if !self.standing().present {
                        tracing::info!(%witness, "the witness is there again");
                    }
                    self.stands(|it| it.present = true);
                    pause = PAUSE.0;
                }
                Err(NotCosigned::Contradicted) => return,
                Err(NotCosigned::Dismissed) => {
                    tracing::info!(%witness, "the bundle in force does not name this witness: nothing more is sent to it");
                    self.stands(|it| (it.present, it.sending) = (false, None));
                    return;
                }
                Err(NotCosigned::Away(why)) => {
                    board.engine.witness_away(witness);
                    if self.standing().present {
                        tracing::warn!(%witness, "the witness does not cosign: {why}; it is tried again and again");
                    }
                    self.stands(|it| (it.present, it.sending) = (false, None));
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE.1);
                }
            }
        }
    }

    /// One checkpoint, with the proof from what the witness says that it knows.
    async fn push(&self, round: Arc<Growth>) -> Result<(), NotCosigned> {
        let Self { board, witness, .. } = self;
        let mut growth = round;
        let mut old = self.standing().known.unwrap_or(0);
        for _ in 0..TRIES {
            if !growth.proofs.contains_key(&old) {
                growth = Arc::new(board.engine.growth([old]));
            }
            let proof = growth.proofs.get(&old).cloned();
            let proof =
                proof.ok_or_else(|| NotCosigned::Away(format!("this log never had {old} entries")))?;
            self.stands(|it| it.sending = Some(growth.size));
            let body = Request { old, proof, note: &growth.note }.to_text();
            let answered = self.door.add_checkpoint(body).await.map_err(away)?;
            let kind = answered.content_type.as_deref();
            match Reply::read(answered.status, kind, &answered.body, &growth.note, &self.key) {
                Ok(Reply::Cosigned { line, .. }) => return self.cosigned(&growth, &line).await,
                Ok(Reply::Conflict { size }) if size > board.engine.growth([]).size => {
                    return Err(self.suspect(&format!("it says that it knows {size} entries")).await);
                }
                Ok(Reply::Conflict { size }) => {
                    if self.standing().known.is_some_and(|known| size < known) {
                        tracing::warn!(%witness, size, "this witness has forgotten what it had cosigned");
                    }
                    old = size;
                }
                Err(err @ witness::ReplyError::NotProved { .. }) => {
                    return Err(self.suspect(&err.to_string()).await);
                }
                Err(err) => return Err(away(err)),
            }
        }
        Err(NotCosigned::Away("it says another size each time".to_owned()))
    }

    async fn cosigned(&self, growth: &Growth, line: &str) -> Result<(), NotCosigned> {
        let Self { board, witness, .. } = self;
        let taken = board.engine.cosigned(witness, &growth.note, line, CosignedFrom::Witness).await;
        let published = taken.map_err(judged)?;
        board.kept.cosigned(witness, &format!("{}{line}", growth.note));
        if let Some(note) = published {
            board.kept.witnessed(&note);
        }
        self.stands(|it| (it.known, it.sending) = (Some(growth.size), None));
        Ok(())
    }

    /// It may be right and we an old copy: what it shows decides, if this log's own key and its own signed it.
    async fn suspect(&self, why: &str) -> NotCosigned {
        let Self { board, witness, .. } = self;
        match self.door.shown(&board.engine.genesis().origin).await {
            Ok(Some(note)) => match board.engine.compare(witness, &note) {
                Ok((seen, _)) => {
                    NotCosigned::Away(format!("{why}; what it shows, {} entries, is in this log", seen.size))
                }
                Err(err @ CosignedError::Contradiction(_)) => judged(err),
                Err(err) => NotCosigned::Away(format!("{why}; what it shows does not hold: {err}")),
            },
            Ok(None) => NotCosigned::Away(format!("{why}, and shows nothing")),
            Err(err) => NotCosigned::Away(format!("{why}, and what it knows cannot be seen: {err}")),
        }
    }

    fn standing(&self) -> Standing {
        let nobody = Standing { known: None, sending: None, present: false };
        self.board.standing.borrow().get(&self.witness).copied().unwrap_or(nobody)
    }

    fn stands(&self, change: impl FnOnce(&mut Standing)) {
        self.board.standing.send_modify(|all| {
            if let Some(own) = all.get_mut(&self.witness) {
                change(own);
            }
        });
    }
}

fn away(err: impl std::fmt::Display) -> NotCosigned {
    NotCosigned::Away(err.to_string())
}

fn judged(err: CosignedError) -> NotCosigned {
    match err {
        CosignedError::Contradiction(_) => NotCosigned::Contradicted,
        CosignedError::Unknown(_) => NotCosigned::Dismissed,
        CosignedError::Note(_) => away(err),
    }
}
