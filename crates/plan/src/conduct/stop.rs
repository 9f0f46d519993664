//! Why a plan stopped, and what became of what had run.

use std::fmt;

use model::ChangeState;

use super::Moment;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// At which step, by its id; none where the change as a whole was closed.
    pub step: Option<String>,
    pub why: Why,
    /// Of every step that had run, the last first.
    pub taken: Vec<(String, Taken)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    Check {
        moment: Moment,
        check: String,
        why: String,
    },
    /// The engine did not let it through.
    Refused(String),
    /// The cloud did not do it.
    Failed(String),
    /// Whether it happened is not known.
    NotKnown(String),
    /// Somebody closed the change.
    Closed(ChangeState),
    /// A step was undone by somebody.
    Undone,
}

/// What became of a step that had run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    Back,
    NotNeeded(String),
    /// It stands, and nothing takes it back.
    Never(String),
    /// It stands, and could be taken back; why it was not.
    Not(String),
}

impl Stop {
    pub(super) fn of(why: Why) -> Self {
        Self { step: None, why, taken: Vec::new() }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check { moment, check, why } => {
                let when = match moment {
                    Moment::Before => "before",
                    Moment::After => "after",
                };
                write!(f, "`{check}`, checked {when} it, did not pass: {why}")
            }
            Self::Refused(why) => write!(f, "it was not let through: {why}"),
            Self::Failed(why) => write!(f, "it did not succeed: {why}"),
            Self::NotKnown(why) => write!(f, "whether it happened is not known: {why}"),
            Self::Closed(state) => write!(f, "the change is {state}"),
            Self::Undone => f.write_str("it was undone"),
        }
    }
}

impl fmt::Display for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Back => f.write_str("undone"),
            Self::NotNeeded(why) => write!(f, "needs no undoing: {why}"),
            Self::Never(why) | Self::Not(why) => write!(f, "stands: {why}"),
        }
    }
}
