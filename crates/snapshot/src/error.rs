//! Why a snapshot is not taken: what is wrong, where, and what to do.

use model::{Timestamp, sanitize};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    #[error("the snapshot has {bytes} bytes, and at most {most} are read")]
    TooLarge { bytes: usize, most: usize },
    #[error("{path}: there are {count}, and at most {most} are read")]
    TooMany { path: &'static str, count: usize, most: usize },
    #[error("line {line}, column {column}: {cause}")]
    Syntax { line: usize, column: usize, cause: String },
    #[error("schema: `{0}` is not known")]
    Schema(String),
    #[error("{path}: {time} is in the future (it is {now})")]
    Future { path: String, time: Timestamp, now: Timestamp },
    #[error("{path}: `{id}` stands there twice")]
    Twice { path: String, id: String },
    #[error("{path}: there is no read `{id}`")]
    NoSuchRead { path: String, id: String },
    #[error("{path}: {cause}")]
    Invalid { path: String, cause: String },
}

impl SnapshotError {
    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooMany { .. } => "take one snapshot for each region or account",
            Self::Syntax { .. } => {
                "a snapshot is one JSON document, as it was written; it is not meant to be edited"
            }
            Self::Schema(_) => {
                "this version reads countersign.snapshot/v1: take the snapshot anew, or use the version that took it"
            }
            Self::Future { .. } => {
                "compare the clock of this machine with that of the one that took it; nothing can be said of what has not happened"
            }
            Self::Twice { .. } | Self::NoSuchRead { .. } | Self::Invalid { .. } => {
                "whatever a snapshot claims must lead to the read that showed it: take it anew"
            }
        }
    }

    pub(crate) fn invalid(path: impl Into<String>, cause: impl Into<String>) -> Self {
        Self::Invalid { path: path.into(), cause: cause.into() }
    }

    pub(crate) fn twice(path: impl Into<String>, id: &str) -> Self {
        Self::Twice { path: path.into(), id: sanitize(id, 200) }
    }

    pub(crate) fn syntax(err: &serde_json::Error) -> Self {
        Self::Syntax { line: err.line(), column: err.column(), cause: cause_of(err) }
    }
}

/// The parser's own words without the place, which is told apart; it quotes what stands in the document.
fn cause_of(err: &serde_json::Error) -> String {
    let text = err.to_string();
    let words = text.rsplit_once(" at line ").map_or(text.as_str(), |(words, _)| words);
    sanitize(words, 300)
}
