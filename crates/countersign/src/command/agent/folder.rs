//! A specification's folder while its plan is carried out: the plan, the change that it stands in, evidence, records, ticked tasks. Files
//! are there whole or not at all; records are only added to.

use std::{
    collections::BTreeSet,
    fs::{self, File, OpenOptions, TryLockError},
    io::{ErrorKind, Read as _, Write as _},
    path::{Path, PathBuf},
};

use ::agent::Held;
use ::plan::{
    MOST_BYTES, Plan,
    conduct::{Known, Moment},
};
use ::spec::{
    Check, CheckId, OfChange, Outcome, Run, Seen, Specification, Standing, Task, TaskId, Tasks, layout,
};
use model::{ChangeId, Digest, Timestamp};
use serde::{Serialize, de::DeserializeOwned};
use snapshot::Snapshot;

use super::{
    super::{
        scan::write_whole,
        spec::files,
        specified::{Place, Specified, unwritable},
    },
    reading::Evidence,
};
use crate::failure::{Failure, NOT_FOUND};

const LOCK: &str = ".lock";
const MOST_FOLDERS: usize = 1000;
/// Of a snapshot that is kept in a folder.
pub(super) const MOST_KEPT: usize = 16 << 20;
/// Why nothing proves such a line.
const EDITED: &str =
    "nobody measured what it says now: it was edited, or is none of the lines that a machine can measure";

pub(super) struct Folder {
    dir: PathBuf,
    run: Run,
    plan: Digest,
    /// Of all that the plan says.
    whole: Digest,
    change: Option<ChangeId>,
    steps: Standing,
    /// Nobody else carries this plan out meanwhile.
    _lock: File,
}

impl Folder {
    /// A new one for this plan, or the one that there is.
    pub(super) fn begin(top: &Path, plan: &Plan, specified: &Specified) -> Result<Self, Failure> {
        match specified.place(top, |dir| plan_of(dir).is_ok_and(|there| there == *plan))? {
            Place::There(dir) => Self::open(&dir).map(|(_, folder)| folder),
            Place::New(dir) => {
                let lock = locked(&dir)?;
                specified.write(&dir)?;
                let (run, steps) = (Run::default(), Standing::default());
                Ok(Self { dir, run, plan: plan.id, whole: whole(plan)?, change: None, steps, _lock: lock })
            }
        }
    }

