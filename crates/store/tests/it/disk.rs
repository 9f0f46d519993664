//! A disk that is full: a clear error, nothing half-written, and back to work once there is room.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use model::ChangeState;
use store::{Probe, StorageError, Store, WriteError};

use crate::fixture::{approval, change, entry, moved_to};

/// Three rows, three entries and the index.
async fn work(store: &Store, n: u64) -> Result<(), WriteError<store::Conflict>> {
    store
        .write(move |tx| {
            let big = model::Change { intent: "x".repeat(20_000), ..change(n) };
            tx.create_change(&big, entry(10 * n))?;
            tx.record_approval(&approval(n, "ada"), entry(10 * n + 1))?;
            tx.advance_change(&moved_to(&big, ChangeState::Executing), 0, entry(10 * n + 2))
        })
        .await
}

async fn whole(store: &Store, expected: usize) {
    let (documents, pending) =
        store.read(|view| Ok((view.documents()?, view.unsequenced(10_000)?))).await.unwrap();
    assert_eq!((documents.len(), pending.len()), (2 * expected, 3 * expected));
    assert!(documents.iter().all(|it| it.altered.is_none()));
}

#[tokio::test]
async fn a_full_disk_refuses_and_forgives() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db");
    let pages = Arc::new(AtomicU32::new(120));
    let probe = Probe { max_pages: Some(Arc::clone(&pages)), ..Probe::default() };
    let store = Store::sqlite_probed(&path, probe).unwrap();
    let mut done = 0;
    let fault = loop {
        match work(&store, done + 1).await {
            Ok(()) if done < 5000 => done += 1,
            Ok(()) => panic!("the disk is never full"),
            Err(fault) => break fault,
        }
    };
    assert_eq!(fault, WriteError::Storage(StorageError::Full));
    assert!(done > 2, "{done}");
    whole(&store, usize::try_from(done).unwrap()).await;
    assert_eq!(work(&store, done + 1).await, Err(WriteError::Storage(StorageError::Full)));

    // An operation that looks away from the error is refused all the same.
    let swallowed = store
        .write(move |tx| {
            let _ =
                tx.create_change(&model::Change { intent: "x".repeat(500_000), ..change(500) }, entry(5000));
            Ok::<(), ()>(())
        })
        .await;
    assert_eq!(swallowed, Err(WriteError::Storage(StorageError::Full)));
    whole(&store, usize::try_from(done).unwrap()).await;

    pages.store(100_000, Ordering::SeqCst);
    work(&store, done + 1).await.unwrap();
    whole(&store, usize::try_from(done + 1).unwrap()).await;
    drop(store);
    let store = Store::sqlite(&path).unwrap();
    whole(&store, usize::try_from(done + 1).unwrap()).await;
}

/// Operations that queued up together, lazy ones among them, share a commit: whoever is told that it is done finds it done, whoever is not finds
/// nothing, and the small ones that went down with a large one get through when they ask again.
#[tokio::test]
async fn a_large_operation_does_not_take_others_with_it_unheard() {
    let folder = tempfile::tempdir().unwrap();
    let probe = Probe { max_pages: Some(Arc::new(AtomicU32::new(150))), ..Probe::default() };
    let store = Store::sqlite_probed(&folder.path().join("db"), probe).unwrap();
    let tasks: Vec<_> = (1..=60)
        .map(|n| {
            let store = store.clone();
            tokio::spawn(async move {
                let size = if n % 3 == 0 { 900_000 } else { 10 };
                let sized = model::Change { intent: "x".repeat(size), ..change(n) };
                let op = move |tx: &mut store::Tx<'_>| tx.create_change(&sized, entry(n));
                (n, if n % 2 == 0 { store.write_lazily(op).await } else { store.write(op).await })
            })
        })
        .collect();
    let mut acknowledged = Vec::new();
    for task in tasks {
        match task.await.unwrap() {
            (n, Ok(())) => acknowledged.push(crate::fixture::change_id(n).to_string()),
            (_, Err(WriteError::Storage(StorageError::Full))) => {}
            (_, Err(other)) => panic!("{other}"),
        }
    }
    let stored = async || -> Vec<_> {
        let documents = store.read(|view| view.documents()).await.unwrap();
        let mut stored: Vec<_> = documents.into_iter().map(|it| it.id).collect();
        stored.sort();
        stored
    };
    acknowledged.sort();
    assert_eq!(stored().await, acknowledged);

    for n in (1..=60).filter(|n| n % 3 != 0) {
        let id = crate::fixture::change_id(n).to_string();
        if !acknowledged.contains(&id) {
            store.write(move |tx| tx.create_change(&change(n), entry(n))).await.unwrap();
            acknowledged.push(id);
        }
    }
    assert_eq!(acknowledged.len(), 40, "only what is large is refused");
    acknowledged.sort();
    assert_eq!(stored().await, acknowledged);
}

