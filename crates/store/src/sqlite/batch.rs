//! Many operations, one flush: each runs inside a savepoint of its own, all of them inside one transaction. A batch of
//! operations that are all lazy ([`Flush::Soon`]) is committed without one.
//!
//! Why that is safe, by what SQLite documents of its write-ahead log (sqlite.org: wal.html, walformat.html, and the
//! pragma `synchronous`; read again in the source of the version that is linked):
//!
//! - `FULL` flushes the log at each commit, `NORMAL` leaves that out and nothing else. A commit's pages are in the file,
//!   that is with the system, before it returns: the end of the process takes nothing.
//! - The log is one file, and a flush is of the whole file: it makes all commits before it durable. A commit under `FULL`
//!   that has nothing to write flushes nothing, and a row that was changed to what it was before counts as changed and is
//!   nothing to write. So while a flush is owed, the next commit that must be durable is one without, and the file is
//!   flushed here: once, whatever the commit wrote.
//! - Each page in the log carries a checksum over all before it. After a power cut the log ends where they end, at the
//!   last commit before: what is lost is the newest, never something in between and never half of it.
//! - Before pages move from the log into the database the log is flushed, under `NORMAL` too, and before the log is written
//!   from its start again the database is. So no page in the database is newer than what is durable in the log, and
//!   nothing that a new log overwrites was only there.
//! - A new log's header is flushed before its first page, under `NORMAL` too, and with it the file's name in its folder.
//! - Whoever opens the file finds what the last process had written, flushed or not, and cannot tell: so it is flushed then.

use std::{fs::File, sync::atomic::Ordering};

use rusqlite::Connection;

use super::{
    Probe,
    fault::{classify, is_lasting},
    rows::SqliteRows,
};
use crate::{
    StorageError, Tx,
    readers::Source,
    rows::Rows,
    writer::{Backend, Flush, Job, Keep},
};

/// Changed rows after which the write-ahead log is moved into the database: often enough to keep it small.
const CHECKPOINT_ROWS: u64 = 4000;

type Stored = Result<(), StorageError>;

#[derive(Debug)]
pub(crate) struct Writer {
    conn: Connection,
    /// The write-ahead log. Open from the start, so that the system tells it of every write that failed since.
    log: File,
    probe: Probe,
    /// What a commit does at present; `None` where that was changed and not read back.
    commits: Option<Flush>,
    /// Something was acknowledged that is not flushed yet, or may be.
    owes: bool,
    /// Why nothing is written any more.
    poison: Option<StorageError>,
    checkpointed: u64,
    /// Something that the transaction under way keeps; its commit may write to the log, then.
    wrote: bool,
    /// A body was overwritten, and the write-ahead log still has it.
    unclean: bool,
    /// After the connection: it is let go of last.
    _lock: File,
}

impl Writer {
    /// Whoever had the file last may have ended between overwriting a body and emptying the write-ahead log: so it counts
    /// as unclean.
    /// `conn` commits under `FULL`.
    pub(crate) const fn new(conn: Connection, log: File, probe: Probe, lock: File) -> Self {
        Self {
            conn,
            log,
            probe,
            commits: Some(Flush::BeforeAnswer),
            owes: true,
            poison: None,
            checkpointed: 0,
            wrote: false,
            unclean: true,
            _lock: lock,
        }
    }

