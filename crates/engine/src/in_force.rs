//! Which bundle is in force, and the moment at which another one comes in its place.
//!
//! Whatever is decided is decided under one bundle, and written only while that very one is in force
//! ([`InForce::is`], asked inside the store's operation). An adoption begins inside its own operation and ends once that is
//! durable, or is not to be: between the two nothing is decided, so no decision stands in the log on the wrong side of
//! `bundle_adopted`. Whoever comes in between waits for as long as a flush takes, and decides then.

use std::sync::Arc;

use policy::Bundle;
use store::{Tx, WriteError};
use tokio::sync::watch;

use crate::{Engine, decide::Book};

#[derive(Debug)]
pub(crate) struct InForce {
    bundle: watch::Sender<Arc<Bundle>>,
    turning: watch::Sender<bool>,
}

impl InForce {
    pub(crate) fn new(bundle: Arc<Bundle>) -> Self {
        Self { bundle: watch::Sender::new(bundle), turning: watch::Sender::new(false) }
    }

    pub(crate) fn bundle(&self) -> Arc<Bundle> {
        Arc::clone(&self.bundle.borrow())
    }

    /// Whether it is the very one, and stays so until the operation that asks is over. Not another one with the same
    /// digest: between the two something else was in force.
    pub(crate) fn is(&self, bundle: &Arc<Bundle>) -> bool {
        let in_force = self.bundle.borrow();
        !*self.turning.borrow() && Arc::ptr_eq(&in_force, bundle)
    }

    /// Inside the operation that adopts another one; nothing is decided until [`InForce::end`].
    pub(crate) fn begin(&self) {
        self.turning.send_replace(true);
    }

    /// `next`: what is in force from here on, where the operation is durable.
    pub(crate) fn end(&self, next: Option<Arc<Bundle>>) {
        if let Some(next) = next {
            self.bundle.send_replace(next);
        }
        self.turning.send_replace(false);
    }

    /// Waits until no adoption is under way.
    pub(crate) async fn settled(&self) {
        // The sender lives as long as this does.
        let _ = self.turning.subscribe().wait_for(|turning| !turning).await;
    }
}

/// Why an operation did not write: what it refused, or that another bundle is in force, and the operation itself then.
enum Unruled<E, F> {
    Refused(E),
    Turned(F),
}

impl Engine {
    /// Changes whenever another bundle has come into force.
    pub fn bundles(&self) -> watch::Receiver<Arc<Bundle>> {
        self.in_force.bundle.subscribe()
    }

    /// Runs `op` under the bundle in force; where another one came into force before it could be written, anew under that
    /// one.
    pub(crate) async fn ruled<T, E, F>(&self, mut op: F) -> Result<T, WriteError<E>>
    where
        T: Send + 'static,
        E: Send + 'static,
        F: FnOnce(&mut Tx<'_>, &Book) -> Result<T, E> + Send + 'static,
    {
        loop {
            let book = self.book();
            let done = self.store.write(move |tx| {
                if book.stands() { op(tx, &book).map_err(Unruled::Refused) } else { Err(Unruled::Turned(op)) }
            });
            match done.await {
                Ok(done) => return Ok(done),
                Err(WriteError::Op(Unruled::Refused(err))) => return Err(WriteError::Op(err)),
                Err(WriteError::Storage(err)) => return Err(WriteError::Storage(err)),
                Err(WriteError::Op(Unruled::Turned(again))) => op = again,
            }
            self.in_force.settled().await;
        }
    }
}
