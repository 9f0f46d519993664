//! Faults: what is claimed, and the near misses beside it.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use snapshot::EdgeKind;

use crate::{
    analyzers::database,
    world::{World, time, told},
};

fn check(world: &World, analyzer: &str, expected: &Expect) {
    expected.assert_eq(&told(&world.report(), analyzer));
}

#[test]
fn targets_that_do_not_answer() {
    let mut world = World::new();
    let mut group = |name: &str, states: &[&str]| {
        let id = world.add(
            "elbv2:DescribeTargetGroups",
            "elbv2:target-group",
            name,
            json!({}),
            json!({ "TargetGroupName": name }),
        );
        let targets: Vec<Value> = states
            .iter()
            .map(|state| json!({ "Target": { "Id": "i-1" }, "TargetHealth": { "State": state, "Reason": "Target.Timeout" } }))
            .collect();
        world.answered("elbv2:DescribeTargetHealth", json!({ "TargetHealthDescriptions": targets }));
        id
    };
    let down = group("down", &["unhealthy", "unhealthy"]);
    let part = group("in-part", &["healthy", "unhealthy"]);
    group("fine", &["healthy", "draining"]);
    group("led-to-by-nothing", &["unhealthy"]);
    for id in [down, part] {
        world.edge(
            "elbv2:DescribeTargetGroups",
            "arn:aws:elbv2:us-east-1:1:load-balancer/shop",
            EdgeKind::Targets,
            &id,
        );
    }
    check(
        &world,
        "target-unhealthy",
        &expect![[r#"
        + down high advice
        + in-part high advice
        + led-to-by-nothing low advice"#]],
    );
}

#[test]
fn alarms_and_stacks() {
    let mut world = World::new();
    let mut alarm = |name: &str, state: &str, since: &str, actions: Value| {
        let attributes = json!({ "StateValue": state, "StateUpdatedTimestamp": since, "ActionsEnabled": true, "AlarmActions": actions });
        world.add("cloudwatch:DescribeAlarms", "cloudwatch:alarm", name, json!({}), attributes);
    };
    let told_to = json!(["arn:aws:sns:us-east-1:1:pager"]);
    alarm("long", "ALARM", "2026-11-20T00:00:00Z", told_to.clone());
    alarm("just-now", "ALARM", "2026-11-28T23:50:00Z", told_to.clone());
    alarm("mute", "ALARM", "2026-11-28T23:50:00Z", json!([]));
    alarm("ok", "OK", "2026-11-20T00:00:00Z", told_to);
    alarm(
        "scales-in",
        "ALARM",
        "2026-11-20T00:00:00Z",
        json!(["arn:aws:autoscaling:us-east-1:1:scalingPolicy:x"]),
    );
    let mut stack = |name: &str, status: &str, updated: &str, drift: Value| {
        let attributes = json!({ "StackStatus": status, "CreationTime": "2025-01-01T00:00:00Z", "LastUpdatedTime": updated, "DriftInformation": drift });
        let id =
            world.add("cloudformation:DescribeStacks", "cloudformation:stack", name, json!({}), attributes);
        world.builder.read_about("cloudformation:ListStackResources", &id, snapshot::Outcome::Complete);
    };
    let sync = json!({ "StackDriftStatus": "IN_SYNC" });
    stack("cost-explorer", "UPDATE_ROLLBACK_FAILED", "2026-11-28T12:00:00Z", sync.clone());
    stack("hangs", "UPDATE_IN_PROGRESS", "2026-11-20T12:00:00Z", sync.clone());
    stack("under-way", "UPDATE_IN_PROGRESS", "2026-11-28T23:00:00Z", sync.clone());
    stack("never-made", "ROLLBACK_COMPLETE", "2026-11-20T12:00:00Z", sync.clone());
    stack("fine", "UPDATE_COMPLETE", "2026-11-20T12:00:00Z", sync);
    stack(
        "drifted",
        "UPDATE_COMPLETE",
        "2026-11-20T12:00:00Z",
        json!({ "StackDriftStatus": "DRIFTED", "LastCheckTimestamp": "2026-11-27T00:00:00Z" }),
    );
    stack(
        "drifted-long-ago",
        "UPDATE_COMPLETE",
        "2026-11-20T12:00:00Z",
        json!({ "StackDriftStatus": "DRIFTED", "LastCheckTimestamp": "2026-01-27T00:00:00Z" }),
    );
    stack(
        "never-looked-at",
        "UPDATE_COMPLETE",
        "2026-11-20T12:00:00Z",
        json!({ "StackDriftStatus": "NOT_CHECKED" }),
    );
    check(
        &world,
        "alarm-on",
        &expect![[r#"
        + long high advice
        + mute high advice
        ~ scales-in it scales something: to be on is how it works"#]],
    );
    check(
        &world,
        "stack-stuck",
        &expect![[r#"
        + cost-explorer high cloudformation:ContinueUpdateRollback
        + hangs high advice
        + never-made high advice"#]],
    );
    check(
        &world,
        "stack-drifted",
        &expect![[r#"
        + drifted high advice
        + drifted-long-ago medium advice
        ? drift was never detected: cloudformation:DetectStackDrift asks for it"#]],
    );
}

#[test]
fn certificates_end_by_the_time_that_it_is() {
    let mut world = World::new();
    let mut certificate = |name: &str, end: &str, used: bool, kind: &str| {
        let attributes = json!({ "DomainName": format!("{name}.example"), "NotAfter": end, "Type": kind, "InUse": used, "RenewalEligibility": "ELIGIBLE" });
        world.add("acm:ListCertificates", "acm:certificate", name, json!({}), attributes);
    };
    certificate("soon", "2026-12-10T00:00:00Z", true, "IMPORTED");
    certificate("over", "2026-11-01T00:00:00Z", true, "AMAZON_ISSUED");
    certificate("later", "2027-12-10T00:00:00Z", true, "IMPORTED");
    certificate("unused", "2026-12-10T00:00:00Z", false, "IMPORTED");
    check(
        &world,
        "certificate-ending",
        &expect![[r#"
        + over high advice
        + soon high advice"#]],
    );
    // The same snapshot, looked at before.
    world.now = time("2026-11-29");
    world.parameters.certificate_days = 3;
    check(&world, "certificate-ending", &expect!["+ over high advice"]);
}

#[test]
fn ports_that_are_open_to_the_world() {
    let mut world = World::new();
    let mut group = |name: &str, permission: Value, used: bool| {
        let attributes = json!({ "GroupId": name, "GroupName": name, "IpPermissions": [permission] });
        let id = world.add("ec2:DescribeSecurityGroups", "ec2:security-group", name, json!({}), attributes);
        if used {
            world.edge(
                "ec2:DescribeNetworkInterfaces",
                "arn:aws:ec2:us-east-1:1:network-interface/eni-1",
                EdgeKind::RefersTo,
                &id,
            );
        }
    };
    let world_wide = json!([{ "CidrIp": "0.0.0.0/0" }]);
    group(
        "sg-ssh",
        json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": world_wide }),
        true,
    );
    group("sg-all", json!({ "IpProtocol": "-1", "Ipv6Ranges": [{ "CidrIpv6": "::/0" }] }), true);
    group(
        "sg-range",
        json!({ "IpProtocol": "tcp", "FromPort": 3000, "ToPort": 4000, "IpRanges": world_wide }),
        true,
    );
    group(
        "sg-web",
        json!({ "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": world_wide }),
        true,
    );
    group(
        "sg-office",
        json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": "203.0.113.0/24" }] }),
        true,
    );
    group(
        "sg-unused",
        json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": world_wide }),
        false,
    );
    check(
        &world,
        "admin-port-open",
        &expect![[r#"
        + sg-all medium advice
        + sg-range medium advice
        + sg-ssh medium advice
        ~ sg-unused no interface is in this group: nothing is reached through it"#]],
    );
}

#[test]
fn what_stands_in_one_place_or_has_no_way_back() {
    let mut world = World::new();
    database(&mut world, "one-zone", json!({}), &json!({ "MultiAZ": false }));
    database(
        &mut world,
        "one-zone-dev",
        json!({ "Environment": "Dev" }),
        &json!({ "MultiAZ": false, "DeletionProtection": false }),
    );
    database(
        &mut world,
        "has-replica",
        json!({}),
        &json!({ "MultiAZ": false, "ReadReplicaDBInstanceIdentifiers": ["r"] }),
    );
    database(
        &mut world,
        "no-protection",
        json!({}),
        &json!({ "DeletionProtection": false, "BackupRetentionPeriod": 0 }),
    );
    database(&mut world, "no-backups", json!({}), &json!({ "BackupRetentionPeriod": 0 }));
    let mut table = |name: &str, protected: bool, recovery: &str| {
        let attributes = json!({ "DeletionProtectionEnabled": protected, "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
            "ProvisionedThroughput": { "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 } });
        world.add("dynamodb:ListTables", "dynamodb:table", name, json!({}), json!({ "TableName": name }));
        world.answered("dynamodb:DescribeTable", attributes);
        let recovery = json!({ "ContinuousBackupsDescription": { "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": recovery } } });
        world.answered("dynamodb:DescribeContinuousBackups", recovery);
    };
    table("orders", false, "DISABLED");
    table("safe", true, "ENABLED");
    check(
        &world,
        "database-in-one-zone",
        &expect![[r#"
        + one-zone high rds:ModifyDBInstance
        ~ one-zone-dev a tag says that it is for development"#]],
    );
    check(
        &world,
        "database-unprotected",
        &expect![[r#"
        + no-backups high advice
        + no-protection high rds:ModifyDBInstance
        ~ one-zone-dev a tag says that it is for development"#]],
    );
    check(
        &world,
        "table-unprotected",
        &expect!["+ orders high dynamodb:UpdateContinuousBackups, dynamodb:UpdateTable"],
    );
}

#[test]
fn load_balancers_whose_machines_stand_in_one_zone() {
    let mut world = World::new();
    for (name, zones) in [("spread", ["a", "b"]), ("together", ["a", "a"])] {
        let both = json!([{ "ZoneName": "us-east-1a" }, { "ZoneName": "us-east-1b" }]);
        let attributes = json!({ "Type": "application", "CreatedTime": "2026-11-25T00:00:00Z", "AvailabilityZones": both });
        let balancer =
            world.add("elbv2:DescribeLoadBalancers", "elbv2:load-balancer", name, json!({}), attributes);
        let group = world.add("elbv2:DescribeTargetGroups", "elbv2:target-group", name, json!({}), json!({}));
        world.answered("elbv2:DescribeTargetHealth", json!({ "TargetHealthDescriptions": [] }));
        world.edge("elbv2:DescribeTargetGroups", &balancer, EdgeKind::Targets, &group);
        for (nth, zone) in zones.iter().enumerate() {
            let attributes = json!({ "InstanceType": "m5.large", "State": { "Name": "running" }, "LaunchTime": "2026-11-25T00:00:00Z",
                "Placement": { "AvailabilityZone": format!("us-east-1{zone}") } });
            let machine = world.add(
                "ec2:DescribeInstances",
                "ec2:instance",
                &format!("i-{name}-{nth}"),
                json!({}),
                attributes,
            );
            world.edge("elbv2:DescribeTargetHealth", &group, EdgeKind::Targets, &machine);
        }
    }
    check(&world, "targets-in-one-zone", &expect!["+ together high advice"]);
}
