//! `bugfix.md`: how it behaves now, how it should, and what stays as it is.
//!
//! ```text
//! ### Current Behavior (Defect)
//! 1.1 WHEN the index grows THEN a search takes minutes
//! ### Expected Behavior (Correct)
//! 2.1 WHEN the index grows THEN the search SHALL take less than 2 seconds
//! ### Unchanged Behavior (Regression Prevention)
//! 3.1 WHEN nothing is found THEN the search SHALL CONTINUE TO say so
//! ```

use std::ops::Range;

use crate::{
    bounds::{Bounds, ITEMS},
    criterion::{Criterion, Place, begins, dotted},
    ears,
    edit::{self, EditError, Splice},
    id::{CriterionId, number},
    malformed::{Cause, Malformed},
    markdown::{self, Block, Line, Marker, paragraph},
    requirements::starts_with,
    source::{Source, Span, one_line, words},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bugfix {
    source: Source,
    pub(crate) sections: [Option<Span>; 3],
    pub(crate) defects: Vec<Defect>,
    pub(crate) criteria: Vec<Criterion>,
    tails: [Option<usize>; 3],
}

/// A section, by the number that its entries begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Behavior {
    Current,
    Expected,
    Unchanged,
}

/// What is wrong: `WHEN condition THEN consequence`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Defect {
    pub id: CriterionId,
    pub text: String,
    pub span: Span,
    /// `None` where the two words are not there.
    pub parts: Option<(String, String)>,
}

impl Bugfix {
    /// # Errors
    /// [`Malformed`], with line and reason.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(file, bytes, Bounds::DOCUMENT)?;
        let lines = markdown::lines(&source)?;
        let mut reader = Reader { source: &source, lines: &lines, read: Read::default() };
        let mut section = None;
        for (nth, line) in lines.iter().enumerate() {
            match (&line.block, section) {
                (Block::Heading { text, .. }, _) => section = reader.heading(text.clone(), nth),
                (Block::Item { marker: Marker::Number(figure), text, .. }, Some(section)) => {
                    reader.entry(nth, section, &figure.to_string(), text.clone())?;
                }
                (Block::Item { marker: Marker::Bullet, text, .. }, Some(section)) => {
                    reader.numbered(nth, section, text.clone())?;
                }
                (Block::Text { text }, Some(section)) if reader.begins(nth, section, text.clone()) => {
                    reader.numbered(nth, section, text.clone())?;
                }
                (Block::Item { .. } | Block::Text { .. } | Block::Blank | Block::Closed, _) => {}
            }
        }
        let Read { sections, defects, criteria, tails } = reader.read;
        Ok(Self { source, sections, defects, criteria, tails })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn defects(&self) -> &[Defect] {
        &self.defects
    }

    /// What is expected, and what stays as it is.
    pub fn criteria(&self) -> &[Criterion] {
        &self.criteria
    }

    /// Adds a sentence to the end of a section; one of what stays says SHALL CONTINUE TO.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn add(&mut self, section: Behavior, sentence: &str) -> Result<CriterionId, EditError> {
        let sentence = edit::one_line(sentence)?;
        if section != Behavior::Current {
            ears::parse(sentence, 0)?;
        }
        let nth =
            section.of(&self.tails).ok_or_else(|| EditError::NotThere(format!("section {section:?}")))?;
        let number = self.ids().filter(|it| it.requirement == section.number()).map(|it| it.number).max();
        let id = CriterionId { requirement: section.number(), number: number.unwrap_or(0).saturating_add(1) };
        let splice = Splice::line_after(&self.source, nth, &format!("{id} {sentence}"));
        let next = Self::parse(self.source.file(), &splice.applied(&self.source))?;
        if next.ids().count() != self.ids().count().saturating_add(1) || !next.ids().any(|it| it == id) {
            return Err(EditError::ReadOtherwise);
        }
        *self = next;
        Ok(id)
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = CriterionId> {
        self.defects.iter().map(|it| it.id).chain(self.criteria.iter().map(|it| it.id))
    }
}

#[derive(Default)]
struct Read {
    sections: [Option<Span>; 3],
    defects: Vec<Defect>,
    criteria: Vec<Criterion>,
    tails: [Option<usize>; 3],
}

struct Reader<'a> {
    source: &'a Source,
    lines: &'a [Line],
    read: Read,
}

