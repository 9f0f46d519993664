//! Opening: alone, private, of our layout, and with durability that was read back rather than assumed.

use std::{
    ffi::OsString,
    fs::{self, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    time::Duration,
};

use rusqlite::{Connection, OpenFlags, config::DbConfig};

use super::{
    Probe,
    batch::{Reader, Writer},
    fault::classify,
    rows::{derive_again, find_again},
    schema,
};
use crate::OpenError;

const MINE_ALONE: u32 = 0o600;
/// A reader that checks or recovers the write-ahead log holds it for moments only.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn open(path: &Path, probe: Probe) -> Result<Writer, OpenError> {
    let lock = lock(path)?;
    private_database(path)?;
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    check_layout(&conn, path, Empty::Create)?;
    make_durable(&conn, path)?;
    let fail = |source| OpenError::Storage { path: path.to_owned(), source };
    conn.execute_batch("BEGIN IMMEDIATE").map_err(|err| fail(classify(&err)))?;
    derive_again(&conn).map_err(fail)?;
    conn.execute_batch("COMMIT").map_err(|err| fail(classify(&err)))?;
    let log = open_log(&conn, path)?;
    let mut writer = Writer::new(conn, log, probe, lock);
    writer.clean_if_due();
    writer.settle().map_err(fail)?;
    Ok(writer)
}

pub(crate) fn reader(path: &Path) -> Result<Reader, OpenError> {
    check_private(fs::metadata(path), path)?;
    let conn = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    check_layout(&conn, path, Empty::Refuse)?;
    Ok(Reader::new(conn))
}

/// The system lets go of the lock when the process ends, however it ends; the file stays and means nothing.
pub(super) fn lock(path: &Path) -> Result<File, OpenError> {
    let beside = suffixed(path, ".lock");
    let file = private_file(&beside)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse { path: path.to_owned() }),
        Err(TryLockError::Error(source)) => Err(OpenError::File { path: beside, source }),
    }
}

/// SQLite gives its write-ahead log the mode of the database. One that is there is not opened: see [`check_private`].
fn private_database(path: &Path) -> Result<(), OpenError> {
    match fs::symlink_metadata(path) {
        Ok(_) => check_private(fs::metadata(path), path),
        Err(_) => private_file(path).map(drop),
    }
}

pub(super) fn private_file(path: &Path) -> Result<File, OpenError> {
    let opened =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(MINE_ALONE).open(path);
    let file = opened.map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    check_private(file.metadata(), path)?;
    sync_folder(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    Ok(file)
}

/// The write-ahead log beside the database, as SQLite itself names and has just opened it.
fn open_log(conn: &Connection, path: &Path) -> Result<File, OpenError> {
    let database = conn.path().filter(|it| !it.is_empty()).map_or(path, Path::new);
    let log = suffixed(database, "-wal");
    let opened = OpenOptions::new().read(true).write(true).open(&log);
    opened.map_err(|source| OpenError::File { path: log, source })
}

/// `metadata` of a database is asked for by its name, never of a file opened for that: to close one lets go of all locks
/// that this process has on it (POSIX), SQLite's own among them, and another process could then think itself the last
/// to use the database, and remove the write-ahead log under it.
pub(super) fn check_private(metadata: io::Result<fs::Metadata>, path: &Path) -> Result<(), OpenError> {
    let metadata = metadata.map_err(|source| OpenError::File { path: path.to_owned(), source })?;
    match metadata.permissions().mode() & 0o777 {
        mode if mode & 0o077 == 0 => Ok(()),
        mode => Err(OpenError::Permissions { path: path.to_owned(), mode }),
    }
}

/// A new file's name survives a power cut only once its folder was flushed.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}

pub(super) fn connect(path: &Path, access: OpenFlags) -> Result<Connection, OpenError> {
    let fail = |err: rusqlite::Error| OpenError::Storage { path: path.to_owned(), source: classify(&err) };
    // One thread at a time uses a connection, so SQLite need not lock it.
    let conn = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(fail)?;
    conn.busy_timeout(PATIENCE).map_err(fail)?;
    // The file may have been edited by somebody: nothing in its schema may run as a side effect.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true).map_err(fail)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false).map_err(fail)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).map_err(fail)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false).map_err(fail)?;
    // A plan that depends on what was bound is made anew whenever something else is bound.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map_err(fail)?;
    conn.pragma_update(None, "cell_size_check", true).map_err(fail)?;
    // What an operation of a batch would undo is kept in memory: in a file it costs more than the operation itself.
    conn.pragma_update(None, "temp_store", "MEMORY").map_err(fail)?;
    conn.set_prepared_statement_cache_capacity(64);
    Ok(conn)
}

/// What is done with a file that is empty, or of an earlier version.
#[derive(Clone, Copy)]
pub(super) enum Empty {
    /// It is filled, or brought up.
    Create,
    /// It is no store; one of an earlier version is read as it is, where it has what is read.
    Refuse,
}

pub(super) fn check_layout(conn: &Connection, path: &Path, empty: Empty) -> Result<(), OpenError> {
    let fail = |err: rusqlite::Error| match classify_foreign(&err) {
        true => OpenError::Foreign { path: path.to_owned() },
        false => OpenError::Storage { path: path.to_owned(), source: classify(&err) },
    };
    let number =
        |pragma: &str| conn.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0)).map_err(fail);
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(fail)?;
    match (number("application_id")?, number("user_version")?, tables, empty) {
        (schema::APPLICATION, schema::LAYOUT, _, _)
        | (schema::APPLICATION, schema::OLDEST_READ..schema::LAYOUT, _, Empty::Refuse) => Ok(()),
        (schema::APPLICATION, schema::FIRST_LAYOUT, _, Empty::Create) => bring_up(
            conn,
            path,
            &[schema::SINCE_FIRST, schema::SINCE_SECOND, schema::SINCE_THIRD, schema::SINCE_FOURTH],
        ),
        (schema::APPLICATION, schema::SECOND_LAYOUT, _, Empty::Create) => {
            bring_up(conn, path, &[schema::SINCE_SECOND, schema::SINCE_THIRD, schema::SINCE_FOURTH])
        }
        (schema::APPLICATION, schema::THIRD_LAYOUT, _, Empty::Create) => {
            bring_up(conn, path, &[schema::SINCE_THIRD, schema::SINCE_FOURTH])
        }
        (schema::APPLICATION, schema::FOURTH_LAYOUT, _, Empty::Create) => {
            bring_up(conn, path, &[schema::SINCE_FOURTH])
        }
        (schema::APPLICATION, found, _, _) => {
            Err(OpenError::Layout { path: path.to_owned(), found, known: schema::LAYOUT })
        }
        // Nothing was ever written; a crash while creating leaves this too.
        (0, 0, 0, Empty::Create) => create(conn).map_err(fail),
        _ => Err(OpenError::Foreign { path: path.to_owned() }),
    }
}

