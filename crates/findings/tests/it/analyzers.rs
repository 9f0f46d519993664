//! Waste: what is claimed, and the near misses beside it.

use expect_test::{Expect, expect};
use serde_json::{Value, json};
use snapshot::{EdgeKind, Outcome};

use crate::world::{World, told};

fn check(world: &World, analyzer: &str, expected: &Expect) {
    expected.assert_eq(&told(&world.report(), analyzer));
}

const READS: [&str; 3] = ["AWS/EBS", "VolumeReadOps", "Sum"];
const WRITES: [&str; 3] = ["AWS/EBS", "VolumeWriteOps", "Sum"];

fn volume(world: &mut World, name: &str, tags: Value, changes: &Value) -> String {
    let mut attributes = json!({ "VolumeId": name, "Size": 100, "VolumeType": "gp2", "State": "available",
        "CreateTime": "2024-06-01T00:00:00+00:00", "Iops": 300, "Attachments": [] });
    for (name, value) in changes.as_object().unwrap() {
        attributes[name] = value.clone();
    }
    world.add("ec2:DescribeVolumes", "ec2:volume", name, tags, attributes)
}

/// Used on these days before the snapshot, of so many that were observed.
fn used(world: &mut World, days: usize, on: &[usize]) {
    world.metric(READS, days, 500.0, on);
    world.metric(WRITES, days, 10.0, on);
}

