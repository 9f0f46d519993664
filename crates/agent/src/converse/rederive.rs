//! The planner as a conversation asks it: goals to the planner itself, and a model's steps held against what the planner would do and what the
//! operation table says. A step that the planner plans as well is the planner's, with its checks; any other is marked.

use std::cell::OnceCell;

use findings::{Judge, Unjudgeable};
use model::{Effect, EffectSet, sanitize};
use plan::{Basis, Call, Given, Goal, Kind, Origin, Plan, PlanError, Plans, SCHEMA, Step, Undo, Which};

use super::Planner;

/// What is given, and everything that the planner would do with it, made once somebody asks.
#[derive(Debug)]
pub struct ByGiven<'g, 's, 'a> {
    given: &'g Given<'s, 'a>,
    judge: Judge,
    own: OnceCell<Vec<Step>>,
}

impl<'g, 's, 'a> ByGiven<'g, 's, 'a> {
    pub fn new(given: &'g Given<'s, 'a>) -> Self {
        Self { given, judge: Judge::new(given.snapshot.account()), own: OnceCell::new() }
    }

    /// Every step of every plan that findings lead to.
    fn own(&self) -> &[Step] {
        self.own.get_or_init(|| {
            let plans =
                Kind::ALL.into_iter().filter_map(|kind| plan::of(self.given, &kind.goal(Which::All)).ok());
            plans.flat_map(|it| it.plans).flat_map(|it| it.steps).collect()
        })
    }

    fn step(&self, nth: usize, call: &Call, why: &str) -> Result<Step, PlanError> {
        let id = nth.saturating_add(1).to_string();
        if let Some(own) = self.own().iter().find(|it| it.call == *call) {
            let mut own = own.clone();
            for (place, checks) in [("before", &mut own.before), ("after", &mut own.after)] {
                for (check, which) in checks.iter_mut().zip(1..) {
                    check.id = format!("{place}-{id}-{which}");
                }
            }
            return Ok(Step { id, ..own });
        }
        let name = format!("{}:{}", sanitize(&call.service, 64), sanitize(&call.operation, 80));
        let judged = self
            .judge
            .call(&call.service, &call.operation, &call.region, &call.parameters)
            .map_err(|err| match err {
                Unjudgeable::NotBuilt(err) => PlanError::Invalid(format!("{name} cannot be planned: {err}")),
                Unjudgeable::NotClassified(why) => {
                    PlanError::Invalid(format!("{name} is not known: {}", sanitize(&why, 200)))
                }
            })?;
        let undo = if judged.undoable() {
            Undo::Captured
        } else {
            Undo::Impossible("the operation table knows no inverse of it".into())
        };
        Ok(Step {
            id,
            call: call.clone(),
            why: sanitize(why, 500),
            about: Vec::new(),
            effects: judged.effects,
            undoable: judged.undoable(),
            interrupts: None,
            before: Vec::new(),
            after: Vec::new(),
            undo,
            origin: Origin::Unverified { why: "a model proposed it, and no finding leads to it".into() },
        })
    }
}

impl Planner for ByGiven<'_, '_, '_> {
    fn plan(&self, goal: &Goal) -> Result<Plans, PlanError> {
        plan::of(self.given, goal)
    }

    fn rederive(&self, calls: &[(Call, String)], why: &str) -> Result<Plan, PlanError> {
        let steps: Vec<Step> = calls
            .iter()
            .enumerate()
            .map(|(nth, (call, why))| self.step(nth, call, why))
            .collect::<Result<_, _>>()?;
        let effects =
            steps.iter().map(|it| it.effects).reduce(EffectSet::union).unwrap_or(EffectSet::of(Effect::Read));
        let findings = steps.iter().flat_map(|it| match &it.origin {
            Origin::Derived { findings } => findings.clone(),
            Origin::Unverified { .. } => Vec::new(),
        });
        Ok(Plan {
            schema: SCHEMA.to_owned(),
            id: id_of(&steps),
            goal: sanitize(why, 1000),
            basis: Basis {
                snapshot: self.given.digest,
                taken: self.given.snapshot.taken().until,
                account: sanitize(self.given.snapshot.account(), 64),
                findings: findings.collect(),
            },
            follows: None,
            effects,
            steps,
            people: None,
            alternatives: Vec::new(),
            unknowns: vec!["what else would reach this: a language model proposed it".into()],
            traps: Vec::new(),
        })
    }
}

/// Over the calls, in their order.
fn id_of(steps: &[Step]) -> model::Digest {
    let calls: Vec<String> = steps.iter().map(|it| format!("{:?}", it.call)).collect();
    model::Digest::of(calls.join("\n").as_bytes())
}
