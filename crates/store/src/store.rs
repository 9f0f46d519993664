//! The handle that the engine holds, and the threads behind it.

use std::{
    convert::Infallible,
    fmt, io,
    path::Path,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
        mpsc as sync_mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::sync::mpsc;

use crate::{
    OpenError, Projection, Reach, StorageError, Tx, View, WriteError,
    memory::Memory,
    readers::{self, Source},
    sqlite::{self, Probe},
    writer::{self, Backend, Flush},
};

/// Cheap to clone; the last handle to go waits for the operations that are queued.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    /// Absent only while dropping.
    writes: Option<mpsc::Sender<Box<dyn writer::Job>>>,
    reads: Option<mpsc::Sender<Box<dyn readers::Job>>>,
    threads: Vec<JoinHandle<()>>,
    spoiled: Arc<AtomicBool>,
}

impl Store {
    /// Forgets everything when its last handle goes. Where the system gives no threads it is closed from the start.
    pub fn memory() -> Self {
        let memory = Arc::new(Memory::default());
        let sources = (0..readers::THREADS).map(|_| Arc::clone(&memory)).collect();
        Self::start(memory, sources, writer::SOON).unwrap_or_else(|_| Self {
            inner: Arc::new(Inner {
                writes: None,
                reads: None,
                threads: Vec::new(),
                spoiled: Arc::default(),
            }),
        })
    }

    /// Opens or creates the database at `path`, alone: a second process is refused by a lock on `PATH.lock`.
    ///
    /// # Errors
    /// Where it is in use, readable by others, not ours, of another version, or cannot promise durability.
    pub fn sqlite(path: &Path) -> Result<Self, OpenError> {
        Self::sqlite_probed(path, Probe::default())
    }

    /// For tests: `probe` sees every statement before it runs, and may bound the file.
    #[doc(hidden)]
    pub fn sqlite_probed(path: &Path, probe: Probe) -> Result<Self, OpenError> {
        let soon = probe.soon.unwrap_or(writer::SOON);
        let backend = sqlite::open(path, probe)?;
        let sources = (0..readers::THREADS).map(|_| sqlite::reader(path)).collect::<Result<_, _>>()?;
        Self::start(backend, sources, soon)
    }

    /// A copy of the database at `path`, in one consistent state, as the new file `into`: flushed, for our eyes only, and
    /// beside a process that has the store open. What was overwritten or erased in the original is not in it.
    ///
    /// # Errors
    /// Where the one cannot be read or the other not be written, or is there.
    pub fn copy(path: &Path, into: &Path) -> Result<Reach, OpenError> {
        sqlite::copy(path, into)?;
        Self::reach_of(into)
    }

    /// Which checkpoints the database at `path` goes with; read-only, and also of what the versions before have left.
    ///
    /// # Errors
    /// Where it cannot be read or is not ours.
    pub fn reach_of(path: &Path) -> Result<Reach, OpenError> {
        let mut reach = Err(StorageError::Closed);
        sqlite::reader(path)?.snapshot(&mut |rows| reach = rows.and_then(|rows| View::new(rows).reach()));
        reach.map_err(|source| OpenError::Storage { path: path.to_owned(), source })
    }

    /// Keeps every other process from opening the store at `path`, which need not be there, for as long as it lives.
    ///
    /// # Errors
    /// [`OpenError::InUse`] where a process has it open.
    pub fn hold(path: &Path) -> Result<Hold, OpenError> {
        sqlite::hold(path).map(Hold)
    }

    /// Every session, change and approval as it lies in the database at `path`, for the auditor: read-only, and beside
    /// a process that has the store open. Also of what the versions before have left.
    ///
    /// # Errors
    /// Where the database cannot be read or is not ours. A row that was altered is no error: it is listed as it is.
    pub fn projection_of(path: &Path) -> Result<Projection, OpenError> {
        let mut projection = Err(StorageError::Closed);
        sqlite::reader(path)?
            .snapshot(&mut |rows| projection = rows.and_then(|rows| View::new(rows).projection()));
        projection.map_err(|source| OpenError::Storage { path: path.to_owned(), source })
    }

