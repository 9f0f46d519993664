//! Records as CloudTrail writes them, and what becomes of them.

use expect_test::{Expect, expect};
use model::{Account, Effect, EffectSet};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

use super::*;
use crate::classify::Override;

fn recorded<'a>(source: &'a str, name: &'a str, parameters: &'a Json) -> Recorded<'a> {
    Recorded { source, name, api_version: "", region: "eu-west-1", parameters, omitted: false }
}

fn understood(source: &str, name: &str, parameters: &Json) -> Result<Understood, Unjudged> {
    let target = Target::new(partition_of("eu-west-1"), Account("111122223333".into()));
    classify(&recorded(source, name, parameters), &target, &Terms::default())
}

fn check(source: &str, name: &str, parameters: Json, expected: &Expect) {
    let shown = match understood(&format!("{source}.amazonaws.com"), name, &parameters) {
        Ok(Understood { parts, left_out, .. }) => {
            let resources: Vec<String> =
                parts.resources.iter().map(|it| format!("{} {}", it.kind, it.name)).collect();
            let left_out = if left_out { " LEFT OUT" } else { "" };
            format!(
                "{} [{}] {:?} {}{left_out}",
                parts.operation,
                parts.effects,
                parts.undo,
                resources.join(", ")
            )
        }
        Err(err) => err.to_string(),
    };
    expected.assert_eq(&shown);
}

#[test]
fn records_are_understood_as_the_requests_were() {
    let instances =
        json!({ "instancesSet": { "items": [{ "instanceId": "i-1" }, { "instanceId": "i-2" }] } });
    check(
        "ec2",
        "TerminateInstances",
        instances,
        &expect!["ec2:TerminateInstances [destroy] Unlisted instance i-1, instance i-2"],
    );
    check(
        "ec2",
        "DeleteVolume",
        json!({ "volumeId": "vol-1" }),
        &expect!["ec2:DeleteVolume [destroy] Unlisted volume vol-1"],
    );
    let tags = json!({ "resourcesSet": { "items": [{ "resourceId": "i-1" }] },
        "tagSet": { "items": [{ "key": "env", "value": "prod" }] } });
    check("ec2", "CreateTags", tags, &expect!["ec2:CreateTags [write] Capturable instance i-1"]);
    let wrapped = json!({ "DeleteNatGatewayRequest": { "NatGatewayId": "nat-1" } });
    check(
        "ec2",
        "DeleteNatGateway",
        wrapped,
        &expect!["ec2:DeleteNatGateway [destroy] Unlisted network nat-1"],
    );
    check(
        "ec2",
        "DescribeInstances",
        json!(null),
        &expect!["ec2:DescribeInstances [read] NotNeeded unknown *"],
    );
    let attribute = json!({ "instanceId": "i-1", "disableApiTermination": { "value": false } });
    check(
        "ec2",
        "ModifyInstanceAttribute",
        attribute,
        &expect!["ec2:ModifyInstanceAttribute [write, destroy] Capturable instance i-1"],
    );

    let last = json!({ "dBInstanceIdentifier": "prod", "skipFinalSnapshot": true });
    check("rds", "DeleteDBInstance", last, &expect!["rds:DeleteDBInstance [destroy] Unlisted database prod"]);
    check(
        "rds",
        "DescribeDBInstances",
        json!({}),
        &expect!["rds:DescribeDBInstances [read] NotNeeded unknown *"],
    );
    let password = json!({ "dBInstanceIdentifier": "d", "masterUserPassword": "****" });
    check(
        "rds",
        "ModifyDBInstance",
        password,
        &expect!["rds:ModifyDBInstance [write, privilege] Capturable database d"],
    );

    let object = json!({ "bucketName": "b", "Host": "b.s3.amazonaws.com", "key": "a/k" });
    check("s3", "GetObject", object.clone(), &expect!["s3:GetObject [read] NotNeeded object b/a/k"]);
    check("s3", "PutObject", object.clone(), &expect!["s3:PutObject [write] Capturable object b/a/k"]);
    let version = json!({ "bucketName": "b", "key": "a/k", "versionId": "v" });
    check("s3", "DeleteObject", version, &expect!["s3:DeleteObject [destroy] Unlisted object b/a/k"]);
    check(
        "s3",
        "DeleteObjects",
        json!({ "bucketName": "b", "delete": "" }),
        &expect!["s3:DeleteObjects [execute, privilege, destroy] Unlisted bucket b, unknown * LEFT OUT"],
    );
    let suspended = json!({ "bucketName": "b", "versioning": [""],
        "VersioningConfiguration": { "xmlns": "x", "Status": "Suspended" } });
    check(
        "s3",
        "PutBucketVersioning",
        suspended,
        &expect!["s3:PutBucketVersioning [write, destroy] Capturable bucket b"],
    );
    check(
        "s3",
        "DeleteBucketPublicAccessBlock",
        json!({ "bucketName": "b" }),
        &expect!["s3:DeletePublicAccessBlock [privilege, destroy] Capturable bucket b"],
    );

    let code = json!({ "functionName": "f", "s3Bucket": "b", "s3Key": "k", "publish": false });
    check(
        "lambda",
        "UpdateFunctionCode20150331v2",
        code,
        &expect!["lambda:UpdateFunctionCode [write, execute, destroy] Unlisted function f"],
    );
    check(
        "dynamodb",
        "DeleteTable",
        json!({ "tableName": "t" }),
        &expect!["dynamodb:DeleteTable [destroy] Unlisted table t"],
    );
    let role = json!({ "roleName": "r", "policyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess" });
    check(
        "iam",
        "AttachRolePolicy",
        role,
        &expect![
            "iam:AttachRolePolicy [write, privilege] Capturable role r, policy arn:aws:iam::aws:policy/ReadOnlyAccess"
        ],
    );
    let zero = json!({ "cluster": "c", "service": "s", "desiredCount": 0 });
    check(
        "ecs",
        "UpdateService",
        zero,
        &expect!["ecs:UpdateService [write, destroy] Capturable service s, cluster c"],
    );
    check(
        "ecs",
        "UpdateService",
        json!({ "cluster": "c", "service": "s" }),
        &expect!["ecs:UpdateService [write] Capturable service s, cluster c"],
    );
    let records = json!({ "hostedZoneId": "Z1", "changeBatch": { "changes": [
        { "action": "DELETE", "resourceRecordSet": { "name": "a.", "type": "A" } }] } });
    check(
        "route53",
        "ChangeResourceRecordSets",
        records,
        &expect!["route53:ChangeResourceRecordSets [write, destroy] Capturable dns-zone Z1"],
    );
    check(
        "secretsmanager",
        "GetSecretValue",
        json!({ "secretId": "s" }),
        &expect!["secretsmanager:GetSecretValue [read, privilege] NotNeeded secret s"],
    );
    check(
        "monitoring",
        "DescribeAlarms",
        json!(null),
        &expect!["cloudwatch:DescribeAlarms [read] NotNeeded unknown *"],
    );
}

