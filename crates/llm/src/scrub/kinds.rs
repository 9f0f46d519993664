//! `data/secrets.toml`, read.

use std::ops::Range;

use regex::Regex;
use serde::Deserialize;

use super::Found;

#[derive(Debug, thiserror::Error)]
pub enum ScrubberError {
    #[error("reading the kinds of secrets")]
    Data(#[source] toml::de::Error),
    #[error("a pattern of the secrets of kind {kind}")]
    Pattern { kind: String, source: regex::Error },
}

pub(super) struct Kinds {
    pub(super) kinds: Vec<Kind>,
}

pub(super) struct Kind {
    name: String,
    patterns: Vec<Regex>,
    mixed: bool,
    unless: Vec<Regex>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    label: String,
    named: String,
    pub(super) kind: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[cfg_attr(not(test), expect(dead_code, reason = "examples and near misses are for the tests"))]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) patterns: Vec<String>,
    #[serde(default)]
    mixed: bool,
    #[serde(default)]
    unless: Vec<String>,
    pub(super) examples: Vec<String>,
    pub(super) near: Vec<String>,
}

/// Where a kind has several words in its pattern, this is the one that is secret.
const SECRET: &str = "secret";

impl Kinds {
    pub(super) fn built_in() -> Result<Self, ScrubberError> {
        let File { label, named, kind } = File::built_in()?;
        let words = Words { named: named.replace(LABEL, &label), label };
        Ok(Self { kinds: kind.iter().map(|entry| Kind::new(entry, &words)).collect::<Result<_, _>>()? })
    }
}

/// What stands for others in patterns.
struct Words {
    label: String,
    named: String,
}

const LABEL: &str = "{label}";
const NAMED: &str = "{named}";

impl Words {
    fn put_into(&self, pattern: &str) -> String {
        pattern.replace(NAMED, &self.named).replace(LABEL, &self.label)
    }
}

impl File {
    pub(super) fn built_in() -> Result<Self, ScrubberError> {
        toml::from_str(include_str!("../../data/secrets.toml")).map_err(ScrubberError::Data)
    }
}

/// What a line break, a tab or another sign is written as in JSON and in addresses ends in a letter or a digit, and is the end of a
/// word all the same.
const ESCAPES: &str = r"\\[nrtbf]|\\u[0-9A-Fa-f]{4}|%[0-9A-Fa-f]{2}|_";

/// A pattern that begins where a word begins, also behind what only stands for a sign.
fn escaped(pattern: &str) -> String {
    const NO_KEY: &str = "(?:^|[^A-Za-z0-9/+=])";
    let (flags, plain) = pattern.strip_prefix("(?i)").map_or(("", pattern), |plain| ("(?i)", plain));
    match (plain.strip_prefix(r"\b"), plain.strip_prefix(NO_KEY)) {
        (Some(rest), _) if pattern.contains("(?P<secret>") => format!(r"{flags}(?:\b|{ESCAPES}){rest}"),
        (Some(rest), _) => format!(r"{flags}(?:\b|{ESCAPES})(?P<secret>{rest})"),
        (_, Some(rest)) => format!("(?:^|[^A-Za-z0-9/+=]|{ESCAPES}){rest}"),
        (None, None) => pattern.to_owned(),
    }
}

impl Kind {
    fn new(entry: &Entry, words: &Words) -> Result<Self, ScrubberError> {
        let pattern = |text: &String| regex(&entry.name, &words.put_into(&escaped(text)));
        let whole = |text: &String| regex(&entry.name, &format!("^(?:{text})$"));
        Ok(Self {
            name: entry.name.clone(),
            patterns: entry.patterns.iter().map(pattern).collect::<Result<_, _>>()?,
            mixed: entry.mixed,
            unless: entry.unless.iter().map(whole).collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn find<'a>(&'a self, text: &str, found: &mut Vec<Found<'a>>) {
        for pattern in &self.patterns {
            let mut from = 0;
            while let Some(place) = next(pattern, text, from) {
                let secret = text.get(place.clone()).unwrap_or_default();
                // From its end, not from the match's: what ends one secret may begin the next.
                from = place.end;
                if !self.spares(secret) {
                    found.push(Found { place, kind: &self.name });
                }
            }
        }
    }

    fn spares(&self, secret: &str) -> bool {
        let has = |what: fn(&u8) -> bool| secret.as_bytes().iter().any(what);
        let mixed = has(u8::is_ascii_uppercase) && has(u8::is_ascii_lowercase) && has(u8::is_ascii_digit);
        self.mixed && !mixed || self.unless.iter().any(|it| it.is_match(secret))
    }
}

/// Where the next secret stands; never an empty one, so that a search ends.
fn next(pattern: &Regex, text: &str, from: usize) -> Option<Range<usize>> {
    let captures = (from <= text.len()).then(|| pattern.captures_at(text, from)).flatten()?;
    let place = captures.name(SECRET).or_else(|| captures.get(0))?.range();
    (place.end > from).then_some(place)
}

pub(super) fn regex(kind: &str, pattern: &str) -> Result<Regex, ScrubberError> {
    Regex::new(pattern).map_err(|source| ScrubberError::Pattern { kind: kind.to_owned(), source })
}
