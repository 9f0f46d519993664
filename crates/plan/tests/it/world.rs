//! Worlds for tests, and plans as people would note them down.

use std::fmt::Write as _;

use findings::{Parameters, Prices, Report, analyse};
use model::{Digest, Timestamp};
use plan::{Given, Goal, Plan, PlanError, Plans, Undo};
use serde_json::{Value, json};
use snapshot::{Builder, EdgeKind, Outcome, ReadId, Snapshot, Taken};

pub(crate) const REGION: &str = "us-east-1";
pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const NOW: &str = "2026-11-29T06:00:00Z";

pub(crate) fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// A snapshot that is being put together; every list that is asked for was answered whole.
pub(crate) struct World {
    pub(crate) builder: Builder,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::at(NOW)
    }

    pub(crate) fn at(until: &str) -> Self {
        let taken = Taken { from: time(until), until: time(until) };
        Self { builder: Builder::new(ACCOUNT, &[REGION], taken) }
    }

    pub(crate) fn list(&mut self, operation: &str) -> ReadId {
        self.builder.read(operation, REGION, Outcome::Complete)
    }

    /// With the reads without which an analyzer or an owner is not known.
    pub(crate) fn listed(mut self, operations: &[&str]) -> Self {
        for operation in operations {
            self.list(operation);
        }
        self
    }

    pub(crate) fn resource(
        &mut self,
        read: ReadId,
        kind: &str,
        name: &str,
        tags: Value,
        attributes: Value,
    ) -> String {
        let id = arn(kind, name);
        self.builder.resource(read, [&id, kind, name, REGION], &tags, attributes);
        id
    }

    /// A stack and everything that it owns.
    pub(crate) fn stack(&mut self, name: &str, attributes: Value, owns: &[&str]) -> String {
        let read = self.list("cloudformation:DescribeStacks");
        let id = self.resource(read, "cloudformation:stack", name, json!({}), attributes);
        let read = self.builder.read_about("cloudformation:ListStackResources", &id, Outcome::Complete);
        for owned in owns {
            self.builder.edge(read, &id, EdgeKind::Owns, owned);
        }
        id
    }

    pub(crate) fn text(&self) -> String {
        self.builder.to_text(time(NOW)).unwrap()
    }
}

pub(crate) fn arn(kind: &str, name: &str) -> String {
    let (service, noun) = kind.split_once(':').unwrap();
    format!("arn:aws:{service}:{REGION}:{ACCOUNT}:{noun}/{name}")
}

pub(crate) fn report(snapshot: &Snapshot<'_>) -> Report {
    analyse(snapshot, &Parameters::default(), &Prices::shipped(), time(NOW))
}

/// As of now, over snapshots' texts.
pub(crate) fn with<T>(text: &str, before: Option<&str>, then: impl FnOnce(&Given<'_, '_>) -> T) -> T {
    let snapshot = Snapshot::parse(text, time(NOW)).unwrap();
    let before = before.map(|text| Snapshot::parse(text, time(NOW)).unwrap());
    let report = report(&snapshot);
    then(&Given {
        snapshot: &snapshot,
        digest: Digest::of(text.as_bytes()),
        report: &report,
        now: time(NOW),
        before: before.as_ref(),
        stale_days: 7,
        asker: plan::Asker::Person,
    })
}

pub(crate) fn planned(text: &str, before: Option<&str>, goal: Value) -> Result<Plans, PlanError> {
    let goal: Goal = serde_json::from_value(goal).unwrap();
    with(text, before, |given| plan::of(given, &goal))
}

/// What people would note down of it; every plan must pass the linter.
pub(crate) fn noted(outcome: &Result<Plans, PlanError>) -> String {
    let mut out = String::new();
    match outcome {
        Ok(plans) => {
            for plan in &plans.plans {
                assert_eq!(plan::lint(plan), vec![], "{}", plan.goal);
                note(&mut out, plan);
            }
            for left in &plans.left {
                writeln!(out, "left {}: {}", short(&left.about), left.why).unwrap();
            }
        }
        Err(err) => writeln!(out, "no plan: {err}\n  hint: {}", err.hint()).unwrap(),
    }
    out
}

fn note(out: &mut String, plan: &Plan) {
    let follows = if plan.follows.is_some() { " (follows)" } else { "" };
    writeln!(out, "{}: {}{follows}", plan.goal, plan.effects).unwrap();
    for step in &plan.steps {
        let parameters = model_text(&step.call.parameters);
        writeln!(out, "  {} {}:{} {parameters}", step.id, step.call.service, step.call.operation).unwrap();
        writeln!(out, "    {}{}", step.effects, if step.undoable { "" } else { ", cannot be undone" })
            .unwrap();
        if let Some(interrupts) = &step.interrupts {
            writeln!(out, "    interrupts {interrupts}").unwrap();
        }
        for (when, checks) in [("before", &step.before), ("after", &step.after)] {
            for check in checks {
                let patience = u32::from(check.patience.again) * u32::from(check.patience.every_s);
                writeln!(
                    out,
                    "    {when}: {} ({}:{}, {patience} s)",
                    check.verifies, check.read.service, check.read.operation
                )
                .unwrap();
            }
        }
        match &step.undo {
            Undo::Captured => writeln!(out, "    undo: captured").unwrap(),
            Undo::NotNeeded(why) => writeln!(out, "    undo: not needed, {why}").unwrap(),
            Undo::Impossible(why) => writeln!(out, "    undo: impossible, {why}").unwrap(),
            Undo::Calls(calls) => {
                for call in calls {
                    writeln!(
                        out,
                        "    undo: {}:{} {}",
                        call.service,
                        call.operation,
                        model_text(&call.parameters)
                    )
                    .unwrap();
                }
            }
        }
    }
    for other in &plan.alternatives {
        let undoable = if other.undoable { "" } else { ", cannot be undone" };
        let calls: Vec<_> = other.steps.iter().map(|step| step.call.operation.as_str()).collect();
        writeln!(
            out,
            "  or {} [{}] {}{undoable}: not chosen, {}",
            other.name,
            calls.join(", "),
            other.effects,
            other.why_not
        )
        .unwrap();
        for gone in &other.destroys {
            writeln!(out, "    destroys {}", short(gone)).unwrap();
        }
        for words in &other.loses {
            writeln!(out, "    loses {words}").unwrap();
        }
        for words in &other.interrupts {
            writeln!(out, "    interrupts {words}").unwrap();
        }
    }
    for words in &plan.unknowns {
        writeln!(out, "  not known: {words}").unwrap();
    }
    for words in &plan.traps {
        writeln!(out, "  mind: {words}").unwrap();
    }
}

fn short(id: &str) -> String {
    id.replace(&format!(":{REGION}:{ACCOUNT}:"), ":").replace("arn:aws:", "")
}

/// Sorted, whatever order the parser keeps.
fn model_text(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let sorted: std::collections::BTreeMap<_, _> = members.iter().collect();
            let inner: Vec<_> =
                sorted.into_iter().map(|(name, value)| format!("{name}={}", model_text(value))).collect();
            format!("{{{}}}", inner.join(" "))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(model_text).collect::<Vec<_>>().join(" ")),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
