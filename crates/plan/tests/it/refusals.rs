//! Where there is no plan: each with its cause and what to do about it.

use expect_test::{Expect, expect};
use model::Digest;
use plan::{Given, Goal};
use serde_json::{Value, json};
use snapshot::{Outcome, Snapshot};

use crate::world::{NOW, REGION, World, noted, planned, report, time};

fn check(text: &str, goal: Value, expected: Expect) {
    expected.assert_eq(&noted(&planned(text, None, goal)));
}

fn services() -> String {
    let mut world = World::new();
    let read = world.list("ecs:DescribeServices");
    let attributes = json!({ "serviceName": "web", "clusterArn": "arn:aws:ecs:us-east-1:123456789012:cluster/main", "desiredCount": 2, "runningCount": 2, "taskDefinition": "arn:aws:ecs:us-east-1:123456789012:task-definition/web:7", "launchType": "FARGATE", "status": "ACTIVE" });
    world.resource(read, "ecs:service", "web", json!({}), attributes);
    world.resource(read, "ecs:service", "worker", json!({}), json!({ "serviceName": "worker" }));
    let read = world.list("lambda:ListFunctions");
    world.resource(read, "lambda:function", "nightly", json!({}), json!({ "FunctionName": "nightly" }));
    world.text()
}

#[test]
fn what_is_not_there_is_told_with_what_is_near() {
    let of = |service: &str, to: &str| json!({ "kind": "deploy", "what": "service", "service": service, "task_definition": to });
    check(
        &services(),
        of("wep", "web:8"),
        expect![[r#"
        no plan: there is no service `wep` in the snapshot
          hint: nearest: web
    "#]],
    );
    check(
        &services(),
        of("nightly", "web:8"),
        expect![[r#"
        no plan: there is no service `nightly` in the snapshot
          hint: `countersign findings` names what there is by its id
    "#]],
    );
    check(
        &services(),
        of("web", "web"),
        expect![[r#"
        no plan: `arn:aws:ecs:us-east-1:123456789012:task-definition/web` is no task definition with its revision, as `web:7`: the newest one is another tomorrow
          hint: docs/plans.md tells what a goal must say
    "#]],
    );
    check(
        &services(),
        of("web", "web:7"),
        expect![[r#"
            no plan: there is nothing to do
              hint: arn:aws:ecs:us-east-1:123456789012:service/web: it runs that already
        "#]],
    );
    check(
        &services(),
        of("worker", "web:8"),
        expect![[r#"
        no plan: it cannot be judged: what it runs was not read of worker
          hint: take the snapshot anew with the right to ecs:DescribeServices
    "#]],
    );
    check(
        &services(),
        json!({ "kind": "clean-up", "of": { "resources": ["weeb"] } }),
        expect![[r#"
        no plan: there is no resource `weeb` in the snapshot
          hint: nearest: web
    "#]],
    );
    check(
        &services(),
        json!({ "kind": "clean-up", "of": { "analyzer": "volume-unatached" } }),
        expect![[r#"
            no plan: there is no analyzer `volume-unatached` in the snapshot
              hint: nearest: volume-unattached, snapshot-orphaned, image-unused, bucket-abandoned-uploads, bucket-without-lifecycle, logs-kept-for-ever, repository-without-lifecycle, address-idle, nat-gateway-idle, load-balancer-idle, instance-idle, instance-stopped, function-idle, service-idle, database-idle
        "#]],
    );
    check(
        &services(),
        json!({ "kind": "clean-up", "of": { "findings": ["volume-unattached:vol-1"] } }),
        expect![[r#"
            no plan: there is no finding `volume-unattached:vol-1` in the snapshot
              hint: `countersign findings` names what there is by its id
        "#]],
    );
    let alias = |alias: &str, version: &str| json!({ "kind": "deploy", "what": "alias", "function": "nightly", "alias": alias, "version": version });
    check(
        &services(),
        alias("live", "$LATEST"),
        expect![[r#"
        no plan: `$LATEST` is no version: a published one is a number, and $LATEST is another tomorrow
          hint: docs/plans.md tells what a goal must say
    "#]],
    );
    check(
        &services(),
        alias("li/ve", "3"),
        expect![[r#"
        no plan: `li/ve` is no name of an alias
          hint: docs/plans.md tells what a goal must say
    "#]],
    );
    check(
        &services(),
        json!({ "kind": "roll-back", "what": "service", "service": "web" }),
        expect![[r#"
        no plan: it needs an earlier snapshot that saw web run, or the task definition to go back to
          hint: --against OLD_SNAPSHOT, or --to TASK_DEFINITION
    "#]],
    );
    check(
        &services(),
        json!({ "kind": "restore-configuration" }),
        expect![[r#"
        no plan: it needs an earlier snapshot: what the settings were
          hint: --against OLD_SNAPSHOT
    "#]],
    );
}

#[test]
fn what_was_not_read_is_not_known() {
    let mut world = World::new();
    world.builder.read("ec2:DescribeVolumes", REGION, Outcome::Denied);
    check(
        &world.text(),
        json!({ "kind": "clean-up", "of": { "analyzer": "volume-unattached" } }),
        expect![[r#"
            no plan: it cannot be judged: volume-unattached in us-east-1: ec2:DescribeInstances was not asked
              hint: take the snapshot anew with the right to ec2:DescribeInstances, ec2:DescribeVolumes
        "#]],
    );
    let mut world = World::new();
    let attributes = json!({ "StackName": "old", "StackStatus": "CREATE_COMPLETE", "CreationTime": "2026-11-01T00:00:00Z" });
    world.stack("old", attributes, &[]);
    let goal = json!({ "kind": "deploy", "what": "stack", "stack": "old", "parameters": { "A": "1" } });
    check(
        &world.text(),
        goal,
        expect![[r#"
        no plan: it cannot be judged: which parameters it has was not read of old
          hint: take the snapshot anew with the right to cloudformation:DescribeStacks
    "#]],
    );
}

#[test]
fn of_an_account_that_was_not_read_nothing_is_known() {
    let text = World::new().text();
    for kind in ["repair", "rightsize", "clean-up"] {
        let outcome = planned(&text, None, json!({ "kind": kind, "of": "all" }));
        assert!(noted(&outcome).starts_with("no plan: it cannot be judged"), "{kind}: {outcome:?}");
    }
}

#[test]
fn what_is_old_or_has_not_happened_is_not_planned_with() {
    let check = |until: &str, now: &str, expected: Expect| {
        let text = World::at(until).text();
        let snapshot = Snapshot::parse(&text, time(NOW)).unwrap();
        let report = report(&snapshot);
        let given = Given {
            snapshot: &snapshot,
            digest: Digest::of(text.as_bytes()),
            report: &report,
            now: time(now),
            before: None,
            stale_days: 7,
            asker: plan::Asker::Person,
        };
        let goal: Goal = serde_json::from_value(json!({ "kind": "repair", "of": "all" })).unwrap();
        expected.assert_eq(&noted(&plan::of(&given, &goal)));
    };
    check(
        "2026-11-20T00:00:00Z",
        NOW,
        expect![[r#"
        no plan: the snapshot is 9 days old, and at most 7 are taken
          hint: take the snapshot anew: what was true then may not be true now
    "#]],
    );
    check(
        NOW,
        "2026-11-28T06:00:00Z",
        expect![[r#"
        no plan: the snapshot was taken at 2026-11-29T06:00:00.000Z, and it is 2026-11-28T06:00:00.000Z
          hint: compare the clock of this machine with that of the one that took it
    "#]],
    );
}