/// A store whose statements named `name` fail with `code` from the `nth` on, once.
fn failing(path: &Path, name: &'static str, code: i32, nth: u32) -> Store {
    let left = AtomicU32::new(nth);
    let fail = move |statement: &'static str| {
        (statement == name && left.fetch_sub(1, Ordering::SeqCst) == 1).then_some(code)
    };
    Store::sqlite_probed(path, Probe { fail: Some(Arc::new(fail)), ..Probe::default() }).unwrap()
}

/// A flush that fails, of a commit or of moving the log, is never tried again: what the system says later proves nothing.
#[tokio::test]
async fn a_failed_flush_ends_all_writing() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["COMMIT", "checkpoint"] {
        let path = folder.path().join(name);
        let store =
            failing(&path, name, rusqlite::ffi::SQLITE_IOERR_FSYNC, if name == "COMMIT" { 3 } else { 1 });
        let mut done = 0;
        let fault = loop {
            match store.write(move |tx| (0..500).try_for_each(|n| tx.record(entry(1000 * done + n)))).await {
                Ok(()) if done < 5000 => done += 1,
                Ok(()) => panic!("the disk is never full"),
                Err(fault) => break fault,
            }
        };
        assert!(matches!(fault, WriteError::Storage(StorageError::Poisoned(_))), "{fault}");
        // Whoever was told that it is done has it; whoever was not does not.
        let recorded =
            async |store: &Store| store.read(|view| Ok(view.unsequenced(100_000)?.len() as u64)).await;
        assert_eq!(recorded(&store).await, Ok(500 * done));
        for n in 1..4 {
            assert_eq!(work(&store, n).await.unwrap_err().to_string(), fault.to_string());
        }
        drop(store);
        let store = Store::sqlite(&path).unwrap();
        assert_eq!(recorded(&store).await, Ok(500 * done));
        work(&store, 999).await.unwrap();
    }
}

/// Anything else that fails costs the operations that were under way, and no more.
#[tokio::test]
async fn other_failures_pass() {
    let folder = tempfile::tempdir().unwrap();
    let statements =
        ["synchronous = FULL", "BEGIN IMMEDIATE", "SAVEPOINT operation", "RELEASE operation", "COMMIT"];
    let codes = [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_WRITE, rusqlite::ffi::SQLITE_BUSY];
    for (n, (name, code)) in
        statements.into_iter().flat_map(|name| codes.map(|code| (name, code))).enumerate()
    {
        let nth = if name.starts_with("synchronous") { 1 } else { 3 };
        let store = failing(&folder.path().join(n.to_string()), name, code, nth);
        work(&store, 1).await.unwrap();
        store.write_lazily(|_| Ok::<_, ()>(())).await.unwrap();
        assert!(matches!(work(&store, 2).await, Err(WriteError::Storage(_))), "{name} {code}");
        whole(&store, 1).await;
        work(&store, 2).await.unwrap();
        whole(&store, 2).await;
    }
}

