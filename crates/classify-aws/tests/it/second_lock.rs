//! What the rights of each action are narrowed to.

use classify_aws::{
    call::{Call, build},
    classify::classify,
    table::{Class, Place, Table},
};
use expect_test::{Expect, expect};
use model::{SecondLock, Value};

use crate::requests::target;

fn locked(service: &str, operation: &str, parameters: Value) -> Option<SecondLock> {
    let call = Call {
        service: service.to_owned(),
        operation: operation.to_owned(),
        region: "eu-west-1".to_owned(),
        parameters,
    };
    let signing = Table::shared().service(service)?.signing;
    let request = build(&call).ok()?;
    let classified = classify(request, signing, "eu-west-1", &target(), &Default::default()).ok()?;
    classified.action.parts().second_lock.clone()
}

fn value(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Object(map) => {
            Value::Map(map.iter().map(|(key, inner)| (key.clone(), value(inner))).collect())
        }
        serde_json::Value::Array(list) => Value::List(list.iter().map(value).collect()),
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Number(number) => Value::Int(number.as_i64().unwrap()),
        serde_json::Value::Bool(yes) => Value::Bool(*yes),
        serde_json::Value::Null => Value::Null,
    }
}

/// `parameters` as JSON; the policy, a statement a line.
#[track_caller]
fn check(operation: &str, parameters: &str, expected: &Expect) {
    let (service, name) = operation.split_once(':').unwrap();
    let parameters = value(&serde_json::from_str(parameters).unwrap());
    let told = match locked(service, name, parameters) {
        Some(SecondLock::Policy { text, on }) => {
            let policy: serde_json::Value = serde_json::from_str(&text).expect(&text);
            assert!(text.len() <= 2048 && policy["Version"] == "2012-10-17", "{text}");
            let statements = policy["Statement"].as_array().unwrap();
            let keys = statements.iter().filter(|it| it["Condition"].is_object()).count();
            assert_eq!(keys, 1, "keys only by way of the service: {text}");
            let lines = statements.iter().filter(|it| it["Condition"].is_null()).map(|it| {
                format!("{} {} on {}\n", it["Effect"].as_str().unwrap(), it["Action"], it["Resource"])
            });
            format!("{} bound\n{}", on.len(), lines.collect::<String>())
        }
        Some(SecondLock::Unfit(why)) => format!("none: {why}\n"),
        None => "not classified\n".to_owned(),
    };
    expected.assert_eq(&told);
}

