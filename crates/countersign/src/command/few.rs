//! What `init` says where an installation begins with too few people: it works, until one of them is away.

use model::Roster;

/// One who launches the agent, two who agree to what it asks, and one of these two may be away.
const PEOPLE: usize = 4;
const APPROVERS: usize = 3;

/// Why it is too few, and what to do; `None` where there are enough.
pub(super) fn few(roster: &Roster) -> Option<String> {
    // A key in a safe is nobody.
    let people = roster.people.values().filter(|person| !person.recovery).count();
    let approvers = roster.people.values().filter(|person| person.approver).count();
    if people >= PEOPLE && approvers >= APPROVERS {
        return None;
    }
    Some(format!(
        "the roster has {}, of whom {}. Whatever cannot be undone in production takes two approvers who did not launch the \
         agent, and so does every change of the bundle, the roster included. With one of them away, or a key lost, nobody can \
         agree, and nobody can be enrolled who could. Have at least {PEOPLE} people, {APPROVERS} of them approvers: add \
         [people.NAME] to bundle/roster.toml before the first `serve`, or begin anew with more --approver NAME=KEY.pub.",
        counted(people, "person", "people"),
        counted(approvers, "approves", "approve"),
    ))
}

fn counted(count: usize, one: &str, many: &str) -> String {
    match count {
        0 => format!("no {many}").replace("no approve", "none approves"),
        1 => format!("1 {one}"),
        more => format!("{more} {many}"),
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use model::{EnrolledKey, Person};

    use super::*;

    fn roster(operators: usize, approvers: usize, both: usize) -> Roster {
        let mut roster = Roster::default();
        for nth in 0..operators + approvers + both {
            let person = Person {
                keys: [EnrolledKey(format!("key {nth}"))].into(),
                operator: nth < operators || nth >= operators + approvers,
                approver: nth >= operators,
                ..Person::default()
            };
            roster.people.insert(format!("person-{nth}").parse().unwrap(), person);
        }
        roster
    }

    fn check(operators: usize, approvers: usize, both: usize, expected: &Expect) {
        let told = few(&roster(operators, approvers, both));
        expected.assert_eq(&told.unwrap_or_else(|| "enough".to_owned()));
    }

    #[test]
    fn fewer_than_four_people_are_too_few() {
        check(1, 3, 0, &expect!["enough"]);
        check(0, 2, 2, &expect!["enough"]);
        check(
            1,
            2,
            0,
            &expect![
                "the roster has 3 people, of whom 2 approve. Whatever cannot be undone in production takes two approvers who did not launch the agent, and so does every change of the bundle, the roster included. With one of them away, or a key lost, nobody can agree, and nobody can be enrolled who could. Have at least 4 people, 3 of them approvers: add [people.NAME] to bundle/roster.toml before the first `serve`, or begin anew with more --approver NAME=KEY.pub."
            ],
        );
        let head = |text: &str| text.split_once(". ").map(|(head, _)| head.to_owned());
        for (operators, approvers, both, says) in [
            (1, 0, 0, "the roster has 1 person, of whom none approves"),
            (0, 0, 1, "the roster has 1 person, of whom 1 approves"),
            (2, 2, 0, "the roster has 4 people, of whom 2 approve"),
        ] {
            assert_eq!(
                few(&roster(operators, approvers, both)).as_deref().and_then(head).as_deref(),
                Some(says)
            );
        }
    }

    #[test]
    fn a_recovery_key_is_nobody() {
        let mut there = roster(1, 2, 0);
        let safe = Person { keys: [EnrolledKey("safe".into())].into(), recovery: true, ..Person::default() };
        there.people.insert("north".parse().unwrap(), safe);
        assert_eq!(few(&there), few(&roster(1, 2, 0)));
    }
}
