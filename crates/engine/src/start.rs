//! Starting: the database is compared with the log, the bundle with the one on record, and whatever was being carried
//! out when the last process ended is marked as not known, or, where it was Countersign's own, as not done. Refuses rather than
//! repairs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use ledger::{Genesis, Ledger};
use model::{Change, ChangeState, Digest, Entry, EntryKind, Fault, StepState, Timestamp};
use policy::Bundle;
use store::{Filter, Store, Tx, WriteError};

use crate::{
    Clock, Engine, Entropy, Library, MasterKey, bodies, clock,
    counters::Counters,
    decide::{DecideError, Drawn},
    entropy,
    hurry::Hurry,
    in_force::InForce,
    meter,
    own::{self, Deed},
    proof, recent,
    record::about,
    sequencer, tally,
    witnesses::{Witnesses, log_key},
};

/// What an installation is made of, opened by the binary.
pub struct Parts {
    pub store: Store,
    pub ledger: Ledger,
    pub genesis: Genesis,
    pub bundle: Bundle,
    pub library: Arc<dyn Library>,
    pub master: MasterKey,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Parts({})", self.genesis.fingerprint())
    }
}

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("witnesses.toml of the bundle: the key of {0}: {1}")]
    Witness(model::WitnessId, tlog::KeyError),
    #[error("the store cannot be read: {0}")]
    Store(#[from] store::StorageError),
    #[error("{0}")]
    Fault(Fault),
    #[error(
        "the database and the log contradict each other: {0}. Nothing was started. A restored backup, or an edited row: \
         run `countersign audit verify` and restore the database that belongs to this log"
    )]
    Contradiction(String),
    #[error(
        "the bundle in the folder is {found}, but the one on record is {pinned}. An edited file takes effect only as an \
         approved change: put the files back as they were"
    )]
    Bundle { pinned: String, found: String },
}

impl From<Fault> for StartError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Engine {
    /// Brings an installation up. Must be called inside a tokio runtime.
    ///
    /// # Errors
    /// [`StartError`]: nothing is served then.
    pub async fn start(parts: Parts) -> Result<Arc<Self>, StartError> {
        let Parts { store, ledger, genesis, bundle, library, master, clock, entropy } = parts;
        let installation = genesis.fingerprint();
        let last = store.read(|view| view.last_recorded_at()).await?;
        let watch = clock::Watch::new(last);
        let now = watch.stamp(clock.as_ref(), i64::MAX)?;
        let witnesses = Witnesses::of(&bundle).map_err(|(witness, err)| StartError::Witness(witness, err))?;
        let log_key = log_key(&genesis)?;
        let shared: sequencer::Shared = Arc::new(Mutex::new(ledger));

        let stopped = sequencer::Stopped::default();
        reconcile(&store, &shared).await?;
        sequencer::drain(&store, &shared, &stopped).await?;
        if lock(&shared).size() == 0 {
            let proved = proof::proof_of(library.as_ref(), &bundle).ok().map(|it| it.digest);
            let id = model::EntryId::new(now.millis(), entropy::draw(entropy.as_ref())?);
            pin(&store, pin_entry(id, now, &genesis, &bundle, proved)).await?;
            sequencer::drain(&store, &shared, &stopped).await?;
        }
        compare(&store, &genesis, &bundle, &shared).await?;
        bodies::move_out(&store, now, entropy.as_ref()).await?;
        abandon(&store, now, entropy.as_ref()).await?;

        let sessions = store.read(|view| view.sessions()).await?;
        let counters = Arc::new(store.read(Counters::on_record).await?);
        let hurry = Arc::new(store.read(move |view| Hurry::on_record(view, now)).await?);
        let ledger_fault = sequencer::Health::default();
        let grown = tokio::sync::watch::Sender::new(lock(&shared).size());
        let newest = tokio::sync::watch::Sender::new(sequencer::in_one_line(&lock(&shared)));
        let broken = tokio::sync::watch::Sender::new(false);
        let own = Arc::new(crate::session::own_session(&bundle, now)?);
        let engine = Arc::new(Self {
            own,
            sequencer: sequencer::Sequencer::start(sequencer::Writer {
                store: store.clone(),
                ledger: Arc::clone(&shared),
                health: Arc::clone(&ledger_fault),
                stopped: Arc::clone(&stopped),
                grown: grown.clone(),
                newest: newest.clone(),
                broken: broken.clone(),
            }),
            store,
            ledger: shared,
            tallies: Arc::new(tally::Tallies::new(bundle.digest())),
            in_force: Arc::new(InForce::new(Arc::new(bundle))),
            library,
            genesis,
            installation,
            master,
            clock,
            watch,
            entropy,
            sessions: RwLock::new(sessions.into_iter().collect()),
            recent: recent::Recent::default(),
            tally_fault: Mutex::default(),
            ledger_fault,
            stopped,
            grown,
            newest,
            broken,
            witnesses,
            witness_reach: OnceLock::new(),
            log_key,
            counters,
            connectors: Mutex::new(Vec::new()),
            hurry,
            changed: tokio::sync::watch::Sender::new(0),
            standing_down: tokio::sync::watch::Sender::new(false),
            began: now,
            meter: meter::Meter::default(),
        });
        tokio::spawn(tally::run(Arc::downgrade(&engine)));
        Ok(engine)
    }

