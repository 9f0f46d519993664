//! A disk in memory that forgets like a real one: bytes that were not synced and names whose folder was not synced
//! may be gone after a crash, or be there, or be there in part. Any one operation can be made to fail or to be the last.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard},
};

use ledger::disk::{Disk, DiskFile, Held};
use tlog::{Checkpoint, Hash, Resource, Tile, bundle, encode_hashes, grown, leaf_hash, root_of};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The process dies before the operation.
    Crash,
    /// The process dies in it: half of what was to be written is.
    CrashHalfway,
    /// It fails and the process lives on; of a write, half was written.
    Fails,
}

pub(crate) const FAULTS: [Fault; 3] = [Fault::Crash, Fault::CrashHalfway, Fault::Fails];

/// What the end of a process, or of the power, leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// Nothing.
    Loses,
    /// Everything, for now: the process was killed and the machine ran on. A later power cut can still lose it.
    Keeps,
    /// By this seed: names some, bytes in part.
    Mixed(u64),
}

#[derive(Clone, Debug, Default)]
struct Content {
    live: Vec<u8>,
    durable: Vec<u8>,
}

#[derive(Debug, Default)]
struct State {
    contents: Vec<Content>,
    names: BTreeMap<PathBuf, usize>,
    durable_names: BTreeMap<PathBuf, usize>,
    dirs: BTreeSet<PathBuf>,
    durable_dirs: BTreeSet<PathBuf>,
    operations: usize,
    fault: Option<(usize, Fault)>,
    dead: bool,
    held: bool,
    /// Checkpoints that were signed over entries that were not durable.
    premature: Vec<String>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk(Arc<Mutex<State>>);

impl SimDisk {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// Lets the `nth` operation from now (counted from 0) meet `fault`.
    pub(crate) fn arm(&self, nth: usize, fault: Fault) {
        let mut state = self.state();
        state.fault = Some((state.operations + nth, fault));
    }

    /// Whether the armed fault has not been met; disarms it.
    pub(crate) fn disarm(&self) -> bool {
        self.state().fault.take().is_some()
    }

    /// The same disk once more, which goes its own way.
    pub(crate) fn fork(&self) -> Self {
        let state = self.state();
        Self(Arc::new(Mutex::new(State {
            contents: state.contents.clone(),
            names: state.names.clone(),
            durable_names: state.durable_names.clone(),
            dirs: state.dirs.clone(),
            durable_dirs: state.durable_dirs.clone(),
            ..State::default()
        })))
    }

    /// The text of a file, as the living process sees it.
    pub(crate) fn text(&self, path: &str) -> String {
        let state = self.state();
        String::from_utf8(state.contents[state.names[Path::new(path)]].live.clone()).unwrap()
    }

    pub(crate) fn premature(&self) -> Vec<String> {
        self.state().premature.clone()
    }

    /// The machine as the next process finds it.
    pub(crate) fn restart(&self, cut: Cut) {
        let mut state = self.state();
        let state = &mut *state;
        state.dead = false;
        state.held = false;
        state.fault = None;
        if cut == Cut::Keeps {
            return;
        }
        let mut draw = match cut {
            Cut::Loses | Cut::Keeps => 0,
            Cut::Mixed(seed) => seed,
        };
        let mut share = |whole: usize| match cut {
            Cut::Loses | Cut::Keeps => 0,
            Cut::Mixed(_) => {
                draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (draw >> 33) as usize % (whole + 1)
            }
        };
        for content in &mut state.contents {
            let kept = content.durable.len().min(content.live.len());
            let more = share(content.live.len().saturating_sub(kept));
            // A shorter live file is a truncation, which this disk makes durable at once.
            content.live.truncate(kept + more);
            content.durable = content.live.clone();
        }
        // Names of one folder are kept or lost together, as in a journal.
        let folders: BTreeSet<PathBuf> = state
            .names
            .keys()
            .chain(state.durable_names.keys())
            .filter_map(|path| path.parent())
            .map(Path::to_owned)
            .collect();
        for folder in folders {
            if share(1) == 1 {
                state.sync_names(&folder);
            }
        }
        let dirs = state.durable_dirs.clone();
        let reachable =
            |path: &Path| path.ancestors().skip(1).all(|dir| dir.parent().is_none() || dirs.contains(dir));
        state.durable_names.retain(|path, _| reachable(path));
        state.durable_dirs.retain(|path| reachable(path));
        state.names = state.durable_names.clone();
        state.dirs = state.durable_dirs.clone();
    }

    /// Counts an operation; what it meets, if anything.
    fn meet(&self) -> io::Result<Option<Fault>> {
        let mut state = self.state();
        if state.dead {
            return Err(io::Error::other("the process is dead"));
        }
        let nth = state.operations;
        state.operations += 1;
        match state.fault {
            Some((at, fault)) if at == nth => {
                state.fault = None;
                state.dead = fault != Fault::Fails;
                Ok(Some(fault))
            }
            Some(_) | None => Ok(None),
        }
    }