#[test]
fn what_is_left_out_counts_as_the_worst() {
    check(
        "ec2",
        "TerminateInstances",
        json!(null),
        &expect!["ec2:TerminateInstances [execute, privilege, destroy] Unlisted unknown * LEFT OUT"],
    );
    check(
        "ec2",
        "DeleteVolume",
        json!({ "omitted": true, "originalSize": 300_000 }),
        &expect!["ec2:DeleteVolume [execute, privilege, destroy] Unlisted unknown * LEFT OUT"],
    );
    check(
        "ecs",
        "UpdateService",
        json!({ "cluster": "c", "service": "s", "desiredCount": "***" }),
        &expect![
            "ecs:UpdateService [write, execute, privilege, destroy] Capturable service s, cluster c, unknown * LEFT OUT"
        ],
    );
    check(
        "s3",
        "PutObject",
        json!("HIDDEN_DUE_TO_SECURITY_REASONS"),
        &expect!["s3:PutObject [write, execute, privilege, destroy] Capturable unknown * LEFT OUT"],
    );
    check(
        "ssm",
        "GetParameter",
        json!(null),
        &expect!["ssm:GetParameter [read, privilege] NotNeeded unknown * LEFT OUT"],
    );
    check(
        "ssm",
        "PutParameter",
        json!({ "name": "/p", "value": "HIDDEN_DUE_TO_SECURITY_REASONS" }),
        &expect!["ssm:PutParameter [write] Capturable parameter /p"],
    );
    check(
        "dynamodb",
        "DeleteTable",
        json!({ "tableName": "t", "TableName": "u" }),
        &expect!["dynamodb:DeleteTable [execute, privilege, destroy] Unlisted unknown * LEFT OUT"],
    );
    check(
        "dynamodb",
        "DeleteTable",
        json!({ "$path": { "x": 1 }, "tableName": "t" }),
        &expect!["dynamodb:DeleteTable [execute, privilege, destroy] Unlisted table t, unknown * LEFT OUT"],
    );
}

