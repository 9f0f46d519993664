//! What stands in one place or is there once, what keeps everything, and what cannot be changed now: what is claimed, and the near misses.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use snapshot::{EdgeKind, Outcome};

use crate::world::{World, told};

fn check(world: &World, analyzer: &str, expected: &Expect) {
    expected.assert_eq(&told(&world.report(), analyzer));
}

fn subnet(world: &mut World, name: &str, zone: &str) {
    let attributes = json!({ "SubnetId": name, "VpcId": "vpc-1", "AvailabilityZone": zone });
    world.add("ec2:DescribeSubnets", "ec2:subnet", name, json!({}), attributes);
}

fn gateway(world: &mut World, name: &str, tags: Value, subnet: Option<&str>, associations: Value) {
    let attributes = json!({ "State": "available", "CreateTime": "2026-11-28T00:00:00Z", "SubnetId": subnet, "VpcId": "vpc-1" });
    let gateway = world.add("ec2:DescribeNatGateways", "ec2:nat-gateway", name, tags, attributes);
    let attributes = json!({ "VpcId": "vpc-1", "Associations": associations });
    let table = format!("rtb-of-{name}");
    let table = world.add("ec2:DescribeRouteTables", "ec2:route-table", &table, json!({}), attributes);
    world.edge("ec2:DescribeRouteTables", &table, EdgeKind::RoutesTo, &gateway);
}

