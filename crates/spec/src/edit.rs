//! An edit of a document: a few bytes replaced, everything else as it was.

use crate::{bounds::INSERTED, malformed::Malformed, source::Source};

/// Why a document was not edited; it is as it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EditError {
    #[error("there is no {0}")]
    NotThere(String),
    #[error("what is put in has one line of at most 4,000 bytes, and no control characters")]
    Text,
    #[error("the sentence is none: {0}")]
    Ears(#[from] crate::ears::EarsError),
    #[error("it would be read as something else")]
    ReadOtherwise,
    #[error("afterwards it could not be read: {0}")]
    Malformed(#[from] Malformed),
}

/// `insert` in place of the bytes from `start` to `end`.
pub(crate) struct Splice {
    pub(crate) start: usize,
    pub(crate) end: usize,
    pub(crate) insert: String,
}

impl Splice {
    pub(crate) fn applied(&self, source: &Source) -> Vec<u8> {
        let (before, after) = (source.slice(0..self.start), source.slice(self.end..source.text().len()));
        [before, &self.insert, after].concat().into_bytes()
    }

    /// A line of its own after line `nth`, which need not have an ending; then the new one has none either.
    pub(crate) fn line_after(source: &Source, nth: usize, line: &str) -> Self {
        let whole = source.whole_line(nth);
        let ends = source.slice(whole.clone()).ends_with('\n');
        let insert =
            if ends { format!("{line}{}", source.ending()) } else { format!("{}{line}", source.ending()) };
        Self { start: whole.end, end: whole.end, insert }
    }
}

/// Something that fits on a line.
pub(crate) fn one_line(text: &str) -> Result<&str, EditError> {
    let text = text.trim();
    let good = !text.is_empty() && text.len() <= INSERTED && !text.contains(char::is_control);
    good.then_some(text).ok_or(EditError::Text)
}
