//! Why a request gets its verdict, as `countersign policy explain` tells it.

use expect_test::{Expect, expect};
use model::{Tally, Verdict};
use policy::{Bundle, Profile};

use crate::world::{NOON, files};

fn check(request: &str, expected: &Expect) {
    let bundle = Bundle::load(&files(Profile::Standard)).unwrap();
    let two = |_: &_, _: &_| Tally { people: 2, touched: 2, rendered: 2, owners: 0, roles: [].into() };
    let told = match bundle.explain("request.toml", request, NOON, &two) {
        Err(err) => err.to_string(),
        Ok(all) => {
            let mut told = String::new();
            for it in all {
                let grants = if it.with_grants { "with grants" } else { "constitution alone" };
                let name = it.name.unwrap_or_default();
                told.push_str(&format!("{}: {name} ({grants}): {}\n", it.line, short(&it.verdict)));
                for (rule, alone) in it.rules {
                    let alone = alone.map_or_else(|| "-".to_owned(), |it| short(&it));
                    told.push_str(&format!("  {} ({}:{}) alone: {alone}\n", rule.id, rule.file, rule.line));
                }
            }
            told
        }
    };
    expected.assert_eq(&told);
}

fn short(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Allow => "allow".to_owned(),
        Verdict::Hold(hold) => format!("hold until {}", hold.requirement),
        Verdict::Deny(denial) => {
            let instead: Vec<_> = denial.alternatives.iter().map(|it| it.0.as_str()).collect();
            format!("deny; instead: {}", instead.join(" | "))
        }
    }
}

const DELETE: &str = "effects = [\"destroy\"]\nkind = \"database\"\nenvironment = \"production\"\n";

#[test]
fn each_rule_that_decides_says_what_it_asks_for() {
    check(
        DELETE,
        &expect![[r#"
        1:  (constitution alone): hold until 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
    "#]],
    );
    check(
        &format!("{DELETE}time = [\"peak\"]"),
        &expect![[r#"
            1:  (constitution alone): deny; instead: ask again from 2026-11-23 20:00 UTC on, when it needs 2 other people | take a backup now, and ask again outside peak hours
              no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2) alone: deny; instead: ask again from 2026-11-23 20:00 UTC on, when it is allowed | take a backup now, and ask again outside peak hours
        "#]],
    );
    check(
        &format!("{DELETE}time = [\"frozen\"]\nautonomy = \"supervised\""),
        &expect![[r#"
        1:  (constitution alone): hold until 2 other people; window from 2027-01-15 09:00 UTC (frozen)
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1) alone: hold until window from 2027-01-15 09:00 UTC (frozen)
          supervised-takes-a-person (constitution/supervised-takes-a-person.cedar:1) alone: hold until 1 other person
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
    "#]],
    );
    check(
        &format!("{DELETE}approvals = {{ people = 2 }}"),
        &expect![[r#"
        1:  (constitution alone): allow
    "#]],
    );
    // In words of the calendar: a Monday noon, and the evening.
    check(
        &format!("{DELETE}at = 2026-11-23T12:00:00Z"),
        &expect![[r#"
        1:  (constitution alone): deny; instead: ask again from 2026-11-23 20:00 UTC on, when it needs 2 other people | take a backup now, and ask again outside peak hours
          no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2) alone: deny; instead: ask again from 2026-11-23 20:00 UTC on, when it is allowed | take a backup now, and ask again outside peak hours
    "#]],
    );
    check(
        &format!("{DELETE}at = 2026-11-23T22:00:00Z"),
        &expect![[r#"
        1:  (constitution alone): hold until 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
    "#]],
    );
}

#[test]
fn with_agent_and_operator_their_grants_have_a_say() {
    let asked = "agent = \"kiro\"\noperator = \"ana\"\n";
    check(
        &format!("{asked}{DELETE}"),
        &expect![[r#"
        1:  (with grants): hold until 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
    "#]],
    );
    check(
        &format!(
            "{asked}effects = [\"read\"]\nkind = \"object\"\nenvironment = \"staging\"\nexposes = [\"data\"]"
        ),
        &expect![[r#"
            1:  (with grants): deny; instead: the grant of agent kiro allows: look at anything, anywhere, that shows neither data nor credentials; ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people
              no-grant (grants/agent-kiro.cedar:1) alone: -
        "#]],
    );
    check(
        &format!("agent = \"crow\"\noperator = \"ana\"\n{DELETE}"),
        &expect![[r#"
        1:  (with grants): deny; instead: agent crow has no grant that allows anything; one is added by a change of the bundle
          no-grant (grants/:1) alone: -
    "#]],
    );
    // Of more people than there are.
    check(
        &format!("{asked}{DELETE}eligible = {{ people = 1 }}"),
        &expect![[r#"
        1:  (with grants): deny; instead: change it in place, in a way that can be undone (for a stack: update it through a change set) | it needs 2 people besides whoever launched the agent, and 1 person of the roster can sign here: enrol 1 more as approver
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: deny; instead: change it in place, in a way that can be undone (for a stack: update it through a change set) | it needs 2 people besides whoever launched the agent, and 1 person of the roster can sign here: enrol 1 more as approver
    "#]],
    );
}

#[test]
fn a_file_of_examples_is_explained_one_by_one() {
    let examples = format!(
        "[[example]]\nname = \"one\"\n{DELETE}expect = \"allow\"\n[[example]]\nname = \"two\"\n{DELETE}people = 3\n"
    );
    check(
        &examples,
        &expect![[r#"
        1: one (constitution alone): hold until 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
        7: two (constitution alone): hold until 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2) alone: hold until 2 other people
    "#]],
    );
}

#[test]
fn a_request_that_says_too_little_or_something_unknown_is_refused_with_its_place() {
    check(
        "effects = [\"destory\"]\nkind = \"stack\"\nenvronment = \"production\"\n",
        &expect![[r#"
        request.toml:1: `effects`: `destory` is no effect; use read, emit, spend, write, execute, privilege or destroy
        request.toml:1: the file has no `environment`
          hint: a request says at least effects, kind and environment
        request.toml:3: the file has no setting `envronment`
          hint: did you mean `environment`?"#]],
    );
    check(
        &format!("agent = \"kiro\"\n{DELETE}"),
        &expect![[r#"
        request.toml:1: a request names both `agent` and `operator`, or neither
          hint: with both their grants have a say; without either the constitution is asked alone"#]],
    );
    check(
        &format!("{DELETE}time = []\nat = 2026-11-23T12:00:00Z"),
        &expect![[r#"
        request.toml:5: `at` and `time` contradict each other
          hint: `time` says what the hour is like, `at` looks it up in the calendar"#]],
    );
    check(
        &format!("{DELETE}at = \"noon\""),
        &expect![
            "request.toml:4: `at`: failed to parse four digit integer as year: invalid digit, expected 0-9 but got n"
        ],
    );
}
