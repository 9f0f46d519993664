//! Opening: alone, privately, only what is ours; and what an editor of the file achieves.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
};

use expect_test::{Expect, expect};
use model::{ChangeState, Entry};
use rusqlite::Connection;
use store::{Filter, OpenError, StorageError, Store};
use tempfile::TempDir;

use crate::fixture::{approval, change, change_id, digest, entry, moved_to, session, session_id};

fn place() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    (folder, path)
}

fn check(result: Result<impl Sized, OpenError>, path: &Path, expected: Expect) {
    let Err(err) = result else { panic!("it opened") };
    expected.assert_eq(&err.to_string().replace(&path.display().to_string(), "DB"));
}

async fn filled(path: &Path) {
    let store = Store::sqlite(path).unwrap();
    store
        .write(|tx| {
            tx.issue_session(&session(1), entry(1))?;
            tx.create_change(&change(1), entry(2))?;
            tx.record_approval(&approval(1, "ada"), entry(3))?;
            tx.create_change(&moved_to(&change(2), ChangeState::Executed), entry(4))
        })
        .await
        .unwrap();
}

fn edit(path: &Path, sql: &str) {
    assert_eq!(Connection::open(path).unwrap().execute(sql, []).unwrap(), 1, "{sql}");
}

#[tokio::test]
async fn what_was_written_is_there_after_opening_again() {
    let (_folder, path) = place();
    filled(&path).await;
    let before = Store::projection_of(&path).unwrap().documents;
    let store = Store::sqlite(&path).unwrap();
    assert_eq!(store.read(|view| view.documents()).await.unwrap(), before);
    assert_eq!(before.len(), 4);
    assert!(before.iter().all(|it| it.altered.is_none()), "{before:?}");
    assert_eq!(store.read(|view| view.session(session_id(1))).await, Ok(Some(session(1))));
}

#[tokio::test]
async fn one_process_at_a_time_but_the_auditor_beside_it() {
    let (_folder, path) = place();
    filled(&path).await;
    let store = Store::sqlite(&path).unwrap();
    let in_use = expect!["DB is in use by another `countersign serve`; stop that one first, or use it"];
    check(Store::sqlite(&path), &path, in_use);
    store.write(|tx| tx.create_change(&change(3), entry(5))).await.unwrap();
    assert_eq!(Store::projection_of(&path).unwrap().documents.len(), 5);
    store.write(|tx| tx.create_change(&change(4), entry(6))).await.unwrap();
    drop(store);
    Store::sqlite(&path).unwrap();
}

/// The locks that this process has on a file; `None` where the system does not tell.
#[cfg(target_os = "linux")]
fn locks_on(path: &Path) -> Option<usize> {
    use std::os::unix::fs::MetadataExt as _;
    let inode = format!(":{}", fs::metadata(path).unwrap().ino());
    let own = std::process::id().to_string();
    let told = fs::read_to_string("/proc/locks").ok()?;
    let mine = told.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    // Number, kind, mode, access, process, device and inode, and the range.
    Some(
        mine.filter(|it| it.get(4) == Some(&&*own) && it.get(5).is_some_and(|at| at.ends_with(&inode)))
            .count(),
    )
}