#[test]
fn gateways_by_which_other_zones_go_out() {
    let mut world = World::new();
    subnet(&mut world, "subnet-a", "us-east-1a");
    subnet(&mut world, "subnet-b", "us-east-1b");
    // Nobody gives it a table of its own.
    subnet(&mut world, "subnet-c", "us-east-1c");
    let of = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({ "SubnetId": name, "Main": false })).collect()
    };
    gateway(&mut world, "nat-shared", json!({}), Some("subnet-a"), of(&["subnet-a", "subnet-b"]));
    gateway(&mut world, "nat-own", json!({}), Some("subnet-b"), of(&["subnet-b"]));
    gateway(&mut world, "nat-main", json!({}), Some("subnet-a"), json!([{ "Main": true }]));
    gateway(&mut world, "nat-dev", json!({ "env": "dev" }), Some("subnet-a"), of(&["subnet-b"]));
    gateway(&mut world, "nat-everywhere", json!({}), None, of(&["subnet-a", "subnet-b"]));
    gateway(&mut world, "nat-unknown", json!({}), Some("subnet-x"), of(&["subnet-b"]));
    check(
        &world,
        "nat-gateway-in-one-zone",
        &expect![[r#"
            + nat-main high advice
            + nat-shared high advice
            ~ nat-dev a tag says that it is for development
            ? its subnet subnet-x is not in the snapshot"#]],
    );
}

#[test]
fn groups_and_clusters_in_one_zone() {
    let mut world = World::new();
    for (name, desired, zones) in [
        ("together", 3, json!(["us-east-1a"])),
        ("spread", 3, json!(["us-east-1a", "us-east-1b"])),
        ("empty", 0, json!(["us-east-1a"])),
    ] {
        let attributes = json!({ "DesiredCapacity": desired, "AvailabilityZones": zones });
        world.add("autoscaling:DescribeAutoScalingGroups", "autoscaling:group", name, json!({}), attributes);
    }
    for (name, spread, days, protected) in [
        ("fine", true, 7, true),
        ("alone", false, 7, true),
        ("bare", true, 1, false),
        ("open", true, 7, false),
    ] {
        let attributes = json!({ "Engine": "aurora-mysql", "MultiAZ": spread, "BackupRetentionPeriod": days, "DeletionProtection": protected });
        world.add("rds:DescribeDBClusters", "rds:db-cluster", name, json!({}), attributes);
    }
    check(&world, "group-in-one-zone", &expect!["+ together high advice"]);
    check(&world, "cluster-in-one-zone", &expect!["+ alone medium advice"]);
    check(
        &world,
        "cluster-unprotected",
        &expect![[r#"
            + bare high advice
            + open high advice"#]],
    );
}

fn service(world: &mut World, name: &str, tasks: u64, strategy: &str, cpu: f64) -> String {
    let attributes = json!({ "serviceName": name, "clusterArn": "arn:aws:ecs:us-east-1:1:cluster/shop", "desiredCount": tasks,
        "launchType": "FARGATE", "schedulingStrategy": strategy, "status": "ACTIVE", "createdAt": "2025-01-01T00:00:00Z" });
    let id = world.add("ecs:ListServices", "ecs:service", name, json!({}), json!({}));
    world.answered("ecs:DescribeServices", attributes);
    world.answered(
        "ecs:DescribeTaskDefinition",
        json!({ "taskDefinition": { "cpu": "256", "memory": "512" } }),
    );
    world.series(["AWS/ECS", "CPUUtilization", "Maximum"], &[Some(cpu); 60]);
    world.series(["AWS/ECS", "MemoryUtilization", "Maximum"], &[Some(50.0); 60]);
    id
}

#[test]
fn services_of_one_task_and_services_that_do_nothing() {
    let mut world = World::new();
    service(&mut world, "worker", 1, "REPLICA", 60.0);
    let web = service(&mut world, "web", 1, "REPLICA", 3.0);
    service(&mut world, "several", 3, "REPLICA", 60.0);
    service(&mut world, "forgotten", 2, "REPLICA", 1.0);
    service(&mut world, "on-each-machine", 1, "DAEMON", 1.0);
    service(&mut world, "switched-off", 0, "REPLICA", 0.0);
    world.edge("ecs:ListServices", "arn:aws:elbv2:us-east-1:1:target-group/web", EdgeKind::Targets, &web);
    check(
        &world,
        "service-of-one-task",
        &expect![[r#"
            + web high advice
            + worker medium advice"#]],
    );
    check(
        &world,
        "service-idle",
        &expect![[r#"
            + forgotten medium advice
            ~ web arn:aws:elbv2:us-east-1:1:target-group/web sends traffic to it"#]],
    );
}

#[test]
fn buckets_that_keep_everything() {
    let mut world = World::new();
    let on = |more: Value| {
        let mut rule = json!({ "Status": "Enabled" });
        rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        Some(json!([rule]))
    };
    for (name, rules, versions) in [
        ("plain", None, json!({})),
        ("versioned", None, json!({ "Status": "Enabled" })),
        ("expires-objects-only", on(json!({})), json!({ "Status": "Suspended" })),
        (
            "expires-versions",
            on(json!({ "NoncurrentVersionExpiration": { "NoncurrentDays": 30 } })),
            json!({ "Status": "Enabled" }),
        ),
        (
            "moves-versions",
            on(json!({ "NoncurrentVersionTransitions": [{ "NoncurrentDays": 30 }] })),
            json!({ "Status": "Enabled" }),
        ),
        ("rules-and-no-versions", on(json!({})), json!({})),
        ("rule-is-off", Some(json!([{ "Status": "Disabled" }])), json!({})),
    ] {
        world.add("s3:ListBuckets", "s3:bucket", name, json!({}), json!({ "Name": name }));
        match rules {
            Some(rules) => world.answered("s3:GetBucketLifecycleConfiguration", json!({ "Rules": rules })),
            None => world.unanswered("s3:GetBucketLifecycleConfiguration", Outcome::Absent),
        }
        world.answered("s3:GetBucketVersioning", versions);
    }
    check(
        &world,
        "bucket-without-lifecycle",
        &expect![[r#"
            + expires-objects-only medium advice
            + plain low advice
            + rule-is-off low advice
            + versioned medium advice"#]],
    );
}

#[test]
fn a_volume_that_was_just_changed_is_left_alone() {
    let mut world = World::new();
    for (name, change) in [
        ("vol-never", None),
        ("vol-long-ago", Some(("completed", "2026-11-01T00:00:00Z"))),
        ("vol-this-morning", Some(("completed", "2026-11-29T02:00:00Z"))),
        ("vol-under-way", Some(("optimizing", "2026-11-28T00:00:00Z"))),
    ] {
        let attributes = json!({ "Size": 100, "VolumeType": "gp2", "State": "in-use", "CreateTime": "2024-06-01T00:00:00Z" });
        world.add("ec2:DescribeVolumes", "ec2:volume", name, json!({}), attributes);
        if let Some((state, since)) = change {
            let attributes = json!({ "VolumeId": name, "ModificationState": state, "StartTime": since });
            world.add(
                "ec2:DescribeVolumesModifications",
                "ec2:volume-modification",
                name,
                json!({}),
                attributes,
            );
        }
    }
    check(
        &world,
        "volume-old-generation",
        &expect![[r#"
            + vol-long-ago high ec2:ModifyVolume
            + vol-never high ec2:ModifyVolume
            ~ vol-this-morning it was changed at 2026-11-29T02:00:00.000Z: for 6 hours it cannot be changed again
            ~ vol-under-way it is being changed"#]],
    );
}

/// What has its root disk on the machine itself does not stop.
#[test]
fn a_machine_that_cannot_be_stopped_is_not_proposed_to_be() {
    let mut world = World::new();
    for (name, root) in [("i-of-disk", "ebs"), ("i-of-store", "instance-store")] {
        let attributes = json!({ "InstanceType": "m5.xlarge", "State": { "Name": "running" }, "LaunchTime": "2025-01-01T00:00:00Z",
            "RootDeviceType": root });
        world.add("ec2:DescribeInstances", "ec2:instance", name, json!({}), attributes);
        world.series(["AWS/EC2", "CPUUtilization", "Maximum"], &[Some(25.0); 60]);
    }
    check(
        &world,
        "instance-oversized",
        &expect![[r#"
            + i-of-disk medium advice
            ~ i-of-store its root disk is an instance store: it cannot be stopped to be changed"#]],
    );
}
