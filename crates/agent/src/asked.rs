//! One sentence, asked of one snapshot by the closed catalogue: what was understood, what is answered, and the plans that follow from it.
//! The same for whoever asks: the command line, a page of the console.

use model::sanitize;
use plan::{Given, Goal, Left};

use crate::{
    catalogue::{Facts, Question, Understanding, answer, understand},
    converse::{Proposed, sort_of},
};

/// What became of one sentence. Nothing has been asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    pub understood: Understanding,
    /// Markdown; why there is no plan stands here, too.
    pub answer: String,
    pub proposed: Vec<Proposed>,
    /// What no plan does, and why.
    pub left: Vec<Left>,
}

/// Without a language model.
pub fn asked(sentence: &str, facts: Facts<'_, '_>, given: &Given<'_, '_>) -> Asked {
    let understood = understand(sentence, facts.snapshot);
    let mut asked = Asked { understood, answer: String::new(), proposed: Vec::new(), left: Vec::new() };
    match asked.understood.clone() {
        Understanding::Goals(goals) => goals.iter().for_each(|(goal, _)| asked.plan(goal, given)),
        Understanding::Question(Question::Change(id)) => {
            asked.answer = format!("The server knows that: `countersign change show {}`.", sanitize(&id, 64));
        }
        Understanding::Question(it) => asked.answer = answer(&it, facts).unwrap_or_default(),
        Understanding::Asks { .. } | Understanding::Refused { .. } | Understanding::NotUnderstood => {}
    }
    asked
}

impl Asked {
    fn plan(&mut self, goal: &Goal, given: &Given<'_, '_>) {
        match plan::of(given, goal) {
            Ok(plans) => {
                let sort = sort_of(goal);
                let proposed = |plan| Proposed { goal: Some(goal.clone()), sort, plan };
                self.proposed.extend(plans.plans.into_iter().map(proposed));
                self.left.extend(plans.left);
            }
            Err(err) => self.answer.push_str(&format!("There is no plan: {err}. {}\n", err.hint())),
        }
    }
}
