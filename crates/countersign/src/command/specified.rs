//! A plan's specification, in a folder of its own below `.kiro/specs`: beside those of the same name, and never over one.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use ::agent::{Order, folder, specify};
use ::spec::{Files, SpecName, layout};

use super::scan::write_whole;
use crate::failure::Failure;

/// Folders of one name.
const MOST_ALIKE: u32 = 99;

/// What is written, and under which name.
pub(super) struct Specified {
    pub(super) name: SpecName,
    pub(super) files: Files,
}

/// Where.
pub(super) enum Place {
    /// Made just now, and empty.
    New(PathBuf),
    /// It was there.
    There(PathBuf),
}

impl Specified {
    pub(super) fn of(order: Order<'_>) -> Result<Self, Failure> {
        let plan = order.plan;
        let files = specify(order).map_err(|err| {
            let why = model::sanitize(&err.to_string(), 400);
            Failure::usage(format!("the plan {} cannot be specified: {why}", plan.id.short()))
        })?;
        let name = match folder(plan) {
            Some(name) => name,
            None => format!("plan-{}", plan.id.short()).parse().map_err(Failure::unexpected)?,
        };
        Ok(Self { name, files })
    }

    /// A folder below `top` that is none of those that are there, or the one of them that is this specification's.
    pub(super) fn place(&self, top: &Path, is_it: impl Fn(&Path) -> bool) -> Result<Place, Failure> {
        let specs = top.join(layout::SPECS);
        fs::create_dir_all(&specs).map_err(|err| unwritable(&specs, &err))?;
        for nth in 1..=MOST_ALIKE {
            let name = self.name.as_str();
            let dir = if nth == 1 { specs.join(name) } else { specs.join(format!("{name}-{nth}")) };
            match fs::create_dir(&dir) {
                Ok(()) => return Ok(Place::New(dir)),
                Err(err) if err.kind() == ErrorKind::AlreadyExists => {
                    if is_it(&dir) {
                        return Ok(Place::There(dir));
                    }
                }
                Err(err) => return Err(unwritable(&dir, &err)),
            }
        }
        Err(Failure::usage(format!("{} has {MOST_ALIKE} folders of that name", specs.display())))
    }

    /// Into a new one.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Failure> {
        self.files.iter().try_for_each(|(file, bytes)| write_whole(&dir.join(file), bytes))
    }
}

pub(super) fn unwritable(path: &Path, err: &std::io::Error) -> Failure {
    Failure::usage(format!("{} cannot be written: {err}", path.display()))
}
