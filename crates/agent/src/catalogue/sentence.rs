//! A sentence as words: lower case, without punctuation, what is quoted kept together. English, and nothing cleverer than a search.

/// What was said, ready to be searched.
pub(super) struct Sentence {
    pub(super) words: Vec<Word>,
    /// The words that are not quoted, each between spaces, plurals as they were.
    flat: String,
}

pub(super) struct Word {
    pub(super) text: String,
    /// As it was written, for names.
    pub(super) raw: String,
    pub(super) quoted: bool,
}

/// How a sentence begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// Wants to know something.
    Asks,
    /// Wants something done.
    Orders,
    /// Wants it not to be done.
    Forbids,
}

/// Longer ones are no sentence.
pub(super) const MOST: usize = 2_000;

const QUESTIONS: [&str; 25] = [
    "what", "which", "why", "how", "where", "who", "when", "is", "are", "was", "were", "does", "do", "did",
    "has", "have", "should", "would", "show", "list", "tell", "explain", "describe", "whats", "whose",
];

/// Politeness that is an order all the same.
const POLITE: [&str; 9] = [
    "can you",
    "could you",
    "would you",
    "will you",
    "please",
    "i want you to",
    "i would like you to",
    "go and",
    "lets",
];

const NOT: [&str; 8] =
    ["do not", "dont", "never", "must not", "should not", "shouldnt", "no need to", "without"];

/// Said of what is left as it is, wherever it stands.
const SPARING: [&str; 30] = [
    "dont",
    "mustnt",
    "shouldnt",
    "no need to",
    "without",
    "but",
    "except",
    "excepting",
    "exception",
    "exclude",
    "excluding",
    "exempt",
    "apart from",
    "aside from",
    "other than",
    "besides",
    "save for",
    "unless",
    "minus",
    "leave",
    "leaving",
    "keep",
    "keeping",
    "spare",
    "skip",
    "omit",
    "protect",
    "nothing",
    "none",
    "neither",
];

/// `not used` says how something is, and not what is to be left.
const STATES: [&str; 14] = [
    "used",
    "in",
    "attached",
    "needed",
    "working",
    "healthy",
    "available",
    "running",
    "responding",
    "reachable",
    "answering",
    "encrypted",
    "referenced",
    "read",
];

impl Sentence {
    pub(super) fn of(text: &str) -> Self {
        let mut words = Vec::new();
        let mut rest = text;
        while let Some(start) = rest.find(|it: char| !it.is_whitespace()) {
            let (_, from) = rest.split_at_checked(start).unwrap_or_default();
            let quote = from.chars().next().filter(|it| matches!(it, '"' | '`' | '“' | '«'));
            let closing = match quote {
                Some('“') => '”',
                Some('«') => '»',
                other => other.unwrap_or(' '),
            };
            let inside = quote.and_then(|it| from.strip_prefix(it)).and_then(|it| it.split_once(closing));
            if let Some((name, after)) = inside {
                words.push(Word {
                    text: name.trim().to_lowercase(),
                    raw: name.trim().to_owned(),
                    quoted: true,
                });
                rest = after;
                continue;
            }
            let end = from.find(char::is_whitespace).unwrap_or(from.len());
            let (word, after) = from.split_at_checked(end).unwrap_or_default();
            rest = after;
            let bare = word.trim_matches(|it: char| !it.is_alphanumeric());
            if !bare.is_empty() {
                let text = bare.to_lowercase().replace(['\'', '’'], "");
                words.push(Word { text, raw: bare.to_owned(), quoted: false });
            }
        }
        let plain: Vec<&str> = words.iter().filter(|it| !it.quoted).map(|it| it.text.as_str()).collect();
        Self { flat: format!(" {} ", plain.join(" ")), words }
    }

    /// Whether it has one of these words, or one of these phrases in this order.
    pub(super) fn has(&self, any: &[&str]) -> bool {
        any.iter().any(|it| self.flat.contains(&format!(" {it} ")))
    }

    pub(super) fn mood(&self) -> Mood {
        let begins =
            |any: &[&str]| any.iter().any(|it| self.flat.trim_start().starts_with(&format!("{it} ")));
        if begins(&NOT) || self.has(&["please do not", "please dont", "you must not", "you should not"]) {
            return Mood::Forbids;
        }
        if begins(&POLITE) {
            return Mood::Orders;
        }
        if begins(&QUESTIONS) || self.has(&["is it safe", "should i", "tell me", "show me"]) {
            Mood::Asks
        } else {
            Mood::Orders
        }
    }

    /// Whether part of it says what is not to be done.
    pub(super) fn spares(&self) -> bool {
        let mut words = self.flat.split(' ').peekable();
        let mut denied = false;
        while let Some(word) = words.next() {
            denied |= matches!(word, "not" | "never") && !words.peek().is_some_and(|it| STATES.contains(it));
        }
        denied || self.has(&SPARING)
    }

    /// The same cut at what joins two orders.
    pub(super) fn parts(text: &str) -> Vec<&str> {
        let mut parts = vec![text];
        for joint in [" and then ", ", then ", "; ", ". ", " and "] {
            parts = parts.into_iter().flat_map(|it| cut(it, joint)).collect();
        }
        parts.into_iter().map(str::trim).filter(|it| !it.is_empty()).collect()
    }
}

/// At every `joint`, whatever its case.
fn cut<'t>(text: &'t str, joint: &str) -> Vec<&'t str> {
    // As long as the text, byte for byte.
    let lower = text.to_ascii_lowercase();
    let (mut parts, mut from) = (Vec::new(), 0);
    for (at, _) in lower.match_indices(joint) {
        parts.push(text.get(from..at).unwrap_or_default());
        from = at.saturating_add(joint.len());
    }
    parts.push(text.get(from..).unwrap_or_default());
    parts
}
