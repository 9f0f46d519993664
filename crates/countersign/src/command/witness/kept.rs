//! What a witness has cosigned, on disk. Judging a checkpoint against the last one and replacing that one are done under
//! one lock for each log, and a cosignature leaves only once its checkpoint is durable.

use std::{
    collections::BTreeMap,
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use engine::Clock;
use ledger::disk::{Disk, Held};
use tlog::WitnessSigningKey;
use witness::{Answer, Fork, Logs, Record, Refusal, Step, Submission, origin_hash};

use crate::failure::{Failure, USAGE};

/// The most that a note may have, as `tlog` bounds it.
const MAX_NOTE: u64 = 256 * 1024;
/// One pair convicts; more than this is somebody who fills our disk.
const MOST_FORKS: usize = 100;

pub(super) struct Kept {
    disk: Box<dyn Disk>,
    cosigned: PathBuf,
    forks: PathBuf,
    key: WitnessSigningKey,
    logs: Logs,
    clock: Arc<dyn Clock>,
    /// By origin; one for each log that is witnessed.
    slots: BTreeMap<String, Mutex<Slot>>,
    /// Origins by the name that monitors use.
    by_hash: BTreeMap<String, String>,
    /// What was written to `forks`.
    convicted: Mutex<usize>,
    _held: Box<dyn Held>,
}

#[derive(Debug, Default)]
struct Slot {
    last: Option<Record>,
    /// Why nothing more is cosigned of this log until the witness is started again.
    broken: Option<String>,
}

impl fmt::Debug for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kept({})", self.cosigned.display())
    }
}

