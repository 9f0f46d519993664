//! Files of backups: reading only plain ones and no more of them than there can be, writing so that it stays.

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::Path,
};

use model::Digest;
use sha2::{Digest as _, Sha256};

use crate::failure::Failure;

/// All of a file of at most `max` bytes, that is no link, no pipe and no device.
pub(crate) fn plain(file: &Path, max: u64) -> io::Result<Vec<u8>> {
    if !fs::symlink_metadata(file)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "is no plain file"));
    }
    bounded(file, max)
}

/// All of what a person names, of at most `max` bytes.
pub(crate) fn bounded(file: &Path, max: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("has more than {max} bytes")));
    }
    Ok(bytes)
}

/// The first thing below `dir` that is neither a folder nor a plain file: reading it might never end, or lead elsewhere.
pub(crate) fn all_plain(dir: &Path) -> Result<(), Failure> {
    let mut open = vec![dir.to_owned()];
    while let Some(next) = open.pop() {
        let failed = |err: io::Error| Failure::usage(format!("{}: {err}", next.display()));
        for entry in fs::read_dir(&next).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                open.push(entry.path());
            } else if !kind.is_file() {
                let path = entry.path();
                return Err(Failure::verification(format!(
                    "the backup's {} is no plain file",
                    path.display()
                )));
            }
        }
    }
    Ok(())
}

/// A new file, for our eyes only, with the folders it needs; its content is flushed, their names are not.
pub(crate) fn put(file: &Path, content: &[u8]) -> Result<(), Failure> {
    write(file, &mut io::Cursor::new(content))
}

/// A new file as [`put`] makes one.
pub(crate) fn copy_file(from: &Path, to: &Path) -> Result<(), Failure> {
    use std::io::Read as _;
    let failed = |err: io::Error| Failure::usage(format!("{} cannot be copied: {err}", from.display()));
    let read = fs::File::open(from).map_err(failed)?;
    let length = read.metadata().map_err(failed)?.len();
    write(to, &mut read.take(length))
}

fn write(file: &Path, content: &mut dyn io::Read) -> Result<(), Failure> {
    let failed = |err: io::Error| Failure::usage(format!("{} cannot be written: {err}", file.display()));
    let folder = file.parent().unwrap_or(Path::new("."));
    fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(failed)?;
    let mut open =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file).map_err(failed)?;
    io::copy(content, &mut open).and_then(|_| open.sync_all()).map_err(failed)
}

pub(crate) fn digest_of(file: &Path) -> Result<Digest, Failure> {
    use std::io::Read as _;
    let failed = |err: io::Error| Failure::usage(format!("{}: {err}", file.display()));
    let mut open = fs::File::open(file).map_err(failed)?;
    let mut hash = Sha256::new();
    let mut part = vec![0; 1 << 16];
    loop {
        match open.read(&mut part).map_err(failed)? {
            0 => return Ok(Digest::from_bytes(hash.finalize().into())),
            read => hash.update(part.get(..read).unwrap_or_default()),
        }
    }
}
