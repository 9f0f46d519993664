//! The one pipeline. Every gateway, the evidence collectors and undo go through [`Engine::admit`]; nothing else makes a
//! [`Permit`], and without one nothing is forwarded.
//!
//! Owns the clock, the ids, the store and the ledger's writer. Knows no protocol: gateways bring classified actions
//! and a [`Collector`] for facts.

mod admit;
mod adopt;
mod answer;
mod askable;
mod assume;
mod bodies;
mod candidate;
mod clock;
mod collect;
mod continuity;
mod counters;
pub mod crash;
mod decide;
mod entropy;
mod erase;
mod facts;
mod friction;
mod glass;
mod hurry;
mod in_force;
mod joint;
mod judge;
mod library;
mod live;
mod log;
mod meter;
mod nearest;
pub mod observe;
mod own;
mod permit;
mod proof;
mod read_back;
mod readable;
mod rebind;
mod recent;
mod record;
mod recover;
mod reported;
mod secret;
mod sequencer;
mod session;
mod settle;
mod sign;
mod sign_in;
mod simulate;
mod standing;
mod start;
mod statement;
mod tally;
mod tidy;
mod unverified;
mod veto;
mod vitals;
mod witnesses;

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use model::{Digest, Entry, EntryId, EntryKind, Fault, Level, Session, SessionId, Timestamp};
use policy::Bundle;
use store::Store;

pub use admit::{Admitted, Asked, By, Purpose, Refusal, RefusalKind, Undoing};
pub use adopt::Adopt;
pub use candidate::{Candidate, CandidateError, could_be_changed, draft};
pub use clock::{Clock, SystemClock};
pub use collect::{Collector, Connector, Gathered, Later, Pinned, Proposed};
pub use continuity::{Beginning, Carried, ErasedSince, continue_log};
pub use counters::Behind;
pub use entropy::{Entropy, SystemEntropy};
pub use erase::Erase;
pub use friction::Friction;
pub use glass::GlassRequest;
pub use joint::Opened;
pub use judge::file_rule_at;
pub use library::{Kept, Library, Shelf, Shown};
pub use log::{LogError, LogPage, Logged, MOST_LOGGED};
pub use meter::{Counted, Ending, Spread};
pub use permit::{Permit, Receipt};
pub use proof::{Unproved, proof_of};
pub use readable::Readable;
pub use reported::Report;
pub use secret::{MasterKey, Secret};
pub use session::{IssueError, NewSession};
pub use settle::Settled;
pub use sign::{SignError, Signed};
pub use simulate::{Rejudged, Simulation, Unjudged};
pub use start::{Parts, StartError, bundle_on_record, database_of, roster_of};
pub use statement::Signer;
pub use tidy::Rounds;
pub use vitals::{FRICTION_SPAN_S, Missing, Part, Seen, Stored, Vitals};
pub use witnesses::{
    CosignedError, CosignedFrom, Growth, NotWitnessed, WitnessReach, Witnesses, witness_keys,
};

/// With every answer to an agent or a person rides the newest checkpoint of the log ([`Engine::checkpoint_line`]): whoever
/// keeps it can show later what the log was then.
pub const CHECKPOINT_HEADER: &str = "x-countersign-checkpoint";

/// A running installation.
pub struct Engine {
    store: Store,
    ledger: sequencer::Shared,
    sequencer: sequencer::Sequencer,
    in_force: Arc<in_force::InForce>,
    library: Arc<dyn Library>,
    genesis: ledger::Genesis,
    installation: Digest,
    master: MasterKey,
    clock: Arc<dyn Clock>,
    watch: clock::Watch,
    entropy: Arc<dyn Entropy>,
    /// What a gateway needs for every request, without the store.
    sessions: RwLock<live::Sessions>,
    own: Arc<Session>,
    tallies: Arc<tally::Tallies>,
    recent: recent::Recent,
    /// Why what is counted and written later cannot be recorded at present; `None` while it can.
    tally_fault: Mutex<Option<Fault>>,
    /// Why the ledger cannot be written at present, as its writer found it.
    ledger_fault: sequencer::Health,
    /// Set once a witness has shown that this disk must not be signed on.
    stopped: sequencer::Stopped,
    grown: tokio::sync::watch::Sender<u64>,
    newest: tokio::sync::watch::Sender<Arc<str>>,
    broken: tokio::sync::watch::Sender<bool>,
    hurry: Arc<hurry::Hurry>,
    witnesses: Witnesses,
    witness_reach: OnceLock<Arc<dyn WitnessReach>>,
    log_key: tlog::VerifierKey,
    counters: Arc<counters::Counters>,
    connectors: Mutex<Vec<Arc<dyn Connector>>>,
    changed: tokio::sync::watch::Sender<u64>,
    standing_down: tokio::sync::watch::Sender<bool>,
    began: Timestamp,
    meter: meter::Meter,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Engine({})", self.installation)
    }
}

impl Engine {
    /// The bundle in force. Whatever is decided under it counts only while it is.
    pub fn bundle(&self) -> Arc<Bundle> {
        self.in_force.bundle()
    }

    /// The genesis fingerprint: what people compare to know which installation this is.
    pub const fn installation(&self) -> Digest {
        self.installation
    }

    pub const fn genesis(&self) -> &ledger::Genesis {
        &self.genesis
    }