impl Kept {
    /// Reads what is there. Anything that is not this witness's own cosignature stops it: what it does not know, it might
    /// contradict.
    pub(super) fn open(
        disk: Box<dyn Disk>,
        dir: &Path,
        key: WitnessSigningKey,
        logs: Logs,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Failure> {
        let (cosigned, forks) = (dir.join("cosigned"), dir.join("forks"));
        for folder in [&cosigned, &forks] {
            disk.create_dirs(folder).map_err(|err| wrong(folder, "cannot be made", &err))?;
        }
        let guard = dir.join("held");
        let held = disk.hold(&guard).map_err(|err| match err.kind() {
            io::ErrorKind::WouldBlock => {
                Failure::usage(format!("another witness runs in {}", dir.display())).hint("stop it first")
            }
            _ => wrong(&guard, "cannot be locked", &err),
        })?;
        // A name that a crash has not undone yet must not be undone by the next one.
        for folder in [&cosigned, &forks, &dir.to_owned()] {
            disk.sync_dir(folder).map_err(|err| wrong(folder, "cannot be synced", &err))?;
        }
        let slots = logs
            .origins()
            .map(|origin| {
                let last = read(disk.as_ref(), &cosigned.join(origin_hash(origin)), origin, &key)?;
                Ok((origin.to_owned(), Mutex::new(Slot { last, broken: None })))
            })
            .collect::<Result<_, Failure>>()?;
        let by_hash = logs.origins().map(|origin| (origin_hash(origin), origin.to_owned())).collect();
        Ok(Self {
            by_hash,
            disk,
            cosigned,
            forks,
            key,
            logs,
            clock,
            slots,
            convicted: Mutex::new(0),
            _held: held,
        })
    }

    pub(super) fn origins(&self) -> impl Iterator<Item = &str> {
        self.logs.origins()
    }

    /// The newest checkpoint that was cosigned, of the log of this origin.
    pub(super) fn shown(&self, origin: &str) -> Option<Record> {
        self.slots.get(origin).and_then(|slot| lock(slot).last.clone())
    }

    /// The same, by the name that monitors use. Waits while a newer one is being kept.
    pub(super) fn shown_by_hash(&self, hash: &str) -> Option<Record> {
        self.shown(self.by_hash.get(hash)?)
    }

    /// Answers the body of a request; blocks on the disk.
    pub(super) fn add_checkpoint(&self, body: &[u8]) -> Answer {
        self.cosign(body).unwrap_or_else(|refused| match refused {
            Refused::By(refusal) => {
                if let Refusal::Forked(fork) = &refusal {
                    self.convict(fork);
                }
                refusal.answer()
            }
            Refused::Disk(why) => {
                Answer { status: 500, content_type: "text/plain; charset=utf-8", body: format!("{why}\n") }
            }
        })
    }

    fn cosign(&self, body: &[u8]) -> Result<Answer, Refused> {
        let submission = Submission::receive(body, &self.logs).map_err(Refused::By)?;
        let slot = self.slots.get(submission.origin()).ok_or(Refused::By(Refusal::UnknownLog))?;
        let mut slot = lock(slot);
        if let Some(why) = &slot.broken {
            return Err(Refused::Disk(why.clone()));
        }
        let now = u64::try_from(self.clock.now().seconds()).unwrap_or(0);
        match submission.step(slot.last.as_ref(), now, &self.key).map_err(Refused::By)? {
            Step::Known => {}
            Step::Next(record) => {
                self.keep(&mut slot, &record)?;
                slot.last = Some(record);
            }
        }
        let line = slot.last.as_ref().map(|last| last.cosignature().to_owned()).unwrap_or_default();
        Ok(Answer { status: 200, content_type: "text/plain; charset=utf-8", body: line })
    }

    /// Durable when this returns. Where it is open whether the old note or the new one is on disk, nothing more is
    /// cosigned of this log: what a failed sync has lost, no second one brings back.
    fn keep(&self, slot: &mut Slot, record: &Record) -> Result<(), Refused> {
        let path = self.cosigned.join(origin_hash(record.origin()));
        let failed = |err: io::Error| {
            tracing::error!(%err, path = %path.display(), "a checkpoint could not be kept, and was not cosigned");
            Refused::Disk("the checkpoint could not be kept, so it is not cosigned".to_owned())
        };
        self.write_aside(&path, record.note()).map_err(failed)?;
        let swapped =
            self.disk.rename(&aside(&path), &path).and_then(|()| self.disk.sync_dir(&self.cosigned));
        swapped.map_err(|err| {
            slot.broken =
                Some("this witness could not write to its disk; it has to be started again".to_owned());
            failed(err)
        })
    }

    fn write_aside(&self, path: &Path, note: &str) -> io::Result<()> {
        let aside = aside(path);
        match self.disk.remove(&aside) {
            Ok(()) => {}
            Err(err) if err.kind() == io::ErrorKind::NotFound => {}
            Err(err) => return Err(err),
        }
        let mut file = self.disk.create(&aside)?;
        file.write_all(note.as_bytes())?;
        file.sync()
    }

    /// Keeps what convicts the log; a fork that is already on disk is written over.
    fn convict(&self, fork: &Fork) {
        tracing::error!(
            origin = %model::sanitize(&fork.origin, 255), size = fork.size,
            "a log has signed two checkpoints of one size with different roots"
        );
        let mut convicted = self.convicted.lock().unwrap_or_else(PoisonError::into_inner);
        if *convicted >= MOST_FORKS {
            return;
        }
        *convicted += 1;
        let root: String = fork.root.as_bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let path = self.forks.join(format!("{}-{}-{root}", origin_hash(&fork.origin), fork.size));
        let both = format!("{}\n{}", fork.cosigned, fork.refused);
        let written = self
            .write_aside(&path, &both)
            .and_then(|()| self.disk.rename(&aside(&path), &path))
            .and_then(|()| self.disk.sync_dir(&self.forks));
        if let Err(err) = written {
            tracing::error!(%err, path = %path.display(), "what convicts it could not be kept");
        }
    }
}

/// Why a checkpoint was not cosigned.
#[derive(Debug)]
enum Refused {
    By(Refusal),
    /// For the client; what happened is in our own log.
    Disk(String),
}

fn read(
    disk: &dyn Disk,
    path: &Path,
    origin: &str,
    key: &WitnessSigningKey,
) -> Result<Option<Record>, Failure> {
    let bytes = match disk.read(path, MAX_NOTE) {
        Ok(bytes) => bytes,
        Err(err) if err.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(wrong(path, "cannot be read", &err)),
    };
    let record = String::from_utf8(bytes)
        .map_err(|_| "it is no text".to_owned())
        .and_then(|note| Record::open(&note, origin, &key.verifier()).map_err(|err| err.to_string()));
    let hint = "bring the file back as it was; a witness that has lost what it cosigned starts anew, in another folder";
    record.map(Some).map_err(|why| {
        Failure::new(USAGE, "CS005", format!("{} does not hold: {why}", path.display())).hint(hint)
    })
}

fn wrong(path: &Path, what: &str, err: &io::Error) -> Failure {
    Failure::new(USAGE, "CS005", format!("{} {what}: {err}", path.display()))
}

fn aside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn lock(slot: &Mutex<Slot>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
