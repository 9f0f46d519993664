//! What becomes laxer and what stricter from one bundle to the next, outside Cedar: environments, hours, effects, limits,
//! allowances, roles, witnesses, tables, marks of rules, what is claimed of them, and who may sign. What rules newly allow takes a
//! proof, and is not told here; that a rule was changed is.
//!
//! Where a change could be either, it counts as laxer: somebody looks at it then.

mod allowances;
mod hours;
mod people;
mod places;
mod rules;
mod settings;
mod tendency;

use std::{collections::BTreeMap, fmt};

use model::{Digest, Effect, EffectSet, Exposure, Operation, Timestamp};

pub use self::tendency::Tendency;
use crate::{Bundle, Override, Tables};

/// One thing that is otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Difference {
    pub way: Way,
    /// Of the bundle, where it stands.
    pub file: &'static str,
    /// In a sentence, what is otherwise.
    pub what: String,
}

/// Laxer first: that is what people look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Something passes, counts or may sign that did not; or could.
    Laxer,
    /// A rule was changed: what that allows is for the proof.
    Rules,
    Stricter,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Laxer => "laxer",
            Self::Rules => "rules",
            Self::Stricter => "stricter",
        })
    }
}

/// Collects them.
#[derive(Debug, Default)]
pub(crate) struct Found(Vec<Difference>);

impl Found {
    fn add(&mut self, way: Way, file: &'static str, what: impl Into<String>) {
        self.0.push(Difference { way, file, what: what.into() });
    }

    /// A number of which more is laxer.
    fn more<T: PartialOrd + fmt::Display>(&mut self, file: &'static str, what: &str, old: T, new: T) {
        if old != new {
            let way = if new > old { Way::Laxer } else { Way::Stricter };
            self.add(way, file, format!("{what} goes from {old} to {new}"));
        }
    }
}

impl Bundle {
    /// Whether the rules of both allow the same because they are the same, but for comments and marks. Otherwise what the one
    /// newly allows takes a [`Comparison`](crate::Comparison).
    pub fn has_the_rules_of(&self, other: &Self) -> bool {
        rules::say_the_same(self.parts().law, other.parts().law)
    }

    /// What is otherwise in `next`, sorted. `now` is where the calendars are compared from. `table` is what an operation is
    /// where no override names it; `None` where it is unknown, and so denied.
    pub fn differences(
        &self,
        next: &Self,
        now: Timestamp,
        table: &dyn Fn(&Operation) -> Option<EffectSet>,
    ) -> Vec<Difference> {
        let mut found = Found::default();
        let (old, new) = (self.parts(), next.parts());
        settings::compare(old.settings, new.settings, &mut found);
        people::compare(old.roster, new.roster, &mut found);
        places::compare(old.places, new.places, &mut found);
        places::accounts(old.accounts, new.accounts, &mut found);
        hours::compare((old.calendar, old.places), (new.calendar, new.places), now, &mut found);
        allowances::compare(old.allowances, new.allowances, &mut found);
        settings::witnesses(old.witnesses, new.witnesses, &mut found);
        tables(*old.tables, *new.tables, &mut found);
        overrides(old.overrides, new.overrides, table, &mut found);
        rules::compare(old.law, new.law, &mut found);
        rules::invariants(self.invariants(), next.invariants(), &mut found);
        found.0.sort();
        found.0
    }
}

/// That it is another; what that does to single operations is for whoever has both.
fn tables(old: Tables, new: Tables, found: &mut Found) {
    let shown = |table: Option<Digest>| table.map_or_else(|| "none".to_owned(), |it| it.to_string());
    if old.aws != new.aws {
        let what = format!("the operation table goes from {} to {}", shown(old.aws), shown(new.aws));
        found.add(Way::Laxer, Tables::FILE, what);
    }
}

fn overrides(
    old: &BTreeMap<Operation, Override>,
    new: &BTreeMap<Operation, Override>,
    table: &dyn Fn(&Operation) -> Option<EffectSet>,
    found: &mut Found,
) {
    let file = "overrides.toml";
    let effects = |map: &BTreeMap<Operation, Override>, operation: &Operation| match map.get(operation) {
        Some(known) => Some(known.effects),
        None => table(operation),
    };
    let shown =
        |effects: Option<EffectSet>| effects.map_or_else(|| "unknown".to_owned(), |it| it.to_string());
    let all = old.keys().chain(new.keys().filter(|operation| !old.contains_key(*operation)));
    for operation in all {
        let (before, after) = (effects(old, operation), effects(new, operation));
        if before != after {
            // One that is unknown is denied.
            let lost = match (before, after) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(before), Some(after)) => lowered(before, after),
            };
            let way = if lost { Way::Laxer } else { Way::Stricter };
            found.add(way, file, format!("{operation} goes from {} to {}", shown(before), shown(after)));
        }
        let additive =
            |map: &BTreeMap<Operation, Override>| map.get(operation).is_some_and(|it| it.undo_additive);
        match (additive(old), additive(new)) {
            (false, true) => {
                found.add(Way::Laxer, file, format!("{operation} needs no captured inverse any more"));
            }
            (true, false) => found.add(Way::Stricter, file, format!("{operation} needs a captured inverse")),
            (true, true) | (false, false) => {}
        }
        let kind = |map: &BTreeMap<Operation, Override>| map.get(operation).and_then(|it| it.kind.clone());
        let shows = |map: &BTreeMap<Operation, Override>| map.get(operation).and_then(|it| it.exposure);
        match (shows(old), shows(new)) {
            (before, after) if before == after => {}
            // Of one that is in the tables it only adds, and of one that is not it is all there is.
            (Some(before), Some(after)) if adds(before, after) => {
                found.add(Way::Stricter, file, format!("an answer to {operation} shows {}", told(after)));
            }
            (_, after) => {
                let after = after.map_or("what the tables say".to_owned(), told);
                found.add(Way::Laxer, file, format!("an answer to {operation} shows {after}"));
            }
        }
        if kind(old) != kind(new) {
            found.add(Way::Laxer, file, format!("what {operation} is about counts as another kind of thing"));
        }
    }
}

fn adds(before: Exposure, after: Exposure) -> bool {
    (after.data || !before.data) && (after.credentials || !before.credentials)
}

fn told(exposure: Exposure) -> String {
    let Exposure { data, credentials } = exposure;
    match (data, credentials) {
        (false, false) => "neither data nor credentials",
        (true, false) => "data",
        (false, true) => "credentials",
        (true, true) => "data and credentials",
    }
    .to_owned()
}

/// Whether something that was asked of it is not asked any more. What can be undone may give way to what cannot.
fn lowered(before: EffectSet, after: EffectSet) -> bool {
    let strictest = after.iter().max();
    before.iter().filter(|effect| !after.contains(*effect)).any(|lost| match lost {
        Effect::Read | Effect::Write => strictest < Some(lost),
        Effect::Emit | Effect::Spend | Effect::Execute | Effect::Privilege | Effect::Destroy => true,
    })
}
