//! A copy of the database by SQLite's own `VACUUM INTO`: one consistent state, beside the writer, without what lies in
//! unused pages.

use std::{
    fs::{self, File},
    path::Path,
};

use rusqlite::OpenFlags;

use super::{
    fault::classify,
    open::{Empty, check_layout, check_private, connect, lock, private_file, sync_folder},
};
use crate::OpenError;

pub(crate) fn copy(path: &Path, into: &Path) -> Result<(), OpenError> {
    let file = |source| OpenError::File { path: into.to_owned(), source };
    check_private(fs::metadata(path), path)?;
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_layout(&conn, path, Empty::Refuse)?;
    if fs::exists(into).map_err(file)? {
        return Err(file(std::io::ErrorKind::AlreadyExists.into()));
    }
    // An empty file is taken as a new one, and keeps its mode.
    let made = private_file(into)?;
    conn.execute("VACUUM INTO ?1", [into.to_string_lossy()])
        .map_err(|err| OpenError::Storage { path: into.to_owned(), source: classify(&err) })?;
    made.sync_all().map_err(file)?;
    sync_folder(into).map_err(file)
}

/// The lock that whoever has the store open holds.
pub(crate) fn hold(path: &Path) -> Result<File, OpenError> {
    lock(path)
}
