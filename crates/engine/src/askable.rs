//! Whom a change could still be put before: who may sign for it, has a key that counts there, and would give something that is
//! wanted yet.

use std::collections::{BTreeMap, BTreeSet};

use approval::{Manner, Rendering};
use model::{Approval, Change, PersonId, Presence, Requirement, Role, Roster, Verdict};

use crate::{Engine, own};

impl Engine {
    /// Everybody who could give something that is wanted beside these approvals; nobody where nothing is.
    pub fn could_still_sign(&self, change: &Change, given: &[Approval]) -> Vec<PersonId> {
        let Verdict::Hold(hold) = &change.verdict else { return Vec::new() };
        let bundle = self.bundle();
        let given = given.iter().map(|it| (it.person.clone(), shown(it))).collect();
        still(&hold.requirement, bundle.roster(), &self.able(change), &given)
    }

    /// Everybody whose approval would count, by who they are and by the keys they have; with the most that each could show.
    fn able(&self, change: &Change) -> BTreeMap<PersonId, Manner> {
        let bundle = self.bundle();
        let mut able = approval::abilities(bundle.roster(), own::file_rule(&bundle, change));
        able.retain(|person, _| own::may_approve(change, bundle.roster(), person).is_ok());
        able
    }
}

/// What somebody has shown by all that they have signed, whether it stands or not.
fn shown(approval: &Approval) -> Manner {
    let newest = Manner { presence: approval.presence, rendering: Rendering::told(&approval.signature) };
    approval.given().iter().fold(newest, |best, it| Manner {
        presence: best.presence.max(it.presence),
        rendering: best.rendering.max(Rendering::told(&it.signature)),
    })
}

fn still(
    wanted: &Requirement,
    roster: &Roster,
    able: &BTreeMap<PersonId, Manner>,
    given: &BTreeMap<PersonId, Manner>,
) -> Vec<PersonId> {
    let count = |all: usize| u32::try_from(all).unwrap_or(u32::MAX);
    let left = |wanted: u32, there: usize| wanted.saturating_sub(count(there));
    let touches = |it: &Manner| it.presence == Presence::Touched;
    let renders = |it: &Manner| it.rendering == Rendering::Own;
    let has =
        |person: &PersonId, role: &Role| roster.people.get(person).is_some_and(|it| it.roles.contains(role));
    let people = left(wanted.people, given.len());
    let touched = left(wanted.touched, given.values().filter(|it| touches(it)).count());
    let rendered = left(wanted.rendered, given.values().filter(|it| renders(it)).count());
    let roles: BTreeSet<&Role> =
        wanted.roles.iter().filter(|role| !given.keys().any(|person| has(person, role))).collect();

    // Whoever has signed already may sign once more, and show what they had not.
    let adds = |person: &PersonId, able: &Manner, what: &dyn Fn(&Manner) -> bool| {
        what(able) && given.get(person).is_none_or(|shown| !what(shown))
    };
    let again = |what: &dyn Fn(&Manner) -> bool| {
        given.keys().filter(|person| able.get(*person).is_some_and(|it| adds(person, it, what))).count()
    };
    let of_new = left(touched, again(&touches)).max(left(rendered, again(&renders)));
    let of_new = of_new.max(u32::from(!roles.is_empty()));
    // Anybody will do for those places that need not be taken by somebody in particular.
    let anybody = people > of_new;
    let helps = |person: &PersonId, it: &Manner| {
        let marked =
            (touched > 0 && adds(person, it, &touches)) || (rendered > 0 && adds(person, it, &renders));
        let new = !given.contains_key(person);
        marked || (new && (anybody || roles.iter().any(|role| has(person, role))))
    };
    able.iter().filter(|(person, it)| helps(person, it)).map(|(person, _)| person.clone()).collect()
}

#[cfg(test)]
mod tests {
    use model::Person;

    use super::*;

    const FILE: Manner = Manner { presence: Presence::File, rendering: Rendering::Own };
    const PASSKEY: Manner = Manner { presence: Presence::Touched, rendering: Rendering::Page };
    const BOTH: Manner = Manner { presence: Presence::Touched, rendering: Rendering::Own };

    /// Ann has a key file, Bob a passkey, Cem both, and Dot a key file and the role `owner`.
    fn check(wanted: &Requirement, given: &[(&str, Manner)], expected: &str) {
        let name = |it: &str| it.parse::<PersonId>().unwrap();
        let able = [("ann", FILE), ("bob", PASSKEY), ("cem", BOTH), ("dot", FILE)];
        let able = able.map(|(person, manner)| (name(person), manner)).into();
        let owner = Person { roles: ["owner".parse().unwrap()].into(), ..Person::default() };
        let others = ["ann", "bob", "cem"].map(|it| (name(it), Person::default()));
        let people = others.into_iter().chain([(name("dot"), owner)]).collect();
        let roster = Roster { people, ..Roster::default() };
        let given = given.iter().map(|(person, manner)| (name(person), *manner)).collect();
        let found = still(wanted, &roster, &able, &given);
        let found: Vec<&str> = found.iter().map(PersonId::as_str).collect();
        assert_eq!(found.join(" "), expected, "{wanted} after {given:?}");
    }

    #[test]
    fn only_who_gives_what_is_wanted_yet_could_still_approve() {
        let people = |people| Requirement { people, ..Requirement::default() };
        let two = people(2);
        check(&two, &[], "ann bob cem dot");
        check(&two, &[("ann", FILE)], "bob cem dot");
        check(&two, &[("ann", FILE), ("dot", FILE)], "");

        let touched = Requirement { touched: 1, ..people(2) };
        check(&touched, &[], "ann bob cem dot");
        check(&touched, &[("bob", PASSKEY)], "ann cem dot");
        // A key file gives nothing any more, unless somebody who signed by one touches the other key as well.
        check(&touched, &[("ann", FILE)], "bob cem");
        check(&touched, &[("cem", FILE)], "ann bob cem dot");
        check(&touched, &[("ann", FILE), ("cem", FILE)], "bob cem");
        check(&Requirement { touched: 2, ..people(2) }, &[], "bob cem");

        let rendered = Requirement { rendered: 1, ..people(2) };
        check(&rendered, &[("bob", PASSKEY)], "ann cem dot");
        check(&rendered, &[("bob", PASSKEY), ("cem", PASSKEY)], "ann cem dot");

        let owner = Requirement { roles: ["owner".parse().unwrap()].into(), ..people(2) };
        check(&owner, &[], "ann bob cem dot");
        check(&owner, &[("ann", FILE)], "dot");
        check(&owner, &[("dot", FILE)], "ann bob cem");
    }
}
