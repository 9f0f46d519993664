//! On which terms requests are understood under a bundle: what it says of operations, and the operation table that it rests
//! on. Where that is not the one that this binary was built with, both count (`classify_aws::sheet`).

use std::sync::{Arc, Mutex, PoisonError};

use classify_aws::{
    classify::{Pinned, Terms},
    sheet::{Sheet, SheetError},
};
use engine::Engine;
use model::Digest;
use policy::{Bundle, Tables};

use crate::overrides::overrides_of;

/// Why nothing can be understood under a bundle.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    #[error("{file} of the bundle names no operation table", file = Tables::FILE)]
    Unnamed,
    #[error("the operation table that the bundle rests on is not to be had: {0}")]
    Missing(String),
    #[error("the operation table that the bundle rests on, {0}: {1}")]
    Unreadable(Digest, #[source] SheetError),
}

impl TermsError {
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unnamed => "`countersign policy table --pin BUNDLE_FOLDER` writes the file",
            Self::Missing(_) => {
                "bring its file back from a backup, or start the version that has it once: it writes the file anew"
            }
            Self::Unreadable(..) => {
                "start the version before, ask for a bundle that names a table which both read, and have it approved"
            }
        }
    }
}

/// The terms of bundles that were asked about: of the one in force, and of those that may come.
#[derive(Debug, Default)]
pub(crate) struct Kept(Mutex<Vec<(Digest, Arc<Terms>)>>);

/// Besides the one in force.
const MOST: usize = 3;

impl Kept {
    /// Of a bundle, made once for it.
    pub(crate) fn of(&self, engine: &Engine, bundle: &Bundle) -> Result<Arc<Terms>, TermsError> {
        if let Some(terms) = self.known(bundle) {
            return Ok(terms);
        }
        let table = bundle.tables().aws.ok_or(TermsError::Unnamed)?;
        Ok(self.keep(engine, bundle, pinned(engine, table)?))
    }

    /// As [`Kept::of`], where reading and comparing a table must not hold up others.
    pub(crate) async fn ahead(&self, engine: &Arc<Engine>, bundle: &Bundle) -> Result<(), TermsError> {
        if self.known(bundle).is_some() {
            return Ok(());
        }
        let table = bundle.tables().aws.ok_or(TermsError::Unnamed)?;
        let reading = Arc::clone(engine);
        let read = tokio::task::spawn_blocking(move || pinned(&reading, table)).await;
        let pinned = read.map_err(|_| TermsError::Missing("reading it broke off".to_owned()))??;
        self.keep(engine, bundle, pinned);
        Ok(())
    }

    fn known(&self, bundle: &Bundle) -> Option<Arc<Terms>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|(of, _)| *of == bundle.digest()).map(|(_, terms)| Arc::clone(terms))
    }

    fn keep(&self, engine: &Engine, bundle: &Bundle, pinned: Pinned) -> Arc<Terms> {
        let terms = Arc::new(Terms { overrides: overrides_of(bundle), pinned: Arc::new(pinned) });
        let in_force = engine.bundle().digest();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() > MOST {
            kept.retain(|(of, _)| *of == in_force);
        }
        kept.push((bundle.digest(), Arc::clone(&terms)));
        terms
    }
}

fn pinned(engine: &Engine, table: Digest) -> Result<Pinned, TermsError> {
    if table == classify_aws::sheet::own_digest() {
        return Ok(Pinned::default());
    }
    let text = engine.table(table).map_err(TermsError::Missing)?;
    let sheet = Sheet::read(&text, table).map_err(|err| TermsError::Unreadable(table, err))?;
    Ok(sheet.pinned())
}
