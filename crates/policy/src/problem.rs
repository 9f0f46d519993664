//! What is wrong with a bundle, for the person who wrote it: file, line, what was expected, "did you mean". All of it
//! at once rather than the first. Not for runtime: once loaded, a bundle has no problems, only verdicts.

use std::{cell::RefCell, fmt};

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Relative to the bundle.
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

/// Why a bundle was not loaded: at least one problem, in the order of files and lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    pub problems: Vec<Problem>,
}

impl std::error::Error for LoadError {}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, problem) in self.problems.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

/// Where problems are gathered while a bundle is read.
#[derive(Debug, Default)]
pub(crate) struct Problems(RefCell<Vec<Problem>>);

/// More than this many are of no use to anyone.
const MAX_PROBLEMS: usize = 100;

impl Problems {
    pub(crate) fn add(
        &self,
        file: &str,
        line: Option<u32>,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            problems.push(Problem {
                file: model::sanitize(file, 200),
                line,
                message: model::sanitize(&message.into(), 600),
                hint: hint.map(|hint| model::sanitize(&hint, 400)),
            });
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.borrow().is_empty()
    }

    pub(crate) fn into_result(self) -> Result<(), LoadError> {
        let mut problems = self.0.into_inner();
        if problems.is_empty() {
            return Ok(());
        }
        problems.sort();
        problems.dedup();
        Err(LoadError { problems })
    }
}

/// "did you mean `x`?", or the list of what there is where that is short, or nothing.
pub(crate) fn did_you_mean<'a>(
    text: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    // Edit distance is quadratic, and nothing that long is a slip of a finger.
    if text.len() > 100 {
        return None;
    }
    let nearest = known
        .clone()
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&text.to_lowercase(), &name.to_lowercase()), name))
        .min()
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(1));
    if let Some((_, name)) = nearest {
        return Some(format!("did you mean `{name}`?"));
    }
    let all: Vec<_> = known.into_iter().collect();
    (1..=16).contains(&all.len()).then(|| format!("expected one of: {}", all.join(", ")))
}

/// The line, from 1, in which the byte `offset` of `text` stands.
pub(crate) fn line_of(text: &str, offset: usize) -> u32 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_a_finger_are_recognised() {
        let known = ["environments", "accounts", "production"];
        assert_eq!(did_you_mean("acounts", known).as_deref(), Some("did you mean `accounts`?"));
        assert_eq!(did_you_mean("Production", known).as_deref(), Some("did you mean `production`?"));
        assert_eq!(
            did_you_mean("zebra", known).as_deref(),
            Some("expected one of: environments, accounts, production")
        );
        assert_eq!(did_you_mean(&"x".repeat(101), known), None);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }
}
