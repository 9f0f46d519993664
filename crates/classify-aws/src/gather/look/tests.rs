//! The table of what is looked for again, against itself and `observe.toml`, and against answers.

use std::collections::BTreeMap;

use model::{Account, Effect, EffectSet, Exposure, Partition, Quantity, Region, Resource, Timestamp, Undo};

use super::*;
use crate::{
    gather::{Gathered, Progress, start},
    table::{Class, Table as Operations},
};

fn action(service: &str, operation: &str) -> ActionParts {
    ActionParts {
        operation: Operation::new(service, operation),
        partition: Partition("aws".to_owned()),
        account: Account("123456789012".to_owned()),
        region: Region("eu-west-1".to_owned()),
        effects: EffectSet::of(Effect::Destroy),
        exposure: Exposure::default(),
        resources: vec![Resource::unknown(service)],
        undo: Undo::Unlisted,
        quantity: Quantity::one(),
        summary: String::new(),
        shown: Vec::new(),
        unknowns: Vec::new(),
        acting_as: None,
        second_lock: None,
    }
}

fn answer(status: u16, body: &str) -> ReadAnswer {
    ReadAnswer { status, body: body.into(), headers: vec![] }
}

fn parsed(json: &str) -> Value {
    answer::parse(json.as_bytes()).unwrap()
}

/// Every operation of the table, with the row that has it.
fn rows() -> impl Iterator<Item = (&'static Gone, &'static str)> {
    GONE.gone.iter().flat_map(|entry| entry.operations.split_whitespace().map(move |it| (entry, it)))
}

/// The reads that may be meant, and their conditions.
fn reads(entry: &'static Gone, operation: &str) -> Vec<(&'static ReadSpec, Vec<String>)> {
    if let Some(read) = &entry.read {
        return vec![(read, Vec::new())];
    }
    let observed = OBSERVE.observe.iter().filter(|it| it.names(&entry.service, operation));
    observed
        .filter_map(|it| {
            let first = it.read.first()?;
            Some((first, it.when.iter().chain(&first.when).cloned().collect()))
        })
        .collect()
}

