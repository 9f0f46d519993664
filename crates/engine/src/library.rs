//! Where bundles are kept, and what an operation is where no bundle says so. On disk that is the binary's part.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use model::{Digest, EffectSet, Operation};
use policy::{Difference, Files, Tables};

pub trait Library: Send + Sync {
    /// Whole, and on disk, when it returns: a start must find these files by their digest, whatever happens next.
    ///
    /// # Errors
    /// Why they cannot be kept, in words.
    fn keep(&self, bundle: Digest, files: &Files, shown: &Shown) -> Result<(), String>;

    /// What was kept under this digest.
    ///
    /// # Errors
    /// That there is nothing, or not what its digest is of.
    fn find(&self, bundle: Digest) -> Result<Kept, String>;

    /// What the tables of the gateways say of an operation.
    fn listed(&self, operation: &Operation) -> Option<EffectSet>;

    /// The text of an operation table, by its digest.
    ///
    /// # Errors
    /// That there is none, or not the one that its digest is of.
    fn table(&self, table: Digest) -> Result<String, String>;

    /// As [`Library::keep`], of an operation table that is at hand.
    ///
    /// # Errors
    /// That there is none of this digest, or why it cannot be kept.
    fn keep_table(&self, table: Digest) -> Result<(), String>;

    /// What single operations are under another table.
    ///
    /// # Errors
    /// That one of the two is not to be had.
    fn between(&self, old: Tables, new: Tables) -> Result<Vec<Difference>, String>;
}

/// What came with a bundle when it was last asked for.
#[derive(Clone, Debug, Default)]
pub struct Shown {
    /// As `countersign policy prove` writes it.
    pub certificate: Vec<u8>,
    /// As `countersign policy diff` writes it, where the rules were others.
    pub comparison: Option<Vec<u8>>,
}

/// The files of a bundle, and what came with them; nothing, where it came with the installation.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub files: Files,
    pub shown: Option<Shown>,
}

/// Keeps bundles for as long as it lives, and knows no operation.
#[derive(Debug, Default)]
pub struct Shelf {
    bundles: Mutex<BTreeMap<Digest, Kept>>,
    tables: Mutex<BTreeMap<Digest, String>>,
}

impl Shelf {
    /// An operation table, under a name that whoever made it answers for.
    pub fn put_table(&self, table: Digest, text: &str) {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner).insert(table, text.to_owned());
    }
}

impl Library for Shelf {
    fn keep(&self, bundle: Digest, files: &Files, shown: &Shown) -> Result<(), String> {
        let kept = Kept { files: files.clone(), shown: Some(shown.clone()) };
        self.bundles.lock().unwrap_or_else(PoisonError::into_inner).entry(bundle).or_insert(kept);
        Ok(())
    }

    fn find(&self, bundle: Digest) -> Result<Kept, String> {
        let found = self.bundles.lock().unwrap_or_else(PoisonError::into_inner).get(&bundle).cloned();
        found.ok_or_else(|| format!("no bundle {bundle} is kept here"))
    }

    fn listed(&self, _: &Operation) -> Option<EffectSet> {
        None
    }

    fn table(&self, table: Digest) -> Result<String, String> {
        let found = self.tables.lock().unwrap_or_else(PoisonError::into_inner).get(&table).cloned();
        found.ok_or_else(|| format!("no operation table {table} is kept here"))
    }

    fn keep_table(&self, table: Digest) -> Result<(), String> {
        self.table(table).map(drop)
    }

    fn between(&self, _: Tables, _: Tables) -> Result<Vec<Difference>, String> {
        Ok(Vec::new())
    }
}
