//! Creating the ledger, and opening it: what the lock file signed for must be on disk, byte for byte, before anything
//! more is signed. What lies beyond is a torn append and is cut off.

use std::{fmt, path::Path};

use model::Genesis;
use tlog::{
    Checkpoint, Hash, NoteError, SigningKey, VerifierKey, bundle, empty_root, leaf_hash, open_checkpoint,
};

use crate::{
    disk::{Disk, Held, RealDisk},
    files::{
        Failed, Files, MAX_BUNDLE, MAX_GENESIS, MAX_NOTE, at, parent, read_if_there, replace, sync_parent,
    },
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

/// Not its key, and not its leaves: there may be millions.
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
    /// Not a checkpoint of this log's key, for this reason: written anew. Somebody wrote it by hand.
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
        "the checkpoint lock file {0} is missing, so nothing says how far the log was signed; bring the file back \
         (it is not part of the database's backup), or start a new installation: a new one cannot continue this log"
    )]
    LockMissing(String),
    #[error("the checkpoint lock file {path} holds no checkpoint of this log; bring the right file back")]
    Lock { path: String, source: NoteError },
    #[error(
        "the disk has {disk} entries, but {signed} were signed for: this looks like a restored backup; bring back \
         the newer log folder, nothing is signed on top of an older one"
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

    pub fn open(log_dir: &Path, lock_file: &Path, key: SigningKey) -> Result<(Self, Recovery), OpenError> {
        Self::open_on(Box::new(RealDisk), log_dir, lock_file, key)
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

    /// As [`Ledger::open`], on another disk.
    pub fn open_on(
        disk: Box<dyn Disk>,
        log_dir: &Path,
        lock_file: &Path,
        key: SigningKey,
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

        let loaded = load(disk.as_ref(), &files, signed.size)?;
        if loaded.tree.size() < signed.size {
            return Err(OpenError::DiskBehind { disk: loaded.tree.size(), signed: signed.size });
        }
        if loaded.tree.frontier().root() != signed.root {
            return Err(OpenError::Diverged { size: signed.size });
        }
        let published = judge_published(disk.as_ref(), &files, &verifier, &note, &signed, &loaded.tree)?;

        let cut = cut_off(disk.as_ref(), &files, &loaded)?;
        match published {
            Published::Current => {}
            Published::Behind | Published::Replaced(_) => {
                replace(disk.as_ref(), &files.published(), note.as_bytes())?;
            }
        }
        let recovery = Recovery { size: signed.size, cut, published };
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

    /// The root the log had at `size`: whether a checkpoint that somebody has seen is one of ours.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.tree.root_at(size)
    }

    /// Proof that the present log begins with the `old` entries that somebody has seen; empty from size 0
    /// ([`tlog::verify_growth`]), `None` where the log never had that many.
    pub fn consistency(&self, old: u64) -> Option<Vec<Hash>> {
        self.tree.consistency(old)
    }

    /// Proof that entry `index` is under the present checkpoint.
    pub fn inclusion(&self, index: u64) -> Option<Vec<Hash>> {
        self.tree.inclusion(index)
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

struct Loaded {
    /// Of the entries that were signed for, as far as they are there.
    tree: Tree,
    /// The bytes that count in the last bundle that has any entry that counts, where it is not full.
    open_len: u64,
    /// What is beyond: bytes in that bundle, and later bundles.
    beyond: Option<Cut>,
    /// One more than the last bundle file there is.
    bundles: u64,
}

/// Hashes the first `signed` entries, and measures what lies beyond them.
fn load(disk: &dyn Disk, files: &Files, signed: u64) -> Result<Loaded, OpenError> {
    let mut loaded = Loaded { tree: Tree::default(), open_len: 0, beyond: None, bundles: 0 };
    while let Some(bytes) = read_if_there(disk, &files.bundle(loaded.bundles), MAX_BUNDLE)? {
        let first = loaded.bundles.saturating_mul(bundle::WIDTH);
        if loaded.tree.size() < first.min(signed) {
            // An earlier bundle breaks off and yet there is this one: no crash does that.
            return Err(OpenError::Diverged { size: signed });
        }
        let wanted = signed.saturating_sub(first).min(bundle::WIDTH);
        let counted = bundle::whole_entries(&bytes, wanted);
        counted.entries.iter().for_each(|entry| loaded.tree.append(leaf_hash(entry)));
        loaded.bundles += 1;

        let rest = bytes.get(counted.len..).unwrap_or_default();
        let complete = counted.entries.len() as u64 == wanted;
        if complete && wanted == bundle::WIDTH && !rest.is_empty() {
            return Err(OpenError::Diverged { size: signed });
        }
        if complete && wanted < bundle::WIDTH {
            if wanted > 0 {
                loaded.open_len = counted.len as u64;
            }
            if wanted == 0 || !rest.is_empty() {
                let beyond = loaded.beyond.get_or_insert(Cut { entries: 0, bytes: 0 });
                beyond.entries += bundle::whole_entries(rest, bundle::WIDTH).entries.len() as u64;
                beyond.bytes += rest.len() as u64;
            }
        }
    }
    Ok(loaded)
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
        Ok(found) if tree.root_at(found.size) == Some(found.root) => Ok(Published::Behind),
        Ok(found) => Err(OpenError::Diverged { size: found.size }),
    }
}

/// Removes what lies beyond the checkpoint, the last file first, so that no gap can arise on the way.
fn cut_off(disk: &dyn Disk, files: &Files, loaded: &Loaded) -> Result<Option<Cut>, OpenError> {
    let Some(cut) = loaded.beyond else { return Ok(None) };
    let kept = loaded.tree.size().div_ceil(bundle::WIDTH);
    for number in (kept..loaded.bundles).rev() {
        let path = files.bundle(number);
        disk.remove(&path).map_err(at("remove", &path))?;
        sync_parent(disk, &path)?;
    }
    if let Some(last) = kept.checked_sub(1)
        && !loaded.tree.size().is_multiple_of(bundle::WIDTH)
    {
        let path = files.bundle(last);
        disk.truncate(&path, loaded.open_len).map_err(at("cut", &path))?;
    }
    Ok(Some(cut))
}
