//! Reads the list. What has drifted from its form is refused with what to write instead, since a runner would skip it.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use super::{Declared, State, Task, Tasks};
use crate::{
    bounds::{Bounds, ITEMS},
    design::{after, named},
    id::{CheckId, TaskId},
    malformed::{Cause, Malformed},
    markdown::{self, Block, Line, Marker},
    reference::References,
    requirements::starts_with,
    source::{Source, one_line},
};

impl Tasks {
    /// # Errors
    /// [`Malformed`], with line and reason.
    pub fn parse(file: &str, bytes: &[u8]) -> Result<Self, Malformed> {
        let source = Source::new(file, bytes, Bounds::DOCUMENT)?;
        let lines = markdown::lines(&source)?;
        let mut reader = Reader { source: &source, list: Vec::new(), ids: BTreeSet::new(), open: false };
        for line in &lines {
            reader.line(line)?;
        }
        let list = reader.list;
        let mut below = BTreeMap::<TaskId, Vec<usize>>::new();
        for (place, parent) in
            list.iter().enumerate().filter_map(|(place, it)| Some((place, it.id.parent()?)))
        {
            below.entry(parent).or_default().push(place);
        }
        let places = list.iter().enumerate().map(|(place, it)| (it.id.clone(), place)).collect();
        Ok(Self { source, list, places, below })
    }
}

struct Reader<'a> {
    source: &'a Source,
    list: Vec<Task>,
    ids: BTreeSet<TaskId>,
    /// Whether what follows belongs to the last task.
    open: bool,
}

impl Reader<'_> {
    fn line(&mut self, line: &Line) -> Result<(), Malformed> {
        match &line.block {
            Block::Heading { text, .. } => {
                self.open = false;
                self.not_a_task(text.clone())
            }
            Block::Item { marker: Marker::Bullet, text, .. } => self.bullet(line.nth, text.clone()),
            Block::Item { marker: Marker::Number(figure), text, .. } => {
                let drifted = boxed(self.source.slice(text.clone())).is_some();
                match (drifted, self.open) {
                    (true, _) => Err(self.source.malformed(text.clone(), Cause::NumberBeforeBox)),
                    (false, true) => self.detail(line.nth, text.clone()),
                    (false, false) => {
                        let cause = Cause::TaskWithoutBox(figure.to_string());
                        // Prose under a heading of its own may be numbered.
                        if self.list.is_empty() {
                            Err(self.source.malformed(text.clone(), cause))
                        } else {
                            Ok(())
                        }
                    }
                }
            }
            Block::Text { text } if self.open => self.detail(line.nth, text.clone()),
            Block::Closed => {
                if let Some(task) = self.list.last_mut().filter(|_| self.open) {
                    task.tail = line.nth;
                }
                Ok(())
            }
            Block::Text { .. } | Block::Blank => Ok(()),
        }
    }

    /// `## Task 1: …`, `### 1. …` and `## [ ] 1. …` are what no runner takes for a task.
    fn not_a_task(&self, text: Range<usize>) -> Result<(), Malformed> {
        let heading = self.source.slice(text.clone());
        let rest = heading.get(4..).filter(|_| starts_with(heading, "task"));
        let named = rest.is_some_and(|it| {
            it.starts_with(' ') && it.trim_start().starts_with(|it: char| it.is_ascii_digit())
        });
        let digits = heading.bytes().take_while(u8::is_ascii_digit).count();
        let numbered = digits > 0 && heading.get(digits..).is_some_and(|it| it.starts_with(['.', ')']));
        if named || numbered || boxed(heading).is_some() {
            return Err(self.source.malformed(text, Cause::TaskAsHeading));
        }
        Ok(())
    }

    fn bullet(&mut self, nth: usize, text: Range<usize>) -> Result<(), Malformed> {
        let item = self.source.slice(text.clone());
        match boxed(item) {
            Some(found) => self.task(nth, text, &found),
            None if self.open => self.detail(nth, text),
            None => {
                let word = item.split_whitespace().next().unwrap_or_default();
                let id = word.strip_suffix('.').unwrap_or(word);
                let looks = self.list.is_empty() && id.parse::<TaskId>().is_ok() && word != item;
                if looks {
                    return Err(self.source.malformed(text, Cause::TaskWithoutBox(id.to_owned())));
                }
                Ok(())
            }
        }
    }

    fn task(&mut self, nth: usize, text: Range<usize>, found: &Boxed<'_>) -> Result<(), Malformed> {
        let refuse = |cause| Err(self.source.malformed(text.clone(), cause));
        let state = match found.mark {
            " " => State::Todo,
            "-" => State::InProgress,
            "x" | "X" => State::Done,
            other => return refuse(Cause::TaskState(other.chars().take(20).collect())),
        };
        let (optional, rest) = match found.rest.trim_start_matches('\\').strip_prefix('*') {
            Some(rest) => (true, rest),
            None => (false, found.rest),
        };
        let rest = rest.trim_start();
        let word = rest.split_whitespace().next().unwrap_or_default();
        let figure = word.trim_end_matches(['.', ')', ':']);
        let numeric = !figure.is_empty() && figure.bytes().all(|it| it.is_ascii_digit() || it == b'.');
        let id = match figure.parse::<TaskId>() {
            Ok(id) => id,
            Err(_) if numeric && figure.split('.').count() > crate::bounds::TASK_DEPTH => {
                return refuse(Cause::TaskTooDeep(figure.chars().take(20).collect()));
            }
            Err(_) => return refuse(Cause::TaskUnnumbered),
        };
        if let Some(parent) = id.parent()
            && !self.ids.contains(&parent)
        {
            return refuse(Cause::Orphan(id.to_string(), parent.to_string()));
        }
        if self.list.len() >= ITEMS {
            return refuse(Cause::TooMany { what: "tasks", most: ITEMS });
        }
        if !self.ids.insert(id.clone()) {
            return refuse(Cause::TaskTwice(id.to_string()));
        }
        let title = one_line(rest.get(word.len()..).unwrap_or_default());
        // The bracket is one byte, and is where the text begins.
        let mark = text.start.saturating_add(1);
        self.list.push(Task {
            id,
            title,
            state,
            optional,
            span: self.source.span(text),
            requirements: References::default(),
            depends: Vec::new(),
            properties: Vec::new(),
            checks: Vec::new(),
            details: Vec::new(),
            mark,
            tail: nth,
        });
        self.open = true;
        Ok(())
    }

    fn detail(&mut self, nth: usize, text: Range<usize>) -> Result<(), Malformed> {
        let source = self.source;
        let Some(task) = self.list.last_mut() else { return Ok(()) };
        task.tail = nth;
        task.details.push(one_line(source.slice(text.clone())));
        if let Some(list) =
            after(source, text.clone(), "requirements").or_else(|| after(source, text.clone(), "validates"))
        {
            return task.requirements.read(source, list);
        }
        if let Some(list) = after(source, text.clone(), "depends") {
            let ids = source.slice(list.clone()).split([',', ' ']).map(|it| it.trim_matches(['*', '_', '.']));
            let span = source.span(list.clone());
            task.depends.extend(ids.filter_map(|it| it.parse().ok()).take(ITEMS).map(|it| (it, span)));
            return Ok(());
        }
        if let Some(declared) = declared(source, text.clone())? {
            task.checks.push(declared);
        } else if let Some((id, _)) = named(source, text.clone()) {
            task.properties.push((id, source.span(text.clone())));
            // Some put both on one line.
            let line = source.slice(text.clone());
            if let Some(at) = line.find("Validates:") {
                task.requirements.read(
                    source,
                    text.start.saturating_add(at).saturating_add("Validates:".len())..text.end,
                )?;
            }
        }
        Ok(())
    }
}

