//! Steering files of a repository (`.kiro/steering/*.md`): what their writers want put before whoever works there. They are read as they lie
//! there and never written; one that is malformed is told with its place, and applies to nothing.

use std::{
    fs::{self, File},
    io::{ErrorKind, Read as _},
    path::Path,
};

use ::spec::{Bounds, Inclusion, Malformed, Steering};

use crate::failure::Failure;

const MOST_FILES: usize = 100;

/// What lies there.
#[derive(Default)]
pub(super) struct Steered {
    /// By their names, in order.
    pub(super) files: Vec<(String, Steering)>,
    pub(super) problems: Vec<Malformed>,
}

/// Everything in a folder, which need not be there.
pub(super) fn read(folder: &Path) -> Result<Steered, Failure> {
    let unreadable = |what: &Path, err: std::io::Error| {
        Failure::usage(format!("{} cannot be read: {err}", what.display()))
    };
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(err) if err.kind() == ErrorKind::NotFound => return Ok(Steered::default()),
        Err(err) => return Err(unreadable(folder, err)),
    };
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    if names.len() > MOST_FILES {
        return Err(Failure::usage(format!(
            "{} has {} files, and at most {MOST_FILES} are read",
            folder.display(),
            names.len()
        )));
    }
    let mut steered = Steered::default();
    let most = u64::try_from(Bounds::DOCUMENT.bytes).unwrap_or(u64::MAX).saturating_add(1);
    for name in names {
        let file = folder.join(&name);
        let mut bytes = Vec::new();
        let opened = File::open(&file).and_then(|opened| opened.take(most).read_to_end(&mut bytes));
        opened.map_err(|err| unreadable(&file, err))?;
        match Steering::parse(&format!("steering/{name}"), &bytes) {
            Ok(one) => steered.files.push((name, one)),
            Err(problem) => steered.problems.push(problem),
        }
    }
    Ok(steered)
}

impl Steered {
    /// Those that apply to whatever is done there.
    pub(super) fn always(&self) -> impl Iterator<Item = &(String, Steering)> {
        self.files.iter().filter(|(_, one)| *one.inclusion() == Inclusion::Always)
    }

    /// What is put before a language model: the prose of what always applies, as much as `most` bytes hold of whole files.
    #[cfg(feature = "llm")]
    pub(super) fn prose(&self, most: usize) -> String {
        let mut text = String::new();
        for (name, one) in self.always() {
            let next = format!("{name}:\n{}\n\n", one.prose().trim());
            if text.len().saturating_add(next.len()) <= most {
                text.push_str(&next);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_always_applies_is_told_apart_and_what_is_malformed_has_its_line() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read(&folder.path().join("none")).unwrap().files.is_empty());
        for (name, text) in [
            ("product.md", "# Product\n\nA shop.\n"),
            ("tests.md", "---\ninclusion: fileMatch\nfileMatchPattern: '*.rs'\n---\nTest.\n"),
            ("wrong.md", "---\ninclusion: sometimes\n---\n"),
            ("notes.txt", "---\n"),
        ] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let steered = read(folder.path()).unwrap();
        let names = |all: Vec<&(String, Steering)>| all.iter().map(|it| it.0.clone()).collect::<Vec<_>>();
        assert_eq!(names(steered.files.iter().collect()), ["product.md", "tests.md"]);
        assert_eq!(names(steered.always().collect()), ["product.md"]);
        let told: Vec<String> = steered.problems.iter().map(ToString::to_string).collect();
        assert!(told.len() == 1 && told[0].starts_with("steering/wrong.md:2:"), "{told:?}");
    }
}
