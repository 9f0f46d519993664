//! What the witnesses of this log have cosigned (promise 11). Which they are and how many make a checkpoint witnessed,
//! the bundle says; who reaches them, and carries their answers here, is the binary. Nothing is taken in that does not
//! verify here, by the key of the bundle, as a cosignature on a checkpoint of ours.
//!
//! An entry is written when a witness cosigns for the first time, and when it does after it had been away for a minute.
//! Not for each checkpoint: an entry is itself a reason for the next one, and the two would chase each other for ever.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
    time::Duration,
};

use ledger::ProveError;
use model::{Entry, EntryKind, Fault, Timestamp, WitnessId};
use policy::Bundle;
use tlog::{Hash, KeyError, NoteError, VerifierKey, WitnessKey};
use tokio::sync::watch;
use witness::{Contradiction, Gathering, contradiction, open_witnessed};

use crate::{Engine, Later};

/// A witness that misses less than this was not away.
const AWAY: i64 = 60_000;

pub struct Witnesses {
    named: RwLock<Arc<Named>>,
    /// The newest size that each has cosigned.
    seen: watch::Sender<BTreeMap<WitnessId, u64>>,
    heard: Mutex<Heard>,
}

/// Whom the bundle in force names.
struct Named {
    keys: BTreeMap<WitnessId, WitnessKey>,
    quorum: usize,
}

struct Heard {
    gathering: Gathering,
    away: BTreeMap<WitnessId, Timestamp>,
    /// Those of whom the log has yet to tell.
    untold: BTreeMap<WitnessId, &'static str>,
}

/// Who reaches the witnesses.
pub trait WitnessReach: Send + Sync {
    /// Whether enough witnesses of a bundle can be reached for what waits for them under it, and none of them knows of this log
    /// what the disk does not contain. Asked before anybody is asked to sign for that bundle, and before it comes into force.
    fn fits<'a>(&'a self, engine: &'a Engine, next: &'a Bundle) -> Later<'a, Result<(), String>>;
}

/// Where a cosignature comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CosignedFrom {
    /// A file that an earlier process kept: the log has told of it.
    Kept,
    Witness,
}

/// The newest checkpoint, and the proofs that lead to it from what others know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Growth {
    /// A signed note.
    pub note: String,
    pub size: u64,
    /// By the size that is known; a size that this log never had has none.
    pub proofs: BTreeMap<u64, Vec<Hash>>,
}

#[derive(Debug, thiserror::Error)]
pub enum CosignedError {
    #[error("the bundle names no witness {0}")]
    Unknown(WitnessId),
    #[error("it does not verify: {0}")]
    Note(#[from] NoteError),
    #[error("{0}")]
    Contradiction(#[from] Contradiction),
    #[error("whether this log contains it cannot be told: {0}")]
    Unreadable(#[from] ProveError),
}

/// Fewer witnesses than were asked for have cosigned in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{seen} of {wanted} witnesses have cosigned the log up to entry {size}")]
pub struct NotWitnessed {
    pub size: u64,
    pub seen: usize,
    pub wanted: usize,
}

/// The keys of the bundle's witnesses, each verified to be what it says.
///
/// # Errors
/// The first witness whose id does not belong to its key, or whose key could verify anything.
pub fn witness_keys(bundle: &Bundle) -> Result<BTreeMap<WitnessId, WitnessKey>, (WitnessId, KeyError)> {
    let keys = &bundle.witnesses().keys;
    keys.iter()
        .map(|(name, vkey)| match vkey.as_str().parse() {
            Ok(key) => Ok((name.clone(), key)),
            Err(err) => Err((name.clone(), err)),
        })
        .collect()
}

impl std::fmt::Debug for Witnesses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Witnesses({:?})", *self.seen.borrow())
    }
}

impl Witnesses {
    pub(crate) fn of(bundle: &Bundle) -> Result<Self, (WitnessId, KeyError)> {
        let quorum = usize::try_from(bundle.witnesses().quorum).unwrap_or(usize::MAX);
        let gathering = Gathering::new(quorum);
        let heard = Heard { gathering, away: BTreeMap::new(), untold: BTreeMap::new() };
        Ok(Self {
            named: RwLock::new(Arc::new(Named { keys: witness_keys(bundle)?, quorum })),
            seen: watch::Sender::default(),
            heard: Mutex::new(heard),
        })
    }

