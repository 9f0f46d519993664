//! Why a file is refused: where, what, and what to do.

use serde::{Serialize, Serializer, ser::SerializeStruct as _};

/// A document that cannot be read as one. Nothing of it is used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {cause}")]
pub struct Malformed {
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub cause: Cause,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    #[error("the file has {bytes} bytes, more than {most}")]
    TooLarge { bytes: usize, most: usize },
    #[error("the file has more than {most} lines")]
    TooManyLines { most: usize },
    #[error("the line has more than {most} bytes")]
    LineTooLong { most: usize },
    #[error("more than {most} {what}")]
    TooMany { what: &'static str, most: usize },
    #[error("what follows is not UTF-8")]
    NotUtf8,
    #[error("a control character, which no document has")]
    ControlCharacter,
    #[error("a code fence that is never closed")]
    FenceOpen,
    #[error("a comment that is never closed")]
    CommentOpen,
    #[error("`{0}` is no number from 1 to 9999")]
    Number(String),
    #[error("acceptance criteria that belong to no requirement")]
    CriteriaOutside,
    #[error("an acceptance criterion without a number")]
    CriterionUnnumbered,
    #[error("criterion {found} stands under {section}")]
    CriterionElsewhere { found: String, section: u32 },
    #[error("a task in the form of a heading")]
    TaskAsHeading,
    #[error("a task's number stands before its checkbox")]
    NumberBeforeBox,
    #[error("a task without a number")]
    TaskUnnumbered,
    #[error("task {0} has no checkbox")]
    TaskWithoutBox(String),
    #[error("`[{0}]` is no state of a task")]
    TaskState(String),
    #[error("task {0} lies deeper than three numbers")]
    TaskTooDeep(String),
    #[error("subtask {0} has no task {1} above it")]
    Orphan(String, String),
    #[error("task {0} is there twice")]
    TaskTwice(String),
    #[error("a check cannot be read: {0}")]
    Check(String),
    #[error("front matter that is never closed")]
    FrontMatterOpen,
    #[error("front matter cannot be read: {0}")]
    FrontMatter(String),
    #[error("`{key}` {wanted}")]
    Setting { key: String, wanted: &'static str },
    #[error("the file does not begin as an intent does")]
    IntentHead,
    #[error("the words are not those that the digest above is of")]
    IntentChanged,
    #[error("the record cannot be read: {0}")]
    Record(String),
    #[error("a record in another spelling than the one that is written")]
    RecordSpelling,
    #[error("record {found} where {wanted} follows")]
    RecordSequence { found: u64, wanted: u64 },
    #[error("attempt {found} of task {task} after attempt {newest}")]
    RecordAttempt { task: String, found: u32, newest: u32 },
    #[error("the last line was not written whole")]
    RecordTorn,
    #[error("a folder has either requirements.md or bugfix.md: the ids of the two are the same")]
    TwoGoals,
}

impl Malformed {
    pub fn code(&self) -> &'static str {
        self.cause.code()
    }

    pub fn hint(&self) -> &'static str {
        self.cause.hint()
    }
}

impl Cause {
    /// Codes are for good; what is no longer refused keeps its number unused.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. }
            | Self::TooManyLines { .. }
            | Self::LineTooLong { .. }
            | Self::TooMany { .. } => "SP001",
            Self::NotUtf8 | Self::ControlCharacter => "SP002",
            Self::FenceOpen | Self::CommentOpen => "SP003",
            Self::Number(_) => "SP004",
            Self::CriteriaOutside | Self::CriterionUnnumbered | Self::CriterionElsewhere { .. } => "SP010",
            Self::TaskAsHeading | Self::NumberBeforeBox => "SP020",
            Self::TaskUnnumbered | Self::TaskWithoutBox(_) | Self::TaskState(_) => "SP021",
            Self::TaskTooDeep(_) | Self::Orphan(..) | Self::TaskTwice(_) => "SP022",
            Self::Check(_) => "SP023",
            Self::FrontMatterOpen | Self::FrontMatter(_) | Self::Setting { .. } => "SP030",
            Self::IntentHead | Self::IntentChanged => "SP040",
            Self::Record(_)
            | Self::RecordSpelling
            | Self::RecordSequence { .. }
            | Self::RecordAttempt { .. }
            | Self::RecordTorn => "SP050",
            Self::TwoGoals => "SP060",
        }
    }

    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } | Self::TooManyLines { .. } | Self::TooMany { .. } => {
                "split the specification into two"
            }
            Self::LineTooLong { .. } => "break the line",
            Self::NotUtf8 => "save the file as UTF-8",
            Self::ControlCharacter => "take it out",
            Self::FenceOpen => {
                "close it with a line of the same marks: everything after it would not be read"
            }
            Self::CommentOpen => "close it with `-->`: everything after it would not be read",
            Self::Number(_) => "number from 1 on",
            Self::CriteriaOutside => "put `### Requirement N` above",
            Self::CriterionUnnumbered => "write `1. WHEN … THE … SHALL …`: a number is what tasks refer to",
            Self::CriterionElsewhere { .. } => {
                "the number before the dot is that of the requirement or section"
            }
            Self::TaskAsHeading => "write `- [ ] 1. Title`, and its subtasks as `  - [ ] 1.1 Title` below it",
            Self::NumberBeforeBox => "write `- [ ] 1. Title`: the checkbox comes first",
            Self::TaskUnnumbered => "write `- [ ] 1. Title`, or `- [ ] 1.1 Title` below a task",
            Self::TaskWithoutBox(_) => "write `- [ ] 1. Title`",
            Self::TaskState(_) => "`[ ]` is to do, `[-]` in progress, `[x]` done",
            Self::TaskTooDeep(_) => "make it a task of its own",
            Self::Orphan(..) => "write its task above it, or give it another number",
            Self::TaskTwice(_) => "give one of them another number: a tick has to mean one task",
            Self::Check(_) => "write `- _Check some-name: what it verifies (1.1, 2.3)_`",
            Self::FrontMatterOpen => "close it with a line `---`",
            Self::FrontMatter(_) => "a few lines `key: value` between two lines `---`",
            Self::Setting { .. } => "inclusion is always, fileMatch, manual or auto",
            Self::IntentHead => "`countersign spec new NAME --intent TEXT` writes it",
            Self::IntentChanged => {
                "put the words back as they were said (line endings, too); another intent is another specification"
            }
            Self::Record(_)
            | Self::RecordSpelling
            | Self::RecordSequence { .. }
            | Self::RecordAttempt { .. } => {
                "records are only ever added, by what carries out checks: put the file back as it was"
            }
            Self::RecordTorn => "take the last line out: what it was to say was not recorded",
            Self::TwoGoals => "put one of the two into a folder of its own",
        }
    }
}

impl Serialize for Malformed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut it = serializer.serialize_struct("Malformed", 6)?;
        it.serialize_field("code", self.code())?;
        it.serialize_field("file", &self.file)?;
        it.serialize_field("line", &self.line)?;
        it.serialize_field("column", &self.column)?;
        it.serialize_field("message", &model::sanitize(&self.cause.to_string(), 300))?;
        it.serialize_field("hint", self.hint())?;
        it.end()
    }
}
