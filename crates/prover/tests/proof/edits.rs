//! Prepared edits of a bundle, in rules, grants, map, calendar, roster and settings: where each leads, and the request that
//! shows it. What `countersign policy diff` says, but for how it is printed.

use expect_test::{Expect, expect};
use model::{Effect, EffectSet, Operation, Timestamp};
use policy::{Bundle, Files, Profile, Tendency, Way};
use prover::{SolverChoice, Widening, refine};

use crate::world::{files, solver_is_there};

/// In a file, each occurrence of a text by another; appended where the text is empty. A file without text goes.
type Edit<'a> = (&'a str, &'a str, &'a str);

/// Monday noon.
const NOW: Timestamp = Timestamp::from_seconds(1_796_040_000);
const GONE: &str = "(gone)";

/// The standard profile, edited.
fn check(edits: &[Edit<'_>], expected: &Expect) {
    check_from(&[], edits, expected);
}

fn check_from(before: &[Edit<'_>], edits: &[Edit<'_>], expected: &Expect) {
    if !solver_is_there() {
        return;
    }
    let before = edited(&files(Profile::Standard), before);
    expected.assert_eq(&told(&before, &edited(&before, edits)));
}

fn edited(files: &Files, edits: &[Edit<'_>]) -> Files {
    let mut edited = files.clone();
    for (file, from, to) in edits {
        if *to == GONE {
            assert!(edited.remove(*file).is_some(), "there is no {file}");
            continue;
        }
        let text = edited.get(*file).map(|it| String::from_utf8(it.clone()).unwrap()).unwrap_or_default();
        let next = if from.is_empty() { format!("{text}\n{to}") } else { text.replace(from, to) };
        assert_ne!(next, text, "the edit of {file} changes nothing:\n{text}");
        edited.insert((*file).to_owned(), next.into_bytes());
    }
    settled(edited)
}

/// Examples that the edit contradicts are edited with it.
fn settled(mut files: Files) -> Files {
    let results = Bundle::test(&files).unwrap_or_else(|err| panic!("{err}"));
    for failed in results.into_iter().filter(|it| !it.passed) {
        let text = String::from_utf8(files[&failed.file].clone()).unwrap();
        let (of_it, got) = (format!("name = \"{}\"", failed.name), &failed.detail);
        let (_, got) = got.split_once("got ").unwrap();
        let (verdict, got) = got.split_once(", people = ").unwrap();
        let (people, rules) = got.split_once(", rules = [").unwrap();
        let rules: Vec<_> = rules
            .trim_end_matches(']')
            .split(", ")
            .filter(|it| !it.is_empty())
            .map(|it| format!("\"{it}\""))
            .collect();
        let expected =
            format!("\nexpect = \"{verdict}\"\npeople = {people}\nrules = [{}]\n", rules.join(", "));
        let says = |line: &&str| ["expect =", "people =", "rules ="].iter().any(|key| line.starts_with(key));
        let examples = text.split("[[example]]").filter(|it| !it.trim().is_empty()).map(|it| {
            if !it.contains(&of_it) {
                return format!("[[example]]{it}");
            }
            let kept: Vec<_> = it.lines().filter(|line| !says(line)).collect();
            format!("[[example]]{}{expected}", kept.join("\n"))
        });
        files.insert(failed.file, examples.collect::<String>().into_bytes());
    }
    files
}

fn told(before: &Files, after: &Files) -> String {
    let bundle = |files| Bundle::load(files).unwrap_or_else(|err| panic!("{err}"));
    let (old, new) = (bundle(before), bundle(after));
    let listed = |operation: &Operation| {
        (operation.to_string() == "s3:DeleteBucket").then(|| EffectSet::of(Effect::Destroy))
    };
    let differences = old.differences(&new, NOW, &listed);
    let found = refine(&old, &new, &SolverChoice::default()).unwrap();
    let of = |list: &[Widening], tendency| if list.is_empty() { Tendency::Neutral } else { tendency };
    let tendency = Tendency::of(&differences)
        .join(of(&found.newly_allowed, Tendency::Loosening))
        .join(of(&found.no_longer_allowed, Tendency::Tightening));
    assert_eq!(found.unanswered, [""; 0]);
    let list = |sign: char, list: &[Widening]| {
        let line = |it: &Widening| format!("{sign} {} | {}\n", it.example.told, it.stopped);
        list.iter().map(line).collect::<String>()
    };
    let besides: String = differences
        .iter()
        .filter(|it| it.way != Way::Rules)
        .map(|it| format!("{} {}: {}\n", it.way, it.file, it.what))
        .collect();
    let (more, less) = (list('+', &found.newly_allowed), list('-', &found.no_longer_allowed));
    format!("{tendency}\n{more}{less}{besides}")
}

const DESTROY: &str = "constitution/two-people-to-destroy.cedar";
const FREEZE: &str = "constitution/nothing-in-a-freeze.cedar";
const PEAK: &str = "constitution/no-database-loss-in-peak.cedar";
const KIRO: &str = "grants/agent-kiro.cedar";
const ANA: &str = "grants/operator-ana.cedar";

#[test]
fn what_is_said_otherwise_is_neutral() {
    let neutral = expect![[r#"
        neutral
    "#]];
    let never_mind = "// Another comment.\n";
    check(&[(DESTROY, "", never_mind)], &neutral);
    check(&[(DESTROY, "context.approvals.people >= 2", "context.approvals.people > 1")], &neutral);
    check(&[(DESTROY, "neither of whom launched the agent", "and not its operator")], &neutral);
    check(
        &[(
            FREEZE,
            "context.time.frozen && !context.change.undo",
            "!context.change.undo && context.time.frozen",
        )],
        &neutral,
    );
    // Within another rule already.
    let rule = "@id(\"no-stack-loss\")\n@reason(\"r\")\nforbid (principal, action == Action::\"destroy\", resource in \
        Kind::\"stack\") when { resource in Environment::\"production\" && context.approvals.people < 2 && \
        !context.standing };";
    let example = |kind: &str, decides: &str| {
        format!(
            "[[example]]\nname = \"{kind}\"\neffects = [\"destroy\"]\nkind = \"{kind}\"\nenvironment = \"production\"\n\
             expect = \"hold\"\npeople = 2\n{decides}\n"
        )
    };
    let examples =
        [example("stack", "rules = [\"no-stack-loss\", \"two-people-to-destroy\"]"), example("queue", "")];
    check(
        &[
            ("constitution/no-stack-loss.cedar", "", rule),
            ("constitution/no-stack-loss.examples.toml", "", &examples.concat()),
        ],
        &neutral,
    );
    // A grant of what the operator may not do.
    check_from(
        &[(
            ANA,
            "action == Action::\"read\",\n    resource",
            "action == Action::\"read\",\n    resource in Service::\"ec2\"",
        )],
        &[(
            KIRO,
            "",
            "@id(\"more\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action == Action::\"read\", resource in Service::\"s3\");",
        )],
        &neutral,
    );
}

/// A rule of the constitution with an example that it decides, and one that it does not.
fn rule<'a>(id: &str, condition: &str, of: &str, not_of: &str) -> [(String, &'a str, String); 2] {
    let example = |kind: &str, rest: &str| {
        format!(
            "[[example]]\nname = \"{kind}\"\neffects = [\"write\"]\nkind = \"{kind}\"\nenvironment = \"production\"\n{rest}\n"
        )
    };
    let rules = format!("expect = \"deny\"\nrules = [\"{id}\"]");
    [
        (
            format!("constitution/{id}.cedar"),
            "",
            format!("@id(\"{id}\")\n@reason(\"r\")\nforbid (principal, {condition};"),
        ),
        (
            format!("constitution/{id}.examples.toml"),
            "",
            [example(of, &rules), example(not_of, "expect = \"allow\"")].concat(),
        ),
    ]
}

fn parts<'a>(rule: &'a [(String, &'a str, String)]) -> Vec<Edit<'a>> {
    rule.iter().map(|(file, from, to)| (file.as_str(), *from, to.as_str())).collect()
}

#[test]
fn a_rule_that_asks_for_more_tightens() {
    check(
        &[(DESTROY, "context.approvals.people >= 2", "context.approvals.people >= 3")],
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, destroys `orders` in production, with 2 approvals | stopped by `two-people-to-destroy`
    "#]],
    );
    check(
        &[(PEAK, "Kind::\"database\"", "Kind::\"data\"")],
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, destroys `orders` (data) in production, with 2 approvals, in peak hours | stopped by `no-database-loss-in-peak`
    "#]],
    );
    check(
        &[(DESTROY, "|| context.standing", "&& context.approvals.touched >= 1")],
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, destroys `orders` in production, with 2 approvals | stopped by `two-people-to-destroy`
    "#]],
    );
    let topics =
        rule("no-topics", "action == Action::\"write\", resource in Kind::\"topic\")", "topic", "queue");
    check(
        &parts(&topics),
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, changes `orders` (topic) in staging, approved by nobody | stopped by `no-topics`
    "#]],
    );
}

#[test]
fn a_rule_that_asks_for_less_loosens_and_the_request_says_what_passes() {
    check(
        &[(DESTROY, "context.approvals.people >= 2", "context.approvals.people >= 1")],
        &expect![[r#"
        loosening
        + agent `kiro`, launched by `ana`, destroys `orders` in production, with 1 approval | stopped by `two-people-to-destroy`
    "#]],
    );
    check(
        &[(FREEZE, "", GONE), ("constitution/nothing-in-a-freeze.examples.toml", "", GONE)],
        &expect![[r#"
            loosening
            + agent `kiro`, launched by `ana`, sends something through `orders` in staging, approved by nobody, in a freeze | stopped by `nothing-in-a-freeze`
            + agent `kiro`, launched by `ana`, commits money for `orders` in staging, approved by nobody, in a freeze | stopped by `nothing-in-a-freeze`
            + agent `kiro`, launched by `ana`, changes `orders` in staging, approved by nobody, in a freeze | stopped by `nothing-in-a-freeze`
            + agent `kiro`, launched by `ana`, runs code by way of `orders` in staging, approved by nobody, in a freeze | stopped by `nothing-in-a-freeze`
            + agent `kiro`, launched by `ana`, changes who may use `orders` in staging, with 1 approval, in a freeze | stopped by `nothing-in-a-freeze`
            + agent `kiro`, launched by `ana`, destroys `orders` in staging, approved by nobody, in a freeze | stopped by `nothing-in-a-freeze`
        "#]],
    );
    check(
        &[(PEAK, "Kind::\"database\"", "Kind::\"table\"")],
        &expect![[r#"
        loosening
        + agent `kiro`, launched by `ana`, destroys `orders` (database) in production, with 2 approvals, in peak hours | stopped by `no-database-loss-in-peak`
    "#]],
    );
    check(
        &[(
            "constitution/two-people-to-execute.cedar",
            "|| context.standing",
            "|| context.standing || context.operation == \"lambda:Invoke\"",
        )],
        &expect![[r#"
            loosening
            + agent `kiro`, launched by `ana`, runs code by way of `orders` in production, approved by nobody, by `lambda:Invoke` | stopped by `two-people-to-execute`
        "#]],
    );
    check(
        &[("constitution/no-data-loss-after-backup.cedar", "backups_touched >= 1", "backups_touched >= 2")],
        &expect![[r#"
            loosening
            + agent `kiro`, launched by `ana`, destroys `orders` (data) in staging, approved by nobody, having touched 1 backups, which the session made itself | stopped by `no-data-loss-after-backup`
        "#]],
    );
    // An exception for one who launches, and for one target.
    check(
        &[(
            "constitution/two-people-for-privilege.cedar",
            "people >= 2",
            "people >= 2 || context.operator == \"ana\"",
        )],
        &expect![[r#"
            loosening
            + agent `kiro`, launched by `ana`, changes who may use `orders` in production, approved by nobody | stopped by `two-people-for-privilege`
        "#]],
    );
    check(
        &[(
            "constitution/two-people-for-privilege.cedar",
            "people >= 2",
            "people >= 2 || resource.id == \"ours\"",
        )],
        &expect![[r#"
            loosening
            + agent `kiro`, launched by `ana`, changes who may use `ours` in production, approved by nobody | stopped by `two-people-for-privilege`
        "#]],
    );
    check(
        &[(PEAK, "@absolute\n", "")],
        &expect![[r#"
        loosening
        laxer rules: no-database-loss-in-peak is not absolute any more: what it stops may be held, and not denied at once
    "#]],
    );
    check(
        &[("constitution/invariants/data-takes-two.cedar", "", GONE)],
        &expect![[r#"
        loosening
        laxer invariants: data-takes-two is not claimed any more: In production, data and backups are destroyed only with two people who agree to this very change, also where that takes something back.
    "#]],
    );
}

#[test]
fn what_is_laxer_in_one_thing_and_stricter_in_another_is_both() {
    check(
        &[(PEAK, "context.time.peak", "!context.time.peak")],
        &expect![[r#"
        both
        + agent `kiro`, launched by `ana`, destroys `orders` (database) in production, with 2 approvals, in peak hours | stopped by `no-database-loss-in-peak`
        - agent `kiro`, launched by `ana`, destroys `orders` (database) in production, with 2 approvals | stopped by `no-database-loss-in-peak`
    "#]],
    );
    check(
        &[
            (DESTROY, "context.approvals.people >= 2", "context.approvals.people >= 3"),
            ("calendar.toml", "to = \"20:00\"", "to = \"18:00\""),
        ],
        &expect![[r#"
            both
            - agent `kiro`, launched by `ana`, destroys `orders` in production, with 2 approvals | stopped by `two-people-to-destroy`
            laxer calendar.toml: production: not peak any more for 572 h of the 400 days ahead, first 2026-11-30 18:00 UTC
        "#]],
    );
    check(
        &[("roster.toml", "AAAAC3NzaC1lZDI1NTE5ben", "AAAAC3NzaC1lZDI1NTE5other")],
        &expect![[r#"
        both
        laxer roster.toml: ben may sign with 1 other key(s)
        stricter roster.toml: 1 key(s) of ben do not count any more
    "#]],
    );
}

#[test]
fn grants_are_compared_as_what_they_let_through() {
    let s3 = "@id(\"more\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action == Action::\"read\", resource \
        in Service::\"s3\");";
    check(
        &[(KIRO, "", s3)],
        &expect![[r#"
        loosening
        + agent `kiro`, launched by `ana`, reads `orders` of s3 outside production, approved by nobody, being shown data | stopped by the grant of agent kiro
    "#]],
    );
    let no_mails = "@id(\"less\")\n@reason(\"r\")\nforbid (principal == Person::\"ana\", action == Action::\"emit\", resource);";
    check(
        &[(ANA, "", no_mails)],
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, sends something through `orders` in staging, approved by nobody | stopped by `less`
    "#]],
    );
    check(
        &[(KIRO, "resource in Environment::\"production\" || ", "")],
        &expect![[r#"
        tightening
        - agent `kiro`, launched by `ana`, sends something through `orders` in production, with 1 approval | stopped by the grant of agent kiro
        - agent `kiro`, launched by `ana`, commits money for `orders` in production, with 1 approval | stopped by the grant of agent kiro
        - agent `kiro`, launched by `ana`, changes `orders` in production, approved by nobody | stopped by the grant of agent kiro
        - agent `kiro`, launched by `ana`, runs code by way of `orders` in production, with 2 approvals | stopped by the grant of agent kiro
        - agent `kiro`, launched by `ana`, changes who may use `orders` in production, with 2 approvals | stopped by the grant of agent kiro
        - agent `kiro`, launched by `ana`, destroys `orders` in production, with 2 approvals | stopped by the grant of agent kiro
    "#]],
    );
    let crow = "@id(\"crow\")\n@reason(\"r\")\npermit (principal == Agent::\"crow\", action == Action::\"write\", resource);";
    check(
        &[("roster.toml", "", "[agents.crow]"), ("grants/agent-crow.cedar", "", crow)],
        &expect![[r#"
            loosening
            + agent `crow`, launched by `ana`, changes `orders` in staging, approved by nobody | stopped by the grant of agent crow
            laxer roster.toml: sessions can be opened for agent crow
        "#]],
    );
}

#[test]
fn what_no_rule_decides_is_compared_beside_them() {
    let staging = "accounts = [\"444455556666\"]";
    let production = "accounts = [\"111122223333\"]";
    check(
        &[
            ("environments.toml", production, "accounts = []"),
            ("environments.toml", staging, "accounts = [\"444455556666\", \"111122223333\"]"),
        ],
        &expect![[r#"
            loosening
            laxer environments.toml: account 111122223333 goes from production to staging
        "#]],
    );
    check(
        &[("environments.toml", staging, "accounts = []")],
        &expect![[r#"
        tightening
        stricter environments.toml: account 444455556666 goes from staging to production
    "#]],
    );
    check(
        &[("calendar.toml", "to = \"20:00\"", "to = \"18:00\"")],
        &expect![[r#"
        loosening
        laxer calendar.toml: production: not peak any more for 572 h of the 400 days ahead, first 2026-11-30 18:00 UTC
    "#]],
    );
    check(
        &[(
            "calendar.toml",
            "freeze = []",
            "freeze = [{ from = \"2026-12-20\", to = \"2027-01-02\", reason = \"r\" }]",
        )],
        &expect![[r#"
            tightening
            stricter calendar.toml: production: frozen for 336 h of the 400 days ahead, first 2026-12-20 00:00 UTC
        "#]],
    );
    check(
        &[("calendar.toml", "timezone = \"UTC\"", "timezone = \"Etc/UTC\"")],
        &expect![[r#"
        neutral
    "#]],
    );
    let eve = "[people.eve]\nkeys = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5eve\"]\napprover = true";
    check(
        &[("roster.toml", "", eve)],
        &expect![[r#"
        loosening
        laxer roster.toml: eve is newly enrolled
        laxer roster.toml: eve may newly approve
    "#]],
    );
    check_from(
        &[("roster.toml", "", eve)],
        &[("roster.toml", eve, "")],
        &expect![[r#"
        tightening
        stricter roster.toml: eve is not enrolled any more
    "#]],
    );
    let lowered = "[[override]]\noperation = \"s3:DeleteBucket\"\neffects = [\"write\"]\nundo = \"additive\"\nreason = \"r\"";
    check(
        &[("overrides.toml", "override = []", lowered)],
        &expect![[r#"
        loosening
        laxer overrides.toml: s3:DeleteBucket goes from destroy to write
        laxer overrides.toml: s3:DeleteBucket needs no captured inverse any more
    "#]],
    );
    check(
        &[("bundle.toml", "hold_expiry_s = 86400", "hold_expiry_s = 3600")],
        &expect![[r#"
        tightening
        stricter bundle.toml: how long a held change waits, in seconds, goes from 86400 to 3600
    "#]],
    );
    let budget = "[budgets.mails]\neffect = \"emit\"\noperations = [\"ses:SendEmail\"]\naccounts = [\"111122223333\"]\n\
        limit = 100\nper = \"day\"\nreason = \"orders\"";
    check(
        &[("budgets.toml", "", budget)],
        &expect![[r#"
        loosening
        laxer budgets.toml: the budget mails allows 100 a day
    "#]],
    );
}
