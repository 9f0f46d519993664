//! Reads one sentence. First SHALL, then where the system begins, then the clauses before it, then what it shall do.

use super::{Ears, EarsError, Fault, Lead, Modal, Phrase};
use crate::source::{one_line, words};

/// Reads `sentence`, which begins at `base` of some document.
///
/// # Errors
/// [`EarsError`], with the place in that document.
pub fn parse(sentence: &str, base: usize) -> Result<Ears, EarsError> {
    let words: Vec<_> = words(sentence, char::is_whitespace).map(|(at, text)| Word { at, text }).collect();
    Reader { sentence, base }.read(&words)
}

/// What a clause begins with, and its place in the order.
const CLAUSES: [(&str, u8); 4] = [("WHERE", 0), ("WHILE", 1), ("WHEN", 2), ("IF", 2)];

#[derive(Clone, Copy)]
struct Word<'a> {
    at: usize,
    text: &'a str,
}

impl Word<'_> {
    /// Without emphasis, and without the comma after a clause.
    fn bare(&self) -> &str {
        self.text.trim_matches(|it| matches!(it, '*' | '_' | ','))
    }

    fn is(&self, keyword: &str) -> bool {
        self.bare().eq_ignore_ascii_case(keyword)
    }

    fn is_loud(&self) -> bool {
        self.bare().bytes().all(|it| it.is_ascii_uppercase())
    }

    fn ends_a_clause(&self) -> bool {
        self.text.trim_end_matches('*').ends_with(',')
    }

    fn clause(&self) -> Option<(&'static str, u8)> {
        CLAUSES.into_iter().find(|(keyword, _)| self.is(keyword))
    }

    fn end(&self) -> usize {
        self.at.saturating_add(self.text.len())
    }
}

struct Reader<'a> {
    sentence: &'a str,
    base: usize,
}

/// What stands before SHALL.
struct Head<'w, 'a> {
    clauses: &'w [Word<'a>],
    says_then: bool,
    system: &'w [Word<'a>],
}

#[derive(Default)]
struct Clauses {
    feature: Option<Phrase>,
    state: Option<Phrase>,
    lead: Option<Lead>,
}

