//! Checkpoints of this log that left the server: what somebody kept of it must be in the log on this disk, or the disk is an
//! old copy or another history, and nothing is signed on top of it.

use std::{
    fs,
    path::{Path, PathBuf},
};

use ledger::Ledger;
use model::Genesis;
use tlog::{Checkpoint, VerifierKey, open_checkpoint};

use crate::failure::{Failure, USAGE, VERIFICATION};

/// A checkpoint with many cosignatures.
const MAX_NOTE: u64 = 256 * 1024;

/// Refuses where the log does not contain a checkpoint of `given`, or the one that this user's own client has kept.
pub(crate) fn guard(ledger: &Ledger, genesis: &Genesis, given: &[PathBuf]) -> Result<(), Failure> {
    let key: VerifierKey = genesis
        .vkey
        .parse()
        .map_err(|err| Failure::usage(format!("the genesis names no usable key: {err}")))?;
    for file in given {
        let checkpoint =
            read(file, &key).map_err(|why| Failure::usage(format!("{}: {why}", file.display())))?;
        contained(ledger, &checkpoint, file)?;
    }
    // Damaged, it would tell nobody that the log was set back.
    let own = crate::memory::checkpoint_of(genesis.fingerprint());
    if let Some(file) = own.filter(|file| !matches!(file.try_exists(), Ok(false))) {
        let checkpoint = read(&file, &key).map_err(|why| {
            Failure::verification(format!("the checkpoint that was kept of this log: {}: {why}", file.display()))
                .hint("bring it back; move it away only if you accept that nobody can tell whether the log was set back")
        })?;
        contained(ledger, &checkpoint, &file)?;
    }
    Ok(())
}

fn read(file: &Path, key: &VerifierKey) -> Result<Checkpoint, String> {
    let found = fs::metadata(file).map_err(|err| err.to_string())?;
    if !found.is_file() || found.len() > MAX_NOTE {
        return Err("no note of at most 256 KiB".to_owned());
    }
    let note = fs::read_to_string(file).map_err(|err| err.to_string())?;
    open_checkpoint(&note, key).map_err(|err| format!("no checkpoint of this log: {err}"))
}

fn contained(ledger: &Ledger, seen: &Checkpoint, file: &Path) -> Result<(), Failure> {
    let (size, here) = (seen.size, ledger.size());
    let refused =
        |why: String| Err(Failure::new(VERIFICATION, "CS005", why).hint("`countersign explain CS005`"));
    if size > here {
        return refused(format!(
            "the log: the checkpoint in {} covers {size} entries of it, but here are {here}: this looks like a restored \
             backup; bring back the newer log folder with its database and lock file, nothing is signed on top of an older one. If it is lost \
             for good, a new log can continue this one: `countersign restore BACKUP --new-origin --checkpoint FILE`",
            file.display()
        ));
    }
    let unreadable = |err| Failure::new(USAGE, "CS005", format!("the log: {err}"));
    if ledger.root_at(size).map_err(unreadable)? == Some(seen.root) {
        return Ok(());
    }
    refused(format!(
        "the log: the checkpoint in {} is of another history: its {size} entries are not the first {size} here, and this \
         log's key signed both; nothing more is signed. Keep both copies",
        file.display()
    ))
}
