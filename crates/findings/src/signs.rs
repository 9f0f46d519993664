//! Signs that something is there on purpose although it is quiet. Each spares it, and the report says which: people decide. Tags and names
//! can only spare, never accuse; whoever may set a tag could otherwise have things destroyed by it. They are looked at in one place, after
//! an analyzer has claimed something (`report.rs`): no analyzer can forget them.

use model::sanitize;
use snapshot::EdgeKind;

use crate::{draft::NotKnown, subject::Subject};

/// With this tag, whatever its value, nothing is claimed to be waste.
pub(crate) const KEEP: &str = "countersign:keep";

/// Which signs hold against what an analyzer claims; ascending by how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Signs {
    /// A fault is told whatever is written on it, and where that was not read; of some, an analyzer of its own asks whether it may fail.
    None,
    /// The tag that keeps it: the claim is not that it is unused.
    Keep,
    /// That tag, what starts it, and words that say that it stands by or is used rarely.
    All,
}

/// The first sign, in words.
pub(crate) fn of(subject: &Subject<'_, '_>, which: Signs) -> Result<Option<String>, NotKnown> {
    if which == Signs::None {
        return Ok(None);
    }
    let tags = subject.tags()?;
    if subject.tag(KEEP)?.is_some() {
        return Ok(Some(format!("its tag `{KEEP}` says that it is to be kept")));
    }
    if which == Signs::Keep {
        return Ok(None);
    }
    if let Some(edge) = subject.led_to_by(EdgeKind::Triggers).next() {
        return Ok(Some(format!(
            "{} starts it: it may run less often than was observed",
            sanitize(edge.from.as_str(), 200)
        )));
    }
    let parameters = subject.parameters;
    let said = std::iter::once(("its name", subject.name()))
        .chain(tags.iter().map(|(key, value)| (key.as_str(), value.as_str())));
    for (place, text) in said {
        if let Some(word) = word_of(text, &parameters.standby_words) {
            return Ok(Some(format!("{} says `{word}`: it may stand by for a failure", sanitize(place, 80))));
        }
        if let Some(word) = word_of(text, &parameters.season_words) {
            return Ok(Some(format!("{} says `{word}`: it may be used rarely", sanitize(place, 80))));
        }
    }
    Ok(None)
}

fn word_of<'w>(text: &str, words: &'w [String]) -> Option<&'w str> {
    text.split(|character: char| !character.is_alphanumeric())
        .find_map(|part| words.iter().find(|word| word.eq_ignore_ascii_case(part)))
        .map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_whole_words() {
        let words = ["dr".to_owned(), "quarterly".to_owned()];
        let check = |text, expected| assert_eq!(word_of(text, &words), expected, "{text}");
        check("shop-DR-db", Some("dr"));
        check("dr", Some("dr"));
        check("drone-service", None);
        check("Quarterly close", Some("quarterly"));
        check("", None);
    }
}
