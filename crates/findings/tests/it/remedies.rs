//! What is proposed of what was found: grace, stacks, danger by the operation table, and what is refused an answer.

use expect_test::{Expect, expect};
use findings::{Finding, Remedy, Report, Saving};
use model::Effect;
use serde_json::{Value, json};

use crate::world::{World, time, told};

fn volume(world: &mut World, tags: Value, used_on: &[usize], days: usize) {
    let attributes = json!({ "VolumeId": "vol-1", "Size": 100, "VolumeType": "gp2", "State": "available", "CreateTime": "2024-06-01T00:00:00Z" });
    world.add("ec2:DescribeVolumes", "ec2:volume", "vol-1", tags, attributes);
    for metric in ["VolumeReadOps", "VolumeWriteOps"] {
        world.metric(["AWS/EBS", metric, "Sum"], days, 5.0, used_on);
    }
}

/// What is told of one volume, marked like this.
fn check(mark: Option<&str>, used_on: &[usize], days: usize, expected: &Expect) {
    let mut world = World::new();
    volume(
        &mut world,
        mark.map_or_else(|| json!({}), |day| json!({ "countersign:unused-since": day })),
        used_on,
        days,
    );
    let report = world.report();
    expected.assert_eq(&format!(
        "{}\n{}",
        told(&report, "volume-unattached"),
        told(&report, "mark-outlived")
    ));
}

