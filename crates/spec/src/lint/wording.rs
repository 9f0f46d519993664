//! How a sentence is worded. Negatives and absolutes are left alone: what must never happen is said so.

use std::collections::BTreeSet;

use super::{Code, Findings};
use crate::{
    criterion::Criterion,
    ears::{Ears, Phrase},
    source::words,
};

const VAGUE: [&str; 30] = [
    "acceptable",
    "adequate",
    "adequately",
    "appropriate",
    "appropriately",
    "easily",
    "easy",
    "efficient",
    "efficiently",
    "etc",
    "fast",
    "flexible",
    "fully",
    "gracefully",
    "intuitive",
    "many",
    "minimal",
    "normal",
    "often",
    "optimal",
    "properly",
    "quick",
    "quickly",
    "reasonable",
    "robust",
    "seamless",
    "seamlessly",
    "several",
    "sufficient",
    "user-friendly",
];

const ESCAPES: [&str; 10] = [
    "where possible",
    "if possible",
    "as appropriate",
    "as needed",
    "if necessary",
    "where applicable",
    "if practical",
    "to the extent",
    "as far as possible",
    "when feasible",
];

const PRONOUNS: [&str; 10] = ["it", "they", "this", "that", "these", "those", "he", "she", "we", "you"];

/// After these a number is a name: of a port, a code, a version.
const NAMED: [&str; 28] = [
    "status",
    "code",
    "codes",
    "http",
    "port",
    "ports",
    "version",
    "level",
    "step",
    "tls",
    "requirement",
    "property",
    "exit",
    "phase",
    "stage",
    "page",
    "line",
    "chapter",
    "rfc",
    "iso",
    "table",
    "zone",
    "exactly",
    "error",
    "http/",
    "layer",
    "sha",
    "class",
];

/// After a number, these say that its unit does not come.
const NO_UNIT: [&str; 22] = [
    "and", "or", "of", "in", "to", "the", "a", "an", "for", "with", "when", "while", "if", "then", "at",
    "on", "by", "from", "until", "before", "after", "is",
];

pub(super) fn sentence(criterion: &Criterion, terms: &BTreeSet<String>, findings: &mut Findings<'_>) {
    let id = criterion.id;
    let ears = match &criterion.ears {
        Ok(ears) => ears,
        Err(err) => {
            findings.tell_at(
                Code::NotEars,
                err.at.clone(),
                format!("criterion {id}: {err}; {}", err.fault.hint()),
            );
            return;
        }
    };
    let shalls = words(&criterion.text, char::is_whitespace);
    let shalls = shalls.filter(|(_, it)| bare(it).eq_ignore_ascii_case("shall")).count();
    if shalls > 1 {
        findings.tell(
            Code::SeveralShall,
            criterion.span,
            format!("criterion {id} says SHALL {shalls} times"),
        );
    }
    system(criterion, ears, terms, findings);
    for phrase in ears.phrases() {
        vague(criterion, phrase, findings);
        numbers(criterion, phrase, findings);
    }
    if is_passive(&ears.response.text) {
        let message = format!("criterion {id}: `{}` does not say who does it", start(&ears.response.text));
        findings.tell_at(Code::Passive, ears.response.at.clone(), message);
    }
}

fn system(criterion: &Criterion, ears: &Ears, terms: &BTreeSet<String>, findings: &mut Findings<'_>) {
    let (id, name) = (criterion.id, &ears.system.text);
    if PRONOUNS.contains(&name.to_lowercase().as_str()) {
        findings.tell_at(Code::Pronoun, ears.system.at.clone(), format!("criterion {id}: who is `{name}`?"));
    } else if !terms.is_empty() && !terms.contains(&term(name)) {
        let message = format!("criterion {id}: the glossary has no `{name}`");
        findings.tell_at(Code::UndefinedTerm, ears.system.at.clone(), message);
    }
}

fn vague(criterion: &Criterion, phrase: &Phrase, findings: &mut Findings<'_>) {
    let id = criterion.id;
    let lower = phrase.text.to_lowercase();
    let all: Vec<_> = lower.split(' ').map(bare).collect();
    for word in VAGUE.iter().filter(|it| all.contains(it)) {
        findings.tell_at(
            Code::VagueWord,
            phrase.at.clone(),
            format!("criterion {id}: how much is `{word}`?"),
        );
    }
    let spaced = format!(" {} ", all.join(" "));
    for escape in ESCAPES.iter().filter(|it| spaced.contains(&format!(" {it} "))) {
        findings.tell_at(
            Code::Escape,
            phrase.at.clone(),
            format!("criterion {id}: `{escape}` lets it do nothing"),
        );
    }
}

fn numbers(criterion: &Criterion, phrase: &Phrase, findings: &mut Findings<'_>) {
    let all: Vec<_> = phrase.text.split(' ').collect();
    for (nth, word) in all.iter().enumerate() {
        let ends = word.ends_with([',', '.', ';', ')']);
        let figure = word.trim_matches(['(', ')', ',', '.', ';']);
        let plain = figure.starts_with(|it: char| it.is_ascii_digit())
            && figure.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'.' | b','));
        let before = nth.checked_sub(1).and_then(|it| all.get(it)).map(|it| bare(it).to_lowercase());
        let named = before.is_some_and(|it| NAMED.contains(&it.as_str()));
        let after = all.get(nth.saturating_add(1)).map(|it| bare(it).to_lowercase());
        let unit = !ends && after.is_some_and(|it| !it.is_empty() && !NO_UNIT.contains(&it.as_str()));
        if plain && !named && !unit {
            let message = format!("criterion {}: {figure} of what?", criterion.id);
            findings.tell_at(Code::NoUnit, phrase.at.clone(), message);
        }
    }
}

/// `be deleted`, `be automatically sent`.
fn is_passive(response: &str) -> bool {
    let lower = response.to_lowercase();
    let mut all = lower.split(' ').map(bare);
    if all.next() != Some("be") {
        return false;
    }
    let verb = all.find(|it| !it.ends_with("ly")).unwrap_or_default();
    let irregular = [
        "sent", "made", "kept", "shown", "written", "taken", "given", "built", "done", "set", "read", "held",
    ];
    verb.ends_with("ed") || irregular.contains(&verb)
}

fn bare(word: &str) -> &str {
    word.trim_matches(|it: char| !it.is_alphanumeric() && it != '-')
}

/// A term whatever its case, with or without underscores.
pub(super) fn term(name: &str) -> String {
    name.trim_matches(['[', ']', '`', '*', '"']).to_lowercase().replace(['_', '-'], " ")
}

fn start(text: &str) -> String {
    text.split(' ').take(4).collect::<Vec<_>>().join(" ")
}
