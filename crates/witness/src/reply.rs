//! What a log makes of a witness's answer. Nothing in it counts that the witness's own key does not verify, except the
//! size of a conflict, which only says where to begin the next proof.

use tlog::{Checkpoint, NoteError, WitnessKey, open_cosigned};

use crate::{refusal::SIZE, size_of};

/// Room for a few cosignatures of the longest kind there is.
const MAX_ANSWER: usize = 64 * 1024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Cosigned at `time` (Unix seconds); `line` is the signature line, with its newline.
    Cosigned { line: String, time: u64 },
    /// The size from which the witness wants the proof.
    Conflict { size: u64 },
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    #[error("its answer is longer than {MAX_ANSWER} bytes")]
    TooLong,
    #[error("it answers {status}: {why}")]
    Refused { status: u16, why: String },
    /// The proof does not lead from what it knows to this checkpoint.
    #[error("it answers 422, no proof convinces it: {why}")]
    NotProved { why: String },
    #[error("it answers 409 without a size")]
    NoSize,
    #[error("its cosignature does not hold: {0}")]
    Cosignature(NoteError),
    #[error("it cosigned another checkpoint than was sent")]
    Another,
}

impl Reply {
    /// To the checkpoint in `note` (a signed note, as sent), from the witness whose key is `key`.
    pub fn read(
        status: u16,
        content_type: Option<&str>,
        body: &[u8],
        note: &str,
        key: &WitnessKey,
    ) -> Result<Self, ReplyError> {
        if body.len() > MAX_ANSWER {
            return Err(ReplyError::TooLong);
        }
        match status {
            200 => cosigned(body, note, key),
            409 => {
                let typed = content_type == Some(SIZE);
                let text = std::str::from_utf8(body).ok().and_then(|text| text.strip_suffix('\n'));
                let size = text.filter(|_| typed).and_then(size_of).ok_or(ReplyError::NoSize)?;
                Ok(Self::Conflict { size })
            }
            422 => Err(ReplyError::NotProved { why: shown(body) }),
            _ => Err(ReplyError::Refused { status, why: shown(body) }),
        }
    }
}

/// Cosignatures by other keys than the one that is asked for are skipped.
fn cosigned(body: &[u8], note: &str, key: &WitnessKey) -> Result<Reply, ReplyError> {
    let text = note.split_inclusive("\n\n").next().unwrap_or_default();
    let wrong = |_| ReplyError::Cosignature(NoteError::NoSignatures);
    let body = std::str::from_utf8(body).map_err(wrong)?;
    let whole = format!("{text}{body}");
    let (checkpoint, time) = open_cosigned(&whole, key).map_err(ReplyError::Cosignature)?;
    let sent = Checkpoint::parse(text.strip_suffix('\n').unwrap_or_default());
    if sent != Ok(checkpoint) {
        return Err(ReplyError::Another);
    }
    let line = body.lines().find(|line| open_cosigned(&format!("{text}{line}\n"), key).is_ok());
    let line = line.ok_or(ReplyError::Another)?;
    Ok(Reply::Cosigned { line: format!("{line}\n"), time })
}

/// The first line of what a stranger says, for a log line: plain and short.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..400).unwrap_or(body)).into_owned();
    let plain = |character: char| if character.is_ascii_graphic() { character } else { ' ' };
    text.lines().next().unwrap_or_default().chars().take(200).map(plain).collect()
}
