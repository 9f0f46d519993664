//! Which resource a sentence names. Names are the cloud's own; what is not there is not made up, and what is there twice is asked.

use snapshot::{Resource, Snapshot};

use super::{
    sentence::{Mood, Sentence, Word},
    vocabulary::{ANEW, CLEAN, DESTROY, GENTLE, KINDS, REPAIR, RIGHTSIZE, ROLL_BACK, SERIOUS, STOP, WASTE},
};

#[derive(Debug)]
pub(super) enum Named {
    One {
        id: String,
        kind: String,
        name: String,
    },
    Several {
        name: String,
        ids: Vec<String>,
    },
    /// Something was named, and there is no such thing; some that there are of that kind.
    Unknown {
        name: String,
        kind: Option<&'static str>,
        there: Vec<String>,
    },
    Nothing,
}

/// Between a kind and a name.
const CALLED: [&str; 2] = ["called", "named"];

/// Some of many.
const FEW: usize = 5;

/// Of which `instance` alone would say something else.
const DATABASES: [(&str, &str); 6] = [
    ("db instance", "rds:db-instance"),
    ("db instances", "rds:db-instance"),
    ("rds instance", "rds:db-instance"),
    ("rds instances", "rds:db-instance"),
    ("database instance", "rds:db-instance"),
    ("database instances", "rds:db-instance"),
];

/// What people call a kind, and the kind; longer names first.
pub(super) fn kinds() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    DATABASES.iter().chain(&KINDS)
}

pub(super) fn kind(sentence: &Sentence) -> Option<&'static str> {
    kinds().find(|(word, _)| sentence.has(&[word])).map(|(_, kind)| *kind)
}

/// The kind that stands beside this word: `stack shop`, `the volume named web`, `the shop stack`.
fn kind_beside(sentence: &Sentence, nth: usize) -> Option<&'static str> {
    let text = |at: usize| sentence.words.get(at).filter(|it| !it.quoted).map(|it| it.text.as_str());
    let called = nth.checked_sub(1).and_then(text).is_some_and(|it| CALLED.contains(&it));
    let end = if called { nth.saturating_sub(1) } else { nth };
    let stands = |phrase: &str, from: Option<usize>| {
        from.is_some_and(|from| phrase.split(' ').zip(from..).all(|(word, at)| text(at) == Some(word)))
    };
    let before = |phrase: &str| stands(phrase, end.checked_sub(phrase.split(' ').count()));
    let behind = |phrase: &str| stands(phrase, nth.checked_add(1));
    let found =
        kinds().find(|(phrase, _)| before(phrase)).or_else(|| kinds().find(|(phrase, _)| behind(phrase)));
    found.map(|(_, kind)| *kind)
}

pub(super) fn named(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Named {
    let kind = kind(sentence);
    let mut several = None;
    for (nth, word) in sentence.words.iter().enumerate() {
        // A word of the language is a name only where it stands as one.
        let placed = word.quoted
            || word.raw.contains(['-', ':', '/', '_'])
            || word.raw.chars().any(|it| it.is_ascii_digit());
        if !placed && (is_language(&word.text) && !follows_kind(sentence, nth)) {
            continue;
        }
        let beside = kind_beside(sentence, nth);
        // Of what an order is for, the kind that was said is the kind. An earlier snapshot may be spoken of without being meant.
        let strict = beside.is_some() || (sentence.mood() == Mood::Orders && !sentence.has(&["restore"]));
        let (all, found) = matching(word, beside.or(kind), snapshot);
        let found = if found.is_empty() && !strict { all.clone() } else { found };
        match found.as_slice() {
            [] if all.is_empty() => {}
            [] => return unknown_of(word, beside.or(kind), snapshot),
            [one] => {
                let (id, name) = (one.id.as_str().to_owned(), one.name.as_str().to_owned());
                return Named::One { id, kind: one.kind.as_str().to_owned(), name };
            }
            many => {
                let ids = many.iter().take(FEW * 2).map(|it| it.id.as_str().to_owned()).collect();
                several.get_or_insert(Named::Several { name: word.raw.clone(), ids });
            }
        }
    }
    if let Some(several) = several {
        return several;
    }
    match unknown(sentence) {
        Some(word) => unknown_of(word, kind, snapshot),
        None => Named::Nothing,
    }
}

fn unknown_of(word: &Word, kind: Option<&'static str>, snapshot: &Snapshot<'_>) -> Named {
    let there =
        kind.map(|kind| snapshot.of_kind(kind).take(FEW).map(|it| it.name.as_str().to_owned()).collect());
    Named::Unknown { name: word.raw.clone(), kind, there: there.unwrap_or_default() }
}

/// All that are called so, and those of the kind.
fn matching<'s, 'a>(
    word: &Word,
    kind: Option<&str>,
    snapshot: &'s Snapshot<'a>,
) -> (Vec<&'s Resource<'a>>, Vec<&'s Resource<'a>>) {
    let same = |it: &str| it.eq_ignore_ascii_case(&word.raw);
    let is = |it: &&Resource<'_>| {
        same(it.id.as_str()) || same(it.name.as_str()) || it.tag("Name").is_some_and(same)
    };
    let all: Vec<&Resource<'_>> = snapshot.resources().iter().filter(is).collect();
    let of_kind = all.iter().copied().filter(|it| kind.is_none_or(|kind| kind == it.kind.as_str())).collect();
    (all, of_kind)
}

