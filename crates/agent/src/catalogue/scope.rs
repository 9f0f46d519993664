//! What an order is for that names no one thing: what some analyzers find, or everything. Everything is meant only where nothing else is
//! said: a kind that no analyzer judges, or a word that is not known, is asked about.

use findings::ANALYZERS;
use model::sanitize;
use plan::Kind;

use super::{
    Understanding, names,
    sentence::{Sentence, Word},
    vocabulary::{CLEAN, FAILING, GENERAL, GENTLE, REPAIR, RIGHTSIZE, SAVE, SERIOUS, SUBJECTS, WASTE},
};

pub(super) enum Scope {
    /// Never empty.
    Analyzers(Vec<&'static str>),
    Everything,
}

/// What is asked back.
pub(super) struct Unclear {
    ask: String,
    choices: Vec<String>,
}

impl From<Unclear> for Understanding {
    fn from(Unclear { ask, choices }: Unclear) -> Self {
        Self::Asks { ask, choices }
    }
}

pub(super) fn of(sentence: &Sentence, goal: Kind) -> Result<Scope, Unclear> {
    let place = |word: &&Word| GENTLE.iter().chain(&SERIOUS).any(|it| *it == word.text);
    if let Some(word) = sentence.words.iter().find(place) {
        return Err(not_known(word, goal));
    }
    let kind = names::kind(sentence);
    let fits = |name: &str| {
        ANALYZERS.iter().any(|it| it.name == name && kind.is_none_or(|kind| it.kind == kind))
            && Kind::of(name) == goal
    };
    let subject = SUBJECTS.iter().find(|(said, by)| sentence.has(said) && by.iter().any(|it| fits(it)));
    if let Some((_, by)) = subject {
        return Ok(Scope::Analyzers(by.iter().copied().filter(|it| fits(it)).collect()));
    }
    if let Some(kind) = kind {
        let all: Vec<&str> = ANALYZERS.iter().map(|it| it.name).filter(|it| fits(it)).collect();
        if all.is_empty() {
            return Err(nobody_judges(kind, goal));
        }
        // The word for it may say which.
        let said = |name: &&str| sentence.has(&[name.rsplit('-').next().unwrap_or_default()]);
        let few: Vec<&str> = all.iter().copied().filter(said).collect();
        return Ok(Scope::Analyzers(if few.is_empty() { all } else { few }));
    }
    match sentence.words.iter().find(|word| !is_general(word)) {
        Some(word) => Err(not_known(word, goal)),
        None => Ok(Scope::Everything),
    }
}

/// A word of orders that are for everything.
fn is_general(word: &Word) -> bool {
    let lists = [&CLEAN[..], &REPAIR, &RIGHTSIZE, &SAVE, &WASTE, &FAILING, &GENERAL];
    !word.quoted && lists.into_iter().flatten().flat_map(|it| it.split(' ')).any(|it| it == word.text)
}

fn nobody_judges(kind: &str, goal: Kind) -> Unclear {
    let mut choices: Vec<String> =
        ANALYZERS.iter().filter(|it| Kind::of(it.name) == goal).map(|it| it.kind.to_owned()).collect();
    choices.sort();
    choices.dedup();
    let ask = format!(
        "Nothing that I look for says which {kind} {}. Name one of them, or one of these kinds.",
        what(goal).1
    );
    Unclear { ask, choices }
}

fn not_known(word: &Word, goal: Kind) -> Unclear {
    let (everything, is) = what(goal);
    let ask = format!(
        "I do not know which you mean by `{}`. Name one thing, or a kind of which some {is}; or say “{everything}”.",
        sanitize(&word.raw, 80)
    );
    Unclear { ask, choices: Vec::new() }
}

const fn what(goal: Kind) -> (&'static str, &'static str) {
    match goal {
        Kind::Repair => ("fix everything that is broken", "is broken"),
        Kind::Rightsize => ("rightsize everything", "is too large"),
        Kind::CleanUp => ("clean up everything that is unused", "is unused"),
    }
}
