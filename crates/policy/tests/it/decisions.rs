//! What the starter bundle says to the questions of a first day.

use expect_test::{Expect, expect};
use model::{
    Autonomy, Effect, EffectSet, Environment, EnvironmentName, Exposure, History, OWN_NAME, Operation,
    Resource, Verdict,
};
use policy::{Bundle, ChangeFacts, Profile};

use crate::world::{NOON, World, bundle, files, tally, told};

fn check(effect: Effect, kind: &str, environment: &str, change: impl FnOnce(&mut World), expected: Expect) {
    let mut world = World::new(effect, kind, environment);
    change(&mut world);
    expected.assert_eq(&told(&bundle(Profile::Standard).decide(&world.ask())));
}

fn exposing(data: bool, credentials: bool) -> impl FnOnce(&mut World) {
    move |world| world.exposure = Exposure { data, credentials }
}

#[test]
fn reads_and_undoable_writes_just_work() {
    for environment in ["production", "staging", "shop-prod-eu"] {
        for (effect, kind) in
            [(Effect::Read, "stack"), (Effect::Read, "unknown"), (Effect::Write, "function")]
        {
            check(effect, kind, environment, |_| {}, expect!["allow"]);
        }
    }
}

#[test]
fn what_cannot_be_undone_takes_two_people() {
    check(
        Effect::Destroy,
        "stack",
        "production",
        |_| {},
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
    check(
        Effect::Destroy,
        "stack",
        "production",
        |world| world.approvals = tally(1),
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
    check(Effect::Destroy, "stack", "production", |world| world.approvals = tally(2), expect!["allow"]);
    check(
        Effect::Destroy,
        "stack",
        "shop-prod-eu",
        |_| {},
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
    check(
        Effect::Execute,
        "instance",
        "production",
        |_| {},
        expect![[r#"
        hold: 2 other people
          two-people-to-execute (constitution/two-people-to-execute.cedar:2)
          instead: make the change through the operation that does it, so that it can be judged for what it is"#]],
    );
    check(
        Effect::Privilege,
        "role",
        "production",
        |_| {},
        expect![[r#"
        hold: 2 other people
          two-people-for-privilege (constitution/two-people-for-privilege.cedar:1)
          instead: work with the permissions there are, and say in the change's intent which one is missing"#]],
    );
    check(
        Effect::Emit,
        "topic",
        "production",
        |_| {},
        expect![[r#"
        hold: 1 other person
          one-person-to-emit-or-spend (constitution/one-person-to-emit-or-spend.cedar:2)
          instead: write it down as a draft, or use what is already paid for"#]],
    );
    check(
        Effect::Write,
        "stack",
        "production",
        |world| world.change = ChangeFacts { replaces: true, ..ChangeFacts::default() },
        expect![[r#"
            hold: 2 other people
              two-people-to-recreate (constitution/two-people-to-recreate.cedar:2)
              instead: keep what there is, and change it in place"#]],
    );
    let all =
        EffectSet::of(Effect::Destroy).with(Effect::Privilege).with(Effect::Execute).with(Effect::Spend);
    check(
        Effect::Read,
        "stack",
        "production",
        |world| world.effects = all,
        expect![[r#"
        hold: 2 other people
          one-person-to-emit-or-spend (constitution/one-person-to-emit-or-spend.cedar:2)
          two-people-for-privilege (constitution/two-people-for-privilege.cedar:1)
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          two-people-to-execute (constitution/two-people-to-execute.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)
          instead: make the change through the operation that does it, so that it can be judged for what it is
          instead: work with the permissions there are, and say in the change's intent which one is missing
          instead: write it down as a draft, or use what is already paid for"#]],
    );
    // Nobody named a target: it is one that nobody knows.
    check(
        Effect::Destroy,
        "stack",
        "production",
        |world| world.resources.clear(),
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
}

#[test]
fn a_roster_that_can_never_agree_is_told_so() {
    check(
        Effect::Destroy,
        "stack",
        "production",
        |world| world.eligible = tally(1),
        expect![[r#"
            deny
              two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
              instead: change it in place, in a way that can be undone (for a stack: update it through a change set)
              instead: it needs 2 people besides whoever launched the agent, and 1 person of the roster can sign here: enrol 1 more as approver"#]],
    );
    check(
        Effect::Destroy,
        "stack",
        "production",
        |world| world.eligible = tally(0),
        expect![[r#"
            deny
              two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
              instead: change it in place, in a way that can be undone (for a stack: update it through a change set)
              instead: it needs 2 people besides whoever launched the agent, and nobody of the roster can sign here: enrol 2 more as approver"#]],
    );
    check(
        Effect::Emit,
        "topic",
        "production",
        |world| world.eligible = tally(1),
        expect![[r#"
        hold: 1 other person
          one-person-to-emit-or-spend (constitution/one-person-to-emit-or-spend.cedar:2)
          instead: write it down as a draft, or use what is already paid for"#]],
    );
}

#[test]
fn outside_production() {
    check(Effect::Destroy, "stack", "staging", |_| {}, expect!["allow"]);
    check(
        Effect::Destroy,
        "database",
        "staging",
        |_| {},
        expect![[r#"
            hold: 1 other person
              one-person-to-destroy-data (constitution/one-person-to-destroy-data.cedar:4)
              instead: empty or archive it in a way that can be undone, or destroy only what this session has made"#]],
    );
    check(Effect::Execute, "instance", "staging", |_| {}, expect!["allow"]);
    check(
        Effect::Privilege,
        "role",
        "staging",
        |_| {},
        expect![[r#"
        hold: 1 other person
          one-person-for-privilege (constitution/one-person-for-privilege.cedar:2)
          instead: work with the permissions there are"#]],
    );
}

#[test]
fn autonomy() {
    for (autonomy, environment, effect, expected) in [
        (Autonomy::Suggest, "staging", Effect::Read, "allow"),
        (Autonomy::Suggest, "staging", Effect::Write, "deny"),
        (Autonomy::Suggest, "production", Effect::Write, "deny"),
        (Autonomy::Suggest, "production", Effect::Destroy, "deny"),
        (Autonomy::Supervised, "staging", Effect::Read, "allow"),
        (Autonomy::Supervised, "staging", Effect::Write, "hold 1"),
        (Autonomy::Supervised, "staging", Effect::Destroy, "hold 1"),
        (Autonomy::Supervised, "staging", Effect::Emit, "hold 1"),
        (Autonomy::Supervised, "production", Effect::Write, "hold 1"),
        (Autonomy::Supervised, "production", Effect::Destroy, "hold 2"),
        (Autonomy::Autonomous, "staging", Effect::Destroy, "allow"),
        (Autonomy::Autonomous, "production", Effect::Write, "allow"),
    ] {
        let mut world = World::new(effect, "stack", environment);
        world.autonomy = autonomy;
        let verdict = bundle(Profile::Lab).decide(&world.ask());
        let people = match &verdict {
            Verdict::Hold(hold) => format!(" {}", hold.requirement.people),
            Verdict::Allow | Verdict::Deny(_) => String::new(),
        };
        assert_eq!(format!("{}{people}", verdict.name()), expected, "{autonomy} {environment} {effect}");
    }
}

#[test]
fn databases_and_the_hour() {
    check(
        Effect::Destroy,
        "database",
        "production",
        |_| {},
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
    check(
        Effect::Destroy,
        "database",
        "production",
        |world| world.now = NOON,
        expect![[r#"
        deny
          no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2)
          instead: ask again from 2026-11-23 20:00 UTC on, when it needs 2 other people
          instead: take a backup now, and ask again outside peak hours"#]],
    );
    check(
        Effect::Destroy,
        "database",
        "production",
        |world| (world.now, world.approvals) = (NOON, tally(3)),
        expect![[r#"
            deny
              no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2)
              instead: ask again from 2026-11-23 20:00 UTC on, when it needs 2 other people
              instead: take a backup now, and ask again outside peak hours"#]],
    );
    check(
        Effect::Destroy,
        "unknown",
        "production",
        |world| world.now = NOON,
        expect![[r#"
        deny
          no-database-loss-in-peak (constitution/no-database-loss-in-peak.cedar:2)
          instead: ask again from 2026-11-23 20:00 UTC on, when it needs 2 other people
          instead: take a backup now, and ask again outside peak hours"#]],
    );
    check(
        Effect::Destroy,
        "stack",
        "production",
        |world| world.now = NOON,
        expect![[r#"
        hold: 2 other people
          two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
          instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
    check(
        Effect::Destroy,
        "database",
        "production",
        |world| {
            world.now = NOON;
            world.change.undo = true;
        },
        expect![[r#"
            hold: 2 other people
              two-people-to-destroy (constitution/two-people-to-destroy.cedar:2)
              instead: change it in place, in a way that can be undone (for a stack: update it through a change set)"#]],
    );
}

#[test]
fn backups_and_what_they_protect() {
    check(
        Effect::Destroy,
        "snapshot",
        "production",
        |world| world.history = History { data_destroyed: 1, ..History::default() },
        expect![[r#"
            deny
              no-backup-loss-after-data (constitution/no-backup-loss-after-data.cedar:2)
              instead: leave the backups; their retention ends by itself"#]],
    );
    check(
        Effect::Destroy,
        "volume",
        "staging",
        |world| world.history = History { backups_touched: 1, ..History::default() },
        expect![[r#"
            deny
              no-data-loss-after-backup (constitution/no-data-loss-after-backup.cedar:1)
              instead: let another session, with another task, be judged on its own"#]],
    );
    // One action that takes both.
    check(
        Effect::Destroy,
        "database",
        "production",
        |world| {
            world.approvals = tally(3);
            world.resources.push(Resource {
                service: "rds".into(),
                kind: "backup".parse().unwrap(),
                name: "b".into(),
            });
        },
        expect![[r#"
            deny
              no-backup-loss-after-data (constitution/no-backup-loss-after-data.cedar:2)
              no-data-loss-after-backup (constitution/no-data-loss-after-backup.cedar:1)
              instead: leave the backups; their retention ends by itself
              instead: let another session, with another task, be judged on its own"#]],
    );
    // Two of a kind are not both.
    check(
        Effect::Destroy,
        "snapshot",
        "production",
        |world| {
            world.approvals = tally(3);
            world.resources.push(Resource {
                service: "rds".into(),
                kind: "backup".parse().unwrap(),
                name: "b".into(),
            });
        },
        expect!["allow"],
    );
}

#[test]
fn credentials_data_and_grants() {
    check(
        Effect::Privilege,
        "access-key",
        "staging",
        exposing(false, true),
        expect![[r#"
            deny
              no-minting-credentials (constitution/no-minting-credentials.cedar:4)
              no-grant (grants/agent-kiro.cedar:1)
              instead: call the service through this gateway; the credentials it needs are used on your behalf
              instead: the grant of agent kiro allows: look at anything, anywhere, that shows neither data nor credentials; ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people"#]],
    );
    check(
        Effect::Read,
        "secret",
        "production",
        exposing(false, true),
        expect![[r#"
            deny
              no-grant (grants/agent-kiro.cedar:1)
              no-grant (grants/agent-kiro.cedar:1)
              instead: the grant of agent kiro allows: look at anything, anywhere, that shows neither data nor credentials; ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people"#]],
    );
    check(
        Effect::Read,
        "bucket",
        "production",
        exposing(true, false),
        expect![[r#"
        deny
          no-grant (grants/agent-kiro.cedar:1)
          instead: the grant of agent kiro allows: look at anything, anywhere, that shows neither data nor credentials; ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people"#]],
    );
    check(
        Effect::Read,
        "stack",
        "production",
        |world| world.in_scope = false,
        expect![[r#"
        deny
          out-of-scope ((session):0)
          instead: stay within the session's scope, or ask the operator for a session whose scope covers it"#]],
    );
    check(
        Effect::Read,
        "stack",
        "production",
        |world| world.chain.agent = "stranger".parse().unwrap(),
        expect![[r#"
            deny
              no-grant (grants/:1)
              instead: agent stranger has no grant that allows anything; one is added by a change of the bundle"#]],
    );
    check(
        Effect::Write,
        "stack",
        "production",
        |world| world.chain.operator = "ben".parse().unwrap(),
        expect![[r#"
            deny
              no-grant (grants/:1)
              instead: operator ben has no grant that allows anything; one is added by a change of the bundle"#]],
    );
    check(
        Effect::Write,
        "stack",
        "qa",
        |world| {
            let name: EnvironmentName = "qa".parse().unwrap();
            world.environment = Environment { name, production: false };
        },
        expect![[r#"
            deny
              no-grant (grants/agent-kiro.cedar:1)
              no-grant (grants/operator-ana.cedar:1)
              instead: the grant of agent kiro allows: look at anything, anywhere, that shows neither data nor credentials; ask for any change in production, shop-prod-eu, staging; what cannot be undone then waits for people
              instead: the grant of operator ana allows: look at anything, anywhere; change anything in production, shop-prod-eu, staging"#]],
    );
}

#[test]
fn a_grant_for_data_must_name_a_service_and_for_secrets_a_resource() {
    let grant = |scope: &str, condition: &str| {
        let mut files = files(Profile::Standard);
        let text = format!(
            "@id(\"more\")\n@reason(\"more\")\npermit (principal == Agent::\"kiro\", action in [Action::\"read\", Action::\"privilege\"], {scope}) {condition};\n"
        );
        files.get_mut("grants/agent-kiro.cedar").unwrap().extend(text.into_bytes());
        files.remove("grants/agent-kiro.examples.toml");
        Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"))
    };
    let everything = grant("resource", "");
    let service = grant("resource in Service::\"example\"", "");
    let resource = grant("resource", "when { resource.name == \"shop\" }");
    let mut world = World::new(Effect::Read, "secret", "production");
    // What shows credentials is a change of rights besides, and takes its people.
    world.approvals.people = 2;
    for (data, credentials, allowed) in [
        (true, false, [false, true, true]),
        (false, true, [false, false, true]),
        (true, true, [false, false, true]),
    ] {
        world.exposure = Exposure { data, credentials };
        for (bundle, expected) in [&everything, &service, &resource].into_iter().zip(allowed) {
            assert_eq!(bundle.decide(&world.ask()) == Verdict::Allow, expected, "{data} {credentials}");
        }
    }
    world.resources[0].name = "other".into();
    assert_eq!(resource.decide(&world.ask()).name(), "deny");
}

#[test]
fn our_own_roles_are_out_of_reach() {
    let mut files = files(Profile::Lab);
    let text = String::from_utf8(files["environments.toml"].clone()).unwrap();
    let text = text.replace("own_roles = []", "own_roles = [\"arn:aws:iam::111122223333:role/countersign\"]");
    files.insert("environments.toml".into(), text.into_bytes());
    let bundle = Bundle::load(&files).unwrap();
    for (name, expected) in [
        ("arn:aws:iam::111122223333:role/countersign", "deny"),
        ("arn:aws:iam::111122223333:role/with/a/path/countersign", "deny"),
        ("countersign", "deny"),
        ("arn:aws:iam::111122223333:role/shop", "allow"),
        ("arn:aws:iam::111122223333:role/countersign-not", "allow"),
    ] {
        let mut world = World::new(Effect::Privilege, "role", "production");
        world.approvals = tally(3);
        world.resources[0] =
            Resource { service: "iam".into(), kind: "role".parse().unwrap(), name: name.into() };
        world.operation = Operation::new("iam", "AttachRolePolicy");
        assert_eq!(bundle.decide(&world.ask()).name(), expected, "{name}");
    }
}

#[test]
fn our_own_session_reads_and_does_nothing_else() {
    for (effect, exposure, expected) in [
        (Effect::Read, (false, false), "allow"),
        (Effect::Read, (true, false), "allow"),
        (Effect::Read, (false, true), "deny"),
        (Effect::Write, (false, false), "deny"),
        (Effect::Destroy, (false, false), "deny"),
    ] {
        let mut world = World::new(effect, "stack", "production");
        world.exposure = Exposure { data: exposure.0, credentials: exposure.1 };
        world.autonomy = Autonomy::Suggest;
        world.chain.agent = OWN_NAME.parse().unwrap();
        world.chain.operator = OWN_NAME.parse().unwrap();
        assert_eq!(bundle(Profile::Strict).decide(&world.ask()).name(), expected, "{effect} {exposure:?}");
    }
}

#[test]
fn too_many_targets_are_not_judged_in_part() {
    let mut world = World::new(Effect::Read, "object", "staging");
    world.resources = (0..1001)
        .map(|nth| Resource {
            service: "s3".into(),
            kind: "object".parse().unwrap(),
            name: format!("o{nth}"),
        })
        .collect();
    expect!["deny: CS108 the request is too large to judge: 1001 targets; at most 1000 are judged at once"]
        .assert_eq(&told(&bundle(Profile::Lab).decide(&world.ask())));
    world.resources.truncate(1);
    world.resources[0].name = "x".repeat(4097);
    expect!["deny: CS108 the request is too large to judge: a target's name is longer than 4096 bytes"]
        .assert_eq(&told(&bundle(Profile::Lab).decide(&world.ask())));
}

#[test]
fn a_thousand_targets_are_judged_as_strictly_as_the_strictest() {
    let mut world = World::new(Effect::Destroy, "instance", "staging");
    world.resources = (0..1000)
        .map(|nth| Resource {
            service: "ec2".into(),
            kind: if nth == 777 { "volume" } else { "instance" }.parse().unwrap(),
            name: format!("i{nth}"),
        })
        .collect();
    assert_eq!(bundle(Profile::Lab).decide(&world.ask()).name(), "hold");
    world.resources.remove(777);
    assert_eq!(bundle(Profile::Lab).decide(&world.ask()).name(), "allow");

    // A rule that knows one of them by name.
    let mut files = files(Profile::Lab);
    let rule = "@id(\"agent-kiro-not-i5\")\n@reason(\"not i5\")\nforbid (principal == Agent::\"kiro\", action in Action::\"change\", resource)\nwhen { resource.id == \"i5\" };\n";
    files.get_mut("grants/agent-kiro.cedar").unwrap().extend(rule.bytes());
    assert_eq!(Bundle::load(&files).unwrap().decide(&world.ask()).name(), "deny");
    world.resources.remove(5);
    assert_eq!(Bundle::load(&files).unwrap().decide(&world.ask()).name(), "allow");
}