/// Whoever else opens the database must find that it is in use: else the last to leave removes the write-ahead log.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn sqlites_own_locks_stay_whatever_is_read_beside_it() {
    let (folder, path) = place();
    let witness = Connection::open(folder.path().join("other")).unwrap();
    witness.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (a)").unwrap();
    if locks_on(&folder.path().join("other")).is_none_or(|count| count == 0) {
        eprintln!("SKIPPED: /proc/locks does not tell of this process's locks");
        return;
    }
    let store = Store::sqlite(&path).unwrap();
    let check = |after: &str| assert!(locks_on(&path).unwrap() > 0, "{after}");
    check("opening");
    store.write(|tx| tx.create_change(&change(1), entry(1))).await.unwrap();
    check("a write");
    Store::projection_of(&path).unwrap();
    check("a projection");
    Store::copy(&path, &folder.path().join("copy")).unwrap();
    check("a copy");
    Store::reach_of(&path).unwrap();
    check("its reach");
    assert!(Store::sqlite(&path).is_err());
    check("a second one that is refused");
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let (folder, path) = place();
    let store = Store::sqlite(&path).unwrap();
    store.write(|tx| tx.create_change(&change(1), entry(1))).await.unwrap();
    let mut seen = 0;
    for file in fs::read_dir(folder.path()).unwrap() {
        let mode = file.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        seen += 1;
    }
    assert!(seen >= 3, "the database, its log and its lock");
    drop(store);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let open_to_all = || expect!["DB can be read or written by others (mode 640); run `chmod 600` on it"];
    check(Store::sqlite(&path), &path, open_to_all());
    check(Store::projection_of(&path), &path, open_to_all());
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let (folder, path) = place();
    let missing = || expect!["cannot open DB; does its folder exist, and is it yours?"];
    check(Store::projection_of(&path), &path, missing());
    assert!(!path.exists());
    let nowhere = folder.path().join("no/such/db");
    check(
        Store::sqlite(&nowhere),
        &nowhere.with_extension("lock"),
        expect![[r#"cannot open DB; does its folder exist, and is it yours?"#]],
    );

    let foreign = || expect!["DB is no store of Countersign's"];
    let private = |path: &Path| fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(&path, "this is some text of more than a hundred bytes, ".repeat(40)).unwrap();
    private(&path);
    check(Store::sqlite(&path), &path, foreign());
    check(Store::projection_of(&path), &path, foreign());

    fs::remove_file(&path).unwrap();
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE recipes (cake TEXT)").unwrap();
    private(&path);
    check(Store::sqlite(&path), &path, foreign());

    fs::remove_file(&path).unwrap();
    filled(&path).await;
    Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
    let newer = expect!["DB has layout 9, this version knows 5; use the version that wrote it"];
    check(Store::sqlite(&path), &path, newer);
}

#[tokio::test]
async fn a_file_of_the_layout_before_is_brought_up() {
    let (_folder, path) = place();
    filled(&path).await;
    let before = Store::projection_of(&path).unwrap();
    let older = "DROP TABLE recorded; DROP INDEX changes_by_session_and_state; DROP TABLE asked; DROP TABLE bodies; DROP TABLE charges; DROP INDEX changes_by_agent_and_state; UPDATE derived_by SET rules = 'older'; PRAGMA user_version = 1";
    Connection::open(&path).unwrap().execute_batch(older).unwrap();
    let auditor = expect!["DB has layout 1, this version knows 5; use the version that wrote it"];
    check(Store::projection_of(&path), &path, auditor);
    drop(Store::sqlite(&path).unwrap());
    assert_eq!(Store::projection_of(&path).unwrap(), before);
}

/// A backup that an earlier version made is verified as it is: nothing of it is brought up, and nothing written.
#[tokio::test]
async fn what_earlier_versions_left_is_read_as_it_is() {
    let fourth = "DROP TABLE recorded; PRAGMA user_version = 4";
    let third = "DROP TABLE recorded; DROP INDEX changes_by_session_and_state; DROP TABLE asked; PRAGMA user_version = 3";
    for (older, layout) in [(fourth, 4), (third, 3)] {
        let (folder, path) = place();
        filled(&path).await;
        let store = Store::sqlite(&path).unwrap();
        let of_it = Entry { change: Some(change_id(1)), ..entry(5) };
        store.write(|tx| tx.record(of_it)).await.unwrap();
        drop(store);
        let (before, reach) = (Store::projection_of(&path).unwrap(), Store::reach_of(&path).unwrap());
        let of_one = async |path: &PathBuf| {
            let store = Store::sqlite(path).unwrap();
            store.read(|view| view.recorded_of(change_id(1), 10)).await.unwrap()
        };
        let recorded = of_one(&path).await;
        assert_eq!(recorded.len(), 1);
        Connection::open(&path).unwrap().execute_batch(older).unwrap();
        let copy = folder.path().join("copy");
        assert_eq!(Store::copy(&path, &copy).unwrap(), reach, "{layout}");
        for place in [&path, &copy] {
            assert_eq!(Store::projection_of(place).unwrap(), before, "{layout}");
            assert_eq!(Store::reach_of(place).unwrap(), reach, "{layout}");
            let conn = Connection::open(place).unwrap();
            let found: i64 = conn.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
            assert_eq!(found, layout);
        }
        // Whoever opens it to write finds whose entries are whose, though no rule is another.
        assert_eq!(of_one(&copy).await, recorded, "{layout}");
        assert_eq!(Store::projection_of(&copy).unwrap(), before, "{layout}");
    }
}

/// A crash while creating leaves an empty file, or one with a transaction that never ended.
#[test]
fn a_file_that_was_never_filled_is_filled() {
    let (_folder, path) = place();
    fs::write(&path, "").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Store::sqlite(&path).unwrap();
}

#[tokio::test]
async fn an_edited_row_is_not_believed() {
    let state = "UPDATE changes SET state = 'approved' WHERE state = 'held'";
    let digest_of = "UPDATE changes SET digest = 'ff' WHERE state = 'held'";
    let document = "UPDATE changes SET document = replace(CAST(document AS TEXT), 'tidy up', 'tidy UP') \
                    WHERE state = 'held'";
    let document = document.replace(
        "replace(CAST(document AS TEXT), 'tidy up', 'tidy UP')",
        "CAST(replace(CAST(document AS TEXT), '\"state\":\"held\"', '\"state\":\"approved\"') AS BLOB)",
    );
    let garbage = "UPDATE changes SET document = x'7b7d' WHERE state = 'held'";
    let moved = "UPDATE approvals SET person = 'eve'";
    let stolen = "UPDATE sessions SET access_key = 'AKIAEVIL'";
    let forgotten = "DELETE FROM deeds";
    let cases: [(&str, Expect); 7] = [
        (state, expect!["change: its state contradicts its document"]),
        (digest_of, expect!["change: its digest contradicts its document"]),
        (&document, expect!["change: its state contradicts its document"]),
        (garbage, expect!["change: its document cannot be read (line 1, column 2)"]),
        (moved, expect!["approval: its person contradicts its document"]),
        (stolen, expect!["session: its access key contradicts its document"]),
        (forgotten, expect!["change: the index of its deeds contradicts its document"]),
    ];
    for (sql, expected) in cases {
        let (_folder, path) = place();
        filled(&path).await;
        edit(&path, sql);
        let altered: Vec<_> = Store::projection_of(&path)
            .unwrap()
            .documents
            .into_iter()
            .filter_map(|it| Some(format!("{}: {}", it.table, it.altered?)))
            .collect();
        expected.assert_eq(&altered.join("\n"));
        if sql == forgotten {
            continue;
        }
        let store = Store::sqlite(&path).unwrap();
        let read = store
            .read(|view| {
                view.sessions()?;
                view.approvals(change_id(1))?;
                // By an edited approval's own change it is found as well.
                view.change(change_id(1))?;
                view.latest_by_digest(digest(1))?;
                view.changes(&Filter::default())
            })
            .await;
        assert!(matches!(read, Err(StorageError::Tampered { .. })), "{sql}: {read:?}");
        if expected.data.starts_with("change") {
            let next = moved_to(&change(1), ChangeState::Executing);
            let advanced = store.write(move |tx| tx.advance_change(&next, 0, entry(9))).await;
            let err = advanced.unwrap_err().to_string();
            assert!(err.contains("was altered outside Countersign"), "{sql}: {err}");
            // What was found may be recorded in spite of it.
            store.write(|tx| tx.record(entry(10))).await.unwrap();
        }
    }
}

/// Two open changes for one thing cannot even be put there by hand.
#[tokio::test]
async fn the_file_itself_refuses_a_second_open_change() {
    let (_folder, path) = place();
    filled(&path).await;
    let copy = "INSERT INTO changes SELECT 'chg-x', digest, state, version, session, agent, created_at, document \
                FROM changes WHERE state = 'held'";
    assert!(Connection::open(&path).unwrap().execute(copy, []).is_err());
}

/// Another version's index, made by other rules, is made again.
#[tokio::test]
async fn an_index_of_other_rules_is_derived_again() {
    let (_folder, path) = place();
    filled(&path).await;
    edit(&path, "UPDATE derived_by SET rules = 'older'");
    edit(&path, "DELETE FROM deeds");
    assert!(Store::projection_of(&path).unwrap().documents.iter().all(|it| it.altered.is_none()));
    drop(Store::sqlite(&path).unwrap());
    assert!(Store::projection_of(&path).unwrap().documents.iter().all(|it| it.altered.is_none()));
    let deeds: i64 = Connection::open(&path)
        .unwrap()
        .query_row("SELECT count(*) FROM deeds", [], |row| row.get(0))
        .unwrap();
    assert_eq!(deeds, 1);
}
