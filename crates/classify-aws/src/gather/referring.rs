//! References of a request: members that name content elsewhere. Found by the table, resolved by reads, shown and
//! fingerprinted as what they stand for, and pinned where the request has a place for that.

use model::{Operation, Value};

use crate::{call::Call, params};

use super::{
    Pin,
    answer::ReadAnswer,
    observe::Projection,
    path,
    reads::Reads,
    rule::Facts,
    table::{REFERENCES, Reference},
};

#[derive(Debug)]
pub(super) struct Referring {
    entries: Vec<Entry>,
    /// How many calls of the last round belong to each entry.
    asked: Vec<usize>,
}

/// One reference that the request makes.
#[derive(Debug)]
struct Entry {
    reference: &'static Reference,
    reads: Reads,
    /// The request, with the value of the member as `referred`.
    given: Value,
}

/// What the references of a request stand for.
#[derive(Debug, Default)]
pub(super) struct Resolved {
    pub(super) projection: Projection,
    pub(super) pins: Vec<Pin>,
    pub(super) unknowns: Vec<String>,
}

impl Referring {
    pub(super) fn of(service: &str, operation: &str, region: &str, given: &Value) -> Option<Self> {
        let given = with_copy_source(given);
        let name = Operation::new(service, operation).to_string();
        let nothing = std::collections::BTreeMap::new();
        let facts = Facts { given: &given, answers: &nothing };
        let entries: Vec<Entry> = REFERENCES
            .reference
            .iter()
            .filter(|entry| entry.names(&name))
            .filter(|entry| facts.all_hold(&entry.when))
            .filter_map(|reference| {
                let given = with_referred(&given, reference.member_of(&given)?);
                Some(Entry { reference, reads: Reads::new(service, region, &reference.read), given })
            })
            .collect();
        (!entries.is_empty()).then_some(Self { entries, asked: Vec::new() })
    }

    pub(super) fn want(&mut self) -> Vec<Call> {
        let mut calls = Vec::new();
        self.asked.clear();
        for Entry { reads, given, .. } in &mut self.entries {
            let own = reads.want(given);
            self.asked.push(own.len());
            calls.extend(own);
        }
        calls
    }

    pub(super) fn take(&mut self, answers: &[ReadAnswer]) {
        let mut rest = answers;
        for (Entry { reads, .. }, count) in self.entries.iter_mut().zip(std::mem::take(&mut self.asked)) {
            let (own, after) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            if count > 0 {
                reads.take(own);
            }
            rest = after;
        }
    }

    pub(super) fn finish(&self) -> Resolved {
        let mut resolved = Resolved::default();
        for Entry { reference, reads, given } in &self.entries {
            let member = reference.member_of(given).unwrap_or(&reference.member);
            if let Some(why) = &reference.unresolved {
                resolved.unknowns.push(format!("what {member} names: {why}"));
                continue;
            }
            resolved.projection.add(reads);
            let failed = reads.failures();
            if !failed.is_empty() {
                resolved.unknowns.push(format!("what {member} names: {}", failed.join("; ")));
                continue;
            }
            let facts = Facts { given, answers: reads.answers() };
            for (parameter, operand) in &reference.pin {
                match facts.resolve(operand).ok().as_ref().and_then(path::scalar) {
                    // What S3 says of objects that have no versions.
                    Some(value) if value == "null" => {}
                    Some(value) => resolved.pins.push(Pin::of(parameter, value)),
                    None => {
                        resolved.unknowns.push(format!("what {member} names: nothing was found under it"))
                    }
                }
            }
        }
        resolved
    }
}

impl Reference {
    fn names(&self, operation: &str) -> bool {
        self.operations.split_whitespace().any(|pattern| model::glob(pattern, operation))
    }

    /// The first of its members that the request gives.
    fn member_of(&self, given: &Value) -> Option<&str> {
        self.member.split('|').find(|member| !path::select(given, member).is_empty())
    }
}

fn with_referred(given: &Value, member: &str) -> Value {
    let referred = path::select(given, member).first().map_or(Value::Null, |value| (*value).clone());
    match given {
        Value::Map(members) => {
            let mut members = members.clone();
            members.insert("referred".to_owned(), referred);
            Value::Map(members)
        }
        other => other.clone(),
    }
}

