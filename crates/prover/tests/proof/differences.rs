//! What one bundle allows and another does not, told both ways.

use expect_test::{Expect, expect};
use policy::{Bundle, Files, Profile};
use prover::{SolverChoice, refine};

use crate::world::{files, solver_is_there};

/// The standard profile with one text in one file replaced.
fn check(file: &str, old: &str, new: &str, expected: &Expect) {
    if !solver_is_there() {
        return;
    }
    let before = files(Profile::Standard);
    let mut after = before.clone();
    let text = String::from_utf8(after[file].clone()).unwrap();
    assert!(text.contains(old), "{text}");
    after.insert(file.to_owned(), text.replacen(old, new, 1).into_bytes());
    expected.assert_eq(&told(&before, &after));
}

fn told(before: &Files, after: &Files) -> String {
    let bundle = |files| Bundle::load(files).unwrap_or_else(|err| panic!("{err}"));
    let found = refine(&bundle(before), &bundle(after), &SolverChoice::default()).unwrap();
    let list = |word: &str, list: &[prover::Widening]| {
        let line = |it: &prover::Widening| {
            format!("{word} {}: {}; the other bundle: {}\n", it.effect, it.example.told, it.stopped)
        };
        list.iter().map(line).collect::<String>()
    };
    let more = list("+", &found.newly_allowed);
    let less = list("-", &found.no_longer_allowed);
    format!("{more}{less}{}", found.unanswered.iter().map(|it| format!("? {it}\n")).collect::<String>())
}

#[test]
fn the_same_is_the_same() {
    check(
        "constitution/two-people-to-destroy.cedar",
        "context.approvals.people >= 2 || context.standing",
        "context.standing || context.approvals.people > 1",
        &expect![[""]],
    );
}

#[test]
fn a_looser_rule_shows_what_it_lets_through() {
    check(
        "constitution/nothing-in-a-freeze.cedar",
        "action in Action::\"change\"",
        "action in [Action::\"write\", Action::\"destroy\"]",
        &expect![[r#"
            + emit: agent `kiro`, launched by `ana`, sends something through `orders` in staging, approved by nobody, in a freeze; the other bundle: stopped by `nothing-in-a-freeze`
            + spend: agent `kiro`, launched by `ana`, commits money for `orders` in staging, approved by nobody, in a freeze; the other bundle: stopped by `nothing-in-a-freeze`
            + execute: agent `kiro`, launched by `ana`, runs code by way of `orders` in staging, approved by nobody, in a freeze; the other bundle: stopped by `nothing-in-a-freeze`
            + privilege: agent `kiro`, launched by `ana`, changes who may use `orders` in staging, with 1 approval, in a freeze; the other bundle: stopped by `nothing-in-a-freeze`
        "#]],
    );
}

#[test]
fn grants_are_compared_with_the_constitution_in_force() {
    // Wider, but for what the constitution stops anyway nothing is said.
    check(
        "grants/operator-ana.cedar",
        "",
        "@id(\"more\")\n@reason(\"r\")\npermit (principal == Person::\"ana\", action == Action::\"read\", resource);\n\
         @id(\"less\")\n@reason(\"r\")\nforbid (principal == Person::\"ana\", action == Action::\"emit\", resource);\n",
        &expect![[r#"
            - emit: agent `kiro`, launched by `ana`, sends something through `orders` in staging, approved by nobody; the other bundle: stopped by `less`
        "#]],
    );
    // A permit that may name nothing counts for nothing that shows data.
    check(
        "grants/agent-kiro.cedar",
        "when { !context.exposes.data && !context.exposes.credentials };",
        "when { !context.exposes.data || resource in Service::\"s3\" };",
        &expect![[""]],
    );
    check(
        "grants/agent-kiro.cedar",
        "",
        "@id(\"more\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action == Action::\"read\", \
         resource in Service::\"s3\");\n",
        &expect![[r#"
            + read: agent `kiro`, launched by `ana`, reads `orders` of s3 outside production, approved by nobody, being shown data; the other bundle: stopped by the grant of agent kiro
        "#]],
    );
}
