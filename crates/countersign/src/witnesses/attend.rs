//! One witness, for as long as it is one: asked what it knows before anything is sent to it, and handed each round's
//! checkpoint.

use std::{sync::Arc, time::Duration};

use engine::{CosignedError, CosignedFrom, Growth};
use model::WitnessId;
use witness::{Reply, Request};

use super::{
    Seat,
    push::{Board, Standing},
};

/// Before a witness that failed is tried again; doubled each time, up to the second.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(30));
/// A witness that says another size each time is not one to talk with for long.
const TRIES: usize = 3;

pub(super) struct Attendant {
    pub(super) board: Arc<Board>,
    pub(super) witness: WitnessId,
    pub(super) seat: Seat,
}

/// Whether a witness was asked what it knows of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guarded {
    /// Before anything was signed; one that was away then is not asked first, and tells when it is sent something.
    AtStart,
    /// It is named since, or is another: it is asked before anything is sent to it.
    NotYet,
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
    /// For as long as it is a witness of the bundle in force.
    pub(super) async fn attend(self, guarded: Guarded) {
        let Self { board, witness, .. } = &self;
        if guarded == Guarded::NotYet && self.guard().await.is_err() {
            return;
        }
        self.join();
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
                Err(NotCosigned::Contradicted | NotCosigned::Dismissed) => {
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

    /// What it shows of the log must be in the log here. It is asked until it answers.
    async fn guard(&self) -> Result<(), NotCosigned> {
        let Self { board, witness, seat } = self;
        let mut pause = PAUSE.0;
        loop {
            match seat.door.shown(&board.engine.genesis().origin).await {
                Ok(None) => {
                    tracing::info!(%witness, "this witness is reached from now on; it has cosigned nothing of this log yet");
                    return Ok(());
                }
                Ok(Some(note)) => return self.judge(&note),
                Err(why) => {
                    board.engine.witness_away(witness);
                    if pause == PAUSE.0 {
                        tracing::warn!(
                            %witness,
                            "this witness could not be asked how far it knows the log, and nothing is sent to it: {why}; \
                             it is asked again and again"
                        );
                    }
                    tokio::time::sleep(pause).await;
                    pause = pause.saturating_mul(2).min(PAUSE.1);
                }
            }
        }
    }

    fn judge(&self, shown: &str) -> Result<(), NotCosigned> {
        let Self { board, witness, .. } = self;
        match board.engine.compare(witness, shown) {
            Ok((seen, _)) => {
                let size = seen.size;
                tracing::info!(%witness, size, "this witness is reached from now on, and knows a beginning of this log");
                Ok(())
            }
            // As at a start: what it cosigns has to verify all the same.
            Err(err @ (CosignedError::Note(_) | CosignedError::Unreadable(_))) => {
                tracing::warn!(%witness, "what this witness shows of the log does not count: {err}");
                Ok(())
            }
            Err(err @ (CosignedError::Contradiction(_) | CosignedError::Unknown(_))) => Err(judged(err)),
        }
    }

    /// From here on the others wait for it, a while.
    fn join(&self) {
        let Self { board, witness, .. } = self;
        let known = board.engine.witnesses().seen_of(witness);
        let standing = Standing { known, sending: None, present: true };
        board.standing.send_modify(|all| {
            all.insert(witness.clone(), standing);
        });
        board.begin_round();
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
            let answered = self.seat.door.add_checkpoint(body).await.map_err(away)?;
            let kind = answered.content_type.as_deref();
            match Reply::read(answered.status, kind, &answered.body, &growth.note, &self.seat.key) {
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
        match self.seat.door.shown(&board.engine.genesis().origin).await {
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
        CosignedError::Note(_) | CosignedError::Unreadable(_) => away(err),
    }
}
