//! Why there is no plan: what is missing, and what to do about it.

use model::Timestamp;

use crate::Left;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// With what was looked at and left, and why.
    #[error("there is nothing to do")]
    NothingToDo { left: Vec<Left> },
    #[error("there is no {what} `{name}` in the snapshot")]
    Unknown { what: &'static str, name: String, nearest: Vec<String> },
    #[error("`{name}` is the name of {count} resources")]
    Ambiguous { name: String, count: usize, ids: Vec<String> },
    /// What was not read is not known.
    #[error("it cannot be judged: {why}")]
    NotJudged { why: String, reads: Vec<String> },
    #[error("the snapshot is {days} days old, and at most {most} are taken")]
    Stale { days: i64, most: u32 },
    #[error("the snapshot was taken at {taken}, and it is {now}")]
    Future { taken: Timestamp, now: Timestamp },
    #[error("the earlier snapshot is of {old} and the other of {new}")]
    OtherAccount { old: String, new: String },
    /// As a template, or an earlier snapshot.
    #[error("it needs {what}")]
    Needs { what: String, hint: String },
    #[error("{0}")]
    Invalid(String),
}

impl PlanError {
    /// What to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::NothingToDo { left } if left.is_empty() => {
                "`countersign findings` tells what was looked at, and what could not be judged".into()
            }
            Self::NothingToDo { left } => {
                let told: Vec<_> =
                    left.iter().take(5).map(|one| format!("{}: {}", one.about, one.why)).collect();
                told.join("; ")
            }
            Self::Unknown { nearest, .. } if nearest.is_empty() => {
                "`countersign findings` names what there is by its id".into()
            }
            Self::Unknown { nearest, .. } => format!("nearest: {}", nearest.join(", ")),
            Self::Ambiguous { ids, .. } => format!("say which by its id: {}", ids.join(", ")),
            Self::NotJudged { reads, .. } if reads.is_empty() => "take the snapshot anew".into(),
            Self::NotJudged { reads, .. } => {
                format!("take the snapshot anew with the right to {}", reads.join(", "))
            }
            Self::Stale { .. } => "take the snapshot anew: what was true then may not be true now".into(),
            Self::Future { .. } => {
                "compare the clock of this machine with that of the one that took it".into()
            }
            Self::OtherAccount { .. } => "give two snapshots of one account".into(),
            Self::Needs { hint, .. } => hint.clone(),
            Self::Invalid(_) => "docs/plans.md tells what a goal must say".into(),
        }
    }
}
