//! `Requirements 1.1, 2.3`: lists of what a task, a check or a property serves.

use std::{collections::BTreeSet, ops::Range};

use crate::{
    bounds::REFERENCES,
    id::{CriterionId, Reference, number},
    malformed::{Cause, Malformed},
    source::{Source, Span, words},
};

/// What could be read of such lists, and what could not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct References {
    pub list: Vec<(Reference, Span)>,
    /// Words that name no requirement.
    pub unreadable: Vec<Span>,
}

impl References {
    /// Adds the list that stands in `range`.
    pub(crate) fn read(&mut self, source: &Source, range: Range<usize>) -> Result<(), Malformed> {
        let text = source.slice(range.clone());
        for (at, word) in words(text, |it| it.is_whitespace() || matches!(it, ',' | ';' | '&')) {
            let start = range.start.saturating_add(at);
            let marks = ['*', '_', '.', ':', '(', ')', '[', ']'];
            let found = source.trimmed(start..start.saturating_add(word.len()), &marks);
            let bare = source.slice(found.clone());
            let joins = ["", "and", "requirement", "requirements", "req", "reqs"];
            if joins.iter().any(|it| bare.eq_ignore_ascii_case(it)) {
                continue;
            }
            if self.list.len().saturating_add(self.unreadable.len()) >= REFERENCES {
                return Err(source
                    .malformed(found, Cause::TooMany { what: "references in a list", most: REFERENCES }));
            }
            let span = source.span(found.clone());
            match several(bare) {
                Some(all) => self.list.extend(all.into_iter().map(|it| (it, span))),
                None => self.unreadable.push(span),
            }
        }
        Ok(())
    }

    /// The criteria that are meant, of those that there are.
    pub(crate) fn of(&self, known: &BTreeSet<CriterionId>) -> BTreeSet<CriterionId> {
        let (mut meant, mut whole) = (BTreeSet::new(), BTreeSet::new());
        for (reference, _) in &self.list {
            match reference {
                Reference::Criterion(id) => meant.extend(known.get(id)),
                // Once: it may be thousands.
                Reference::Requirement(number) if !whole.insert(*number) => {}
                Reference::Requirement(number) => {
                    let at = |requirement| CriterionId { requirement, number: 0 };
                    meant.extend(known.range(at(*number)..at(number.saturating_add(1))));
                }
            }
        }
        meant
    }
}

/// `2`, `2.3`, or `2.1-2.4`.
fn several(word: &str) -> Option<Vec<Reference>> {
    let Some((first, last)) = word.split_once(['-', '–']) else { return one(word).map(|it| vec![it]) };
    match (one(first)?, one(last)?) {
        (Reference::Criterion(first), Reference::Criterion(last))
            if first.requirement == last.requirement
                && (first.number..first.number.saturating_add(100)).contains(&last.number) =>
        {
            let requirement = first.requirement;
            let each = |number| Reference::Criterion(CriterionId { requirement, number });
            Some((first.number..=last.number).map(each).collect())
        }
        _ => None,
    }
}

fn one(word: &str) -> Option<Reference> {
    match word.parse() {
        Ok(id) => Some(Reference::Criterion(id)),
        Err(_) => number(word).map(Reference::Requirement),
    }
}
