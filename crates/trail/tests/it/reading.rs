//! Every file is read within bounds; what is broken is named.

use std::io::Write as _;

use proptest::prelude::*;
use serde_json::{Value, json};
use trail::{
    Event,
    read::{Damage, MAX_FILE, UnpackError, records, unpack},
};

pub(crate) fn record(id: &str, time: &str, source: &str, name: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventID": id, "eventTime": time, "eventName": name,
        "eventSource": format!("{source}.amazonaws.com"), "awsRegion": "us-east-1",
        "recipientAccountId": "123456789012", "requestParameters": null,
        "userIdentity": { "type": "AssumedRole", "arn": "arn:aws:sts::123456789012:assumed-role/gate/s",
            "accessKeyId": "ASIAGATE",
            "sessionContext": { "sessionIssuer": { "arn": "arn:aws:iam::123456789012:role/gate" } } }
    })
}

pub(crate) fn event(record: &Value) -> Event {
    let (mut events, damages) = read(&json!({ "Records": [record] }).to_string());
    assert_eq!(damages, []);
    events.pop().unwrap()
}

fn read(text: &str) -> (Vec<Event>, Vec<Damage>) {
    let (mut events, mut damages) = (Vec::new(), Vec::new());
    records(text.as_bytes(), |it| match it {
        Ok(event) => events.push(event),
        Err(damage) => damages.push(damage),
    });
    (events, damages)
}

#[test]
fn what_cannot_be_read_is_named_and_hides_nothing() {
    // serde_json sorts; CloudTrail begins each record with its version.
    let good = |id: &str| {
        let text = record(id, "2026-03-01T10:00:00Z", "ssm", "PutParameter").to_string();
        format!("{{\"eventVersion\":\"1.11\",{}", text.strip_prefix('{').unwrap())
    };
    let check = |bad: &str, wanted: &[(&str, Option<usize>)]| {
        let text = format!("{{\"Records\":[{},{bad},{}]}}", good("one"), good("three"));
        let (events, damages) = read(&text);
        let ids: Vec<_> = events.iter().map(|it| it.id.as_str()).collect();
        assert_eq!(ids, ["one", "three"], "{bad}: {damages:?}");
        let told: Vec<_> = damages.iter().map(|it| it.record).collect();
        assert_eq!(told, wanted.iter().map(|(_, place)| *place).collect::<Vec<_>>(), "{bad}");
        for (damage, (why, _)) in damages.iter().zip(wanted) {
            assert!(damage.why.contains(why), "{bad}: {damage:?}");
        }
    };
    check("{\"eventVersion\":\"1.11\"}", &[("eventID", Some(2))]);
    check("{\"eventVersion\":\"1.11\",\"eventID\":\"x}", &[("", Some(2))]);
    check("{\"eventVersion\":nonsense}", &[("expected", Some(2))]);
    check("garbage", &[("does not end", Some(2))]);
    check(&format!("{{\"eventVersion\":\"{}\"}}", "x".repeat(300_000)), &[("more than a record", Some(2))]);
    check(&format!("{{\"eventVersion\":{}}}", "[".repeat(9_000)), &[("", Some(2))]);
    for (text, wanted) in
        [("", "begin"), ("[]", "begin"), ("{\"Records\":[", "end"), ("{\"Records\":[]} x", "after")]
    {
        let (events, damages) = read(text);
        assert!(
            events.is_empty() && damages.len() == 1 && damages[0].why.contains(wanted),
            "{text}: {damages:?}"
        );
    }
    assert!(read("{ \"Records\" : [ ] }").1.is_empty());
}

#[test]
fn files_are_unpacked_within_bounds() {
    let pack = |size: u64| {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::copy(&mut std::io::Read::take(std::io::repeat(b' '), size), &mut packer).unwrap();
        packer.flush().unwrap();
        packer.finish().unwrap()
    };
    assert_eq!(unpack(&pack(10)).unwrap(), b"          ");
    assert!(matches!(unpack(&pack(MAX_FILE + 1)), Err(UnpackError::TooLarge)));
    assert!(matches!(unpack(b"\x1f\x8bnothing"), Err(UnpackError::Broken(_))));
}

#[test]
fn cloudtrails_names_are_those_of_the_table() {
    let check = |source: &str, name: &str, wanted: &str| {
        let event = event(&record("e", "2026-03-01T10:00:00Z", source, name));
        let found: Vec<_> =
            event.operations().iter().map(|(_, row)| format!("{}:{}", row.service, row.operation)).collect();
        assert!(
            found.iter().any(|it| it == wanted) || (wanted.is_empty() && found.is_empty()),
            "{name}: {found:?}"
        );
    };
    check("ec2", "TerminateInstances", "ec2:TerminateInstances");
    check("monitoring", "DeleteAlarms", "cloudwatch:DeleteAlarms");
    check("states", "DeleteStateMachine", "stepfunctions:DeleteStateMachine");
    check("elasticloadbalancing", "CreateTargetGroup", "elbv2:CreateTargetGroup");
    check("lambda", "CreateFunction20150331", "lambda:CreateFunction");
    check("lambda", "UpdateFunctionCode20150331v2", "lambda:UpdateFunctionCode");
    check("cloudfront", "UpdateDistribution2020_05_31", "cloudfront:UpdateDistribution");
    check("s3", "DeleteBucketPublicAccessBlock", "s3:DeletePublicAccessBlock");
    check("s3", "PutBucketLifecycle", "s3:PutBucketLifecycleConfiguration");
    check("signin", "ConsoleLogin", "");
    check("ec2", "20150331", "");
}

proptest! {
    #[test]
    fn reading_never_panics(text in "(\\{\"Records\":\\[)?[\\{\\}\\[\\]\",:\\\\ a]*(\\{\"eventVersion\")?.*") {
        records(text.as_bytes(), |_| {});
    }

    #[test]
    fn no_spoiled_record_panics(at in 0usize..400, byte in any::<u8>()) {
        let record = record("e", "2026-03-01T10:00:00Z", "lambda", "CreateFunction20150331");
        let mut bytes = json!({ "Records": [record] }).to_string().into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        records(&bytes, |it| { let _ = it.map(|event| event.operations().len()); });
    }
}