#[test]
fn the_table_parses_and_names_only_what_exists() {
    toml::from_str::<super::super::table::GoneTable>(include_str!("../../../data/gone.toml")).unwrap();
    let mut seen = BTreeSet::new();
    for (entry, operation) in rows() {
        let name = format!("{}:{operation}", entry.service);
        let row = Operations::shared().get(&entry.service, operation).unwrap_or_else(|| panic!("{name}"));
        assert_ne!(row.class, Class::Read, "{name}");
        assert!(seen.insert(name.clone()), "{name} stands there twice");
        assert!(!reads(entry, operation).is_empty(), "{name}: nothing says how it is looked for");
    }
    for left in &GONE.left {
        assert!(!left.reason.is_empty());
        for operation in left.operations.split_whitespace() {
            let name = format!("{}:{operation}", left.service);
            assert!(Operations::shared().get(&left.service, operation).is_some(), "{name}");
            assert!(seen.insert(name.clone()), "{name} stands there twice");
        }
    }
    // Whatever destroys and is looked at is looked for again, or is said not to be.
    let missing: Vec<String> = OBSERVE
        .observe
        .iter()
        .flat_map(|it| it.operations.split_whitespace().map(move |name| (it.service.as_str(), name)))
        .filter(|(service, name)| {
            Operations::shared().get(service, name).is_some_and(|row| row.class >= Class::Disrupt)
        })
        .map(|(service, name)| format!("{service}:{name}"))
        .filter(|name| !seen.contains(name))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What is kept of a request is enough to make the very read again that was made of all of it.
#[test]
fn each_is_looked_for_again_by_the_read_it_was_seen_with() {
    let mut kept = BTreeSet::new();
    for (entry, operation) in rows() {
        for (spec, conditions) in reads(entry, operation) {
            let name = format!("{}:{operation} by {}", entry.service, spec.call);
            let mut names = BTreeSet::new();
            spec.with.values().for_each(|it| operands(it, &mut names));
            names.extend(spec.only.values().map(String::as_str));
            names.extend(conditions.iter().flat_map(|it| it.split_whitespace()));
            for operand in &names {
                assert!(!operand.starts_with('@') && !operand.contains('('), "{name}: {operand}");
            }
            let wanted: BTreeSet<&str> = names
                .iter()
                .filter_map(|it| it.strip_prefix('$'))
                .map(|it| it.trim_end_matches('?'))
                .collect();
            assert!(!wanted.is_empty(), "{name}: of what?");
            for member in &wanted {
                assert!(!member.contains(['.', '[']), "{name}: {member} is no name of its own");
            }
            let members = wanted.iter().map(|it| ((*it).to_owned(), Value::text(format!("the-{it}"))));
            let secret = [("Password", Value::text("hunter2")), ("ClientToken", Value::text("t"))];
            let secret = secret.map(|(name, value)| (name.to_owned(), value));
            let given = Value::map(members.clone().chain(secret));

            let mut first = Looking::of(&entry.service, operation, "eu-west-1", &given)
                .unwrap_or_else(|| panic!("{name}: not looked for"));
            let calls = first.want();
            let [call] = calls.as_slice() else { panic!("{name}: {calls:?}") };
            let row = Operations::shared().get(&call.service, &call.operation).unwrap();
            assert_eq!(row.class, Class::Read, "{name}");
            crate::call::build(call).unwrap();

            let sought = first.sought.clone();
            assert_eq!(sought.0.keys().map(String::as_str).collect::<BTreeSet<_>>(), wanted, "{name}");
            let again = look(&action(&entry.service, operation), &sought).unwrap();
            assert_eq!(again.call(), call, "{name}");
            kept.extend(wanted.into_iter().map(str::to_owned));

            // Several targets are not one, and one among a list is.
            let Value::Map(mut members) = given else { panic!("{name}: no map") };
            let first_name = sought.0.keys().next().unwrap().clone();
            let one = Value::List(vec![Value::text("a")]);
            let two = Value::List(vec![Value::text("a"), Value::text("b")]);
            members.insert(first_name.clone(), two);
            let several = Value::Map(members.clone());
            assert!(Looking::of(&entry.service, operation, "eu-west-1", &several).is_none(), "{name}");
            members.insert(first_name, one);
            let single = Value::Map(members);
            assert!(Looking::of(&entry.service, operation, "eu-west-1", &single).is_some(), "{name}");
        }
    }
    // Names of things, all of them: whoever adds one looks whether it is.
    let kept: Vec<String> = kept.into_iter().collect();
    assert_eq!(
        kept.join(" "),
        "AlarmNames AllocationId ApplicationName AutoScalingGroupName Bucket CacheClusterId \
         CertificateArn ChangeSetName ClusterIdentifier DBClusterIdentifier DBClusterParameterGroupName \
         DBClusterSnapshotIdentifier DBInstanceIdentifier DBParameterGroupName DBSnapshotIdentifier \
         DBSubnetGroupName DatabaseName DeliveryStreamName DhcpOptionsId DomainName EnvironmentId \
         EnvironmentName EventBusName FileSystemId FunctionName GroupId GroupName HealthCheckId Id \
         InstanceId InstanceProfileName InternetGatewayId Key KeyId KeyName LaunchConfigurationName \
         LaunchTemplateId LaunchTemplateName ListenerArn LoadBalancerArn Name Names NatGatewayId \
         NetworkAclId NetworkInterfaceId OptionGroupName PolicyArn PolicyName Qualifier QueueUrl \
         ReplicationGroupId RoleName RouteTableId RuleArn ScheduledActionName Scope SecretId SnapshotId \
         StackName StreamName SubnetId SubscriptionName TableName TargetGroupArn TopicArn UUID UserName \
         UserPoolId VolumeId VpcEndpointId VpcId VpcPeeringConnectionId apiId backupVaultName cluster \
         groupName logGroupName name nodegroupName repositoryName restapi_id service stage_name \
         stateMachineArn"
    );
}

/// What was asked, what was answered, and what that says.
fn check(operation: &str, given: &str, status: u16, body: &str, expected: &str) {
    let (service, name) = operation.split_once(':').unwrap();
    let Some(mut looking) = Looking::of(service, name, "eu-west-1", &parsed(given)) else {
        return assert_eq!("not looked for", expected, "{operation} {given}");
    };
    assert_eq!(looking.want().len(), 1);
    let raw = answer(status, body);
    let look = look(&action(service, name), &looking.sought).unwrap();
    let said = match look.seen(&raw) {
        Sight::There => "there".to_owned(),
        Sight::Gone(absence) => format!("gone by {}", absence.read),
        Sight::Unknown(why) => format!("unknown: {why}"),
    };
    assert_eq!(said, expected, "{operation} {given} {status} {body}");
    looking.take(&[raw]);
    assert_eq!(looking.finish().is_some(), expected == "there", "kept only of what is there");
}

#[test]
fn only_a_clear_answer_says_that_it_is_gone() {
    let xml = |code: &str, message: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        )
    };
    let stack = r#"{"StackName":"app"}"#;
    let gone = xml("ValidationError", "Stack with id app does not exist");
    let delete = "cloudformation:DeleteStack";
    check(delete, stack, 400, &gone, "gone by cloudformation:DescribeStacks");
    check(delete, stack, 200, r#"{"Stacks":[{"StackStatus":"CREATE_COMPLETE"}]}"#, "there");
    check(
        delete,
        stack,
        200,
        r#"{"Stacks":[{"StackStatus":"DELETE_COMPLETE"}]}"#,
        "gone by cloudformation:DescribeStacks",
    );
    check(delete, stack, 200, r#"{"Stacks":[{"StackStatus":"DELETE_FAILED"}]}"#, "there");
    check(
        delete,
        stack,
        400,
        &xml("ValidationError", "Rate exceeded"),
        "unknown: status 400 (ValidationError)",
    );
    check(delete, stack, 403, &xml("AccessDenied", "no"), "unknown: status 403 (AccessDenied)");
    check(delete, stack, 500, &xml("InternalFailure", ""), "unknown: status 500 (InternalFailure)");
    check(delete, stack, 0, "", "unknown: status 0 ()");
    check(delete, stack, 200, "oops", "unknown: the answer is neither JSON nor XML");
    check(delete, stack, 200, r#"{"Stacks":[],"NextToken":"2"}"#, "unknown: the answer is cut short");
    check(delete, r#"{"StackName":""}"#, 200, "{}", "not looked for");
    check(delete, "{}", 200, "{}", "not looked for");

    let instance = r#"{"InstanceId":["i-1"]}"#;
    let state = |state: &str| {
        format!(
            "<DescribeInstancesResponse><reservationSet><item><instancesSet><item><instanceId>i-1</instanceId>\
             <instanceState><name>{state}</name></instanceState></item></instancesSet></item></reservationSet>\
             </DescribeInstancesResponse>"
        )
    };
    let terminate = "ec2:TerminateInstances";
    check(terminate, instance, 200, &state("running"), "there");
    check(terminate, instance, 200, &state("shutting-down"), "there");
    check(terminate, instance, 200, &state("terminated"), "gone by ec2:DescribeInstances");
    let unknown =
        "<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code></Error></Errors></Response>";
    check(terminate, instance, 400, unknown, "gone by ec2:DescribeInstances");
    // One of several that is missing is the same error for all of them.
    check(terminate, r#"{"InstanceId":["i-1","i-2"]}"#, 400, unknown, "not looked for");

    let object = r#"{"Bucket":"b","Key":"k"}"#;
    check("s3:DeleteObject", object, 200, r#"{"Contents":[{"Key":"k"}]}"#, "there");
    check("s3:DeleteObject", object, 200, r#"{"KeyCount":"0"}"#, "gone by s3:ListObjectsV2");
    let other = r#"{"Contents":[{"Key":"k2"}],"IsTruncated":"false"}"#;
    check("s3:DeleteObject", object, 200, other, "gone by s3:ListObjectsV2");
    let cut = r#"{"Contents":[{"Key":"k2"}],"IsTruncated":"true"}"#;
    check("s3:DeleteObject", object, 200, cut, "unknown: the answer is cut short");
    check("s3:DeleteObject", r#"{"Bucket":"b","Key":"k","versionId":"v"}"#, 200, "{}", "not looked for");
    // What makes its target where there is none means the same without.
    check("s3:PutObject", object, 200, "{}", "not looked for");
    check("ssm:PutParameter", r#"{"Name":"n"}"#, 200, "{}", "not looked for");

    let bucket = r#"{"Bucket":"b"}"#;
    check(
        "s3:DeleteBucket",
        bucket,
        404,
        "<Error><Code>NoSuchBucket</Code></Error>",
        "gone by s3:GetBucketVersioning",
    );
    check(
        "s3:DeleteBucket",
        bucket,
        404,
        "<Error><Code>NoSuchTagSet</Code></Error>",
        "unknown: status 404 (NoSuchTagSet)",
    );
    // Docdb is asked in the words of RDS.
    let cluster = r#"{"DBClusterIdentifier":"c"}"#;
    let code = xml("DBClusterNotFoundFault", "");
    check("rds:DeleteDBCluster", cluster, 404, &code, "gone by rds:DescribeDBClusters");
    let service = r#"{"cluster":"main","service":"web"}"#;
    check("ecs:DeleteService", service, 200, r#"{"services":[{"status":"ACTIVE"}]}"#, "there");
    check(
        "ecs:DeleteService",
        service,
        200,
        r#"{"services":[{"status":"INACTIVE"}]}"#,
        "gone by ecs:DescribeServices",
    );
    check(
        "ecs:DeleteService",
        service,
        200,
        r#"{"services":[],"failures":[{"reason":"MISSING"}]}"#,
        "gone by ecs:DescribeServices",
    );
}

#[test]
fn an_answer_to_something_else_says_nothing() {
    let deletes = [
        ("cloudformation:DeleteStack", r#"{"StackName":"app"}"#),
        ("ec2:TerminateInstances", r#"{"InstanceId":["i-1"]}"#),
        ("s3:DeleteObject", r#"{"Bucket":"b","Key":"k"}"#),
        ("logs:DeleteLogGroup", r#"{"logGroupName":"/app"}"#),
        ("rds:DeleteDBInstance", r#"{"DBInstanceIdentifier":"d"}"#),
        ("sqs:DeleteQueue", r#"{"QueueUrl":"q"}"#),
    ];
    let foreign = [
        "",
        " ",
        "{}",
        "[]",
        "null",
        r#""Stacks""#,
        r#"{"message":"maintenance"}"#,
        r#"[{"Stacks":[],"Contents":[],"KeyCount":0}]"#,
        "<html><body>maintenance</body></html>",
        "<DescribeStacksResponse/>",
        "<DescribeStacksResponse><DescribeStacksResult/></DescribeStacksResponse>",
    ];
    for (operation, given) in deletes {
        for body in foreign {
            check(operation, given, 200, body, "unknown: the answer is to something else");
        }
    }
}

/// What the mock AWS answers where there is nothing, of each kind of thing that the test of the whole binary deletes by hand
/// (`crates/testkit/tests/e2e/gone.rs`), and of the empty lists of the others.
#[test]
fn an_empty_answer_is_a_clear_one() {
    let error = |code: &str| {
        format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>m</Message></Error></ErrorResponse>"
        )
    };
    let of_ec2 = |code: &str| {
        format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>m</Message></Error></Errors></Response>"
        )
    };
    let json = |kind: &str| format!(r#"{{"__type": "{kind}", "message": "m"}}"#);
    let listed = |operation: &str, list: &str| {
        format!(
            "<{operation}Response xmlns=\"http://x/\"><{operation}Result><{list}/></{operation}Result>\
             <ResponseMetadata><RequestId>r</RequestId></ResponseMetadata></{operation}Response>"
        )
    };
    let terminated = "<DescribeInstancesResponse><reservationSet><item><groupSet/><instancesSet><item>\
                      <instanceId>i-1</instanceId><instanceState><code>48</code><name>terminated</name></instanceState>\
                      </item></instancesSet></item></reservationSet></DescribeInstancesResponse>";
    let no_instance = "<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>";
    let no_object = "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                     <IsTruncated>false</IsTruncated><Name>reports</Name><Prefix>k</Prefix><MaxKeys>1000</MaxKeys>\
                     <EncodingType>url</EncodingType><KeyCount>0</KeyCount></ListBucketResult>";
    let no_queue = json("com.amazonaws.sqs#QueueDoesNotExist");
    let no_table = json("com.amazonaws.dynamodb.v20120810#ResourceNotFoundException");
    let no_bucket = "<Error><Code>NoSuchBucket</Code><Message>m</Message></Error>";
    let no_group = r#"{"logGroups": [], "nextToken": null}"#;
    let no_service = r#"{"services": [], "failures": [{"arn": "a", "reason": "MISSING"}]}"#;
    let no_alarm = r#"{"CompositeAlarms": [], "MetricAlarms": []}"#;
    let groups = listed("DescribeAutoScalingGroups", "AutoScalingGroups");
    let cases: [(&str, &str, u16, &str, &str); 14] = [
        (
            "ec2:DeleteVolume",
            r#"{"VolumeId":"v"}"#,
            400,
            &of_ec2("InvalidVolume.NotFound"),
            "DescribeVolumes",
        ),
        ("ec2:TerminateInstances", r#"{"InstanceId":["i-1"]}"#, 200, terminated, "DescribeInstances"),
        ("ec2:TerminateInstances", r#"{"InstanceId":["i-1"]}"#, 200, no_instance, "DescribeInstances"),
        ("sqs:DeleteQueue", r#"{"QueueUrl":"q"}"#, 400, &no_queue, "GetQueueAttributes"),
        ("s3:DeleteBucket", r#"{"Bucket":"b"}"#, 404, no_bucket, "GetBucketVersioning"),
        ("s3:DeleteObject", r#"{"Bucket":"b","Key":"k"}"#, 200, no_object, "ListObjectsV2"),
        ("dynamodb:DeleteTable", r#"{"TableName":"t"}"#, 400, &no_table, "DescribeTable"),
        (
            "rds:DeleteDBInstance",
            r#"{"DBInstanceIdentifier":"d"}"#,
            404,
            &error("DBInstanceNotFound"),
            "DescribeDBInstances",
        ),
        ("logs:DeleteLogGroup", r#"{"logGroupName":"/app"}"#, 200, no_group, "DescribeLogGroups"),
        ("iam:DeleteRole", r#"{"RoleName":"r"}"#, 404, &error("NoSuchEntity"), "GetRole"),
        (
            "cloudformation:DeleteStack",
            r#"{"StackName":"s"}"#,
            200,
            &listed("DescribeStacks", "Stacks"),
            "DescribeStacks",
        ),
        (
            "autoscaling:DeleteAutoScalingGroup",
            r#"{"AutoScalingGroupName":"g"}"#,
            200,
            &groups,
            "DescribeAutoScalingGroups",
        ),
        ("cloudwatch:DeleteAlarms", r#"{"AlarmNames":["a"]}"#, 200, no_alarm, "DescribeAlarms"),
        ("ecs:DeleteService", r#"{"cluster":"c","service":"s"}"#, 200, no_service, "DescribeServices"),
    ];
    for (operation, given, status, body, read) in cases {
        let service = operation.split_once(':').unwrap().0;
        check(operation, given, status, body, &format!("gone by {service}:{read}"));
    }
}

/// A delete of a stack, of which each read is answered so.
fn gathered(answer: impl Fn(&Call) -> ReadAnswer) -> (Gathered, Vec<String>) {
    let (marks, params) = (model::Marks::default(), parsed(r#"{"StackName":"app","RoleARN":"r"}"#));
    let action = action("cloudformation", "DeleteStack");
    let mut gathering = start(&action, &marks, &params, Timestamp::from_millis(0)).unwrap();
    let (mut answers, mut asked) = (Vec::new(), Vec::new());
    loop {
        match gathering.step(std::mem::take(&mut answers)) {
            Progress::Done(gathered) => return (*gathered, asked),
            Progress::Read(calls) => {
                asked.extend(calls.iter().map(|it| it.operation.clone()));
                answers = calls.iter().map(&answer).collect();
            }
        }
    }
}

#[test]
fn looking_for_it_costs_no_read_of_its_own_and_is_kept_of_what_is_there() {
    let there = |call: &Call| match call.operation.as_str() {
        "DescribeStacks" => {
            answer(200, r#"{"Stacks":[{"StackName":"app","StackStatus":"CREATE_COMPLETE"}]}"#)
        }
        _ => answer(403, "{}"),
    };
    let (found, asked) = gathered(there);
    assert_eq!(asked.iter().filter(|it| *it == "DescribeStacks").count(), 1, "{asked:?}");
    let sought = BTreeMap::from([("StackName".to_owned(), "app".to_owned())]);
    assert_eq!(found.sought, Some(Sought(sought)));
    for status in [0, 400, 403, 500] {
        assert_eq!(gathered(|_| answer(status, "{}")).0.sought, None, "{status}");
    }
    let gone = r#"{"Error":{"Code":"ValidationError","Message":"Stack app does not exist"}}"#;
    assert_eq!(gathered(|_| answer(400, gone)).0.sought, None, "it was not there when it was asked for");
}