fn create(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(&format!(
        "PRAGMA synchronous = EXTRA; BEGIN EXCLUSIVE; {} {} {} {} {} PRAGMA application_id = {}; PRAGMA user_version = {}; COMMIT;",
        schema::CREATE,
        schema::SINCE_FIRST,
        schema::SINCE_SECOND,
        schema::SINCE_THIRD,
        schema::SINCE_FOURTH,
        schema::APPLICATION,
        schema::LAYOUT,
    ))
}

/// Which entries are about which change is found here, because it follows from nothing that changes later. Rows of other derived
/// tables follow when what is derived is derived anew, since other rules made what is there; bodies that lie in documents
/// are moved by `serve`, because the log must tell of it.
fn bring_up(conn: &Connection, path: &Path, missing: &[&str]) -> Result<(), OpenError> {
    let fail = |source| OpenError::Storage { path: path.to_owned(), source };
    let run = |sql: &str| conn.execute_batch(sql).map_err(|err| fail(classify(&err)));
    run(&format!("BEGIN EXCLUSIVE; {}", missing.concat()))?;
    find_again(conn).map_err(fail)?;
    run(&format!("PRAGMA user_version = {}; COMMIT;", schema::LAYOUT))
}

fn classify_foreign(err: &rusqlite::Error) -> bool {
    err.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase)
}

/// Set, then read back: a library or a file system may silently give less.
fn make_durable(conn: &Connection, path: &Path) -> Result<(), OpenError> {
    let fail = |err: rusqlite::Error| OpenError::Storage { path: path.to_owned(), source: classify(&err) };
    // In KiB. Digests and ids lie scattered over their indexes; those of a busy day fit.
    conn.pragma_update(None, "cache_size", -16_384).map_err(fail)?;
    let settings = [
        ("journal_mode", "wal"),
        ("synchronous", "2"),
        // What is freed is overwritten.
        ("secure_delete", "1"),
        // Flushes that reach the medium on macOS; elsewhere without meaning.
        ("fullfsync", "1"),
        ("checkpoint_fullfsync", "1"),
        // The writer moves the log into the file itself, because SQLite's own attempt hides a failed flush.
        ("wal_autocheckpoint", "0"),
    ];
    for (setting, wanted) in settings {
        // Some of these answer with a row and some do not.
        conn.pragma_update_and_check(None, setting, wanted, |_| Ok(()))
            .or_else(|err| if err == rusqlite::Error::QueryReturnedNoRows { Ok(()) } else { Err(err) })
            .map_err(fail)?;
        let found = conn
            .pragma_query_value(None, setting, |row| {
                Ok(match row.get_ref(0)? {
                    rusqlite::types::ValueRef::Integer(number) => number.to_string(),
                    other => other.as_str()?.to_owned(),
                })
            })
            .map_err(fail)?;
        if found != wanted {
            return Err(OpenError::Durability { path: path.to_owned(), setting, wanted, found });
        }
    }
    Ok(())
}

fn suffixed(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}
