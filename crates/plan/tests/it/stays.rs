//! What shall stay as it is around the steps of a plan, and what a machine can say of it.

use expect_test::{Expect, expect};
use plan::{Stays, stays};
use serde_json::json;
use snapshot::{EdgeKind, Snapshot};

use crate::world::{NOW, World, planned, time};

/// A stack that is stuck with a database in it, a volume of the first generation, and the machine that it is attached to.
fn account() -> String {
    let mut world = World::new().listed(&["cloudwatch:DescribeAlarms"]);
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": "costs", "AllocatedStorage": 500, "DBInstanceStatus": "modifying", "DBInstanceClass": "db.m5.large",
        "Engine": "postgres", "MultiAZ": true, "BackupRetentionPeriod": 7, "DeletionProtection": true,
        "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    let database = world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let read = world.list("s3:ListBuckets");
    let bucket = world.resource(read, "s3:bucket", "exports", json!({}), json!({ "Name": "exports" }));
    let read = world.list("ec2:DescribeInstances");
    let machine = json!({ "InstanceId": "i-1", "InstanceType": "t3.micro", "State": { "Name": "running" } });
    let machine = world.resource(read, "ec2:instance", "i-1", json!({}), machine);
    let read = world.list("ec2:DescribeVolumes");
    let volume = json!({ "VolumeId": "vol-1", "Size": 8, "VolumeType": "gp2", "State": "in-use", "Iops": 100,
        "CreateTime": "2024-01-01T00:00:00Z" });
    let volume = world.resource(read, "ec2:volume", "vol-1", json!({}), volume);
    world.builder.edge(read, &volume, EdgeKind::AttachedTo, &machine);
    let stuck = json!({ "StackName": "shop", "StackStatus": "UPDATE_ROLLBACK_FAILED", "CreationTime": "2026-11-01T00:00:00Z" });
    world.stack("shop", stuck, &[&database, &bucket]);
    world.text()
}

fn check(kind: &str, name: &str, what: Stays<'_>, expected: Expect) {
    let text = account();
    let snapshot = Snapshot::parse(&text, time(NOW)).unwrap();
    let resource =
        snapshot.resources().iter().find(|it| it.kind.as_str() == kind && it.name.as_str() == name);
    expected.assert_eq(&match stays(&snapshot, resource.unwrap(), what) {
        Ok(check) => {
            format!(
                "{}: {} {}",
                check.verifies,
                check.read.operation,
                serde_json::to_value(&check.expect).unwrap()
            )
        }
        Err(why) => format!("not measured: {why}"),
    });
}

#[test]
fn what_a_machine_can_look_at_becomes_a_check() {
    check(
        "rds:db-instance",
        "costs",
        Stays::There,
        expect![[
            r#"db-instance costs is there: DescribeDBInstances {"any":{"path":"DBInstances","is":{"not":null}}}"#
        ]],
    );
    check(
        "ec2:instance",
        "i-1",
        Stays::Healthy,
        expect![[
            r#"instance i-1 is running: DescribeInstances {"all":{"path":"Reservations.Instances.State.Name","is":{"one_of":["running"]}}}"#
        ]],
    );
    check(
        "ec2:volume",
        "vol-1",
        Stays::Set("Size"),
        expect![[
            r#"Size of volume vol-1 is 8: DescribeVolumes {"all":{"path":"Volumes.Size","is":{"equals":8}}}"#
        ]],
    );
}

#[test]
fn what_it_cannot_is_told_and_why() {
    check(
        "rds:db-instance",
        "costs",
        Stays::Healthy,
        expect!["not measured: the snapshot shows db-instance costs as modifying, which is not healthy"],
    );
    check(
        "s3:bucket",
        "exports",
        Stays::There,
        expect!["not measured: the planner knows no read that shows bucket exports"],
    );
    check(
        "ec2:volume",
        "vol-1",
        Stays::Set("Colour"),
        expect!["not measured: the snapshot does not show Colour of volume vol-1"],
    );
    check(
        "ec2:instance",
        "i-1",
        Stays::Set("State"),
        expect!["not measured: the snapshot does not show State of instance i-1"],
    );
}

/// A repair in place keeps the data that the stack holds.
#[test]
fn a_plan_looks_after_the_data_in_what_it_is_about() {
    let plans = planned(&account(), None, json!({ "kind": "repair", "of": "all" })).unwrap().plans;
    let stuck = plans.iter().find(|it| it.steps[0].call.operation == "ContinueUpdateRollback").unwrap();
    let told: Vec<(&str, &str)> =
        stuck.guards.iter().map(|it| (it.id.as_str(), it.verifies.as_str())).collect();
    assert_eq!(told, [("stays-1", "db-instance costs is there")]);
    assert_eq!(plan::lint(stuck), vec![]);
}