    /// Writes out everything that is counted or pending; for an orderly end.
    ///
    /// # Errors
    /// Where the ledger cannot be written.
    pub async fn close(self: &Arc<Self>) -> Result<(), Fault> {
        tally::flush_all(self).await;
        // A gateway holds the engine, and the engine its gateways: one of them has to let go.
        self.connectors.lock().unwrap_or_else(PoisonError::into_inner).clear();
        self.sequence().await
    }
}

/// The bundle in force, as the newest record tells that was decided under one: what waits for the log comes before what is in
/// it. `None` where there is no record yet. Nothing is verified here; [`Engine::start`] refuses where the log says otherwise.
///
/// # Errors
/// Where the store or the log cannot be read.
pub async fn bundle_on_record(store: &Store, ledger: &Ledger) -> Result<Option<Digest>, StartError> {
    let pending = store.read(|view| view.unsequenced(usize::MAX)).await?;
    let newest = pending.iter().rev().find_map(|row| audit::decided_under(&row.bytes));
    if newest.is_some() {
        return Ok(newest);
    }
    let size = ledger.size();
    for index in (0..size).rev() {
        let entry = ledger.entry(index).map_err(|err| StartError::Contradiction(err.to_string()))?;
        if let Some(bundle) = audit::decided_under(&entry) {
            return Ok(Some(bundle));
        }
    }
    Ok(None)
}

/// The roster of a bundle as the log keeps it, for auditors.
pub fn roster_of(bundle: &Bundle) -> String {
    serde_json::to_string(bundle.roster()).unwrap_or_default()
}

fn lock(shared: &sequencer::Shared) -> std::sync::MutexGuard<'_, Ledger> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that ended between signing a checkpoint and marking its rows left them pending: they must be the very
/// entries that the log has beyond what the database knows.
pub(crate) async fn reconcile(store: &Store, shared: &sequencer::Shared) -> Result<(), StartError> {
    let known = store.read(|view| view.sequenced_through()).await?;
    let (size, beyond) = {
        let ledger = lock(shared);
        let size = ledger.size();
        let beyond: Result<Vec<Vec<u8>>, _> = (known..size).map(|index| ledger.entry(index)).collect();
        (size, beyond.map_err(|err| StartError::Contradiction(err.to_string()))?)
    };
    if known > size {
        return Err(StartError::Contradiction(format!(
            "the database knows {known} entries, the log has {size}"
        )));
    }
    if beyond.is_empty() {
        return Ok(());
    }
    let wanted = beyond.len();
    let pending = store.read(move |view| view.unsequenced(wanted)).await?;
    let same =
        pending.len() == beyond.len() && pending.iter().zip(&beyond).all(|(row, entry)| row.bytes == *entry);
    if !same {
        return Err(StartError::Contradiction(format!(
            "the log has {wanted} entries after {known} that the database does not know"
        )));
    }
    let marks: Vec<(i64, u64)> = pending.into_iter().map(|row| row.row).zip(known..).collect();
    store.write(move |tx| tx.mark_sequenced(&marks)).await.map_err(|err| Fault::Storage(err.to_string()))?;
    Ok(())
}

/// The first entry: what this installation is, and the bundle that `DIR/bundle/` holds from now on.
async fn pin(store: &Store, entry: Entry) -> Result<(), StartError> {
    store.write(move |tx| tx.record(entry)).await.map_err(|err| Fault::Storage(err.to_string()))?;
    Ok(())
}

