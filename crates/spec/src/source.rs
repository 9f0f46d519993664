//! A document's text within its bounds, and places in it.

use std::{fmt, ops::Range};

use serde::Serialize;

use crate::{
    bounds::Bounds,
    malformed::{Cause, Malformed},
};

/// Text that was read, with where its lines begin.
#[derive(Clone, PartialEq, Eq)]
pub struct Source {
    file: String,
    text: String,
    starts: Vec<usize>,
}

/// Bytes of a document, and where they begin: lines from 1, columns in characters from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    pub line: usize,
    pub column: usize,
    #[serde(skip)]
    pub start: usize,
    #[serde(skip)]
    pub end: usize,
}

impl Source {
    /// # Errors
    /// [`Malformed`] where it is too large, not UTF-8, or has control characters that no document has.
    pub fn new(file: &str, bytes: &[u8], bounds: Bounds) -> Result<Self, Malformed> {
        let whole = |cause| Malformed { file: file.to_owned(), line: 1, column: 1, cause };
        if bytes.len() > bounds.bytes {
            return Err(whole(Cause::TooLarge { bytes: bytes.len(), most: bounds.bytes }));
        }
        let (good, bad) = match std::str::from_utf8(bytes) {
            Ok(text) => (text, false),
            Err(err) => (
                std::str::from_utf8(bytes.get(..err.valid_up_to()).unwrap_or_default()).unwrap_or_default(),
                true,
            ),
        };
        let mut starts = vec![0];
        starts.extend(good.match_indices('\n').map(|(at, _)| at.saturating_add(1)));
        let source = Self { file: file.to_owned(), text: good.to_owned(), starts };
        if bad {
            return Err(source.malformed(good.len()..good.len(), Cause::NotUtf8));
        }
        if let Some(at) = good.find(|it: char| it.is_control() && !matches!(it, '\n' | '\r' | '\t')) {
            return Err(source.malformed(at..at, Cause::ControlCharacter));
        }
        if source.starts.len() > bounds.lines {
            return Err(whole(Cause::TooManyLines { most: bounds.lines }));
        }
        let long = (0..source.line_count()).map(|nth| source.line(nth)).find(|it| it.len() > bounds.line);
        match long {
            Some(line) => {
                Err(source.malformed(line.start..line.start, Cause::LineTooLong { most: bounds.line }))
            }
            None => Ok(source),
        }
    }

    pub fn file(&self) -> &str {
        &self.file
    }

    /// Every byte as it was read.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    pub(crate) fn line_count(&self) -> usize {
        self.starts.len()
    }

    /// Without its ending, and without the mark that some editors begin a file with.
    pub(crate) fn line(&self, nth: usize) -> Range<usize> {
        let whole = self.whole_line(nth);
        let text = self.slice(whole.clone());
        let bare = text.strip_suffix('\n').map_or(text, |it| it.strip_suffix('\r').unwrap_or(it));
        let end = whole.start.saturating_add(bare.len());
        let mark = if nth == 0 && bare.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        whole.start.saturating_add(mark)..end
    }

    /// With its ending.
    pub(crate) fn whole_line(&self, nth: usize) -> Range<usize> {
        let start = self.starts.get(nth).copied().unwrap_or(self.text.len());
        start..self.starts.get(nth.saturating_add(1)).copied().unwrap_or(self.text.len())
    }

    /// Which lines end with, by the first.
    pub(crate) fn ending(&self) -> &'static str {
        let first = self.slice(self.whole_line(0));
        if first.ends_with("\r\n") { "\r\n" } else { "\n" }
    }

    pub(crate) fn span(&self, range: Range<usize>) -> Span {
        let nth = self.starts.partition_point(|start| *start <= range.start).saturating_sub(1);
        let start = self.line(nth).start.min(range.start);
        let column = self.slice(start..range.start).chars().count().saturating_add(1);
        Span { line: nth.saturating_add(1), column, start: range.start, end: range.end }
    }

    pub(crate) fn malformed(&self, range: Range<usize>, cause: Cause) -> Malformed {
        let Span { line, column, .. } = self.span(range);
        Malformed { file: self.file.clone(), line, column, cause }
    }

    /// What a reader has left out at both ends of a range.
    pub(crate) fn trimmed(&self, range: Range<usize>, out: &[char]) -> Range<usize> {
        let text = self.slice(range.clone());
        let is_out = |it: char| it.is_whitespace() || out.contains(&it);
        let left = text.trim_start_matches(is_out);
        let start = range.start.saturating_add(text.len().saturating_sub(left.len()));
        start..start.saturating_add(left.trim_end_matches(is_out).len())
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.file, self.text.len())
    }
}

/// Words with one space between.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words between gaps, and where they begin.
pub(crate) fn words(text: &str, gap: impl Fn(char) -> bool) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0_usize;
    text.split_inclusive(&gap).collect::<Vec<_>>().into_iter().filter_map(move |piece| {
        let start = at;
        at = at.saturating_add(piece.len());
        let word = piece.trim_end_matches(&gap);
        (!word.is_empty()).then_some((start, word))
    })
}
