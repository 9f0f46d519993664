//! Appending a batch: written, synced, read back and hashed again by another way, and only then signed. The signed
//! checkpoint replaces the one in the lock file, if that is still the one this process put there.

use tlog::{Checkpoint, Frontier, Hash, bundle, leaf_hash, root_of, sign_checkpoint};

use crate::{
    Ledger,
    files::{Failed, MAX_BUNDLE, MAX_NOTE, at, parent, replace},
};

/// A batch that stands under a signed checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appended {
    /// Of the batch's first entry; the others follow without a gap.
    pub first_index: u64,
    pub checkpoint_note: String,
}

#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Nothing was written and the ledger goes on.
    #[error(
        "entry {position} of the batch has {len} bytes; the log takes at most 65535: shorten what it carries"
    )]
    TooLong { position: usize, len: usize },
    #[error(
        "the ledger takes no more entries since an earlier failure ({cause}); restart to check and continue"
    )]
    Poisoned { cause: String },
    #[error("what was read back from {path} is not what was written: the disk or its memory is failing")]
    ReadBack { path: String },
    #[error(
        "the checkpoint lock file was changed by somebody else: another process signs this log; stop the other one"
    )]
    LockChanged,
    #[error("{0}; the batch is not acknowledged: restart once the cause is gone")]
    Io(#[from] Failed),
}

impl Ledger {
    /// Appends all of `entries` or fails. After [`AppendError::Io`] it is open whether the batch is in: opening the
    /// ledger anew tells, by its size.
    pub fn append(&mut self, entries: &[Vec<u8>]) -> Result<Appended, AppendError> {
        if let Some(cause) = &self.poison {
            return Err(AppendError::Poisoned { cause: cause.clone() });
        }
        let too_long = |(_, entry): &(usize, &Vec<u8>)| entry.len() > bundle::MAX_ENTRY;
        if let Some((position, entry)) = entries.iter().enumerate().find(too_long) {
            return Err(AppendError::TooLong { position, len: entry.len() });
        }
        let first_index = self.size();
        if !entries.is_empty() {
            self.write_and_sign(entries).inspect_err(|err| self.poison = Some(err.to_string()))?;
        }
        Ok(Appended { first_index, checkpoint_note: self.note.clone() })
    }

    fn write_and_sign(&mut self, entries: &[Vec<u8>]) -> Result<(), AppendError> {
        let parts = split(self.size(), entries);
        for part in &parts {
            self.write(part)?;
        }
        let mut frontier: Frontier = self.tree.frontier().clone();
        entries.iter().for_each(|entry| frontier.append(leaf_hash(entry)));

        let (leaves, root) = self.read_back(&parts)?;
        if root != frontier.root() {
            return Err(AppendError::ReadBack { path: self.files.log.display().to_string() });
        }
        let checkpoint = Checkpoint { origin: self.origin().to_owned(), size: frontier.size(), root };
        let note = sign_checkpoint(&checkpoint, &self.key);
        self.swap_lock(&note)?;
        leaves.into_iter().for_each(|leaf| self.tree.append(leaf));
        self.note = note;
        replace(self.disk.as_ref(), &self.files.published(), self.note.as_bytes())?;
        Ok(())
    }

    fn write(&self, part: &Part<'_>) -> Result<(), AppendError> {
        let path = self.files.bundle(part.bundle);
        let encoded = bundle::encode(part.entries)
            .map_err(|_| AppendError::ReadBack { path: path.display().to_string() })?;
        let mut file = if part.skipped == 0 {
            let dir = parent(&path);
            self.disk.create_dirs(dir).map_err(at("create", dir))?;
            self.disk.create(&path).map_err(at("create", &path))?
        } else {
            self.disk.extend(&path).map_err(at("open", &path))?
        };
        file.write_all(&encoded).map_err(at("write", &path))?;
        file.sync().map_err(at("sync", &path))?;
        if part.skipped == 0 {
            for folder in self.files.folders_up_from(parent(&path)) {
                self.disk.sync_dir(folder).map_err(at("sync", folder))?;
            }
        }
        Ok(())
    }

    /// The new leaves, and the root of the whole log by the definition over bundles, where the writer's grows leaf by
    /// leaf; every touched bundle is read whole, so entries from before the batch are checked again with it.
    fn read_back(&self, parts: &[Part<'_>]) -> Result<(Vec<Hash>, Hash), AppendError> {
        let mut leaves = Vec::new();
        let mut bundles = self.tree.full_bundles().to_vec();
        for part in parts {
            let path = self.files.bundle(part.bundle);
            let wrong = || AppendError::ReadBack { path: path.display().to_string() };
            let bytes = self.disk.read(&path, MAX_BUNDLE).map_err(at("read back", &path))?;
            let found = bundle::decode(&bytes).map_err(|_| wrong())?;
            let (before, new) = found.split_at_checked(part.skipped).ok_or_else(wrong)?;
            if new.len() != part.entries.len()
                || new.iter().zip(part.entries).any(|(read, given)| read != given)
            {
                return Err(wrong());
            }
            let hashes: Vec<Hash> = before.iter().chain(new).map(|entry| leaf_hash(entry)).collect();
            leaves.extend(hashes.iter().skip(part.skipped));
            bundles.push(root_of(&hashes));
        }
        Ok((leaves, root_of(&bundles)))
    }

    /// Compare and swap: the lock file must hold what this process last put there.
    fn swap_lock(&self, note: &str) -> Result<(), AppendError> {
        let lock = &self.files.lock;
        let found = self.disk.read(lock, MAX_NOTE).map_err(at("read", lock))?;
        if found != self.note.as_bytes() {
            return Err(AppendError::LockChanged);
        }
        Ok(replace(self.disk.as_ref(), lock, note.as_bytes())?)
    }
}

/// The entries of a batch that go into one bundle.
struct Part<'a> {
    bundle: u64,
    /// Entries that are in the bundle already.
    skipped: usize,
    entries: &'a [Vec<u8>],
}

fn split(size: u64, entries: &[Vec<u8>]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let (mut next, mut rest) = (size, entries);
    while !rest.is_empty() {
        let skipped = next % bundle::WIDTH;
        let room = usize::try_from(bundle::WIDTH - skipped).unwrap_or(usize::MAX);
        let (now, later) = rest.split_at_checked(room).unwrap_or((rest, &[]));
        parts.push(Part {
            bundle: next / bundle::WIDTH,
            skipped: usize::try_from(skipped).unwrap_or(usize::MAX),
            entries: now,
        });
        next = next.saturating_add(now.len() as u64);
        rest = later;
    }
    parts
}