/// `proved`: the certificate of the bundle.
pub(crate) fn pin_entry(
    id: model::EntryId,
    now: Timestamp,
    genesis: &Genesis,
    bundle: &Bundle,
    proved: Option<Digest>,
) -> Entry {
    let mut entry = Entry::new(id, now, EntryKind::Genesis);
    entry.bundle = Some(bundle.digest());
    for (key, value) in [
        ("genesis", genesis.fingerprint().to_string()),
        ("bundle", bundle.digest().to_string()),
        ("profile", bundle.profile().to_string()),
        ("roster", roster_of(bundle)),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    entry.detail.extend(bundle.tables().aws.map(|table| ("table".to_owned(), table.to_string())));
    let (says, why) = Entry::PERMITS_SAY_WHY;
    entry.detail.extend([proof::on_record(proved), (says.to_owned(), why.to_owned())]);
    entry
}

/// The database is a projection of the log: every row must be the one its last entry names. And the bundle is the one that
/// the log adopted last.
pub(crate) async fn compare(
    store: &Store,
    genesis: &Genesis,
    bundle: &Bundle,
    shared: &sequencer::Shared,
) -> Result<(), StartError> {
    let projection = store.read(|view| view.projection()).await?;
    audit(genesis, bundle, shared, &database_of(projection))
}

fn audit(
    genesis: &Genesis,
    bundle: &Bundle,
    shared: &sequencer::Shared,
    database: &audit::Database,
) -> Result<(), StartError> {
    let (document, ledger) = (genesis.to_json(), lock(shared));
    let mut auditor = audit::Auditor::new(audit::Given {
        genesis: &document,
        expected_genesis: Some(genesis.fingerprint()),
        checkpoint: ledger.checkpoint().as_bytes(),
        held_checkpoints: &[],
        database: Some(database),
    });
    for entries in ledger.bundles() {
        let entries = entries.map_err(|err| StartError::Contradiction(err.to_string()))?;
        entries.iter().for_each(|entry| auditor.entry(entry));
    }
    pinned(auditor.bundle(), bundle)?;
    let report = auditor.finish();
    match report.problems.first() {
        None => Ok(()),
        Some(first) => Err(StartError::Contradiction(format!(
            "{}{}",
            first.message,
            if report.problems.len() > 1 {
                format!(" (and {} more)", report.problems.len() - 1)
            } else {
                String::new()
            }
        ))),
    }
}

fn pinned(last: Option<Digest>, bundle: &Bundle) -> Result<(), StartError> {
    match last {
        Some(pinned) if pinned == bundle.digest() => Ok(()),
        Some(pinned) => {
            Err(StartError::Bundle { pinned: pinned.to_string(), found: bundle.digest().to_string() })
        }
        None => Err(StartError::Contradiction("the log names no bundle".to_owned())),
    }
}

/// The store's projection as the auditor takes it.
pub fn database_of(projection: store::Projection) -> audit::Database {
    let rows = projection
        .documents
        .into_iter()
        .map(|it| audit::Row { table: it.table, id: it.id, document: it.bytes, altered: it.altered })
        .collect();
    let body = |it: store::StoredBody| audit::Body { commitment: it.commitment, found: it.found };
    let bodies = projection.bodies.into_iter().map(body).collect();
    audit::Database { rows, bodies, sequenced: projection.sequenced, pending: projection.pending }
}

/// What the last process was carrying out when it ended may or may not have arrived, upstream. What was to be done here is done in
/// the operation that says so: it is not done.
async fn abandon(store: &Store, now: Timestamp, entropy: &dyn Entropy) -> Result<(), StartError> {
    let filter = Filter {
        states: vec![ChangeState::Executing],
        agent: None,
        session: None,
        before: None,
        limit: usize::MAX,
    };
    let open = store.read(move |view| view.changes(&filter)).await?;
    for change in open {
        let mut drawn = Drawn { now, random: entropy::draw(entropy)?, nonce: String::new(), used: 0 };
        let written = store
            .write(move |tx| match Deed::of(&change) {
                Some(_) => own::lost(tx, &mut drawn, change).map(drop),
                None => unknown(tx, &mut drawn, change),
            })
            .await;
        written.map_err(|err| match err {
            WriteError::Op(err) => err.into_fault(),
            WriteError::Storage(err) => Fault::Storage(err.to_string()),
        })?;
    }
    Ok(())
}

fn unknown(tx: &mut Tx<'_>, drawn: &mut Drawn, mut change: Change) -> Result<(), DecideError> {
    for step in change.steps.iter_mut().filter(|step| step.state == StepState::Executing) {
        step.state = StepState::Unknown;
    }
    change.state = ChangeState::Unknown;
    let mut entry = about(drawn, EntryKind::OutcomeUnknown, &change);
    entry.detail.insert("unknown".to_owned(), "the server ended while this was being carried out".to_owned());
    Ok(tx.advance_change(&change, change.version, entry)?)
}
