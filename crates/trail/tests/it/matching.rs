//! Ledgers and trails that tell one story, and those that do not.

use model::{ChangeId, Entry, EntryId, EntryKind, Timestamp};
use serde_json::{Value, json};
use trail::reconcile::{Report, reconcile};

use crate::reading::{event, record};

const START: i64 = 1_772_359_200; // 2026-03-01T10:00:00Z

fn entry(nth: u8, seconds: i64, kind: EntryKind, detail: &[(&str, &str)]) -> Vec<u8> {
    let at = Timestamp::from_seconds(START + seconds);
    let mut entry = Entry::new(EntryId::new(at.millis(), [nth; 10]), at, kind);
    if kind != EntryKind::ReadsAdmitted && kind != EntryKind::Genesis {
        entry.change = Some(ChangeId::new(START * 1000, [nth; 10]));
    }
    entry.detail = detail.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    serde_json::to_vec(&entry).unwrap()
}

/// Three hours: a write at 0:10 that the upstream numbered R1, another at 1:00 whose number is not known, two reads.
fn ledger() -> Vec<Vec<u8>> {
    let permit = [
        ("operation", "ssm:PutParameter"),
        ("account", "123456789012"),
        ("region", "us-east-1"),
        ("step", "0"),
    ];
    vec![
        entry(0, 0, EntryKind::Genesis, &[]),
        entry(1, 600, EntryKind::PermitIssued, &permit),
        entry(1, 601, EntryKind::OutcomeRecorded, &[("step", "0"), ("status", "200"), ("request_id", "R1")]),
        entry(2, 3600, EntryKind::PermitIssued, &permit),
        entry(2, 3601, EntryKind::OutcomeRecorded, &[("step", "0"), ("status", "200")]),
        entry(3, 4000, EntryKind::PermitIssued, &permit),
        entry(3, 4001, EntryKind::OutcomeRecorded, &[("step", "0"), ("not_sent", "no connection")]),
        entry(
            4,
            10_800,
            EntryKind::ReadsAdmitted,
            &[("count", "7"), ("reads", r#"["a b","denied e"]"#), ("times", "[2,5]")],
        ),
        // As before counts stood beside the lines.
        entry(5, 10_801, EntryKind::ReadsAdmitted, &[("count", "1"), ("reads", r#"["c d"]"#)]),
    ]
}

fn write(id: &str, seconds: i64) -> Value {
    let time = Timestamp::from_seconds(START + seconds).to_string();
    record(id, &time, "ssm", "PutParameter")
}

fn with(mut record: Value, path: &str, value: Value) -> Value {
    let (parent, name) = path.rsplit_once('/').unwrap();
    record.pointer_mut(parent).unwrap()[name] = value;
    record
}

fn story() -> Vec<Value> {
    vec![with(write("one", 600), "/requestID", json!("R1")), write("two", 3600)]
}

fn told(records: &[Value]) -> Report {
    let events = records.iter().map(event).collect();
    reconcile(&ledger(), events, &["arn:aws:iam::123456789012:role/gate".to_owned()], Vec::new())
}

#[test]
fn one_story_is_clean_however_it_is_delivered() {
    let report = told(&story());
    assert!(report.ok && report.matched == 2 && report.reads_recorded == 3, "{report:?}");

    let read = |id: &str| with(write(id, 700), "/eventName", json!("DescribeParameters"));
    let more = [
        write("two", 3600),
        read("r1"),
        read("r2"),
        with(write("service", 700), "/userIdentity/invokedBy", json!("cloudformation.amazonaws.com")),
        with(
            write("other", 700),
            "/userIdentity",
            json!({ "type": "IAMUser", "arn": "arn:aws:iam::1:user/x" }),
        ),
        write("early", -4000),
        write("late", 20_000),
    ];
    let report = told(&[story(), more.to_vec()].concat());
    assert!(report.ok && report.matched == 2, "{report:?}");
    let counts = (report.repeated, report.read_events, report.on_behalf, report.of_others);
    assert_eq!(counts, (1, 2, 1, 1));
    let outside: Vec<_> = report.outside.iter().map(|it| it.id.as_str()).collect();
    assert_eq!(outside, ["early", "late"]);

    for skew in [-290, 290] {
        assert!(told(&[story()[0].clone(), write("two", 3600 + skew)]).ok, "{skew}");
    }
}

#[test]
fn what_was_done_behind_our_back_is_named() {
    let behind = |record: Value| {
        let report = told(&[story(), vec![record.clone()]].concat());
        assert!(!report.ok && report.matched == 2, "{record}: {report:?}");
        assert_eq!(report.without_permit.len(), 1, "{record}: {report:?}");
        report.without_permit[0].clone()
    };
    assert_eq!(behind(write("x", 620)).id, "x");
    behind(with(write("x", 620), "/eventName", json!("DeleteParameter")));
    behind(with(write("x", 620), "/eventName", json!("NobodyKnowsThis")));
    let named = behind(with(write("x\u{1b}[2J", 620), "/errorCode", json!("Access\u{202e}Denied")));
    assert!(named.id == "x\\u{1b}[2J" && named.detail.contains("\\u{202e}"), "{named:?}");

    // What fits no permit is none of them, however near.
    for (path, value) in [
        ("/awsRegion", json!("eu-west-1")),
        ("/recipientAccountId", json!("210987654321")),
        ("/eventName", json!("DeleteParameter")),
        ("/eventTime", json!("2026-03-01T10:30:00Z")),
    ] {
        let report = told(&[story()[0].clone(), with(write("two", 3600), path, value)]);
        assert_eq!((report.without_permit.len(), report.without_event.len()), (1, 1), "{path}: {report:?}");
    }
    let another = told(&[with(write("one", 600), "/requestID", json!("R9")), write("two", 3600)]);
    assert_eq!((another.without_permit.len(), another.without_event.len()), (1, 1), "{another:?}");

    let read = |id: &str| with(write(id, 700), "/eventName", json!("DescribeParameters"));
    let reads = ["a", "b", "c", "d"].map(read);
    assert!(told(&[story(), reads[..3].to_vec()].concat()).ok, "as many as are on record");
    assert!(!told(&[story(), reads.to_vec()].concat()).ok, "a read too many");
}

#[test]
fn what_was_permitted_and_never_happened_is_named() {
    let report = told(&story()[..1]);
    assert!(!report.ok && report.without_permit.is_empty(), "{report:?}");
    assert_eq!(report.without_event.len(), 1, "{report:?}");
    assert_eq!(report.without_event[0].detail, "entry 3");
    assert!(!reconcile(&ledger(), Vec::new(), &[], vec!["file: broken".to_owned()]).ok);
    assert!(!reconcile(&[b"{".to_vec()], Vec::new(), &[], Vec::new()).ok, "an entry that cannot be read");
}
