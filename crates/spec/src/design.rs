//! `design.md`: of its prose, only the correctness properties are structure.
//!
//! ```text
//! ### Property 3: Nothing is lost
//! *For any* order that was accepted, the outbox holds it.
//! **Validates: Requirements 1.2, 2.1**
//! ```

use std::ops::Range;

use crate::{
    bounds::{Bounds, ITEMS},
    id::{PropertyId, number},
    malformed::{Cause, Malformed},
    markdown::{self, Block},
    reference::References,
    source::{Source, Span, one_line},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Design {
    source: Source,
    pub(crate) properties: Vec<Property>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Property {
    pub id: PropertyId,
    pub name: String,
    pub span: Span,
    /// What it claims, with one space between words.
    pub text: String,
    pub validates: References,
}

impl Design {
    /// # Errors
    /// [`Malformed`], with line and reason.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(file, bytes, Bounds::DOCUMENT)?;
        let mut properties: Vec<Property> = Vec::new();
        let mut inside = false;
        for line in markdown::lines(&source)? {
            let text = match line.block {
                Block::Heading { text, .. } => {
                    inside = false;
                    Some(text)
                }
                Block::Text { text } | Block::Item { text, .. } => Some(text),
                Block::Blank | Block::Closed => None,
            };
            let Some(text) = text else { continue };
            let whole = source.slice(source.line(line.nth));
            let opens = whole.trim_start().starts_with(['#']) || whole.trim_start().starts_with("**");
            if let Some((id, name)) = named(&source, text.clone()).filter(|_| opens) {
                if properties.len() >= ITEMS {
                    return Err(source.malformed(text, Cause::TooMany { what: "properties", most: ITEMS }));
                }
                let span = source.span(text);
                properties.push(Property {
                    id,
                    name,
                    span,
                    text: String::new(),
                    validates: References::default(),
                });
                inside = true;
            } else if let Some(property) = properties.last_mut().filter(|_| inside) {
                body(&source, text, property)?;
            }
        }
        Ok(Self { source, properties })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn properties(&self) -> &[Property] {
        &self.properties
    }
}

/// `Property 3: name`, `Correctness Property 3`, emphasised or not.
pub(crate) fn named(source: &Source, range: Range<usize>) -> Option<(PropertyId, String)> {
    let text = source.slice(range).trim_matches(['*', '_', ' ']);
    let rest = strip_word(strip_word(text, "correctness").unwrap_or(text), "property")?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let (figure, name) = rest.split_at_checked(digits)?;
    let ends = name.is_empty() || name.starts_with([':', ' ', '.', '*', '_', '-', '—', '–']);
    let name = name.trim_matches([':', ' ', '.', '*', '_', '-', '—', '–']);
    Some((PropertyId(number(figure).filter(|_| ends)?), name.to_owned()))
}

fn strip_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let rest = text.get(word.len()..).filter(|_| crate::requirements::starts_with(text, word))?;
    rest.starts_with(' ').then(|| rest.trim_start())
}

fn body(source: &Source, range: Range<usize>, property: &mut Property) -> Result<(), Malformed> {
    match after(source, range.clone(), "validates") {
        Some(list) => property.validates.read(source, list),
        None => {
            if !property.text.is_empty() {
                property.text.push(' ');
            }
            property.text.push_str(&one_line(source.slice(range)));
            Ok(())
        }
    }
}

/// What follows `word:` at the beginning of a line, whatever emphasis is around it.
pub(crate) fn after(source: &Source, range: Range<usize>, word: &str) -> Option<Range<usize>> {
    let bare = source.trimmed(range.clone(), &['*', '_']);
    let text = source.slice(bare.clone());
    let rest = text.get(word.len()..).filter(|_| crate::requirements::starts_with(text, word))?;
    let colon = rest.trim_start_matches(['*', '_', ' ']).strip_prefix(':')?;
    Some(bare.end.saturating_sub(colon.len())..bare.end)
}