struct Boxed<'a> {
    mark: &'a str,
    rest: &'a str,
}

/// `[ ] …`; a link has no space after its bracket.
fn boxed(item: &str) -> Option<Boxed<'_>> {
    let (mark, rest) = item.strip_prefix('[')?.split_once(']')?;
    let short = mark.chars().count() <= 3;
    (short && (rest.is_empty() || rest.starts_with([' ', '\t', '*']) || rest.starts_with("\\*")))
        .then_some(Boxed { mark, rest })
}

/// `_Check queue-drains: the queue is empty (2.3)_`
fn declared(source: &Source, text: Range<usize>) -> Result<Option<Declared>, Malformed> {
    let Some(rest) = source.slice(text.clone()).strip_prefix("_Check ") else { return Ok(None) };
    let refuse = |why: String| source.malformed(text.clone(), Cause::Check(why));
    let rest = rest.strip_suffix('_').ok_or_else(|| refuse("it does not end with `_`".to_owned()))?;
    let (name, verifies) =
        rest.split_once(':').ok_or_else(|| refuse("its name has no `:` after it".to_owned()))?;
    let id = CheckId::declared(name.trim()).map_err(|err| refuse(err.to_string()))?;
    let mut criteria = References::default();
    let mut words = verifies.trim();
    // Brackets at the end that hold figures only.
    if let Some((before, list)) = words.strip_suffix(')').and_then(|it| it.rsplit_once('('))
        && list.bytes().all(|it| it.is_ascii_digit() || matches!(it, b'.' | b',' | b' ' | b'-'))
    {
        let end = text.end.saturating_sub("_".len());
        let start = end.saturating_sub(list.len().saturating_add(1));
        // Where spaces stand before the mark, the range is a little off to the right and still holds the list.
        let start =
            source.slice(text.start..end).rfind('(').map_or(start, |it| text.start.saturating_add(it));
        criteria.read(source, start..end)?;
        words = before.trim();
    }
    if words.is_empty() {
        return Err(refuse("it says nothing of what it verifies".to_owned()));
    }
    Ok(Some(Declared { id, verifies: one_line(words), criteria, span: source.span(text) }))
}
