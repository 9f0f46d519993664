//! `calendar.toml`: which hours are no longer peak or frozen. Between two boundaries of both calendars nothing changes, so
//! looking once in each stretch looks at every hour.

use std::collections::{BTreeMap, BTreeSet};

use model::{Environment, EnvironmentName, Timestamp};

use super::{Found, Way};
use crate::{
    calendar::{Calendar, TimeFacts, short},
    places::Places,
};

const FILE: &str = "calendar.toml";
/// Windows repeat each week, and their hours move twice a year.
const AHEAD_S: i64 = 400 * 86_400;

pub(super) fn compare(
    old: (Option<&Calendar>, &Places),
    new: (Option<&Calendar>, &Places),
    now: Timestamp,
    found: &mut Found,
) {
    let ahead = now.plus_seconds(AHEAD_S);
    let mut moments = BTreeSet::from([now]);
    for calendar in [old.0, new.0].into_iter().flatten() {
        moments.extend(calendar.boundaries(now, ahead));
    }
    let until = moments.last().copied().unwrap_or(ahead).max(ahead);
    let mut changes: BTreeMap<(String, bool, &str), Stretch> = BTreeMap::new();
    let next = moments.iter().skip(1).copied().chain([until]);
    for (at, next) in moments.iter().copied().zip(next) {
        for environment in environments(old.1, new.1) {
            let (before, after) = (facts(old.0, at, &environment.0), facts(new.0, at, &environment.1));
            for (what, before, after) in
                [("peak", before.peak, after.peak), ("frozen", before.frozen, after.frozen)]
            {
                if before != after {
                    let key = (environment.0.name.to_string(), before, what);
                    let stretch = changes.entry(key).or_insert(Stretch { first: at, millis: 0 });
                    stretch.millis = stretch.millis.saturating_add(next.since(at));
                }
            }
        }
    }
    for ((environment, was, what), Stretch { first, millis }) in changes {
        let hours = millis.saturating_add(3_599_999) / 3_600_000;
        let span = format!("{hours} h of the {} days ahead, first {}", AHEAD_S / 86_400, short(first));
        if was {
            found.add(Way::Laxer, FILE, format!("{environment}: not {what} any more for {span}"));
        } else {
            found.add(Way::Stricter, FILE, format!("{environment}: {what} for {span}"));
        }
    }
}

struct Stretch {
    first: Timestamp,
    millis: i64,
}

/// Each by its name, as the one map and the other has it, and production.
fn environments(old: &Places, new: &Places) -> Vec<(Environment, Environment)> {
    let mut names: BTreeSet<&EnvironmentName> = old.names.keys().chain(new.names.keys()).collect();
    let unknown = Environment::unknown();
    names.insert(&unknown.name);
    let as_in = |places: &Places, name: &EnvironmentName| Environment {
        name: name.clone(),
        production: places.names.get(name).copied().unwrap_or(true),
    };
    names.into_iter().map(|name| (as_in(old, name), as_in(new, name))).collect()
}

fn facts(calendar: Option<&Calendar>, at: Timestamp, environment: &Environment) -> TimeFacts {
    match calendar {
        Some(calendar) => calendar.facts(at, environment),
        None => TimeFacts::closed(""),
    }
}
