//! Why a checkpoint is not cosigned, and how that is answered: statuses, media type and body as C2SP `tlog-witness` has
//! them.

use tlog::{Hash, NoteError, ProofError};

use crate::Malformed;

const TEXT: &str = "text/plain; charset=utf-8";
/// Of the one answer whose body is data: the size that the log has to begin its proof from.
pub(crate) const SIZE: &str = "text/x.tlog.size";

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Malformed(#[from] Malformed),
    #[error("no log of this origin is witnessed here")]
    UnknownLog,
    #[error("{0}")]
    NotSigned(NoteError),
    #[error("the old size, {old}, is more than the checkpoint's, {new}")]
    Shrinks { old: u64, new: u64 },
    #[error("the last checkpoint that was cosigned has {size} entries")]
    Conflict { size: u64 },
    #[error("{0}")]
    NotProved(#[from] ProofError),
    /// Signed by the log, of the size that was cosigned, and with another root.
    #[error("a checkpoint of this size with another root was cosigned: the log is forked")]
    Forked(Box<Fork>),
    #[error("this machine's clock states no time")]
    NoTime,
}

/// Two checkpoints that one log signed and that cannot both be true. Whoever has both has convicted it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fork {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
    /// What was cosigned, as a signed note.
    pub cosigned: String,
    /// What came now, with the log's own signatures.
    pub refused: String,
}

/// What goes back, as HTTP has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    pub content_type: &'static str,
    pub body: String,
}

impl Answer {
    pub(crate) fn text(status: u16, body: String) -> Self {
        Self { status, content_type: TEXT, body }
    }
}

impl Refusal {
    pub const fn status(&self) -> u16 {
        match self {
            Self::Malformed(_) | Self::Shrinks { .. } => 400,
            Self::NotSigned(_) => 403,
            Self::UnknownLog => 404,
            Self::Conflict { .. } => 409,
            Self::NotProved(_) | Self::Forked(_) => 422,
            Self::NoTime => 503,
        }
    }

    pub fn answer(&self) -> Answer {
        match self {
            Self::Conflict { size } => {
                Answer { status: self.status(), content_type: SIZE, body: format!("{size}\n") }
            }
            Self::Malformed(_)
            | Self::UnknownLog
            | Self::NotSigned(_)
            | Self::Shrinks { .. }
            | Self::NotProved(_)
            | Self::Forked(_)
            | Self::NoTime => Answer::text(self.status(), format!("{self}\n")),
        }
    }
}
