//! What people edit in a specification is held against the plan: what is measured proves no other words.

use agent::{Held, Measured, Order, specify};
use expect_test::{Expect, expect};
use model::Timestamp;
use plan::Plan;
use serde_json::json;
use snapshot::{Builder, Outcome, Snapshot, Taken};
use spec::{Sort, Specification};

use crate::plans::{check as look, plan, report, step};

const AT: &str = "2026-11-29T00:00:00Z";

/// Two steps, the second of which must not break what it looked at before.
fn two() -> Plan {
    let stays = |id: &str| look(id, "the service web answers", "services[].status", "ACTIVE");
    let first = step("1.1", "it is noted", &[], vec![], vec![look("noted", "the revision is 7", "a", "b")]);
    let last = step("1.2", "it goes back", &[], vec![stays("before-web")], vec![stays("after-web")]);
    plan("roll back web", &report(1, 10), vec![first, last])
}

fn account() -> String {
    let at: Timestamp = AT.parse().unwrap();
    let mut builder = Builder::new("111122223333", &["us-east-1"], Taken { from: at, until: at });
    let read = builder.read("ec2:DescribeVolumes", "us-east-1", Outcome::Complete);
    for name in ["vol-1", "twin"] {
        let id = format!("arn:aws:ec2:us-east-1:111122223333:volume/{name}");
        let attributes = json!({ "VolumeId": name, "Size": 8, "State": "in-use" });
        builder.resource(read, [&id, "ec2:volume", name, "us-east-1"], &json!({}), attributes);
    }
    let read = builder.read("ec2:DescribeSnapshots", "us-east-1", Outcome::Complete);
    let id = "arn:aws:ec2:us-east-1:111122223333:snapshot/twin";
    builder.resource(read, [id, "ec2:snapshot", "twin", "us-east-1"], &json!({}), json!({}));
    builder.to_text(at).unwrap()
}

fn check(sort: Sort, edits: &[(&str, &str, &str)], expected: Expect) {
    expected.assert_eq(&told(sort, edits));
}

/// What comes of the files of the plan once this stands in them for that.
fn told(sort: Sort, edits: &[(&str, &str, &str)]) -> String {
    let plan = two();
    let report = report(1, 10);
    let mut files =
        specify(Order { sort, plan: &plan, report: &report, words: "roll it back", said: None }).unwrap();
    for (file, from, to) in edits {
        let text = String::from_utf8(files[*file].clone()).unwrap();
        assert!(text.contains(from), "{file} has no `{from}`:\n{text}");
        files.insert((*file).to_owned(), text.replacen(from, to, 1).into_bytes());
    }
    let spec = Specification::read(&files).unwrap();
    let text = account();
    let snapshot = Snapshot::parse(&text, AT.parse().unwrap()).unwrap();
    let held = Held::of(&plan, &spec, Some(&snapshot)).unwrap();
    let mut told = String::new();
    for check in spec.checks().guards() {
        let by = held.guard_of(check).and_then(|nth| held.guards.get(nth)).map(|it| match it {
            Measured::WhatRan => "what ran".to_owned(),
            Measured::Check(check) => check.verifies.clone(),
        });
        told.push_str(&format!("{}: {}\n", check.id(), by.as_deref().unwrap_or("nothing")));
    }
    for task in spec.tasks().unwrap().tasks() {
        for check in spec.checks().own(&task.id) {
            let is = if held.is_own(&spec, task, check) { "its own" } else { "nothing" };
            told.push_str(&format!("{} {}: {is}\n", task.id, check.id()));
        }
    }
    held.not.iter().for_each(|it| told.push_str(&format!("{it}\n")));
    told
}

#[test]
fn what_nobody_edited_is_measured_whatever_was_found_and_said() {
    for sort in [Sort::Bugfix, Sort::Feature] {
        let plan = two();
        let report = report(1, 10);
        let files =
            specify(Order { sort, plan: &plan, report: &report, words: "as I said", said: None }).unwrap();
        let spec = Specification::read(&files).unwrap();
        let held = Held::of(&plan, &spec, None).unwrap();
        assert_eq!(held.not, []);
        assert!(spec.checks().guards().iter().all(|it| held.guard_of(it).is_some()));
    }
    check(
        Sort::Bugfix,
        &[],
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            1.1 noted: its own
            1.2 after-web: its own
        "#]],
    );
}

#[test]
fn an_edited_line_is_proved_by_nothing() {
    check(
        Sort::Bugfix,
        &[("bugfix.md", "show that the service web answers\n", "answer within a second\n")],
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            1.1 noted: its own
            1.2 after-web: nothing
            tasks.md:14: `after-web`: a criterion that it is for says something else than what is measured
        "#]],
    );
    check(
        Sort::Bugfix,
        &[(
            "bugfix.md",
            "CONTINUE TO show that the service web answers",
            "CONTINUE TO answer within a second",
        )],
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: nothing
            1.1 noted: its own
            1.2 after-web: its own
            bugfix.md:24: `unchanged-3-2`: no machine knows how to measure it
        "#]],
    );
    check(
        Sort::Bugfix,
        &[
            ("tasks.md", "_Check noted: the revision is 7 ", "_Check noted: the revision is 8 "),
            ("tasks.md", "Why: it goes back", "Why: it goes home"),
        ],
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            1.1 noted: nothing
            1.2 after-web: nothing
            tasks.md:5: `noted`: it says something else than the check of the plan, which is what is measured
            tasks.md:14: `after-web`: its task says something else than the step of the plan
        "#]],
    );
}

