//! What `init` says where an installation begins with too few people: it works, until one of them is away.

use model::Roster;

/// One who launches the agent, two who agree to what it asks, and one of these two may be away.
const PEOPLE: usize = 4;
const APPROVERS: usize = 3;

/// Why it is too few, and what to do; `None` where there are enough.
pub(super) fn few(roster: &Roster) -> Option<String> {
    let people = roster.people.len();
    let approvers = roster.people.values().filter(|person| person.approver).count();
    if people >= PEOPLE && approvers >= APPROVERS {
        return None;
    }
    Some(format!(
        "the roster has {}, of whom {}. Whatever cannot be undone in production takes two approvers who did not launch the \
         agent, and so does every change of the bundle, the roster included. With one of them away, or a key lost, nobody can \
         agree, and nobody can be enrolled who could. Have at least {PEOPLE} people, {APPROVERS} of them approvers: run init \
         with more --approver NAME=KEY.pub, or add [people.NAME] to bundle/roster.toml before the first `serve`.",
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

    fn check(operators: usize, approvers: usize, both: usize, expected: &Expect) {
        let mut roster = Roster::default();
        for nth in 0..operators + approvers + both {
            let person = Person {
                keys: [EnrolledKey(format!("key {nth}"))].into(),
                operator: nth < operators + both,
                approver: nth >= operators,
                ..Person::default()
            };
            roster.people.insert(format!("person-{nth}").parse().unwrap(), person);
        }
        expected.assert_eq(&few(&roster).unwrap_or_else(|| "enough".to_owned()));
    }

    #[test]
    fn fewer_than_four_people_are_too_few() {
        check(1, 3, 0, &expect!["enough"]);
        check(0, 2, 2, &expect!["enough"]);
        check(1, 2, 0, &expect![[""]]);
        check(1, 0, 0, &expect![[""]]);
        check(0, 0, 1, &expect![[""]]);
        check(2, 2, 0, &expect![[""]]);
    }
}