#[test]
fn nothing_is_destroyed_before_it_was_marked_for_long_enough() {
    check(
        None,
        &[],
        420,
        &expect![[r#"
        + vol-1 high ec2:CreateTags
    "#]],
    );
    check(
        Some("2026-11-10"),
        &[],
        420,
        &expect![[r#"
        + vol-1 high wait until 2026-12-10T00:00:00.000Z
    "#]],
    );
    check(
        Some("2026-10-01"),
        &[],
        420,
        &expect![[r#"
        + vol-1 high ec2:CreateSnapshot, ec2:DeleteVolume
    "#]],
    );
    // Less than a year was seen.
    check(
        Some("2026-10-01"),
        &[],
        100,
        &expect![[r#"
        + vol-1 medium advice
    "#]],
    );
    // Marked far back by whoever may set tags, and used twenty days ago: the grace begins there.
    check(
        Some("2020-01-01"),
        &(20..60).rev().collect::<Vec<_>>(),
        420,
        &expect![[r#"
        ~ vol-1 it is used after pauses: last until 2026-11-10, and before that its longest pause was 362 days; now it is 19
        + vol-1 high ec2:DeleteTags"#]],
    );
    // Used again since.
    check(
        Some("2026-10-01"),
        &[2],
        420,
        &expect![[r#"

        + vol-1 high ec2:DeleteTags"#]],
    );
    // What is no day marks nothing; a day to come neither.
    check(
        Some("soon"),
        &[],
        420,
        &expect![[r#"
        + vol-1 high ec2:CreateTags
    "#]],
    );
    check(
        Some("2027-01-01"),
        &[],
        420,
        &expect![[r#"
        + vol-1 high ec2:CreateTags
    "#]],
    );
}

fn only(report: &Report) -> &Finding {
    let mut all = report.findings.iter().filter(|finding| finding.analyzer != "mark-outlived");
    let one = all.next().unwrap();
    assert!(all.next().is_none());
    one
}

/// Members by name: what order a map keeps is the build's to say.
fn sorted(value: &Value) -> String {
    let members: std::collections::BTreeMap<_, _> = value.as_object().unwrap().iter().collect();
    serde_json::to_string(&members).unwrap()
}

#[test]
fn danger_is_what_the_operation_table_says() {
    let mut world = World::new();
    volume(&mut world, json!({ "countersign:unused-since": "2026-10-01" }), &[], 420);
    let report = world.report();
    let finding = only(&report);
    let mut text = String::new();
    for step in &finding.way {
        text.push_str(&format!(
            "{}:{} {} {}: {}\n",
            step.service,
            step.operation,
            sorted(&step.parameters),
            step.effects,
            step.undoable
        ));
    }
    text.push_str(&format!("together {}: {}\n", finding.danger.effects, finding.danger.undoable));
    let Some(Saving::Known(amount)) = &finding.saving else { panic!("{:?}", finding.saving) };
    text.push_str(&format!(
        "{} {} a month by {} of {}\n",
        amount.micros, amount.currency, amount.parts[0].price, amount.as_of
    ));
    for fact in &finding.facts {
        text.push_str(&format!("{} {:?}\n", fact.text, fact.reads));
    }
    expect![[r#"
        ec2:CreateSnapshot {"Description":"before the unused volume is deleted","VolumeId":"vol-1"} write: true
        ec2:DeleteVolume {"VolumeId":"vol-1"} destroy: false
        together write, destroy: false
        10.00 USD a month by ebs:gp2 of 2025-01-01
        100 GB of gp2, attached to nothing, made 911 days ago ["r17"]
        not used in the 420 days that were observed ["r6"]
    "#]].assert_eq(&text);
}

#[test]
fn what_a_stack_owns_is_changed_in_the_stack() {
    let mut world = World::new();
    volume(&mut world, json!({ "countersign:unused-since": "2026-10-01" }), &[], 420);
    world.owned("shop");
    let report = world.report();
    let finding = only(&report);
    assert!(
        matches!(&finding.remedy, Remedy::StackUpdate { stack, .. } if stack.ends_with("stack/shop")),
        "{:?}",
        finding.remedy
    );
    assert!(finding.danger.effects.contains(Effect::Destroy), "by cloudformation:UpdateStack");
    // A tag alone says so, too.
    let mut world = World::new();
    volume(&mut world, json!({ "aws:cloudformation:stack-name": "shop" }), &[], 420);
    assert!(matches!(&only(&world.report()).remedy, Remedy::StackUpdate { stack, .. } if stack == "shop"));
}

#[test]
fn who_owns_it_must_be_known_before_anything_is_proposed() {
    let mut world = World::denied(&["cloudformation:DescribeStacks"]);
    volume(&mut world, json!({ "countersign:unused-since": "2026-10-01" }), &[], 420);
    let report = world.report();
    let finding = only(&report);
    assert!(
        matches!(&finding.remedy, Remedy::Advice(text) if text.contains("DescribeStacks was denied")),
        "{:?}",
        finding.remedy
    );
    assert_eq!(finding.confidence.level, findings::Level::Low);
}

#[test]
fn a_snapshot_that_is_old_proposes_nothing() {
    let check = |tags: serde_json::Value, owned: bool, used: bool| {
        let mut world = World::new();
        volume(&mut world, tags.clone(), if used { &[1] } else { &[] }, 420);
        if owned {
            world.owned("shop");
        }
        let fresh = world.report();
        let proposes = |it: &findings::Finding| !matches!(it.remedy, Remedy::Advice(_));
        assert!(fresh.findings.iter().any(proposes), "{tags}: {:?}", fresh.findings);
        world.now = time("2026-12-20");
        let stale = world.report();
        assert_eq!(stale.findings.len(), fresh.findings.len());
        for finding in &stale.findings {
            assert!(!proposes(finding), "{tags}: {:?}", finding.remedy);
            assert_eq!(finding.confidence.level, findings::Level::Low);
            assert!(finding.confidence.why.iter().any(|why| why.contains("the snapshot is 21 days old")));
        }
    };
    // To be marked, to wait, to be destroyed, to be changed in its stack; and a mark that means nothing any more.
    check(json!({}), false, false);
    check(json!({ "countersign:unused-since": "2026-11-25" }), false, false);
    check(json!({ "countersign:unused-since": "2026-10-01" }), false, false);
    check(json!({}), true, false);
    check(json!({ "countersign:unused-since": "2026-10-01" }), false, true);
}

#[test]
fn what_was_refused_is_not_known_and_nothing_is_claimed() {
    let check = |denied: &str, expected: &Expect| {
        let mut world = World::denied(&[denied]);
        volume(&mut world, json!({}), &[], 420);
        expected.assert_eq(&told(&world.report(), "volume-unattached"));
    };
    check("ec2:DescribeVolumes", &expect!["? ec2:DescribeVolumes was denied (read r17)"]);
    check("ec2:DescribeInstances", &expect!["? ec2:DescribeInstances was denied (read r10)"]);
    check("cloudwatch:GetMetricData", &expect!["? the read of the metric VolumeReadOps was denied"]);
}

#[test]
fn a_metric_that_is_garbled_is_not_known() {
    let mut world = World::new();
    volume(&mut world, json!({}), &[], 420);
    let text = world.builder.draft().replacen("null", "\"x\"", 1);
    let snapshot = snapshot::Snapshot::parse(&text, world.now).unwrap();
    let report = findings::analyse(&snapshot, &world.parameters, &findings::Prices::shipped(), world.now);
    assert_eq!(told(&report, "volume-unattached"), "? the values of VolumeReadOps are not numbers");
}

#[test]
fn elsewhere_the_price_is_not_known() {
    let mut world = World::new();
    volume(&mut world, json!({}), &[], 420);
    let text = world.builder.draft().replace("us-east-1", "eu-west-3");
    let snapshot = snapshot::Snapshot::parse(&text, world.now).unwrap();
    let report = findings::analyse(&snapshot, &world.parameters, &findings::Prices::shipped(), world.now);
    let Some(Saving::NotKnown(why)) = &only(&report).saving else { panic!() };
    assert_eq!(why, "the price table has no prices of eu-west-3");
}
