//! A disk below the log that asks first: it breaks where a test says so, and shows what is about to be published.

use std::{fmt, io, path::Path};

use ledger::disk::{Disk, DiskFile, Held, RealDisk};

type Check = Box<dyn Fn(&Path) -> io::Result<()> + Send + Sync>;

/// Asked about every file before it is created, written to, cut, or put in another's place.
pub(crate) struct Between(pub(crate) Check);

impl fmt::Debug for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Between")
    }
}

impl Disk for Between {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        RealDisk.create_dirs(dir)
    }

    fn read(&self, path: &Path, max: u64) -> io::Result<Vec<u8>> {
        RealDisk.read(path, max)
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        (self.0)(path)?;
        RealDisk.create(path)
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        (self.0)(path)?;
        RealDisk.extend(path)
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        (self.0)(path)?;
        RealDisk.truncate(path, len)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        RealDisk.remove(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        (self.0)(from)?;
        RealDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        RealDisk.sync_dir(dir)
    }

    fn hold(&self, path: &Path) -> io::Result<Box<dyn Held>> {
        RealDisk.hold(path)
    }
}