#[test]
fn a_line_that_the_planner_can_look_at_is_measured() {
    let after = |line: &str| format!("answers\n\n3.3 WHEN a step of the plan runs THEN {line}\n");
    let with = |line: &str, expected: Expect| {
        check(
            Sort::Bugfix,
            &[(
                "bugfix.md",
                "CONTINUE TO show that the service web answers\n",
                &format!("CONTINUE TO show that the service web {}", after(line)),
            )],
            expected,
        );
    };
    with(
        "the volume vol-1 SHALL CONTINUE TO exist",
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            unchanged-3-3: volume vol-1 is there
            1.1 noted: its own
            1.2 after-web: its own
        "#]],
    );
    with(
        "the volume vol-1 SHALL CONTINUE TO be healthy",
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            unchanged-3-3: volume vol-1 is in-use
            1.1 noted: its own
            1.2 after-web: its own
        "#]],
    );
    with(
        "the volume vol-1 SHALL CONTINUE TO keep its Size",
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            unchanged-3-3: Size of volume vol-1 is 8
            1.1 noted: its own
            1.2 after-web: its own
        "#]],
    );
    with(
        "the environment SHALL CONTINUE TO show that the revision is 7",
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            unchanged-3-3: the revision is 7
            1.1 noted: its own
            1.2 after-web: its own
        "#]],
    );
    with(
        "the twin SHALL CONTINUE TO exist",
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            unchanged-3-3: nothing
            1.1 noted: its own
            1.2 after-web: its own
            bugfix.md:26: `unchanged-3-3`: several things of the snapshot are called so: name it by its ARN
        "#]],
    );
}

/// What the line 3.3 is proved by, or why it is not.
fn third(line: &str, expected: &Expect) {
    let added = format!("CONTINUE TO show that the service web answers\n\n3.3 {line}\n");
    let told =
        told(Sort::Bugfix, &[("bugfix.md", "CONTINUE TO show that the service web answers\n", &added)]);
    let of_it = |line: &&str| line.contains("3-3") || line.contains("3.3");
    expected.assert_eq(&told.lines().filter(of_it).collect::<Vec<_>>().join("\n"));
}

#[test]
fn a_line_of_something_else_than_it_names_is_not_measured() {
    third(
        "WHEN a step of the plan runs THEN the backups of the volume vol-1 SHALL CONTINUE TO exist",
        &expect![[r#"
            unchanged-3-3: nothing
            bugfix.md:26: `unchanged-3-3`: nothing in the snapshot is called `backups of the volume vol-1`"#]],
    );
    third(
        "WHEN a step of the plan runs THEN the vol-1 replica SHALL CONTINUE TO exist",
        &expect![[r#"
            unchanged-3-3: nothing
            bugfix.md:26: `unchanged-3-3`: nothing in the snapshot is called `vol-1 replica`"#]],
    );
    third(
        "WHEN a step of the plan runs THEN the snapshot vol-1 SHALL CONTINUE TO exist",
        &expect![[r#"
            unchanged-3-3: nothing
            bugfix.md:26: `unchanged-3-3`: nothing in the snapshot is called `snapshot vol-1`"#]],
    );
    third("THE vol-1 SHALL CONTINUE TO exist", &expect!["unchanged-3-3: volume vol-1 is there"]);
    third(
        "WHILE the plan runs THE disk vol-1 SHALL CONTINUE TO exist",
        &expect!["unchanged-3-3: volume vol-1 is there"],
    );
    // What it is tells one from another of the same name.
    third("THE volume twin SHALL CONTINUE TO exist", &expect!["unchanged-3-3: volume twin is there"]);
}

#[test]
fn a_line_with_a_clause_of_its_own_is_not_measured() {
    for clause in [
        "WHEN orders come in THEN",
        "WHILE a backup is made",
        "WHERE backups are bought,",
        "IF the zone fails THEN",
        "WHILE a backup is made WHEN a step of the plan runs",
    ] {
        third(
            &format!("{clause} THE volume vol-1 SHALL CONTINUE TO exist"),
            &expect![[r#"
                unchanged-3-3: nothing
                bugfix.md:26: `unchanged-3-3`: it is measured around each step, and no machine knows whether its clause holds"#]],
        );
    }
    third(
        "THE vol-1 SHALL CONTINUE TO show that the revision is 7",
        &expect![[r#"
            unchanged-3-3: nothing
            bugfix.md:26: `unchanged-3-3`: only the environment shows what a check of the plan says"#]],
    );
}

#[test]
fn a_line_that_nobody_looks_at_is_told() {
    check(
        Sort::Bugfix,
        &[(
            "bugfix.md",
            "SHALL show that the service web answers\n",
            "SHALL show that the service web answers\n\n2.3 WHEN step 1.2 ran THEN the environment SHALL page nobody\n\n2.4 nobody minds\n",
        )],
        expect![[r#"
            unchanged-3-1: what ran
            unchanged-3-2: the service web answers
            1.1 noted: its own
            1.2 after-web: its own
            bugfix.md:20: `2.3`: no task has a check for it
            bugfix.md:22: `2.4`: it is no sentence: nothing says SHALL
        "#]],
    );
    third("The backups are kept", &expect!["bugfix.md:26: `3.3`: it is no sentence: nothing says SHALL"]);
    // Of two lines of one number each is looked at for itself.
    third(
        "THE vol-1 SHALL CONTINUE TO exist\n\n3.3 THE backups SHALL CONTINUE TO exist",
        &expect![[r#"
            unchanged-3-3: volume vol-1 is there
            unchanged-3-3: nothing
            bugfix.md:28: `unchanged-3-3`: nothing in the snapshot is called `backups`"#]],
    );
}
