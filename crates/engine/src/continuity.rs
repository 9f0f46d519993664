//! Beginning a new log under a restored database ([`model::Continuity`]). What the log before has signed for since is lost to
//! this one, so nothing that was under way when the backup was made is taken up again: every session is stopped, every
//! open change is closed, what was being carried out is no longer known. Approvals stand for the record only: they were
//! signed for another installation.

use std::sync::{Arc, Mutex};

use ledger::{Genesis, Ledger};
use model::{
    Actors, Approval, Change, ChangeId, ChangeState, Commitment, Continuity, Digest, Entry, EntryId,
    EntryKind, Erased, Session, StepState, Timestamp,
};
use policy::Bundle;
use store::{Carrier, Store, WriteError};

pub use store::Carried;

use crate::{
    Clock, Entropy, StartError, clock, entropy,
    sequencer::{self, Stopped},
    start::{compare, pin_entry},
};

/// What is to become of a restored database.
#[derive(Debug)]
pub struct Beginning<'a> {
    /// Of the new log, which is empty.
    pub genesis: &'a Genesis,
    pub continuity: &'a Continuity,
    /// The bundle that the log before has pinned.
    pub bundle: &'a Bundle,
    /// Of the bundle.
    pub certificate: Option<Digest>,
    /// Bodies that were erased after the backup was made, as far as the log before still tells: they go again.
    pub erased: Vec<ErasedSince>,
}

/// All bodies of one action, erased.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErasedSince {
    pub of: ChangeId,
    /// Counted from 0.
    pub step: usize,
    pub erased: Erased,
}

impl ErasedSince {
    /// `None` where the entry is of another kind, or does not say what it must.
    pub fn of(entry: &Entry) -> Option<Self> {
        if entry.kind != EntryKind::BodyErased {
            return None;
        }
        let detail = |key: &str| entry.detail.get(key);
        Some(Self {
            of: detail("of")?.parse().ok()?,
            step: detail("step")?.parse().ok()?,
            erased: Erased {
                at: entry.at,
                by: entry.change?,
                asked_by: entry.actors.person.clone()?,
                ground: detail("ground")?.parse().ok()?,
            },
        })
    }
}

/// Writes the first entries of the new log, signed, and leaves the database as they say it is. Neither `store` nor
/// `ledger` may be those of a running server: both are copies that are put in their place afterwards.
///
/// # Errors
/// [`StartError`]: what was written so far is worth nothing then.
pub async fn continue_log(
    store: &Store,
    ledger: Ledger,
    beginning: Beginning<'_>,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Carried, StartError> {
    let Beginning { genesis, continuity, bundle, certificate, erased } = beginning;
    let last = store.read(|view| view.last_recorded_at()).await?;
    let now = clock::Watch::new(last).stamp(clock, i64::MAX)?;
    let mut ids = Ids { now, next: entropy::draw(entropy)? };
    let first = pin_entry(ids.next(), now, genesis, bundle, certificate);
    let mut broken = Entry::new(ids.next(), now, EntryKind::ContinuityBroken);
    broken.bundle = Some(bundle.digest());
    broken.detail = continuity.to_detail();

    let mut carrying = Carrying { now, ids, erased };
    let carried = store.write(move |tx| tx.begin_anew(vec![first, broken], &mut carrying)).await;
    let carried = carried.map_err(|err| match err {
        WriteError::Op(conflict) => StartError::Contradiction(conflict.to_string()),
        WriteError::Storage(err) => StartError::Store(err),
    })?;
    let shared: sequencer::Shared = Arc::new(Mutex::new(ledger));
    sequencer::drain(store, &shared, &Stopped::default()).await?;
    compare(store, genesis, bundle, &shared).await?;
    Ok(carried)
}

struct Carrying {
    now: Timestamp,
    ids: Ids,
    erased: Vec<ErasedSince>,
}

impl Carrying {
    fn entry(&mut self, actors: Actors) -> Entry {
        let mut entry = Entry::new(self.ids.next(), self.now, EntryKind::RowCarried);
        entry.actors = actors;
        entry
    }
}

impl Carrier for Carrying {
    fn session(&mut self, session: &mut Session) -> Entry {
        let chain = &session.chain;
        let mut entry = self.entry(Actors {
            agent: Some(chain.agent.clone()),
            operator: Some(chain.operator.clone()),
            session: Some(session.id),
            person: None,
        });
        entry.detail.extend(chain.launcher.iter().map(|it| ("launcher".to_owned(), it.to_string())));
        if session.stopped_at.is_none() {
            session.stopped_at = Some(self.now);
            entry.detail.insert("closed".to_owned(), "stopped".to_owned());
        }
        entry
    }

    fn change(&mut self, change: &mut Change) -> (Vec<Commitment>, Entry) {
        let was = change.state;
        if was.is_open() {
            change.state = ChangeState::Expired;
        } else if was == ChangeState::Executing {
            change.state = ChangeState::Unknown;
        }
        for step in change.steps.iter_mut().filter(|step| step.state == StepState::Executing) {
            step.state = StepState::Unknown;
        }
        let mut gone = Vec::new();
        for since in self.erased.iter().filter(|it| it.of == change.id) {
            // One that ran only after the backup was made has no such bodies here.
            let step = change.steps.get_mut(since.step).filter(|step| step.erased.is_none());
            if let Some(step) = step.filter(|step| !step.commitments().is_empty()) {
                gone.extend(step.commitments());
                step.erased = Some(since.erased.clone());
            }
        }
        let mut entry = self.entry(Actors {
            agent: Some(change.chain.agent.clone()),
            operator: Some(change.chain.operator.clone()),
            session: Some(change.session),
            person: None,
        });
        entry.change = Some(change.id);
        entry.change_digest = Some(change.digest);
        entry.detail.insert("state".to_owned(), change.state.to_string());
        if was != change.state {
            entry.detail.insert("was".to_owned(), was.to_string());
        }
        let erased = change.steps.iter().filter(|step| step.erased.is_some());
        let bodies: Vec<String> = erased.flat_map(|it| it.commitments()).map(|it| it.to_string()).collect();
        if !bodies.is_empty() {
            entry.detail.insert("bodies".to_owned(), bodies.join(" "));
        }
        (gone, entry)
    }

    fn approval(&mut self, approval: &Approval) -> Entry {
        let mut entry = self.entry(Actors { person: Some(approval.person.clone()), ..Actors::default() });
        entry.change = Some(approval.change);
        entry
    }
}

/// Entry ids of one moment: each is the one before and one more.
struct Ids {
    now: Timestamp,
    next: [u8; 10],
}

impl Ids {
    fn next(&mut self) -> EntryId {
        let id = EntryId::new(self.now.millis(), self.next);
        for byte in self.next.iter_mut().rev() {
            *byte = byte.wrapping_add(1);
            if *byte != 0 {
                break;
            }
        }
        id
    }
}
