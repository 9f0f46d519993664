//! How one value is laid out for people's eyes, and what of it fits. A JSON document is laid out over lines, token by
//! token and without being read as values: of two members of one name, both are shown.

use model::{Digest, sanitize};

/// Below it no cut value is worth its announcement.
pub(super) const SHORTEST: usize = 160;
/// A line feed costs this much: in the statement a bar stands before the next line.
const LINE: usize = 9;
/// Room for "… (N more bytes, sha256 …)".
const TAIL: usize = 110;
const MAX_INDENT: usize = 24;

/// A value as it is shown, and how many bytes of it are not.
pub(super) struct Laid {
    pub(super) text: String,
    pub(super) missing: usize,
    pub(super) sha256: Option<Digest>,
}

/// `raw` within `limit` (see [`cost`]): whole where it fits in any layout, otherwise its beginning and what is missing.
pub(super) fn text(raw: &str, limit: usize) -> Laid {
    let whole = |text: &str| match prefix(text, limit) {
        (shown, taken) if taken == text.len() => Some(Laid { text: shown, missing: 0, sha256: None }),
        _ => None,
    };
    // No layout is shorter than half of what its tokens take, so a longer text need not be tried.
    if raw.len() <= 8 * limit.max(SHORTEST) && is_document(raw) {
        for spread in [Spread::Lines, Spread::Compact] {
            if let Some(laid) = whole(&json(raw, spread)) {
                return laid;
            }
        }
    }
    whole(raw).unwrap_or_else(|| {
        let (shown, taken) = prefix(raw, limit.saturating_sub(TAIL));
        cut(shown, raw.len() - taken, raw.as_bytes())
    })
}

/// As [`text`], in hexadecimal digits.
pub(super) fn bytes(raw: &[u8], limit: usize) -> Laid {
    if raw.len() <= limit / 2 {
        return Laid { text: hex::encode(raw), missing: 0, sha256: None };
    }
    let taken = limit.saturating_sub(TAIL) / 2;
    let (head, rest) = raw.split_at_checked(taken).unwrap_or((raw, &[]));
    cut(hex::encode(head), rest.len(), raw)
}

fn cut(shown: String, missing: usize, whole: &[u8]) -> Laid {
    let sha256 = Digest::of(whole);
    Laid {
        text: format!("{shown}… ({missing} more bytes, sha256 {sha256})"), missing, sha256: Some(sha256)
    }
}

/// What `raw` takes up as it is, in bytes as the statement writes it; counting ends above `limit`.
pub(super) fn cost(raw: &str, limit: usize) -> usize {
    if raw.len() > limit {
        return raw.len();
    }
    // Laid out over lines it takes more; where there is no room for that, it is not.
    let spread = if is_document(raw) { Some(json(raw, Spread::Lines)) } else { None };
    let text = spread.as_deref().unwrap_or(raw);
    text.chars().map(|character| if character == '\n' { LINE } else { cleaned(character).len() }).sum()
}

pub(super) fn is_document(raw: &str) -> bool {
    raw.starts_with(|first: char| first == '{' || first == '[' || first.is_ascii_whitespace())
        && serde_json::from_str::<serde::de::IgnoredAny>(raw).is_ok()
}

/// As much of `text` as fits, made harmless but for its line feeds; and how many bytes of it that is.
fn prefix(text: &str, limit: usize) -> (String, usize) {
    let (mut shown, mut left) = (String::with_capacity(text.len().min(limit)), limit);
    for (at, character) in text.char_indices() {
        let clean = cleaned(character);
        let takes = if character == '\n' { LINE } else { clean.len() };
        match left.checked_sub(takes) {
            Some(rest) => left = rest,
            None => return (shown, at),
        }
        shown.push_str(clean.as_str());
    }
    (shown, text.len())
}

enum Clean {
    Same([u8; 4], usize),
    Escaped(String),
}

impl Clean {
    fn as_str(&self) -> &str {
        match self {
            Self::Same(bytes, length) => {
                bytes.get(..*length).and_then(|bytes| std::str::from_utf8(bytes).ok()).unwrap_or("\u{fffd}")
            }
            Self::Escaped(text) => text,
        }
    }

    fn len(&self) -> usize {
        self.as_str().len()
    }
}

fn cleaned(character: char) -> Clean {
    let mut bytes = [0; 4];
    let length = character.encode_utf8(&mut bytes).len();
    if character == '\n' || character == ' ' || character.is_ascii_graphic() {
        Clean::Same(bytes, length)
    } else {
        Clean::Escaped(sanitize(&String::from(character), 1))
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Spread {
    Lines,
    Compact,
}

/// The tokens of a JSON document, with no white space between them but ours.
fn json(document: &str, spread: Spread) -> String {
    let mut out = String::with_capacity(document.len());
    let (mut depth, mut in_string, mut escaped) = (0_usize, false, false);
    let mut characters = document.chars().filter(|it| !matches!(it, '\r')).peekable();
    let lines = spread == Spread::Lines;
    let line = |out: &mut String, depth: usize| {
        if lines {
            out.push('\n');
            out.extend(std::iter::repeat_n(' ', (2 * depth).min(MAX_INDENT)));
        }
    };
    while let Some(character) = characters.next() {
        if in_string {
            out.push(character);
            (in_string, escaped) = (escaped || character != '"', !escaped && character == '\\');
            continue;
        }
        match character {
            ' ' | '\t' | '\n' => {}
            '{' | '[' => {
                out.push(character);
                while characters.next_if(char::is_ascii_whitespace).is_some() {}
                match characters.next_if(|next| matches!(next, '}' | ']')) {
                    Some(end) => out.push(end),
                    None => {
                        depth += 1;
                        line(&mut out, depth);
                    }
                }
            }
            '}' | ']' => {
                depth = depth.saturating_sub(1);
                line(&mut out, depth);
                out.push(character);
            }
            ',' => {
                out.push(',');
                line(&mut out, depth);
            }
            ':' => out.push_str(if lines { ": " } else { ":" }),
            other => {
                in_string = other == '"';
                out.push(other);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_document_is_laid_out_with_every_token_of_it() {
        let raw = "{ \"a\" : [1,\t{}, [ ]],\r\n \"a\":\"x,{\\\"} y\\\\\", \"b\":{\"c\":null}}";
        expect![[r#"
            {
              "a": [
                1,
                {},
                []
              ],
              "a": "x,{\"} y\\",
              "b": {
                "c": null
              }
            }"#]]
        .assert_eq(&text(raw, 6000).text);
        expect![[r#"{"a":[1,{},[]],"a":"x,{\"} y\\","b":{"c":null}}"#]].assert_eq(&text(raw, 60).text);
    }

    #[test]
    fn what_does_not_fit_is_counted_and_named_by_its_hash() {
        let laid = text(&format!("{}東京\u{1b}", "x".repeat(200)), 200);
        assert_eq!(laid.missing, 117);
        assert_eq!(laid.text.len(), 90 + "… (117 more bytes, sha256 )".len() + 64);
        assert!(text("a\u{1b}\n\r", 100).text == "a\\u{1b}\n\\u{d}");
        let laid = bytes(&[0xab; 200], 210);
        assert!(laid.text.starts_with(&"ab".repeat(50)) && laid.missing == 150, "{}", laid.text);
        assert_eq!(bytes(&[0xab; 2], 4).text, "abab");
    }
}
