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
    refused(
        "{",
        &expect![[r#"
        line 1, column 1: EOF while parsing an object
        a snapshot is one JSON document, as it was written; it is not meant to be edited"#]],
    );
    refused(
        r#"{"schema":"countersign.snapshot/v2","more":1}"#,
        &expect![[r#"
        schema: `countersign.snapshot/v2` is not known
        this version reads countersign.snapshot/v1: take the snapshot anew, or use the version that took it"#]],
    );
    check(
        "/schema",
        json!("countersign.snapshot/v0\u{1b}[2J"),
        &expect![[r#"
        schema: `countersign.snapshot/v0\u{1b}[2J` is not known
        this version reads countersign.snapshot/v1: take the snapshot anew, or use the version that took it"#]],
    );
    check(
        "/account",
        json!("prod"),
        &expect![[r#"
        account: an account is twelve digits
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/regions",
        json!(["us-east-1", "us-east-1"]),
        &expect![[r#"
        regions[1]: `us-east-1` stands there twice
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/taken/until",
        json!("2026-11-30T00:00:00Z"),
        &expect![[r#"
        taken.until: 2026-11-30T00:00:00.000Z is in the future (it is 2026-11-29T12:00:00.000Z)
        compare the clock of this machine with that of the one that took it; nothing can be said of what has not happened"#]],
    );
    check(
        "/taken/from",
        json!("2026-11-29T11:30:00Z"),
        &expect![[r#"
        taken: it ends before it begins
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/reads/0/operation",
        json!("DescribeVolumes"),
        &expect![[r#"
        reads[0].operation: an operation is `service:Operation`
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/reads/0/at",
        json!("2026-11-29T09:00:00Z"),
        &expect![[r#"
        reads[0].at: 2026-11-29T09:00:00.000Z is outside of 2026-11-29T10:00:00.000Z to 2026-11-29T11:00:00.000Z
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/reads/0/outcome",
        json!("perhaps"),
        &expect![[r#"
        line 1, column 376: unknown variant `perhaps`, expected one of `complete`, `absent`, `truncated`, `failed`, `denied`
        a snapshot is one JSON document, as it was written; it is not meant to be edited"#]],
    );
    check(
        "/resources/0/read",
        json!("r9"),
        &expect![[r#"
        resources[0].read: there is no read `r9`
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/resources/0/kind",
        json!("volume"),
        &expect![[r#"
        resources[0].kind: a kind is `service:noun` in lower case
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/resources/0/id",
        json!(""),
        &expect![[r#"
        resources[0].id: it is empty
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/edges/0/read",
        json!("r\u{202e}9"),
        &expect![[r#"
        edges[0].read: there is no read `r\u{202e}9`
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/edges/0/kind",
        json!("likes"),
        &expect![[r#"
        line 1, column 65: unknown variant `likes`, expected one of `owns`, `attached-to`, `targets`, `refers-to`, `triggers`, `member-of`, `made-from`, `routes-to`, `shared-with`
        a snapshot is one JSON document, as it was written; it is not meant to be edited"#]],
    );
    check(
        "/metrics/0/period",
        json!(0),
        &expect![[r#"
        metrics[0].period: a period has at least one second
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/metrics/0/values",
        json!("1,2"),
        &expect![[r#"
            metrics[0].values: it is a list
            whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
    check(
        "/metrics/0/from",
        json!("2026-11-29T11:00:00Z"),
        &expect![[r#"
        metrics[0].values: they go on after the snapshot was taken
        whatever a snapshot claims must lead to the read that showed it: take it anew"#]],
    );
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
