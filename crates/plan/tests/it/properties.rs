//! What holds for every account: made by chance.

use std::collections::BTreeSet;

use findings::{GraceState, Judge};
use model::{Change, Effect};
use plan::{Goal, Kind, Origin, Plan, Plans, Undo, Which};
use proptest::prelude::*;
use serde_json::Value;

use crate::world::with;

const SIZE: usize = 60;

fn all(text: &str) -> Vec<Plan> {
    with(text, None, |given| {
        let goals = Kind::ALL.map(|kind| kind.goal(Which::All));
        goals
            .iter()
            .filter_map(|goal| plan::of(given, goal).ok())
            .flat_map(|Plans { plans, .. }| plans)
            .collect()
    })
}

fn account(seed: u64) -> String {
    synth::account(seed, SIZE).snapshot
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

    /// What changes something is taken back, or says why it cannot be; its effects are the operation table's.
    #[test]
    fn steps_are_as_the_table_says_and_tell_how_they_are_undone(seed: u64) {
        let judge = Judge::new("111122223333");
        for plan in all(&account(seed)) {
            prop_assert_eq!(plan::lint(&plan), vec![]);
            prop_assert!((1..=Change::MAX_STEPS).contains(&plan.steps.len()));
            for step in &plan.steps {
                let call = &step.call;
                let judged = judge.call(&call.service, &call.operation, &call.region, &call.parameters).unwrap();
                // What scales in is put back by a call of the planner's own, and counts as what cannot be undone.
                let scales_in = matches!(step.undo, Undo::Calls(_)) && judged.undo == model::Undo::Capturable;
                let said = match scales_in {
                    true => (judged.effects.with(Effect::Destroy), false),
                    false => (judged.effects, judged.undoable()),
                };
                prop_assert_eq!((step.effects, step.undoable), said);
                match &step.undo {
                    Undo::Impossible(why) | Undo::NotNeeded(why) => prop_assert!(!why.is_empty()),
                    Undo::Calls(calls) => prop_assert!(!calls.is_empty()),
                    Undo::Captured => {}
                }
                let destroys_for_good = matches!(step.undo, Undo::Impossible(_));
                prop_assert!(!(destroys_for_good && step.undoable), "{step:?}");
                prop_assert!(!step.after.is_empty(), "nothing looks at what {}:{} did", call.service, call.operation);
            }
        }
    }

    /// What destroys something that could be marked was marked, for all of the grace.
    #[test]
    fn nothing_is_destroyed_that_was_not_marked(seed: u64) {
        let text = account(seed);
        let plans = all(&text);
        with(&text, None, |given| {
            for step in plans.iter().flat_map(|plan| &plan.steps) {
                for id in step.findings() {
                    let finding = given.report.findings.iter().find(|finding| finding.id == *id).unwrap();
                    if let Some(grace) = &finding.grace
                        && step.effects.contains(Effect::Destroy)
                    {
                        assert!(matches!(grace.state, GraceState::Over { .. }), "{step:?}");
                        let tag = given.snapshot.resource(&finding.resource.id).unwrap().tag(findings::MARK);
                        assert!(tag.is_some(), "{step:?}");
                    }
                }
            }
        });
    }

    /// What can be undone and what cannot are in one plan only where they answer the same finding.
    #[test]
    fn what_destroys_stands_apart(seed: u64) {
        for plan in all(&account(seed)) {
            let of = |undoable: bool| -> BTreeSet<&String> {
                plan.steps.iter().filter(|step| step.undoable == undoable).flat_map(|step| step.findings()).collect()
            };
            let (undoable, destroying) = (of(true), of(false));
            prop_assert!(destroying.is_empty() || undoable.is_subset(&destroying), "{}", plan.goal);
        }
    }

    /// Who proposes the first of several steps that answer one finding proposes none of the planner's sequences.
    #[test]
    fn a_sequence_that_is_broken_off_is_a_models_word(seed: u64) {
        let text = account(seed);
        let plans = all(&text);
        let first = plans.iter().find_map(|plan| {
            let mut pairs = plan.steps.iter().zip(plan.steps.iter().skip(1));
            pairs.find(|(one, next)| one.findings() == next.findings()).map(|(one, _)| one.call.clone())
        });
        if let Some(call) = first {
            with(&text, None, |given| {
                let proposed = [plan::Proposed { call, why: String::new() }];
                let steps = plan::rederive(given, &[], &proposed).unwrap();
                assert!(matches!(&steps[0].origin, Origin::Unverified { .. }), "{:?}", steps[0]);
            });
        }
    }

    #[test]
    fn every_step_leads_back_to_findings_and_these_to_reads(seed: u64) {
        let text = account(seed);
        let plans = all(&text);
        with(&text, None, |given| {
            for plan in &plans {
                assert_eq!(plan.basis.snapshot, given.digest);
                for step in &plan.steps {
                    assert!(matches!(&step.origin, Origin::Derived { findings } if !findings.is_empty()));
                    assert!(!step.about.is_empty());
                    for id in step.findings() {
                        assert!(plan.basis.findings.contains(id));
                        let finding = given.report.findings.iter().find(|finding| finding.id == *id).unwrap();
                        assert!(finding.facts.iter().all(|fact| !fact.reads.is_empty()));
                    }
                }
            }
        });
    }

    /// Neither the order of the file nor that of what is asked for plays a part; only the file's own digest differs.
    #[test]
    fn a_plan_does_not_depend_on_any_order(seed: u64) {
        let text = account(seed);
        let mut document: Value = serde_json::from_str(&text).unwrap();
        for list in ["reads", "resources", "edges", "metrics", "regions"] {
            document[list].as_array_mut().unwrap().reverse();
        }
        let told = |text: &str, turn: bool| {
            with(text, None, |given| {
                let mut ids: Vec<String> = given.report.findings.iter().map(|finding| finding.id.clone()).collect();
                if turn {
                    ids.reverse();
                }
                let given = plan::Given { digest: model::Digest::of(b"the same"), ..*given };
                let goal = Goal::CleanUp { of: Which::Findings(ids) };
                plan::of(&given, &goal).map(|plans| serde_json::to_value(plans).unwrap())
            })
        };
        prop_assert_eq!(told(&text, false), told(&document.to_string(), true));
    }
}