/// Not a test: what a parent below runs where the disk is small. It fills the disk, removes the file `ballast` where
/// there is one, and goes on.
#[tokio::test]
#[ignore = "run by the disk tests as their child"]
async fn child() {
    let folder = std::io::stdin().lines().next().unwrap().unwrap();
    let (path, ballast) = (Path::new(&folder).join("db"), Path::new(&folder).join("ballast"));
    let store = Store::sqlite(&path).unwrap();
    let mut done = 0;
    let fault = loop {
        match work(&store, done + 1).await {
            Ok(()) if done < 5000 => done += 1,
            Ok(()) => panic!("the disk is never full"),
            Err(fault) => break fault,
        }
    };
    println!("\nfault {fault}");
    for _ in 0..3 {
        // While it lasts: refused, and alive.
        assert!(matches!(work(&store, 1000).await, Err(WriteError::Storage(_))));
    }
    whole(&store, usize::try_from(done).unwrap()).await;
    if ballast.exists() {
        fs::remove_file(ballast).unwrap();
        work(&store, done + 1).await.unwrap();
        whole(&store, usize::try_from(done + 1).unwrap()).await;
        drop(store);
        whole(&Store::sqlite(&path).unwrap(), usize::try_from(done + 1).unwrap()).await;
    }
    println!("\ndone {done}");
}

/// Runs [`child`] in `folder` by way of a shell script that ends in `exec "$0" "$@"`.
fn child_under(shell: &[&str], script: &str, folder: &Path) -> Output {
    let (program, before) = shell.split_first().unwrap();
    let mut child = Command::new(program)
        .args(before)
        .args(["sh", "-c", &format!("{script}; exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "disk::child", "--ignored", "--nocapture", "--test-threads=1"])
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A script that fails reads nothing.
    let _ = writeln!(child.stdin.take().unwrap(), "{}", folder.display());
    child.wait_with_output().unwrap()
}

fn told(output: &Output, line: &str) -> Option<String> {
    let text = String::from_utf8_lossy(&output.stdout);
    text.lines().find_map(|it| it.strip_prefix(line)).map(|it| it.trim().to_owned())
}

/// A file system of two mebibytes, half of them taken. Where the system lets nobody mount one, there is nothing to show.
#[test]
fn a_file_system_without_space_refuses_and_forgives() {
    let folder = tempfile::tempdir().unwrap();
    let unshare = ["unshare", "--user", "--map-root-user", "--mount"];
    let mount = "mount -t tmpfs -o size=2m,mode=700 none \"$PWD\" && cd \"$PWD\" && head -c 1048576 /dev/zero > ballast";
    let allowed =
        Command::new("unshare").args(&unshare[1..]).args(["sh", "-c", "mount -t tmpfs none /mnt"]).output();
    if !allowed.is_ok_and(|it| it.status.success()) {
        eprintln!("skipped: no file system can be mounted here");
        return;
    }
    let output = child_under(&unshare, &format!("{mount} || exit 99"), folder.path());
    assert!(output.status.success(), "{output:?}");
    assert_eq!(told(&output, "fault ").unwrap(), StorageError::Full.to_string());
    assert!(told(&output, "done ").unwrap().parse::<u32>().unwrap() > 2);
}

/// Writes that fail for another reason than space (here: a limit on the size of files) are no less clean.
#[tokio::test]
async fn a_disk_that_refuses_writes_leaves_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let output = child_under(&["env"], "trap '' XFSZ; ulimit -f 2000", folder.path());
    assert!(output.status.success(), "{output:?}");
    let fault = told(&output, "fault ").unwrap();
    assert!(fault.starts_with("the disk failed: "), "{fault}");
    let done = told(&output, "done ").unwrap().parse().unwrap();
    let store = Store::sqlite(&folder.path().join("db")).unwrap();
    whole(&store, done).await;
    work(&store, 2000).await.unwrap();
}
