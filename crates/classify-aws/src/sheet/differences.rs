//! What becomes laxer and what stricter from one table to the next, in lines for people. Where a difference could be either,
//! it counts as laxer: somebody looks at it then.

use std::collections::{BTreeMap, BTreeSet};

use model::{Effect, EffectSet};

use super::{Line, Sheet, text::written};

/// One line of what is otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub turn: Turn,
    pub what: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    Laxer,
    Stricter,
}

/// Everything that is otherwise, by what became of it.
#[derive(Clone, Debug, Default)]
pub struct Differences(BTreeMap<(Turn, Rank, String), BTreeSet<String>>);

/// What people should see first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Effects,
    Shows,
    Undo,
    Rules,
    Looks,
    Known,
}

/// As long as a line of a statement may be.
const LINE: usize = 900;

impl Sheet {
    /// What is otherwise in `next`.
    pub fn differences(&self, next: &Self) -> Differences {
        let mut found = Differences::default();
        for (service, operations) in &self.services {
            for (operation, line) in operations {
                let name = format!("{service}:{operation}");
                match next.line(service, operation) {
                    Some(after) => found.operation(&name, line, after),
                    None => found.add(Turn::Stricter, Rank::Known, "not known any more".to_owned(), name),
                }
            }
        }
        for (service, operations) in &next.services {
            for (operation, line) in operations.iter().filter(|(it, _)| self.line(service, it).is_none()) {
                let what = format!("known from now on, as {}", line.effects);
                found.add(Turn::Laxer, Rank::Known, what, format!("{service}:{operation}"));
            }
        }
        found.rules(self, next);
        found.kinds(self, next);
        if self.roles != next.roles {
            let what = "looked at otherwise".to_owned();
            found.add(Turn::Laxer, Rank::Looks, what, "roles that are handed over".to_owned());
        }
        found
    }
}

impl Differences {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The operations and other things that are laxer, and those that are stricter.
    pub fn counts(&self) -> (usize, usize) {
        let count = |wanted| {
            let of = self.0.iter().filter(|((turn, ..), _)| *turn == wanted);
            of.flat_map(|(_, names)| names).collect::<BTreeSet<_>>().len()
        };
        (count(Turn::Laxer), count(Turn::Stricter))
    }

    /// The first operations that are otherwise, what is laxer first.
    pub fn first(&self, count: usize) -> Vec<&str> {
        self.0.values().flatten().take(count).map(String::as_str).collect()
    }

    /// In lines that name as many as fit into `most` bytes, and count the rest.
    pub fn lines(&self, most: usize) -> Vec<Difference> {
        let mut left = most;
        let mut lines = Vec::new();
        for ((turn, _, what), names) in &self.0 {
            let mut names = names.iter().peekable();
            while names.peek().is_some() {
                let mut listed: Vec<&str> = Vec::new();
                let mut bytes = 0usize;
                while let Some(name) =
                    names.next_if(|name| bytes.saturating_add(name.len()) <= LINE.min(left))
                {
                    bytes = bytes.saturating_add(name.len()).saturating_add(2);
                    listed.push(name);
                }
                left = left.saturating_sub(bytes);
                // Either the line is full, and the next one goes on; or there is no room for any name.
                let more =
                    if listed.is_empty() { format!("{} more", names.len()) } else { listed.join(", ") };
                lines.push(Difference { turn: *turn, what: format!("{what}: {more}") });
                if listed.is_empty() {
                    break;
                }
            }
        }
        lines
    }

    fn add(&mut self, turn: Turn, rank: Rank, what: String, name: String) {
        self.0.entry((turn, rank, what)).or_default().insert(name);
    }

