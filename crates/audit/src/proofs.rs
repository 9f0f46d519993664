//! Which bundles came into force with no certificate of a proof on record. That contradicts nothing: an installation may begin
//! with a bundle that nobody had proved. But whoever relies on its rules is told.

use model::{Digest, EntryKind};
use serde::{Deserialize, Serialize};

use crate::entries::Placed;

/// Where the entry that brings a bundle into force says what was proved of it: the digest of the certificate, or [`UNPROVED`].
pub const CERTIFICATE: &str = "certificate";
pub const UNPROVED: &str = "unproved";

/// A bundle that came into force without a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unproved {
    pub entry: u64,
    pub bundle: Digest,
}

#[derive(Debug, Default)]
pub(crate) struct Proofs {
    lacking: Vec<Unproved>,
}

/// Every adoption takes a certificate; a log with more than a few has other problems, which are told.
const MOST: usize = 20;

impl Proofs {
    pub(crate) fn take(&mut self, placed: &Placed) {
        let begins = matches!(placed.entry.kind, EntryKind::Genesis | EntryKind::BundleAdopted);
        let Some(bundle) = placed.entry.bundle.filter(|_| begins && self.lacking.len() < MOST) else {
            return;
        };
        if placed.detail(CERTIFICATE).and_then(|text| text.parse::<Digest>().ok()).is_none() {
            self.lacking.push(Unproved { entry: placed.index, bundle });
        }
    }

    pub(crate) fn told(self) -> Vec<Unproved> {
        self.lacking
    }
}
