//! Backups: the database in one consistent state, and the log as it was under the one checkpoint that goes with it. What is
//! no part of a backup is the lock file, which says how far the log was really signed, and the keys: whoever has a
//! backup can read, and sign nothing.
//!
//! ```text
//! DIR/manifest.json     what is here; written last
//! DIR/countersign.db    the database
//! DIR/log/…             genesis, checkpoint, tiles and entries
//! DIR/bundle/…          the bundle in force
//! DIR/tables/…          the operation table that it rests on
//! ```

mod files;
mod moves;
mod since;
mod verdict;

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use audit::Report;
use model::{Digest, Genesis, Timestamp};
use policy::{Bundle, Files};
use serde::{Deserialize, Serialize};
use store::{OpenError, Store};
use tlog::{Checkpoint, VerifierKey, open_checkpoint};

pub(crate) use files::{bounded, copy_file, digest_of, plain, put};
pub(crate) use moves::{Journal, Part, clear, settle};
pub(crate) use since::{Silent, Since};
pub(crate) use verdict::{Here, Verdict, judge};

use crate::{audited::audit, command::bundle_files, failure::Failure};

/// A checkpoint with many cosignatures.
pub(crate) const MAX_NOTE: u64 = 256 * 1024;
const MAX_GENESIS: u64 = 16 * 1024;

/// `manifest.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// `countersign.backup/v1`.
    pub(crate) schema: String,
    pub(crate) made_at: Timestamp,
    /// The installation's fingerprint.
    pub(crate) genesis: Digest,
    /// Entries of the log.
    pub(crate) size: u64,
    /// SHA-256 of `countersign.db`.
    pub(crate) database: Digest,
    /// Of the bundle in force.
    pub(crate) bundle: Digest,
}

impl Manifest {
    pub(crate) const SCHEMA: &str = "countersign.backup/v1";
    const MAX_BYTES: u64 = 64 * 1024;
}

/// A folder that says of itself that it is a backup. What it has is verified as it is copied out ([`Backup::stage`]): a
/// medium that answers otherwise the second time is none to restore from.
#[derive(Debug)]
pub(crate) struct Backup {
    dir: PathBuf,
    pub(crate) manifest: Manifest,
    pub(crate) genesis: Genesis,
    pub(crate) key: VerifierKey,
    /// The log's checkpoint, as it was signed.
    pub(crate) note: String,
    pub(crate) checkpoint: Checkpoint,
}

impl Backup {
    /// Reads what it says: its manifest, and the checkpoint of its log.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| {
            Failure::verification(format!("the backup's {what}: {why}"))
        };
        let file = dir.join("manifest.json");
        let manifest = plain(&file, Manifest::MAX_BYTES).map_err(|err| match err.kind() {
            ErrorKind::InvalidInput | ErrorKind::FileTooLarge => wrong("manifest.json", &err),
            _ => Failure::usage(format!("{} cannot be read: {err}", file.display())).hint(
                "give the folder that `countersign backup` made; one without a manifest was never finished",
            ),
        })?;
        let manifest: Manifest =
            serde_json::from_slice(&manifest).map_err(|err| wrong("manifest.json", &err))?;
        if manifest.schema != Manifest::SCHEMA {
            let why = format!("says it is {}; this version reads {}", manifest.schema, Manifest::SCHEMA);
            return Err(wrong("manifest.json", &why));
        }
        files::all_plain(dir)?;
        for suffix in ["-wal", "-shm", "-journal"] {
            // SQLite would take it for a part of the database, and no digest is of it.
            let beside = format!("{DATABASE}{suffix}");
            if fs::symlink_metadata(dir.join(&beside)).is_ok() {
                return Err(wrong(&beside, &"is no part of a backup"));
            }
        }
        let (genesis, key) =
            genesis_in(&dir.join("log"))?.ok_or_else(|| wrong("genesis.json", &"is missing"))?;
        let note = plain(&dir.join("log/checkpoint"), MAX_NOTE).map_err(|err| wrong("checkpoint", &err))?;
        let note = String::from_utf8(note).map_err(|err| wrong("checkpoint", &err))?;
        let checkpoint = open_checkpoint(&note, &key).map_err(|err| wrong("checkpoint", &err))?;
        if (genesis.fingerprint(), checkpoint.size) != (manifest.genesis, manifest.size) {
            return Err(wrong("log", &"is not the one that its manifest is of"));
        }
        Ok(Self { dir: dir.to_owned(), manifest, genesis, key, note, checkpoint })
    }

    /// Copies database and log into new places, and verifies the copies: the database by its digest and by the log, the log
    /// by its checkpoint.
    pub(crate) fn stage(&self, database: &Path, log: &Path) -> Result<(), Failure> {
        copy_file(&self.dir.join(DATABASE), database)?;
        if digest_of(database)? != self.manifest.database {
            return Err(Failure::verification(format!(
                "the backup's {DATABASE}: is not the one that its manifest is of"
            )));
        }
        ledger::copy(&self.log(), log, &self.note, self.checkpoint.size)
            .map_err(|err| Failure::verification(format!("the backup does not hold: {err}")))?;
        let (report, _) = verify(database, log, &self.genesis)?;
        sound(&report, "the backup does not hold")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.dir.join("bundle")
    }

    pub(crate) fn tables(&self) -> PathBuf {
        self.dir.join(TABLES)
    }
}

