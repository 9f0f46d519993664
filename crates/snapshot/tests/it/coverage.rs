//! What may be concluded from absence.

use serde_json::json;
use snapshot::{Builder, Coverage, Outcome, Snapshot, Taken};

use crate::refused::now;

fn told(build: impl Fn(&mut Builder), region: &str) -> String {
    let taken = Taken { from: now().plus_seconds(-60), until: now() };
    let mut builder = Builder::new("111122223333", &["us-east-1", "eu-west-1"], taken);
    build(&mut builder);
    let text = builder.draft();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    match snapshot.coverage("ec2:DescribeVolumes", region) {
        Coverage::Whole(reads) => format!("whole by {}", reads.len()),
        Coverage::Lacking(read, outcome) => format!("{} {}", snapshot.id_of(read), outcome.name()),
        Coverage::InPart(read) => format!("{} in part", snapshot.id_of(read)),
        Coverage::NeverAsked => "never asked".to_owned(),
    }
}

#[test]
fn a_list_that_was_not_answered_whole_is_not_an_empty_list() {
    const VOLUMES: &str = "ec2:DescribeVolumes";
    let all = |outcomes: &'static [Outcome]| {
        move |builder: &mut Builder| {
            for outcome in outcomes {
                builder.read(VOLUMES, "us-east-1", *outcome);
            }
        }
    };
    let check =
        |outcomes: &'static [Outcome], expected: &str| assert_eq!(told(all(outcomes), "us-east-1"), expected);
    check(&[], "never asked");
    check(&[Outcome::Complete], "whole by 1");
    check(&[Outcome::Complete, Outcome::Complete], "whole by 2");
    check(&[Outcome::Complete, Outcome::Truncated], "r1 truncated");
    check(&[Outcome::Failed, Outcome::Denied, Outcome::Complete], "r1 denied");
    // Another region was asked, or one resource only.
    assert_eq!(told(all(&[Outcome::Complete]), "eu-west-1"), "never asked");
    let about = |builder: &mut Builder| {
        builder.read_about(VOLUMES, "arn:v", Outcome::Complete);
    };
    assert_eq!(told(about, "us-east-1"), "never asked");
    // A filter keeps something back; owners and pages do not.
    let asked = |parameters: serde_json::Value| {
        move |builder: &mut Builder| {
            let read = builder.read(VOLUMES, "us-east-1", Outcome::Complete);
            builder.asked(read, &parameters, None);
        }
    };
    assert_eq!(told(asked(json!({ "Filters": [{ "Name": "status" }] })), "us-east-1"), "r0 in part");
    assert_eq!(told(asked(json!({ "MaxResults": 500 })), "us-east-1"), "whole by 1");
    assert_eq!(told(asked(json!({ "MaxResults": 500, "NextToken": "t" })), "us-east-1"), "whole by 1");
    // So does whatever is not known to keep nothing back.
    for other in [
        json!({ "VolumeIds": ["vol-1"] }),
        json!({ "StackName": "shop" }),
        json!({ "MaxResults": 500, "StatusEquals": "x" }),
        json!({ "Owner": ["self"] }),
        json!([]),
    ] {
        assert_eq!(told(asked(other.clone()), "us-east-1"), "r0 in part", "{other}");
    }
}

#[test]
fn whose_of_what_is_ours_anyway_keeps_nothing_back() {
    let check = |operation: &str, parameters: serde_json::Value, whole: bool| {
        let taken = Taken { from: now().plus_seconds(-60), until: now() };
        let mut builder = Builder::new("111122223333", &["us-east-1"], taken);
        let read = builder.read(operation, "us-east-1", Outcome::Complete);
        builder.asked(read, &parameters, None);
        let text = builder.draft();
        let coverage = Snapshot::parse(&text, now()).unwrap().coverage(operation, "us-east-1");
        assert_eq!(coverage.is_whole(), whole, "{operation} {parameters}: {coverage:?}");
    };
    check("ec2:DescribeSnapshots", json!({ "Owner": [ "self" ], "MaxResults": 500 }), true);
    check("ec2:DescribeSnapshots", json!({ "Owner": ["amazon"] }), false);
    check("ec2:DescribeSnapshots", json!({ "Owner": ["self", "amazon"] }), false);
    check("ecs:ListServices", json!({ "cluster": "web" }), true);
    check("ecs:ListServices", json!({ "cluster": "web", "launchType": "FARGATE" }), false);
    check("acm:ListCertificates", json!({ "Includes": { "keyTypes": ["RSA_2048"] } }), false);
}

#[test]
fn the_last_answer_about_one_resource_counts() {
    let taken = Taken { from: now().plus_seconds(-60), until: now() };
    let mut builder = Builder::new("111122223333", &["us-east-1"], taken);
    builder.read_about("s3:GetBucketLifecycleConfiguration", "b", Outcome::Denied);
    builder.read_about("s3:GetBucketLifecycleConfiguration", "c", Outcome::Absent);
    let text = builder.draft();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let outcome =
        |about| snapshot.answer("s3:GetBucketLifecycleConfiguration", about).map(|(_, read)| read.outcome);
    assert_eq!(
        (outcome("b"), outcome("c"), outcome("d")),
        (Some(Outcome::Denied), Some(Outcome::Absent), None)
    );
}
