//! What is written on a resource spares it, whichever analyzer looks; where that was not read, nothing is claimed. And what is paid for and
//! has no price is told, never counted as nothing.

use expect_test::{Expect, expect};
use findings::{By, Prices, Saving, costs};
use serde_json::{Value, json};
use snapshot::{Outcome, Snapshot};

use crate::{
    analyzers::database,
    world::{World, told},
};

/// A table of which little is used, with these tags.
fn table(world: &mut World, name: &str, tags: Value) {
    world.add("dynamodb:ListTables", "dynamodb:table", name, tags, json!({ "TableName": name }));
    world.answered(
        "dynamodb:DescribeTable",
        json!({ "TableName": name, "DeletionProtectionEnabled": false, "BillingModeSummary": { "BillingMode": "PROVISIONED" },
            "ProvisionedThroughput": { "ReadCapacityUnits": 1000, "WriteCapacityUnits": 100 } }),
    );
    let recovery = json!({ "PointInTimeRecoveryDescription": { "PointInTimeRecoveryStatus": "ENABLED" } });
    world.answered("dynamodb:DescribeContinuousBackups", json!({ "ContinuousBackupsDescription": recovery }));
    for metric in ["ConsumedReadCapacityUnits", "ConsumedWriteCapacityUnits"] {
        world.series(["AWS/DynamoDB", metric, "Maximum"], &[Some(3.0); 60]);
    }
}

fn bucket(world: &mut World, name: &str, tags: Value) {
    world.add("s3:ListBuckets", "s3:bucket", name, tags, json!({ "Name": name }));
    world.unanswered("s3:GetBucketLifecycleConfiguration", Outcome::Absent);
    world.answered("s3:GetBucketVersioning", json!({}));
    let begun = "2026-06-01T00:00:00Z";
    world.answered("s3:ListMultipartUploads", json!({ "Uploads": [{ "Initiated": begun }] }));
}

/// What an analyzer tells of what is plain and of what is kept.
fn of(denied: &[&str], analyzer: &str) -> String {
    let mut world = World::denied(denied);
    for (suffix, tags) in [("plain", json!({})), ("kept", json!({ "countersign:keep": "yes" }))] {
        table(&mut world, &format!("table-{suffix}"), tags.clone());
        bucket(&mut world, &format!("bucket-{suffix}"), tags.clone());
        let stored = json!({ "storedBytes": 50_000_000_000_u64 });
        world.add(
            "logs:DescribeLogGroups",
            "logs:log-group",
            &format!("logs-{suffix}"),
            tags.clone(),
            stored,
        );
        let repository = format!("repository-{suffix}");
        world.add("ecr:DescribeRepositories", "ecr:repository", &repository, tags, json!({}));
        world.unanswered("ecr:GetLifecyclePolicy", Outcome::Absent);
    }
    told(&world.report(), analyzer)
}

fn check(denied: &[&str], analyzer: &str, expected: &Expect) {
    expected.assert_eq(&of(denied, analyzer));
}

#[test]
fn what_is_kept_is_spared_by_every_analyzer_of_waste() {
    let keep = |kind: &str| format!("{kind}-kept its tag `countersign:keep` says that it is to be kept");
    for (analyzer, kind, remedy) in [
        ("table-oversized", "table", "medium advice"),
        ("bucket-abandoned-uploads", "bucket", "high s3:PutBucketLifecycleConfiguration"),
        ("bucket-without-lifecycle", "bucket", "low advice"),
        ("logs-kept-for-ever", "logs", "high advice"),
        ("repository-without-lifecycle", "repository", "high advice"),
    ] {
        assert_eq!(of(&[], analyzer), format!("+ {kind}-plain {remedy}\n~ {}", keep(kind)), "{analyzer}");
    }
}

#[test]
fn tags_that_were_refused_are_not_absent() {
    check(
        &["dynamodb:ListTagsOfResource"],
        "table-oversized",
        &expect!["? dynamodb:ListTagsOfResource was denied: whether a tag keeps it is not known"],
    );
    // A fault is told all the same; whose it is, a tag would say.
    check(
        &["dynamodb:ListTagsOfResource"],
        "table-unprotected",
        &expect![[r#"
            + table-kept low advice
            + table-plain low advice"#]],
    );
    check(
        &["s3:GetBucketTagging"],
        "bucket-abandoned-uploads",
        &expect!["? s3:GetBucketTagging was denied: whether a tag keeps it is not known"],
    );
    check(
        &["logs:ListTagsForResource"],
        "logs-kept-for-ever",
        &expect!["? logs:ListTagsForResource was denied: whether a tag keeps it is not known"],
    );
    check(
        &["ecr:ListTagsForResource"],
        "repository-without-lifecycle",
        &expect!["? ecr:ListTagsForResource was denied: whether a tag keeps it is not known"],
    );
}

/// No analyzer looks at tags past what knows whether they were read.
#[test]
fn analyzers_ask_for_tags_and_do_not_take_them() {
    for source in crate::page::SOURCES {
        assert!(!source.contains("resource.tag"), "{}", source.lines().next().unwrap_or_default());
    }
}

#[test]
fn what_has_no_price_is_counted_apart() {
    let mut world = World::new();
    bucket(&mut world, "files", json!({ "team": "shop" }));
    world.add("ecr:DescribeRepositories", "ecr:repository", "images", json!({}), json!({}));
    let function = json!({ "FunctionName": "f", "LastModified": "2025-01-01T00:00:00.000+0000" });
    world.add("lambda:ListFunctions", "lambda:function", "f", json!({}), function);
    world.add("dynamodb:ListTables", "dynamodb:table", "t", json!({}), json!({}));
    world.answered(
        "dynamodb:DescribeTable",
        json!({ "DeletionProtectionEnabled": true, "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
            "ProvisionedThroughput": { "ReadCapacityUnits": 0, "WriteCapacityUnits": 0 } }),
    );
    world.add("ec2:DescribeSecurityGroups", "ec2:security-group", "sg", json!({}), json!({}));
    let text = world.builder.draft();
    let snapshot = Snapshot::parse(&text, world.now).unwrap();
    let told = costs(&snapshot, &Prices::shipped(), &By::Service, &world.report());
    let lines: Vec<String> =
        told.lines.iter().map(|line| format!("{}: {}", line.name, line.rests_on())).collect();
    expect![[r#"
        dynamodb: 0 priced, 1 not known
        ecr: 0 priced, 1 not known
        lambda: 0 priced, 1 not known
        s3: 0 priced, 1 not known"#]]
    .assert_eq(&lines.join("\n"));
    let why: Vec<String> = told.not_known.iter().map(|(why, count)| format!("{count} {why}")).collect();
    expect![[r#"
        2 not priced: how much it holds was not read
        1 not priced: it is paid for by the call
        1 not priced: it is paid for by the request, and by what it holds"#]]
    .assert_eq(&why.join("\n"));
}

/// Its storage is paid for all the same.
#[test]
fn a_database_that_is_stopped_saves_what_runs_of_it() {
    let mut world = World::new();
    database(&mut world, "left", json!({}), &json!({ "MultiAZ": false }));
    world.metric(["AWS/RDS", "DatabaseConnections", "Maximum"], 420, 2.0, &[]);
    let report = world.report();
    let finding = report.findings.iter().find(|it| it.analyzer == "database-idle").unwrap();
    let Some(Saving::Known(amount)) = &finding.saving else { panic!("{:?}", finding.saving) };
    let parts: Vec<&str> = amount.parts.iter().map(|part| part.price.as_str()).collect();
    assert_eq!(parts, ["rds:postgres:db.m5.large"]);
}
