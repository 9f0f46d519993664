//! The planner as a conversation asks it: goals to the planner itself, and a model's steps derived again from the snapshot and the table. A
//! step that the planner plans as well is the planner's, with its checks; any other is marked.

use std::cell::RefCell;

use model::{Effect, EffectSet, sanitize};
use plan::{Basis, Call, Given, Goal, Plan, PlanError, Plans, Refused, SCHEMA, Step};

use super::Planner;

/// What is given, and the goals that were asked for: what they lead to is derived, too.
#[derive(Debug)]
pub struct ByGiven<'g, 's, 'a> {
    given: &'g Given<'s, 'a>,
    goals: RefCell<Vec<Goal>>,
}

/// Goals of one conversation.
const MOST_GOALS: usize = 32;

impl<'g, 's, 'a> ByGiven<'g, 's, 'a> {
    pub const fn new(given: &'g Given<'s, 'a>) -> Self {
        Self { given, goals: RefCell::new(Vec::new()) }
    }
}

impl Planner for ByGiven<'_, '_, '_> {
    fn plan(&self, goal: &Goal) -> Result<Plans, PlanError> {
        let mut goals = self.goals.borrow_mut();
        if goals.len() < MOST_GOALS && !goals.contains(goal) {
            goals.push(goal.clone());
        }
        plan::of(self.given, goal)
    }

    fn rederive(&self, calls: &[(Call, String)], why: &str) -> Result<Plan, Refused> {
        let proposed: Vec<plan::Proposed> =
            calls.iter().map(|(call, why)| plan::Proposed { call: call.clone(), why: why.clone() }).collect();
        let mut steps = plan::rederive(self.given, &self.goals.borrow(), &proposed)?;
        number(&mut steps);
        let effects =
            steps.iter().map(|it| it.effects).reduce(EffectSet::union).unwrap_or(EffectSet::of(Effect::Read));
        let mut findings: Vec<String> = steps.iter().flat_map(Step::findings).cloned().collect();
        findings.sort();
        findings.dedup();
        Ok(Plan {
            schema: SCHEMA.to_owned(),
            id: Plan::id_of(&steps),
            goal: sanitize(why, 1000),
            basis: Basis {
                snapshot: self.given.digest,
                taken: self.given.snapshot.taken().until,
                account: sanitize(self.given.snapshot.account(), 64),
                findings,
            },
            follows: None,
            effects,
            steps,
            people: None,
            alternatives: Vec::new(),
            unknowns: vec!["whether these are the right steps: a language model chose them".into()],
            traps: Vec::new(),
        })
    }
}

/// Checks are named after their step, as the planner does it.
fn number(steps: &mut [Step]) {
    for step in steps {
        let id = step.id.clone();
        for (place, checks) in [("before", &mut step.before), ("after", &mut step.after)] {
            for (check, which) in checks.iter_mut().zip(1..) {
                check.id = format!("{place}-{id}-{which}");
            }
        }
    }
}