    fn operation(&mut self, name: &str, before: &Line, after: &Line) {
        let Line { effects, exposure, additive, events, harmless, naming, undo, quantity, looks } = before;
        let mut add = |turn, rank, what: &str| self.add(turn, rank, what.to_owned(), name.to_owned());
        if *effects != after.effects {
            let turn = if lowered(*effects, after.effects) { Turn::Laxer } else { Turn::Stricter };
            add(turn, Rank::Effects, &format!("from {effects} to {}", after.effects));
        }
        let shows = |yes| if yes { Turn::Stricter } else { Turn::Laxer };
        for (was, is, what) in [
            (exposure.data, after.exposure.data, "data"),
            (exposure.credentials, after.exposure.credentials, "credentials"),
        ] {
            if was != is {
                let verb = if is { "counted as showing" } else { "not counted as showing" };
                add(shows(is), Rank::Shows, &format!("{verb} {what}"));
            }
        }
        match (*additive, after.additive) {
            (false, true) => add(Turn::Laxer, Rank::Undo, "needing no inverse any more"),
            (true, false) => add(Turn::Stricter, Rank::Undo, "needing an inverse"),
            (true, true) | (false, false) => {}
        }
        match (*events, after.events) {
            (true, false) => add(Turn::Laxer, Rank::Effects, "not refused any more as a stream of events"),
            (false, true) => add(Turn::Stricter, Rank::Effects, "refused as a stream of events"),
            (true, true) | (false, false) => {}
        }
        match (*harmless, after.harmless) {
            (false, true) => add(Turn::Laxer, Rank::Looks, "harmless in a role, whatever its parameters"),
            (true, false) => add(Turn::Stricter, Rank::Looks, "not harmless in a role any more"),
            (true, true) | (false, false) => {}
        }
        for (same, rank, what) in [
            (*undo == after.undo, Rank::Undo, "undone otherwise"),
            (*naming == after.naming, Rank::Looks, "on what other members name"),
            (*quantity == after.quantity, Rank::Looks, "counted otherwise against budgets"),
            (*looks == after.looks, Rank::Looks, "looked at otherwise"),
        ] {
            if !same {
                add(Turn::Laxer, rank, what);
            }
        }
    }

    fn rules(&mut self, before: &Sheet, after: &Sheet) {
        for (has, lacks, raising, lowering, what) in [
            (before, after, Turn::Laxer, Turn::Stricter, "without a rule that it had"),
            (after, before, Turn::Stricter, Turn::Laxer, "with a rule that it had not"),
        ] {
            for rule in has.rules.iter().filter(|rule| !lacks.rules.contains(rule)) {
                let turn = if rule.instead.is_some() { lowering } else { raising };
                let text = written(rule).replace('\t', " ");
                let text = text.strip_prefix("rule ").unwrap_or(&text).to_owned();
                self.add(turn, Rank::Rules, what.to_owned(), text);
            }
        }
    }

    fn kinds(&mut self, before: &Sheet, after: &Sheet) {
        let all = |sheet: &Sheet| -> BTreeMap<(String, String), String> {
            let services = sheet.kinds.services.iter().map(|(service, nouns)| (service.as_str(), nouns));
            let nouns = std::iter::once(("*", &sheet.kinds.nouns)).chain(services);
            let each = |service: &str, noun: &str| (service.to_owned(), noun.to_owned());
            nouns
                .flat_map(|(service, nouns)| {
                    nouns.iter().map(move |(noun, kind)| (each(service, noun), kind.to_string()))
                })
                .collect()
        };
        let (old, new) = (all(before), all(after));
        let names: BTreeSet<&(String, String)> = old.keys().chain(new.keys()).collect();
        for name in names.into_iter().filter(|name| old.get(*name) != new.get(*name)) {
            let what = "called another kind of thing".to_owned();
            self.add(Turn::Laxer, Rank::Rules, what, format!("{} of {}", name.1, name.0));
        }
    }
}

/// Whether something that was asked of it is not asked any more. What can be undone may give way to what cannot.
fn lowered(before: EffectSet, after: EffectSet) -> bool {
    before.iter().filter(|effect| !after.contains(*effect)).any(|lost| match lost {
        Effect::Read | Effect::Write => after.worst() < lost,
        Effect::Emit | Effect::Spend | Effect::Execute | Effect::Privilege | Effect::Destroy => true,
    })
}
