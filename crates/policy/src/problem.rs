//! What is wrong with a bundle, for the person who wrote it: file, line, what was expected, "did you mean". All of it
//! at once rather than the first. Not for runtime: once loaded, a bundle has no problems, only verdicts.

use std::{cell::RefCell, fmt, ops::Range};

/// One thing to mend.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Problem {
    /// Relative to the bundle.
    pub file: String,
    pub line: Option<u32>,
    pub message: String,
    pub hint: Option<String>,
    /// Where exactly, as far as that is known; it begins in `line`.
    pub span: Option<Span>,
    pub sort: Sort,
}

/// Lines and columns from 1. A column counts characters; the end is the place after the last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub line: u32,
    pub column: u32,
    pub end_line: u32,
    pub end_column: u32,
}

/// What a problem is of, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sort {
    /// A file is no TOML.
    NotToml,
    /// A file is no Cedar.
    NotCedar,
    /// A rule speaks of something that the schema does not have, or of it as what it is not.
    Invalid,
    /// A rule could err when it is evaluated.
    CanErr,
    /// A rule is none that may stand where it stands.
    Rule,
    /// A setting that nothing reads.
    Unknown,
    /// A setting that should be there.
    Missing,
    /// A setting that cannot have this value.
    Value,
    /// An example comes out otherwise.
    Example,
    /// The bundle as a whole.
    Bundle,
}

impl Sort {
    /// Stable: editors and scripts go by it.
    pub const fn code(self) -> &'static str {
        match self {
            Self::NotToml => "not-toml",
            Self::NotCedar => "not-cedar",
            Self::Invalid => "invalid",
            Self::CanErr => "can-err",
            Self::Rule => "rule",
            Self::Unknown => "unknown-setting",
            Self::Missing => "missing-setting",
            Self::Value => "value",
            Self::Example => "example",
            Self::Bundle => "bundle",
        }
    }
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
        self.push(file, line, None, Sort::Bundle, message.into(), hint);
    }

    /// `at`: bytes of `text`, which is the file's.
    pub(crate) fn at(
        &self,
        (file, text): (&str, &str),
        at: Range<usize>,
        sort: Sort,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        let span = span_of(text, at);
        self.push(file, Some(span.line), Some(span), sort, message.into(), hint);
    }

    /// Of a file or a line of it, as a whole.
    pub(crate) fn of(
        &self,
        file: &str,
        line: Option<u32>,
        sort: Sort,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        self.push(file, line, None, sort, message.into(), hint);
    }

    fn push(
        &self,
        file: &str,
        line: Option<u32>,
        span: Option<Span>,
        sort: Sort,
        message: String,
        hint: Option<String>,
    ) {
        let mut problems = self.0.borrow_mut();
        if problems.len() < MAX_PROBLEMS {
            problems.push(Problem {
                file: model::sanitize(file, 200),
                line,
                message: model::sanitize(&message, 600),
                hint: hint.map(|hint| model::sanitize(&hint, 400)),
                span,
                sort,
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
        problems.dedup_by(|one, other| {
            (&one.file, one.line, &one.message, &one.hint)
                == (&other.file, other.line, &other.message, &other.hint)
        });
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
    let mut all: Vec<&str> = Vec::new();
    for name in known {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    (1..=16).contains(&all.len()).then(|| format!("expected one of: {}", all.join(", ")))
}

/// The line, from 1, in which the byte `offset` of `text` stands.
pub(crate) fn line_of(text: &str, offset: usize) -> u32 {
    let newlines = text.bytes().take(offset).filter(|byte| *byte == b'\n').count();
    u32::try_from(newlines).unwrap_or(u32::MAX).saturating_add(1)
}

fn span_of(text: &str, at: Range<usize>) -> Span {
    let place = |offset: usize| {
        let before = text.get(..text.floor_char_boundary(offset)).unwrap_or(text);
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count();
        (line_of(text, offset), u32::try_from(column).unwrap_or(u32::MAX).saturating_add(1))
    };
    let ((line, column), (end_line, end_column)) = (place(at.start), place(at.end.max(at.start)));
    Span { line, column, end_line, end_column }
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
        assert_eq!(did_you_mean("zebra", ["a", "b", "a"]).as_deref(), Some("expected one of: a, b"));
        assert_eq!(did_you_mean(&"x".repeat(101), known), None);
        assert_eq!(line_of("a\nb\nc", 4), 3);
    }

    #[test]
    fn a_span_counts_characters() {
        let told = |at: Range<usize>| {
            let Span { line, column, end_line, end_column } = span_of("aé\nbc\n", at);
            format!("{line}:{column}-{end_line}:{end_column}")
        };
        assert_eq!(told(0..1), "1:1-1:2");
        assert_eq!(told(1..3), "1:2-1:3");
        // Within a character it begins with it; past the end it ends there.
        assert_eq!(told(2..5), "1:2-2:2");
        assert_eq!(told(6..99), "2:3-3:1");
    }
}
