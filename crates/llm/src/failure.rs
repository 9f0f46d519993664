//! Why a turn was not taken. Nothing of one that failed is used: not its text, not the calls that had arrived whole.

use std::time::Duration;

use crate::schema::Misfit;

/// `why` was scrubbed and is short: what servers say in errors may repeat what they were sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FailedTurn {
    #[error("the model could not be reached: {why}")]
    Unreachable { why: String },
    #[error("the model refused the request ({status}): {why}")]
    Refused { status: u16, why: String },
    #[error("the model is overloaded ({status})")]
    Overloaded { status: u16, retry_after: Option<Duration> },
    #[error("the answer broke off: {why}")]
    Broken { why: String },
    #[error("the answer ended early, without saying that it ended")]
    EndedEarly,
    #[error("nothing came for {} s", after.as_secs())]
    Stalled { after: Duration },
    #[error("the answer was cut off for its length")]
    Length,
    #[error("a filter stopped the answer")]
    Filtered,
    #[error("the answer stopped for a reason that is not known")]
    UnclearStop,
    #[error("the answer says that it {0}")]
    Contradiction(&'static str),
    #[error("the answer is empty")]
    Empty,
    #[error("the answer is larger than {most} {what}")]
    TooLarge { most: usize, what: &'static str },
    #[error("the answer calls `{name}`, a tool that was not offered")]
    UnknownTool { name: String },
    #[error("the arguments for `{tool}` are {why}")]
    NotArguments { tool: &'static str, why: &'static str },
    #[error("the arguments for `{tool}` do not fit: {misfit}")]
    Misfit { tool: &'static str, misfit: Misfit },
    #[error("a call cannot be told apart from another: {0}")]
    CallId(&'static str),
}

/// Whether the same request may be sent once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    Yes,
    /// Not before this has passed.
    After(Duration),
    /// It would end the same way.
    No,
}

/// What is known of what a failed turn cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// It was turned away at the door.
    Nothing,
    /// Somebody worked on it; what is not known counts as the most it can be.
    Unknown,
}

impl FailedTurn {
    /// Of its name, what a name can have.
    pub(crate) fn unknown_tool(name: &str) -> Self {
        let name = name.chars().filter(|it| it.is_ascii_alphanumeric() || matches!(it, '_' | '-'));
        Self::UnknownTool { name: name.take(40).collect() }
    }

    pub const fn again(&self) -> Again {
        match self {
            Self::Overloaded { retry_after: Some(wait), .. } => Again::After(*wait),
            Self::Overloaded { retry_after: None, .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::EndedEarly
            | Self::Stalled { .. }
            | Self::Length
            | Self::UnclearStop
            | Self::Contradiction(_)
            | Self::Empty
            | Self::TooLarge { .. }
            | Self::UnknownTool { .. }
            | Self::NotArguments { .. }
            | Self::Misfit { .. }
            | Self::CallId(_) => Again::Yes,
            Self::Refused { .. } | Self::Filtered => Again::No,
        }
    }

    pub const fn cost(&self) -> Cost {
        match self {
            Self::Refused { .. } | Self::Overloaded { status: 425 | 429 | 503 | 529, .. } => Cost::Nothing,
            // Where no answer came, or another one than the model's, the request may have arrived all the same.
            Self::Overloaded { .. }
            | Self::Unreachable { .. }
            | Self::Broken { .. }
            | Self::EndedEarly
            | Self::Stalled { .. }
            | Self::Length
            | Self::Filtered
            | Self::UnclearStop
            | Self::Contradiction(_)
            | Self::Empty
            | Self::TooLarge { .. }
            | Self::UnknownTool { .. }
            | Self::NotArguments { .. }
            | Self::Misfit { .. }
            | Self::CallId(_) => Cost::Unknown,
        }
    }

    /// What to do about it.
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Unreachable { .. } | Self::Stalled { .. } => {
                "is `base_url` of [model] right, and reachable from here?"
            }
            Self::Refused { status: 401 | 403, .. } => {
                "does the key of [model] belong to this server, and is it still good?"
            }
            Self::Refused { status: 404, .. } => "does this server have the model that [model] names?",
            Self::Refused { .. } => "the server says why; a request that it refuses once it refuses again",
            Self::Overloaded { .. } => "wait, or name another model in [model]",
            Self::Length => "give [model] a larger `max_output`",
            Self::Filtered => "ask in other words, or work without the model",
            Self::Broken { .. }
            | Self::EndedEarly
            | Self::UnclearStop
            | Self::Contradiction(_)
            | Self::Empty
            | Self::TooLarge { .. }
            | Self::UnknownTool { .. }
            | Self::NotArguments { .. }
            | Self::Misfit { .. }
            | Self::CallId(_) => {
                "nothing of this answer was used; where it happens often, another model does better"
            }
        }
    }
}
