//! Logs, buckets, and what is broken.

use serde_json::json;
use snapshot::EdgeKind;

use super::{Cause, one, tags};
use crate::{Planted, land::Land};

pub(super) fn logs(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::NeverTidied, Cause::InDailyUse, Cause::KeptByLaw, Cause::KeptOnPurpose]);
    let name = land.name("log-");
    let tags = tags(land, cause, "logs");
    let gigabytes = land.dice.between(5, 900);
    let mut attributes = json!({ "logGroupName": name, "storedBytes": gigabytes * 1_000_000_000 });
    if let (Cause::InDailyUse, Some(members)) = (cause, attributes.as_object_mut()) {
        members.insert("retentionInDays".into(), 90.into());
    }
    let resource = land.add("logs:DescribeLogGroups", "logs:log-group", &name, tags, attributes);
    let micros = if cause == Cause::NeverTidied { i64::try_from(gigabytes).unwrap_or(0) * 30_000 } else { 0 };
    Planted { resource, cause, micros }
}

pub(super) fn bucket(land: &mut Land) -> Planted {
    let cause = one(land, &[Cause::NeverTidied, Cause::NeverTidied, Cause::InDailyUse, Cause::KeptOnPurpose]);
    let name = land.name("bucket-");
    let tags = tags(land, cause, "files");
    let resource = land.add("s3:ListBuckets", "s3:bucket", &name, tags, json!({ "Name": name }));
    let abort = json!({ "DaysAfterInitiation": 7 });
    if cause == Cause::InDailyUse {
        let rule = json!({ "Status": "Enabled", "AbortIncompleteMultipartUpload": abort, "NoncurrentVersionExpiration": { "NoncurrentDays": 30 } });
        land.answered("s3:GetBucketLifecycleConfiguration", json!({ "Rules": [rule] }));
        land.answered("s3:GetBucketVersioning", json!({ "Status": "Enabled" }));
        let begun = Land::ago(1);
        land.answered(
            "s3:ListMultipartUploads",
            json!({ "Uploads": [{ "Initiated": begun, "Key": "big" }] }),
        );
    } else if land.dice.percent(50) {
        land.absent("s3:GetBucketLifecycleConfiguration");
        land.answered("s3:GetBucketVersioning", json!({}));
        let begun = Land::ago(land.dice.between(20, 400));
        land.answered(
            "s3:ListMultipartUploads",
            json!({ "Uploads": [{ "Initiated": begun, "Key": "big" }] }),
        );
    } else {
        let rule = json!({ "Status": "Enabled", "AbortIncompleteMultipartUpload": abort });
        land.answered("s3:GetBucketLifecycleConfiguration", json!({ "Rules": [rule] }));
        land.answered("s3:GetBucketVersioning", json!({ "Status": "Enabled" }));
        land.answered("s3:ListMultipartUploads", json!({ "Uploads": [] }));
    }
    Planted { resource, cause, micros: 0 }
}

/// Broken, or like something broken and not.
pub(super) fn fault(land: &mut Land) -> Planted {
    let broken = land.dice.percent(50);
    let cause = if broken { Cause::Broken } else { Cause::InDailyUse };
    let which = land.dice.between(0, 4);
    let resource = match which {
        0 => {
            let name = land.name("tg-");
            let id = land.add(
                "elbv2:DescribeTargetGroups",
                "elbv2:target-group",
                &name,
                json!({}),
                json!({ "TargetGroupName": name }),
            );
            let state = if broken { "unhealthy" } else { "draining" };
            land.answered("elbv2:DescribeTargetHealth", json!({ "TargetHealthDescriptions": [{ "Target": { "Id": "i-1" }, "TargetHealth": { "State": state } }] }));
            land.edge(
                "elbv2:DescribeTargetGroups",
                &Land::id("elbv2:load-balancer", "lb-of-faults"),
                EdgeKind::Targets,
                &id,
            );
            id
        }
        1 => {
            let name = land.name("stack-");
            let status = if broken { "UPDATE_ROLLBACK_FAILED" } else { "UPDATE_ROLLBACK_COMPLETE" };
            let attributes = json!({ "StackName": name, "StackStatus": status, "CreationTime": Land::ago(300), "LastUpdatedTime": Land::ago(2),
                "DriftInformation": { "StackDriftStatus": "IN_SYNC" } });
            let id = land.add(
                "cloudformation:DescribeStacks",
                "cloudformation:stack",
                &name,
                json!({}),
                attributes,
            );
            land.stack_read();
            id
        }
        2 => {
            let name = land.name("cert-");
            let end = crate::TAKEN.plus_seconds(86_400 * if broken { 9 } else { 200 });
            let attributes = json!({ "DomainName": "shop.example", "NotAfter": end, "Type": "IMPORTED", "InUse": true, "RenewalEligibility": "INELIGIBLE" });
            land.add("acm:ListCertificates", "acm:certificate", &name, json!({}), attributes)
        }
        3 => {
            let name = land.name("sg-");
            let from = if broken { "0.0.0.0/0" } else { "10.0.0.0/8" };
            let rule = json!({ "IpProtocol": "tcp", "FromPort": 22, "ToPort": 22, "IpRanges": [{ "CidrIp": from }] });
            let id = land.add(
                "ec2:DescribeSecurityGroups",
                "ec2:security-group",
                &name,
                json!({}),
                json!({ "GroupId": name, "IpPermissions": [rule] }),
            );
            land.edge(
                "ec2:DescribeNetworkInterfaces",
                &Land::id("ec2:network-interface", "eni-1"),
                EdgeKind::RefersTo,
                &id,
            );
            id
        }
        _ => {
            let name = land.name("table-");
            let attributes = json!({ "TableName": name, "DeletionProtectionEnabled": !broken, "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
                "ProvisionedThroughput": { "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 } });
            let id = land.add(
                "dynamodb:ListTables",
                "dynamodb:table",
                &name,
                json!({}),
                json!({ "TableName": name }),
            );
            let recovery = if broken { "DISABLED" } else { "ENABLED" };
            land.answered("dynamodb:DescribeTable", attributes);
            land.answered(
                "dynamodb:DescribeContinuousBackups",
                json!({ "ContinuousBackupsDescription": { "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": recovery } } }),
            );
            id
        }
    };
    Planted { resource, cause, micros: 0 }
}
