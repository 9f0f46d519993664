//! What is larger than what it does, grows for ever, or stays stopped: services, tables, repositories, machines.

use serde_json::json;
use snapshot::EdgeKind;

use super::{Cause, Uses, machines::small, month, one, tags, wasted};
use crate::{Planted, land::Land};

pub(super) fn service(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[
            Cause::InDailyUse,
            Cause::InDailyUse,
            Cause::TooLarge,
            Cause::Forgotten,
            Cause::Broken,
            Cause::KeptOnPurpose,
        ],
    );
    let name = land.name("svc-");
    let tags = tags(land, cause, "shop");
    let resource = land.add("ecs:ListServices", "ecs:service", &name, tags, json!({}));
    let tasks = if cause == Cause::Broken { 1 } else { 4 };
    let cluster = "arn:aws:ecs:us-east-1:111122223333:cluster/shop";
    let made = Land::ago(land.dice.between(650, 900));
    land.answered(
        "ecs:DescribeServices",
        json!({ "serviceName": name, "clusterArn": cluster, "desiredCount": tasks, "runningCount": tasks, "launchType": "FARGATE",
            "status": "ACTIVE", "schedulingStrategy": "REPLICA", "createdAt": made }),
    );
    land.answered(
        "ecs:DescribeTaskDefinition",
        json!({ "taskDefinition": { "cpu": "1024", "memory": "4096" } }),
    );
    let uses = Uses::of(land, cause);
    let mut dice = land.dice.clone();
    let (low, high) = if cause == Cause::TooLarge { (15, 30) } else { (55, 95) };
    for metric in ["CPUUtilization", "MemoryUtilization"] {
        land.metric(["AWS/ECS", metric, "Maximum"], |day| {
            Some(small(if uses.on(day) { dice.between(low, high) } else { dice.between(1, 4) }))
        });
    }
    let whole = 4 * (40_480 + 4 * 4_445);
    let micros = if cause == Cause::TooLarge { month(whole / 2) } else { month(whole) };
    Planted { resource, cause, micros: if cause == Cause::Broken { 0 } else { wasted(cause, micros) } }
}

pub(super) fn table(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::InDailyUse, Cause::TooLarge, Cause::KeptOnPurpose]);
    let name = land.name("table-");
    let tags = tags(land, cause, "orders");
    let attributes = json!({ "TableName": name, "DeletionProtectionEnabled": true, "TableStatus": "ACTIVE",
        "BillingModeSummary": { "BillingMode": "PROVISIONED" },
        "ProvisionedThroughput": { "ReadCapacityUnits": 1000, "WriteCapacityUnits": 1000 } });
    let resource =
        land.add("dynamodb:ListTables", "dynamodb:table", &name, tags, json!({ "TableName": name }));
    land.answered("dynamodb:DescribeTable", attributes);
    let recovery = json!({ "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" } });
    land.answered("dynamodb:DescribeContinuousBackups", json!({ "ContinuousBackupsDescription": recovery }));
    let most = match cause {
        Cause::TooLarge => 50.0,
        Cause::KeptOnPurpose => 0.0,
        _ => 700.0,
    };
    for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] {
        land.metric(["AWS/DynamoDB", metric, "Maximum"], |_| Some(most));
    }
    // Twice what it used at most stays.
    Planted { resource, cause, micros: wasted(cause, month(900 * (130 + 650))) }
}

pub(super) fn repository(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::NeverTidied, Cause::InDailyUse, Cause::KeptOnPurpose]);
    let name = land.name("repo-");
    let tags = tags(land, cause, "images");
    let resource = land.add(
        "ecr:DescribeRepositories",
        "ecr:repository",
        &name,
        tags,
        json!({ "repositoryName": name }),
    );
    if cause == Cause::InDailyUse {
        land.answered("ecr:GetLifecyclePolicy", json!({ "lifecyclePolicyText": "{}" }));
    } else {
        land.absent("ecr:GetLifecyclePolicy");
    }
    Planted { resource, cause, micros: 0 }
}

/// Stopped, and a disk with it.
pub(super) fn stopped(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::Forgotten, Cause::Forgotten, Cause::InDailyUse, Cause::KeptOnPurpose]);
    let days = if cause == Cause::InDailyUse { land.dice.between(1, 20) } else { land.dice.between(60, 400) };
    let day = Land::ago(days).to_string();
    let reason = format!("User initiated ({} 00:00:00 GMT)", day.split('T').next().unwrap_or_default());
    let name = land.name("i-");
    let tags = tags(land, cause, "shop");
    let attributes = json!({ "InstanceId": name, "InstanceType": "m5.large", "State": { "Name": "stopped" }, "StateTransitionReason": reason,
        "LaunchTime": Land::ago(land.dice.between(420, 900)), "Placement": { "AvailabilityZone": "us-east-1a" } });
    let resource = land.add("ec2:DescribeInstances", "ec2:instance", &name, tags, attributes);
    let disk = land.name("vol-");
    let attributes = json!({ "VolumeId": disk, "Size": 100, "VolumeType": "gp3", "State": "in-use", "CreateTime": Land::ago(900),
        "Iops": 3000, "Throughput": 125 });
    let disk = land.add("ec2:DescribeVolumes", "ec2:volume", &disk, json!({}), attributes);
    land.edge("ec2:DescribeVolumes", &disk, EdgeKind::AttachedTo, &resource);
    Planted { resource, cause, micros: wasted(cause, 100 * 80_000) }
}
