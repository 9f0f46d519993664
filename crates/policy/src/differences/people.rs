//! `roster.toml`: who may newly launch, sign, or stand apart.

use std::cmp::Ordering;

use model::{Agent, Person, Roster};

use super::{Found, Way};

const FILE: &str = "roster.toml";

pub(super) fn compare(old: &Roster, new: &Roster, found: &mut Found) {
    let nobody = Person::default();
    for (name, before) in &old.people {
        match new.people.get(name) {
            None => found.add(Way::Stricter, FILE, format!("{name} is not enrolled any more")),
            Some(after) => person(name.as_str(), before, after, found),
        }
    }
    for (name, after) in new.people.iter().filter(|(name, _)| !old.people.contains_key(*name)) {
        found.add(Way::Laxer, FILE, format!("{name} is newly enrolled"));
        // Their keys come with them.
        let known = Person { keys: after.keys.clone(), ..nobody.clone() };
        person(name.as_str(), &known, after, found);
    }
    let hours = |roster: &Roster| roster.recovery_delay_s() / 3600;
    let (before, after) = (hours(old), hours(new));
    let waits = format!("a recovery waits {after} hours in place of {before}");
    match after.cmp(&before) {
        Ordering::Less => found.add(Way::Laxer, FILE, waits),
        Ordering::Greater => found.add(Way::Stricter, FILE, waits),
        Ordering::Equal => {}
    }
    for (name, before) in &old.agents {
        match new.agents.get(name) {
            None => {
                found.add(Way::Stricter, FILE, format!("no session can be opened for agent {name} any more"))
            }
            Some(after) if after != before => owner(name.as_str(), before, after, found),
            Some(_) => {}
        }
    }
    for name in new.agents.keys().filter(|name| !old.agents.contains_key(*name)) {
        found.add(Way::Laxer, FILE, format!("sessions can be opened for agent {name}"));
    }
}

fn person(name: &str, before: &Person, after: &Person, found: &mut Found) {
    for (may, before, after) in [
        ("launch agents", before.operator, after.operator),
        ("approve", before.approver, after.approver),
        ("recover the roster", before.recovery, after.recovery),
    ] {
        match (before, after) {
            (false, true) => found.add(Way::Laxer, FILE, format!("{name} may newly {may}")),
            (true, false) => found.add(Way::Stricter, FILE, format!("{name} may not {may} any more")),
            (true, true) | (false, false) => {}
        }
    }
    for role in after.roles.difference(&before.roles) {
        found.add(Way::Laxer, FILE, format!("{name} is newly counted as {role}"));
    }
    for role in before.roles.difference(&after.roles) {
        found.add(Way::Stricter, FILE, format!("{name} is not counted as {role} any more"));
    }
    let added = after.keys.difference(&before.keys).count();
    if added > 0 {
        found.add(Way::Laxer, FILE, format!("{name} may sign with {added} other key(s)"));
    }
    for account in after.identities.difference(&before.identities) {
        found.add(Way::Laxer, FILE, format!("{name} may sign in as {account}"));
    }
    for account in before.identities.difference(&after.identities) {
        found.add(Way::Stricter, FILE, format!("{name} may not sign in as {account} any more"));
    }
    let gone = before.keys.difference(&after.keys).count();
    if gone > 0 {
        found.add(Way::Stricter, FILE, format!("{gone} key(s) of {name} do not count any more"));
    }
}

/// An owner is part of the chain, and so does not count; but is counted where a rule asks for the owner.
fn owner(agent: &str, before: &Agent, after: &Agent, found: &mut Found) {
    let shown = |agent: &Agent| agent.owner.as_ref().map_or_else(|| "nobody".to_owned(), ToString::to_string);
    let what = format!("agent {agent} belongs to {} in place of {}", shown(after), shown(before));
    let way = if before.owner.is_none() { Way::Stricter } else { Way::Laxer };
    found.add(way, FILE, what);
}
