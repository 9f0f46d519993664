//! What a person's own programs keep of an installation between two runs, in the person's home and out of the server's: the newest
//! checkpoint that was verified, and what was proved of a bundle.

use std::{
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
};

use model::Digest;

use crate::{failure::Failure, identity::variable};

/// Where the newest checkpoint of an installation is.
pub(crate) fn checkpoint_of(installation: Digest) -> Option<PathBuf> {
    Some(home()?.join("checkpoints").join(installation.to_string()))
}

/// Where it is what was proved of a bundle that this person asked for.
pub(crate) fn proof_of(bundle: &str) -> Option<PathBuf> {
    Some(home()?.join("proofs").join(format!("{bundle}.json")))
}

/// The checkpoint that was kept. What cannot be read is not taken for nothing: trust would begin anew, and nobody would be told.
pub(crate) fn read(file: &Path) -> Result<Option<String>, Failure> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text)),
        Err(err) if err.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(err) => Err(Failure::verification(format!(
            "the checkpoint that was kept of this log cannot be read: {}: {err}",
            file.display()
        ))
        .hint("bring it back; without it nobody can tell whether the log was rewritten. Move it away only if you accept that")),
    }
}

pub(crate) fn keep(file: &Path, text: &str) -> Result<(), Failure> {
    keep_unless(file, text, |_| false)
}

/// Puts `text` there for good, unless another program of this person has put there meanwhile what is `better`.
pub(crate) fn keep_unless(file: &Path, text: &str, better: impl Fn(&str) -> bool) -> Result<(), Failure> {
    replace(file, text, better)
        .map_err(|err| Failure::unexpected(format!("{} cannot be written: {err}", file.display())))
}

fn replace(file: &Path, text: &str, better: impl Fn(&str) -> bool) -> io::Result<()> {
    let dir = file.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir)?;
    let turn = File::create(file.with_extension("turn"))?;
    turn.lock()?;
    if fs::read_to_string(file).is_ok_and(|there| better(&there)) {
        return Ok(());
    }
    let partial = file.with_extension("new");
    let mut new = File::create(&partial)?;
    new.write_all(text.as_bytes())?;
    new.sync_all()?;
    fs::rename(&partial, file)?;
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

fn home() -> Option<PathBuf> {
    let state = variable("XDG_STATE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".local/state")))?;
    Some(state.join("countersign"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_never_set_back_and_never_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("checkpoints/one");
        assert_eq!(read(&file).unwrap(), None);
        keep(&file, "5").unwrap();
        let newer = |there: &str| there > "4";
        keep_unless(&file, "4", newer).unwrap();
        assert_eq!(read(&file).unwrap().as_deref(), Some("5"));
        keep_unless(&file, "6", |there| there > "6").unwrap();
        assert_eq!(read(&file).unwrap().as_deref(), Some("6"));

        fs::write(&file, [0xff]).unwrap();
        let told = read(&file).unwrap_err();
        assert_eq!(told.exit, crate::failure::VERIFICATION);
        assert!(told.message.contains("cannot be read"), "{}", told.message);
    }
}
