//! The tables against answers: `cases.jsonl` holds requests as boto3 sends them, what an AWS-compatible server answered
//! to each read, and the undo that puts the state back (which was sent, and did). `do` and `expected undo`, one a line.

use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde::Deserialize;

use model::{Account, Effect, Partition, Request};

use super::*;
use crate::{
    classify::{Classified, Target, classify},
    table::{Class, Table as Operations},
};

#[derive(Deserialize)]
struct Case {
    operation: String,
    signing: String,
    method: String,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: String,
    /// Operation, status, body.
    answers: Vec<(String, u16, String)>,
    undo: Option<String>,
    why: Option<String>,
}

fn cases() -> Vec<Case> {
    include_str!("cases.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn classified(signing: &str, request: Request) -> Classified {
    let target = Target::new(Partition("aws".into()), Account("123456789012".into()));
    classify(request, signing, "us-east-1", &target, &Default::default()).unwrap()
}

fn answer(status: u16, body: &str) -> ReadAnswer {
    ReadAnswer { status, body: body.into(), headers: vec![] }
}

fn gathered(gathering: &mut Gathering, respond: impl Fn(&Call) -> ReadAnswer) -> Gathered {
    let mut answers = Vec::new();
    loop {
        match gathering.step(std::mem::take(&mut answers)) {
            Progress::Read(calls) => {
                assert!(calls.len() <= CALLS_MAX);
                for call in &calls {
                    let row = Operations::shared().get(&call.service, &call.operation).unwrap();
                    assert_eq!(row.class, Class::Read, "{call:?}");
                    crate::call::build(call).unwrap();
                }
                answers = calls.iter().map(&respond).collect();
            }
            Progress::Done(gathered) => return *gathered,
        }
    }
}

fn shown(undo: &CapturedUndo) -> String {
    let Request { method, path, query, body, .. } = &undo.request;
    let query = if query.is_empty() { String::new() } else { format!("?{query}") };
    format!("{method} {path}{query}\n{}", String::from_utf8_lossy(body)).trim().to_owned()
}

#[test]
fn recorded_states_give_the_undo_that_was_seen_to_work() {
    let mut captured = std::collections::BTreeSet::new();
    for case in cases() {
        let request = Request {
            method: case.method.clone(),
            path: case.path.clone(),
            query: case.query.clone(),
            headers: case.headers.clone(),
            body: case.body.clone().into_bytes(),
        };
        let classified = classified(&case.signing, request);
        let mut gathering = start(
            classified.action.parts(),
            classified.action.marks(),
            &classified.params,
            Timestamp::from_millis(0),
        )
        .unwrap();
        let found = gathered(&mut gathering, |call| {
            let recorded = case.answers.iter().find(|(operation, ..)| *operation == call.operation);
            // Recorded before references were read; what they stand for has no part in an undo.
            if recorded.is_none() && (call.operation == "DescribeTaskDefinition" || call.service == "iam") {
                return answer(404, "{}");
            }
            let (_, status, body) = recorded.unwrap_or_else(|| panic!("{}: {call:?}", case.operation));
            answer(*status, body)
        });
        assert_eq!(found.undo.as_ref().map(shown), case.undo, "{} {:?}", case.operation, found.unknowns);
        let operation = &classified.action.parts().operation;
        assert!(case.undo.is_none() || may_capture(operation, &classified.params), "{}", case.operation);
        if let Some(why) = &case.why {
            assert!(found.unknowns.contains(why), "{}: {:?}", case.operation, found.unknowns);
        } else {
            assert!(found.observation.is_some(), "{}", case.operation);
            captured.insert(case.operation);
        }
    }
    assert!(captured.len() >= 75, "{} operations: {captured:?}", captured.len());
}

#[test]
fn the_tables_parse_and_name_only_what_exists() {
    toml::from_str::<table::ObserveTable>(include_str!("../../data/observe.toml")).unwrap();
    toml::from_str::<table::InverseTable>(include_str!("../../data/inverse.toml")).unwrap();
    let operations = Operations::shared();
    let exists = |service: &str, names: &str| {
        for name in names.split_whitespace() {
            assert!(operations.get(service, name).is_some(), "{service}:{name}");
        }
    };
    let reads = |service: &str, specs: &[table::ReadSpec]| {
        for spec in specs {
            let service = spec.service.as_deref().unwrap_or(service);
            let row =
                operations.get(service, &spec.call).unwrap_or_else(|| panic!("{service}:{}", spec.call));
            assert_eq!(row.class, Class::Read, "{service}:{}", spec.call);
        }
    };
    for entry in &table::OBSERVE.observe {
        exists(&entry.service, &entry.operations);
        reads(&entry.service, &entry.read);
        for spec in &entry.read {
            assert!(
                !spec.keep.is_empty() || !spec.seal.is_empty(),
                "{}: {} keeps nothing",
                entry.service,
                spec.call
            );
        }
    }
    for entry in &table::INVERSE.inverse {
        exists(&entry.service, &entry.operations);
        reads(&entry.service, &entry.read);
        for case in &entry.case {
            exists(&entry.service, &case.call);
        }
    }
    for entry in &table::INVERSE.tags {
        exists(&entry.service, &entry.tag);
        exists(&entry.service, &entry.untag);
        reads(&entry.service, std::slice::from_ref(&entry.read));
    }
    for entry in &table::INVERSE.additive {
        exists(&entry.service, &entry.operations);
    }
    for entry in &table::INVERSE.lowers {
        exists(&entry.service, &entry.operations);
    }
}

#[test]
fn protections_lowered_are_noticed() {
    let check = |service: &str, name: &str, params: &[(&str, &str)], expected: bool| {
        let params = Value::map(params.iter().map(|(name, value)| (*name, Value::text(*value))));
        assert_eq!(lowers_protection(&Operation::new(service, name), &params), expected, "{name} {params:?}");
    };
    check("rds", "ModifyDBInstance", &[("DeletionProtection", "false")], true);
    check("docdb", "ModifyDBInstance", &[("BackupRetentionPeriod", "0")], true);
    check(
        "rds",
        "ModifyDBInstance",
        &[("DeletionProtection", "true"), ("BackupRetentionPeriod", "7")],
        false,
    );
    check("ec2", "ModifyInstanceAttribute", &[("DisableApiTermination.Value", "false")], true);
    check("cloudformation", "UpdateTerminationProtection", &[("EnableTerminationProtection", "true")], false);
    check("cloudtrail", "StopLogging", &[], true);
    let attribute =
        [("Attributes.member.1.Key", "deletion_protection.enabled"), ("Attributes.member.1.Value", "false")];
    check("elbv2", "ModifyLoadBalancerAttributes", &attribute, true);
}

/// What is given can rule an inverse out; what only a read tells cannot.
#[test]
fn what_is_given_may_rule_an_inverse_out() {
    let check = |service: &str, name: &str, params: &[(&str, &str)], expected: bool| {
        let params = Value::map(params.iter().map(|(name, value)| (*name, Value::text(*value))));
        assert_eq!(may_capture(&Operation::new(service, name), &params), expected, "{name} {params:?}");
    };
    check("rds", "ModifyDBInstance", &[("DBInstanceIdentifier", "d"), ("DeletionProtection", "true")], true);
    check(
        "rds",
        "ModifyDBInstance",
        &[("DBInstanceIdentifier", "d"), ("DeletionProtection", "false")],
        false,
    );
    check(
        "rds",
        "ModifyDBInstance",
        &[("DBInstanceIdentifier", "d"), ("DBInstanceClass", "db.t3.micro")],
        false,
    );
    // What can be put back does not stand for what cannot.
    let both =
        [("DBInstanceIdentifier", "d"), ("DeletionProtection", "true"), ("DBInstanceClass", "db.t3.micro")];
    check("rds", "ModifyDBInstance", &both, false);
    check(
        "ecs",
        "UpdateService",
        &[("service", "s"), ("desiredCount", "3"), ("taskDefinition", "t:2")],
        false,
    );
    check("ecs", "UpdateService", &[("service", "s"), ("desiredCount", "3")], true);
    check("ecs", "UpdateService", &[("service", "s"), ("taskDefinition", "t:2")], false);
    check("ecs", "UpdateService", &[("service", "s")], false);
    check(
        "ec2",
        "ModifyInstanceAttribute",
        &[("InstanceId", "i"), ("InstanceType.Value", "t3.micro")],
        false,
    );
    check("cloudformation", "ExecuteChangeSet", &[("ChangeSetName", "c")], true);
    check("cloudformation", "UpdateStack", &[("StackName", "s")], false);
    check("ec2", "TerminateInstances", &[("InstanceId.1", "i")], false);
}

/// Scaling out is put back by the number before; scaling in interrupts, and so the engine captures nothing that would put it back.
#[test]
fn a_service_that_is_scaled_in_has_no_captured_inverse() {
    let undo = |count: i64| {
        let parameters = Value::map([
            ("cluster", Value::text("c")),
            ("service", Value::text("s")),
            ("desiredCount", Value::Int(count)),
        ]);
        let call = Call {
            service: "ecs".into(),
            operation: "UpdateService".into(),
            region: "us-east-1".into(),
            parameters,
        };
        let classified = classified("ecs", crate::call::build(&call).unwrap());
        let (parts, marks) = (classified.action.parts(), classified.action.marks());
        let mut gathering = start(parts, marks, &classified.params, Timestamp::from_millis(0)).unwrap();
        let now = r#"{"services":[{"serviceName":"s","status":"ACTIVE","desiredCount":4,"runningCount":4}]}"#;
        gathered(&mut gathering, |_| answer(200, now)).undo.as_ref().map(shown)
    };
    assert_eq!(undo(2), None);
    assert_eq!(undo(0), None);
    assert!(undo(6).unwrap().contains(r#""desiredCount":4"#));
}

/// Both families of addresses; and where a request does more than its inverse would take back, there is none.
#[test]
fn what_a_security_group_lets_through_is_taken_back_whole_or_not_at_all() {
    const GROUP: &str = "GroupId=sg-5096ad6f2c9aaa7b8";
    let check = |direction: &str, given: &str, taken_back: Option<&str>| {
        let named = format!("ec2:AuthorizeSecurityGroup{direction}");
        let case = cases().into_iter().find(|case| case.operation == named).unwrap();
        let call = |verb: &str, given: &str| {
            format!("Action={verb}SecurityGroup{direction}&Version=2016-11-15&{GROUP}&{given}")
        };
        let request = Request {
            method: case.method,
            path: case.path,
            query: case.query,
            headers: case.headers,
            body: call("Authorize", given).into_bytes(),
        };
        let classified = classified(&case.signing, request);
        let parts = classified.action.parts();
        let now = Timestamp::from_millis(0);
        let mut gathering = start(parts, classified.action.marks(), &classified.params, now).unwrap();
        let found = gathered(&mut gathering, |call| {
            let (_, status, body) = case.answers.iter().find(|(it, ..)| *it == call.operation).unwrap();
            answer(*status, body)
        });
        let undo = taken_back.map(|given| format!("POST /\n{}", call("Revoke", given)));
        assert_eq!(found.undo.as_ref().map(shown), undo, "{given}: {:?}", found.unknowns);
        assert_eq!(may_capture(&parts.operation, &classified.params), taken_back.is_some(), "{given}");
    };
    let ssh = |ranges: &str| {
        format!(
            "IpPermissions.1.FromPort=22&IpPermissions.1.IpProtocol=tcp{ranges}&IpPermissions.1.ToPort=22"
        )
    };
    let four = "&IpPermissions.1.IpRanges.1.CidrIp=10.1.0.0%2F16";
    let six = "&IpPermissions.1.Ipv6Ranges.1.CidrIpv6=2001%3Adb8%3A%3A%2F32";
    for direction in ["Ingress", "Egress"] {
        for ranges in [four.to_owned(), six.to_owned(), format!("{four}{six}")] {
            check(direction, &ssh(&ranges), Some(&ssh(&ranges)));
        }
        let tagged = "&TagSpecification.1.ResourceType=security-group-rule&TagSpecification.1.Tag.1.Key=a";
        check(direction, &format!("{}{tagged}", ssh(six)), None);
        check(direction, "CidrIp=10.1.0.0%2F16&FromPort=22&IpProtocol=tcp&ToPort=22", None);
        check(direction, &format!("{}&CidrIp=10.2.0.0%2F16", ssh(six)), None);
    }
}

const TEMPLATE: &str = r#"{"Parameters":{"Size":{"Type":"Number","Default":30}},"Resources":{
  "Queue":{"Type":"AWS::SQS::Queue","Properties":{"QueueName":"q","VisibilityTimeout":{"Ref":"Size"}}},
  "Kept":{"Type":"AWS::SNS::Topic","DeletionPolicy":"Retain"},
  "Data":{"Type":"AWS::RDS::DBInstance","Properties":{"DBInstanceClass":"db.t3.micro"}},
  "Role":{"Type":"AWS::IAM::Role","Properties":{"AssumeRolePolicyDocument":{}}}}}"#;

/// A stack `app` as `DescribeStacks`, `ListStackResources` and `GetTemplate` show it, and one change set.
fn stack(call: &Call, changes: &str, new: &str) -> ReadAnswer {
    let text = |name: &str| call.parameters.get(name).and_then(Value::as_text).unwrap_or_default().to_owned();
    let id = "arn:aws:cloudformation:us-east-1:123456789012:stack/app/1";
    let body = match call.operation.as_str() {
        "DescribeStacks" => format!(
            r#"{{"Stacks":[{{"StackId":"{id}","StackName":"app","StackStatus":"CREATE_COMPLETE","Capabilities":["CAPABILITY_IAM"]}}]}}"#
        ),
        "ListStackResources" => match text("NextToken").as_str() {
            "" => r#"{"StackResourceSummaries":[
                {"LogicalResourceId":"Queue","PhysicalResourceId":"https://q","ResourceType":"AWS::SQS::Queue"},
                {"LogicalResourceId":"Kept","PhysicalResourceId":"arn:t","ResourceType":"AWS::SNS::Topic"}],"NextToken":"2"}"#
                .to_owned(),
            _ => r#"{"StackResourceSummaries":[
                {"LogicalResourceId":"Data","PhysicalResourceId":"prod-db","ResourceType":"AWS::RDS::DBInstance"},
                {"LogicalResourceId":"Role","PhysicalResourceId":"role","ResourceType":"AWS::IAM::Role"}]}"#
                .to_owned(),
        },
        "DescribeChangeSet" => format!(
            r#"{{"ChangeSetId":"arn:cs","ChangeSetName":"c","StackId":"{id}","Status":"CREATE_COMPLETE","Changes":{changes}}}"#
        ),
        "GetTemplate" => {
            let template = if text("ChangeSetName").is_empty() { TEMPLATE } else { new };
            serde_json::json!({ "TemplateBody": template }).to_string()
        }
        other => panic!("{other}"),
    };
    answer(200, &body)
}