    /// To go on with.
    pub(super) fn open(dir: &Path) -> Result<(Plan, Self), Failure> {
        let plan = plan_of(dir)?;
        let lock = locked(dir)?;
        let change: Option<OfChange> = json(&dir.join(layout::CHANGE), OfChange::MOST)?;
        if let Some(of) = &change
            && !(of.is_known() && of.plan == plan.id)
        {
            return Err(Failure::usage(format!("{} is of another plan", dir.join(layout::CHANGE).display()))
                .hint("a plan that was edited is a new one: begin a new specification with --plan"));
        }
        let whole = whole(&plan)?;
        if change.as_ref().and_then(|of| of.whole).is_some_and(|proposed| proposed != whole) {
            return Err(Failure::usage(format!(
                "{} says something else than what was proposed",
                dir.join(layout::PLAN).display()
            ))
            .hint(
                "put it back; a plan that was edited is a new one: begin a new specification with --plan",
            ));
        }
        let spec = specification(dir)?;
        let run = spec.run().clone();
        let (change, steps) = change.map(|of| (of.change, of.steps)).unzip();
        let steps = steps.unwrap_or_default();
        let folder = Self { dir: dir.to_owned(), run, plan: plan.id, whole, change, steps, _lock: lock };
        Ok((plan, folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.dir
    }

    /// Where the specifications lie of which this is one.
    pub(super) fn beside(&self) -> &Path {
        match self.dir.parent() {
            Some(above) if !above.as_os_str().is_empty() => above,
            Some(_) | None => Path::new("."),
        }
    }

    pub(super) const fn change(&self) -> Option<ChangeId> {
        self.change
    }

    /// The plan stands in this change from now on.
    pub(super) fn stands_in(&mut self, change: ChangeId) -> Result<(), Failure> {
        self.change = Some(change);
        self.stand()
    }

    fn stand(&self) -> Result<(), Failure> {
        let Some(change) = self.change else { return Ok(()) };
        let of = OfChange::new(self.plan, change, Some(self.whole), self.steps.clone());
        let text = serde_json::to_vec_pretty(&of).map_err(Failure::unexpected)?;
        write_whole(&self.dir.join(layout::CHANGE), &text)
    }

    pub(super) fn known(&self, plan: &Plan) -> Known {
        let steps = || plan.steps.iter().map(|step| step.id.as_str());
        Known {
            checked: steps().map(|id| self.steps.checked.contains(id)).collect(),
            inverted: steps().map(|id| self.steps.inverted.get(id).copied().unwrap_or_default()).collect(),
            unanswered: steps().map(|id| self.steps.inverting.contains(id)).collect(),
        }
    }

    /// The next of the calls that take this step back is about to be made: whatever becomes of this process, it is not made twice.
    pub(super) fn inverting(&mut self, step: &str) -> Result<(), Failure> {
        self.steps.inverting.insert(step.to_owned());
        self.stand()
    }

    /// So many of the calls that take this step back were made.
    pub(super) fn inverted(&mut self, step: &str, made: usize) -> Result<(), Failure> {
        self.steps.inverted.insert(step.to_owned(), made);
        self.not_inverting(step)
    }

    /// What was begun is answered.
    pub(super) fn not_inverting(&mut self, step: &str) -> Result<(), Failure> {
        self.steps.inverting.remove(step);
        self.stand()
    }

    /// A file of its own, by its digest.
    pub(super) fn evidence(&self, evidence: &Evidence<'_>) -> Result<Digest, Failure> {
        self.keep(evidence)
    }

    /// What several reads say together.
    pub(super) fn together(&self, at: Timestamp, parts: &[Digest]) -> Result<Digest, Failure> {
        self.keep(&serde_json::json!({ "at": at, "parts": parts, "schema": "countersign.evidence/v1" }))
    }

    /// The server's word that a step was carried out.
    pub(super) fn executed(&self, at: Timestamp, step: &str) -> Result<Digest, Failure> {
        self.keep(&serde_json::json!({ "at": at, "change": self.change, "schema": "countersign.evidence/v1",
            "state": "executed", "step": step }))
    }

    fn keep<T: Serialize>(&self, what: &T) -> Result<Digest, Failure> {
        self.put(&serde_json::to_vec_pretty(what).map_err(Failure::unexpected)?)
    }

    /// By its digest.
    pub(super) fn put(&self, text: &[u8]) -> Result<Digest, Failure> {
        let (digest, below) = (Digest::of(text), self.dir.join(layout::EVIDENCE));
        fs::create_dir_all(&below).map_err(|err| unwritable(&below, &err))?;
        write_whole(&below.join(format!("{digest}.json")), text)?;
        Ok(digest)
    }

    /// What each line of the specification, as it stands now, is proved by.
    pub(super) fn held(&self, plan: &Plan, now: Timestamp) -> Result<Held, Failure> {
        let file = self.dir.join(layout::EVIDENCE).join(format!("{}.json", plan.basis.snapshot));
        let text = kept(&file).filter(|text| Digest::of(text.as_bytes()) == plan.basis.snapshot);
        let snapshot = text.as_deref().and_then(|text| Snapshot::parse(text, now).ok());
        Held::of(plan, &specification(&self.dir)?, snapshot.as_ref()).map_err(|err| {
            Failure::usage(format!("{}: {}", self.dir.display(), model::sanitize(&err.to_string(), 400)))
        })
    }

    /// Writes down what a check of a step showed, for each line that it is of; nothing where the specification has none.
    pub(super) fn record(
        &mut self,
        (step, moment): (&str, Moment),
        which: impl Fn(&Specification, &Task) -> Vec<Line>,
        outcome: &Outcome,
        at: Timestamp,
    ) -> Result<(), Failure> {
        let spec = specification(&self.dir)?;
        let Ok(id) = step.parse::<TaskId>() else { return Ok(()) };
        let Some(task) = spec.tasks().and_then(|tasks| tasks.get(&id)) else { return Ok(()) };
        let moment = match moment {
            Moment::Before => ::spec::Moment::Before,
            Moment::After => ::spec::Moment::After,
        };
        let attempt = self.run.attempt(&id).unwrap_or(1);
        let mut lines = String::new();
        for line in which(&spec, task) {
            let (check, outcome) = match line {
                Line::Measured(check) => (check, outcome.clone()),
                Line::Edited(check) => (check, Outcome::Unknown { why: EDITED.to_owned() }),
            };
            let seen = Seen { at, task, attempt, check: &check, moment, outcome };
            let line = self.run.add(seen);
            lines.push_str(&line.map_err(|cause| Failure::unexpected(format!("run.jsonl: {cause}")))?);
        }
        if lines.is_empty() {
            return Ok(());
        }
        let path = self.dir.join(layout::RUN);
        let file = OpenOptions::new().create(true).append(true).open(&path);
        let written = file.and_then(|mut file| {
            file.write_all(lines.as_bytes())?;
            file.sync_data()
        });
        written.map_err(|err| unwritable(&path, &err))
    }

    pub(super) fn begun(&self, step: &str) -> Result<(), Failure> {
        self.edit(step, |tasks, id, _| {
            if tasks.get(id).is_some_and(|task| task.state == ::spec::State::Todo) {
                // A task that cannot be marked stays as it is: only its tick means anything.
                let _ = tasks.begin(id);
            }
        })
    }

    /// Ticks a task, and those above it that are done with it, as far as records prove it.
    pub(super) fn done(&mut self, step: &str) -> Result<(), Failure> {
        self.steps.checked.insert(step.to_owned());
        self.stand()?;
        self.edit(step, |tasks, id, spec| {
            for id in std::iter::successors(Some(id.clone()), TaskId::parent) {
                if let Ok(proof) = spec.passed(&id) {
                    // What was edited meanwhile is not ticked, and `spec status` says why.
                    let _ = tasks.tick(&proof);
                }
            }
        })
    }

    fn edit(
        &self,
        step: &str,
        change: impl FnOnce(&mut Tasks, &TaskId, &Specification),
    ) -> Result<(), Failure> {
        let spec = specification(&self.dir)?;
        let (Ok(id), Some(tasks)) = (step.parse::<TaskId>(), spec.tasks()) else { return Ok(()) };
        let mut edited = tasks.clone();
        change(&mut edited, &id, &spec);
        if edited == *tasks {
            return Ok(());
        }
        write_whole(&self.dir.join(layout::TASKS), edited.source().text().as_bytes())
    }
}

/// A check as the specification has it now.
pub(super) enum Line {
    /// It says what was measured.
    Measured(Check),
    /// It says something else, which nobody has measured.
    Edited(Check),
}

/// The check that a task declares under this name.
pub(super) fn own<'h>(name: &str, held: &'h Held) -> impl Fn(&Specification, &Task) -> Vec<Line> + use<'h> {
    let name = name.parse::<CheckId>().ok();
    move |spec, task| {
        let checks = spec.checks();
        let named = checks.own(&task.id).iter().filter(|check| Some(check.id()) == name.as_ref()).cloned();
        named
            .map(
                |check| {
                    if held.is_own(spec, task, &check) { Line::Measured(check) } else { Line::Edited(check) }
                },
            )
            .collect()
    }
}

