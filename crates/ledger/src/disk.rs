//! The file operations the ledger is made of, one durable step each, so that a test can fail or crash between any two
//! of them. [`RealDisk`] is the only implementation outside tests.

use std::{
    fmt,
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io::{self, Read as _, Write as _},
    path::Path,
};

pub trait Disk: fmt::Debug + Send + Sync {
    /// The folder and its missing parents, readable by the owner alone.
    fn create_dirs(&self, dir: &Path) -> io::Result<()>;
    /// All of a file; an error where it has more than `max` bytes.
    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>>;
    /// A new file, readable by the owner alone; an error where there is one already.
    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// An existing file, written to at its end.
    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>>;
    /// Cuts a file to `len` bytes, durably.
    fn truncate(&self, path: &Path, len: u64) -> io::Result<()>;
    fn remove(&self, path: &Path) -> io::Result<()>;
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes created, renamed and removed names in `dir` durable.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;
    /// Holds `path` against every other process; [`io::ErrorKind::WouldBlock`] where another holds it.
    fn hold(&self, path: &Path) -> io::Result<Box<dyn Held>>;
}

pub trait DiskFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
}

/// Released when dropped.
pub trait Held: fmt::Debug + Send + Sync {}

#[derive(Clone, Copy, Debug)]
pub struct RealDisk;

impl Disk for RealDisk {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(dir)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        // Opening a pipe would wait for whoever writes to it.
        if !fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "no plain file"));
        }
        let mut bytes = Vec::new();
        File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > max {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("longer than {max} bytes")));
        }
        Ok(bytes)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        owner_only(&mut options);
        Ok(Box::new(options.open(path)?))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(OpenOptions::new().append(true).open(path)?))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(len)?;
        file.sync_all()
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
    }

    fn hold(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(false);
        owner_only(&mut options);
        let file = options.open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(io::ErrorKind::WouldBlock.into()),
            Err(TryLockError::Error(err)) => Err(err),
        }
    }
}

impl DiskFile for File {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        io::Write::write_all(self, bytes)?;
        self.flush()
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_all()
    }
}

impl Held for File {}

fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _ = options;
}