    /// Runs jobs in one transaction. Where one of them ends it before its time, SQLite having given it up, what ran before
    /// in it is lost too; those that did not come to run have no result yet.
    fn transaction(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Stored> {
        let lazy = jobs.iter().all(|job| job.flush() == Flush::Soon);
        // Only where nothing is owed does it make no difference whether a commit under `FULL` flushes.
        let commit = if lazy || self.owes { Flush::Soon } else { Flush::BeforeAnswer };
        if let Err(fault) = self.begin(commit) {
            return self.give_up(jobs.len(), fault);
        }
        self.wrote = false;
        let mut stored = Vec::with_capacity(jobs.len());
        for job in jobs {
            match self.apply(&mut **job) {
                Ok(result) => stored.push(result),
                Err(fault) => return self.give_up(stored.len() + 1, fault),
            }
        }
        if let Err(fault) = self.run("COMMIT") {
            return self.give_up(stored.len(), fault);
        }
        self.owes |= self.wrote && commit == Flush::Soon;
        if !lazy && let Err(fault) = self.settle() {
            return self.give_up(stored.len(), fault);
        }
        self.probe.step("after COMMIT");
        self.clean_if_due();
        self.checkpoint_if_due();
        stored
    }

    fn begin(&mut self, flush: Flush) -> Result<(), StorageError> {
        if let Some(poison) = &self.poison {
            return Err(poison.clone());
        }
        if let Some(pages) = &self.probe.max_pages {
            let pages = pages.load(Ordering::SeqCst);
            let set = self.conn.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()));
            set.map_err(|err| classify(&err))?;
        }
        self.commit_with(flush)?;
        self.run("BEGIN IMMEDIATE")
    }

    /// Set, then read back; SQLite changes it between transactions only.
    fn commit_with(&mut self, flush: Flush) -> Result<(), StorageError> {
        if self.commits == Some(flush) {
            return Ok(());
        }
        self.commits = None;
        let (step, wanted) = match flush {
            Flush::BeforeAnswer => ("synchronous = FULL", 2),
            Flush::Soon => ("synchronous = NORMAL", 1),
        };
        let found = self
            .probe
            .control(step)
            .and_then(|()| self.conn.pragma_update(None, "synchronous", wanted))
            .and_then(|()| self.probe.control("read back"))
            .and_then(|()| self.conn.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0)))
            .map_err(|err| classify(&err))?;
        if found != wanted {
            return Err(StorageError::Io(format!("synchronous is {found}, not {wanted}")));
        }
        self.commits = Some(flush);
        Ok(())
    }

    /// Makes durable what was acknowledged before it was.
    pub(crate) fn settle(&mut self) -> Result<(), StorageError> {
        if !self.owes {
            return Ok(());
        }
        let allowed = self.probe.control("flush").map_err(|err| err.to_string());
        match allowed.and_then(|()| self.log.sync_data().map_err(|err| err.to_string())) {
            Ok(()) => {
                self.owes = false;
                Ok(())
            }
            Err(why) => {
                self.poison(StorageError::Poisoned(why.clone()));
                Err(StorageError::Poisoned(why))
            }
        }
    }

    fn give_up(&mut self, jobs: usize, fault: StorageError) -> Vec<Stored> {
        if is_lasting(&fault) {
            self.poison(fault.clone());
        }
        self.roll_back();
        vec![Err(fault); jobs]
    }

    /// The outer error is of the whole transaction, the inner one of this operation alone.
    fn apply(&mut self, job: &mut dyn Job) -> Result<Stored, StorageError> {
        self.run("SAVEPOINT operation")?;
        let before = self.conn.total_changes();
        let rows = SqliteRows::new(&self.conn, &self.probe);
        let keep = job.run(&mut Tx::new(&rows));
        let (fault, no_copy) = (rows.fault(), rows.must_leave_no_copy());
        if self.conn.is_autocommit() {
            // SQLite gave up the transaction, and with it all that came before in the batch.
            return Err(fault.unwrap_or_else(|| StorageError::Io("the transaction was lost".to_owned())));
        }
        match fault {
            Some(fault) if is_lasting(&fault) => return Err(fault),
            Some(fault) => {
                self.run("ROLLBACK TO operation")?;
                self.run("RELEASE operation")?;
                return Ok(Err(fault));
            }
            None => {}
        }
        match keep {
            Keep::Discard => self.run("ROLLBACK TO operation")?,
            Keep::Keep => {
                self.unclean |= no_copy;
                self.wrote |= self.conn.total_changes() > before;
            }
        }
        self.run("RELEASE operation")?;
        Ok(Ok(()))
    }

    fn run(&self, sql: &'static str) -> Result<(), StorageError> {
        let allowed = self.probe.control(sql);
        let done = allowed.and_then(|()| self.conn.prepare_cached(sql)?.execute([]));
        done.map(|_| ()).map_err(|err| classify(&err))
    }

    fn roll_back(&mut self) {
        if !self.conn.is_autocommit()
            && let Err(err) = self.conn.execute_batch("ROLLBACK")
        {
            self.poison(StorageError::Poisoned(err.to_string()));
        }
    }

    fn poison(&mut self, cause: StorageError) {
        self.poison.get_or_insert(cause);
    }

    /// A body is gone once the write-ahead log is empty: before that, its last page lies there as it was. Waits a while
    /// for whoever still reads what was before; who reads on delays it to a later batch.
    pub(crate) fn clean_if_due(&mut self) {
        if !self.unclean {
            return;
        }
        let allowed = self.probe.control("clean");
        let cleaned = allowed.and_then(|()| {
            self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, bool>(0))
        });
        match cleaned {
            Ok(busy) => self.unclean = busy,
            Err(err) => {
                let fault = classify(&err);
                if is_lasting(&fault) {
                    self.poison(fault);
                }
            }
        }
    }

    /// Nobody's operation fails by this: what it moves is durable already. A failed flush is still the end.
    fn checkpoint_if_due(&mut self) {
        let changed = self.conn.total_changes();
        if changed.saturating_sub(self.checkpointed) < CHECKPOINT_ROWS {
            return;
        }
        self.checkpointed = changed;
        let allowed = self.probe.control("checkpoint");
        if let Err(err) =
            allowed.and_then(|()| self.conn.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())))
        {
            let fault = classify(&err);
            if is_lasting(&fault) {
                self.poison(fault);
            }
        }
    }
}

