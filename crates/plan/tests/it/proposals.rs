//! What a language model proposes, and what the planner makes of it.

use expect_test::{Expect, expect};
use plan::{Given, Goal, Kind, Origin, Proposed, Which};
use serde_json::{Value, json};
use snapshot::Outcome;

use crate::world::{REGION, World, with};

/// A volume whose grace is over, a database without protection, and somebody's database beside them.
fn account() -> String {
    let mut world = World::new().listed(&["cloudformation:DescribeStacks", "ec2:DescribeInstances"]);
    let read = world.list("ec2:DescribeVolumes");
    let attributes = json!({ "VolumeId": "vol-1", "Size": 100, "VolumeType": "gp2", "State": "available", "CreateTime": "2024-01-01T00:00:00Z" });
    let id = world.resource(
        read,
        "ec2:volume",
        "vol-1",
        json!({ "countersign:unused-since": "2026-09-01" }),
        attributes,
    );
    let read = world.builder.read_about("cloudwatch:GetMetricData", &id, Outcome::Complete);
    let from = crate::world::time("2026-11-29T00:00:00Z").plus_seconds(-450 * 86_400);
    for metric in ["VolumeReadOps", "VolumeWriteOps"] {
        world.builder.metric(read, [&id, "AWS/EBS", metric, "Sum"], (from, 86_400), &[Some(0.0); 450]);
    }
    let read = world.list("rds:DescribeDBInstances");
    let database = json!({
        "DBInstanceIdentifier": "costs", "DBInstanceStatus": "available", "DBInstanceClass": "db.m5.large", "Engine": "postgres", "MultiAZ": true,
        "AllocatedStorage": 100, "BackupRetentionPeriod": 7, "DeletionProtection": false, "InstanceCreateTime": "2024-01-01T00:00:00Z",
    });
    world.resource(read, "rds:db-instance", "costs", json!({}), database);
    let attributes = json!({ "StackName": "cost-explorer", "StackStatus": "UPDATE_COMPLETE", "CreationTime": "2026-11-01T00:00:00Z", "Parameters": [{ "ParameterKey": "Timeout" }] });
    world.stack("cost-explorer", attributes, &[]);
    let attributes = json!({ "StackName": "stuck", "StackStatus": "UPDATE_ROLLBACK_FAILED", "CreationTime": "2026-11-01T00:00:00Z" });
    world.stack("stuck", attributes, &[]);
    world.text()
}

fn check(calls: &[(&str, Value)], expected: Expect) {
    let proposed: Vec<Proposed> = calls
        .iter()
        .map(|(call, parameters)| {
            let (service, operation) = call.split_once(':').unwrap();
            let call = plan::Call {
                service: service.into(),
                operation: operation.into(),
                region: REGION.into(),
                parameters: parameters.clone(),
            };
            Proposed { call, why: "the model thinks so\u{202e}".into() }
        })
        .collect();
    expected.assert_eq(&with(&account(), None, |given| told(given, &proposed)));
}

fn deployed() -> Goal {
    serde_json::from_value(json!({ "kind": "deploy", "what": "stack", "stack": "cost-explorer", "parameters": { "Timeout": "60" } })).unwrap()
}

fn told(given: &Given<'_, '_>, proposed: &[Proposed]) -> String {
    match plan::rederive(given, &[deployed()], proposed) {
        Err(refused) => format!("refused: {refused}\n"),
        Ok(steps) => steps
            .iter()
            .map(|step| {
                let undoable = if step.undoable { "" } else { ", cannot be undone" };
                let origin = match &step.origin {
                    Origin::Derived { findings } => format!("derived of {} findings", findings.len()),
                    Origin::Unverified { why } => format!("unverified: {why}"),
                };
                assert!(!step.why.contains('\u{202e}'));
                format!("{} {}: {}{undoable}; {origin}\n", step.id, step.call.operation, step.effects)
            })
            .collect(),
    }
}