/// What shall continue, by the place of what measures it.
pub(super) fn guard(nth: usize, held: &Held) -> impl Fn(&Specification, &Task) -> Vec<Line> {
    move |spec, _| {
        let guards = spec.checks().guards().to_vec();
        guards.into_iter().filter(|it| held.guard_of(it) == Some(nth)).map(Line::Measured).collect()
    }
}

/// What shall continue, and nobody measures.
pub(super) fn unmeasured(held: &Held) -> impl Fn(&Specification, &Task) -> Vec<Line> {
    move |spec, _| {
        let guards = spec.checks().guards().to_vec();
        guards.into_iter().filter(|it| held.guard_of(it).is_none()).map(Line::Edited).collect()
    }
}

fn whole(plan: &Plan) -> Result<Digest, Failure> {
    serde_json::to_vec(plan).map(|text| Digest::of(&text)).map_err(Failure::unexpected)
}

/// The snapshot that was kept beside it.
fn kept(file: &Path) -> Option<String> {
    let mut text = String::new();
    File::open(file).ok()?.take((MOST_KEPT as u64).saturating_add(1)).read_to_string(&mut text).ok()?;
    (text.len() <= MOST_KEPT).then_some(text)
}

fn specification(dir: &Path) -> Result<Specification, Failure> {
    Specification::read(&files(dir)?).map_err(|err| {
        Failure::usage(format!("{}: {}", dir.display(), model::sanitize(&err.to_string(), 600)))
    })
}

