//! Whom a plan would take by a starter bundle, in an account that nobody has placed: production, and no hour is one of peak or freeze.

use agent::{Law, Rules};
use expect_test::{Expect, expect};
use findings::Judge;
use model::{Autonomy, Chain, EnrolledKey, Tally};
use plan::{Call, Step};
use policy::{Bundle, Profile, StarterOptions, starter};
use serde_json::{Value, json};

use crate::plans::step;

const ACCOUNT: &str = "111122223333";

fn bundle() -> Bundle {
    let keys = |name: &str| vec![EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"))];
    let approver = |name: &str| (name.parse().unwrap(), Vec::new(), keys(name));
    let files = starter(&StarterOptions {
        profile: Profile::Lab,
        operators: vec![("olga".parse().unwrap(), keys("olga"))],
        recovery: Vec::new(),
        approvers: vec![approver("ben"), approver("carla")],
        agents: vec!["fixer".parse().unwrap()],
        environments: Vec::new(),
        calendar: Some("timezone = \"UTC\"\npeak = []\nfreeze = []\n".to_owned()),
    });
    Bundle::load(&files.unwrap()).unwrap()
}

fn check(calls: &[(&str, Value)], expected: &Expect) {
    let bundle = bundle();
    let chain = Chain {
        agent: "fixer".parse().unwrap(),
        operator: "olga".parse().unwrap(),
        launcher: None,
        owner: None,
    };
    let two = |_: &_, _: &_| Tally { people: 2, touched: 2, rendered: 2, owners: 0, roles: [].into() };
    let steps: Vec<Step> = calls.iter().map(|(operation, given)| of_ec2(operation, given)).collect();
    let laws =
        [Law::Constitution, Law::WithGrants { chain: &chain, autonomy: Autonomy::default(), eligible: &two }];
    let told = laws.map(|law| {
        let rules = Rules { bundle: &bundle, now: synth::TAKEN, law };
        rules.people(ACCOUNT, &steps).to_string()
    });
    assert_eq!(told[0], told[1], "the starter's grant adds nothing here");
    expected.assert_eq(&told[0]);
}

fn of_ec2(operation: &str, parameters: &Value) -> Step {
    let judged = Judge::new(ACCOUNT).call("ec2", operation, "us-east-1", parameters).unwrap();
    let call = Call {
        service: "ec2".into(),
        operation: operation.into(),
        region: "us-east-1".into(),
        parameters: parameters.clone(),
    };
    let undoable = judged.undoable();
    Step { call, effects: judged.effects, undoable, ..step("1", "", &[], Vec::new(), Vec::new()) }
}

fn volume(nth: usize) -> (&'static str, Value) {
    ("DeleteVolume", json!({ "VolumeId": format!("vol-0abc{nth}") }))
}

fn volumes(count: usize) -> Vec<(&'static str, Value)> {
    (0..count).map(volume).collect()
}

#[test]
fn the_strictest_step_says_whom_a_plan_takes() {
    let read = || ("DescribeVolumes", json!({}));
    check(&[], &expect!["nobody"]);
    check(&[read()], &expect!["nobody"]);
    check(&[read(), volume(1)], &expect!["2: two-people-to-destroy"]);
}

#[test]
fn what_else_the_plan_destroys_is_history_to_each_step() {
    check(&volumes(20), &expect!["2: two-people-to-destroy"]);
    check(&volumes(21), &expect!["2: one-person-for-many-small-losses, two-people-to-destroy"]);
    check(
        &[volume(1), ("DeleteSnapshot", json!({ "SnapshotId": "snap-0abc1" }))],
        &expect!["denied: no-backup-loss-after-data, no-data-loss-after-backup"],
    );
}