    /// Runs `op` on the writer's thread, whole or not at all, and resolves once that is durable. An `Err` of `op`
    /// rolls back what it wrote. It must not block on anything else: everyone waits for it. Whatever `op` saw is durable
    /// then too, also where it was written lazily and where `op` wrote nothing itself.
    ///
    /// # Errors
    /// `Op` with what `op` refused; `Storage` where nothing could be recorded. If the process dies just after a
    /// `Storage` error, the operation can still turn out to be there: whole, and with its entry. Where it was the flush that
    /// failed, readers may see it at once, and nothing is written any more.
    pub async fn write<T, E, F>(&self, op: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.queued(Flush::BeforeAnswer, op).await
    }

    /// As [`Store::write`], but resolves before the disk was flushed: what `op` wrote is there for every reader and
    /// outlives the process, and a power cut may still take it, whole and with what was written after it. The next
    /// [`Store::write`] makes it durable, whoever calls it; where nobody does, that happens within a tenth of a second.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub async fn write_lazily<T, E, F>(&self, op: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        self.queued(Flush::Soon, op).await
    }

    /// Whether a flush has failed, or the file is damaged: nothing is written any more, and only opening it anew tells what is on
    /// disk.
    pub fn is_poisoned(&self) -> bool {
        self.inner.spoiled.load(Ordering::SeqCst)
    }

    /// Resolves once everything that was acknowledged, or could be read, before the call is durable. Flushes nothing where
    /// it is already.
    ///
    /// # Errors
    /// Where it could not be flushed; then nothing is written any more.
    pub async fn settle(&self) -> Result<(), StorageError> {
        self.write(|_| Ok::<(), Infallible>(())).await.map_err(|err| match err {
            WriteError::Op(never) => match never {},
            WriteError::Storage(err) => err,
        })
    }

    async fn queued<T, E, F>(&self, flush: Flush, op: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let (job, answer) = writer::job(flush, op);
        let closed = || WriteError::Storage(StorageError::Closed);
        self.inner.writes.as_ref().ok_or_else(closed)?.send(job).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Runs `op` on one consistent state that includes every write acknowledged so far, beside the writer.
    ///
    /// # Errors
    /// What `op` returns, or that the state could not be read.
    pub async fn read<T, F>(&self, op: F) -> Result<T, StorageError>
    where
        T: Send + 'static,
        F: FnOnce(&View<'_>) -> Result<T, StorageError> + Send + 'static,
    {
        let (job, answer) = readers::job(op);
        let reads = self.inner.reads.as_ref().ok_or(StorageError::Closed)?;
        reads.send(job).await.map_err(|_| StorageError::Closed)?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    fn start<S: Source>(backend: impl Backend, sources: Vec<S>, soon: Duration) -> Result<Self, OpenError> {
        let (writes, queue) = mpsc::channel(writer::QUEUE);
        let (reads, shared) = mpsc::channel(writer::QUEUE);
        let shared = Arc::new(Mutex::new(shared));
        let mut threads = Vec::with_capacity(sources.len() + 1);
        for source in sources {
            let queue = Arc::clone(&shared);
            threads.push(spawn("store-reader", move || readers::run(source, &queue))?);
        }
        let (debts, owing) = sync_mpsc::sync_channel(1);
        // Joined last: it owns the lock, which may go only when nobody reads any more.
        let spoiled = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&spoiled);
        threads.push(spawn("store-writer", move || writer::run(backend, queue, &debts, &told))?);
        let weak = writes.downgrade();
        // Ends with the writer, by itself: the writer's own thread may be the one that would have to join it.
        spawn("store-settler", move || writer::settle(soon, &owing, &weak))?;
        Ok(Self { inner: Arc::new(Inner { writes: Some(writes), reads: Some(reads), threads, spoiled }) })
    }
}

/// See [`Store::hold`].
#[derive(Debug)]
pub struct Hold(#[expect(dead_code, reason = "the lock goes when the file is closed")] std::fs::File);

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.writes = None;
        self.reads = None;
        for thread in self.threads.drain(..) {
            // An operation may own the last handle; its thread cannot wait for itself.
            if thread.thread().id() != thread::current().id() {
                // The threads catch what operations throw; there is nobody left to tell.
                let _ = thread.join();
            }
        }
    }
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>, OpenError> {
    let spawned: io::Result<_> = thread::Builder::new().name(name.to_owned()).spawn(body);
    spawned.map_err(OpenError::Threads)
}
