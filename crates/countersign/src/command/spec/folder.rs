//! A specification's folder as files: as much of each as its bound allows, and one more byte.

use std::{
    fs::File,
    io::{ErrorKind, Read as _},
    path::Path,
    process::ExitCode,
};

use ::spec::{Files, Malformed, Specification, Unreadable, layout};
use serde_json::json;

use crate::{
    cli::Format,
    failure::{Failure, NOT_FOUND, USAGE},
    output,
};

/// Reads the folder and goes on with it. One that is malformed is told with each place, for programs on standard output.
pub(super) fn read(
    dir: &Path,
    format: Format,
    then: impl FnOnce(&Specification) -> Result<ExitCode, Failure>,
) -> Result<ExitCode, Failure> {
    match Specification::read(&files(dir)?) {
        Ok(spec) => then(&spec),
        Err(Unreadable::NoSpecification) => Err(absent(dir)),
        Err(Unreadable::Malformed(problems)) if format == Format::Json => {
            output::json(&json!({ "problems": problems }))?;
            Ok(ExitCode::from(USAGE))
        }
        Err(Unreadable::Malformed(problems)) => Err(malformed(&problems)),
    }
}

pub(in crate::command) fn files(dir: &Path) -> Result<Files, Failure> {
    let unreadable =
        |file: &Path, why: String| Failure::usage(format!("{} cannot be read: {why}", file.display()));
    if !dir.is_dir() {
        return Err(absent(dir));
    }
    let mut files = Files::new();
    for name in layout::READ {
        let file = dir.join(name);
        match file.metadata() {
            Err(err) if err.kind() == ErrorKind::NotFound => continue,
            Err(err) => return Err(unreadable(&file, err.to_string())),
            Ok(it) if !it.is_file() => return Err(unreadable(&file, "it is no file".to_owned())),
            Ok(_) => {}
        }
        let most = u64::try_from(layout::bounds(name).bytes).unwrap_or(u64::MAX).saturating_add(1);
        let mut bytes = Vec::new();
        let read = File::open(&file).and_then(|opened| opened.take(most).read_to_end(&mut bytes));
        read.map_err(|err| unreadable(&file, err.to_string()))?;
        files.insert(name.to_owned(), bytes);
    }
    Ok(files)
}

fn absent(dir: &Path) -> Failure {
    Failure::new(NOT_FOUND, "CS203", format!("{} is no specification", dir.display()))
        .hint("its folder has requirements.md or bugfix.md; `countersign spec new NAME` begins one")
}

fn malformed(problems: &[Malformed]) -> Failure {
    let each = problems.iter().map(|it| {
        let text = format!("{} [{}]; {}", it, it.code(), it.hint());
        format!("\n  {}", model::sanitize(&text, 600))
    });
    Failure::new(USAGE, "CS010", format!("the specification is malformed:{}", each.collect::<String>()))
}