/// What stands where a name would.
fn unknown(sentence: &Sentence) -> Option<&Word> {
    let name = |(nth, word): (usize, &Word)| {
        let looks = word.quoted
            || word.raw.starts_with("arn:")
            || (word.raw.contains('-') && word.raw.chars().any(|it| it.is_ascii_digit()));
        (looks || (follows_kind(sentence, nth) && !is_language(&word.text))).then_some(nth)
    };
    let nth = sentence.words.iter().enumerate().find_map(name)?;
    sentence.words.get(nth)
}

/// `stack shop`: what comes behind the name of a kind.
fn follows_kind(sentence: &Sentence, nth: usize) -> bool {
    let before = nth.checked_sub(1).and_then(|it| sentence.words.get(it));
    before.is_some_and(|it| {
        !it.quoted
            && (CALLED.contains(&it.text.as_str())
                || KINDS.iter().any(|(word, _)| {
                    !word.ends_with('s') && word.rsplit(' ').next() == Some(it.text.as_str())
                }))
    })
}

/// Words that sentences are made of.
fn is_language(word: &str) -> bool {
    const COMMON: [&str; 92] = [
        "a",
        "all",
        "an",
        "and",
        "any",
        "anything",
        "are",
        "as",
        "at",
        "be",
        "been",
        "behind",
        "big",
        "by",
        "can",
        "clean",
        "cost",
        "costs",
        "could",
        "delete",
        "dev",
        "development",
        "did",
        "do",
        "does",
        "down",
        "everything",
        "expensive",
        "explain",
        "failed",
        "failing",
        "find",
        "fix",
        "for",
        "from",
        "has",
        "have",
        "help",
        "how",
        "i",
        "idle",
        "in",
        "is",
        "it",
        "its",
        "large",
        "list",
        "many",
        "me",
        "money",
        "most",
        "my",
        "night",
        "nights",
        "no",
        "not",
        "now",
        "of",
        "off",
        "on",
        "or",
        "our",
        "please",
        "prod",
        "production",
        "remove",
        "repair",
        "so",
        "staging",
        "stop",
        "stuck",
        "test",
        "that",
        "the",
        "their",
        "them",
        "there",
        "this",
        "to",
        "too",
        "unused",
        "up",
        "us",
        "was",
        "waste",
        "we",
        "what",
        "which",
        "why",
        "with",
        "wrong",
        "you",
    ];
    let verbs =
        [&CLEAN[..], &REPAIR, &RIGHTSIZE, &ROLL_BACK, &STOP, &DESTROY, &ANEW, &GENTLE, &SERIOUS, &WASTE];
    COMMON.contains(&word)
        || verbs.iter().any(|it| it.contains(&word))
        || KINDS.iter().any(|(kind, _)| kind.split(' ').any(|it| it == word))
}
