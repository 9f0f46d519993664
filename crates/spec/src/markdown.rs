//! As much of Markdown as specifications are made of: headings, list items, paragraphs; code and comments are closed to us. Line by
//! line and lenient about indentation, since that is what people and agents vary.

use std::ops::Range;

use crate::{
    malformed::{Cause, Malformed},
    source::Source,
};

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// From 0.
    pub(crate) nth: usize,
    pub(crate) block: Block,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Block {
    Blank,
    Heading {
        level: usize,
        text: Range<usize>,
    },
    Item {
        indent: usize,
        marker: Marker,
        text: Range<usize>,
    },
    Text {
        text: Range<usize>,
    },
    /// Code, a comment, or their marks: nothing in it is structure.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    Bullet,
    /// As it is written; too long a number is none.
    Number(u32),
}

/// # Errors
/// A fence or a comment that is never closed, which would hide the rest.
pub(crate) fn lines(source: &Source) -> Result<Vec<Line>, Malformed> {
    let mut inside: Option<(Inside, Range<usize>)> = None;
    let mut lines = Vec::with_capacity(source.line_count());
    for nth in 0..source.line_count() {
        let range = source.line(nth);
        let text = source.slice(range.clone());
        let block = match inside.take() {
            Some((open, since)) => {
                if !open.is_closed_by(text) {
                    inside = Some((open, since));
                }
                Block::Closed
            }
            None => match Inside::opened_by(text) {
                Some(Some(open)) => {
                    inside = Some((open, range.clone()));
                    Block::Closed
                }
                Some(None) => Block::Closed,
                None => block(source, range.clone()),
            },
        };
        lines.push(Line { nth, block });
    }
    match inside {
        Some((Inside::Comment, since)) => Err(source.malformed(since, Cause::CommentOpen)),
        Some((Inside::Fence { .. }, since)) => Err(source.malformed(since, Cause::FenceOpen)),
        None => Ok(lines),
    }
}

enum Inside {
    Fence { mark: char, length: usize },
    Comment,
}

impl Inside {
    /// `Some(None)`: opened and closed on one line.
    fn opened_by(line: &str) -> Option<Option<Self>> {
        let text = line.trim_start();
        if let Some(rest) = text.strip_prefix("<!--") {
            return Some((!rest.contains("-->")).then_some(Self::Comment));
        }
        let mark = text.chars().next().filter(|it| matches!(it, '`' | '~'))?;
        let info = text.trim_start_matches(mark);
        let length = text.len().saturating_sub(info.len());
        // Inline code may have three marks, too, but then they come again on the line.
        (length >= 3 && !(mark == '`' && info.contains('`'))).then_some(Some(Self::Fence { mark, length }))
    }

    fn is_closed_by(&self, line: &str) -> bool {
        match self {
            Self::Comment => line.contains("-->"),
            Self::Fence { mark, length } => {
                let text = line.trim();
                text.len() >= *length && text.chars().all(|it| it == *mark)
            }
        }
    }
}

fn block(source: &Source, range: Range<usize>) -> Block {
    let line = source.slice(range.clone());
    let text = line.trim_start();
    if text.is_empty() {
        return Block::Blank;
    }
    let ahead = line.len().saturating_sub(text.len());
    let start = range.start.saturating_add(ahead);
    let after = |length: usize| start.saturating_add(length)..range.end;
    let level = text.len().saturating_sub(text.trim_start_matches('#').len());
    let rest = text.get(level..).unwrap_or_default();
    if (1..=6).contains(&level) && (rest.is_empty() || rest.starts_with([' ', '\t'])) {
        return Block::Heading { level, text: source.trimmed(after(level), &['#']) };
    }
    // A tab counts as four: only compared with its neighbours.
    let indent = line.chars().take(ahead).map(|it| if it == '\t' { 4_usize } else { 1 }).sum();
    match marker(text) {
        Some((marker, length)) => Block::Item { indent, marker, text: source.trimmed(after(length), &[]) },
        None => Block::Text { text: source.trimmed(start..range.end, &[]) },
    }
}

fn marker(text: &str) -> Option<(Marker, usize)> {
    let spaced = |rest: &str| rest.is_empty() || rest.starts_with([' ', '\t']);
    if let Some(rest) = text.strip_prefix(['-', '*', '+']) {
        return spaced(rest).then_some((Marker::Bullet, 1));
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let rest = text.get(digits..)?.strip_prefix(['.', ')'])?;
    let number = text.get(..digits)?.parse().ok()?;
    spaced(rest).then_some((Marker::Number(number), digits.saturating_add(1)))
}

/// The range from the beginning of a text to the end of the paragraph that it opens: lines of text directly below belong to it, up
/// to one that `begins` something of its own.
pub(crate) fn paragraph(
    lines: &[Line],
    from: usize,
    text: Range<usize>,
    begins: impl Fn(Range<usize>) -> bool,
) -> Range<usize> {
    let below = lines.iter().skip(from.saturating_add(1)).map_while(|line| match &line.block {
        Block::Text { text } if !begins(text.clone()) => Some(text.end),
        Block::Text { .. } | Block::Blank | Block::Heading { .. } | Block::Item { .. } | Block::Closed => {
            None
        }
    });
    text.start..below.last().unwrap_or(text.end)
}

/// Whether the line above is one that a line of text can go on.
pub(crate) fn goes_on(lines: &[Line], nth: usize) -> bool {
    let above = nth.checked_sub(1).and_then(|it| lines.get(it));
    above.is_some_and(|it| matches!(it.block, Block::Item { .. } | Block::Text { .. }))
}
