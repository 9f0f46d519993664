//! `requirements.md`: a glossary, and requirements with a user story and acceptance criteria in EARS.
//!
//! ```text
//! ## Glossary
//! - **Gateway**: what agents speak to
//! ### Requirement 2: Stays up
//! **User Story:** As an operator, I want …, so that …
//! #### Acceptance Criteria
//! 1. WHEN … THE Gateway SHALL …
//! ```

use std::ops::Range;

use crate::{
    bounds::{Bounds, ITEMS},
    criterion::{self, Criterion, begins, dotted},
    ears,
    edit::{self, EditError, Splice},
    id::{CriterionId, number},
    malformed::{Cause, Malformed},
    markdown::{self, Block, Line, Marker, paragraph},
    source::{Source, Span},
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirements {
    source: Source,
    pub(crate) glossary: Vec<Term>,
    pub(crate) list: Vec<Requirement>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    pub name: String,
    pub span: Span,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    pub number: u32,
    /// Empty where there is none.
    pub title: String,
    pub span: Span,
    pub story: Option<Span>,
    pub criteria: Vec<Criterion>,
    /// The line, from 0, after which another criterion would stand, and how the one there is indented.
    tail: Option<(usize, String)>,
}

impl Requirements {
    /// # Errors
    /// [`Malformed`], with line and reason.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(file, bytes, Bounds::DOCUMENT)?;
        let lines = markdown::lines(&source)?;
        let mut reader = Reader {
            source: &source,
            lines: &lines,
            glossary: Vec::new(),
            list: Vec::new(),
            place: Place::Elsewhere,
        };
        for nth in 0..lines.len() {
            reader.line(nth)?;
        }
        let (glossary, list) = (reader.glossary, reader.list);
        Ok(Self { source, glossary, list })
    }

    pub fn source(&self) -> &Source {
        &self.source
    }

    pub fn glossary(&self) -> &[Term] {
        &self.glossary
    }

    pub fn requirements(&self) -> &[Requirement] {
        &self.list
    }

    pub fn criteria(&self) -> impl Iterator<Item = &Criterion> {
        self.list.iter().flat_map(|it| &it.criteria)
    }

    /// Adds a criterion after the last one of a requirement.
    ///
    /// # Errors
    /// [`EditError`]; then nothing has changed.
    pub fn add_criterion(&mut self, requirement: u32, sentence: &str) -> Result<CriterionId, EditError> {
        let sentence = edit::one_line(sentence)?;
        ears::parse(sentence, 0)?;
        let missing = || EditError::NotThere(format!("requirement {requirement} with acceptance criteria"));
        let found = self.list.iter().find(|it| it.number == requirement).ok_or_else(missing)?;
        let (nth, indent) = found.tail.clone().ok_or_else(missing)?;
        let number = found.criteria.iter().map(|it| it.id.number).max().unwrap_or(0).saturating_add(1);
        let id = CriterionId { requirement, number };
        let splice = Splice::line_after(&self.source, nth, &format!("{indent}{number}. {sentence}"));
        let next = Self::parse(self.source.file(), &splice.applied(&self.source))?;
        let there = next.criteria().any(|it| it.id == id && it.ears.is_ok());
        if !there || next.criteria().count() != self.criteria().count().saturating_add(1) {
            return Err(EditError::ReadOtherwise);
        }
        *self = next;
        Ok(id)
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Elsewhere,
    Glossary,
    /// Under the heading of a requirement.
    Requirement,
    /// Under its acceptance criteria; with the indentation of the first.
    Criteria(Option<usize>),
}

struct Reader<'a> {
    source: &'a Source,
    lines: &'a [Line],
    glossary: Vec<Term>,
    list: Vec<Requirement>,
    place: Place,
}

