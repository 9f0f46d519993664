//! What things are called: `2.3` is a criterion, `1.2` a task, `replica-lag` a check.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::bounds::{NUMBER, TASK_DEPTH};

/// Of requirement 2, the third; of `bugfix.md`, of its second section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CriterionId {
    pub requirement: u32,
    pub number: u32,
}

/// What a task or a property says that it serves: a requirement with all its criteria, or one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    Requirement(u32),
    Criterion(CriterionId),
}

/// `1`, `1.2` or `1.2.3`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(Vec<u32>);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyId(pub(crate) u32);

/// Lower-case words with hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CheckId(String);

/// The folder's name: lower-case words with hyphens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpecName(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    #[error("a name has 1 to 64 characters: lower-case letters and digits, words joined by `-`")]
    Name,
    #[error("a name that begins with `unchanged-` is that of a check which a criterion makes")]
    Reserved,
    #[error("a criterion is `2.3`: two numbers from 1 to 9999")]
    Criterion,
    #[error("a task is `1`, `1.2` or `1.2.3`")]
    Task,
}

impl TaskId {
    /// Of `1.2`: `1`.
    pub fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        (!above.is_empty()).then(|| Self(above.to_vec()))
    }

    /// Whether it lies below another, at any depth.
    pub(crate) fn is_under(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }

    /// The one after it beside it.
    pub(crate) fn next(&self) -> Self {
        let mut numbers = self.0.clone();
        if let Some(last) = numbers.last_mut() {
            *last = last.saturating_add(1);
        }
        Self(numbers)
    }

    pub(crate) fn is_top(&self) -> bool {
        self.0.len() == 1
    }
}

impl CheckId {
    /// Of a criterion that says what shall continue.
    pub(crate) fn unchanged(criterion: CriterionId) -> Self {
        Self(format!("unchanged-{}-{}", criterion.requirement, criterion.number))
    }

    /// One that a task declares.
    pub(crate) fn declared(text: &str) -> Result<Self, IdError> {
        let id: Self = text.parse()?;
        if id.0.starts_with("unchanged-") { Err(IdError::Reserved) } else { Ok(id) }
    }
}

impl SpecName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A number in an id.
pub(crate) fn number(text: &str) -> Option<u32> {
    let plain = !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten().filter(|it| (1..=NUMBER).contains(it))
}

fn kebab(text: &str) -> Result<String, IdError> {
    let word = |it: &str| {
        !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let good = (1..=64).contains(&text.len()) && text.split('-').all(word);
    good.then(|| text.to_owned()).ok_or(IdError::Name)
}

impl FromStr for CriterionId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (requirement, of) = text.split_once('.').ok_or(IdError::Criterion)?;
        let (requirement, number) = number(requirement).zip(number(of)).ok_or(IdError::Criterion)?;
        Ok(Self { requirement, number })
    }
}

impl FromStr for TaskId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        // Some begin at 0.
        let part = |it: &str| if it == "0" { Some(0) } else { number(it) };
        let parts: Option<Vec<_>> = text.split('.').take(TASK_DEPTH.saturating_add(1)).map(part).collect();
        parts.filter(|it| it.len() <= TASK_DEPTH).map(Self).ok_or(IdError::Task)
    }
}

impl FromStr for CheckId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        kebab(text).map(Self)
    }
}

impl FromStr for SpecName {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        kebab(text).map(Self)
    }
}

impl fmt::Display for CriterionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.requirement, self.number)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Requirement(number) => write!(f, "{number}"),
            Self::Criterion(id) => write!(f, "{id}"),
        }
    }
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, number) in self.0.iter().enumerate() {
            write!(f, "{}{number}", if nth == 0 { "" } else { "." })?;
        }
        Ok(())
    }
}

impl fmt::Display for PropertyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl fmt::Display for CheckId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for SpecName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! written_as_text {
    ($($id:ty),*) => {$(
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
    )*};
}
written_as_text!(CriterionId, Reference, TaskId, PropertyId, CheckId, SpecName);

impl<'de> Deserialize<'de> for TaskId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for CheckId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