fn plan_of(dir: &Path) -> Result<Plan, Failure> {
    let file = dir.join(layout::PLAN);
    json(&file, MOST_BYTES)?
        .ok_or_else(|| Failure::new(NOT_FOUND, "CS203", format!("there is no {}", file.display())))
}

/// Whether one of these specifications is of this plan, and all its steps ran, were checked and stand.
pub(super) fn carried_out(specs: &Path, plan: Digest) -> bool {
    let folders = fs::read_dir(specs).into_iter().flatten().take(MOST_FOLDERS).flatten();
    folders.map(|folder| folder.path()).any(|dir| {
        let of: Option<OfChange> = json(&dir.join(layout::CHANGE), OfChange::MOST).ok().flatten();
        let Some(of) = of.filter(|of| of.plan == plan && of.steps.stands()) else { return false };
        plan_of(&dir).is_ok_and(|there| {
            Plan::id_of(&there.steps) == plan
                && there.steps.iter().all(|step| of.steps.checked.contains(&step.id))
        })
    })
}

/// The change that a plan stands in, and the steps that ran and were checked, as `change.json` of its folder has it.
pub(super) fn on_record(dir: &Path) -> Option<(ChangeId, BTreeSet<String>)> {
    let of: Option<OfChange> = json(&dir.join(layout::CHANGE), OfChange::MOST).ok().flatten();
    of.map(|of| (of.change, of.steps.checked))
}

/// None where there is no such file.
pub(super) fn json<T: DeserializeOwned>(path: &Path, most: usize) -> Result<Option<T>, Failure> {
    let wrong = |why: String| Failure::usage(format!("{}: {}", path.display(), model::sanitize(&why, 400)));
    let file = match File::open(path) {
        Ok(file) => file,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(None),
        Err(err) => return Err(wrong(err.to_string())),
    };
    let mut bytes = Vec::new();
    file.take((most as u64).saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|err| wrong(err.to_string()))?;
    if bytes.len() > most {
        return Err(wrong(format!("it is larger than {most} bytes")));
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|err| wrong(err.to_string()))
}

/// Held until the folder is let go, or the process ends.
fn locked(dir: &Path) -> Result<File, Failure> {
    let path = dir.join(LOCK);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let file = file.map_err(|err| unwritable(&path, &err))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(Failure::usage(format!("{} is being carried out by another process", dir.display()))
                .hint("wait until that one has ended: one plan is carried out once"))
        }
        Err(TryLockError::Error(err)) => Err(unwritable(&path, &err)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever goes on after a crash, or an answer that did not come, knows which call may have been made.
    #[test]
    fn a_call_that_takes_back_is_on_record_before_it_is_made() {
        let top = tempfile::tempdir().unwrap();
        let dir = top.path().to_owned();
        let change = Some(ChangeId::new(1, [7; 10]));
        let (run, steps, lock) = (Run::default(), Standing::default(), locked(&dir).unwrap());
        let plan = Digest::of(b"plan");
        let mut folder = Folder { dir, run, plan, whole: plan, change, steps, _lock: lock };
        let on_record = || {
            let of: OfChange = json(&top.path().join(layout::CHANGE), OfChange::MOST).unwrap().unwrap();
            (of.steps.inverting.contains("1.1"), of.steps.inverted.get("1.1").copied(), of.steps.stands())
        };
        folder.inverting("1.1").unwrap();
        assert_eq!(on_record(), (true, None, false));
        // It was refused: it may be made again.
        folder.not_inverting("1.1").unwrap();
        assert_eq!(on_record(), (false, None, true));
        folder.inverting("1.1").unwrap();
        folder.inverted("1.1", 1).unwrap();
        assert_eq!(on_record(), (false, Some(1), false));
    }
}
