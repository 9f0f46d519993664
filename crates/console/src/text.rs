//! Text for people's eyes, whoever wrote it.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// Cleaned of everything that moves, hides or recolours what stands around it, and bounded. Templates escape it besides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shown(String);

impl Shown {
    /// At most as many characters as a person reads of one thing.
    const MOST: usize = 2000;

    pub(crate) fn of(text: impl fmt::Display) -> Self {
        Self(model::sanitize(&text.to_string(), Self::MOST))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Each line by itself.
pub(crate) fn lines(text: &str) -> Vec<Shown> {
    text.lines().map(Shown::of).collect()
}

pub(crate) fn all<T: fmt::Display>(texts: impl IntoIterator<Item = T>) -> Vec<Shown> {
    texts.into_iter().map(Shown::of).collect()
}

/// RFC 3986's unreserved characters stand for themselves.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// Many lines, each cleaned by itself and none cut that anybody could have signed.
pub(crate) fn whole(text: &str) -> String {
    const LINE: usize = 16_000;
    let lines: Vec<String> = text.lines().map(|line| model::sanitize(line, LINE)).collect();
    lines.join("\n")
}

/// As a value of an address's query.
pub(crate) fn encoded(value: &str) -> String {
    utf8_percent_encode(value, UNRESERVED).to_string()
}

/// As one word of a shell, to be copied; `None` where what is shown would be another text than what is meant.
pub(crate) fn quoted(word: &str) -> Option<Shown> {
    let whole = Shown::of(word);
    let plain = |it: char| it.is_alphanumeric() || "-_./:=,+@".contains(it);
    if whole.0 != word || word.is_empty() || word.starts_with('-') {
        return None;
    }
    Some(if word.chars().all(plain) { whole } else { Shown(format!("'{}'", word.replace('\'', "'\\''"))) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_of_a_shell_is_that_word_or_none() {
        for (word, expected) in [
            ("plain", Some("plain")),
            (
                "volume-unattached:arn:aws:ec2:volume/vol-1",
                Some("volume-unattached:arn:aws:ec2:volume/vol-1"),
            ),
            ("fix stack shop", Some("'fix stack shop'")),
            ("$(rm -rf ~); `x` \\ \"y\" !", Some("'$(rm -rf ~); `x` \\ \"y\" !'")),
            ("it's", Some("'it'\\''s'")),
            ("", None),
            ("--plan=x", None),
            ("a\nb", None),
            ("a\u{202e}b", None),
            ("\u{1b}[2J", None),
        ] {
            assert_eq!(quoted(word).map(|it| it.to_string()).as_deref(), expected, "{word:?}");
        }
        assert_eq!(quoted(&"a".repeat(Shown::MOST + 1)), None);
    }

    #[test]
    fn a_value_of_a_query_ends_nowhere_else() {
        assert_eq!(encoded("tag:a&b=c d#é\""), "tag%3Aa%26b%3Dc%20d%23%C3%A9%22");
    }
}