    /// The newest signed checkpoint, as a signed note.
    pub fn checkpoint(&self) -> String {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).checkpoint().to_owned()
    }

    /// Origin, size and root (in hexadecimal) of the newest signed checkpoint, as a statement says what its signer had seen.
    pub fn checkpoint_parts(&self) -> [String; 3] {
        let note = self.checkpoint();
        let mut lines = note.lines();
        let [origin, size, root] = std::array::from_fn(|_| lines.next().unwrap_or_default().to_owned());
        let root = root.parse::<tlog::Hash>().map(|root| Digest::from_bytes(*root.as_bytes()).to_string());
        [origin, size, root.unwrap_or_default()]
    }

    /// The newest signed checkpoint as base64 of its note, for whoever is given an answer; no lock of the ledger is waited
    /// for. The same [`Arc`] until there is a newer one.
    pub fn checkpoint_line(&self) -> Arc<str> {
        Arc::clone(&self.newest.borrow())
    }

    /// The newest checkpoint, and the proof that the log of `old` entries is a prefix of it; `None` where it never had so many.
    ///
    /// # Errors
    /// Where the log on disk cannot be read, or is not what was signed.
    pub fn consistency(&self, old: u64) -> Result<Option<(String, Vec<tlog::Hash>)>, Fault> {
        let ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let proof = ledger.consistency(old).map_err(|err| Fault::NoLedger(err.to_string()))?;
        Ok(proof.map(|proof| (ledger.checkpoint().to_owned(), proof)))
    }

    /// A fresh nonce, 32 hexadecimal digits.
    ///
    /// # Errors
    /// Where the system gives no randomness.
    pub fn nonce(&self) -> Result<String, Fault> {
        Ok(hex::encode(entropy::draw::<16>(self.entropy.as_ref())?))
    }

    /// A gateway that can carry out captured inverses.
    pub fn connect(&self, connector: Arc<dyn Connector>) {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner).push(connector);
    }

    /// The upstream's own date, as its answers give it: a clock far from it is no clock.
    pub fn upstream_says(&self, date: Timestamp) {
        self.watch.upstream_says(self.clock.as_ref(), date);
    }

    /// The present time, where it can be trusted.
    ///
    /// # Errors
    /// [`Fault::NoClock`] where it cannot.
    pub fn now(&self) -> Result<Timestamp, Fault> {
        self.watch.stamp(self.clock.as_ref(), self.bundle().limits().clock_skew_s.saturating_mul(1000))
    }

    /// The present time against the ledger alone: for what only records or stops something, which a disagreement with
    /// the upstream must not prevent.
    ///
    /// # Errors
    /// [`Fault::NoClock`] where it is behind the ledger.
    pub fn recorded_time(&self) -> Result<Timestamp, Fault> {
        self.watch.stamp(self.clock.as_ref(), i64::MAX)
    }

    /// Puts on record that something is not as it should be, in words.
    ///
    /// # Errors
    /// Where it cannot be recorded.
    pub async fn alarm(&self, said: &str) -> Result<(), Fault> {
        let now = self.recorded_time()?;
        let mut entry = Entry::new(self.entry_id(now)?, now, EntryKind::Alarm);
        entry.bundle = Some(self.bundle().digest());
        entry.detail.insert("alarm".to_owned(), model::sanitize(said, 1000));
        let written = self.store.write(move |tx| tx.record(entry)).await;
        written.map_err(|err| Fault::Storage(err.to_string()))
    }

    /// Ticks whenever a change has moved; for waiting and watching.
    pub fn changes_moved(&self) -> tokio::sync::watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// A read of the store for listings.
    ///
    /// # Errors
    /// Where the store cannot be read or a row was tampered with.
    pub async fn read<T: Send + 'static>(
        &self,
        op: impl FnOnce(&store::View<'_>) -> Result<T, store::StorageError> + Send + 'static,
    ) -> Result<T, store::StorageError> {
        self.store.read(op).await
    }

    /// Waits until everything recorded so far stands under a signed checkpoint.
    ///
    /// # Errors
    /// [`Fault::NoLedger`] or [`Fault::Storage`].
    pub async fn sequence(&self) -> Result<(), Fault> {
        self.sequencer.flush().await
    }

    /// Waits until everything recorded so far has got as far as `level`.
    async fn reach(&self, level: Level) -> Result<(), Fault> {
        match level {
            Level::Recorded => Ok(()),
            Level::Sequenced => self.sequence().await,
            Level::Witnessed(count) => {
                self.sequence().await?;
                let size = *self.grown.borrow();
                let limit = std::time::Duration::from_secs(self.bundle().levels().wait_s.unsigned_abs());
                let waited = self.witnesses.wait(size, usize::from(count), limit).await;
                waited.map_err(|err| Fault::NotWitnessed(err.to_string()))
            }
        }
    }

    /// Resolves once the ledger or the database takes nothing more: after a failed flush nothing more is signed by this process, and
    /// only opening both anew tells what is on disk.
    pub async fn broken(&self) {
        // The sender lives as long as the engine.
        let _ = self.broken.subscribe().wait_for(|broken| *broken).await;
    }

    pub(crate) fn connector(&self) -> Option<Arc<dyn Connector>> {
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    fn moved(&self) {
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
    }

    fn note_tallies(&self, fault: Option<Fault>) {
        *self.tally_fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Nothing passes while it could not be put on record. Each fault is cleared only by that succeeding which failed.
    fn recordable(&self) -> Result<(), Fault> {
        for cell in [&self.tally_fault, &*self.ledger_fault] {
            if let Some(fault) = &*cell.lock().unwrap_or_else(PoisonError::into_inner) {
                return Err(fault.clone());
            }
        }
        Ok(())
    }

    fn entry_id(&self, at: Timestamp) -> Result<EntryId, Fault> {
        Ok(EntryId::new(at.millis(), entropy::draw(self.entropy.as_ref())?))
    }

    fn live_session(&self, id: SessionId, now: Timestamp) -> Result<(), &'static str> {
        self.sessions.read().unwrap_or_else(PoisonError::into_inner).closed(id, now)
    }
}