    fn step(&self) -> io::Result<()> {
        match self.meet()? {
            None => Ok(()),
            Some(_) => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl State {
    fn sync_names(&mut self, folder: &Path) {
        self.durable_names.retain(|path, _| path.parent() != Some(folder));
        let now = self.names.iter().filter(|(path, _)| path.parent() == Some(folder));
        self.durable_names.extend(now.map(|(path, content)| (path.clone(), *content)).collect::<Vec<_>>());
        let below = self.dirs.iter().filter(|dir| dir.parent() == Some(folder)).cloned().collect::<Vec<_>>();
        self.durable_dirs.extend(below);
    }

    /// A checkpoint is about to be written: is everything under it durable?
    fn watch_signature(&mut self, path: &Path, bytes: &[u8]) {
        if !path.to_string_lossy().ends_with("lock.new") {
            return;
        }
        let note = std::str::from_utf8(bytes).unwrap();
        let text = format!("{}\n", note.split_once("\n\n").unwrap().0);
        let signed = Checkpoint::parse(&text).unwrap();
        let mut leaves = Vec::new();
        for number in 0..signed.size.div_ceil(bundle::WIDTH) {
            let path = Path::new("/data/log").join(bundle::entry_path(number));
            if let Some(content) = self.durable_names.get(&path) {
                let bytes = &self.contents[*content].durable;
                leaves.extend(
                    bundle::whole_entries(bytes, bundle::WIDTH).entries.iter().map(|it| leaf_hash(it)),
                );
            }
        }
        leaves.truncate(signed.size as usize);
        if leaves.len() as u64 != signed.size || root_of(&leaves) != signed.root {
            self.premature.push(note.to_owned());
        }
        let missing: Vec<String> =
            self.missing_tiles(&leaves).map(|tile| format!("{}\n{note}", tile.path())).collect();
        self.premature.extend(missing);
    }

    /// The full tiles over `leaves` that a power cut would take away.
    fn missing_tiles(&self, leaves: &[Hash]) -> impl Iterator<Item = Tile> {
        tiles(leaves)
            .into_iter()
            .filter(|(tile, hashes)| {
                let path = Path::new("/data/log").join(Resource::Hashes(*tile).full_path());
                let durable = self.durable_names.get(&path).map(|content| &self.contents[*content].durable);
                let there = durable.is_some_and(|bytes| bytes.starts_with(&encode_hashes(hashes)));
                !there && tile.is_full()
            })
            .map(|(tile, _)| tile)
    }
}

/// Every tile of the tree, by the definition.
fn tiles(leaves: &[Hash]) -> Vec<(Tile, Vec<Hash>)> {
    let mut levels = vec![leaves.to_vec()];
    while let Some(below) = levels.last().filter(|level| level.len() >= 256) {
        levels.push(below.as_chunks::<256>().0.iter().map(|tile| root_of(tile)).collect());
    }
    let all = grown(0, leaves.len() as u64).map(|tile| {
        let range = tile.hashes().start as usize..tile.hashes().end as usize;
        (tile, levels[usize::from(tile.level())][range].to_vec())
    });
    all.collect()
}

struct SimFile {
    disk: SimDisk,
    content: usize,
    path: PathBuf,
}

impl DiskFile for SimFile {
    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let met = self.disk.meet()?;
        let mut state = self.disk.state();
        state.watch_signature(&self.path, bytes);
        match met {
            None => state.contents[self.content].live.extend_from_slice(bytes),
            Some(Fault::Crash) => return Err(io::Error::other("crash")),
            Some(Fault::CrashHalfway | Fault::Fails) => {
                state.contents[self.content].live.extend_from_slice(&bytes[..bytes.len() / 2]);
                return Err(io::ErrorKind::StorageFull.into());
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.disk.step()?;
        let mut state = self.disk.state();
        let content = &mut state.contents[self.content];
        content.durable = content.live.clone();
        Ok(())
    }
}

#[derive(Debug)]
struct SimHeld(SimDisk);

impl Held for SimHeld {}

impl Drop for SimHeld {
    fn drop(&mut self) {
        self.0.state().held = false;
    }
}

impl Disk for SimDisk {
    fn create_dirs(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        let mut state = self.state();
        state.dirs.extend(dir.ancestors().map(Path::to_owned));
        // What lies above the installation's own folders was there before.
        state.durable_dirs.extend(["/", "/data", "/state"].map(PathBuf::from));
        Ok(())
    }

    fn read(&self, path: &Path, _max: u64) -> io::Result<Vec<u8>> {
        self.step()?;
        let state = self.state();
        let content = state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(state.contents[*content].live.clone())
    }

    fn create(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        let mut state = self.state();
        if !path.parent().is_some_and(|dir| state.dirs.contains(dir)) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if state.names.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let content = state.contents.len();
        state.contents.push(Content::default());
        state.names.insert(path.to_owned(), content);
        Ok(Box::new(SimFile { disk: self.clone(), content, path: path.to_owned() }))
    }

    fn extend(&self, path: &Path) -> io::Result<Box<dyn DiskFile>> {
        self.step()?;
        let content = *self.state().names.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile { disk: self.clone(), content, path: path.to_owned() }))
    }

    fn truncate(&self, path: &Path, len: u64) -> io::Result<()> {
        self.step()?;
        let mut state = self.state();
        let content = *state.names.get(path).ok_or(io::ErrorKind::NotFound)?;
        state.contents[content].live.truncate(len as usize);
        state.contents[content].durable = state.contents[content].live.clone();
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.step()?;
        self.state().names.remove(path).map(drop).ok_or(io::ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let mut state = self.state();
        let content = state.names.remove(from).ok_or(io::ErrorKind::NotFound)?;
        state.names.insert(to.to_owned(), content);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.step()?;
        self.state().sync_names(dir);
        Ok(())
    }

    fn hold(&self, _path: &Path) -> io::Result<Box<dyn Held>> {
        self.step()?;
        let mut state = self.state();
        if std::mem::replace(&mut state.held, true) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        Ok(Box::new(SimHeld(self.clone())))
    }
}
