//! What is no snapshot: each refusal says what, where, and what to do.

use expect_test::{Expect, expect};
use model::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use snapshot::Snapshot;

pub(crate) fn now() -> Timestamp {
    "2026-11-29T12:00:00Z".parse().unwrap()
}

pub(crate) fn good() -> Value {
    json!({
        "schema": "countersign.snapshot/v1", "account": "111122223333", "regions": ["us-east-1"],
        "taken": { "from": "2026-11-29T10:00:00Z", "until": "2026-11-29T11:00:00Z" },
        "reads": [{ "id": "r1", "operation": "ec2:DescribeVolumes", "region": "us-east-1", "at": "2026-11-29T10:30:00Z", "outcome": "complete" }],
        "resources": [{ "id": "arn:v", "kind": "ec2:volume", "name": "v", "region": "us-east-1", "read": "r1", "attributes": { "Size": 1 }, "tags": { "b": "2", "a": "1" } }],
        "edges": [{ "from": "arn:v", "kind": "attached-to", "to": "arn:i", "read": "r1" }],
        "metrics": [{ "resource": "arn:v", "namespace": "AWS/EBS", "metric": "VolumeReadOps", "statistic": "Sum", "period": 3600,
            "from": "2026-11-29T08:00:00Z", "values": [1, null, 2.5], "read": "r1" }],
    })
}

fn check(pointer: &str, value: Value, expected: &Expect) {
    let mut document = good();
    *document.pointer_mut(pointer).unwrap() = value;
    refused(&document.to_string(), expected);
}

fn refused(text: &str, expected: &Expect) {
    let err = Snapshot::parse(text, now()).unwrap_err();
    expected.assert_eq(&format!("{err}\n{}", err.hint()));
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    Snapshot::parse(&good().to_string(), now()).unwrap();
    refused("{", &expect![[""]]);
    refused(r#"{"schema":"countersign.snapshot/v2","more":1}"#, &expect![[""]]);
    check("/schema", json!("countersign.snapshot/v0\u{1b}[2J"), &expect![[""]]);
    check("/account", json!("prod"), &expect![[""]]);
    check("/regions", json!(["us-east-1", "us-east-1"]), &expect![[""]]);
    check("/taken/until", json!("2026-11-30T00:00:00Z"), &expect![[""]]);
    check("/taken/from", json!("2026-11-29T11:30:00Z"), &expect![[""]]);
    check("/reads/0/operation", json!("DescribeVolumes"), &expect![[""]]);
    check("/reads/0/at", json!("2026-11-29T09:00:00Z"), &expect![[""]]);
    check("/reads/0/outcome", json!("perhaps"), &expect![[""]]);
    check("/resources/0/read", json!("r9"), &expect![[""]]);
    check("/resources/0/kind", json!("volume"), &expect![[""]]);
    check("/resources/0/id", json!(""), &expect![[""]]);
    check("/edges/0/read", json!("r\u{202e}9"), &expect![[""]]);
    check("/edges/0/kind", json!("likes"), &expect![[""]]);
    check("/metrics/0/period", json!(0), &expect![[""]]);
    check("/metrics/0/values", json!([1, "a"]), &expect![[""]]);
    check("/metrics/0/from", json!("2026-11-29T11:00:00Z"), &expect![[""]]);
}

#[test]
fn nothing_stands_there_twice() {
    for list in ["reads", "resources", "metrics"] {
        let mut document = good();
        let again = document[list][0].clone();
        document[list].as_array_mut().unwrap().push(again);
        let err = Snapshot::parse(&document.to_string(), now()).unwrap_err().to_string();
        assert!(err.starts_with(list) && err.ends_with("stands there twice"), "{err}");
    }
    let text = good().to_string().replace(r#""a":"1""#, r#""b":"1""#);
    let err = Snapshot::parse(&text, now()).unwrap_err().to_string();
    assert_eq!(err, "resources[0].tags: `b` stands there twice");
    let text = good().to_string().replace(r#""id":"r1""#, r#""id":"r1","id":"r2""#);
    assert!(Snapshot::parse(&text, now()).unwrap_err().to_string().contains("duplicate field `id`"));
}

#[test]
fn depth_is_bounded() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let text = good().to_string().replace(r#"{"Size":1}"#, &deep);
    assert!(text.contains("[[[["));
    // Attributes are not looked into here; whoever does is stopped.
    match Snapshot::parse(&text, now()) {
        Ok(snapshot) => {
            let resource = snapshot.resource("arn:v").unwrap();
            assert!(resource.views[0].parse::<Value>().is_err());
            // Written as it is, not walked.
            assert!(snapshot.to_text().contains("[[[["));
        }
        Err(err) => assert!(err.to_string().contains("recursion limit"), "{err}"),
    }
}

proptest! {
    /// Whatever is done to a snapshot's text, it is refused with an error or is one.
    #[test]
    fn damaged_text_is_no_panic(at: prop::sample::Index, with: char, cut: bool) {
        let text = good().to_string();
        let place = at.index(text.len());
        let (before, after) = (text.get(..place).unwrap_or_default(), text.get(place + 1..).unwrap_or_default());
        let damaged = if cut { before.to_owned() } else { format!("{before}{with}{after}") };
        if let Ok(snapshot) = Snapshot::parse(&damaged, now()) {
            let again = snapshot.to_text();
            prop_assert_eq!(Snapshot::parse(&again, now()).unwrap().to_text(), again);
        }
    }
}