/// After an orderly end the database is one file again: whoever copies it alone copies all of it.
impl Drop for Writer {
    fn drop(&mut self) {
        if self.poison.is_none() && self.settle().is_ok() && self.probe.control("checkpoint").is_ok() {
            // What it would move is durable already, and the next start reads it from where it is.
            let _ = self.conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        }
    }
}

impl Backend for Writer {
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Stored> {
        let mut stored = self.transaction(jobs);
        // Once one of them has ended a transaction, another may, and shall find nobody to take along.
        while let Some(next) = jobs.get_mut(stored.len()..).and_then(|rest| rest.get_mut(..1)) {
            stored.extend(self.transaction(next));
        }
        stored
    }

    fn owes(&self) -> bool {
        self.owes
    }
}

#[derive(Debug)]
pub(crate) struct Reader {
    conn: Connection,
    probe: Probe,
}

impl Reader {
    pub(crate) fn new(conn: Connection) -> Self {
        Self { conn, probe: Probe::default() }
    }
}

impl Source for Reader {
    fn snapshot(&mut self, read: &mut dyn FnMut(Result<&dyn Rows, StorageError>)) {
        // The first question fixes the state that all of them see.
        match self.conn.execute_batch("BEGIN DEFERRED") {
            Ok(()) => read(Ok(&SqliteRows::new(&self.conn, &self.probe))),
            Err(err) => read(Err(classify(&err))),
        }
        if !self.conn.is_autocommit() {
            // A transaction that only read leaves nothing to lose; if it cannot end, the next BEGIN says so.
            let _ = self.conn.execute_batch("ROLLBACK");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        sync::{Arc, Mutex},
    };

    use super::*;
    use crate::{
        rows::ApprovalRow,
        sqlite,
        writer::{Answer, job},
    };

    fn put(flush: Flush) -> (Box<dyn Job>, Answer<(), StorageError>) {
        job(flush, |tx| {
            let (change, person) = ("c".to_owned(), "ada".to_owned());
            tx.rows.put_approval(&ApprovalRow { change, person, document: b"{}".to_vec() })
        })
    }

    /// A row that is written as it was counts as changed, and adds no byte to the write-ahead log: `FULL` flushes nothing.
    #[test]
    fn what_is_owed_is_flushed_though_the_commit_has_nothing_to_write() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let seen = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&seen);
        let step = move |name: &'static str| told.lock().unwrap().push(name);
        let probe = Probe { step: Some(Arc::new(step)), ..Probe::default() };
        let mut writer = sqlite::open(&path, probe).unwrap();
        let log = || fs::metadata(folder.path().join("db-wal")).unwrap().len();
        let mut write = |flush| {
            let (job, mut answer) = put(flush);
            let mut jobs = vec![job];
            let before = writer.conn.total_changes();
            let stored = writer.batch(&mut jobs);
            assert_eq!(stored, [Ok(())]);
            assert_eq!(writer.conn.total_changes(), before + 1);
            answer.try_recv().unwrap_err();
            writer.owes
        };
        assert!(write(Flush::Soon));
        let length = log();
        seen.lock().unwrap().clear();
        assert!(!write(Flush::BeforeAnswer));
        assert_eq!(log(), length);
        assert_eq!(seen.lock().unwrap().iter().filter(|it| **it == "flush").count(), 1);
    }
}
