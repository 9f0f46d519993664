//! What a witness remembers of a log: the newest checkpoint that it cosigned, as the very note that it shows to
//! monitors. The note is the state, on disk too, and the witness's own signature is what it is believed by.

use tlog::{Checkpoint, Hash, NoteError, WitnessKey, open_cosigned_text};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    checkpoint: Checkpoint,
    text: String,
    time: u64,
    note: String,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    #[error("it is not what this witness cosigned: {0}")]
    Note(#[from] NoteError),
    #[error("it is of the log `{found}`, not of `{expected}`")]
    Origin { found: String, expected: String },
}

impl Record {
    /// `log_lines` are signature lines of the log over `text`, `line` is the witness's own, of `time`.
    pub(crate) fn new(checkpoint: Checkpoint, text: &str, time: u64, log_lines: &str, line: &str) -> Self {
        Self { checkpoint, text: text.to_owned(), time, note: format!("{text}\n{log_lines}{line}") }
    }

    /// As it was kept; `key` is the witness's own.
    pub fn open(note: &str, origin: &str, key: &WitnessKey) -> Result<Self, RecordError> {
        let (text, time) = open_cosigned_text(note, key)?;
        let checkpoint = head_of(text)?;
        if checkpoint.origin != origin {
            return Err(RecordError::Origin { found: checkpoint.origin, expected: origin.to_owned() });
        }
        Ok(Self { checkpoint, text: text.to_owned(), time, note: note.to_owned() })
    }

    pub fn origin(&self) -> &str {
        &self.checkpoint.origin
    }

    pub const fn size(&self) -> u64 {
        self.checkpoint.size
    }

    pub const fn root(&self) -> Hash {
        self.checkpoint.root
    }

    /// When it was cosigned, in Unix seconds.
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// The checkpoint with the log's signatures and the witness's: what is kept, and what monitors are shown.
    pub fn note(&self) -> &str {
        &self.note
    }

    /// The witness's own signature line, with its newline: what the log is answered.
    pub fn cosignature(&self) -> &str {
        let last = self.note.trim_end_matches('\n').rfind('\n').map_or(0, |at| at + 1);
        self.note.get(last..).unwrap_or_default()
    }

    pub(crate) const fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

/// Origin, size and root: what a witness answers for. Extension lines may follow; they are signed and not judged.
pub(crate) fn head_of(text: &str) -> Result<Checkpoint, NoteError> {
    let head: String = text.split_inclusive('\n').take(3).collect();
    Ok(Checkpoint::parse(&head)?)
}