fn stack_action(operation: &str, pairs: &[(&str, &str)], respond: impl Fn(&Call) -> ReadAnswer) -> Gathered {
    form("cloudformation", operation, pairs, respond)
}

fn form(
    signing: &str,
    operation: &str,
    pairs: &[(&str, &str)],
    respond: impl Fn(&Call) -> ReadAnswer,
) -> Gathered {
    let body = std::iter::once(("Action", operation))
        .chain([("Version", if signing == "ec2" { "2016-11-15" } else { "2010-05-15" })])
        .chain(pairs.iter().copied());
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let body: Vec<String> = body.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    let request = Request {
        method: "POST".into(),
        path: "/".into(),
        query: String::new(),
        headers: vec![("content-type".into(), "application/x-www-form-urlencoded".into())],
        body: body.join("&").into_bytes(),
    };
    let classified = classified(signing, request);
    let mut gathering = start(
        classified.action.parts(),
        classified.action.marks(),
        &classified.params,
        Timestamp::from_millis(0),
    )
    .unwrap();
    gathered(&mut gathering, respond)
}

fn told(found: &Gathered) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    for inner in found.observation.iter().flat_map(|observation| &observation.inner) {
        writeln!(text, "{} [{}] {}", inner.operation, inner.effects, inner.summary).unwrap();
    }
    let effects = found.effects.map_or_else(|| "none".to_owned(), |effects| effects.to_string());
    writeln!(text, "effects: {effects}").unwrap();
    if let Some(undo) = &found.undo {
        writeln!(text, "undo: {}", undo.summary).unwrap();
    }
    for unknown in &found.unknowns {
        writeln!(text, "unknown: {unknown}").unwrap();
    }
    text
}

