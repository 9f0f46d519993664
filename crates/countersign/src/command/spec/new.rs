//! `countersign spec new`: a folder with headings, the user's words as they were said, and which steering always applies. It writes over
//! nothing.

use std::{
    fs::{self, OpenOptions},
    io::{ErrorKind, Read as _, Write as _},
    path::Path,
    process::ExitCode,
};

use ::spec::{Bounds, Files, Intent, Sort, layout, skeleton};
use serde_json::json;

use super::super::steering;
use crate::{
    cli::{Format, spec::NewArgs},
    failure::Failure,
    output::{self, GOOD, styled},
};

pub(super) fn run(args: &NewArgs, format: Format) -> Result<ExitCode, Failure> {
    let words = match args.intent.as_deref() {
        Some("-") => Some(said()?),
        other => other.map(str::to_owned),
    };
    let intent = words.map(|it| Intent::new(&it)).transpose().map_err(Failure::usage)?;
    let sort = if args.bugfix { Sort::Bugfix } else { Sort::Feature };
    let mut files = skeleton(sort, intent.as_ref());
    let steered = steering::read(&args.dir.join(layout::STEERING))?;
    for problem in &steered.problems {
        output::note(format!("it applies to nothing: {}", model::sanitize(&problem.to_string(), 400)));
    }
    let always: Vec<&str> = steered.always().map(|(name, _)| name.as_str()).collect();
    if !always.is_empty()
        && let Some(design) = files.get_mut(layout::DESIGN)
    {
        let text = String::from_utf8_lossy(design);
        let applies = format!(
            "## Overview\n\nWhat always applies stands in {}: {}.\n",
            layout::STEERING,
            listed(&always)
        );
        *design = text.replacen("## Overview\n", &applies, 1).into_bytes();
    }
    let folder = args.dir.join(layout::SPECS).join(args.name.as_str());
    write(&folder, &files)?;
    let digest = intent.map(|it| it.digest());
    match format {
        Format::Json => output::json(&json!({
            "dir": folder, "files": files.keys().collect::<Vec<_>>(), "intent": digest, "steering": always,
        }))?,
        Format::Human => {
            output::line(format!("{} {}", styled(GOOD, "Begun:"), folder.display()));
            for name in files.keys() {
                output::line(format!("  {name}"));
            }
            output::note(format!("countersign spec lint {} says what it still lacks", folder.display()));
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Names of files, as Markdown has them.
fn listed(names: &[&str]) -> String {
    let each = names.iter().map(|name| format!("`{}`", model::sanitize(&name.replace('`', "'"), 120)));
    each.collect::<Vec<_>>().join(", ")
}

fn said() -> Result<String, Failure> {
    let most = u64::try_from(Bounds::INTENT.bytes).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let read = std::io::stdin().take(most).read_to_end(&mut bytes);
    read.map_err(|err| Failure::usage(format!("the intent cannot be read: {err}")))?;
    String::from_utf8(bytes).map_err(|_| Failure::usage("the intent is not UTF-8"))
}

fn write(folder: &Path, files: &Files) -> Result<(), Failure> {
    let wrong = |what: &Path, err: std::io::Error| {
        let failure = Failure::usage(format!("{} cannot be written: {err}", what.display()));
        if err.kind() == ErrorKind::AlreadyExists {
            return failure.hint("nothing is written over: take another name, or go on with what is there");
        }
        failure
    };
    if let Some(above) = folder.parent() {
        fs::create_dir_all(above).map_err(|err| wrong(above, err))?;
    }
    fs::create_dir(folder).map_err(|err| wrong(folder, err))?;
    for (name, bytes) in files {
        let file = folder.join(name);
        let written = OpenOptions::new().write(true).create_new(true).open(&file);
        written.and_then(|mut it| it.write_all(bytes)).map_err(|err| wrong(&file, err))?;
    }
    Ok(())
}