/// `/bucket/key?versionId=1` in its parts, as `copySource`.
fn with_copy_source(given: &Value) -> Value {
    let Some(source) = given.get("x-amz-copy-source").and_then(Value::as_text) else { return given.clone() };
    let (object, query) = source.split_once('?').unwrap_or((source, ""));
    let parts = object.strip_prefix('/').unwrap_or(object).split_once('/');
    let decoded = parts.and_then(|(bucket, key)| Some((bucket, params::decode(key).ok()?)));
    let (Some((bucket, key)), Value::Map(members)) = (decoded, given) else { return given.clone() };
    let mut parts = vec![("Bucket", Value::text(bucket)), ("Key", Value::text(key))];
    if let Some(version) = query.strip_prefix("versionId=") {
        parts.push(("VersionId", Value::text(version)));
    }
    let mut members = members.clone();
    members.insert("copySource".to_owned(), Value::map(parts));
    Value::Map(members)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use model::Timestamp;

    use super::*;
    use crate::{
        call::build,
        classify::{Target, classify},
        gather::{Gathered, Progress, literal, start},
        table::Table,
    };

    /// The request through the whole way; every read is answered with `answer`.
    fn gathered(operation: &str, parameters: &str, answer: &str) -> Gathered {
        let (service, name) = operation.split_once(':').unwrap();
        let call = Call {
            service: service.to_owned(),
            operation: name.to_owned(),
            region: "eu-west-1".to_owned(),
            parameters: literal(&toml::Value::Table(toml::from_str(parameters).unwrap())),
        };
        let signing = Table::shared().service(service).unwrap().signing;
        let target = Target::new(model::Partition("aws".into()), model::Account("111122223333".into()));
        let request = build(&call).unwrap();
        let classified = classify(request, signing, "eu-west-1", &target, &Default::default()).unwrap();
        let now = Timestamp::from_seconds(1_795_228_800);
        let mut gathering =
            start(classified.action.parts(), classified.action.marks(), &classified.params, now).unwrap();
        let mut answers = Vec::new();
        loop {
            match gathering.step(answers) {
                Progress::Done(gathered) => return *gathered,
                Progress::Read(calls) => {
                    let body = answer.as_bytes().to_vec();
                    answers = vec![ReadAnswer { status: 200, headers: Vec::new(), body }; calls.len()];
                }
            }
        }
    }

    fn check(operation: &str, parameters: &str, answer: &str, pins: &[(&str, &str)], unknown: Option<&str>) {
        let found = gathered(operation, parameters, answer);
        let expected: Vec<Pin> =
            pins.iter().map(|(parameter, value)| Pin::of(parameter, (*value).to_owned())).collect();
        assert_eq!(found.pins, expected, "{operation}: {:?} {:?}", found.unknowns, found.observation);
        let told = found.unknowns.join("; ");
        assert_eq!(told.contains("what "), unknown.is_some(), "{operation}: {told}");
        assert!(told.contains(unknown.unwrap_or_default()), "{operation}: {told}");
    }

    const VERSIONS: &str = "<R><Version><Key>k</Key><VersionId>v7</VersionId><ETag>e</ETag><IsLatest>true</IsLatest></Version>\
        <Version><Key>k2</Key><VersionId>v1</VersionId><IsLatest>true</IsLatest></Version></R>";

    #[test]
    fn references_are_resolved_and_pinned_where_the_request_has_a_place() {
        let versions = "<R><requestId>r</requestId><launchTemplateVersionSet><item><versionNumber>4</versionNumber></item></launchTemplateVersionSet></R>";
        let latest =
            "LaunchTemplate = { LaunchTemplateId = 'lt-1', Version = '$Latest' }\nMinCount = 1\nMaxCount = 1";
        check("ec2:RunInstances", latest, versions, &[("LaunchTemplate.Version", "4")], None);
        let templates = "<R><requestId>r</requestId><launchTemplates><item><defaultVersionNumber>2</defaultVersionNumber></item></launchTemplates></R>";
        let default = "LaunchTemplate = { LaunchTemplateName = 'web' }\nMinCount = 1\nMaxCount = 1";
        check("ec2:RunInstances", default, templates, &[("LaunchTemplate.Version", "2")], None);
        let task =
            r#"{"taskDefinition":{"taskDefinitionArn":"arn:aws:ecs:eu-west-1:1:task-definition/web:9"}}"#;
        let arn = "arn:aws:ecs:eu-west-1:1:task-definition/web:9";
        check("ecs:RunTask", "taskDefinition = 'web'", task, &[("taskDefinition", arn)], None);
        let document = r#"{"Document":{"Name":"d","DocumentVersion":"3","Hash":"h"}}"#;
        check("ssm:SendCommand", "DocumentName = 'd'", document, &[("DocumentVersion", "3")], None);
        let code = "'$path' = { FunctionName = 'f' }\n'$body' = { S3Bucket = 'b', S3Key = 'k' }";
        check("lambda:UpdateFunctionCode", code, VERSIONS, &[("body.S3ObjectVersion", "v7")], None);
        let copy = "'$path' = { Bucket = 'to', Key = 'x' }\n'$headers' = { x-amz-copy-source = '/b/k' }";
        check("s3:CopyObject", copy, VERSIONS, &[("headers.x-amz-copy-source-if-match", "e")], None);
        // What names a version stays as it was asked for.
        let exact = "'$path' = { FunctionName = 'f' }\n'$body' = { S3Bucket = 'b', S3Key = 'k', S3ObjectVersion = 'v1' }";
        check("lambda:UpdateFunctionCode", exact, VERSIONS, &[], None);
        let exact = "'$path' = { Bucket = 'to', Key = 'x' }\n'$headers' = { x-amz-copy-source = '/b/k?versionId=v1' }";
        check("s3:CopyObject", exact, VERSIONS, &[], None);
        let unversioned = VERSIONS.replace("v7", "null");
        check("lambda:UpdateFunctionCode", code, &unversioned, &[], None);
    }

    #[test]
    fn what_cannot_be_resolved_is_unknown() {
        let code = "'$path' = { FunctionName = 'f' }\n'$body' = { S3Bucket = 'b', S3Key = 'gone' }";
        check("lambda:UpdateFunctionCode", code, VERSIONS, &[], Some("nothing was found under it"));
        check(
            "ecs:RunTask",
            "taskDefinition = 'web'",
            "no answer",
            &[],
            Some("DescribeTaskDefinition failed"),
        );
        let template = "StackName = 's'\nTemplateURL = 'https://x/t'";
        check("cloudformation:CreateStack", template, "<R/>", &[], Some("no address of an object in S3"));
        let set = "StackSetName = 's'\nTemplateURL = 'https://b.s3.amazonaws.com/t'";
        check("cloudformation:CreateStackSet", set, "<R/>", &[], Some("a template behind an address"));
    }

    #[test]
    fn a_role_that_is_handed_over_is_shown_with_what_it_may_do() {
        let answer = "<R><Role><Arn>arn:aws:iam::1:role/r</Arn></Role>\
            <AttachedPolicies><member><PolicyArn>arn:aws:iam::aws:policy/AdministratorAccess</PolicyArn></member></AttachedPolicies>\
            <InstanceProfile><Roles><member><RoleName>r</RoleName></member></Roles></InstanceProfile>\
            <PolicyNames><member>inline</member></PolicyNames></R>";
        for (operation, parameters) in [
            (
                "lambda:UpdateFunctionConfiguration",
                "'$path' = { FunctionName = 'f' }\n'$body' = { Role = 'arn:aws:iam::1:role/p/r' }",
            ),
            ("ecs:RegisterTaskDefinition", "family = 'f'\ntaskRoleArn = 'r'\ncontainerDefinitions = []"),
            (
                "ec2:RunInstances",
                "ImageId = 'i'\nMinCount = 1\nMaxCount = 1\nIamInstanceProfile = { Name = 'r' }",
            ),
        ] {
            let observation = gathered(operation, parameters, answer).observation.unwrap();
            let admin = |(_, value): &(String, String)| value.contains("policy/AdministratorAccess");
            assert!(observation.facts.iter().any(admin), "{operation}: {:?}", observation.facts);
        }
    }

    /// What stands behind a reference is part of the fingerprint.
    #[test]
    fn another_content_is_another_fingerprint() {
        let code = "'$path' = { FunctionName = 'f' }\n'$body' = { S3Bucket = 'b', S3Key = 'k' }";
        let prints: BTreeSet<String> = [VERSIONS.to_owned(), VERSIONS.replace("<ETag>e", "<ETag>f")]
            .iter()
            .map(|answer| {
                gathered("lambda:UpdateFunctionCode", code, answer)
                    .observation
                    .unwrap()
                    .fingerprint
                    .to_string()
            })
            .collect();
        assert_eq!(prints.len(), 2);
    }

    #[test]
    fn every_reference_names_operations_and_says_how_it_is_resolved() {
        assert!(!REFERENCES.reference.is_empty());
        for entry in &REFERENCES.reference {
            assert_eq!(entry.read.is_empty(), entry.unresolved.is_some(), "{entry:?}");
            for pattern in entry.operations.split_whitespace().filter(|pattern| !pattern.contains('*')) {
                let (service, name) = pattern.split_once(':').unwrap();
                assert!(Table::shared().get(service, name).is_some(), "{pattern}");
            }
        }
    }
}