#[test]
fn deleting_a_stack_lists_what_goes_with_it() {
    let found = stack_action("DeleteStack", &[("StackName", "app")], |call| stack(call, "[]", ""));
    expect![[r#"
        sqs:DeleteQueue [destroy] delete: AWS::SQS::Queue Queue (https://q)
        rds:DeleteDBInstance [destroy] delete after a last snapshot: AWS::RDS::DBInstance Data (prod-db)
        iam:DeleteRole [privilege, destroy] delete: AWS::IAM::Role Role (role)
        effects: privilege, destroy
    "#]]
    .assert_eq(&told(&found));
    let kinds: Vec<String> = found
        .observation
        .unwrap()
        .inner
        .iter()
        .flat_map(|inner| &inner.resources)
        .map(|resource| resource.kind.to_string())
        .collect();
    assert_eq!(kinds, ["queue", "database", "role"]);
}

/// Created from `url`, where `behind` stands; nothing of that name is there yet.
fn check_behind(url: &str, behind: &ReadAnswer, pinned: bool, expected: &Expect) {
    let found = stack_action("CreateStack", &[("StackName", "new"), ("TemplateURL", url)], |call| match call
        .operation
        .as_str()
    {
        "GetObject" => behind.clone(),
        _ => answer(
            400,
            "<R><Error><Code>ValidationError</Code><Message>Stack new does not exist</Message></Error></R>",
        ),
    });
    let pin = Pin { instead_of: Some("TemplateURL".into()), ..Pin::of("TemplateBody", TEMPLATE.into()) };
    assert_eq!(found.pins, if pinned { vec![pin] } else { Vec::new() }, "{url}");
    expected.assert_eq(&told(&found));
}

#[test]
fn a_template_behind_an_address_is_judged_and_sent_in_its_place() {
    let url = "https://b.s3.us-east-1.amazonaws.com/t.yaml";
    check_behind(
        url,
        &answer(200, TEMPLATE),
        true,
        &expect![[r#"
        rds:CreateDBInstance [spend, write] create: AWS::RDS::DBInstance Data
        sns:CreateTopic [write] create: AWS::SNS::Topic Kept
        sqs:CreateQueue [write] create: AWS::SQS::Queue Queue
        iam:CreateRole [write, privilege] create: AWS::IAM::Role Role
        effects: spend, write, privilege
        undo: remove what was created: cloudformation:DeleteStack (new)
    "#]],
    );
    check_behind(
        url,
        &answer(403, "<Error><Code>AccessDenied</Code></Error>"),
        false,
        &expect![[r#"
        effects: none
        unknown: the template is not in the request, so what it creates is not known
        unknown: what TemplateURL names: it could not be read (status 403)
    "#]],
    );
    check_behind(
        url,
        &answer(200, &" ".repeat(51_201)),
        false,
        &expect![[r#"
        effects: none
        unknown: the template is not in the request, so what it creates is not known
        unknown: what TemplateURL names: it is larger than the 51200 bytes that a request can carry, so it cannot be forwarded as it was seen
    "#]],
    );
    check_behind(
        "https://example.com/t.yaml",
        &answer(200, TEMPLATE),
        false,
        &expect![[r#"
        effects: none
        unknown: the template is not in the request, so what it creates is not known
        unknown: what TemplateURL names: it is no address of an object in S3
    "#]],
    );
    let both = [("StackName", "new"), ("TemplateURL", url), ("TemplateBody", TEMPLATE)];
    let found = stack_action("CreateStack", &both, |call| {
        assert_ne!(call.operation, "GetObject");
        answer(400, "<R><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></R>")
    });
    assert!(found.effects.unwrap().contains(Effect::Execute) && found.pins.is_empty(), "{}", told(&found));
    let print = |template: &str| {
        let given = [("StackName", "new"), ("TemplateURL", url)];
        let found = stack_action("CreateStack", &given, |call| match call.operation.as_str() {
            "GetObject" => answer(200, template),
            _ => answer(
                400,
                "<R><Error><Code>ValidationError</Code><Message>does not exist</Message></Error></R>",
            ),
        });
        found.observation.unwrap().fingerprint
    };
    assert_ne!(print(TEMPLATE), print(&format!("{TEMPLATE} ")), "another content is another fingerprint");
}

fn check_change_set(changes: &str, edit: impl Fn(&str) -> String, expected: &Expect) {
    let new = edit(TEMPLATE);
    let names = [("StackName", "app"), ("ChangeSetName", "c")];
    let found = stack_action("ExecuteChangeSet", &names, |call| stack(call, changes, &new));
    assert_eq!(found.pins, [Pin::of("ChangeSetName", "arn:cs".into())]);
    expected.assert_eq(&told(&found));
}

#[test]
fn a_change_set_is_judged_by_what_it_changes() {
    let modify = |replacement: &str, details: &str| {
        format!(
            r#"[{{"ResourceChange":{{"Action":"Modify","LogicalResourceId":"Queue","PhysicalResourceId":"https://q","ResourceType":"AWS::SQS::Queue"{replacement},"Details":[{details}]}}}}]"#
        )
    };
    let property = |name: &str, recreation: &str| {
        format!(
            r#"{{"Target":{{"Attribute":"Properties","Name":"{name}","RequiresRecreation":"{recreation}"}},"Evaluation":"Static"}}"#
        )
    };
    // Told by the change set itself.
    check_change_set(
        &modify(r#","Replacement":"False""#, &property("VisibilityTimeout", "Never")),
        |old| old.replace(r#"{"Ref":"Size"}"#, "60"),
        &expect![[r#"
            sqs:SetQueueAttributes [write] change VisibilityTimeout in place: AWS::SQS::Queue Queue (https://q)
            effects: write
            undo: put back the state before: cloudformation:UpdateStack (arn:aws:cloudformation:us-east-1:123456789012:stack/app/1)
        "#]],
    );
    check_change_set(
        &modify(r#","Replacement":"Conditional""#, &property("VisibilityTimeout", "Conditionally")),
        str::to_owned,
        &expect![[r#"
            sqs:DeleteQueue [destroy] perhaps replace (delete and create anew): AWS::SQS::Queue Queue (https://q)
            effects: destroy
        "#]],
    );
    // Not told: the templates are compared.
    check_change_set(
        &modify("", ""),
        |old| old.replace(r#"{"Ref":"Size"}"#, "60"),
        &expect![[r#"
            sqs:SetQueueAttributes [write] change VisibilityTimeout in place: AWS::SQS::Queue Queue (https://q)
            effects: write
            undo: put back the state before: cloudformation:UpdateStack (arn:aws:cloudformation:us-east-1:123456789012:stack/app/1)
        "#]],
    );
    check_change_set(
        &modify("", ""),
        |old| old.replace(r#""QueueName":"q""#, r#""QueueName":"r""#),
        &expect![[r#"
            sqs:DeleteQueue [destroy] replace (delete and create anew): AWS::SQS::Queue Queue (https://q)
            effects: destroy
        "#]],
    );
    // Not told, and not to be seen: the upstream gave the old template for the new one.
    check_change_set(
        &modify("", ""),
        str::to_owned,
        &expect![[r#"
            sqs:DeleteQueue [destroy] change, perhaps replace: what changes is not shown: AWS::SQS::Queue Queue (https://q)
            effects: destroy
            unknown: the templates do not show what changes in Queue: the change set's may not be what was read
        "#]],
    );
    // What is listed counts even where not all is.
    check_change_set(
        r#"[{"ResourceChange":{"Action":"Remove","LogicalResourceId":"Data","PhysicalResourceId":"prod-db","ResourceType":"AWS::RDS::DBInstance"}},
            {"ResourceChange":{"Action":"Modify","LogicalResourceId":"Nest","ResourceType":"AWS::CloudFormation::Stack","Replacement":"False"}}]"#,
        str::to_owned,
        &expect![[r#"
            rds:DeleteDBInstance [destroy] delete: AWS::RDS::DBInstance Data (prod-db)
            cloudformation:UpdateStack [destroy] change in place, may interrupt: AWS::CloudFormation::Stack Nest
            effects: execute, destroy
            unknown: what changes in the nested stack Nest is not listed
        "#]],
    );
    // A removal is never hidden by what stands beside it.
    check_change_set(
        r#"[{"ResourceChange":{"Action":"Remove","LogicalResourceId":"Data","PhysicalResourceId":"prod-db","ResourceType":"AWS::RDS::DBInstance"}},
            {"ResourceChange":{"Action":"Shuffle","LogicalResourceId":"Kept","ResourceType":"AWS::SNS::Topic"}}]"#,
        |old| old.replace("\"Data\"", "\"Data2\"").replace("Retain", "Delete"),
        &expect![[r#"
            rds:DeleteDBInstance [destroy] delete: AWS::RDS::DBInstance Data (prod-db)
            sns:SetTopicAttributes [destroy] change, how is only known when it runs: AWS::SNS::Topic Kept
            effects: destroy
            unknown: the templates do not show what changes in Kept: the change set's may not be what was read
        "#]],
    );
}

#[test]
fn creating_a_stack_is_what_its_template_creates() {
    let absent = |_: &Call| {
        answer(400, r#"{"Error":{"Code":"ValidationError","Message":"Stack app does not exist"}}"#)
    };
    let create = |template: &str| {
        told(&stack_action("CreateStack", &[("StackName", "app"), ("TemplateBody", template)], absent))
    };
    expect![[r#"
        rds:CreateDBInstance [spend, write] create: AWS::RDS::DBInstance Data
        sns:CreateTopic [write] create: AWS::SNS::Topic Kept
        sqs:CreateQueue [write] create: AWS::SQS::Queue Queue
        iam:CreateRole [write, privilege] create: AWS::IAM::Role Role
        effects: spend, write, privilege
        undo: remove what was created: cloudformation:DeleteStack (app)
    "#]]
    .assert_eq(&create(TEMPLATE));
    expect![[r#"
        effects: none
        unknown: the template could not be read, so what it creates is not known
    "#]]
    .assert_eq(&create("{"));
}

#[test]
fn a_failed_read_is_said_and_gives_nothing() {
    let found = stack_action("DeleteStack", &[("StackName", "app")], |_| answer(500, ""));
    assert_eq!(found.observation, None);
    assert_eq!((found.effects, found.listing), (Some(EffectSet::of(Effect::Destroy)), Listing::Partial));
    assert!(!found.unknowns.is_empty());
}

#[test]
fn tags_of_several_resources_have_an_undo_only_where_all_are_new() {
    let pairs = [("ResourceId.1", "i-1"), ("ResourceId.2", "i-2"), ("Tag.1.Key", "k"), ("Tag.1.Value", "v")];
    let tags = |set: &str| format!("<DescribeTagsResponse><tagSet>{set}</tagSet></DescribeTagsResponse>");
    let new = form("ec2", "CreateTags", &pairs, |_| answer(200, &tags("")));
    expect!["POST /\nAction=DeleteTags&Version=2016-11-15&ResourceId.1=i-1&ResourceId.2=i-2&Tag.1.Key=k"]
        .assert_eq(&new.undo.as_ref().map(shown).unwrap_or_default());
    let one = "<item><resourceId>i-1</resourceId><key>k</key><value>old</value></item>";
    let mixed = form("ec2", "CreateTags", &pairs, |_| answer(200, &tags(one)));
    assert_eq!(mixed.undo, None);
    assert_eq!(mixed.unknowns, ["undo not captured: the resources may have had different tags"]);
}

#[test]
fn endless_pages_end() {
    let rounds = std::cell::Cell::new(0);
    let found = stack_action("DeleteStack", &[("StackName", "app")], |call| {
        rounds.set(rounds.get() + 1);
        if call.operation == "ListStackResources" {
            answer(200, r#"{"StackResourceSummaries":[],"NextToken":"again"}"#)
        } else {
            stack(call, "[]", "")
        }
    });
    assert!(rounds.get() <= 20, "{}", rounds.get());
    assert_eq!((found.effects, found.listing), (Some(EffectSet::of(Effect::Destroy)), Listing::Partial));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_answer_panics(bodies in proptest::collection::vec("(\\{\"[A-Z][a-z]{2,8}s?\":|[\\[\\]{}\",:<>/]|Stacks|member|Changes|1){0,30}", 1..4), nth in 0_usize..200) {
        let cases = cases();
        let case = &cases[nth % cases.len()];
        let request = Request {
            method: case.method.clone(),
            path: case.path.clone(),
            query: case.query.clone(),
            headers: case.headers.clone(),
            body: case.body.clone().into_bytes(),
        };
        let classified = classified(&case.signing, request);
        let mut gathering = start(classified.action.parts(), classified.action.marks(), &classified.params, Timestamp::from_millis(0)).unwrap();
        let found = gathered(&mut gathering, |call| answer(200, &bodies[call.operation.len() % bodies.len()]));
        prop_assert!(found.effects.is_none_or(|effects| effects.contains(Effect::Destroy) || !effects.is_plain_read()));
        let found = stack_action("ExecuteChangeSet", &[("StackName", "app"), ("ChangeSetName", "c")], |call| answer(200, &bodies[call.operation.len() % bodies.len()]));
        prop_assert!(found.undo.is_none() || found.effects.is_some());
    }
}
