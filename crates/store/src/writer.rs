//! The one writer: a thread that takes whatever operations have queued up while it was committing, runs each by itself
//! and makes them durable together. Nobody is answered before that, but for whoever asked for less ([`Flush::Soon`]); and
//! a second thread sees to it that what they wrote is flushed soon.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, SyncSender},
    },
    time::Duration,
};

use tokio::sync::{mpsc, oneshot};

use crate::{StorageError, Tx, WriteError};

/// Operations in one commit; more would make the first of them wait.
const BATCH: usize = 256;
/// Operations waiting; whoever comes then waits for a place.
pub(crate) const QUEUE: usize = 1024;

/// How long what was written without a flush may wait for one that nobody asked for.
pub(crate) const SOON: Duration = Duration::from_millis(50);

/// When what an operation wrote is flushed to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flush {
    /// And with it all that was written before: whatever the operation saw is as durable as what it wrote.
    BeforeAnswer,
    /// With the next operation that must be durable, or [`SOON`]. Until then it outlives the process, and not the system.
    Soon,
}

/// What becomes of an operation's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Keep,
    Discard,
}

/// An operation whose types have been forgotten.
pub(crate) trait Job: Send {
    fn flush(&self) -> Flush;
    fn run(&mut self, tx: &mut Tx<'_>) -> Keep;
    /// Tells whoever waits; `stored` says whether the writes, where they were kept, are as durable as was asked for.
    fn answer(self: Box<Self>, stored: Result<(), StorageError>);
}

pub(crate) trait Backend: Send + 'static {
    /// Runs every job in its turn, each whole or not at all, and commits. One result for each job.
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Result<(), StorageError>>;
    /// Whether something was acknowledged that is not flushed yet.
    fn owes(&self) -> bool;
}

pub(crate) type Answer<T, E> = oneshot::Receiver<Result<T, WriteError<E>>>;

/// Runs until every sender is gone and the queue is empty. `owing` is told whenever a debt begins, and `spoiled` once nothing is
/// written any more.
pub(crate) fn run(
    mut backend: impl Backend,
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    owing: &SyncSender<()>,
    spoiled: &AtomicBool,
) {
    let mut jobs = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        jobs.push(first);
        while jobs.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next);
        }
        let owed = backend.owes();
        let results = backend.batch(&mut jobs);
        if backend.owes() && !owed {
            // Where one is noticed already, that one is not over before this one.
            let _ = owing.try_send(());
        }
        if results.iter().any(|result| matches!(result, Err(StorageError::Poisoned(_)))) {
            spoiled.store(true, Ordering::SeqCst);
        }
        let results = results.into_iter().chain(std::iter::repeat(Err(StorageError::Closed)));
        for (job, result) in jobs.drain(..).zip(results) {
            job.answer(result);
        }
    }
}

/// Queues an operation that must be durable once a debt is as old as `soon`. Ends when the writer has.
pub(crate) fn settle(soon: Duration, owing: &Receiver<()>, writes: &mpsc::WeakSender<Box<dyn Job>>) {
    while owing.recv().is_ok() {
        let waited = loop {
            match owing.recv_timeout(soon) {
                // That one was paid meanwhile, and this is another.
                Ok(()) => {}
                Err(end) => break end,
            }
        };
        match (waited, writes.upgrade()) {
            (RecvTimeoutError::Timeout, Some(writes)) => {
                let (job, _) = job(Flush::BeforeAnswer, |_| Ok::<(), ()>(()));
                // Whoever ends the store flushes by itself.
                let _ = writes.blocking_send(job);
            }
            (RecvTimeoutError::Timeout, None) | (RecvTimeoutError::Disconnected, _) => return,
        }
    }
}

/// `op` as a job, and where its answer will arrive.
pub(crate) fn job<T, E, F>(flush: Flush, op: F) -> (Box<dyn Job>, Answer<T, E>)
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Write { flush, op: Some(op), result: None, reply }), answer)
}

struct Write<T, E, F> {
    flush: Flush,
    op: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, WriteError<E>>>,
}

impl<T, E, F> Job for Write<T, E, F>
where
    T: Send,
    E: Send,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send,
{
    fn flush(&self) -> Flush {
        self.flush
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> Keep {
        // What the closure leaves half-done in the store is rolled back; what it owned is gone with it.
        self.result = self.op.take().and_then(|op| catch_unwind(AssertUnwindSafe(|| op(tx))).ok());
        match self.result {
            Some(Ok(_)) => Keep::Keep,
            Some(Err(_)) | None => Keep::Discard,
        }
    }

    fn answer(self: Box<Self>, stored: Result<(), StorageError>) {
        let answer = match (stored, self.result) {
            // An operation may have refused because of what came before it in the batch, which is gone too.
            (Err(fault), _) => Err(WriteError::Storage(fault)),
            (Ok(()), None) => Err(WriteError::Storage(StorageError::Panicked)),
            (Ok(()), Some(result)) => result.map_err(WriteError::Op),
        };
        // Whoever asked may have gone away.
        let _ = self.reply.send(answer);
    }
}