    /// Another bundle is in force. Its keys were verified before; what witnesses that it does not name have cosigned, or
    /// by another key, counts for nothing any more.
    pub(crate) fn turn(&self, bundle: &Bundle) {
        let Ok(keys) = witness_keys(bundle) else { return };
        let quorum = usize::try_from(bundle.witnesses().quorum).unwrap_or(usize::MAX);
        let before = {
            let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *named, Arc::new(Named { keys, quorum }))
        };
        let named = self.named();
        if before.keys == named.keys && before.quorum == quorum {
            return;
        }
        let same = |witness: &WitnessId| named.keys.get(witness) == before.keys.get(witness);
        let mut heard = self.heard();
        heard.gathering = Gathering::new(quorum);
        heard.away.retain(|witness, _| same(witness));
        heard.untold.retain(|witness, _| same(witness));
        self.seen.send_modify(|seen| seen.retain(|witness, _| same(witness)));
    }

    pub fn key_of(&self, witness: &WitnessId) -> Option<WitnessKey> {
        self.named().keys.get(witness).cloned()
    }

    /// All whom the bundle in force names.
    pub fn names(&self) -> Vec<WitnessId> {
        self.named().keys.keys().cloned().collect()
    }

    /// And by which keys.
    pub fn keys(&self) -> BTreeMap<WitnessId, WitnessKey> {
        self.named().keys.clone()
    }

    /// How many make a checkpoint witnessed, by the bundle; 0 where it names no witness.
    pub fn quorum(&self) -> usize {
        self.named().quorum
    }

    fn named(&self) -> Arc<Named> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// How many witnesses have cosigned a checkpoint of at least `size` entries, which therefore contains them all.
    pub fn seen(&self, size: u64) -> usize {
        count(&self.seen.borrow(), size)
    }

    /// The size up to which at least `count` witnesses have cosigned the log; 0 where fewer have cosigned anything. Where
    /// `count` is 0, that is any size.
    pub fn seen_by(&self, count: usize) -> u64 {
        let mut sizes: Vec<u64> = self.seen.borrow().values().copied().collect();
        sizes.sort_unstable_by(|one, other| other.cmp(one));
        let nth = count.checked_sub(1).and_then(|at| sizes.get(at));
        if count == 0 { u64::MAX } else { nth.copied().unwrap_or(0) }
    }

    /// How many have not failed to answer when they were asked last.
    pub fn present(&self) -> usize {
        let heard = self.heard();
        self.named().keys.keys().filter(|witness| !heard.away.contains_key(*witness)).count()
    }

    /// Those of them that have failed to answer.
    pub(crate) fn away(&self) -> Vec<WitnessId> {
        self.heard().away.keys().cloned().collect()
    }

    /// The newest size that this witness has cosigned.
    pub fn seen_of(&self, witness: &WitnessId) -> Option<u64> {
        self.seen.borrow().get(witness).copied()
    }

