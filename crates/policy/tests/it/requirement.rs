//! What a hold asks for: the least that suffices, of what can be had, before the hold expires.

use std::collections::BTreeSet;

use expect_test::{Expect, expect};
use model::{Effect, EvidenceKind, Operation, Tally};
use policy::{Bundle, Profile};

use crate::world::{NOON, World, files, tally, told};

/// A rule of one's own beside the starter's, with the least that satisfies it.
fn check_rule(condition: &str, change: impl FnOnce(&mut World), expected: Expect) {
    let mut files = files(Profile::Lab);
    let rule = format!(
        "@id(\"own\")\n@reason(\"own\")\nforbid (principal, action == Action::\"write\", resource)\nwhen {{ context.operation == \"own:Operation\" }}\n{condition};\n"
    );
    let examples = "\
[[example]]
name = \"it decides\"
effects = [\"write\"]
operation = \"own:Operation\"
kind = \"stack\"
environment = \"staging\"
expect = \"hold\"
gatherable = [\"dry_run\", \"backup_verified\"]
time = [\"peak\"]
rules = [\"own\"]
[[example]]
name = \"near miss\"
effects = [\"read\"]
kind = \"stack\"
environment = \"staging\"
expect = \"allow\"
";
    files.insert("constitution/own.cedar".into(), rule.into_bytes());
    files.insert("constitution/own.examples.toml".into(), examples.into());
    let calendar =
        "timezone = \"UTC\"\nfreeze = []\n[[peak]]\ndays = [\"mon-fri\"]\nfrom = \"08:00\"\nto = \"20:00\"\n";
    files.insert("calendar.toml".into(), calendar.into());
    let bundle = Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"));
    let mut world = World::new(Effect::Write, "stack", "production");
    world.operation = Operation::new("own", "Operation");
    world.eligible = Tally {
        people: 4,
        touched: 2,
        rendered: 1,
        owners: 1,
        roles: BTreeSet::from(["dba".parse().unwrap()]),
    };
    world.gatherable = BTreeSet::from([EvidenceKind::DryRun, EvidenceKind::BackupVerified]);
    change(&mut world);
    expected.assert_eq(&told(&bundle.decide(&world.ask())));
}

#[test]
fn the_least_that_suffices() {
    check_rule(
        "unless { context.approvals.people >= 3 }",
        |_| {},
        expect![[r#"
        hold: 3 other people
          own (constitution/own.cedar:1)"#]],
    );
    check_rule(
        "unless { context.approvals.touched >= 2 }",
        |_| {},
        expect![[r#"
        hold: 2 other people, 2 of them with a touched key
          own (constitution/own.cedar:1)"#]],
    );
    check_rule(
        "unless { context.approvals.owners >= 1 }",
        |_| {},
        expect![[r#"
        hold: 1 other person; one of them as owner
          own (constitution/own.cedar:1)"#]],
    );
    check_rule(
        "unless { context.approvals.roles.contains(\"dba\") }",
        |_| {},
        expect![[r#"
            hold: 1 other person; one of them as dba
              own (constitution/own.cedar:1)"#]],
    );
    check_rule(
        "unless { context.approvals.people >= 2 && context.approvals.roles.contains(\"dba\") && context.evidence.dry_run }",
        |_| {},
        expect![[r#"
            hold: 2 other people; one of them as dba; evidence dry_run
              own (constitution/own.cedar:1)"#]],
    );
    // What a machine can gather rather than what a person must read.
    check_rule(
        "unless { context.approvals.people >= 2 || context.evidence.backup_verified }",
        |_| {},
        expect![[r#"
            hold: evidence backup_verified
              own (constitution/own.cedar:1)"#]],
    );
    check_rule(
        "when { context.time.peak }",
        |world| world.now = NOON,
        expect![[r#"
        hold: window from 2026-11-23 20:00 UTC (peak hours, mon–fri 08:00–20:00 UTC)
          own (constitution/own.cedar:1)"#]],
    );
    // A way through now is preferred to a window.
    check_rule(
        "when { context.time.peak } unless { context.approvals.people >= 1 }",
        |world| world.now = NOON,
        expect![[r#"
            hold: 1 other person
              own (constitution/own.cedar:1)"#]],
    );
    // What nobody can give.
    check_rule(
        "unless { context.approvals.touched >= 3 }",
        |_| {},
        expect![[r#"
            deny
              own (constitution/own.cedar:1)
              instead: it needs 3 people with a key that proves presence, and 2 people of the roster can: enrol a security key (sk-ssh-…)"#]],
    );
    check_rule(
        "unless { context.approvals.roles.contains(\"security\") || context.approvals.roles.contains(\"dba\") }",
        |world| world.eligible.roles.clear(),
        expect![[r#"
            deny
              own (constitution/own.cedar:1)
              instead: nobody who may sign is security: give an approver the role"#]],
    );
    check_rule(
        "unless { context.evidence.dry_run }",
        |world| world.gatherable.clear(),
        expect![[r#"
        deny
          own (constitution/own.cedar:1)
          instead: the evidence dry_run cannot be gathered for it"#]],
    );
    // The same requirement is shown to the first and to the last who signs.
    check_rule(
        "unless { context.approvals.people >= 3 && context.evidence.dry_run }",
        |world| (world.approvals, world.evidence) = (tally(2), BTreeSet::from([EvidenceKind::DryRun])),
        expect![[r#"
            hold: 3 other people; evidence dry_run
              own (constitution/own.cedar:1)"#]],
    );
}

#[test]
fn a_freeze_is_waited_for_if_a_hold_lasts_that_long() {
    let frozen = |from: &str, to: &str| {
        let mut files = files(Profile::Lab);
        let calendar = format!(
            "timezone = \"UTC\"\npeak = []\n[[freeze]]\nfrom = \"{from}\"\nto = \"{to}\"\nreason = \"year's end\"\n"
        );
        files.insert("calendar.toml".into(), calendar.into_bytes());
        Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"))
    };
    let short = frozen("2026-11-20", "2026-11-21");
    let long = frozen("2026-11-20", "2026-12-24");
    let told =
        |bundle: &Bundle, effect| told(&bundle.decide(&World::new(effect, "stack", "production").ask()));
    expect![[r#"
        hold: window from 2026-11-22 00:00 UTC (frozen until 2026-11-22 00:00 UTC: year's end)
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          instead: prepare it now, and run it when the freeze is over"#]]
    .assert_eq(&told(&short, Effect::Write));
    expect![[r#"
        hold: 2 other people; window from 2026-11-22 00:00 UTC (frozen until 2026-11-22 00:00 UTC: year's end)
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)
          instead: prepare it now, and run it when the freeze is over"#]].assert_eq(&told(&short, Effect::Destroy));
    expect![[r#"
        deny
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          instead: ask again from 2026-12-25 00:00 UTC on, when it is allowed
          instead: prepare it now, and run it when the freeze is over"#]]
    .assert_eq(&told(&long, Effect::Write));
    expect![[r#"
        deny
          nothing-in-a-freeze (constitution/nothing-in-a-freeze.cedar:1)
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: ask again from 2026-12-25 00:00 UTC on, when it needs 2 other people
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)
          instead: prepare it now, and run it when the freeze is over"#]].assert_eq(&told(&long, Effect::Destroy));
    expect!["allow"].assert_eq(&told(&long, Effect::Read));
}

/// Of a roster that can never give what is asked: who or what is missing, all of it at once.
#[test]
fn what_a_roster_lacks_is_told_at_once() {
    check_rule(
        "unless { context.approvals.owners >= 1 }",
        |world| world.eligible.owners = 0,
        expect![[r#"
            deny
              own (constitution/own.cedar:1)
              instead: nobody who may sign is owner: give an approver the role"#]],
    );
    check_rule(
        "unless { context.approvals.people >= 6 && context.approvals.touched >= 3 && context.approvals.roles.contains(\"security\") && context.evidence.dry_run }",
        |world| world.gatherable.clear(),
        expect![[r#"
            deny
              own (constitution/own.cedar:1)
              instead: it needs 6 people besides whoever launched the agent, and 4 people of the roster can sign here: enrol 2 more as approver; it needs 3 people with a key that proves presence, and 2 people of the roster can: enrol a security key (sk-ssh-…); nobody who may sign is security: give an approver the role; the evidence dry_run cannot be gathered for it"#]],
    );
    // Nobody short of the whole: what could be had is not mentioned.
    check_rule(
        "unless { context.approvals.people >= 2 && context.approvals.roles.contains(\"security\") }",
        |_| {},
        expect![[r#"
            deny
              own (constitution/own.cedar:1)
              instead: nobody who may sign is security: give an approver the role"#]],
    );
}