#[test]
fn chance_reaches_every_kind_of_plan() {
    let text = synth::account(7, 6000).snapshot;
    let plans = all(&text);
    let operations: BTreeSet<String> = plans
        .iter()
        .flat_map(|plan| &plan.steps)
        .map(|step| format!("{}:{}", step.call.service, step.call.operation))
        .collect();
    expect_test::expect![[r#"
        {
            "cloudformation:ContinueUpdateRollback",
            "dynamodb:UpdateContinuousBackups",
            "dynamodb:UpdateTable",
            "ec2:CreateSnapshot",
            "ec2:CreateTags",
            "ec2:DeleteNatGateway",
            "ec2:DeleteTags",
            "ec2:DeleteVolume",
            "ec2:ModifyVolume",
            "ec2:StopInstances",
            "elbv2:AddTags",
            "elbv2:DeleteLoadBalancer",
            "elbv2:RemoveTags",
            "lambda:PutFunctionConcurrency",
            "lambda:TagResource",
            "lambda:UntagResource",
            "rds:AddTagsToResource",
            "rds:CreateDBSnapshot",
            "rds:RemoveTagsFromResource",
            "rds:StopDBInstance",
            "s3:PutBucketLifecycleConfiguration",
        }
    "#]]
    .assert_debug_eq(&operations);
    // Whoever needs it took the mark off in the meantime, or reserved something: then nothing is done.
    let verified = |operation: &str, words: &str| {
        let mut steps = plans.iter().flat_map(|plan| &plan.steps).filter(|it| it.call.operation == operation);
        assert!(
            steps.all(|step| step.before.iter().any(|check| check.verifies.ends_with(words))),
            "{operation}"
        );
    };
    for operation in
        ["DeleteVolume", "DeleteNatGateway", "StopInstances", "StopDBInstance", "PutFunctionConcurrency"]
    {
        verified(operation, "still bears the mark");
    }
    verified("PutFunctionConcurrency", "has no reservation of its own yet");
}