impl Reader<'_> {
    fn heading(&mut self, text: Range<usize>, nth: usize) -> Option<Behavior> {
        let heading = self.source.slice(text.clone());
        let section = Behavior::ALL.into_iter().find(|it| starts_with(heading, it.title()))?;
        let span = self.source.span(text);
        if let Some(place) = self.read.sections.get_mut(section.index()) {
            place.get_or_insert(span);
        }
        self.tail(section, nth);
        Some(section)
    }

    fn tail(&mut self, section: Behavior, nth: usize) {
        if let Some(tail) = self.read.tails.get_mut(section.index()) {
            *tail = Some(nth);
        }
    }

    fn begins(&self, nth: usize, section: Behavior, text: Range<usize>) -> bool {
        let line = self.source.slice(text);
        match markdown::goes_on(self.lines, nth) {
            true => begins(line, section.number()),
            false => dotted(line).is_some(),
        }
    }

    fn numbered(&mut self, nth: usize, section: Behavior, text: Range<usize>) -> Result<(), Malformed> {
        let source = self.source;
        let Some((first, second, length)) = dotted(source.slice(text.clone())) else { return Ok(()) };
        if number(first) != Some(section.number()) {
            let found = format!("{first}.{second}");
            let cause = Cause::CriterionElsewhere { found, section: section.number() };
            return Err(source.malformed(text, cause));
        }
        self.entry(nth, section, second, text.start.saturating_add(length)..text.end)
    }

    fn entry(
        &mut self,
        nth: usize,
        section: Behavior,
        figure: &str,
        text: Range<usize>,
    ) -> Result<(), Malformed> {
        let wrong = || self.source.malformed(text.clone(), Cause::Number(figure.to_owned()));
        let id = CriterionId { requirement: section.number(), number: number(figure).ok_or_else(wrong)? };
        if self.read.defects.len().saturating_add(self.read.criteria.len()) >= ITEMS {
            return Err(self.source.malformed(text, Cause::TooMany { what: "entries", most: ITEMS }));
        }
        let begins = |it: Range<usize>| begins(self.source.slice(it), section.number());
        let whole = paragraph(self.lines, nth, text, begins);
        self.tail(section, self.source.span(whole.end..whole.end).line.saturating_sub(1));
        match section {
            Behavior::Current => self.read.defects.push(Defect::read(self.source, id, whole)),
            Behavior::Expected => self.criterion(id, Place::Expected, whole),
            Behavior::Unchanged => self.criterion(id, Place::Any, whole),
        }
        Ok(())
    }
}

impl Reader<'_> {
    fn criterion(&mut self, id: CriterionId, place: Place, whole: Range<usize>) {
        self.read.criteria.push(Criterion::read(self.source, id, place, whole));
    }
}

impl Defect {
    fn read(source: &Source, id: CriterionId, range: Range<usize>) -> Self {
        let text = one_line(source.slice(range.clone()));
        let parts = parts(&text);
        Self { id, text, span: source.span(range), parts }
    }
}

fn parts(text: &str) -> Option<(String, String)> {
    let all: Vec<_> = words(text, char::is_whitespace).collect();
    let is = |it: &str, keyword: &str| it.trim_matches([',', '*', '_']).eq_ignore_ascii_case(keyword);
    let (first, rest) = all.split_first()?;
    let then = rest.iter().rposition(|(_, it)| is(it, "THEN") && it.contains("THEN"));
    let then = then.or_else(|| rest.iter().position(|(_, it)| is(it, "THEN")))?;
    let (condition, consequence) = rest.split_at_checked(then)?;
    let join = |part: &[(usize, &str)]| part.iter().map(|it| it.1).collect::<Vec<_>>().join(" ");
    let (condition, consequence) = (join(condition), join(consequence.get(1..)?));
    let whole =
        (is(first.1, "WHEN") || is(first.1, "IF")) && !condition.is_empty() && !consequence.is_empty();
    whole.then(|| (condition.trim_end_matches(',').to_owned(), consequence))
}

impl Behavior {
    pub const ALL: [Self; 3] = [Self::Current, Self::Expected, Self::Unchanged];

    pub fn number(self) -> u32 {
        match self {
            Self::Current => 1,
            Self::Expected => 2,
            Self::Unchanged => 3,
        }
    }

    /// What its heading begins with, in either spelling.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Current => "current behavi",
            Self::Expected => "expected behavi",
            Self::Unchanged => "unchanged behavi",
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Current => "Current Behavior",
            Self::Expected => "Expected Behavior",
            Self::Unchanged => "Unchanged Behavior",
        }
    }

    fn index(self) -> usize {
        match self {
            Self::Current => 0,
            Self::Expected => 1,
            Self::Unchanged => 2,
        }
    }

    fn of(self, tails: &[Option<usize>; 3]) -> Option<usize> {
        tails.get(self.index()).copied().flatten()
    }
}
