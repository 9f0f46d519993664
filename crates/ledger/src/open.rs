//! Creating the ledger, and opening it: what the lock file signed for must be on disk before anything more is signed.
//! What lies beyond is a torn append and is cut off.
//!
//! Two ways to check, both against the signed root of the lock file:
//!
//! - [`Check::Whole`], which is how [`Ledger::open`] opens: every entry is read and hashed, byte for byte, and every tile
//!   compared. Time grows with the log, memory does not. Tiles that are missing or wrong are made anew, since the entries
//!   were found right.
//! - [`Check::Edge`]: the entries of the last bundle, and the tiles at the right edge, which together come to the root or
//!   do not. A dozen files, or after a power cut some hundreds, however long the log is. Where anything does not fit, the whole log is checked instead.
//!
//! After an edge check older entries have not been looked at, and are not vouched for by what is signed next: a new root is
//! made of hashes that led to the signed one, never of bytes that nobody hashed. An old entry that has changed on disk
//! meanwhile is found out when it is read ([`Ledger::entry`], [`Ledger::entries`]), by `audit verify`, and by the next
//! whole check; it cannot get under a signature.

use std::{fmt, path::Path};

use model::Genesis;
use tlog::{Checkpoint, NoteError, SigningKey, VerifierKey, empty_root, open_checkpoint};

use crate::{
    disk::{Disk, Held, RealDisk},
    files::{
        Failed, Files, MAX_BUNDLE, MAX_GENESIS, MAX_NOTE, at, parent, read_if_there, replace, sync_parent,
    },
    load,
    tiles::{ProveError, Tiles, settle_edge},
    tree::Tree,
};

/// The open log. One process holds it at a time; reading is by shared reference, appending is exclusive.
pub struct Ledger {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) files: Files,
    pub(crate) key: SigningKey,
    pub(crate) genesis: Genesis,
    pub(crate) tree: Tree,
    /// The newest signed checkpoint: what the lock file holds, byte for byte.
    pub(crate) note: String,
    /// Why no more entries are taken.
    pub(crate) poison: Option<String>,
    pub(crate) _held: Box<dyn Held>,
}

/// Not its key.
impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ledger({}, {} entries)", self.origin(), self.size())
    }
}

/// What opening found and set right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovery {
    /// Entries that count.
    pub size: u64,
    /// A torn append that was cut off; none of it was ever acknowledged.
    pub cut: Option<Cut>,
    pub published: Published,
    /// Tiles that were missing or wrong, made anew from the entries. After a power cut that is as it should be with those
    /// that are not full, one a level.
    pub rebuilt: u64,
}

/// How much of the log is checked when it is opened; the module says what either is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    Whole,
    Edge,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Whole entries among the bytes.
    pub entries: u64,
    pub bytes: u64,
}

/// How `log/checkpoint` was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    Current,
    /// Missing or older: written anew.
    Behind,
    /// Not a checkpoint of this log's key, for this reason: written anew. Somebody wrote it by hand, or a power cut left a
    /// part of it.
    Replaced(String),
}

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    #[error("there is a ledger at {0} already; open it, or choose an empty folder")]
    Exists(String),
    #[error("the genesis names {found} as the log's key, but the key at hand is {expected}")]
    OtherKey { found: String, expected: String },
    #[error("the ledger at {0} is in use by another process; stop it first")]
    InUse(String),
    #[error(transparent)]
    Io(#[from] Failed),
}

