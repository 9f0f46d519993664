//! Sentences that want to know something.

use findings::{ANALYZERS, By};
use snapshot::Snapshot;

use super::{
    Question, Understanding,
    names::{self, Named},
    orders::{unknown, which},
    sentence::Sentence,
    vocabulary::{COST, DESTROY, FAILING, HELP, INVENTORY, SUBJECTS, WASTE, WHAT_IS_WRONG},
};

pub(super) fn of(sentence: &Sentence, snapshot: &Snapshot<'_>) -> Option<Understanding> {
    let question = |it| Some(Understanding::Question(it));
    if sentence.has(&HELP) {
        return question(Question::Help);
    }
    if let Some(id) = change(sentence) {
        return question(Question::Change(id));
    }
    let analyzer = sentence
        .words
        .iter()
        .find(|it| ANALYZERS.iter().any(|known| it.text.split(':').next() == Some(known.name)));
    if let Some(analyzer) = analyzer {
        return question(Question::Explain(analyzer.raw.clone()));
    }
    if sentence.has(&COST) {
        return question(Question::Costs(by(sentence)));
    }
    let asks_of_one = sentence.has(&FAILING)
        || sentence.has(&DESTROY)
        || sentence.has(&[
            "why",
            "explain",
            "describe",
            "about",
            "safe",
            "happened to",
            "status of",
            "health of",
        ]);
    if asks_of_one {
        match names::named(sentence, snapshot) {
            Named::One { id, name, .. } => {
                return question(Question::Why { resource: id, name: model::sanitize(&name, 200) });
            }
            Named::Several { name, ids } => return Some(which(&name, ids)),
            Named::Unknown { name, kind, there } => return Some(unknown(&name, kind, &there)),
            Named::Nothing => {}
        }
    }
    if let Some((_, analyzers)) = SUBJECTS.iter().find(|(said, _)| sentence.has(said)) {
        return question(Question::Findings(analyzers.to_vec()));
    }
    if sentence.has(&WASTE) {
        let kind = names::kind(sentence);
        let waste = ANALYZERS
            .iter()
            .filter(|it| it.class == findings::Class::Waste && kind.is_none_or(|kind| kind == it.kind));
        return question(Question::Findings(waste.map(|it| it.name).collect()));
    }
    if sentence.has(&WHAT_IS_WRONG)
        || (sentence.has(&FAILING) && names::kind(sentence).is_none() && sentence.has(&["what", "anything"]))
    {
        return question(Question::Findings(Vec::new()));
    }
    if sentence.has(&INVENTORY) {
        return question(Question::Inventory(names::kind(sentence)));
    }
    None
}

fn by(sentence: &Sentence) -> By {
    if sentence.has(&["by finding", "saved", "save"]) {
        return By::Finding;
    }
    let words = &sentence.words;
    let key = words
        .iter()
        .zip(words.iter().skip(1))
        .find(|(it, _)| it.text == "tag")
        .map(|(_, key)| key.raw.clone());
    key.map_or(By::Service, By::Tag)
}

/// `change 01J…`
fn change(sentence: &Sentence) -> Option<String> {
    let words = &sentence.words;
    let id = |it: &str| it.len() >= 6 && it.chars().any(|it| it.is_ascii_digit());
    words
        .iter()
        .zip(words.iter().skip(1))
        .find(|(it, next)| it.text == "change" && id(&next.raw))
        .map(|(_, it)| it.raw.clone())
}
