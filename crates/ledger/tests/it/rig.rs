//! A key, a genesis, and batches of entries.

use std::path::{Path, PathBuf};

use ledger::Genesis;
use model::Timestamp;
use tlog::SigningKey;

pub(crate) const ORIGIN: &str = "log.example/test";

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub(crate) fn genesis() -> Genesis {
    Genesis {
        origin: ORIGIN.into(),
        vkey: key().verifier().to_string(),
        installation: "00112233445566778899aabbccddeeff".into(),
        created_at: Timestamp::from_seconds(1_795_228_800),
        site: None,
    }
}

/// `count` entries that differ from all others, by `tag`.
pub(crate) fn batch(tag: &str, count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("{tag}-{n}").into_bytes()).collect()
}

pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.path().join("data/log")
    }

    pub(crate) fn lock(&self) -> PathBuf {
        self.dir.path().join("state/checkpoint.lock")
    }

    pub(crate) fn bundle(&self, name: &str) -> PathBuf {
        self.log().join("tile/entries").join(name)
    }

    pub(crate) fn create(&self) -> ledger::Ledger {
        ledger::Ledger::create(&self.log(), &self.lock(), key(), genesis()).unwrap()
    }

    pub(crate) fn open(&self) -> Result<(ledger::Ledger, ledger::Recovery), ledger::OpenError> {
        ledger::Ledger::open(&self.log(), &self.lock(), key())
    }

    pub(crate) fn open_at_edge(&self) -> Result<(ledger::Ledger, ledger::Recovery), ledger::OpenError> {
        ledger::Ledger::open_at_edge(&self.log(), &self.lock(), key())
    }
}

pub(crate) fn copy_all(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_all(&entry.path(), &target)
        } else {
            drop(std::fs::copy(entry.path(), target))
        }
    }
}
