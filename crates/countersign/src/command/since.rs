//! `countersign audit verify --since`: only what came after a checkpoint is verified, and only what that takes is read, file
//! by file, from a folder or from where the log is served.

use std::path::{Path, PathBuf};

use audit::{Given, Report, Since, Step};
use model::Digest;
use tlog::Resource;

use crate::{failure::Failure, mirror};

const MAX_SMALL: u64 = 1 << 20;

/// What is read, with its small files as they were at first.
pub(super) struct Log {
    place: Place,
    genesis: Vec<u8>,
    checkpoint: Vec<u8>,
    witnessed: Option<String>,
}

enum Place {
    Folder(PathBuf),
    Served(Box<mirror::Source>),
}

impl Log {
    pub(super) async fn open(log: &str) -> Result<Self, Failure> {
        let place = match mirror::is_url(log) {
            true => Place::Served(Box::new(mirror::Source::at(log, None)?)),
            false => Place::Folder(PathBuf::from(log)),
        };
        // Before the checkpoint: of a log that grows meanwhile it is the older.
        let witnessed = place.find("witnessed").await?.and_then(|note| String::from_utf8(note).ok());
        let genesis = place.get("genesis.json").await?;
        let checkpoint = place.get("checkpoint").await?;
        Ok(Self { place, genesis, checkpoint, witnessed })
    }

    pub(super) fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    /// The newest checkpoint that witnesses have cosigned, where there is one.
    pub(super) fn witnessed(&self) -> Option<&str> {
        self.witnessed.as_deref()
    }

    /// `None` where the checkpoint is of no entries: what came after it is all of the log.
    pub(super) async fn verify(
        &self,
        old: &Path,
        expected: Option<Digest>,
        held: &[String],
    ) -> Result<Option<Report>, Failure> {
        let none = |why: &dyn std::fmt::Display| {
            Failure::usage(format!("--since: {} is no checkpoint of this log: {why}", old.display()))
                .hint("give a note that was verified before: a copy of the log's `checkpoint`, or one that a client kept")
        };
        let note = super::audit::small(old).ok_or_else(|| none(&"it is no text of at most 1 MiB"))?;
        let given = Given {
            genesis: &self.genesis,
            expected_genesis: expected,
            checkpoint: &self.checkpoint,
            held_checkpoints: held,
            database: None,
        };
        let mut since = Since::new(given, &note).map_err(|err| none(&err))?;
        if since.size() == Some(0) {
            return Ok(None);
        }
        loop {
            match since.step() {
                Step::Read(resource) => {
                    let bytes = self.place.read(resource, &self.checkpoint).await?;
                    since.take(resource, bytes);
                }
                Step::Told(report) => return Ok(Some(*report)),
            }
        }
    }
}

impl Place {
    async fn get(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let missing = || match self {
            Self::Folder(dir) => {
                Failure::usage(format!("{}: there is no {name}: is it a log?", dir.display()))
            }
            Self::Served(served) => served.missing(name),
        };
        self.find(name).await?.ok_or_else(missing)
    }

    async fn find(&self, name: &str) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Folder(dir) => {
                let file = dir.join(name);
                let plain = std::fs::metadata(&file).is_ok_and(|it| it.is_file() && it.len() <= MAX_SMALL);
                Ok(plain.then(|| std::fs::read(&file).ok()).flatten())
            }
            Self::Served(served) => served.note(name).await,
        }
    }

    /// `None` where the log has it not, or not whole.
    async fn read(&self, resource: Resource, checkpoint: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match self {
            Self::Folder(dir) => {
                let size = mirror::size_of(checkpoint).unwrap_or_default();
                Ok(ledger::read_resource(dir, resource, size).ok().flatten())
            }
            Self::Served(served) => served.read(resource).await,
        }
    }
}
