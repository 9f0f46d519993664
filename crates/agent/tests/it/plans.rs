//! Plans as a planner makes them, small enough to read.

use findings::{Parameters, Prices, Report, analyse};
use model::{Digest, Effect, EffectSet};
use plan::{Basis, Call, Check, Comparison, Expectation, Origin, Patience, Plan, SCHEMA, Step, Undo};
use serde_json::json;
use snapshot::Snapshot;

pub(crate) fn report(seed: u64, size: usize) -> Report {
    let account = synth::account(seed, size);
    let snapshot = Snapshot::parse(&account.snapshot, synth::TAKEN).unwrap();
    analyse(&snapshot, &Parameters::default(), &Prices::shipped(), synth::TAKEN)
}

pub(crate) fn check(id: &str, verifies: &str, path: &str, is: &str) -> Check {
    Check {
        id: id.into(),
        verifies: verifies.into(),
        read: call("ecs", "DescribeServices"),
        expect: Expectation::All { path: path.into(), is: Comparison::Equals(json!(is)) },
        patience: Patience::default(),
    }
}

fn call(service: &str, operation: &str) -> Call {
    Call {
        service: service.into(),
        operation: operation.into(),
        region: "us-east-1".into(),
        parameters: json!({}),
    }
}

pub(crate) fn step(id: &str, why: &str, findings: &[&str], before: Vec<Check>, after: Vec<Check>) -> Step {
    Step {
        id: id.into(),
        call: call("ecs", "UpdateService"),
        why: why.into(),
        about: vec!["arn:aws:ecs:us-east-1:111122223333:service/shop/web".into()],
        effects: EffectSet::of(Effect::Write),
        undoable: true,
        interrupts: None,
        before,
        after,
        undo: Undo::Captured,
        origin: Origin::Derived { findings: findings.iter().map(|it| (*it).to_owned()).collect() },
    }
}

pub(crate) fn plan(goal: &str, report: &Report, steps: Vec<Step>) -> Plan {
    let findings = steps.iter().flat_map(|step| match &step.origin {
        Origin::Derived { findings } => findings.clone(),
        Origin::Unverified { .. } => Vec::new(),
    });
    Plan {
        schema: SCHEMA.into(),
        id: Digest::of(goal.as_bytes()),
        goal: goal.into(),
        basis: Basis {
            snapshot: Digest::of(b"snapshot"),
            taken: synth::TAKEN,
            account: report.account.clone(),
            findings: findings.collect(),
        },
        follows: None,
        steps,
        guards: Vec::new(),
        effects: EffectSet::of(Effect::Write),
        people: None,
        alternatives: Vec::new(),
        unknowns: vec!["when it is used at night".into()],
        traps: vec!["it starts cold".into()],
    }
}
