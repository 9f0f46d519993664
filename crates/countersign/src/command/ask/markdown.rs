//! As much of Markdown as an answer has, on a terminal: headings, lists, emphasis, code. Line by line, so that it can be shown while it arrives.
//! Every character passes [`model::sanitize`] first: whatever a model or a cloud wrote, it moves no cursor, sets no title, hides nothing, and
//! a link shows where it leads.

use crate::output::{BOLD, DIM, WARN, styled};

#[derive(Debug, Default)]
pub(super) struct Renderer {
    line: String,
    in_code: bool,
}

/// Longer lines are shown in parts.
const MOST: usize = 4_000;

impl Renderer {
    /// The lines that are whole by now.
    pub(super) fn push(&mut self, piece: &str) -> Vec<String> {
        let mut done = Vec::new();
        for character in piece.chars() {
            if character == '\n' || self.line.len() >= MOST {
                done.push(self.finish());
            }
            if character != '\n' {
                self.line.push(character);
            }
        }
        done
    }

    /// What is left where nothing more comes.
    pub(super) fn rest(&mut self) -> Option<String> {
        (!self.line.is_empty()).then(|| self.finish())
    }

    fn finish(&mut self) -> String {
        let raw = std::mem::take(&mut self.line);
        let line = model::sanitize(raw.trim_end_matches('\r'), MOST);
        let text = line.trim_start();
        let indent = " ".repeat(line.len().saturating_sub(text.len()).min(20));
        if text.starts_with("```") {
            self.in_code = !self.in_code;
            return styled(DIM, "  ---");
        }
        if self.in_code {
            return styled(DIM, format!("  {line}"));
        }
        let level = text.bytes().take_while(|it| *it == b'#').count();
        if (1..=6).contains(&level) && text.get(level..).is_some_and(|it| it.starts_with(' ')) {
            return styled(BOLD, text.get(level..).unwrap_or_default().trim());
        }
        for mark in ["- [ ] ", "- [x] ", "- [-] "] {
            if let Some(rest) = text.strip_prefix(mark) {
                // A tick in prose is nobody's record.
                return format!("{indent}• {}", inline(rest));
            }
        }
        match text.strip_prefix("- ").or_else(|| text.strip_prefix("* ")) {
            Some(rest) => format!("{indent}• {}", inline(rest)),
            None => format!("{indent}{}", inline(text)),
        }
    }
}

/// `**strong**`, `` `code` ``, and links with their addresses; whatever is not closed is shown as it stands.
fn inline(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['*', '`', '[']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or_default();
        out.push_str(before);
        let taken = strong(from).or_else(|| code(from)).or_else(|| link(from));
        match taken {
            Some((shown, after)) => {
                out.push_str(&shown);
                rest = after;
            }
            None => {
                let mut characters = from.chars();
                out.extend(characters.next());
                rest = characters.as_str();
            }
        }
    }
    out.push_str(rest);
    out
}

fn strong(from: &str) -> Option<(String, &str)> {
    let (inside, after) = from.strip_prefix("**")?.split_once("**")?;
    (!inside.is_empty()).then(|| (styled(BOLD, inside), after))
}

fn code(from: &str) -> Option<(String, &str)> {
    let (inside, after) = from.strip_prefix('`')?.split_once('`')?;
    (!inside.is_empty()).then(|| (styled(WARN, inside), after))
}

fn link(from: &str) -> Option<(String, &str)> {
    let (words, rest) = from.strip_prefix('[')?.split_once("](")?;
    let (target, after) = rest.split_once(')')?;
    Some((format!("{words} ({target})"), after))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut renderer = Renderer::default();
        let lines: Vec<String> = renderer.push(text).into_iter().chain(renderer.rest()).collect();
        lines.join("\n")
    }

    /// Without the styles that are ours.
    fn check(text: &str, expected: &str) {
        let shown = plain(text);
        let stripped = anstream::adapter::strip_str(&shown).to_string();
        assert_eq!(stripped, expected, "{text:?}");
    }

    #[test]
    fn an_answer_is_shown() {
        check(
            "# Costs\n\nAbout **12.00** a month, see `ec2:volume`.\n- one\n  - two\n",
            "Costs\n\nAbout 12.00 a month, see ec2:volume.\n• one\n  • two",
        );
        check("```\nrm -rf /\n```\n", "  ---\n  rm -rf /\n  ---");
        check("[click](https://evil.example)", "click (https://evil.example)");
        check("- [x] 1.1 done", "• 1.1 done");
        check("**open `and [never", "**open `and [never");
        check("a * b ** c", "a * b ** c");
    }

    #[test]
    fn nothing_acts_on_the_terminal() {
        for hostile in [
            "\u{1b}[2J",
            "\u{1b}]0;title\u{7}",
            "a\rb",
            "\u{202e}abc",
            "\u{9b}31m",
            "**\u{1b}[8m**",
            "`\u{1b}c`",
            "[\u{1b}](\u{1b})",
        ] {
            let shown = plain(hostile);
            let stripped = anstream::adapter::strip_str(&shown).to_string();
            assert!(!stripped.chars().any(char::is_control), "{hostile:?} {stripped:?}");
            assert!(stripped.contains("\\u{"), "{hostile:?} {stripped:?}");
        }
    }

    #[test]
    fn it_is_the_same_however_it_arrives() {
        let text = "# A\n- **b** `c`\n```\nd\n```\nend";
        let whole = plain(text);
        for size in 1..6 {
            let mut renderer = Renderer::default();
            let characters: Vec<char> = text.chars().collect();
            let mut lines = Vec::new();
            for piece in characters.chunks(size) {
                lines.extend(renderer.push(&piece.iter().collect::<String>()));
            }
            lines.extend(renderer.rest());
            assert_eq!(lines.join("\n"), whole);
        }
    }
}
