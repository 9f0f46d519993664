//! The one writer of the ledger. Takes outbox rows in batches, appends them, marks them sequenced; whoever must wait
//! for a signed checkpoint before acting waits on [`Sequencer::flush`].
//!
//! Invariant: nothing is appended that the database could still lose. Rows can be read before they are durable; a power
//! cut would leave a signed log ahead of its database then, and the next start would refuse.

use std::{
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use ledger::Ledger;
use model::Fault;
use store::Store;
use tokio::sync::{mpsc, oneshot, watch};

const BATCH: usize = 1024;
/// How long an entry that nobody waits for may stay unsequenced.
const IDLE: Duration = Duration::from_millis(500);

type Waiter = oneshot::Sender<Result<(), Fault>>;

/// The ledger as it stands, shared for reading; appended to by the sequencer alone.
pub(crate) type Shared = Arc<Mutex<Ledger>>;

/// Why the ledger could not be written the last time; `None` while it can.
pub(crate) type Health = Arc<Mutex<Option<Fault>>>;

/// Why nothing more may ever be signed by this process; unset while it may.
pub(crate) type Stopped = Arc<OnceLock<Fault>>;

#[derive(Debug)]
pub(crate) struct Sequencer {
    wake: mpsc::Sender<Waiter>,
}

impl Sequencer {
    /// Starts the writer. It ends when this handle is dropped.
    pub(crate) fn start(writer: Writer) -> Self {
        let (wake, woken) = mpsc::channel(4096);
        tokio::spawn(run(writer, woken));
        Self { wake }
    }

    /// Resolves once everything recorded before the call stands in the log under a signed checkpoint.
    pub(crate) async fn flush(&self) -> Result<(), Fault> {
        let gone = || Fault::NoLedger("the ledger's writer has stopped".to_owned());
        let (answer, answered) = oneshot::channel();
        self.wake.send(answer).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

pub(crate) struct Writer {
    pub(crate) store: Store,
    pub(crate) ledger: Shared,
    pub(crate) health: Health,
    pub(crate) stopped: Stopped,
    /// Told how large the log is whenever it is larger.
    pub(crate) grown: watch::Sender<u64>,
    /// Told the newest checkpoint then ([`in_one_line`]).
    pub(crate) newest: watch::Sender<Arc<str>>,
    /// Told once the ledger, or the database that it is made of, takes nothing more.
    pub(crate) broken: watch::Sender<bool>,
}

async fn run(writer: Writer, mut woken: mpsc::Receiver<Waiter>) {
    let Writer { store, ledger, health, stopped, grown, newest, broken } = writer;
    let _last_words = LastWords(Arc::clone(&health));
    loop {
        let mut waiters = Vec::new();
        match tokio::time::timeout(IDLE, woken.recv()).await {
            Ok(Some(first)) => waiters.push(first),
            Ok(None) => return,
            Err(_) => {}
        }
        while let Ok(next) = woken.try_recv() {
            waiters.push(next);
        }
        let result = drain(&store, &ledger, &stopped).await;
        {
            let mut known = health.lock().unwrap_or_else(PoisonError::into_inner);
            match (&result, known.is_some()) {
                (Err(fault), false) => {
                    tracing::error!(%fault, "the ledger cannot be written; nothing passes until it can");
                }
                (Ok(()), true) => tracing::info!("the ledger can be written again"),
                (Err(_), true) | (Ok(()), false) => {}
            }
            *known = result.as_ref().err().cloned();
        }
        let unsure = ledger.lock().unwrap_or_else(PoisonError::into_inner).is_poisoned();
        if unsure || store.is_poisoned() {
            broken.send_replace(true);
        }
        let (size, note) = {
            let ledger = ledger.lock().unwrap_or_else(PoisonError::into_inner);
            let size = ledger.size();
            (size, (size != *grown.borrow()).then(|| in_one_line(&ledger)))
        };
        if let Some(note) = note {
            newest.send_replace(note);
        }
        grown.send_if_modified(|known| std::mem::replace(known, size) != size);
        for waiter in waiters {
            // A waiter that has gone away needs no answer.
            let _ = waiter.send(result.clone());
        }
    }
}

/// The newest signed checkpoint as base64 (RFC 4648) of its note.
pub(crate) fn in_one_line(ledger: &Ledger) -> Arc<str> {
    BASE64_STANDARD.encode(ledger.checkpoint()).into()
}

/// However the writer ends, nothing passes after it.
struct LastWords(Health);

impl Drop for LastWords {
    fn drop(&mut self) {
        let gone = Fault::NoLedger("the ledger's writer has stopped; restart the server".to_owned());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(gone);
    }
}

/// The first number that is not there between the row that was sequenced last and those that wait. Without the former, any may be
/// the first: a log that continues another begins in the middle of them.
fn missing(last: Option<i64>, pending: impl Iterator<Item = i64>) -> Option<i64> {
    let mut next = last.map(|last| last.saturating_add(1));
    for row in pending {
        if let Some(next) = next.filter(|next| *next != row) {
            return Some(next);
        }
        next = Some(row.saturating_add(1));
    }
    None
}

/// Sequences every pending row. None may be missing among them: what it told of would have happened off the record, though its
/// state is in the database.
pub(crate) async fn drain(store: &Store, ledger: &Shared, stopped: &Stopped) -> Result<(), Fault> {
    loop {
        stopped.get().map_or(Ok(()), |fault| Err(fault.clone()))?;
        // An earlier try may have reached the log and not the database: then only that is made good.
        crate::start::reconcile(store, ledger).await.map_err(|err| Fault::NoLedger(err.to_string()))?;
        let (last, pending) = store
            .read(|view| Ok((view.last_sequenced_row()?, view.unsequenced(BATCH)?)))
            .await
            .map_err(|err| Fault::Storage(err.to_string()))?;
        if let Some(row) = missing(last, pending.iter().map(|it| it.row)) {
            return Err(Fault::NoLedger(format!(
                "row {row} of the database's outbox is missing: it was recorded, and somebody has taken it away before it was signed; \
                 nothing more is. Keep a copy of the database, run `countersign audit verify`, then `countersign restore`"
            )));
        }
        if pending.is_empty() {
            return Ok(());
        }
        // After they were read: whatever can be read was written by then.
        store.settle().await.map_err(|err| Fault::Storage(err.to_string()))?;
        let more = pending.len() == BATCH;
        let (rows, entries): (Vec<i64>, Vec<Vec<u8>>) =
            pending.into_iter().map(|it| (it.row, it.bytes)).unzip();
        let (shared, stopped) = (Arc::clone(ledger), Arc::clone(stopped));
        let appended = tokio::task::spawn_blocking(move || {
            let mut ledger = shared.lock().unwrap_or_else(PoisonError::into_inner);
            match stopped.get() {
                None => ledger.append(&entries).map_err(|err| Fault::NoLedger(err.to_string())),
                Some(fault) => Err(fault.clone()),
            }
        })
        .await
        .map_err(|_| Fault::NoLedger("the ledger's writer broke".to_owned()))??;
        crate::crash::point("after-append");
        let marks: Vec<(i64, u64)> = rows.into_iter().zip(appended.first_index..).collect();
        store
            .write(move |tx| tx.mark_sequenced(&marks))
            .await
            .map_err(|err| Fault::Storage(err.to_string()))?;
        if !more {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(last: Option<i64>, pending: &[i64], expected: Option<i64>) {
        assert_eq!(missing(last, pending.iter().copied()), expected, "{last:?} {pending:?}");
    }

    #[test]
    fn a_number_that_is_missing_is_named() {
        check(None, &[], None);
        check(None, &[1, 2, 3], None);
        check(None, &[40, 41], None);
        check(None, &[1, 3], Some(2));
        check(Some(7), &[], None);
        check(Some(7), &[8, 9], None);
        check(Some(7), &[9, 10], Some(8));
        check(Some(7), &[8, 10], Some(9));
        check(Some(7), &[10], Some(8));
    }
}
