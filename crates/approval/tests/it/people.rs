//! Promise 3 as a table: who makes a person, and who never does.

use approval::{FileRule, Ineligible, Manner, Part, Rendering, counts, eligible, may_approve};
use expect_test::{Expect, expect};
use model::{Agent, Chain, Person, PersonId, Presence, Roster, Tally};

use crate::fixture::{Device, approver, chain, key_file, name, roster};

/// alice operates, lena launched, otto owns the agent; bob, carol and dave approve (carol with a security key, as an
/// owner of the service; dave as a dba), eve is enrolled but no approver; two names share a key.
fn world() -> (Chain, Roster) {
    let mut roster = roster([
        ("alice", vec![10]),
        ("lena", vec![11]),
        ("otto", vec![12]),
        ("bob", vec![1, 2]),
        ("dave", vec![3]),
        ("eve", vec![4]),
        ("twin-one", vec![5]),
        ("twin-two", vec![5, 6]),
    ]);
    roster.people.insert(name("carol"), approver([Device::Ed25519.key(7), key_file(8).1]));
    let mut set = |person: &str, change: fn(&mut Person)| change(roster.people.get_mut(person).unwrap());
    set("carol", |person| person.roles = ["owner".parse().unwrap()].into());
    set("dave", |person| person.roles = ["dba".parse().unwrap()].into());
    set("eve", |person| person.approver = false);
    set("alice", |person| person.operator = true);
    roster.agents.insert("kiro".parse().unwrap(), Agent { owner: Some(name("otto")) });
    (Chain { launcher: Some(name("lena")), owner: Some(name("otto")), ..chain() }, roster)
}

const FILE: Manner = Manner { presence: Presence::File, rendering: Rendering::Own };
const TOUCHED: Manner = Manner { presence: Presence::Touched, rendering: Rendering::Own };
/// By a passkey.
const PAGE: Manner = Manner { presence: Presence::Touched, rendering: Rendering::Page };

#[track_caller]
fn check(given: &[(&str, Manner)], rule: FileRule, expected: &str) {
    let (chain, roster) = world();
    let given: Vec<(PersonId, Manner)> = given.iter().map(|(person, how)| (name(person), *how)).collect();
    let tally = counts(&chain, &roster, given.iter().map(|(person, how)| (person, *how)), rule);
    assert_eq!(line(&tally), expected);
    let reversed = counts(&chain, &roster, given.iter().rev().map(|(person, how)| (person, *how)), rule);
    assert_eq!(reversed, tally, "the order does not matter");
}

fn line(tally: &Tally) -> String {
    let roles: Vec<&str> = tally.roles.iter().map(|role| role.as_str()).collect();
    format!(
        "{} people, {} touched, {} owners, [{}]",
        tally.people,
        tally.touched,
        tally.owners,
        roles.join(" ")
    )
}

const NOBODY: &str = "0 people, 0 touched, 0 owners, []";

#[test]
fn persons_are_counted() {
    use FileRule::{Counts, DoesNotCount};
    check(&[], Counts, NOBODY);
    check(&[("bob", FILE)], Counts, "1 people, 0 touched, 0 owners, []");
    check(&[("bob", FILE), ("dave", FILE)], Counts, "2 people, 0 touched, 0 owners, [dba]");
    check(&[("bob", FILE), ("carol", TOUCHED)], Counts, "2 people, 1 touched, 1 owners, [owner]");
    // The same person twice, in two stages, or with two keys, is one person; the best presence is theirs.
    check(&[("bob", FILE), ("bob", FILE), ("bob", FILE)], Counts, "1 people, 0 touched, 0 owners, []");
    check(
        &[("carol", FILE), ("carol", TOUCHED), ("carol", FILE)],
        Counts,
        "1 people, 1 touched, 1 owners, [owner]",
    );
    // More than needed is more, never a mismatch.
    check(
        &[("bob", FILE), ("carol", TOUCHED), ("dave", FILE), ("bob", FILE)],
        Counts,
        "3 people, 1 touched, 1 owners, [dba owner]",
    );
    // Nobody of the delegation chain: the agent's launcher is not a second person because the agent asked.
    check(&[("alice", TOUCHED), ("lena", TOUCHED), ("otto", TOUCHED)], Counts, NOBODY);
    check(&[("alice", FILE), ("bob", FILE)], Counts, "1 people, 0 touched, 0 owners, []");
    // Strangers, people who are no approvers, and names that share a key.
    check(&[("mallory", TOUCHED), ("eve", TOUCHED)], Counts, NOBODY);
    check(&[("twin-one", FILE), ("twin-two", FILE)], Counts, NOBODY);
    // A file where files do not count is not half a person, and does not spoil the touch.
    check(&[("bob", FILE), ("dave", FILE)], DoesNotCount, NOBODY);
    check(&[("carol", FILE), ("carol", TOUCHED)], DoesNotCount, "1 people, 1 touched, 1 owners, [owner]");
}

