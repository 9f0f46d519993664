//! What a SQLite error means for the store: refuse this operation, or trust the file no longer.

use rusqlite::{Error, ErrorCode, ffi};

use crate::StorageError;

/// After a failed flush the system may have dropped pages that it reports as clean, so a later success proves nothing
/// (Rebello et al., "Can Applications Recover from fsync Failures?", USENIX ATC 2020).
const FLUSHES: [i32; 3] = [ffi::SQLITE_IOERR_FSYNC, ffi::SQLITE_IOERR_DIR_FSYNC, ffi::SQLITE_IOERR_TRUNCATE];

pub(crate) fn classify(err: &Error) -> StorageError {
    let Error::SqliteFailure(cause, _) = err else { return StorageError::Io(err.to_string()) };
    match cause.code {
        ErrorCode::DiskFull => StorageError::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StorageError::Busy,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => StorageError::Poisoned(err.to_string()),
        ErrorCode::SystemIoFailure if FLUSHES.contains(&cause.extended_code) => {
            StorageError::Poisoned(err.to_string())
        }
        // A foreign and growing list of codes, all of which mean the same here: this operation failed.
        _ => StorageError::Io(err.to_string()),
    }
}

/// Whether the store must refuse everything from now on.
pub(crate) const fn is_lasting(fault: &StorageError) -> bool {
    matches!(fault, StorageError::Poisoned(_))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: i32, expected: fn(&StorageError) -> bool) {
        let fault = classify(&Error::SqliteFailure(ffi::Error::new(code), None));
        assert!(expected(&fault), "{code}: {fault:?}");
        assert_eq!(is_lasting(&fault), matches!(fault, StorageError::Poisoned(_)));
    }

    #[test]
    fn only_what_leaves_the_file_uncertain_poisons_the_store() {
        check(ffi::SQLITE_FULL, |it| *it == StorageError::Full);
        check(ffi::SQLITE_BUSY, |it| *it == StorageError::Busy);
        check(ffi::SQLITE_BUSY_SNAPSHOT, |it| *it == StorageError::Busy);
        check(ffi::SQLITE_IOERR_WRITE, |it| matches!(it, StorageError::Io(_)));
        check(ffi::SQLITE_IOERR_READ, |it| matches!(it, StorageError::Io(_)));
        check(ffi::SQLITE_CONSTRAINT_UNIQUE, |it| matches!(it, StorageError::Io(_)));
        for code in FLUSHES.into_iter().chain([ffi::SQLITE_CORRUPT, ffi::SQLITE_NOTADB]) {
            check(code, is_lasting);
        }
    }
}
