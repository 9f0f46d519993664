//! The one writer: a thread that takes whatever operations have queued up while it was committing, runs each by itself
//! and makes them durable together. Nobody is answered before that.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::{mpsc, oneshot};

use crate::{StorageError, Tx, WriteError};

/// Operations in one commit; more would make the first of them wait.
const BATCH: usize = 256;
/// Operations waiting; whoever comes then waits for a place.
pub(crate) const QUEUE: usize = 1024;

/// What becomes of an operation's writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    Keep,
    Discard,
}

/// An operation whose types have been forgotten.
pub(crate) trait Job: Send {
    fn run(&mut self, tx: &mut Tx<'_>) -> Keep;
    /// Tells whoever waits; `stored` says whether the writes, where they were kept, are durable.
    fn answer(self: Box<Self>, stored: Result<(), StorageError>);
}

pub(crate) trait Backend: Send + 'static {
    /// Runs every job in its turn, each whole or not at all, and commits. One result for each job.
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Result<(), StorageError>>;
}

pub(crate) type Answer<T, E> = oneshot::Receiver<Result<T, WriteError<E>>>;

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn run(mut backend: impl Backend, mut queue: mpsc::Receiver<Box<dyn Job>>) {
    let mut jobs = Vec::with_capacity(BATCH);
    while let Some(first) = queue.blocking_recv() {
        jobs.push(first);
        while jobs.len() < BATCH
            && let Ok(next) = queue.try_recv()
        {
            jobs.push(next);
        }
        let results = backend.batch(&mut jobs);
        let results = results.into_iter().chain(std::iter::repeat(Err(StorageError::Closed)));
        for (job, result) in jobs.drain(..).zip(results) {
            job.answer(result);
        }
    }
}

/// `op` as a job, and where its answer will arrive.
pub(crate) fn job<T, E, F>(op: F) -> (Box<dyn Job>, Answer<T, E>)
where
    T: Send + 'static,
    E: Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Write { op: Some(op), result: None, reply }), answer)
}

struct Write<T, E, F> {
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
