//! What a sentence asks for, without a language model: a closed catalogue. The same sentence over the same snapshot is understood the same
//! way; what is understood is said in plain words before anything comes of it; and what is not is said as well, never guessed.
//!
//! A sentence becomes a goal for the planner, a question, or a question back. It never becomes a call: `delete the stack and make it anew`
//! is refused with why, and with the repair in place that would be planned instead.

mod answer;
mod names;
mod nearest;
mod orders;
mod questions;
mod scope;
mod sentence;
mod vocabulary;

use findings::By;
use plan::Goal;
use snapshot::Snapshot;

pub use answer::{Facts, answer};
pub use nearest::{examples, nearest};
use orders::Order;
use sentence::{Mood, Sentence};
pub use vocabulary::CAN;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Understanding {
    /// For the planner, in the order in which they were said; each with what was understood.
    Goals(Vec<(Goal, String)>),
    /// To be answered of what was read.
    Question(Question),
    /// Something is missing, or more than one thing could be meant.
    Asks {
        ask: String,
        choices: Vec<String>,
    },
    /// It was understood and is not done; and the goal that would be planned in its place.
    Refused {
        why: String,
        instead: Option<(Goal, String)>,
    },
    NotUnderstood,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Why something does not do what it should: a resource by id.
    Why {
        resource: String,
        name: String,
    },
    /// What was found, by these analyzers; none: by all.
    Findings(Vec<&'static str>),
    Costs(By),
    /// Of one kind, or of all.
    Inventory(Option<&'static str>),
    /// A finding by id, or an analyzer by name.
    Explain(String),
    /// A change by id: a server knows.
    Change(String),
    Help,
}

/// Everything that one sentence asks for.
pub fn understand(text: &str, snapshot: &Snapshot<'_>) -> Understanding {
    if text.len() > sentence::MOST {
        return Understanding::Asks {
            ask: format!(
                "That is longer than {} characters. Say it in one or two sentences.",
                sentence::MOST
            ),
            choices: Vec::new(),
        };
    }
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let whole = Sentence::of(&text);
    if whole.words.is_empty() {
        return Understanding::NotUnderstood;
    }
    // What nobody may have on a sentence is looked for in all of it, wherever it stands.
    if let Some(refused) = orders::refused(&whole, snapshot) {
        return refused;
    }
    let parts = Sentence::parts(&text);
    let several: Vec<Understanding> = parts.iter().map(|part| one(&Sentence::of(part), snapshot)).collect();
    if whole.mood() == Mood::Orders && whole.spares() {
        return sparing();
    }
    let goals = several.iter().map(|it| match it {
        Understanding::Goals(goals) => Some(goals.clone()),
        _ => None,
    });
    match goals.collect::<Option<Vec<_>>>() {
        Some(goals) => Understanding::Goals(goals.into_iter().flatten().collect()),
        // What part of a sentence means without the rest nobody knows.
        None => match one(&whole, snapshot) {
            // A part that was not understood says nothing of what the others are to be done to.
            Understanding::Goals(goals) if several.iter().any(|it| it.is_otherwise(&goals)) => {
                Understanding::Asks {
                    ask: "I understand only part of that. Say one thing at a time, each by name.".into(),
                    choices: Vec::new(),
                }
            }
            Understanding::Goals(mut goals) if parts.len() > 1 => {
                if let Some((_, said)) = goals.last_mut() {
                    said.push_str(", and nothing else of what you say");
                }
                Understanding::Goals(goals)
            }
            other => other,
        },
    }
}

fn one(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Understanding {
    match sentence.mood() {
        Mood::Forbids => Understanding::Refused {
            why: "You say what is not to be done. Nothing is: I do only what I am asked for, and say what that is first.".into(),
            instead: None,
        },
        Mood::Asks => questions::of(sentence, snapshot).unwrap_or(Understanding::NotUnderstood),
        Mood::Orders if sentence.spares() => sparing(),
        Mood::Orders => match orders::of(sentence, snapshot) {
            Order::Is(understood) => understood,
            Order::None => questions::of(sentence, snapshot).unwrap_or(Understanding::NotUnderstood),
        },
    }
}

fn sparing() -> Understanding {
    Understanding::Asks {
        ask: "Part of that says what is not to be done. Say only what is, by name.".into(),
        choices: Vec::new(),
    }
}

impl Understanding {
    /// Goals, and not these.
    fn is_otherwise(&self, others: &[(Goal, String)]) -> bool {
        matches!(self, Self::Goals(goals) if goals.iter().any(|(goal, _)| others.iter().all(|(it, _)| it != goal)))
    }

    /// In plain words, as it is told to the person.
    pub fn said(&self) -> String {
        match self {
            Self::Goals(goals) => {
                let said: Vec<&str> = goals.iter().map(|(_, said)| said.as_str()).collect();
                format!("I understand: {}.", said.join("; then "))
            }
            Self::Question(question) => format!("I understand: you want to know {}.", question.said()),
            Self::Asks { ask, choices } if choices.is_empty() => ask.clone(),
            Self::Asks { ask, choices } => format!("{ask}\n{}", list(choices)),
            Self::Refused { why, instead: None } => why.clone(),
            Self::Refused { why, instead: Some((_, said)) } => {
                format!("{why} What I would plan instead: {said}.")
            }
            Self::NotUnderstood => {
                format!("I do not understand that. Without a language model I can:\n{}", list(&CAN))
            }
        }
    }
}

impl Question {
    fn said(&self) -> String {
        match self {
            Self::Why { name, .. } => format!("what is wrong with {name}"),
            Self::Findings(of) if of.is_empty() => "what was found".into(),
            Self::Findings(of) => format!("what was found by {}", of.join(", ")),
            Self::Costs(By::Service) => "what costs most, by service".into(),
            Self::Costs(By::Tag(key)) => format!("what it costs, by the tag {}", model::sanitize(key, 80)),
            Self::Costs(By::Finding) => "what could be saved".into(),
            Self::Inventory(Some(kind)) => format!("what there is of {kind}"),
            Self::Inventory(None) => "what there is".into(),
            Self::Explain(what) => format!("what {} means", model::sanitize(what, 200)),
            Self::Change(id) => format!("how change {} stands", model::sanitize(id, 80)),
            Self::Help => "what I can do".into(),
        }
    }
}

fn list<T: AsRef<str>>(items: &[T]) -> String {
    items.iter().map(|it| format!("- {}", model::sanitize(it.as_ref(), 400))).collect::<Vec<_>>().join("\n")
}

/// The kind of that name, where snapshots are known to have it.
pub(crate) fn kind_named(name: &str) -> Option<&'static str> {
    vocabulary::KINDS
        .iter()
        .map(|(_, kind)| *kind)
        .chain(findings::ANALYZERS.iter().map(|it| it.kind))
        .find(|kind| kind.eq_ignore_ascii_case(name))
}

pub(crate) fn analyzer_named(name: &str) -> Option<&'static str> {
    findings::ANALYZERS.iter().map(|it| it.name).find(|it| it.eq_ignore_ascii_case(name))
}

/// Whether people call something so: a word for a kind.
pub(crate) fn is_noun(words: &str) -> bool {
    names::kinds().any(|(noun, _)| noun.eq_ignore_ascii_case(words))
}

/// Whether people call things of this kind so.
pub(crate) fn is_called(kind: &str, words: &str) -> bool {
    names::kinds().any(|(noun, of)| *of == kind && noun.eq_ignore_ascii_case(words))
}
