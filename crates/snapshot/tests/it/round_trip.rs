//! The file has one form, whatever order it was put together in.

use expect_test::expect;
use proptest::prelude::*;
use serde_json::json;
use snapshot::{Builder, EdgeKind, Outcome, Snapshot, Taken};

use crate::refused::{good, now};

#[test]
fn the_file_as_it_is_written() {
    let text = good().to_string();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    expect![[r#"
        {"account":"111122223333","regions":["us-east-1"],"schema":"countersign.snapshot/v1","taken":{"from":"2026-11-29T10:00:00.000Z","until":"2026-11-29T11:00:00.000Z"},
        "reads":[
        {"at":"2026-11-29T10:30:00.000Z","id":"r1","operation":"ec2:DescribeVolumes","outcome":"complete","region":"us-east-1"}],
        "resources":[
        {"attributes":{"Size":1},"id":"arn:v","kind":"ec2:volume","name":"v","read":"r1","region":"us-east-1","tags":{"a":"1","b":"2"}}],
        "edges":[
        {"from":"arn:v","kind":"attached-to","read":"r1","to":"arn:i"}],
        "metrics":[
        {"from":"2026-11-29T08:00:00.000Z","metric":"VolumeReadOps","namespace":"AWS/EBS","period":3600,"read":"r1","resource":"arn:v","statistic":"Sum","values":[1,null,2.5]}]
        }
    "#]].assert_eq(&snapshot.to_text());
}

#[test]
fn it_is_found_by_what_it_is_and_hangs_together_with() {
    let text = good().to_string();
    let snapshot = Snapshot::parse(&text, now()).unwrap();
    let volume = snapshot.of_kind("ec2:volume").next().unwrap();
    assert_eq!(snapshot.resource("arn:v").unwrap().id, volume.id);
    assert_eq!(snapshot.named("ec2:volume", "v", "us-east-1").unwrap().id, volume.id);
    assert!(
        snapshot.named("ec2:volume", "v", "eu-west-1").is_none()
            && snapshot.of_kind("ec2:vol").next().is_none()
    );
    assert_eq!((volume.tag("a"), volume.tag("c"), volume.service()), (Some("1"), None, "ec2"));
    assert_eq!(snapshot.edges_to("arn:i").next().unwrap().kind, EdgeKind::AttachedTo);
    assert_eq!((snapshot.edges_from("arn:v").len(), snapshot.edges_from("arn:").len()), (1, 0));
    let series = &snapshot.metrics_of("arn:v")[0];
    assert_eq!(
        series.points().unwrap().map(|(at, value)| format!("{at} {value}")).collect::<Vec<_>>(),
        ["2026-11-29T08:00:00.000Z 1", "2026-11-29T10:00:00.000Z 2.5"]
    );
    assert_eq!((series.periods(), series.until().to_string().as_str()), (3, "2026-11-29T11:00:00.000Z"));
}

#[test]
fn values_that_are_no_numbers_are_found_when_they_are_asked_for() {
    let check = |values: serde_json::Value, periods: usize, read: bool| {
        let mut document = good();
        document["metrics"][0]["values"] = values;
        document["metrics"][0]["from"] = "2026-11-29T05:00:00Z".into();
        let text = document.to_string();
        let snapshot = Snapshot::parse(&text, now()).unwrap();
        let series = &snapshot.metrics()[0];
        assert_eq!((series.periods(), series.points().is_ok()), (periods, read), "{text}");
        assert_eq!(Snapshot::parse(&snapshot.to_text(), now()).unwrap().to_text(), snapshot.to_text());
    };
    check(json!([]), 0, true);
    check(json!([1, 2]), 2, true);
    check(json!([1, "a"]), 2, false);
    check(json!([[1, 2], 3]), 3, false);
    check(json!(["1,2,3"]), 3, false);
}

proptest! {
    #[test]
    fn order_plays_no_part(names in prop::collection::btree_set("[a-z\u{e4}\"\u{202e}]{1,6}", 1..12), values in prop::collection::vec(prop::option::of(-1e6..1e6), 0..20)) {
        let names: Vec<String> = names.into_iter().collect();
        let built = |order: &mut dyn Iterator<Item = &String>| {
            let taken = Taken { from: now().plus_seconds(-7200), until: now().plus_seconds(-3600) };
            let mut builder = Builder::new("111122223333", &["us-east-1"], taken);
            let read = builder.read("ec2:DescribeVolumes", "us-east-1", Outcome::Complete);
            for name in order {
                builder.resource(read, [name, "ec2:volume", name, "us-east-1"], &json!({ name: name }), json!({ "z": 1, "a": { "y": [name], "b": null } }));
                builder.edge(read, name, EdgeKind::RefersTo, "somewhere");
                builder.metric(read, [name, "n", "m", "Sum"], (now().plus_seconds(-90_000), 60), &values);
            }
            builder.to_text(now()).unwrap()
        };
        let text = built(&mut names.iter());
        prop_assert_eq!(&text, &built(&mut names.iter().rev()));
        prop_assert_eq!(Snapshot::parse(&text, now()).unwrap().to_text(), text);
    }
}
