//! Text for people's eyes, whoever wrote it.

use std::fmt;

/// Cleaned of everything that moves, hides or recolours what stands around it, and bounded. Templates escape it besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// At most as many characters as a person reads of one thing.
    const MOST: usize = 2000;

    pub(crate) fn of(text: impl fmt::Display) -> Self {
        Self(model::sanitize(&text.to_string(), Self::MOST))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Each line by itself.
pub(crate) fn lines(text: &str) -> Vec<Shown> {
    text.lines().map(Shown::of).collect()
}

pub(crate) fn all<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> Vec<Shown> {
    texts.into_iter().map(Shown::of).collect()
}
