//! As much of Markdown as the catalogue's answers have, as data for templates: paragraphs and lists, emphasis and code. Every text of it
//! is [`Shown`], and a template escapes it besides; there are no links and no raw HTML.

use crate::text::Shown;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Paragraph(Vec<Span>),
    List(Vec<Item>),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Item {
    /// It says more of the one before it.
    pub(crate) inner: bool,
    pub(crate) spans: Vec<Span>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Span {
    Plain(Shown),
    Strong(Shown),
    Code(Shown),
}

/// More lines than anybody reads of one answer.
const MOST: usize = 400;

pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    for line in text.lines().take(MOST) {
        let bare = line.trim_start();
        if bare.is_empty() {
            continue;
        }
        match bare.strip_prefix("- ") {
            Some(rest) => {
                let item = Item { inner: bare.len() < line.len(), spans: spans(rest) };
                match blocks.last_mut() {
                    Some(Block::List(items)) => items.push(item),
                    Some(Block::Paragraph(_)) | None => blocks.push(Block::List(vec![item])),
                }
            }
            None => blocks.push(Block::Paragraph(spans(bare))),
        }
    }
    blocks
}

fn spans(line: &str) -> Vec<Span> {
    let (mut spans, mut plain, mut rest) = (Vec::new(), String::new(), line);
    while let Some(at) = rest.find(['*', '`']) {
        let (before, from) = rest.split_at_checked(at).unwrap_or_default();
        plain.push_str(before);
        let strong = within(from, "**").map(|(inside, after)| (Span::Strong(Shown::of(inside)), after));
        let code = || within(from, "`").map(|(inside, after)| (Span::Code(Shown::of(inside)), after));
        match strong.or_else(code) {
            Some((span, after)) => {
                if !plain.is_empty() {
                    spans.push(Span::Plain(Shown::of(std::mem::take(&mut plain))));
                }
                spans.push(span);
                rest = after;
            }
            // What is not closed is shown as it stands.
            None => {
                let mut characters = from.chars();
                plain.extend(characters.next());
                rest = characters.as_str();
            }
        }
    }
    plain.push_str(rest);
    if !plain.is_empty() {
        spans.push(Span::Plain(Shown::of(plain)));
    }
    spans
}

fn within<'t>(from: &'t str, mark: &str) -> Option<(&'t str, &'t str)> {
    from.strip_prefix(mark)?.split_once(mark).filter(|(inside, _)| !inside.is_empty())
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn check(text: &str, expected: Expect) {
        let span = |it: &Span| match it {
            Span::Plain(text) => text.to_string(),
            Span::Strong(text) => format!("<{text}>"),
            Span::Code(text) => format!("[{text}]"),
        };
        let all = |spans: &[Span]| spans.iter().map(span).collect::<String>();
        let block = |it: &Block| match it {
            Block::Paragraph(spans) => format!("p {}\n", all(spans)),
            Block::List(items) => items
                .iter()
                .map(|it| format!("{} {}\n", if it.inner { "  ·" } else { "·" }, all(&it.spans)))
                .collect(),
        };
        expected.assert_eq(&blocks(text).iter().map(block).collect::<String>());
    }

    #[test]
    fn an_answer_is_paragraphs_and_lists() {
        check(
            "About **12.00 USD** a month:\n\n- ec2: `10.00`\n  - **big**: one\n- s3\n\nPrices: x.",
            expect![[r#"
                p About <12.00 USD> a month:
                · ec2: [10.00]
                  · <big>: one
                · s3
                p Prices: x.
            "#]],
        );
        check(
            "**open `and <b>\u{202e}",
            expect![[r#"
            p **open `and <b>\u{202e}
        "#]],
        );
        check(
            "a * b `c` [d](https://e.example) ****",
            expect![[r#"
            p a * b [c] [d](https://e.example) ****
        "#]],
        );
    }
}