#[test]
fn what_a_page_showed_is_told_from_what_a_machine_of_their_own_did() {
    let check = |given: &[(&str, Manner)], rule, expected: [u32; 3]| {
        let (chain, roster) = world();
        let given: Vec<(PersonId, Manner)> = given.iter().map(|(person, how)| (name(person), *how)).collect();
        let tally = counts(&chain, &roster, given.iter().map(|(person, how)| (person, *how)), rule);
        assert_eq!([tally.people, tally.touched, tally.rendered], expected);
    };
    use FileRule::{Counts, DoesNotCount};
    check(&[("bob", PAGE), ("dave", PAGE)], Counts, [2, 2, 0]);
    check(&[("bob", PAGE), ("dave", FILE)], Counts, [2, 1, 1]);
    check(&[("bob", PAGE), ("carol", TOUCHED)], DoesNotCount, [2, 2, 1]);
    // One person twice is one person, with what they showed between them.
    check(&[("bob", PAGE), ("bob", FILE)], Counts, [1, 1, 1]);
    // What does not count at all shows nothing either.
    check(&[("bob", PAGE), ("bob", FILE)], DoesNotCount, [1, 1, 0]);
    check(&[("bob", PAGE), ("dave", FILE)], DoesNotCount, [1, 1, 0]);
    check(&[("mallory", TOUCHED), ("bob", PAGE)], Counts, [1, 1, 0]);
    let (chain, roster) = world();
    assert_eq!(eligible(&chain, &roster, Counts).rendered, 3);
    assert_eq!(eligible(&chain, &roster, DoesNotCount).rendered, 1);
}

#[test]
fn roles_and_groups_are_not_people() {
    let (chain, mut roster) = world();
    roster.people.get_mut("dave").unwrap().roles =
        ["dba", "sre", "owner"].map(|role| role.parse().unwrap()).into();
    let tally = counts(&chain, &roster, [(&name("dave"), FILE)].into_iter(), FileRule::Counts);
    assert_eq!(line(&tally), "1 people, 0 touched, 1 owners, [dba owner sre]");
}

#[test]
fn the_most_a_roster_could_give() {
    let (chain, roster) = world();
    expect!["3 people, 1 touched, 1 owners, [dba owner]"].assert_eq(&line(&eligible(
        &chain,
        &roster,
        FileRule::Counts,
    )));
    expect!["1 people, 1 touched, 1 owners, [owner]"].assert_eq(&line(&eligible(
        &chain,
        &roster,
        FileRule::DoesNotCount,
    )));
}

#[test]
fn a_new_owner_of_the_agent_does_not_count_for_an_old_session() {
    let (chain, mut roster) = world();
    roster.agents.insert("kiro".parse().unwrap(), Agent { owner: Some(name("bob")) });
    for owner in ["bob", "otto"] {
        let refused = may_approve(&chain, &roster, &name(owner));
        assert_eq!(refused, Err(Ineligible::InChain { person: name(owner), part: Part::Owner }));
    }
}

#[test]
fn an_operator_with_a_second_name_is_no_second_person() {
    let (chain, mut roster) = world();
    roster.people.insert(name("alice-admin"), approver([key_file(10).1, key_file(20).1]));
    let tally = counts(&chain, &roster, [(&name("alice-admin"), FILE)].into_iter(), FileRule::Counts);
    assert_eq!(line(&tally), NOBODY);
    // Even where the second name calls the key a security key.
    roster.people.insert(name("alice-admin"), approver([Device::Ed25519.key(10)]));
    let tally = counts(&chain, &roster, [(&name("alice-admin"), TOUCHED)].into_iter(), FileRule::Counts);
    assert_eq!(line(&tally), NOBODY);
}

#[track_caller]
fn check_refusal(person: &str, expected: &Expect) {
    let (chain, roster) = world();
    let refused = may_approve(&chain, &roster, &name(person));
    expected.assert_eq(&refused.map_or_else(|err| err.to_string(), |()| "may approve".into()));
}

#[test]
fn a_refusal_says_why() {
    check_refusal("bob", &expect!["may approve"]);
    check_refusal(
        "alice",
        &expect![
            "alice answers for this session as its operator, and nobody in the delegation chain counts: ask approvers outside it"
        ],
    );
    check_refusal(
        "lena",
        &expect![
            "lena started this session, and nobody in the delegation chain counts: ask approvers outside it"
        ],
    );
    check_refusal(
        "otto",
        &expect!["otto owns the agent, and nobody in the delegation chain counts: ask approvers outside it"],
    );
    check_refusal(
        "mallory",
        &expect!["mallory is not enrolled here, so cannot approve; a roster is changed through the bundle"],
    );
    check_refusal(
        "eve",
        &expect!["eve is enrolled, but not as an approver; a roster is changed through the bundle"],
    );
    check_refusal(
        "twin-one",
        &expect![
            "twin-one and twin-two have one key in common, so neither is known to be a person of their own"
        ],
    );
}
