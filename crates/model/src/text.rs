//! Text from agents and clouds is hostile: what a terminal or a page would act on is shown as an escape.

use std::fmt::Write as _;

/// `text` with every control, bidirectional and invisible character written as `\u{…}`, cut to `max` characters.
pub fn sanitize(text: &str, max: usize) -> String {
    // Nearly all text is this; a byte is a character then.
    if text.len() <= max && text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len().min(max));
    for (nth, character) in text.chars().enumerate() {
        if nth >= max {
            out.push('…');
            break;
        }
        if is_hostile(character) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{{{:x}}}", u32::from(character));
        } else {
            out.push(character);
        }
    }
    out
}

/// An error with everything that led to it, on one line: for the edge, where it is printed once.
pub fn causes(err: &dyn std::error::Error) -> String {
    let mut text = err.to_string();
    let mut source = err.source();
    while let Some(err) = source {
        text.push_str(": ");
        text.push_str(&err.to_string());
        source = err.source();
    }
    text
}

fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(character,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{e0fff}' | '\u{f0000}'..='\u{10ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(sanitize("prod\u{1b}[2Kok", 80), "prod\\u{1b}[2Kok");
        assert_eq!(sanitize("a\u{202e}b\nc", 80), "a\\u{202e}b\\u{a}c");
        assert_eq!(sanitize("täglich – 東京", 80), "täglich – 東京");
        assert_eq!(sanitize("abcdef", 3), "abc…");
    }
}
