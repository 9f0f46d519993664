//! One numbered sentence of a requirement or of a bugfix.

use std::ops::Range;

use crate::{
    ears::{self, Ears, EarsError, Modal},
    id::{CriterionId, number},
    source::{Source, Span, one_line},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Criterion {
    pub id: CriterionId,
    /// With one space between words.
    pub text: String,
    pub span: Span,
    /// One that is no sentence is still a criterion; the linter tells of it.
    pub ears: Result<Ears, EarsError>,
    place: Place,
}

/// What stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// What is to be, now or once it is done.
    Any,
    /// What is not so yet, whatever its words: to continue is what a fix makes it do.
    Expected,
}

impl Criterion {
    pub(crate) fn read(source: &Source, id: CriterionId, place: Place, range: Range<usize>) -> Self {
        let sentence = source.slice(range.clone());
        Self {
            id,
            text: one_line(sentence),
            ears: ears::parse(sentence, range.start),
            span: source.span(range),
            place,
        }
    }

    /// Whether it says what shall stay as it is.
    pub fn is_guard(&self) -> bool {
        self.place == Place::Any && self.ears.as_ref().is_ok_and(|it| it.modal == Modal::ShallContinueTo)
    }
}

/// `2.3 WHEN …`, `2.3. WHEN …`: the two numbers, and how long they are with the space.
pub(crate) fn dotted(text: &str) -> Option<(&str, &str, usize)> {
    let numbers = text.split_whitespace().next()?;
    let (first, second) = numbers.strip_suffix(['.', ':']).unwrap_or(numbers).split_once('.')?;
    let digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    let rest = text.get(numbers.len()..)?;
    let gap = rest.len().saturating_sub(rest.trim_start().len());
    (digits(first) && digits(second)).then_some((first, second, numbers.len().saturating_add(gap)))
}

/// Whether a line below other text is a sentence of its own: it has a number of this section, and is no figure that the sentence above
/// goes on with (`1.5 hours`).
pub(crate) fn begins(line: &str, section: u32) -> bool {
    let Some((first, _, length)) = dotted(line) else { return false };
    let rest = line.get(length..).unwrap_or_default();
    let word = rest.split_whitespace().next().unwrap_or_default().trim_end_matches(',');
    let keywords = ["where", "while", "when", "if", "the"];
    let opens = word.starts_with(|it: char| it.is_uppercase() || matches!(it, '[' | '*'));
    number(first) == Some(section) && (opens || keywords.contains(&word))
}