pub(crate) const DATABASE: &str = "countersign.db";
pub(crate) const TABLES: &str = "tables";

/// A log with the database that goes with it; and the bundle that the log has in force last.
pub(crate) fn verify(
    database: &Path,
    log: &Path,
    genesis: &Genesis,
) -> Result<(Report, Option<Digest>), Failure> {
    let projection = Store::projection_of(database).map_err(|err| unread(&err))?;
    let database = engine::database_of(projection);
    let audited = audit(log, Some(genesis.fingerprint()), &[], Some(&database), |_| {})?;
    let bundle = audited.bundle;
    Ok((audited.told(), bundle))
}

/// A database that this version cannot read at all is neither sound nor unsound.
pub(crate) fn unread(err: &OpenError) -> Failure {
    match err {
        OpenError::Layout { found, known, .. } if found < known => Failure::usage(model::causes(err)).hint(
            "that is an earlier version's: put the backup back with the version that made it, start `countersign serve` \
             of this one on that once, and make another backup",
        ),
        OpenError::Layout { .. } => {
            Failure::usage(model::causes(err)).hint("that is a later version's: use that one, or a newer")
        }
        _ => Failure::verification(model::causes(err)),
    }
}

pub(crate) fn sound(report: &Report, what: &str) -> Result<(), Failure> {
    let Some(first) = report.problems.first() else { return Ok(()) };
    let more = match report.problems.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    Err(Failure::verification(format!("{what}: {}{more}", first.message)))
}

/// The genesis of the log in `dir` and its key; `None` where there is none.
pub(crate) fn genesis_in(dir: &Path) -> Result<Option<(Genesis, VerifierKey)>, Failure> {
    let file = dir.join("genesis.json");
    let wrong = |why: &dyn std::fmt::Display| Failure::usage(format!("{}: {why}", file.display()));
    let bytes = match plain(&file, MAX_GENESIS) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(wrong(&err)),
    };
    let genesis = Genesis::from_json(&bytes).map_err(|err| wrong(&err))?;
    let key = genesis.vkey.parse::<VerifierKey>().map_err(|err| wrong(&err))?;
    Ok(Some((genesis, key)))
}

/// The bundle in `dir`, where it is this one.
pub(crate) fn bundle_if(dir: &Path, digest: Digest) -> Option<(Files, Bundle)> {
    let files = bundle_files(dir).ok()?;
    let bundle = Bundle::load(&files).ok()?;
    (bundle.digest() == digest).then_some((files, bundle))
}