#[test]
fn volumes_that_nothing_is_attached_to() {
    let mut world = World::new();
    volume(&mut world, "vol-year", json!({}), &json!({}));
    used(&mut world, 420, &[]);
    volume(&mut world, "vol-weeks", json!({}), &json!({}));
    used(&mut world, 60, &[]);
    // Used daily, then never again for a long time: it has stopped.
    volume(&mut world, "vol-stopped", json!({}), &json!({}));
    used(&mut world, 420, &(200..400).collect::<Vec<_>>());
    // Made within the window: what was before is no pause of its own.
    volume(&mut world, "vol-short-life", json!({}), &json!({ "CreateTime": "2026-03-01T00:00:00Z" }));
    used(&mut world, 420, &(150..270).collect::<Vec<_>>());
    // Used once a quarter: its pause now is no longer than before.
    volume(&mut world, "vol-quarterly", json!({}), &json!({}));
    used(&mut world, 420, &[62, 153, 244, 335]);
    volume(&mut world, "vol-named", json!({ "purpose": "Quarterly close" }), &json!({}));
    used(&mut world, 60, &[]);
    volume(&mut world, "vol-dr", json!({ "role": "dr" }), &json!({}));
    used(&mut world, 420, &[]);
    volume(&mut world, "vol-keep", json!({ "countersign:keep": "" }), &json!({}));
    used(&mut world, 420, &[]);
    volume(&mut world, "vol-young", json!({}), &json!({ "CreateTime": "2026-11-20T00:00:00Z" }));
    volume(&mut world, "vol-lately", json!({}), &json!({}));
    used(&mut world, 420, &[5]);
    volume(&mut world, "vol-unmeasured", json!({}), &json!({}));
    volume(&mut world, "vol-odd", json!({}), &json!({ "Size": "much" }));
    check(
        &world,
        "volume-unattached",
        &expect![[r#"
            + vol-short-life medium ec2:CreateTags
            + vol-stopped medium ec2:CreateTags
            + vol-weeks medium ec2:CreateTags
            + vol-year high ec2:CreateTags
            ~ vol-dr its name says `dr`: it may stand by for a failure
            ~ vol-keep its tag `countersign:keep` says that it is to be kept
            ~ vol-named purpose says `quarterly`: it may be used rarely
            ~ vol-quarterly it is used after pauses: last until 2026-09-29, and before that its longest pause was 91 days; now it is 61
            ? its attributes are not understood: invalid type: string "much", expected u64
            ? the metric VolumeReadOps was not read"#]],
    );
}

#[test]
fn a_metric_that_does_not_reach_is_no_metric() {
    let mut world = World::new();
    volume(&mut world, "vol-one-metric", json!({}), &json!({}));
    world.metric(READS, 420, 1.0, &[]);
    volume(&mut world, "vol-short", json!({}), &json!({}));
    used(&mut world, 10, &[]);
    check(
        &world,
        "volume-unattached",
        &expect![[r#"
        ? it was observed for 10 days only
        ? the metric VolumeWriteOps was not read"#]],
    );
}

#[test]
fn volumes_of_an_old_generation() {
    let mut world = World::new();
    volume(&mut world, "vol-small", json!({}), &json!({ "State": "in-use" }));
    volume(&mut world, "vol-large", json!({}), &json!({ "State": "in-use", "Size": 2000 }));
    // As many operations as it has now would cost more.
    volume(&mut world, "vol-dear", json!({}), &json!({ "State": "in-use", "Size": 180 }));
    volume(&mut world, "vol-new", json!({}), &json!({ "State": "in-use", "VolumeType": "gp3" }));
    volume(&mut world, "vol-owned", json!({}), &json!({ "State": "in-use" }));
    world.owned("shop");
    check(
        &world,
        "volume-old-generation",
        &expect![[r#"
        + vol-large high ec2:ModifyVolume
        + vol-owned high update shop
        + vol-small high ec2:ModifyVolume
        ~ vol-dear with as many operations and as much throughput as it has now, gp3 costs no less"#]],
    );
}

fn disk(world: &mut World, name: &str, tags: Value, volume: &str, start: &str) -> String {
    let attributes = json!({ "SnapshotId": name, "VolumeId": volume, "VolumeSize": 50, "StartTime": start, "Description": "" });
    let id = world.add("ec2:DescribeSnapshots", "ec2:snapshot", name, tags, attributes);
    world.answered("ec2:DescribeSnapshotAttribute", json!({ "CreateVolumePermissions": [] }));
    id
}

#[test]
fn snapshots_whose_volume_is_gone() {
    let mut world = World::new();
    let old = "2026-01-01T00:00:00Z";
    disk(&mut world, "snap-orphan", json!({}), "vol-gone", old);
    disk(&mut world, "snap-young", json!({}), "vol-gone", "2026-11-01T00:00:00Z");
    volume(&mut world, "vol-here", json!({}), &json!({ "State": "in-use" }));
    disk(&mut world, "snap-of-volume", json!({}), "vol-here", old);
    let imaged = disk(&mut world, "snap-of-image", json!({}), "vol-gone", old);
    world.edge("ec2:DescribeImages", "arn:aws:ec2:us-east-1::image/ami-1", EdgeKind::MadeFrom, &imaged);
    let shared = disk(&mut world, "snap-shared", json!({}), "vol-gone", old);
    world.edge("ec2:DescribeSnapshots", &shared, EdgeKind::SharedWith, "444455556666");
    disk(&mut world, "snap-backup", json!({ "aws:backup:source-resource": "x" }), "vol-gone", old);
    let attributes = json!({ "SnapshotId": "s", "VolumeId": "vol-gone", "VolumeSize": 50, "StartTime": old });
    world.add("ec2:DescribeSnapshots", "ec2:snapshot", "snap-unasked", json!({}), attributes);
    world.unanswered("ec2:DescribeSnapshotAttribute", Outcome::Denied);
    check(
        &world,
        "snapshot-orphaned",
        &expect![[r#"
        + snap-orphan medium ec2:CreateTags
        ~ snap-backup a backup service made it, and deletes it by its own rules
        ~ snap-shared it is shared with 444455556666
        ? ec2:DescribeSnapshotAttribute was denied"#]],
    );
}

#[test]
fn images_that_nothing_uses() {
    let mut world = World::new();
    let mut image = |name: &str, changes: Value, launched: Value| {
        let mut attributes =
            json!({ "CreationDate": "2025-01-01T00:00:00.000Z", "State": "available", "Public": false });
        for (name, value) in changes.as_object().unwrap() {
            attributes[name] = value.clone();
        }
        let id = world.add("ec2:DescribeImages", "ec2:image", name, json!({}), attributes);
        world.answered("ec2:DescribeImageAttribute", json!({ "LastLaunchedTime": launched }));
        id
    };
    image("ami-unused", json!({}), json!(null));
    image("ami-lately", json!({}), json!({ "Value": "2026-11-01T00:00:00Z" }));
    image("ami-long-ago", json!({}), json!({ "Value": "2025-11-01T00:00:00Z" }));
    image("ami-public", json!({ "Public": true }), json!(null));
    let shared = image("ami-shared", json!({}), json!(null));
    let used = image("ami-in-use", json!({}), json!(null));
    world.edge("ec2:DescribeImages", &shared, EdgeKind::SharedWith, "444455556666");
    world.edge(
        "ec2:DescribeInstances",
        "arn:aws:ec2:us-east-1:111122223333:instance/i-1",
        EdgeKind::MadeFrom,
        &used,
    );
    check(
        &world,
        "image-unused",
        &expect![[r#"
        + ami-long-ago medium ec2:CreateTags
        + ami-unused medium ec2:CreateTags
        ~ ami-public it is public: others may start from it
        ~ ami-shared it is shared with 444455556666, which may start from it unseen"#]],
    );
}

#[test]
fn uploads_that_were_never_ended() {
    let mut world = World::new();
    let mut bucket = |name: &str, rules: Option<Value>, uploads: Value| {
        world.add("s3:ListBuckets", "s3:bucket", name, json!({}), json!({ "Name": name }));
        match rules {
            Some(rules) => world.answered("s3:GetBucketLifecycleConfiguration", json!({ "Rules": rules })),
            None => world.unanswered("s3:GetBucketLifecycleConfiguration", Outcome::Absent),
        }
        world.answered("s3:ListMultipartUploads", json!({ "Uploads": uploads }));
    };
    let old = json!([{ "Initiated": "2026-06-01T00:00:00Z" }, { "Initiated": "2026-11-28T00:00:00Z" }]);
    bucket("plain", None, old.clone());
    bucket("other-rules", Some(json!([{ "Status": "Enabled" }])), old.clone());
    bucket(
        "ends-them",
        Some(
            json!([{ "Status": "Enabled", "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } }]),
        ),
        old.clone(),
    );
    bucket(
        "rule-is-off",
        Some(
            json!([{ "Status": "Disabled", "AbortIncompleteMultipartUpload": { "DaysAfterInitiation": 7 } }]),
        ),
        old,
    );
    bucket("under-way", None, json!([{ "Initiated": "2026-11-28T00:00:00Z" }]));
    check(
        &world,
        "bucket-abandoned-uploads",
        &expect![[r#"
        + other-rules high advice
        + plain high s3:PutBucketLifecycleConfiguration
        + rule-is-off high advice"#]],
    );
}

#[test]
fn logs_and_repositories_that_grow_for_ever() {
    let mut world = World::new();
    let mut group = |name: &str, tags: Value, attributes: Value| {
        world.add("logs:DescribeLogGroups", "logs:log-group", name, tags, attributes);
    };
    group("app", json!({}), json!({ "storedBytes": 50_000_000_000_u64 }));
    group("audit-trail", json!({}), json!({ "storedBytes": 50_000_000_000_u64 }));
    group("small", json!({}), json!({ "storedBytes": 1000 }));
    group("kept", json!({}), json!({ "storedBytes": 50_000_000_000_u64, "retentionInDays": 90 }));
    for (name, outcome) in [("builds", Outcome::Absent), ("refused", Outcome::Denied)] {
        world.add(
            "ecr:DescribeRepositories",
            "ecr:repository",
            name,
            json!({}),
            json!({ "repositoryName": name }),
        );
        world.unanswered("ecr:GetLifecyclePolicy", outcome);
    }
    world.add(
        "ecr:DescribeRepositories",
        "ecr:repository",
        "tidy",
        json!({}),
        json!({ "repositoryName": "tidy" }),
    );
    world.answered("ecr:GetLifecyclePolicy", json!({ "lifecyclePolicyText": "{}" }));
    check(
        &world,
        "logs-kept-for-ever",
        &expect![[r#"
        + app high advice
        ~ audit-trail its name says `audit`: it may be used rarely"#]],
    );
    check(
        &world,
        "repository-without-lifecycle",
        &expect![[r#"
        + builds high advice
        ? ecr:GetLifecyclePolicy was denied"#]],
    );
}

#[test]
fn addresses_gateways_and_load_balancers() {
    let mut world = World::new();
    let mut address = |name: &str, attributes: Value| {
        world.add("ec2:DescribeAddresses", "ec2:elastic-ip", name, json!({}), attributes)
    };
    address("eipalloc-idle", json!({ "PublicIp": "198.51.100.1" }));
    address("eipalloc-used", json!({ "PublicIp": "198.51.100.2", "AssociationId": "eipassoc-1" }));
    let named = address("eipalloc-named", json!({ "PublicIp": "198.51.100.3" }));
    world.edge(
        "route53:ListResourceRecordSets",
        "arn:aws:route53:::record/Z1/www",
        EdgeKind::RefersTo,
        &named,
    );
    for (name, days, on) in [
        ("nat-idle", 420, vec![]),
        ("nat-quarterly", 420, vec![62, 153, 244, 335]),
        ("nat-weeks", 40, vec![]),
    ] {
        world.add(
            "ec2:DescribeNatGateways",
            "ec2:nat-gateway",
            name,
            json!({}),
            json!({ "State": "available", "CreateTime": "2024-01-01T00:00:00Z" }),
        );
        world.metric(["AWS/NATGateway", "BytesOutToDestination", "Sum"], days, 5000.0, &on);
        world.metric(["AWS/NATGateway", "ActiveConnectionCount", "Maximum"], days, 3.0, &on);
    }
    let mut balancer = |name: &str, value: f64, on: &[usize]| {
        let zones = json!([{ "ZoneName": "us-east-1a" }, { "ZoneName": "us-east-1b" }]);
        let attributes = json!({ "Type": "application", "CreatedTime": "2024-01-01T00:00:00Z", "AvailabilityZones": zones });
        let id = world.add("elbv2:DescribeLoadBalancers", "elbv2:load-balancer", name, json!({}), attributes);
        world.metric(["AWS/ApplicationELB", "RequestCount", "Sum"], 420, value, on);
        id
    };
    let every: Vec<usize> = (1..400).collect();
    balancer("scanned-only", 80.0, &every);
    balancer("busy", 9000.0, &every);
    let failover = balancer("second-site", 0.0, &every);
    world.edge(
        "route53:ListResourceRecordSets",
        "arn:aws:route53:::record/Z1/www/failover-secondary",
        EdgeKind::RefersTo,
        &failover,
    );
    check(
        &world,
        "address-idle",
        &expect![[r#"
        + eipalloc-idle medium ec2:CreateTags
        ~ eipalloc-named arn:aws:route53:::record/Z1/www names it: released, the name would lead to whoever gets the address next"#]],
    );
    check(
        &world,
        "nat-gateway-idle",
        &expect![[r#"
        + nat-idle high ec2:CreateTags
        + nat-weeks medium ec2:CreateTags
        ~ nat-quarterly it is used after pauses: last until 2026-09-29, and before that its longest pause was 91 days; now it is 61"#]],
    );
    check(
        &world,
        "load-balancer-idle",
        &expect![[r#"
        + scanned-only high elbv2:AddTags
        ~ second-site arn:aws:route53:::record/Z1/www/failover-secondary leads to it when something fails"#]],
    );
}

fn instance(world: &mut World, name: &str, tags: Value, changes: &Value) -> String {
    let mut attributes = json!({ "InstanceId": name, "InstanceType": "m5.xlarge", "State": { "Name": "running" },
        "LaunchTime": "2025-01-01T00:00:00Z", "Placement": { "AvailabilityZone": "us-east-1a" } });
    for (name, value) in changes.as_object().unwrap() {
        attributes[name] = value.clone();
    }
    world.add("ec2:DescribeInstances", "ec2:instance", name, tags, attributes)
}

/// A processor load every day, with another on some.
fn load(world: &mut World, days: usize, base: f64, peak: f64, on: &[usize], bytes: f64) {
    let mut values = vec![Some(base); days];
    for day in on {
        values[days - day] = Some(peak);
    }
    world.series(["AWS/EC2", "CPUUtilization", "Maximum"], &values);
    world.series(["AWS/EC2", "NetworkIn", "Sum"], &vec![Some(bytes); days]);
    world.series(["AWS/EC2", "NetworkOut", "Sum"], &vec![Some(bytes); days]);
}

#[test]
fn machines_that_do_nothing_or_little() {
    let mut world = World::new();
    instance(&mut world, "i-forgotten", json!({}), &json!({}));
    load(&mut world, 420, 2.0, 2.0, &[], 1000.0);
    instance(&mut world, "i-weeks", json!({}), &json!({}));
    load(&mut world, 30, 2.0, 2.0, &[], 1000.0);
    instance(&mut world, "i-quarterly", json!({}), &json!({}));
    load(&mut world, 420, 2.0, 95.0, &[62, 153, 244, 335], 1000.0);
    instance(&mut world, "i-network", json!({}), &json!({}));
    load(&mut world, 420, 2.0, 2.0, &[], 9e9);
    let grouped = instance(&mut world, "i-of-a-group", json!({}), &json!({}));
    load(&mut world, 420, 2.0, 2.0, &[], 1000.0);
    let scheduled = instance(&mut world, "i-scheduled", json!({}), &json!({}));
    load(&mut world, 420, 2.0, 2.0, &[], 1000.0);
    instance(&mut world, "i-spot", json!({}), &json!({ "InstanceLifecycle": "spot" }));
    load(&mut world, 420, 2.0, 2.0, &[], 1000.0);
    instance(&mut world, "i-large", json!({}), &json!({}));
    load(&mut world, 420, 12.0, 25.0, &[9], 9e9);
    instance(&mut world, "i-smallest", json!({}), &json!({ "InstanceType": "m5.large" }));
    load(&mut world, 420, 12.0, 25.0, &[9], 9e9);
    instance(&mut world, "i-busy", json!({}), &json!({}));
    load(&mut world, 420, 12.0, 75.0, &[9], 9e9);
    world.edge(
        "autoscaling:DescribeAutoScalingGroups",
        &grouped,
        EdgeKind::MemberOf,
        "arn:aws:autoscaling:us-east-1:1:group/web",
    );
    world.edge(
        "scheduler:ListSchedules",
        "arn:aws:scheduler:us-east-1:1:schedule/yearly",
        EdgeKind::Triggers,
        &scheduled,
    );
    check(
        &world,
        "instance-idle",
        &expect![[r#"
        + i-forgotten high ec2:CreateTags
        + i-weeks medium ec2:CreateTags
        ~ i-of-a-group arn:aws:autoscaling:us-east-1:1:group/web would replace it
        ~ i-quarterly it is used after pauses: last until 2026-09-29, and before that its longest pause was 91 days; now it is 61
        ~ i-scheduled arn:aws:scheduler:us-east-1:1:schedule/yearly starts it: it may run less often than was observed
        ~ i-spot it is not paid for on demand"#]],
    );
    check(
        &world,
        "instance-oversized",
        &expect![[r#"
        + i-large medium advice
        ? what is smaller than m5.large the price table does not tell"#]],
    );
}

#[test]
fn machines_that_stay_stopped() {
    let mut world = World::new();
    let stopped = |reason: &str| json!({ "State": { "Name": "stopped" }, "StateTransitionReason": reason });
    let left =
        instance(&mut world, "i-left", json!({}), &stopped("User initiated (2026-06-01 10:00:00 GMT)"));
    let disk = volume(&mut world, "vol-of-left", json!({}), &json!({ "State": "in-use" }));
    world.edge("ec2:DescribeVolumes", &disk, EdgeKind::AttachedTo, &left);
    instance(&mut world, "i-lately", json!({}), &stopped("User initiated (2026-11-20 10:00:00 GMT)"));
    instance(&mut world, "i-unknown", json!({}), &stopped(""));
    instance(
        &mut world,
        "i-standby",
        json!({ "Name": "web-standby" }),
        &stopped("User initiated (2026-06-01 10:00:00 GMT)"),
    );
    check(
        &world,
        "instance-stopped",
        &expect![[r#"
        + i-left medium advice
        ~ i-standby its name says `standby`: it may stand by for a failure
        ? since when it is stopped, the cloud does not say"#]],
    );
}

#[test]
fn functions_that_nobody_calls_and_services_that_are_too_large() {
    let mut world = World::new();
    let mut function = |name: &str, days: usize, on: &[usize], policy: Outcome| {
        let id = world.add(
            "lambda:ListFunctions",
            "lambda:function",
            name,
            json!({}),
            json!({ "FunctionName": name, "LastModified": "2025-01-01T00:00:00.000+0000" }),
        );
        world.metric(["AWS/Lambda", "Invocations", "Sum"], days, 3.0, on);
        match policy {
            Outcome::Complete => world.answered("lambda:GetPolicy", json!({ "Policy": "{}" })),
            other => world.unanswered("lambda:GetPolicy", other),
        }
        id
    };
    function("forgotten", 420, &[], Outcome::Absent);
    function("called", 420, &[1], Outcome::Absent);
    function("public", 420, &[], Outcome::Complete);
    function("refused", 420, &[], Outcome::Denied);
    let fed = function("fed-by-a-queue", 420, &[], Outcome::Absent);
    world.edge(
        "lambda:ListEventSourceMappings",
        "arn:aws:sqs:us-east-1:1:queue/orders",
        EdgeKind::Triggers,
        &fed,
    );
    let mut service = |name: &str,
                       (cpu, memory): (f64, f64),
                       size: &str,
                       [tasks, running]: [u32; 2],
                       scaling: Option<Value>| {
        let attributes = json!({ "serviceName": name, "clusterArn": "arn:aws:ecs:us-east-1:1:cluster/shop", "desiredCount": tasks, "runningCount": running, "launchType": "FARGATE" });
        world.add("ecs:ListServices", "ecs:service", name, json!({}), json!({}));
        world.answered("ecs:DescribeServices", attributes);
        world.answered(
            "ecs:DescribeTaskDefinition",
            json!({ "taskDefinition": { "cpu": size, "memory": "4096" } }),
        );
        if let Some(scaling) = scaling {
            world.answered("application-autoscaling:DescribeScalableTargets", scaling);
        }
        world.series(["AWS/ECS", "CPUUtilization", "Maximum"], &[Some(cpu); 60]);
        world.series(["AWS/ECS", "MemoryUtilization", "Maximum"], &[Some(memory); 60]);
    };
    let nothing = || Some(json!({ "ScalableTargets": [] }));
    let scaled = || Some(json!({ "ScalableTargets": [{ "ResourceId": "service/shop/scaled" }] }));
    service("large", (20.0, 30.0), "1024", [4, 4], None);
    service("many", (20.0, 30.0), "1024", [6, 6], nothing());
    service("small-and-many", (5.0, 5.0), "256", [3, 3], nothing());
    service("two", (20.0, 30.0), "1024", [2, 2], nothing());
    service("scaled", (20.0, 30.0), "1024", [4, 4], scaled());
    service("being-deployed", (20.0, 30.0), "1024", [4, 3], nothing());
    service("needs-memory", (20.0, 85.0), "1024", [4, 4], nothing());
    service("busy", (85.0, 30.0), "1024", [4, 4], nothing());
    service("smallest", (5.0, 5.0), "256", [2, 2], nothing());
    check(
        &world,
        "function-idle",
        &expect![[r#"
        + forgotten high lambda:TagResource
        ~ fed-by-a-queue arn:aws:sqs:us-east-1:1:queue/orders starts it: it may run less often than was observed
        ~ public its policy lets somebody call it
        ? lambda:GetPolicy was denied"#]],
    );
    // As many as two stay; and only where nothing else sets how many there are, and all of them run.
    check(
        &world,
        "service-oversized",
        &expect![[r#"
        + many medium advice
        + being-deployed medium advice
        + large medium advice
        + scaled medium advice
        + two medium advice
        + small-and-many medium advice"#]],
    );
}

pub(crate) fn database(world: &mut World, name: &str, tags: Value, changes: &Value) -> String {
    let mut attributes = json!({ "DBInstanceIdentifier": name, "DBInstanceClass": "db.m5.large", "Engine": "postgres",
        "DBInstanceStatus": "available", "MultiAZ": true, "AllocatedStorage": 100, "StorageType": "gp2", "BackupRetentionPeriod": 7,
        "DeletionProtection": true, "InstanceCreateTime": "2024-01-01T00:00:00Z" });
    for (name, value) in changes.as_object().unwrap() {
        attributes[name] = value.clone();
    }
    world.add("rds:DescribeDBInstances", "rds:db-instance", name, tags, attributes)
}

#[test]
fn databases_and_tables_without_use() {
    let mut world = World::new();
    let connections = ["AWS/RDS", "DatabaseConnections", "Maximum"];
    for (name, changes, on) in [
        ("left", json!({}), vec![]),
        ("used", json!({}), vec![1]),
        ("replica", json!({ "ReadReplicaSourceDBInstanceIdentifier": "used" }), vec![]),
        ("member", json!({ "DBClusterIdentifier": "c" }), vec![]),
        ("yearly", json!({}), vec![100, 300]),
        ("stopped", json!({ "DBInstanceStatus": "stopped" }), vec![]),
    ] {
        database(&mut world, name, json!({}), &changes);
        world.metric(connections, 420, 2.0, &on);
    }
    let mut table = |name: &str, read: u64, used: f64, mode: &str| {
        let attributes = json!({ "TableName": name, "DeletionProtectionEnabled": true, "BillingModeSummary": { "BillingMode": mode },
            "ProvisionedThroughput": { "ReadCapacityUnits": read, "WriteCapacityUnits": 100 } });
        let id =
            world.add("dynamodb:ListTables", "dynamodb:table", name, json!({}), json!({ "TableName": name }));
        world.answered("dynamodb:DescribeTable", attributes);
        world.series(["AWS/DynamoDB", "ConsumedReadCapacityUnits", "Maximum"], &[Some(used); 60]);
        world.series(["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "Maximum"], &[Some(3.0); 60]);
        id
    };
    table("roomy", 1000, 20.0, "PROVISIONED");
    table("used", 1000, 700.0, "PROVISIONED");
    table("on-demand", 1000, 1.0, "PAY_PER_REQUEST");
    let scaled = table("scaled", 1000, 20.0, "PROVISIONED");
    world.edge(
        "application-autoscaling:DescribeScalableTargets",
        "arn:aws:application-autoscaling:us-east-1:1:scalable-target/1",
        EdgeKind::RefersTo,
        &scaled,
    );
    check(
        &world,
        "database-idle",
        &expect![[r#"
        + left high rds:AddTagsToResource
        ~ member it is a member of a cluster, which is looked at as a whole
        ~ replica it is a replica, or has some: it is there for a failure, or feeds what is
        ~ yearly it is used after pauses: last until 2026-08-22, and before that its longest pause was 200 days; now it is 99"#]],
    );
    check(
        &world,
        "table-oversized",
        &expect![[r#"
        + roomy medium advice
        ~ scaled arn:aws:application-autoscaling:us-east-1:1:scalable-target/1 sets its capacity"#]],
    );
}

/// A window reaches back as far as it was asked for, also where there was nothing to be seen.
#[test]
fn what_was_not_there_yet_or_not_measured_was_not_quiet() {
    let mut world = World::new();
    for (name, since) in [("of-this-week", "2026-11-24"), ("of-this-autumn", "2026-10-20")] {
        let attributes =
            json!({ "FunctionName": name, "LastModified": format!("{since}T00:00:00.000+0000") });
        world.add("lambda:ListFunctions", "lambda:function", name, json!({}), attributes);
        world.metric(["AWS/Lambda", "Invocations", "Sum"], 420, 3.0, &[]);
        world.unanswered("lambda:GetPolicy", Outcome::Absent);
    }
    check(&world, "function-idle", &expect!["+ of-this-autumn medium lambda:TagResource"]);
    database(&mut world, "silent", json!({}), &json!({}));
    world.series(["AWS/RDS", "DatabaseConnections", "Maximum"], &[None; 420]);
    check(&world, "database-idle", &expect!["? the metric DatabaseConnections has no values"]);
}
