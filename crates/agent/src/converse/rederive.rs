//! The planner as a conversation asks it: goals to the planner itself, and a model's steps derived again from the snapshot and the table. A
//! step that the planner plans as well is the planner's, with its checks; any other is marked.

use std::cell::RefCell;

use plan::{Asker, Call, Given, Goal, Plan, PlanError, Plans, Refused};

use super::Planner;

/// What is given, and the goals that were asked for: what they lead to is derived, too. Whatever is named is named by a model.
#[derive(Debug)]
pub struct ByGiven<'s, 'a> {
    given: Given<'s, 'a>,
    goals: RefCell<Vec<Goal>>,
}

/// Goals of one conversation.
const MOST_GOALS: usize = 32;

impl<'s, 'a> ByGiven<'s, 'a> {
    pub const fn new(given: &Given<'s, 'a>) -> Self {
        Self { given: Given { asker: Asker::Model, ..*given }, goals: RefCell::new(Vec::new()) }
    }
}

impl Planner for ByGiven<'_, '_> {
    fn plan(&self, goal: &Goal) -> Result<Plans, PlanError> {
        let mut goals = self.goals.borrow_mut();
        if goals.len() < MOST_GOALS && !goals.contains(goal) {
            goals.push(goal.clone());
        }
        plan::of(&self.given, goal)
    }

    fn rederive(&self, calls: &[(Call, String)], why: &str) -> Result<Plan, Refused> {
        let proposed: Vec<plan::Proposed> =
            calls.iter().map(|(call, why)| plan::Proposed { call: call.clone(), why: why.clone() }).collect();
        plan::of_steps(&self.given, &self.goals.borrow(), &proposed, why)
    }
}
