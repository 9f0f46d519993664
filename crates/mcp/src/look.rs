//! Answers from a snapshot. Pure: what is held and a question in, what is told out.

mod costs;
mod derived;
mod findings;
mod inventory;
mod page;
mod plan;

use ::findings::{Parameters, Prices, Report};
use ::snapshot::Snapshot;
use model::Digest;

use crate::{
    Told,
    backend::{Question, Refusal},
};

/// A snapshot, and what was made of it.
#[derive(Clone, Copy, Debug)]
pub struct Held<'h, 'a> {
    pub snapshot: &'h Snapshot<'a>,
    /// Of its text.
    pub digest: Digest,
    pub report: &'h Report,
    pub prices: &'h Prices,
    pub parameters: &'h Parameters,
    /// An earlier one of the same account, where there is one: what was before.
    pub before: Option<&'h Snapshot<'a>>,
}

/// # Errors
/// Where the question cannot be answered, with what to ask instead.
pub fn answer(held: &Held<'_, '_>, question: &Question) -> Result<Told, Refusal> {
    match question {
        Question::Inventory(query) => inventory::answer(held, query),
        Question::Findings(query) => findings::answer(held, query),
        Question::Costs(query) => costs::answer(held, query),
        Question::Plan(query) => plan::answer(held, query),
        Question::Derived(actions) => Ok(derived::answer(held, actions)),
    }
}

/// A date and a time to the second: what our own sentences have.
fn taken(held: &Held<'_, '_>) -> String {
    let age = held.report.now.since(held.snapshot.taken().until).div_euclid(3_600_000);
    match age {
        ..=0 => "taken within the last hour".to_owned(),
        1..=47 => format!("taken {age} hours ago"),
        _ => format!("taken {} days ago", age / 24),
    }
}

/// `1 thing`, `2 things`.
fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}
