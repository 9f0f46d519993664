//! `intent.md`: what the user said, byte for byte, and the digest of that.
//!
//! ```text
//! ---
//! schema: countersign.intent/v1
//! sha-256: 9f86d0…
//! ---
//! The words, up to the end of the file.
//! ```

use model::Digest;

use crate::{
    bounds::Bounds,
    layout,
    malformed::{Cause, Malformed},
    source::Source,
};

const SCHEMA: &str = "schema: countersign.intent/v1\n";

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Intent {
    words: String,
    digest: Digest,
}

/// Why words are no intent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntentError {
    #[error("an intent says something")]
    Empty,
    #[error("an intent has at most 64 KiB")]
    TooLong,
    #[error("an intent has no control characters but line breaks and tabs")]
    ControlCharacter,
}

impl Intent {
    /// # Errors
    /// [`IntentError`]
    pub fn new(words: &str) -> Result<Self, IntentError> {
        if words.trim().is_empty() {
            return Err(IntentError::Empty);
        }
        if words.len() > Bounds::INTENT.line {
            return Err(IntentError::TooLong);
        }
        if words.contains(|it: char| it.is_control() && !matches!(it, '\n' | '\r' | '\t')) {
            return Err(IntentError::ControlCharacter);
        }
        let intent = Self { words: words.to_owned(), digest: Digest::of(words.as_bytes()) };
        // What has too many lines could not be read again.
        Self::parse(intent.file().as_bytes()).map_err(|_| IntentError::TooLong)
    }

    /// # Errors
    /// [`Malformed`]: another form, or words that are not those of the digest.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(layout::INTENT, bytes, Bounds::INTENT)?;
        let head = |text: &'_ str| -> Option<(Digest, usize)> {
            let rest = text.strip_prefix("---\n")?.strip_prefix(SCHEMA)?.strip_prefix("sha-256: ")?;
            let (digest, rest) = rest.split_once('\n')?;
            let words = rest.strip_prefix("---\n")?;
            Some((digest.parse().ok()?, text.len().saturating_sub(words.len())))
        };
        let Some((digest, at)) = head(source.text()) else {
            return Err(source.malformed(0..0, Cause::IntentHead));
        };
        let words = source.slice(at..source.text().len());
        if Digest::of(words.as_bytes()) != digest {
            return Err(source.malformed(at..at, Cause::IntentChanged));
        }
        Ok(Self { words: words.to_owned(), digest })
    }

    /// As they were said. Whoever shows them to somebody sanitizes them first.
    pub fn words(&self) -> &str {
        &self.words
    }

    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// The file's text.
    pub fn file(&self) -> String {
        format!("---\n{SCHEMA}sha-256: {}\n---\n{}", self.digest, self.words)
    }
}
