//! Reads beside the writer: a few threads, each with its own way into the store, so that neither a slow disk nor a long
//! listing holds up an async executor.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex, PoisonError},
};

use tokio::sync::{mpsc, oneshot};

use crate::{StorageError, View, rows::Rows};

pub(crate) const THREADS: usize = 4;

/// Opens one consistent state for the duration of `read`.
pub(crate) trait Source: Send + 'static {
    fn snapshot(&mut self, read: &mut dyn FnMut(Result<&dyn Rows, StorageError>));
}

pub(crate) trait Job: Send {
    fn run(&mut self, rows: Result<&dyn Rows, StorageError>);
}

pub(crate) type Queue = Arc<Mutex<mpsc::Receiver<Box<dyn Job>>>>;

/// Runs until every sender is gone and the queue is empty.
pub(crate) fn run(mut source: impl Source, queue: &Queue) {
    loop {
        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(mut job) = next else { return };
        source.snapshot(&mut |rows| job.run(rows));
    }
}

/// `op` as a job, and where its answer will arrive.
pub(crate) fn job<T, F>(op: F) -> (Box<dyn Job>, oneshot::Receiver<Result<T, StorageError>>)
where
    T: Send + 'static,
    F: FnOnce(&View<'_>) -> Result<T, StorageError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Read { once: Some((op, reply)) }), answer)
}

struct Read<T, F> {
    once: Option<(F, oneshot::Sender<Result<T, StorageError>>)>,
}

impl<T, F> Job for Read<T, F>
where
    T: Send,
    F: FnOnce(&View<'_>) -> Result<T, StorageError> + Send,
{
    fn run(&mut self, rows: Result<&dyn Rows, StorageError>) {
        let Some((op, reply)) = self.once.take() else { return };
        let answer = rows.and_then(|rows| {
            catch_unwind(AssertUnwindSafe(|| op(&View::new(rows)))).unwrap_or(Err(StorageError::Panicked))
        });
        // Whoever asked may have gone away.
        let _ = reply.send(answer);
    }
}
