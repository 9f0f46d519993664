//! What is installed once for all tests of a checkout: by whoever needs it first, while the others wait, and anew where something else is
//! wanted than the stamp says.

use std::{
    fs::{self, File},
    path::PathBuf,
};

use anyhow::{Context, Result};

/// `mark` says where `lock` and `stamp` lie. The stamp is of what was wanted, and there only while that is installed.
pub(crate) fn once(
    mark: impl Fn(&str) -> PathBuf,
    wanted: &str,
    is_there: impl Fn() -> bool,
    install: impl FnOnce() -> Result<()>,
) -> Result<()> {
    let (stamp, lock) = (mark("stamp"), mark("lock"));
    let ready = || fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) && is_there();
    if ready() {
        return Ok(());
    }
    fs::create_dir_all(lock.parent().context("what is installed needs a folder")?)?;
    let held = File::create(&lock)?;
    held.lock().with_context(|| format!("waiting for whoever holds {}", lock.display()))?;
    if ready() {
        return Ok(());
    }
    if stamp.exists() {
        fs::remove_file(&stamp)?;
    }
    install()?;
    fs::write(&stamp, wanted)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn it_is_done_once_for_each_thing_that_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let (done, there) = (Cell::new(0), Cell::new(true));
        let install = |wanted: &str| {
            let count = || {
                done.set(done.get() + 1);
                Ok(())
            };
            once(|it| folder.path().join("below").join(it), wanted, || there.get(), count).unwrap();
            done.get()
        };
        assert_eq!([install("a"), install("a"), install("b"), install("b"), install("a")], [1, 1, 2, 2, 3]);
        there.set(false);
        assert_eq!(install("a"), 4, "what is gone is installed again");
    }

    #[test]
    fn what_did_not_succeed_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let mark = |it: &str| folder.path().join(it);
        once(mark, "a", || true, || Ok(())).unwrap();
        once(mark, "b", || true, || anyhow::bail!("no network")).unwrap_err();
        assert!(!mark("stamp").exists());
    }
}