impl Reader<'_> {
    fn read(&self, words: &[Word<'_>]) -> Result<Ears, EarsError> {
        let Some(shall) = shall(words) else { return Err(self.error(Fault::NoShall, words)) };
        let (before, after) = words.split_at_checked(shall).unwrap_or_default();
        let (shall, after) = after.split_at_checked(1).unwrap_or_default();
        let head = self.head(before, shall)?;
        let Some(system) = self.phrase(head.system) else { return Err(self.error(Fault::NoSystem, shall)) };
        let Clauses { feature, state, lead } = self.clauses(head.clauses)?;
        if matches!(lead, Some(Lead::If(_))) && !head.says_then {
            return Err(self.error(Fault::NoThen, head.system));
        }
        let (modal, response) = self.response(shall, after)?;
        Ok(Ears { feature, state, lead, system, modal, response })
    }

    fn head<'w, 'a>(&self, before: &'w [Word<'a>], shall: &[Word<'_>]) -> Result<Head<'w, 'a>, EarsError> {
        let Some((first, rest)) = before.split_first() else {
            return Err(self.error(Fault::NoSystem, shall));
        };
        if first.is("THE") {
            return Ok(Head { clauses: &[], says_then: false, system: rest });
        }
        if first.clause().is_none() {
            // A system without THE, or something that is no clause before one with it.
            if before.iter().any(|it| it.is("THE") || it.ends_a_clause()) {
                return Err(self.error(Fault::NoKeyword, std::slice::from_ref(first)));
            }
            return Ok(Head { clauses: &[], says_then: false, system: before });
        }
        let Some(at) = system_begins(before, first.is_loud()) else {
            return Err(self.error(Fault::NoSystem, shall));
        };
        let (clauses, system) = before.split_at_checked(at).unwrap_or_default();
        let (clauses, says_then) = match clauses.split_last() {
            Some((last, rest)) if last.is("THEN") => (rest, true),
            _ => (clauses, false),
        };
        let system = match system.split_first() {
            Some((article, rest)) if article.is("THE") => rest,
            _ => system,
        };
        Ok(Head { clauses, says_then, system })
    }

    fn clauses(&self, words: &[Word<'_>]) -> Result<Clauses, EarsError> {
        let loud = words.first().is_some_and(Word::is_loud);
        let mut clauses = Clauses::default();
        let mut newest: Option<(&str, u8)> = None;
        let mut left = words;
        while let Some((first, rest)) = left.split_first() {
            let Some((keyword, rank)) = first.clause() else { break };
            let mut before = *first;
            let end = rest.iter().position(|it| {
                let begins =
                    it.clause().is_some() && if loud { it.is_loud() } else { before.ends_a_clause() };
                before = *it;
                begins
            });
            let (inner, after) = rest.split_at_checked(end.unwrap_or(rest.len())).unwrap_or_default();
            let at = std::slice::from_ref(first);
            if let Some((before, _)) = newest.filter(|(_, it)| *it >= rank) {
                return Err(self.error(Fault::Order(keyword, before), at));
            }
            let Some(phrase) = self.phrase(inner) else { return Err(self.error(Fault::Empty(keyword), at)) };
            match keyword {
                "WHERE" => clauses.feature = Some(phrase),
                "WHILE" => clauses.state = Some(phrase),
                "WHEN" => clauses.lead = Some(Lead::When(phrase)),
                _ => clauses.lead = Some(Lead::If(phrase)),
            }
            newest = Some((keyword, rank));
            left = after;
        }
        Ok(clauses)
    }

    fn response(&self, shall: &[Word<'_>], after: &[Word<'_>]) -> Result<(Modal, Phrase), EarsError> {
        let (modal, rest) = match after {
            [first, rest @ ..] if first.is("NOT") => (Modal::ShallNot, rest),
            [first, second, rest @ ..] if first.is("CONTINUE") && second.is("TO") => {
                (Modal::ShallContinueTo, rest)
            }
            _ => (Modal::Shall, after),
        };
        let mut phrase = self.phrase(rest).ok_or_else(|| self.error(Fault::NoResponse, shall))?;
        let bare = phrase.text.trim_end_matches(|it: char| it == '.' || it.is_whitespace()).len();
        phrase.at.end = phrase.at.end.saturating_sub(phrase.text.len().saturating_sub(bare));
        phrase.text.truncate(bare);
        if phrase.text.is_empty() { Err(self.error(Fault::NoResponse, shall)) } else { Ok((modal, phrase)) }
    }

    /// Without emphasis around it and the comma after it.
    fn phrase(&self, words: &[Word<'_>]) -> Option<Phrase> {
        let (first, last) = words.first().zip(words.last())?;
        let whole = self.sentence.get(first.at..last.end())?;
        let out = |it: char| it.is_whitespace() || matches!(it, '*' | ',');
        let left = whole.trim_start_matches(out);
        let text = left.trim_end_matches(out);
        let start = self.base.saturating_add(first.at).saturating_add(whole.len().saturating_sub(left.len()));
        let at = start..start.saturating_add(text.len());
        (!text.is_empty()).then(|| Phrase { text: one_line(text), at })
    }

    fn error(&self, fault: Fault, words: &[Word<'_>]) -> EarsError {
        let start = words.first().map_or(0, |it| it.at);
        let end = words.last().map_or(start, Word::end);
        EarsError { fault, at: self.base.saturating_add(start)..self.base.saturating_add(end) }
    }
}

/// In capitals where any is: then the others are words of a clause.
fn shall(words: &[Word<'_>]) -> Option<usize> {
    let loud = words.iter().position(|it| it.is("SHALL") && it.is_loud());
    loud.or_else(|| words.iter().position(|it| it.is("SHALL")))
}

/// Where the system begins, its article included, in words that begin with a clause. Whoever writes keywords in capitals writes
/// those before the system so, too; otherwise a comma says most, then `then`.
fn system_begins(words: &[Word<'_>], loud: bool) -> Option<usize> {
    let last = |holds: &dyn Fn(usize, &Word<'_>) -> bool| {
        words.iter().enumerate().skip(1).filter(|(nth, it)| holds(*nth, it)).map(|(nth, _)| nth).last()
    };
    let before = |nth: usize| nth.checked_sub(1).and_then(|it| words.get(it));
    let loud_then = last(&|_, it| loud && it.is("THEN") && it.is_loud()).map(|nth| nth.saturating_add(1));
    let bracket = || {
        let closes = words.last().is_some_and(|it| it.bare().ends_with(']'));
        closes.then(|| last(&|_, it| it.bare().starts_with('['))).flatten()
    };
    let loud_the = || last(&|_, it| loud && it.is("THE") && it.is_loud());
    let set_off =
        || last(&|nth, it| it.is("THE") && before(nth).is_some_and(|it| it.ends_a_clause() || it.is("THEN")));
    let soft = || {
        let then = last(&|_, it| it.is("THEN")).map(|nth| nth.saturating_add(1));
        let the = last(&|_, it| it.is("THE"));
        then.filter(|then| the.is_none_or(|the| the < *then)).or(the)
    };
    let comma = || last(&|nth, _| before(nth).is_some_and(Word::ends_a_clause));
    loud_then.or_else(bracket).or_else(loud_the).or_else(set_off).or_else(soft).or_else(comma)
}
