//! Where bundles are kept, and what an operation is where no bundle says so. On disk that is the binary's part.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use model::{Digest, EffectSet, Operation};
use policy::Files;

pub trait Library: Send + Sync {
    /// Whole, and on disk, when it returns: a start must find these files by their digest, whatever happens next.
    ///
    /// # Errors
    /// Why they cannot be kept, in words.
    fn keep(&self, bundle: Digest, files: &Files, proof: &[u8]) -> Result<(), String>;

    /// What was kept under this digest.
    ///
    /// # Errors
    /// That there is nothing, or not what its digest is of.
    fn find(&self, bundle: Digest) -> Result<Kept, String>;

    /// What the tables of the gateways say of an operation.
    fn listed(&self, operation: &Operation) -> Option<EffectSet>;
}

/// The files of a bundle, and the certificate that came with them.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    pub files: Files,
    pub proof: Option<Vec<u8>>,
}

/// Keeps bundles for as long as it lives, and knows no operation.
#[derive(Debug, Default)]
pub struct Shelf(Mutex<BTreeMap<Digest, Kept>>);

impl Library for Shelf {
    fn keep(&self, bundle: Digest, files: &Files, proof: &[u8]) -> Result<(), String> {
        let kept = Kept { files: files.clone(), proof: Some(proof.to_vec()) };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(bundle).or_insert(kept);
        Ok(())
    }

    fn find(&self, bundle: Digest) -> Result<Kept, String> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&bundle).cloned();
        found.ok_or_else(|| format!("no bundle {bundle} is kept here"))
    }

    fn listed(&self, _: &Operation) -> Option<EffectSet> {
        None
    }
}
