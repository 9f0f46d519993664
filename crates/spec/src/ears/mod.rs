//! EARS, the easy approach to requirements syntax: one grammar for its five patterns and what combines them.
//!
//! ```text
//! [WHERE feature] [WHILE state] [WHEN trigger | IF condition THEN] THE system SHALL response
//! ```
//!
//! Any case is read; a comma may follow each clause, and `THEN` may follow `WHEN`. The system may do without `THE` where a comma, `THEN` or
//! brackets show where it begins. Where a clause says `THE` itself, capitals or a comma tell the system's apart: the last one counts.

mod parse;

use std::{fmt, ops::Range};

pub use parse::parse;

/// One sentence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ears {
    /// `WHERE`
    pub feature: Option<Phrase>,
    /// `WHILE`
    pub state: Option<Phrase>,
    pub lead: Option<Lead>,
    pub system: Phrase,
    pub modal: Modal,
    pub response: Phrase,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lead {
    When(Phrase),
    If(Phrase),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Modal {
    Shall,
    ShallNot,
    /// What a fix must leave as it is.
    ShallContinueTo,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pattern {
    Ubiquitous,
    Event,
    State,
    Unwanted,
    Optional,
    Complex,
}

/// Some words of the sentence, with one space between, and where they stand. Two are equal that say the same.
#[derive(Clone, Debug)]
pub struct Phrase {
    pub text: String,
    pub at: Range<usize>,
}

/// Where a sentence is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct EarsError {
    pub fault: Fault,
    pub at: Range<usize>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("nothing says SHALL")]
    NoShall,
    #[error("it begins with none of WHERE, WHILE, WHEN, IF and THE")]
    NoKeyword,
    #[error("nothing says which system shall")]
    NoSystem,
    #[error("{0} is followed by nothing")]
    Empty(&'static str),
    #[error("{0} stands after {1}")]
    Order(&'static str, &'static str),
    #[error("IF without THEN")]
    NoThen,
    #[error("SHALL is followed by nothing")]
    NoResponse,
}

impl Fault {
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoShall => "say what the system does: WHEN … THE system SHALL …",
            Self::NoKeyword => {
                "begin with WHEN (something happens), WHILE (a state lasts), IF (something goes wrong) or THE system"
            }
            Self::NoSystem => "put THE and the system's name before SHALL",
            Self::Empty(_) => "say what it is, or take the word out",
            Self::Order(..) => "the order is WHERE, WHILE, then WHEN or IF, each at most once",
            Self::NoThen => "write IF … THEN THE system SHALL …",
            Self::NoResponse => "say what the system does",
        }
    }
}

impl Ears {
    pub fn pattern(&self) -> Pattern {
        match (&self.feature, &self.state, &self.lead) {
            (None, None, None) => Pattern::Ubiquitous,
            (None, None, Some(Lead::When(_))) => Pattern::Event,
            (None, None, Some(Lead::If(_))) => Pattern::Unwanted,
            (None, Some(_), None) => Pattern::State,
            (Some(_), None, None) => Pattern::Optional,
            (Some(_), Some(_), _) | (Some(_), None, Some(_)) | (None, Some(_), Some(_)) => Pattern::Complex,
        }
    }

    /// The clauses and the response: everything but who.
    pub fn phrases(&self) -> impl Iterator<Item = &Phrase> {
        let lead = self.lead.as_ref().map(|(Lead::When(it) | Lead::If(it))| it);
        self.feature.iter().chain(&self.state).chain(lead).chain([&self.response])
    }
}

impl Phrase {
    pub fn new(text: &str) -> Self {
        Self { text: crate::source::one_line(text), at: 0..0 }
    }
}

impl PartialEq for Phrase {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Phrase {}

impl fmt::Display for Modal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shall => "SHALL",
            Self::ShallNot => "SHALL NOT",
            Self::ShallContinueTo => "SHALL CONTINUE TO",
        })
    }
}

/// As Kiro writes it.
impl fmt::Display for Ears {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(feature) = &self.feature {
            write!(f, "WHERE {} ", feature.text)?;
        }
        if let Some(state) = &self.state {
            write!(f, "WHILE {} ", state.text)?;
        }
        match &self.lead {
            Some(Lead::When(trigger)) => write!(f, "WHEN {} ", trigger.text)?,
            Some(Lead::If(condition)) => write!(f, "IF {} THEN ", condition.text)?,
            None => {}
        }
        write!(f, "THE {} {} {}", self.system.text, self.modal, self.response.text)
    }
}