/// The planner has people look between two plans, and asks for what stops something by itself.
#[test]
fn what_the_planner_keeps_apart_no_model_puts_together() {
    let of = |plans: &[plan::Plan]| -> Vec<Proposed> {
        let calls = plans.iter().flat_map(|it| &it.steps).map(|step| step.call.clone());
        calls.map(|call| Proposed { call, why: String::new() }).collect()
    };
    with(&account(), None, |given| {
        let change_set = of(&plan::of(given, &deployed()).unwrap().plans);
        expect![[r#"
            1 CreateChangeSet: write; derived of 0 findings
            2 ExecuteChangeSet: write, execute; unverified: the planner takes it in a plan of its own, once another has run and people have looked at what came of it
        "#]].assert_eq(&told(given, &change_set));
        let repairs = plan::of(given, &Kind::Repair.goal(Which::All)).unwrap().plans;
        let (stops, others): (Vec<_>, Vec<_>) =
            repairs.into_iter().partition(|plan| plan.steps.iter().any(|step| step.interrupts.is_some()));
        let (stops, others) = (of(&stops), of(&others));
        assert!(!stops.is_empty() && !others.is_empty());
        expect![[r#"
            1 ContinueUpdateRollback: write, execute, destroy, cannot be undone; derived of 1 findings
        "#]]
        .assert_eq(&told(given, &stops));
        expect![[r#"
            1 ModifyDBInstance: write; derived of 1 findings
            2 ContinueUpdateRollback: write, execute, destroy, cannot be undone; unverified: it stops something, and the planner takes what stops something in a plan by itself
        "#]].assert_eq(&told(given, &[others, stops].concat()));
    });
}

#[test]
fn what_the_planner_derives_too_is_derived() {
    let protect =
        ("rds:ModifyDBInstance", json!({ "DBInstanceIdentifier": "costs", "DeletionProtection": true }));
    let copy = (
        "ec2:CreateSnapshot",
        json!({ "VolumeId": "vol-1", "Description": "before the unused volume is deleted" }),
    );
    let delete = ("ec2:DeleteVolume", json!({ "VolumeId": "vol-1" }));
    check(
        &[protect.clone(), copy.clone(), delete.clone()],
        expect![[r#"
        1 ModifyDBInstance: write; derived of 1 findings
        2 CreateSnapshot: write; derived of 1 findings
        3 DeleteVolume: destroy, cannot be undone; derived of 1 findings
    "#]],
    );
    // Without the copy before it, or before the copy.
    check(
        std::slice::from_ref(&delete),
        expect![[r#"
        1 DeleteVolume: destroy, cannot be undone; unverified: the planner takes ec2:CreateSnapshot before it, and that is not proposed before it
    "#]],
    );
    check(
        &[delete, copy],
        expect![[r#"
        1 DeleteVolume: destroy, cannot be undone; unverified: the planner takes ec2:CreateSnapshot before it, and that is not proposed before it
        2 CreateSnapshot: write; unverified: the planner takes ec2:DeleteVolume after it, and that is not proposed after it
    "#]],
    );
}

#[test]
fn what_it_does_not_derive_is_a_models_word() {
    check(
        &[("rds:ModifyDBInstance", json!({ "DBInstanceIdentifier": "costs", "DeletionProtection": false }))],
        expect![[r#"
            1 ModifyDBInstance: write, destroy, cannot be undone; unverified: no finding and no goal leads the planner to this call: it is a model's word
        "#]],
    );
    check(
        &[("cloudformation:DeleteStack", json!({ "StackName": "cost-explorer" }))],
        expect![[r#"
        1 DeleteStack: destroy, cannot be undone; unverified: no finding and no goal leads the planner to this call: it is a model's word
    "#]],
    );
    check(
        &[("ec2:DeleteVolume", json!({ "VolumeId": "vol-1", "DryRun": true }))],
        expect![[r#"
        1 DeleteVolume: destroy, cannot be undone; unverified: no finding and no goal leads the planner to this call: it is a model's word
    "#]],
    );
    check(
        &[("ec2:TerminateInstances", json!({ "InstanceId": ["vol-1", "i-invented"] }))],
        expect![[r#"
        1 TerminateInstances: destroy, cannot be undone; unverified: no finding and no goal leads the planner to this call: it is a model's word; the snapshot does not show i-invented
    "#]],
    );
}

#[test]
fn what_is_invented_or_unknown_is_refused() {
    check(
        &[("rds:DeleteDBInstance", json!({ "DBInstanceIdentifier": "invented" }))],
        expect![[r#"
        refused: call 1: nothing in the snapshot is called what it names: invented
    "#]],
    );
    check(
        &[("rds:DropEverything", json!({ "DBInstanceIdentifier": "costs" }))],
        expect![[r#"
        refused: call 1: `rds:DropEverything` is not in the operation table
    "#]],
    );
    check(
        &[("nothing:DeleteStack", json!({ "StackName": "cost-explorer" }))],
        expect![[r#"
        refused: call 1: `nothing:DeleteStack` is not in the operation table
    "#]],
    );
    check(
        &[("iam:CreateUser", json!({}))],
        expect![[r#"
        refused: call 1: nothing in the snapshot is called what it names: 
    "#]],
    );
}