    /// Resolves once `wanted` witnesses have cosigned the log up to `size` entries.
    ///
    /// # Errors
    /// [`NotWitnessed`] once `limit` is over.
    pub async fn wait(&self, size: u64, wanted: usize, limit: Duration) -> Result<(), NotWitnessed> {
        let mut seen = self.seen.subscribe();
        let enough = seen.wait_for(|seen| count(seen, size) >= wanted);
        match tokio::time::timeout(limit, enough).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NotWitnessed { size, seen: self.seen(size), wanted }),
        }
    }

    /// The newest checkpoint that as many witnesses as the bundle asks for have cosigned, with their lines.
    pub fn newest(&self) -> Option<String> {
        self.heard().gathering.witnessed()
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn count(seen: &BTreeMap<WitnessId, u64>, size: u64) -> usize {
    seen.values().filter(|known| **known >= size).count()
}

impl Engine {
    pub const fn witnesses(&self) -> &Witnesses {
        &self.witnesses
    }

    /// Whom an adoption asks whether the witnesses of the next bundle can be reached. The first that is named stays.
    pub fn reach_witnesses_by(&self, reach: Arc<dyn WitnessReach>) {
        let _ = self.witness_reach.set(reach);
    }

    /// Changes whenever the log has grown: how many entries stand under the newest signed checkpoint.
    pub fn checkpoints(&self) -> watch::Receiver<u64> {
        self.grown.subscribe()
    }

    /// Why this process signs nothing more, once a witness has shown that it must not.
    pub fn signing_stopped(&self) -> Option<Fault> {
        self.stopped.get().cloned()
    }

    /// The newest checkpoint with a proof from each of the sizes `from`, all of one moment.
    pub fn growth(&self, from: impl IntoIterator<Item = u64>) -> Growth {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let proofs = from.into_iter().filter_map(|old| Some((old, ledger.consistency(old).ok()??))).collect();
        Growth { note: ledger.checkpoint().to_owned(), size: ledger.size(), proofs }
    }

    /// Takes in that `witness` gave the signature line `line` on `note`, a checkpoint of ours as it was signed. The
    /// answer is a note to publish: the newest that enough witnesses cosigned, where this made it so.
    ///
    /// # Errors
    /// [`CosignedError`]; nothing is taken in then, and after a contradiction nothing more is signed.
    pub async fn cosigned(
        &self,
        witness: &WitnessId,
        note: &str,
        line: &str,
        from: CosignedFrom,
    ) -> Result<Option<String>, CosignedError> {
        let whole = format!("{note}{line}");
        let (checkpoint, _) = self.compare(witness, &whole)?;
        let published = {
            let mut heard = self.witnesses.heard();
            if from == CosignedFrom::Witness {
                let away = heard.away.remove(witness);
                let back = away.is_some_and(|since| self.clock.now().since(since) >= AWAY);
                match (self.witnesses.seen_of(witness), back) {
                    (None, _) => drop(heard.untold.insert(witness.clone(), "first")),
                    (Some(_), true) => drop(heard.untold.insert(witness.clone(), "back")),
                    (Some(_), false) => {}
                }
            }
            heard.gathering.add(checkpoint.size, note, witness.as_str(), line)
        };
        self.witnesses.seen.send_if_modified(|seen| {
            let known = seen.entry(witness.clone()).or_insert(0);
            let newer = checkpoint.size > *known || (checkpoint.size == 0 && *known == 0);
            *known = (*known).max(checkpoint.size);
            newer
        });
        self.tell(witness, &whole).await;
        Ok(published)
    }

    /// That this witness did not answer, or not usefully.
    pub fn witness_away(&self, witness: &WitnessId) {
        self.witnesses.heard().away.entry(witness.clone()).or_insert_with(|| self.clock.now());
    }

    /// What a checkpoint that somebody shows, signed by this log and by the witness `key`, says against the log on disk.
    /// It is looked at and nothing more: nobody whom the bundle in force does not name ends anything here.
    ///
    /// # Errors
    /// Where it does not verify, or the log on disk cannot be read.
    pub fn contradicted(
        &self,
        witness: &WitnessId,
        key: &WitnessKey,
        note: &str,
    ) -> Result<Option<Contradiction>, CosignedError> {
        let (checkpoint, _) = open_witnessed(note, &self.log_key, key)?;
        Ok(self.against(witness, &checkpoint)?)
    }

    /// Holds a checkpoint that `witness` shows, signed by this log and by it, against the log on disk. Where the log
    /// does not contain it, nothing more is signed until somebody has looked.
    ///
    /// # Errors
    /// [`CosignedError`].
    pub fn compare(&self, witness: &WitnessId, note: &str) -> Result<(tlog::Checkpoint, u64), CosignedError> {
        let key = self.witnesses.key_of(witness).ok_or_else(|| CosignedError::Unknown(witness.clone()))?;
        let (checkpoint, time) = open_witnessed(note, &self.log_key, &key)?;
        match self.against(witness, &checkpoint)? {
            None => Ok((checkpoint, time)),
            Some(found) => {
                tracing::error!("{found}");
                self.stop_signing(Fault::NoLedger(found.to_string()));
                Err(found.into())
            }
        }
    }

    fn against(
        &self,
        witness: &WitnessId,
        seen: &tlog::Checkpoint,
    ) -> Result<Option<Contradiction>, ProveError> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        contradiction(witness.as_str(), seen, ledger.size(), |size| ledger.root_at(size))
    }

    fn stop_signing(&self, fault: Fault) {
        // The first reason is the one to look at.
        let _ = self.stopped.set(fault.clone());
        *self.ledger_fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// Puts on record what has yet to be told of a witness; what cannot be recorded now is told with its next answer.
    async fn tell(&self, witness: &WitnessId, note: &str) {
        let Some(why) = self.witnesses.heard().untold.get(witness).copied() else { return };
        let Some(key) = self.witnesses.key_of(witness) else { return };
        let recorded = async {
            let now = self.recorded_time()?;
            let mut entry = Entry::new(self.entry_id(now)?, now, EntryKind::CheckpointWitnessed);
            entry.bundle = Some(self.bundle().digest());
            for (name, value) in [
                ("witness", witness.to_string()),
                ("key", key.to_string()),
                ("why", why.to_owned()),
                ("checkpoint", note.to_owned()),
            ] {
                entry.detail.insert(name.to_owned(), value);
            }
            let written = self.store.write(move |tx| tx.record(entry)).await;
            written.map_err(|err| Fault::Storage(err.to_string()))
        };
        match recorded.await {
            Ok(()) => drop(self.witnesses.heard().untold.remove(witness)),
            Err(fault) => tracing::error!(%fault, %witness, "what a witness cosigned could not be recorded"),
        }
    }
}

/// The key by which this log signs, from its genesis.
pub(crate) fn log_key(genesis: &ledger::Genesis) -> Result<VerifierKey, Fault> {
    genesis.vkey.parse().map_err(|err| Fault::NoLedger(format!("the genesis names no usable key: {err}")))
}
