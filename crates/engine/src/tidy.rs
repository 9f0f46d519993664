//! What waits for nothing any more leaves the queue by itself, and the record says why: a change whose time is over, and one
//! whose targets somebody took away meanwhile.
//!
//! All that waits is gone through in rounds, a little at a time, so that each was looked at about as long ago as the others.
//! A change is over when nothing is left of it that could still be done: the target of *each* of its steps that have not run is
//! gone, by a clear answer to a read of our own. An error, a refusal, an answer that is cut short, or one step that nobody can
//! look for, and it waits on: people see it, and its own time ends. Nobody's signature is asked or spent; whoever asks for the
//! same again is judged anew.

use model::{Absence, Change, ChangeId, ChangeState, EntryKind, Fault, Gone, Sight, StepState, Timestamp};
use store::{Filter, WriteError};

use crate::{
    Engine,
    decide::{self, DecideError},
    record::{about, list_actions},
};

/// Changes at a time.
const CHANGES: usize = 25;
/// Reads at a time, but that no change is left half looked at.
const READS: usize = 50;

/// How far the queue has been gone through.
#[derive(Debug, Default)]
pub struct Rounds {
    began: Option<Timestamp>,
    /// The last one that was looked at in this round.
    after: Option<ChangeId>,
}

impl Engine {
    /// A piece of a round, from the newest that waits to the oldest. The first begins as long after the start as each other one
    /// after the one before: `look_again_s` of the bundle.
    ///
    /// # Errors
    /// Where there is no time or no record; it goes on where it was.
    pub async fn tidy(&self, rounds: &mut Rounds) -> Result<(), Fault> {
        let now = self.now()?;
        self.recordable()?;
        if rounds.after.is_none() {
            let pause = self.bundle().limits().look_again_s.saturating_mul(1000);
            if now.since(*rounds.began.get_or_insert(now)) < pause {
                return Ok(());
            }
            rounds.began = Some(now);
        }
        let filter = Filter {
            states: vec![ChangeState::Held, ChangeState::Approved],
            agent: None,
            session: None,
            before: rounds.after,
            limit: CHANGES,
        };
        let waiting = self.store.read(move |view| view.change_ids(&filter)).await;
        let (waiting, rows) = waiting.map_err(|err| Fault::Storage(err.to_string()))?;
        let all = rows < CHANGES || waiting.is_empty();
        let mut reads = 0;
        for id in waiting {
            if reads >= READS || *self.standing_down().borrow() {
                return Ok(());
            }
            rounds.after = Some(id);
            let change = match self.store.read(move |view| view.change(id)).await {
                Ok(Some(change)) if change.state.is_open() => change,
                Ok(_) => continue,
                // One that somebody altered keeps nobody from the others.
                Err(err) => {
                    tracing::warn!(change = %id, %err, "it is not looked at: what lies there cannot be read");
                    continue;
                }
            };
            if now >= change.expires_at {
                self.end(&change, None).await?;
            } else if let Some(gone) = self.gone(&change, &mut reads).await {
                self.end(&change, Some(gone)).await?;
            }
        }
        if all {
            rounds.after = None;
        }
        Ok(())
    }

    /// By which reads each target of what has not run yet is known to be gone.
    async fn gone(&self, change: &Change, reads: &mut usize) -> Option<Vec<(usize, Absence)>> {
        let connector = self.connector()?;
        let pending = || change.steps.iter().enumerate().filter(|(_, step)| step.state == StepState::Pending);
        // Where one of them cannot be looked for, looking for the others says nothing.
        let looked_for = pending().map(|(nth, step)| Some((nth, &step.action, step.sought.as_ref()?)));
        let looked_for: Vec<_> = looked_for.collect::<Option<_>>()?;
        let mut gone = Vec::with_capacity(looked_for.len());
        for (nth, action, sought) in looked_for {
            *reads = reads.saturating_add(1);
            match connector.look(self, action, sought).await {
                Sight::Gone(absence) => gone.push((nth, absence)),
                Sight::There => return None,
                Sight::Unknown(why) => {
                    tracing::debug!(change = %change.id, %why, "its target could not be looked for");
                    return None;
                }
            }
        }
        (!gone.is_empty()).then_some(gone)
    }

    /// As it was looked at, or not at all: what was asked for, signed, let through or joined meanwhile is looked at again.
    async fn end(&self, seen: &Change, gone: Option<Vec<(usize, Absence)>>) -> Result<(), Fault> {
        let (id, version) = (seen.id, seen.version);
        let mut drawn = self.draw()?;
        let ended = self.store.write(move |tx| -> Result<Option<ChangeState>, DecideError> {
            let found = tx.change(id)?.filter(|it| it.state.is_open() && it.version == version);
            let Some(mut change) = found else { return Ok(None) };
            let Some(gone) = gone else {
                decide::expire(tx, &mut drawn, &change)?;
                return Ok(Some(ChangeState::Expired));
            };
            let why = said(&change, &gone);
            change.state = ChangeState::Withdrawn;
            change.gone = Some(Gone { at: drawn.now, why: why.clone() });
            let mut entry = about(&mut drawn, EntryKind::ChangeWithdrawn, &change);
            let reads: Vec<String> =
                gone.iter().map(|(nth, absence)| format!("{nth}:{}", absence.digest)).collect();
            entry.detail.insert("why".to_owned(), why);
            entry.detail.insert("gone".to_owned(), reads.join(" "));
            list_actions(&mut entry, &change);
            tx.advance_change(&change, version, entry)?;
            Ok(Some(change.state))
        });
        let ended = ended.await.map_err(|err| match err {
            WriteError::Op(err) => err.into_fault(),
            WriteError::Storage(err) => Fault::Storage(err.to_string()),
        })?;
        if let Some(state) = ended {
            tracing::info!(change = %id, %state, "it waits for nothing any more");
            self.moved();
        }
        Ok(())
    }
}

/// Which targets, and by which reads that is known.
fn said(change: &Change, gone: &[(usize, Absence)]) -> String {
    let each = gone.iter().filter_map(|(nth, absence)| {
        let names = change.steps.get(*nth)?.action.resources.iter().map(|it| model::sanitize(&it.name, 200));
        Some(format!("{} (by {})", names.collect::<Vec<_>>().join(", "), absence.read))
    });
    let each: Vec<String> = each.collect();
    let what = if each.len() == 1 { "its target is gone" } else { "its targets are gone" };
    model::sanitize(&format!("{what}: {}", each.join("; ")), 1000)
}
