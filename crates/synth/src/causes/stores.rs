//! Volumes, snapshots, images, databases.

use serde_json::json;
use snapshot::EdgeKind;

use super::{Cause, Uses, month, one, tags, wasted};
use crate::{Planted, land::Land};

fn gigabytes(land: &mut Land) -> u64 {
    land.dice.one_of(&[20, 50, 100, 500, 1000]).copied().unwrap_or(100)
}

fn micros(gigabytes: u64, each: i64) -> i64 {
    i64::try_from(gigabytes).unwrap_or(0) * each
}

pub(super) fn volume(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[
            Cause::InDailyUse,
            Cause::OldKind,
            Cause::OwnerDeleted,
            Cause::OwnerDeleted,
            Cause::QuarterlyJob,
            Cause::ForgottenInStack,
            Cause::KeptByLaw,
            Cause::KeptOnPurpose,
        ],
    );
    let size = gigabytes(land);
    let attached = matches!(cause, Cause::InDailyUse | Cause::OldKind);
    let kind = if cause == Cause::OldKind { "gp2" } else { "gp3" };
    let name = land.name("vol-");
    let tags = tags(land, cause, "shop");
    let state = if attached { "in-use" } else { "available" };
    let attributes = json!({ "VolumeId": name, "Size": size, "VolumeType": kind, "State": state, "CreateTime": Land::ago(land.dice.between(600, 900)),
        "Iops": 3000, "Throughput": 125, "Encrypted": true, "AvailabilityZone": "us-east-1a" });
    let resource = land.add("ec2:DescribeVolumes", "ec2:volume", &name, tags, attributes);
    if !attached {
        let uses = Uses::of(land, cause);
        land.metric(["AWS/EBS", "VolumeReadOps", "Sum"], |day| uses.on(day).then_some(9000.0));
        land.metric(["AWS/EBS", "VolumeWriteOps", "Sum"], |day| uses.on(day).then_some(800.0));
    }
    match cause {
        Cause::OwnerDeleted => {
            let gone = Land::id("ec2:instance", &format!("i-gone-{name}"));
            land.edge("ec2:DescribeVolumes", &resource, EdgeKind::AttachedTo, &gone);
        }
        Cause::ForgottenInStack => land.owned(),
        _ => {}
    }
    // gp3 costs four fifths, and more where it has to have what a large gp2 had.
    let extra = i64::try_from((size * 3).clamp(3000, 16_000) - 3000).unwrap_or(0) * 5_000
        + if size > 170 { 125 * 40_000 } else { 0 };
    let worth =
        if cause == Cause::OldKind { (micros(size, 20_000) - extra).max(0) } else { micros(size, 80_000) };
    // Where gp3 would cost no less there is nothing to do.
    let cause = if cause == Cause::OldKind && worth == 0 { Cause::InDailyUse } else { cause };
    Planted { resource, cause, micros: wasted(cause, worth) }
}

pub(super) fn snapshot(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::OwnerDeleted, Cause::InDailyUse, Cause::UsedElsewhere, Cause::KeptByLaw]);
    let size = gigabytes(land);
    let name = land.name("snap-");
    let tags = tags(land, cause, "backup");
    let attributes = json!({ "SnapshotId": name, "VolumeId": format!("vol-gone-{name}"), "VolumeSize": size, "StartTime": Land::ago(land.dice.between(100, 900)),
        "Description": "before the release", "StorageTier": "standard", "State": "completed" });
    let resource = land.add("ec2:DescribeSnapshots", "ec2:snapshot", &name, tags, attributes);
    land.answered("ec2:DescribeSnapshotAttribute", json!({ "CreateVolumePermissions": [] }));
    match cause {
        Cause::InDailyUse => {
            let image = Land::id("ec2:image", &format!("ami-of-{name}"));
            land.edge("ec2:DescribeImages", &image, EdgeKind::MadeFrom, &resource);
        }
        Cause::UsedElsewhere => {
            land.edge("ec2:DescribeSnapshots", &resource, EdgeKind::SharedWith, "444455556666")
        }
        _ => {}
    }
    Planted { resource, cause, micros: wasted(cause, micros(size, 50_000)) }
}

pub(super) fn image(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::Forgotten, Cause::InDailyUse, Cause::UsedElsewhere, Cause::StandsBy]);
    let name = land.name("ami-");
    let tags = tags(land, cause, "images");
    let attributes = json!({ "ImageId": name, "CreationDate": Land::ago(land.dice.between(200, 900)), "State": "available", "Public": false });
    let resource = land.add("ec2:DescribeImages", "ec2:image", &name, tags, attributes);
    let launched = match cause {
        Cause::InDailyUse => json!({ "Value": Land::ago(1) }),
        _ if land.dice.percent(50) => json!({ "Value": Land::ago(land.dice.between(150, 199)) }),
        _ => json!(null),
    };
    land.answered("ec2:DescribeImageAttribute", json!({ "LastLaunchedTime": launched }));
    match cause {
        Cause::InDailyUse => {
            let template = Land::id("ec2:launch-template", "lt-web");
            land.edge("ec2:DescribeLaunchTemplateVersions", &template, EdgeKind::RefersTo, &resource);
        }
        Cause::UsedElsewhere => {
            land.edge("ec2:DescribeImages", &resource, EdgeKind::SharedWith, "444455556666")
        }
        _ => {}
    }
    Planted { resource, cause, micros: 0 }
}

pub(super) fn database(land: &mut Land) -> Planted {
    let cause = one(
        land,
        &[
            Cause::InDailyUse,
            Cause::Forgotten,
            Cause::QuarterlyJob,
            Cause::YearlyJob,
            Cause::StandsBy,
            Cause::ForgottenInStack,
        ],
    );
    let name = land.name("db-");
    let tags = tags(land, cause, "orders");
    let mut attributes = json!({ "DBInstanceIdentifier": name, "DBInstanceClass": "db.m5.large", "Engine": "postgres", "DBInstanceStatus": "available",
        "MultiAZ": true, "AllocatedStorage": 100, "StorageType": "gp2", "BackupRetentionPeriod": 7, "DeletionProtection": true,
        "InstanceCreateTime": Land::ago(land.dice.between(500, 900)) });
    if let (Cause::StandsBy, Some(members)) = (cause, attributes.as_object_mut()) {
        members.insert("ReadReplicaSourceDBInstanceIdentifier".into(), "orders-primary".into());
    }
    let resource = land.add("rds:DescribeDBInstances", "rds:db-instance", &name, tags, attributes);
    let uses = Uses::of(land, cause);
    land.metric(["AWS/RDS", "DatabaseConnections", "Maximum"], |day| {
        Some(if uses.on(day) { 14.0 } else { 0.0 })
    });
    if cause == Cause::ForgottenInStack {
        land.owned();
    }
    // Its storage is paid for whether it runs or not.
    Planted { resource, cause, micros: wasted(cause, 2 * month(178_000)) }
}