impl Reader<'_> {
    fn line(&mut self, nth: usize) -> Result<(), Malformed> {
        let Some(line) = self.lines.get(nth) else { return Ok(()) };
        match &line.block {
            Block::Heading { level, text } => self.heading(nth, *level, text.clone()),
            Block::Item { indent, marker, text } => self.item(nth, *indent, *marker, text.clone()),
            Block::Text { text } => self.text(nth, text.clone()),
            Block::Blank | Block::Closed => Ok(()),
        }
    }

    fn heading(&mut self, nth: usize, level: usize, text: Range<usize>) -> Result<(), Malformed> {
        let heading = self.source.slice(text.clone());
        if is_criteria(heading) {
            return self.open_criteria(nth, text);
        }
        let word = heading.split_whitespace().next().unwrap_or_default();
        if level >= 2 && word.eq_ignore_ascii_case("requirement") {
            return self.open_requirement(text.clone(), text.start.saturating_add(word.len())..text.end);
        }
        self.place = match self.place {
            // A note within a requirement.
            Place::Requirement | Place::Criteria(_) if level >= 4 => Place::Requirement,
            _ if heading.eq_ignore_ascii_case("glossary") => Place::Glossary,
            _ => Place::Elsewhere,
        };
        Ok(())
    }

    fn open_requirement(&mut self, span: Range<usize>, rest: Range<usize>) -> Result<(), Malformed> {
        let rest = self.source.trimmed(rest, &[]);
        let text = self.source.slice(rest.clone());
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (figure, title) = text.split_at_checked(digits).unwrap_or_default();
        let wrong = || Cause::Number(text.split_whitespace().next().unwrap_or_default().to_owned());
        let number =
            number(figure).filter(|_| title.is_empty() || title.starts_with([':', ' ', '.', '-', '—', '–']));
        let number = number.ok_or_else(|| self.source.malformed(rest.clone(), wrong()))?;
        // `2.1` is a criterion.
        if title.strip_prefix('.').is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit())) {
            return Err(self.source.malformed(rest, wrong()));
        }
        self.bounded(self.list.len(), rest, "requirements")?;
        let title = title.trim_start_matches([':', ' ', '.', '-', '—', '–']).to_owned();
        let span = self.source.span(span);
        self.list.push(Requirement { number, title, span, story: None, criteria: Vec::new(), tail: None });
        self.place = Place::Requirement;
        Ok(())
    }

    fn open_criteria(&mut self, nth: usize, text: Range<usize>) -> Result<(), Malformed> {
        let inside = matches!(self.place, Place::Requirement | Place::Criteria(_));
        let Some(requirement) = self.list.last_mut().filter(|_| inside) else {
            return Err(self.source.malformed(text, Cause::CriteriaOutside));
        };
        requirement.tail = Some((nth, String::new()));
        self.place = Place::Criteria(None);
        Ok(())
    }

    fn item(
        &mut self,
        nth: usize,
        indent: usize,
        marker: Marker,
        text: Range<usize>,
    ) -> Result<(), Malformed> {
        match (self.place, marker) {
            (Place::Glossary, _) => {
                self.term(text);
                Ok(())
            }
            // What lies deeper belongs to a criterion and is none.
            (Place::Criteria(Some(first)), _) if indent > first.saturating_add(1) => Ok(()),
            (Place::Criteria(_), Marker::Number(figure)) => {
                let id = self.id(figure.to_string().as_str(), &text)?;
                self.criterion(nth, indent, id, text)
            }
            (Place::Criteria(_), Marker::Bullet) => match dotted(self.source.slice(text.clone())) {
                Some(_) => self.numbered(nth, indent, text),
                None => Err(self.source.malformed(text, Cause::CriterionUnnumbered)),
            },
            (Place::Elsewhere | Place::Requirement, _) => Ok(()),
        }
    }

    fn text(&mut self, nth: usize, text: Range<usize>) -> Result<(), Malformed> {
        let line = self.source.slice(text.clone());
        let bare = line.trim_start_matches(['*', '_']);
        let inside = matches!(self.place, Place::Requirement | Place::Criteria(_));
        if inside && starts_with(bare, "user story") && line.starts_with(['*', '_']) {
            let span = self.source.span(paragraph(self.lines, nth, text, |_| false));
            if let Some(requirement) = self.list.last_mut() {
                requirement.story.get_or_insert(span);
            }
            return Ok(());
        }
        if line.starts_with("**") && is_criteria(line.trim_matches('*')) {
            return self.open_criteria(nth, text);
        }
        if matches!(self.place, Place::Criteria(_)) && self.is_numbered(nth, line) {
            return self.numbered(nth, 0, text);
        }
        Ok(())
    }

    fn is_numbered(&self, nth: usize, line: &str) -> bool {
        let section = self.list.last().map_or(0, |it| it.number);
        match markdown::goes_on(self.lines, nth) {
            true => begins(line, section),
            false => dotted(line).is_some(),
        }
    }

    /// `2.1 WHEN …` in place of `1. WHEN …`.
    fn numbered(&mut self, nth: usize, indent: usize, text: Range<usize>) -> Result<(), Malformed> {
        let Some((first, second, length)) = dotted(self.source.slice(text.clone())) else { return Ok(()) };
        let section = self.list.last().map_or(0, |it| it.number);
        if number(first) != Some(section) {
            let found = format!("{first}.{second}");
            return Err(self.source.malformed(text, Cause::CriterionElsewhere { found, section }));
        }
        let id = self.id(second, &text)?;
        self.criterion(nth, indent, id, text.start.saturating_add(length)..text.end)
    }

    fn id(&self, figure: &str, text: &Range<usize>) -> Result<CriterionId, Malformed> {
        let wrong = || self.source.malformed(text.clone(), Cause::Number(figure.to_owned()));
        let requirement = self.list.last().map_or(0, |it| it.number);
        Ok(CriterionId { requirement, number: number(figure).ok_or_else(wrong)? })
    }

    fn criterion(
        &mut self,
        nth: usize,
        indent: usize,
        id: CriterionId,
        text: Range<usize>,
    ) -> Result<(), Malformed> {
        self.bounded(self.list.iter().map(|it| it.criteria.len()).sum(), text.clone(), "criteria")?;
        let begins = |it: Range<usize>| begins(self.source.slice(it), id.requirement);
        let whole = paragraph(self.lines, nth, text, begins);
        let criterion = Criterion::read(self.source, id, criterion::Place::Any, whole);
        if let Place::Criteria(first) = &mut self.place {
            first.get_or_insert(indent);
        }
        let line = self.source.slice(self.source.line(nth));
        let ahead = line.get(..line.len().saturating_sub(line.trim_start().len())).unwrap_or_default();
        // Whatever hangs below it stays with it.
        let deeper = self.lines.iter().skip(nth.saturating_add(1)).take_while(|it| match &it.block {
            Block::Item { indent: deeper, .. } => *deeper > indent.saturating_add(1),
            Block::Text { text } => !begins(text.clone()),
            Block::Closed => true,
            Block::Blank | Block::Heading { .. } => false,
        });
        let last = deeper.last().map_or(nth, |it| it.nth);
        if let Some(requirement) = self.list.last_mut() {
            requirement.criteria.push(criterion);
            requirement.tail = Some((last, ahead.to_owned()));
        }
        Ok(())
    }

    /// `**Term**: definition`, the colon perhaps within the emphasis.
    fn term(&mut self, text: Range<usize>) {
        let entry = self.source.slice(text.clone());
        let Some((name, _)) = entry.strip_prefix("**").and_then(|it| it.split_once("**")) else { return };
        let name = name.trim().trim_end_matches(':').to_owned();
        if !name.is_empty() {
            self.glossary.push(Term { name, span: self.source.span(text) });
        }
    }

    fn bounded(&self, count: usize, at: Range<usize>, what: &'static str) -> Result<(), Malformed> {
        if count < ITEMS {
            return Ok(());
        }
        Err(self.source.malformed(at, Cause::TooMany { what, most: ITEMS }))
    }
}

fn is_criteria(heading: &str) -> bool {
    starts_with(heading, "acceptance criteria")
}

/// Whatever its case.
pub(crate) fn starts_with(text: &str, lower: &str) -> bool {
    text.get(..lower.len()).is_some_and(|it| it.eq_ignore_ascii_case(lower))
}