#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    #[error("there is no genesis at {0}: this is no ledger, or its folder was moved")]
    NoGenesis(String),
    #[error("the genesis at {path} cannot be read as one: {why}; restore the file from a backup")]
    Genesis { path: String, why: String },
    #[error(
        "the ledger belongs to the key {genesis}, not to {ours}; point the configuration at the right key"
    )]
    OtherKey { genesis: String, ours: String },
    #[error("the ledger at {0} is in use by another process; stop it first")]
    InUse(String),
    #[error(
        "the checkpoint lock file {0} is missing, so nothing says how far the log was signed; bring the file back (it is \
         in no backup), run `countersign restore` again if one was broken off, or begin a new log under a backup: \
         `countersign restore BACKUP --new-origin`"
    )]
    LockMissing(String),
    #[error("the checkpoint lock file {path} holds no checkpoint of this log; bring the right file back")]
    Lock { path: String, source: NoteError },
    #[error(
        "the disk has {disk} entries, but {signed} were signed for: this looks like a restored backup; bring back \
         the newer log folder, nothing is signed on top of an older one. If it is lost for good, a new log can continue \
         this one: `countersign restore BACKUP --new-origin`"
    )]
    DiskBehind { disk: u64, signed: u64 },
    #[error(
        "the first {size} entries on disk are not the ones that were signed for: an entry was changed, removed or \
         moved; run `countersign audit verify` and bring back the log folder from a good copy"
    )]
    Diverged { size: u64 },
    #[error(
        "the published checkpoint covers {published} entries, the lock file {lock}: the lock file is an old copy; \
         bring the newer one back, or entries that were acknowledged would be cut off"
    )]
    LockBehind { lock: u64, published: u64 },
    #[error("what the published checkpoint was signed for cannot be made out: {0}")]
    Tile(#[from] ProveError),
    #[error(transparent)]
    Io(#[from] Failed),
}

impl Ledger {
    /// Lays an empty log. `lock_file` lies outside the log's folder and outside what a database backup restores.
    pub fn create(
        log_dir: &Path,
        lock_file: &Path,
        key: SigningKey,
        genesis: Genesis,
    ) -> Result<Self, CreateError> {
        Self::create_on(Box::new(RealDisk), log_dir, lock_file, key, genesis)
    }

    /// Checks the whole log.
    pub fn open(log_dir: &Path, lock_file: &Path, key: SigningKey) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Box::new(RealDisk), log_dir, lock_file, key, Check::Whole)
    }

    /// Checks what lies at the log's right edge.
    pub fn open_at_edge(
        log_dir: &Path,
        lock_file: &Path,
        key: SigningKey,
    ) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Box::new(RealDisk), log_dir, lock_file, key, Check::Edge)
    }

    /// As [`Ledger::create`], on another disk.
    pub fn create_on(
        disk: Box<dyn Disk>,
        log_dir: &Path,
        lock_file: &Path,
        key: SigningKey,
        genesis: Genesis,
    ) -> Result<Self, CreateError> {
        let ours = key.verifier();
        if genesis.vkey != ours.to_string() || genesis.origin != ours.name() {
            return Err(CreateError::OtherKey { found: genesis.vkey, expected: ours.to_string() });
        }
        let files = Files::new(log_dir, lock_file);
        let entries = files.entries();
        disk.create_dirs(&entries).map_err(at("create", &entries))?;
        let lock_dir = parent(lock_file);
        disk.create_dirs(lock_dir).map_err(at("create", lock_dir))?;
        let held = hold(disk.as_ref(), &files, CreateError::InUse, CreateError::Io)?;

        let document = genesis.to_json();
        let exists = || CreateError::Exists(log_dir.display().to_string());
        // The same genesis with nothing after it is a creation that was cut short; anything else is a log.
        match read_if_there(disk.as_ref(), &files.genesis(), MAX_GENESIS)? {
            None => {}
            Some(found) if found == document => {}
            Some(_) => return Err(exists()),
        }
        for path in [lock_file, &files.bundle(0)] {
            if read_if_there(disk.as_ref(), path, MAX_BUNDLE)?.is_some() {
                return Err(exists());
            }
        }

        for folder in files.folders_up_from(&entries) {
            disk.sync_dir(folder).map_err(at("sync", folder))?;
        }
        sync_parent(disk.as_ref(), log_dir)?;
        replace(disk.as_ref(), &files.genesis(), &document)?;
        let empty = Checkpoint { origin: genesis.origin.clone(), size: 0, root: empty_root() };
        let note = tlog::sign_checkpoint(&empty, &key);
        replace(disk.as_ref(), lock_file, note.as_bytes())?;
        sync_parent(disk.as_ref(), lock_dir)?;
        replace(disk.as_ref(), &files.published(), note.as_bytes())?;
        Ok(Self { disk, files, key, genesis, tree: Tree::default(), note, poison: None, _held: held })
    }

    /// As [`Ledger::open`] or [`Ledger::open_at_edge`], on another disk.
    pub fn open_on(
        disk: Box<dyn Disk>,
        log_dir: &Path,
        lock_file: &Path,
        key: SigningKey,
        check: Check,
    ) -> Result<(Self, Recovery), OpenError> {
        let files = Files::new(log_dir, lock_file);
        let verifier = key.verifier();
        let genesis = read_genesis(disk.as_ref(), &files)?;
        if genesis.vkey != verifier.to_string() || genesis.origin != verifier.name() {
            return Err(OpenError::OtherKey { genesis: genesis.vkey, ours: verifier.to_string() });
        }
        let held = hold(disk.as_ref(), &files, OpenError::InUse, OpenError::Io)?;
        // A rename that a crash has not undone yet must not be undone by the next one.
        sync_parent(disk.as_ref(), lock_file)?;
        let (note, signed) = read_lock(disk.as_ref(), &files, &verifier)?;

        let at_edge = match check {
            Check::Edge => load::edge(disk.as_ref(), &files, &signed)?,
            Check::Whole => None,
        };
        let loaded = match at_edge {
            Some(loaded) => loaded,
            None => load::whole(disk.as_ref(), &files, &signed)?,
        };
        load::rebuild(disk.as_ref(), &files, &signed, &loaded.wrong)?;
        let published = judge_published(disk.as_ref(), &files, &verifier, &note, &signed, &loaded.tree)?;

        let cut = load::cut_off(disk.as_ref(), &files, &loaded)?;
        let rewritten = settle_edge(disk.as_ref(), &files, loaded.tree.edge())?;
        match published {
            Published::Current => {}
            Published::Behind | Published::Replaced(_) => {
                replace(disk.as_ref(), &files.published(), note.as_bytes())?;
            }
        }
        let rebuilt = rewritten + loaded.wrong.len() as u64;
        let recovery = Recovery { size: signed.size, cut, published, rebuilt };
        let tree = loaded.tree;
        Ok((Self { disk, files, key, genesis, tree, note, poison: None, _held: held }, recovery))
    }

    pub const fn genesis(&self) -> &Genesis {
        &self.genesis
    }

    /// The log's name, as every checkpoint begins.
    pub fn origin(&self) -> &str {
        &self.genesis.origin
    }

    /// The newest signed checkpoint, as a signed note.
    pub fn checkpoint(&self) -> &str {
        &self.note
    }

    pub const fn size(&self) -> u64 {
        self.tree.size()
    }

    /// Whether it takes no more entries, because of a failure that is never tried again: only opening it anew tells what is on
    /// disk.
    pub const fn is_poisoned(&self) -> bool {
        self.poison.is_some()
    }
}