#[test]
fn an_action_is_allowed_on_what_it_names_and_nothing_else() {
    check(
        "rds:DeleteDBInstance",
        r#"{"DBInstanceIdentifier":"Orders","SkipFinalSnapshot":"true"}"#,
        &expect![[r#"
            2 bound
            Allow "rds:DeleteDBInstance" on ["arn:aws:rds:eu-west-1:111122223333:db:Orders","arn:aws:rds:eu-west-1:111122223333:db:orders"]
        "#]],
    );
    check(
        "s3:DeleteObject",
        r#"{"Bucket":"reports","Key":"2024/a b.csv"}"#,
        &expect![[r#"
        1 bound
        Allow "s3:DeleteObject" on "arn:aws:s3:::reports/2024/a b.csv"
        Allow ["s3:BypassGovernanceRetention","s3:DeleteObject","s3:DeleteObjectVersion"] on "arn:aws:s3:::reports/2024/a b.csv"
    "#]],
    );
    check(
        "s3:PutBucketVersioning",
        r#"{"Bucket":"reports"}"#,
        &expect![[r#"
        1 bound
        Allow "s3:PutBucketVersioning" on "arn:aws:s3:::reports"
    "#]],
    );
    check(
        "dynamodb:DeleteTable",
        r#"{"TableName":"orders"}"#,
        &expect![[r#"
        1 bound
        Allow "dynamodb:DeleteTable" on "arn:aws:dynamodb:eu-west-1:111122223333:table/orders"
    "#]],
    );
    check(
        "ec2:TerminateInstances",
        r#"{"InstanceId":["i-1","i-2"]}"#,
        &expect![[r#"
        2 bound
        Allow "ec2:TerminateInstances" on ["arn:aws:ec2:eu-west-1:111122223333:instance/i-1","arn:aws:ec2:eu-west-1:111122223333:instance/i-2"]
    "#]],
    );
    check(
        "sqs:PurgeQueue",
        r#"{"QueueUrl":"https://sqs.eu-west-1.amazonaws.com/123456789012/jobs"}"#,
        &expect![[r#"
            1 bound
            Allow "sqs:PurgeQueue" on "arn:aws:sqs:eu-west-1:111122223333:jobs"
        "#]],
    );
    check(
        "sns:DeleteTopic",
        r#"{"TopicArn":"arn:aws:sns:eu-west-1:111122223333:news"}"#,
        &expect![[r#"
        1 bound
        Allow "sns:DeleteTopic" on "arn:aws:sns:eu-west-1:111122223333:news"
    "#]],
    );
    check(
        "ssm:PutParameter",
        r#"{"Name":"/app/colour","Value":"blue"}"#,
        &expect![[r#"
        1 bound
        Allow "ssm:PutParameter" on "arn:aws:ssm:eu-west-1:111122223333:parameter/app/colour"
    "#]],
    );
    check(
        "secretsmanager:DeleteSecret",
        r#"{"SecretId":"db"}"#,
        &expect![[r#"
        2 bound
        Allow "secretsmanager:DeleteSecret" on ["arn:aws:secretsmanager:eu-west-1:111122223333:secret:db","arn:aws:secretsmanager:eu-west-1:111122223333:secret:db-??????"]
    "#]],
    );
    check(
        "ecs:UpdateService",
        r#"{"cluster":"main","service":"web","desiredCount":0}"#,
        &expect![[r#"
        2 bound
        Allow "ecs:UpdateService" on ["arn:aws:ecs:eu-west-1:111122223333:service/web","arn:aws:ecs:eu-west-1:111122223333:service/*/web"]
    "#]],
    );
    check(
        "iam:DeleteRole",
        r#"{"RoleName":"deploy"}"#,
        &expect![[r#"
        2 bound
        Allow "iam:DeleteRole" on ["arn:aws:iam::111122223333:role/deploy","arn:aws:iam::111122223333:role/*/deploy"]
    "#]],
    );
    check(
        "kms:ScheduleKeyDeletion",
        r#"{"KeyId":"1234abcd-12ab-34cd-56ef-1234567890ab"}"#,
        &expect![[r#"
        1 bound
        Allow "kms:ScheduleKeyDeletion" on "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    "#]],
    );
    check(
        "logs:DeleteLogGroup",
        r#"{"logGroupName":"/aws/lambda/pay"}"#,
        &expect![[r#"
        2 bound
        Allow "logs:DeleteLogGroup" on ["arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/pay","arn:aws:logs:eu-west-1:111122223333:log-group:/aws/lambda/pay:*"]
    "#]],
    );
}

#[test]
fn what_it_takes_besides_is_allowed_too() {
    check(
        "lambda:CreateFunction",
        r#"{"FunctionName":"pay","Role":"arn:aws:iam::123456789012:role/run","Code":{"S3Bucket":"b","S3Key":"k"},"Tags":{"a":"b"}}"#,
        &expect![[r#"
            1 bound
            Allow "lambda:CreateFunction" on "arn:aws:lambda:eu-west-1:111122223333:function:pay"
            Allow "iam:CreateServiceLinkedRole" on "arn:aws:iam::111122223333:role/aws-service-role/*"
            Allow ["ec2:DescribeAvailabilityZones","ec2:DescribeSecurityGroups","ec2:DescribeSubnets","ec2:DescribeVpcs","lambda:AddTags","lambda:AddTagsToResource","lambda:CreateOrUpdateTags","lambda:CreateTags","lambda:TagResource","s3:GetObject","s3:GetObjectVersion"] on "*"
            Allow "iam:PassRole" on "arn:aws:iam::123456789012:role/run"
        "#]],
    );
    check(
        "ec2:RunInstances",
        r#"{"ImageId":"ami-1","MinCount":1,"MaxCount":1,"IamInstanceProfile":{"Name":"web"}}"#,
        &expect![[r#"
            0 bound
            Allow "ec2:RunInstances" on "*"
            Allow ["ec2:CreateTags","ec2:RunInstances","ssm:GetParameters"] on "*"
            Allow "iam:PassRole" on "arn:aws:iam::111122223333:role/*"
        "#]],
    );
    check(
        "s3:CopyObject",
        r#"{"Bucket":"to","Key":"k","x-amz-copy-source":"/from/k"}"#,
        &expect![[r#"
        2 bound
        Allow "s3:PutObject" on ["arn:aws:s3:::to/k","arn:aws:s3:::from/k"]
        Allow "iam:CreateServiceLinkedRole" on "arn:aws:iam::111122223333:role/aws-service-role/*"
        Allow ["s3:AbortMultipartUpload","s3:PutObject","s3:PutObjectAcl","s3:PutObjectLegalHold","s3:PutObjectRetention","s3:PutObjectTagging"] on ["arn:aws:s3:::to/k","arn:aws:s3:::from/k"]
        Allow ["s3:GetObject","s3:GetObjectTagging","s3:GetObjectVersion"] on "*"
    "#]],
    );
}

#[test]
fn where_others_rights_are_used_there_is_none() {
    check(
        "cloudformation:DeleteStack",
        r#"{"StackName":"app"}"#,
        &expect![[r#"
        none: a stack without a service role acts with the caller's rights
    "#]],
    );
    check(
        "cloudformation:DeleteStack",
        r#"{"StackName":"app","RoleARN":"arn:aws:iam::123456789012:role/stacks"}"#,
        &expect![[r#"
            1 bound
            Allow "cloudformation:DeleteStack" on "arn:aws:cloudformation:eu-west-1:111122223333:stack/app/*"
            Allow "iam:PassRole" on "arn:aws:iam::123456789012:role/stacks"
        "#]],
    );
    check(
        "elasticbeanstalk:TerminateEnvironment",
        r#"{"EnvironmentName":"prod"}"#,
        &expect![[r#"
        none: Elastic Beanstalk acts with the caller's rights
    "#]],
    );
}

#[test]
fn a_name_that_reads_as_a_pattern_binds_nothing() {
    check(
        "dynamodb:DeleteTable",
        r#"{"TableName":"*"}"#,
        &expect![[r#"
        0 bound
        Allow "dynamodb:DeleteTable" on "*"
    "#]],
    );
    check(
        "s3:DeleteObject",
        r#"{"Bucket":"reports","Key":"${aws:username}"}"#,
        &expect![[r#"
        0 bound
        Allow "s3:DeleteObject" on "*"
        Allow ["s3:BypassGovernanceRetention","s3:DeleteObject","s3:DeleteObjectVersion"] on "*"
    "#]],
    );
    check(
        "sns:DeleteTopic",
        r#"{"TopicArn":"arn:aws:sqs:eu-west-1:111122223333:news"}"#,
        &expect![[r#"
        0 bound
        Allow "sns:DeleteTopic" on "*"
    "#]],
    );
}

/// Of all operations that change something, asked for with one name for whatever they are about.
#[test]
fn most_operations_are_narrowed() {
    let (mut bound, mut alone, mut unfit) = (0, 0, 0);
    for row in Table::shared().rows().iter().filter(|row| row.class != Class::Read) {
        let named = row.identifiers().filter(|it| it.required && it.place != Place::Header).map(|member| {
            let name = Value::text("thing");
            (member.name.to_owned(), if member.list { Value::List(vec![name]) } else { name })
        });
        match locked(row.service, row.operation, Value::Map(named.collect())) {
            Some(SecondLock::Policy { on, .. }) if on.is_empty() => alone += 1,
            Some(SecondLock::Policy { .. }) => bound += 1,
            Some(SecondLock::Unfit(_)) => unfit += 1,
            None => {}
        }
    }
    expect!["4874 to what they name, 4780 to the operation alone, 1108 not"]
        .assert_eq(&format!("{bound} to what they name, {alone} to the operation alone, {unfit} not"));
}