#[test]
fn what_no_table_knows_is_named_as_an_override_would() {
    check(
        "ec2",
        "FrobnicateInstance20991231",
        json!({}),
        &expect!["`ec2:FrobnicateInstance` is not in the operation table"],
    );
    check("nobody", "DoThings", json!({}), &expect!["`nobody:DoThings` is of a service that is in no table"]);
    let operation = Operation::new("ec2", "FrobnicateInstance");
    let own = Override { effects: EffectSet::of(Effect::Write), kind: None, additive: false, exposure: None };
    let target = Target::new(partition_of("cn-north-1"), Account("1".into()));
    let parameters = json!({ "x": 1 });
    let adopted = classify(
        &recorded("ec2.amazonaws.com", "FrobnicateInstance", &parameters),
        &target,
        &Terms { overrides: [(operation, own)].into(), ..Terms::default() },
    )
    .unwrap();
    assert!(adopted.parts.effects.contains(Effect::Write) && adopted.parts.partition.0 == "aws-cn");
}

#[test]
fn lists_and_names_are_those_of_the_wire() {
    let check = |source: &str, name: &str, parameters: Json, expected: Expect| {
        let mut out = String::new();
        crate::params::json::write(&params_of(&recorded(source, name, &parameters)), &mut out);
        expected.assert_eq(&out);
    };
    let filters = json!({ "filterSet": { "items": [
        { "name": "n", "valueSet": { "items": [{ "value": "a" }, { "value": "b" }] } }] } });
    check("ec2", "DescribeInstances", filters, expect![[r#"{"filter":[{"name":"n","value":["a","b"]}]}"#]]);
    check(
        "ec2",
        "CreateFlowLogs",
        json!({ "CreateFlowLogsRequest": { "ResourceId": { "tag": 1, "content": "vpc-1" } } }),
        expect![[r#"{"ResourceId":"vpc-1"}"#]],
    );
    check(
        "lambda",
        "GetFunction20150331v2",
        json!({ "functionName": "f", "qualifier": 3 }),
        expect![[r#"{"$body":null,"$headers":{},"$path":{"FunctionName":"f"},"$query":{"Qualifier":"3"}}"#]],
    );
}

const CASES: [(&str, &str); 8] = [
    ("ec2", "TerminateInstances"),
    ("ec2", "RunInstances"),
    ("rds", "ModifyDBInstance"),
    ("s3", "PutObject"),
    ("s3", "PutBucketVersioning"),
    ("lambda", "UpdateFunctionConfiguration20150331v2"),
    ("dynamodb", "ExecuteStatement"),
    ("iam", "CreatePolicyVersion"),
];

fn any_json() -> impl Strategy<Value = Json> {
    let names = prop_oneof![
        Just("items".to_owned()),
        Just("instanceId".to_owned()),
        Just("omitted".to_owned()),
        Just("statement".to_owned()),
        Just("key".to_owned()),
        Just("bucketName".to_owned()),
        Just("deletionProtection".to_owned()),
        Just("instancesSet".to_owned()),
        Just("tag".to_owned()),
        Just("content".to_owned()),
        Just("dryRun".to_owned()),
        "[$a-zA-Z.-]{0,8}",
    ];
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::from),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        "select.*|\\PC{0,12}".prop_map(Json::from),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
            proptest::collection::btree_map(names.clone(), inner, 0..5)
                .prop_map(|map| Json::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn no_record_panics_and_leaving_out_never_lowers(
        nth in 0usize..CASES.len(),
        mut parameters in any_json(),
        at in any::<prop::sample::Index>(),
    ) {
        let (source, name) = CASES[nth];
        let whole = understood(source, name, &parameters).unwrap();
        let omitted = understood(source, name, &json!({ "omitted": true })).unwrap();
        if let Json::Object(members) = &mut parameters && !members.is_empty() {
            let member = at.get(&members.keys().cloned().collect::<Vec<_>>()).clone();
            members[&member] = json!("HIDDEN_DUE_TO_SECURITY_REASONS");
        }
        let hidden = understood(source, name, &parameters).unwrap();
        for less in [&hidden, &omitted] {
            if less.left_out {
                // What only reads, and could be worse for all that is told, need not be said to read as well.
                let mut worse = whole.parts.effects.iter().filter(|effect| *effect != model::Effect::Read);
                prop_assert!(worse.all(|effect| less.parts.effects.contains(effect)));
                let shows = |it: &Understood| (it.parts.exposure.data, it.parts.exposure.credentials);
                prop_assert!(shows(less) >= (shows(&whole).0 & shows(less).0, shows(&whole).1 & shows(less).1));
                prop_assert!(less.parts.resources.iter().any(|it| it.name == "*"));
            }
        }
    }
}
