//! Where tests look in: a crash between any two statements, a disk of a known size, a flush that fails.

use std::{
    fmt,
    sync::{Arc, atomic::AtomicU32},
    time::Duration,
};

/// Does nothing by default, which is how the product runs.
#[doc(hidden)]
#[derive(Clone, Default)]
pub struct Probe {
    /// Called with a name before every statement of the writer, and after each commit before anybody is answered.
    pub step: Option<Arc<dyn Fn(&'static str) + Send + Sync>>,
    /// Asked before the writer's `BEGIN`, `COMMIT`, savepoints, flushes and checkpoints: a SQLite error code makes that fail.
    pub fail: Option<Arc<dyn Fn(&'static str) -> Option<i32> + Send + Sync>>,
    /// The most pages that the database may have, read at every batch.
    pub max_pages: Option<Arc<AtomicU32>>,
    /// How long what is lazy waits for a flush, where nobody asks for one.
    pub soon: Option<Duration>,
}

impl Probe {
    pub(crate) fn step(&self, name: &'static str) {
        if let Some(step) = &self.step {
            step(name);
        }
    }

    pub(crate) fn control(&self, name: &'static str) -> rusqlite::Result<()> {
        self.step(name);
        match self.fail.as_ref().and_then(|fail| fail(name)) {
            Some(code) => Err(rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None)),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Probe")
    }
}