fn hold<E>(
    disk: &dyn Disk,
    files: &Files,
    in_use: fn(String) -> E,
    io: fn(Failed) -> E,
) -> Result<Box<dyn Held>, E> {
    let guard = files.guard();
    disk.hold(&guard).map_err(|err| match err.kind() {
        std::io::ErrorKind::WouldBlock => in_use(files.log.display().to_string()),
        _ => io(at("lock", &guard)(err)),
    })
}

fn read_genesis(disk: &dyn Disk, files: &Files) -> Result<Genesis, OpenError> {
    let path = files.genesis();
    let bytes = read_if_there(disk, &path, MAX_GENESIS)?
        .ok_or_else(|| OpenError::NoGenesis(path.display().to_string()))?;
    Genesis::from_json(&bytes)
        .map_err(|err| OpenError::Genesis { path: path.display().to_string(), why: err.to_string() })
}

fn read_lock(disk: &dyn Disk, files: &Files, key: &VerifierKey) -> Result<(String, Checkpoint), OpenError> {
    let path = || files.lock.display().to_string();
    let bytes = read_if_there(disk, &files.lock, MAX_NOTE)?.ok_or_else(|| OpenError::LockMissing(path()))?;
    let note = String::from_utf8(bytes)
        .map_err(|_| OpenError::Lock { path: path(), source: NoteError::NoSignatures })?;
    let signed = open_checkpoint(&note, key).map_err(|source| OpenError::Lock { path: path(), source })?;
    Ok((note, signed))
}

/// Whether `log/checkpoint` agrees with the lock file; it may be older, never newer and never another history's.
fn judge_published(
    disk: &dyn Disk,
    files: &Files,
    key: &VerifierKey,
    note: &str,
    signed: &Checkpoint,
    tree: &Tree,
) -> Result<Published, OpenError> {
    let Some(bytes) = read_if_there(disk, &files.published(), MAX_NOTE)? else {
        return Ok(Published::Behind);
    };
    if bytes == note.as_bytes() {
        return Ok(Published::Current);
    }
    let Ok(text) = String::from_utf8(bytes) else {
        return Ok(Published::Replaced("it is no text".to_owned()));
    };
    match open_checkpoint(&text, key) {
        Err(err) => Ok(Published::Replaced(err.to_string())),
        Ok(found) if found.size > signed.size => {
            Err(OpenError::LockBehind { lock: signed.size, published: found.size })
        }
        Ok(found) if Tiles::new(disk, files, tree.edge()).root_at(found.size)? == found.root => {
            Ok(Published::Behind)
        }
        Ok(found) => Err(OpenError::Diverged { size: found.size }),
    }
}
