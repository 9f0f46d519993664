//! Requests as clients write them: what is made of each, and of arbitrary ones.

use std::fmt::Write as _;

use classify_aws::{
    call::{Call, build},
    classify::{Override, Terms, classify},
    params,
    route::route,
    table::Table,
};
use expect_test::expect;
use model::{Effect, EffectSet, Exposure, Operation, Request, Value};
use proptest::prelude::*;

use crate::requests::{check, form, json, request, said, target};

/// What newer clients write in CBOR is read as what older ones write in JSON.
#[test]
fn one_call_is_the_same_in_json_and_in_cbor() {
    for (operation, cbor, json) in [
        ("DeleteAlarms", &b"\xbf\x6aAlarmNames\x9f\x63cpu\xff\xff"[..], r#"{"AlarmNames":["cpu"]}"#),
        (
            "PutMetricAlarm",
            &b"\xa2\x69AlarmName\x63cpu\x6eActionsEnabled\xf4"[..],
            r#"{"AlarmName":"cpu","ActionsEnabled":false}"#,
        ),
    ] {
        let path = format!("/service/GraniteServiceVersion20100801/operation/{operation}");
        let headers = [("smithy-protocol", "rpc-v2-cbor"), ("content-type", "application/cbor")];
        let new = Request { body: cbor.to_vec(), ..request("POST", &path, &headers, "") };
        let old = crate::requests::json(&format!("GraniteServiceVersion20100801.{operation}"), json);
        assert_eq!(said("monitoring", new), said("monitoring", old), "{operation}");
    }
}

#[test]
fn the_story() {
    check(
        "cloudformation",
        form("Action=DeleteStack&Version=2010-05-15&StackName=app-production&ClientRequestToken=x"),
        &expect![[r#"
        cloudformation:DeleteStack [destroy] Unlisted
        Deletes the CloudFormation stack app-production.
        - cloudformation stack app-production
          StackName = app-production
    "#]],
    );
    check(
        "cloudformation",
        form(
            "StackName=app&TemplateBody=%7B%7D&Version=2010-05-15&Capabilities.member.1=CAPABILITY_IAM&Action=CreateStack&Parameters.member.1.ParameterKey=DbPassword&Parameters.member.1.ParameterValue=hunter2",
        ),
        &expect![[r#"
            cloudformation:CreateStack [write, execute] Capturable
            Creates the CloudFormation stack app.
            - cloudformation stack app
              Capabilities.member.1 = CAPABILITY_IAM
              Parameters.member.1.ParameterKey = DbPassword
              Parameters.member.1.ParameterValue = (redacted)
              StackName = app
              TemplateBody = {}
            ? the value of Parameters.member.1.ParameterValue is not shown: it may be secret
        "#]],
    );
    check(
        "cloudformation",
        form("Action=ExecuteChangeSet&Version=2010-05-15&StackName=app&ChangeSetName=c1"),
        &expect![[r#"
            cloudformation:ExecuteChangeSet [write, execute] Capturable
            Executes the CloudFormation change set: stack app, change-set c1.
            - cloudformation stack app
            - cloudformation change-set c1
              ChangeSetName = c1
              StackName = app
        "#]],
    );
    check(
        "ec2",
        form(
            "Action=TerminateInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2&InstanceId.10=i-3",
        ),
        &expect![[r#"
        ec2:TerminateInstances [destroy] Unlisted
        Terminates the EC2 instances i-1, i-2, i-3.
        - ec2 instance i-1
        - ec2 instance i-2
        - ec2 instance i-3
          InstanceId.1 = i-1
          InstanceId.10 = i-3
          InstanceId.2 = i-2
    "#]],
    );
    check(
        "rds",
        form(
            "Action=DeleteDBInstance&Version=2014-10-31&DBInstanceIdentifier=prod-db&SkipFinalSnapshot=true&FinalDBSnapshotIdentifier=s",
        ),
        &expect![[r#"
            rds:DeleteDBInstance [destroy] Unlisted
            Deletes the RDS DB instance prod-db. It takes no final snapshot; deletes its automated backups too.
            - rds database prod-db
              DBInstanceIdentifier = prod-db
              FinalDBSnapshotIdentifier = s
              SkipFinalSnapshot = true
        "#]],
    );
    check(
        "rds",
        form("Action=CreateDBInstance&Version=2014-10-31&DBInstanceIdentifier=d&MasterUserPassword=hunter2"),
        &expect![[r#"
            rds:CreateDBInstance [spend, write] Capturable
            Creates the RDS DB instance d.
            - rds database d
              DBInstanceIdentifier = d
              MasterUserPassword = (redacted)
            ? the value of MasterUserPassword is not shown: it may be secret
        "#]],
    );
    check(
        "rds",
        form(
            "Action=AddTagsToResource&Version=2014-10-31&ResourceName=arn%3Aaws%3Ards%3Aeu-west-1%3A999999999999%3Adb%3Aprod&Tags.Tag.1.Key=env",
        ),
        &expect![[r#"
        rds:AddTagsToResource [write] Capturable
        Adds the RDS tags to resource arn:aws:rds:eu-west-1:999999999999:db:prod.
        - rds database arn:aws:rds:eu-west-1:999999999999:db:prod
          ResourceName = arn:aws:rds:eu-west-1:999999999999:db:prod
          Tags.Tag.1.Key = env
        ? it names a resource of another account
    "#]],
    );
    check(
        "iam",
        form(
            "Action=AttachRolePolicy&Version=2010-05-08&RoleName=agent&PolicyArn=arn%3Aaws%3Aiam%3A%3Aaws%3Apolicy%2FAdministratorAccess",
        ),
        &expect![[r#"
            iam:AttachRolePolicy [write, privilege] Capturable
            Attaches the IAM role policy: role agent, policy arn:aws:iam::aws:policy/AdministratorAccess.
            - iam role agent
            - iam policy arn:aws:iam::aws:policy/AdministratorAccess
              PolicyArn = arn:aws:iam::aws:policy/AdministratorAccess
              RoleName = agent
        "#]],
    );
    check(
        "sts",
        request(
            "GET",
            "/?Action=GetCallerIdentity&Version=2011-06-15&X-Amz-Date=1&X-Amz-Signature=2",
            &[],
            "",
        ),
        &expect![[r#"
        sts:GetCallerIdentity [read] NotNeeded
        Gets the STS caller identity.
        - sts unknown *
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.DeleteTable", r#"{"TableName":"orders"}"#),
        &expect![[r#"
        dynamodb:DeleteTable [destroy] Unlisted
        Deletes the DynamoDB table orders.
        - dynamodb table orders
          TableName = orders
    "#]],
    );
    check(
        "dynamodb",
        json("DynamoDB_20120810.BatchWriteItem", r#"{"RequestItems":{"orders":[],"users":[]}}"#),
        &expect![[r#"
            dynamodb:BatchWriteItem [write, destroy] Unlisted
            Writes (batch) the DynamoDB item orders, users.
            - dynamodb table orders
            - dynamodb table users
              RequestItems.orders = []
              RequestItems.users = []
        "#]],
    );
    check(
        "secretsmanager",
        json(
            "secretsmanager.PutSecretValue",
            r#"{"SecretId":"prod/db","SecretString":"hunter2","ClientRequestToken":"t"}"#,
        ),
        &expect![[r#"
            secretsmanager:PutSecretValue [write, privilege] Unlisted
            Puts the Secrets Manager secret value prod/db.
            - secretsmanager secret prod/db
              SecretId = prod/db
              SecretString = (redacted)
            ? the value of SecretString is not shown: it may be secret
        "#]],
    );
    check(
        "ssm",
        json(
            "AmazonSSM.SendCommand",
            r#"{"DocumentName":"AWS-RunShellScript","Targets":[{"Key":"tag:env","Values":["prod"]}],"Parameters":{"commands":["rm -rf /"]}}"#,
        ),
        &expect![[r#"
            ssm:SendCommand [write, execute, destroy] Unlisted
            Sends the SSM command: document AWS-RunShellScript. It carries a program, or says where one is.
            - ssm document AWS-RunShellScript
            - ssm unknown *
              DocumentName = AWS-RunShellScript
              Parameters.commands[0] = rm -rf /
              Targets[0].Key = tag:env
              Targets[0].Values[0] = prod
            ? which resources its `Targets` selects
        "#]],
    );
    check(
        "ssm",
        json("AmazonSSM.GetParameter", r#"{"Name":"/prod/db","WithDecryption":true}"#),
        &expect![[r#"
            ssm:GetParameter [read, privilege] NotNeeded
            Gets the SSM parameter /prod/db. It shows secure values in the clear.
            - ssm parameter /prod/db
              Name = /prod/db
              WithDecryption = true
        "#]],
    );
    check(
        "lambda",
        request("DELETE", "/2015-03-31/functions/fn", &[], ""),
        &expect![[r#"
        lambda:DeleteFunction [destroy] Unlisted
        Deletes the Lambda function fn.
        - lambda function fn
          FunctionName = fn
    "#]],
    );
    check(
        "backup",
        request(
            "DELETE",
            "/backup-vaults/v/recovery-points/arn%3Aaws%3Abackup%3Aeu-west-1%3A111122223333%3Arecovery-point%3A1",
            &[],
            "",
        ),
        &expect![[r#"
        backup:DeleteRecoveryPoint [destroy] Unlisted
        Deletes the Backup recovery point arn:aws:backup:eu-west-1:111122223333:recovery-point:1, v.
        - backup backup arn:aws:backup:eu-west-1:111122223333:recovery-point:1
        - backup backup v
          backupVaultName = v
          recoveryPointArn = arn:aws:backup:eu-west-1:111122223333:recovery-point:1
    "#]],
    );
    check(
        "monitoring",
        json("GraniteServiceVersion20100801.DeleteAlarms", r#"{"AlarmNames":["a","b"]}"#),
        &expect![[r#"
        cloudwatch:DeleteAlarms [destroy] Unlisted
        Deletes the CloudWatch alarms a, b.
        - cloudwatch alarm a
        - cloudwatch alarm b
          AlarmNames[0] = a
          AlarmNames[1] = b
    "#]],
    );
    check(
        "route53",
        request(
            "POST",
            "/2013-04-01/hostedzone/Z1/rrset/",
            &[],
            "<ChangeResourceRecordSetsRequest xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\"><ChangeBatch><Changes><Change><Action>DELETE</Action><ResourceRecordSet><Name>www.example.com</Name><Type>A</Type></ResourceRecordSet></Change></Changes></ChangeBatch></ChangeResourceRecordSetsRequest>",
        ),
        &expect![[r#"
            route53:ChangeResourceRecordSets [write, destroy] Capturable
            Changes the Route 53 resource record sets: dns-zone Z1, dns-record www.example.com.
            - route53 dns-zone Z1
            - route53 dns-record www.example.com
              ChangeResourceRecordSetsRequest.@xmlns = https://route53.amazonaws.com/doc/2013-04-01/
              ChangeResourceRecordSetsRequest.ChangeBatch.Changes.Change.Action = DELETE
              ChangeResourceRecordSetsRequest.ChangeBatch.Changes.Change.ResourceRecordSet.Name = www.example.com
              ChangeResourceRecordSetsRequest.ChangeBatch.Changes.Change.ResourceRecordSet.Type = A
              Id = Z1
        "#]],
    );
}

#[test]
fn s3_by_path_query_and_header() {
    check(
        "s3",
        request("DELETE", "/b", &[], ""),
        &expect![[r#"
        s3:DeleteBucket [destroy] Unlisted
        Deletes the S3 bucket b.
        - s3 bucket b
          Bucket = b
    "#]],
    );
    check(
        "s3",
        request("DELETE", "/b/", &[], ""),
        &expect![[r#"
            s3:DeleteBucket [destroy] Unlisted
            Deletes the S3 bucket b.
            - s3 bucket b
              Bucket = b
        "#]],
    );
    check(
        "s3",
        request("DELETE", "/b/a%20b/c?x-id=DeleteObject", &[], ""),
        &expect![[r#"
        s3:DeleteObject [destroy] Unlisted
        Deletes the S3 object b/a b/c.
        - s3 object b/a b/c
          Bucket = b
          Key = a b/c
    "#]],
    );
    check(
        "s3",
        request("PUT", "/b/k", &[("x-amz-copy-source", "/other/k")], ""),
        &expect![[r#"
            s3:CopyObject [write] Unlisted
            Copies the S3 object b/k, other/k.
            - s3 object b/k
            - s3 object other/k
              x-amz-copy-source = /other/k
              Bucket = b
              Key = k
        "#]],
    );
    check(
        "s3",
        request("PUT", "/b/k?partNumber=1&uploadId=u", &[], "data"),
        &expect![[r#"
            s3:UploadPart [write] Unlisted
            Uploads the S3 part b/k.
            - s3 object b/k
              body_sha256 = 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7
              length = 4
              Bucket = b
              Key = k
              partNumber = 1
              uploadId = u
            ? 4 bytes of the body are not shown, sha256 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7
        "#]],
    );
    check(
        "s3",
        request("GET", "/b?list-type=2&prefix=&encoding-type=url", &[], ""),
        &expect![[r#"
        s3:ListObjectsV2 [read] NotNeeded
        Lists the S3 objects v2 b.
        - s3 bucket b
          Bucket = b
          encoding-type = url
          list-type = 2
          prefix = 
    "#]],
    );
    check(
        "s3",
        request("PUT", "/b?policy=", &[], "{}"),
        &expect![[r#"
            s3:PutBucketPolicy [write, privilege] Capturable
            Puts the S3 bucket policy b. It sets who may do what.
            - s3 bucket b
              Policy = {}
              body_sha256 = 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
              length = 2
              Bucket = b
              policy = 
        "#]],
    );
    check(
        "s3",
        request(
            "POST",
            "/b?delete",
            &[],
            "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Object></Delete>",
        ),
        &expect![[r#"
        s3:DeleteObjects [destroy] Unlisted
        Deletes the S3 objects b/a, b/b.
        - s3 object b/a
        - s3 object b/b
          Delete.Object[0].Key = a
          Delete.Object[1].Key = b
          Bucket = b
          delete = 
    "#]],
    );
    check(
        "s3",
        request("GET", "/", &[], ""),
        &expect![[r#"
        s3:ListBuckets [read] NotNeeded
        Lists the S3 buckets.
        - s3 unknown *
    "#]],
    );
    check(
        "s3",
        request("GET", "/b?acl&policy", &[], ""),
        &expect![[r#"
        S3 CS107: the request cannot be understood: the request can be read as two different operations (the query names several parts of one bucket or object)
    "#]],
    );
    check(
        "s3",
        request("DELETE", "/b/k?tagging&tagging", &[], ""),
        &expect![[r#"
        S3 CS107: the request cannot be understood: the request cannot be decoded (the query parameter `tagging` stands twice)
    "#]],
    );
    check(
        "s3",
        request("PUT", "/b?somethingnew", &[], ""),
        &expect![[r#"
        S3 CS106: unknown operation: no operation of `s3` matches this request (PUT with this query)
    "#]],
    );
    check(
        "s3",
        request("GET", "/b/k?x-id=DeleteObject", &[], ""),
        &expect![[r#"
        S3 CS107: the request cannot be understood: the request can be read as two different operations (`x-id` names another operation)
    "#]],
    );
    check(
        "s3",
        request("GET", "/b/k", &[("x-amz-copy-source", "/o/k")], ""),
        &expect![[r#"
        S3 CS107: the request cannot be understood: the request can be read as two different operations (a copy source on an operation that copies nothing)
    "#]],
    );
}

#[test]
fn a_bundle_can_make_an_operation_known_and_wins_over_the_table() {
    let own = |effect, additive| Override {
        effects: EffectSet::of(effect),
        kind: Some("database".parse().unwrap()),
        additive,
        exposure: Some(Exposure::default()),
    };
    let overrides = [
        (Operation::new("dynamodb", "BrandNew"), own(Effect::Destroy, false)),
        (Operation::new("dynamodb", "DeleteTable"), own(Effect::Write, true)),
    ];
    let overrides = Terms { overrides: overrides.into(), ..Terms::default() };
    let new = json("DynamoDB_20120810.BrandNew", r#"{"Secret":"s"}"#);
    let classified = classify(new, "dynamodb", "eu-west-1", &target(), &overrides).unwrap();
    let parts = classified.action.parts();
    assert_eq!((parts.effects, parts.undo), (EffectSet::of(Effect::Destroy), model::Undo::Unlisted));
    assert_eq!(parts.shown, [("Secret".to_owned(), "(redacted)".to_owned())]);
    assert_eq!(parts.resources.len(), 1);
    let known = json("DynamoDB_20120810.DeleteTable", r#"{"TableName":"a"}"#);
    let classified = classify(known, "dynamodb", "eu-west-1", &target(), &overrides).unwrap();
    assert_eq!(classified.action.parts().undo, model::Undo::Additive);
    assert_eq!(classified.action.parts().resources[0].kind.as_str(), "database");
    let error =
        classify(json("DynamoDB_20120810.Other", "{}"), "dynamodb", "eu-west-1", &target(), &overrides)
            .unwrap_err();
    assert!(error.hint.contains("dynamodb:Other"), "{}", error.hint);
}

#[test]
fn the_digest_follows_the_meaning_and_nothing_else() {
    let digest = |request| {
        classify(request, "ec2", "eu-west-1", &target(), &Default::default()).unwrap().action.digest()
    };
    let one = digest(form("Action=RunInstances&Version=2016-11-15&MinCount=1&ClientToken=a"));
    let again = digest(form("Version=2016-11-15&ClientToken=b&MinCount=1&Action=RunInstances"));
    let other = digest(form("Version=2016-11-15&ClientToken=b&MinCount=2&Action=RunInstances"));
    assert_eq!(one, again);
    assert_ne!(one, other);
    let put = |headers: &[(&str, &str)], body: &str| {
        let request = request("PUT", "/b/k", headers, body);
        classify(request, "s3", "eu-west-1", &target(), &Default::default()).unwrap().action.digest()
    };
    let plain = put(&[("x-amz-date", "1"), ("x-amz-content-sha256", "x")], "data");
    assert_eq!(
        plain,
        put(
            &[("x-amz-date", "2"), ("content-encoding", "aws-chunked"), ("x-amz-checksum-crc32", "y")],
            "data"
        )
    );
    assert_ne!(plain, put(&[], "date"));
    assert_ne!(plain, put(&[("x-amz-acl", "public-read")], "data"));
}

#[test]
fn calls_become_the_requests_that_clients_send() {
    let built = |service: &str, operation: &str, parameters: Value| {
        let call = Call {
            service: service.into(),
            operation: operation.into(),
            region: "eu-west-1".into(),
            parameters,
        };
        match build(&call) {
            Ok(request) => format!(
                "{} {}?{} {:?} {}",
                request.method,
                request.path,
                request.query,
                request.headers,
                String::from_utf8_lossy(&request.body)
            ),
            Err(error) => error.to_string(),
        }
    };
    let text = Value::text;
    let mut out = String::new();
    for line in [
        built("cloudformation", "DescribeStacks", Value::map([("StackName", text("app production"))])),
        built(
            "ec2",
            "DescribeInstances",
            Value::map([("InstanceId", Value::List(vec![text("i-1"), text("i-2")]))]),
        ),
        built(
            "rds",
            "AddTagsToResource",
            Value::map([
                ("ResourceName", text("arn:x")),
                ("Tags", Value::List(vec![Value::map([("Key", text("a")), ("Value", text("b"))])])),
            ]),
        ),
        built(
            "autoscaling",
            "DescribeAutoScalingGroups",
            Value::map([("AutoScalingGroupNames", Value::List(vec![text("g")]))]),
        ),
        built("sqs", "GetQueueAttributes", Value::map([("QueueUrl", text("u"))])),
        built("logs", "DescribeLogGroups", Value::Null),
        built(
            "lambda",
            "GetFunctionConfiguration",
            Value::map([("FunctionName", text("a/b")), ("Qualifier", text("1"))]),
        ),
        built(
            "lambda",
            "UpdateFunctionConfiguration",
            Value::map([("FunctionName", text("f")), ("MemorySize", Value::Int(256))]),
        ),
        built("s3", "GetBucketTagging", Value::map([("Bucket", text("b"))])),
        built("s3", "ListObjectsV2", Value::map([("Bucket", text("b")), ("max-keys", Value::Int(1))])),
        built(
            "s3",
            "PutBucketTagging",
            Value::map([
                ("Bucket", text("b")),
                (
                    "Tagging",
                    Value::map([(
                        "TagSet",
                        Value::map([(
                            "Tag",
                            Value::List(vec![Value::map([("Key", text("a&b")), ("Value", text("c"))])]),
                        )]),
                    )]),
                ),
            ]),
        ),
        built(
            "s3",
            "PutObject",
            Value::map([
                ("Bucket", text("b")),
                ("Key", text("k/ü")),
                ("Body", Value::Bytes(b"data".to_vec())),
            ]),
        ),
        built(
            "route53",
            "ListResourceRecordSets",
            Value::map([("Id", text("Z1")), ("maxitems", Value::Int(1))]),
        ),
        built("s3", "GetBucketTagging", Value::Null),
        built(
            "s3",
            "PutObject",
            Value::map([("Bucket", text("b")), ("Key", text("k")), ("x-amz-acl", text("a\r\nb: c"))]),
        ),
        built("s3", "Nothing", Value::Null),
    ] {
        writeln!(out, "{line}").unwrap();
    }
    expect![[r#"
        POST /? [("content-type", "application/x-www-form-urlencoded; charset=utf-8")] Action=DescribeStacks&Version=2010-05-15&StackName=app%20production
        POST /? [("content-type", "application/x-www-form-urlencoded; charset=utf-8")] Action=DescribeInstances&Version=2016-11-15&InstanceId.1=i-1&InstanceId.2=i-2
        POST /? [("content-type", "application/x-www-form-urlencoded; charset=utf-8")] Action=AddTagsToResource&Version=2014-10-31&ResourceName=arn%3Ax&Tags.Tag.1.Key=a&Tags.Tag.1.Value=b
        POST /? [("content-type", "application/x-www-form-urlencoded; charset=utf-8")] Action=DescribeAutoScalingGroups&Version=2011-01-01&AutoScalingGroupNames.member.1=g
        POST /? [("content-type", "application/x-amz-json-1.0"), ("x-amz-target", "AmazonSQS.GetQueueAttributes")] {"QueueUrl":"u"}
        POST /? [("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "Logs_20140328.DescribeLogGroups")] {}
        GET /2015-03-31/functions/a%2Fb/configuration?Qualifier=1 [] 
        PUT /2015-03-31/functions/f/configuration? [("content-type", "application/json")] {"MemorySize":256}
        GET /b?tagging [] 
        GET /b?list-type=2&max-keys=1 [] 
        PUT /b?tagging [("content-type", "application/xml")] <Tagging><TagSet><Tag><Key>a&amp;b</Key><Value>c</Value></Tag></TagSet></Tagging>
        PUT /b/k/%C3%BC? [("content-type", "application/octet-stream")] data
        GET /2013-04-01/hostedzone/Z1/rrset?maxitems=1 [] 
        `s3:GetBucketTagging` needs `Bucket`
        `s3:PutObject` takes no such value for `x-amz-acl`
        `s3:Nothing` is not in the operation table
    "#]].assert_eq(&out);
}

fn requests() -> impl Strategy<Value = (String, Request)> {
    let services = prop::sample::select(vec![
        "ec2",
        "rds",
        "s3",
        "lambda",
        "dynamodb",
        "monitoring",
        "route53",
        "sagemaker",
        "apigateway",
    ]);
    let methods = prop::sample::select(vec!["GET", "POST", "PUT", "DELETE", "HEAD", "", "é"]);
    let bodies = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..80),
        "Action=[A-Za-z]{0,12}&Version=2016-11-15&[a-zA-Z0-9.=&%+]{0,40}".prop_map(String::into_bytes),
        "[{}\\[\\]\":,a-z0-9]{0,40}".prop_map(String::into_bytes),
        "[<>/a-z=\"&;]{0,40}".prop_map(String::into_bytes),
    ];
    let headers = prop::collection::vec(
        (
            prop::sample::select(vec![
                "content-type",
                "x-amz-target",
                "smithy-protocol",
                "x-amz-copy-source",
                "x-amz-meta-a",
                "host",
            ]),
            prop_oneof![
                Just("application/x-www-form-urlencoded".to_owned()),
                Just("DynamoDB_20120810.PutItem".to_owned()),
                Just("rpc-v2-cbor".to_owned()),
                ".{0,20}".prop_map(|text| text),
            ],
        ),
        0..4,
    );
    let paths = prop_oneof![
        "/?[a-z0-9/%.{}é:-]{0,30}",
        Just("/".to_owned()),
        Just("/2015-03-31/functions/f".to_owned())
    ];
    (services, methods, paths, "[a-zA-Z=&%0-9.-]{0,30}", headers, bodies).prop_map(
        |(service, method, path, query, headers, body)| {
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            (service.to_owned(), Request { method: method.to_owned(), path, query, headers, body })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn arbitrary_requests_never_panic_and_what_is_classified_is_bounded((service, request) in requests()) {
        if let Ok(classified) = classify(request.clone(), &service, "eu-west-1", &target(), &Default::default()) {
            let parts = classified.action.parts();
            prop_assert!(!parts.resources.is_empty());
            let all: usize = parts.shown.iter().map(|(name, value)| name.len() + value.len()).sum();
            prop_assert!(all <= 15_000 && parts.shown.len() <= 1000);
            prop_assert!(parts.shown.iter().all(|(_, value)| value.len() <= 6_000));
            let routed = route(&request, &service, Table::shared()).unwrap();
            prop_assert_eq!(params::parse(&request, &routed).unwrap(), classified.params);
        }
    }
}

/// What a person signs for must be in front of them: rights, rules and code whole, and what is not shown named.
#[test]
fn what_gives_rights_is_shown_whole() {
    check(
        "iam",
        form(
            "Action=PutRolePolicy&Version=2010-05-08&RoleName=r1&PolicyName=p&PolicyDocument=%7B%22Version%22%3A%222012-10-17%22%2C%22Statement%22%3A%5B%7B%22Effect%22%3A%22Allow%22%2C%22Action%22%3A%22*%22%2C%22Resource%22%3A%22*%22%7D%5D%7D",
        ),
        &expect![[r#"
            iam:PutRolePolicy [write, privilege] Capturable
            Puts the IAM role policy: role r1, policy p. It sets who may do what.
            - iam role r1
            - iam policy p
              PolicyDocument = {
              "Version": "2012-10-17",
              "Statement": [
                {
                  "Effect": "Allow",
                  "Action": "*",
                  "Resource": "*"
                }
              ]
            }
              PolicyName = p
              RoleName = r1
        "#]],
    );
    check(
        "s3",
        request(
            "PUT",
            "/b?policy",
            &[("host", "s3.eu-west-1.amazonaws.com")],
            r#"{"Statement":[{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*"}]}"#,
        ),
        &expect![[r#"
            s3:PutBucketPolicy [write, privilege] Capturable
            Puts the S3 bucket policy b. It sets who may do what.
            - s3 bucket b
              Policy = {
              "Statement": [
                {
                  "Effect": "Allow",
                  "Principal": "*",
                  "Action": "s3:*",
                  "Resource": "*"
                }
              ]
            }
              body_sha256 = e5869a5d6761303e46d6443caf3cd2fe9bdf5fdb4a0dee768c9b7344df3f296b
              length = 81
              Bucket = b
              policy = 
        "#]],
    );
    check(
        "cloudformation",
        form(
            "Action=UpdateStack&Version=2010-05-15&StackName=a&TemplateBody=Resources%3A%0A%20%20B%3A%0A%20%20%20%20Type%3A%20AWS%3A%3AS3%3A%3ABucket%0D%0A",
        ),
        &expect![[r#"
            cloudformation:UpdateStack [write, execute] Unlisted
            Updates the CloudFormation stack a.
            - cloudformation stack a
              StackName = a
              TemplateBody = Resources:
              B:
                Type: AWS::S3::Bucket\u{d}

        "#]],
    );
    check(
        "s3",
        request("PUT", "/b/k", &[("host", "s3.eu-west-1.amazonaws.com")], "data"),
        &expect![[r#"
            s3:PutObject [write] Capturable
            Puts the S3 object b/k.
            - s3 object b/k
              body_sha256 = 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7
              length = 4
              Bucket = b
              Key = k
            ? 4 bytes of the body are not shown, sha256 3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7
        "#]],
    );
}

/// An agent that pads what surrounds it cannot push a policy out of sight, and what is cut is always said.
#[test]
fn padding_hides_nothing() {
    let statements: Vec<String> =
        (0..60).map(|nth| format!(r#"{{"Effect":"Allow","Action":"*","Resource":"r{nth}"}}"#)).collect();
    let policy = format!(r#"{{"Statement":[{}]}}"#, statements.join(","));
    let tags: String = (1..800).map(|nth| format!("&Description.member.{nth}={}", "x".repeat(300))).collect();
    let asked = |tags: &str, policy: &str| {
        let body = format!(
            "Action=PutRolePolicy&Version=2010-05-08&RoleName=r1&PolicyName=p&PolicyDocument={policy}{tags}"
        );
        let action =
            classify(form(&body), "iam", "eu-west-1", &target(), &Default::default()).unwrap().action;
        let of = |name: &str| action.parts().shown.iter().find(|(it, _)| it == name).unwrap().1.clone();
        let all: usize = action.parts().shown.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(all <= 15_000, "{all}");
        (of("PolicyDocument"), action.parts().unknowns.clone())
    };
    let (shown, unknowns) = asked("", &policy);
    assert_eq!((shown, unknowns), (policy.clone(), vec![]));
    let (shown, unknowns) = asked(&tags, &policy);
    assert_eq!(shown, policy);
    assert!(unknowns.iter().any(|it| it.ends_with("parameters are not shown: there are too many")));

    let (shown, unknowns) = asked("", &format!("{{{}}}", " ".repeat(7000) + &policy));
    let sha256 = model::Digest::of(format!("{{{}}}", " ".repeat(7000) + &policy).as_bytes());
    assert!(shown.ends_with(&format!("more bytes, sha256 {sha256})")), "{shown}");
    assert!(unknowns[0].contains("bytes of PolicyDocument are not shown, sha256 "), "{unknowns:?}");
}
