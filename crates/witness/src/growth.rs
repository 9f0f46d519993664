//! What a log learns about itself from its witnesses: whether one has cosigned what the log, as it is on this disk,
//! does not contain. Then this disk is an old copy or another history, and nothing may be signed on top of it.

use tlog::{Checkpoint, Hash, NoteError, VerifierKey, WitnessKey, open_checkpoint, open_cosigned};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Contradiction {
    #[error(
        "the witness {witness} has cosigned {seen} entries of this log, but here are {here}: this looks like a restored \
         backup; bring back the newer log folder with its database and lock file, nothing is signed on top of an older one. \
         If it is lost for good, a new log can continue this one: `countersign restore BACKUP --new-origin --checkpoint FILE`"
    )]
    Longer { witness: String, seen: u64, here: u64 },
    #[error(
        "the witness {witness} has cosigned another history of this log: its first {size} entries there are not those \
         here, and this log's key signed both; nothing more is signed. Keep both copies: `countersign audit verify` shows \
         which one the checkpoints that left the building belong to"
    )]
    Forked { witness: String, size: u64 },
}

/// A checkpoint that both the log and the witness signed.
pub fn open_witnessed(
    note: &str,
    log: &VerifierKey,
    witness: &WitnessKey,
) -> Result<(Checkpoint, u64), NoteError> {
    open_checkpoint(note, log)?;
    open_cosigned(note, witness)
}

/// What `seen`, which [`open_witnessed`] gave, says against a log of `here` entries that had the root `root_at(size)`
/// when it had `size`. `None` where the log contains it.
///
/// # Errors
/// What keeps the root from being had: then nothing is said against anybody.
pub fn contradiction<E>(
    witness: &str,
    seen: &Checkpoint,
    here: u64,
    root_at: impl FnOnce(u64) -> Result<Option<Hash>, E>,
) -> Result<Option<Contradiction>, E> {
    let witness = witness.to_owned();
    if seen.size > here {
        return Ok(Some(Contradiction::Longer { witness, seen: seen.size, here }));
    }
    let same = root_at(seen.size)? == Some(seen.root);
    Ok((!same).then_some(Contradiction::Forked { witness, size: seen.size }))
}
