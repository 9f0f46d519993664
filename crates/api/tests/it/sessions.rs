//! One session that is asked for is told with what it did; a list of them is not.

use serde_json::Value;

use crate::house::{House, READER_TOKEN};

#[test]
fn one_session_is_told_with_what_it_did_and_a_list_without() {
    let house = House::open();
    let ask = |target: &str| -> Value {
        let signed = house.signed("nils", &house.nils, &house.nonce(), ("GET", target, ""));
        let token = format!("Bearer {READER_TOKEN}");
        let read = testkit::send(&house.people, "GET", target, &[("authorization", &token)], b"").unwrap();
        assert_eq!((signed.status, read.status), (200, 200), "{}", signed.text());
        assert_eq!(signed.text(), read.text(), "{target}");
        serde_json::from_slice(&signed.body).unwrap()
    };
    let list = ask("/v1/sessions");
    let listed = &list["sessions"][0];
    assert!(listed["summary"].is_null(), "{listed:#}");
    let one = ask(&format!("/v1/sessions/{}", listed["id"].as_str().unwrap()));
    let summary = &one["summary"];
    assert_eq!(summary["began"], one["issued_at"], "{one:#}");
    for (part, number) in [
        ("read", "times"),
        ("changed", "executed"),
        ("held", "held"),
        ("refused", "denied"),
        ("refused", "in_passing"),
        ("lapsed", "expired"),
        ("verdicts", "allow"),
    ] {
        assert_eq!(summary[part][number], 0, "{part} {number}: {one:#}");
    }
    assert!(summary["last_acted"].is_null() && summary["ended"].is_null(), "{one:#}");
}
