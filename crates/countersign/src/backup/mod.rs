//! Backups: the database in one consistent state, and the log as it was under the one checkpoint that goes with it. What is
//! no part of a backup is the lock file, which says how far the log was really signed, and the keys: whoever has a
//! backup can read, and sign nothing.
//!
//! ```text
//! DIR/manifest.json     what is here; written last
//! DIR/countersign.db    the database
//! DIR/log/…             genesis, checkpoint, tiles and entries
//! DIR/bundle/…          the bundle in force
//! ```

mod moves;
mod verdict;

use std::{
    fs,
    path::{Path, PathBuf},
};

use audit::Report;
use model::{Digest, Genesis, Timestamp};
use policy::{Bundle, Files};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Store;
use tlog::{Checkpoint, VerifierKey, open_checkpoint};

pub(crate) use moves::{Moves, Staged, aside, rename};
pub(crate) use verdict::{Here, Verdict, judge};

use crate::{audited::audit, command::bundle_files, failure::Failure};

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

/// A backup that was read and found to be one.
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
    /// Reads all of it, and verifies the log and the database by the log.
    pub(crate) fn open(dir: &Path) -> Result<Self, Failure> {
        let wrong = |what: &str, why: &dyn std::fmt::Display| {
            Failure::verification(format!("the backup's {what}: {why}"))
        };
        let file = dir.join("manifest.json");
        let missing = |err: std::io::Error| {
            Failure::usage(format!("{} cannot be read: {err}", file.display())).hint(
                "give the folder that `countersign backup` made; one without a manifest was never finished",
            )
        };
        let length = fs::metadata(&file).map_err(missing)?.len();
        if length > Manifest::MAX_BYTES {
            return Err(wrong("manifest.json", &"has more bytes than one has"));
        }
        let manifest: Manifest = serde_json::from_slice(&fs::read(&file).map_err(missing)?)
            .map_err(|err| wrong("manifest.json", &err))?;
        if manifest.schema != Manifest::SCHEMA {
            let why = format!("says it is {}; this version reads {}", manifest.schema, Manifest::SCHEMA);
            return Err(wrong("manifest.json", &why));
        }
        let (genesis, key) =
            genesis_in(&dir.join("log"))?.ok_or_else(|| wrong("genesis.json", &"is missing"))?;
        let note = fs::read_to_string(dir.join("log/checkpoint")).map_err(|err| wrong("checkpoint", &err))?;
        let checkpoint = open_checkpoint(&note, &key).map_err(|err| wrong("checkpoint", &err))?;
        if (genesis.fingerprint(), checkpoint.size) != (manifest.genesis, manifest.size) {
            return Err(wrong("log", &"is not the one that its manifest is of"));
        }
        if digest_of(&dir.join(DATABASE))? != manifest.database {
            return Err(wrong(DATABASE, &"is not the one that its manifest is of"));
        }
        let backup = Self { dir: dir.to_owned(), manifest, genesis, key, note, checkpoint };
        let (report, _) = verify(dir, &backup.genesis)?;
        sound(&report, "the backup does not hold")?;
        Ok(backup)
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("log")
    }

    pub(crate) fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }

    pub(crate) fn bundle(&self) -> PathBuf {
        self.dir.join("bundle")
    }
}

pub(crate) const DATABASE: &str = "countersign.db";

/// Log and database of a folder laid out as a backup; and the bundle that the log has in force last.
pub(crate) fn verify(dir: &Path, genesis: &Genesis) -> Result<(Report, Option<Digest>), Failure> {
    let projection = Store::projection_of(&dir.join(DATABASE))
        .map_err(|err| Failure::verification(model::causes(&err)))?;
    let database = engine::database_of(projection);
    let audited = audit(&dir.join("log"), Some(genesis.fingerprint()), &[], Some(&database), |_| {})?;
    let bundle = audited.bundle;
    Ok((audited.told(), bundle))
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
    let bytes = match fs::read(&file) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => return Ok(None),
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

pub(crate) fn digest_of(file: &Path) -> Result<Digest, Failure> {
    use std::io::Read as _;
    let failed = |err: std::io::Error| Failure::usage(format!("{}: {err}", file.display()));
    let mut open = fs::File::open(file).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match open.read(&mut part).map_err(failed)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
}
