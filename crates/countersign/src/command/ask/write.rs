//! Specifications written beside each other; nothing is written over.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Write as _},
    path::Path,
};

use agent::{Order, folder, specify};
use findings::Report;
use spec::layout;

use super::Outcome;
use crate::failure::Failure;

/// Folders of one name.
const MOST: u32 = 99;

pub(super) fn all(top: &Path, words: &str, report: &Report, outcome: &mut Outcome) -> Result<(), Failure> {
    for proposed in &outcome.proposed {
        let order = Order { sort: proposed.sort, plan: &proposed.plan, report, words };
        let files = specify(order).map_err(|err| {
            Failure::unexpected(format!("the plan {} cannot be specified: {err}", proposed.plan.id))
        })?;
        let name = folder(&proposed.plan).map_or_else(|| "plan".to_owned(), |it| it.as_str().to_owned());
        let specs = top.join(layout::SPECS);
        let wrong = |what: &Path, err: std::io::Error| {
            Failure::usage(format!("{} cannot be written: {err}", what.display()))
        };
        fs::create_dir_all(&specs).map_err(|err| wrong(&specs, err))?;
        let mut nth = 1;
        let dir = loop {
            let dir = specs.join(if nth == 1 { name.clone() } else { format!("{name}-{nth}") });
            match fs::create_dir(&dir) {
                Ok(()) => break dir,
                Err(err) if err.kind() == ErrorKind::AlreadyExists && nth < MOST => nth += 1,
                Err(err) => return Err(wrong(&dir, err)),
            }
        };
        for (name, bytes) in &files {
            let file = dir.join(name);
            let written = OpenOptions::new().write(true).create_new(true).open(&file);
            written.and_then(|mut it| it.write_all(bytes)).map_err(|err| wrong(&file, err))?;
        }
        outcome.specifications.push(dir.display().to_string());
    }
    Ok(())
}
