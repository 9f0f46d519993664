//! A conversation with a language model, as a state machine: what the model said and called goes in, what it is told and what is kept goes
//! out. It can look and it can ask for a plan; there is nothing else that it could do, whatever it is talked into.
//!
//! | a model says | what comes of it |
//! |---|---|
//! | a goal | the planner's plan for it, or why there is none |
//! | steps of its own | the planner derives each from snapshot and table, or marks it; what is not there or not known is refused |
//! | that something is approved, done, ticked, in an answer or in its reasons for a call | a claim, kept as one |
//! | the same call again and again | the end of the conversation |
//!
//! Budgets are the caller's; a turn that broke off never gets here.

mod claims;
mod record;
mod rederive;
mod tools;
mod wanted;

use std::collections::BTreeMap;

use model::{Effect, sanitize};
use plan::{Call, Goal, Origin, Plan, PlanError, Plans, Refused};
use serde_json::{Map, Value};
use snapshot::Snapshot;
use spec::Sort;

use crate::catalogue::{Facts, Question, answer};

pub use claims::{Claim, claims};
pub use record::{Event, Record};
pub use rederive::ByGiven;
#[cfg(feature = "llm")]
pub(crate) use tools::OF_A_SERVER;
pub use tools::{INSTRUCTIONS, TOOLS, ToolText};
pub use wanted::Refusal;
use wanted::Wanted;

/// What turns goals into plans, and steps into what can be said of them. The planner is one; tests have others.
pub trait Planner {
    /// # Errors
    /// Why there is no plan.
    fn plan(&self, goal: &Goal) -> Result<Plans, PlanError>;

    /// One plan of these calls, each derived from snapshot and table, or marked as what it is: a model's word.
    ///
    /// # Errors
    /// Where it cannot be a plan at all.
    fn rederive(&self, calls: &[(Call, String)], why: &str) -> Result<Plan, Refused>;
}

/// How much one conversation may ask of us, besides what its budget allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    pub calls: u32,
    pub proposals: usize,
    /// How often one call may be made with the same arguments.
    pub same: u32,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { calls: 48, proposals: 8, same: 2 }
    }
}

/// A plan that the conversation led to. Nothing has been asked for yet.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposed {
    /// `None`: the steps are the model's own.
    pub goal: Option<Goal>,
    pub sort: Sort,
    pub plan: Plan,
}

impl Proposed {
    /// Steps that nobody but a model vouches for.
    pub fn unverified(&self) -> usize {
        self.plan.steps.iter().filter(|it| matches!(it.origin, Origin::Unverified { .. })).count()
    }
}

/// What a call returned.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// The call's own.
    pub id: String,
    /// Where the text comes from, for its fence.
    pub source: &'static str,
    pub result: Returned,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Returned {
    Text(String),
    /// How this change stands: a server knows, and the caller asks it.
    Change(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Each call's result; then it is the model's turn.
    Tell(Vec<Told>),
    /// It has said what it had to say.
    Said,
    /// No further turn is asked for. The calls of the last are answered, so that the conversation stays whole.
    End(Ending, Vec<Told>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ending {
    #[error("the model made the same call {0} times; asking again changes nothing")]
    Loop(u32),
    #[error("the model made {0} calls, which is the most")]
    Calls(u32),
}

/// One call, as the edge took it.
#[derive(Clone, Copy, Debug)]
pub struct CallOf<'c> {
    pub id: &'c str,
    pub tool: &'c str,
    pub arguments: &'c Map<String, Value>,
}

/// Members of arguments that are data, and no words for people.
const DATA: [&str; 4] = ["parameters", "service", "operation", "region"];

pub struct Converse<'s, 'a> {
    facts: Facts<'s, 'a>,
    planner: &'s dyn Planner,
    bounds: Bounds,
    calls: u32,
    same: BTreeMap<(String, String), u32>,
    proposed: Vec<Proposed>,
    record: Record,
}

impl std::fmt::Debug for Converse<'_, '_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Converse")
            .field("calls", &self.calls)
            .field("proposed", &self.proposed.len())
            .finish_non_exhaustive()
    }
}

impl<'s, 'a> Converse<'s, 'a> {
    pub fn new(facts: Facts<'s, 'a>, planner: &'s dyn Planner, bounds: Bounds) -> Self {
        Self {
            facts,
            planner,
            bounds,
            calls: 0,
            same: BTreeMap::new(),
            proposed: Vec::new(),
            record: Record::default(),
        }
    }

    /// What a whole turn of the model leads to.
    pub fn turn(&mut self, text: &str, calls: &[CallOf<'_>]) -> Next {
        self.claimed(text);
        for call in calls {
            self.claimed_in(call.arguments);
        }
        if calls.is_empty() {
            return Next::Said;
        }
        let mut told = Vec::new();
        let mut ending = None;
        for call in calls {
            self.calls = self.calls.saturating_add(1);
            // Maps are sorted where they are written, whatever order a model chose.
            let key = (call.tool.to_owned(), sorted(&Value::Object(call.arguments.clone())));
            let times = self.same.entry(key).or_default();
            *times = times.saturating_add(1);
            if *times > self.bounds.same {
                ending = Some(Ending::Loop(*times));
            } else if self.calls > self.bounds.calls {
                ending = ending.or(Some(Ending::Calls(self.bounds.calls)));
            }
            let result = match ending {
                Some(ending) => Returned::Text(ending.to_string()),
                None => self.call(call),
            };
            told.push(Told { id: call.id.to_owned(), source: source(call.tool), result });
        }
        match ending {
            Some(ending) => {
                self.record.add(Event::Ended { why: ending.to_string() });
                Next::End(ending, told)
            }
            None => Next::Tell(told),
        }
    }

    /// Why a turn was not taken. Nothing of it happened.
    pub fn took_back(&mut self, why: &str) {
        self.record.add(Event::TookBack { why: sanitize(why, 300) });
    }

    fn claimed(&mut self, text: &str) {
        for claim in claims(text) {
            self.record.add(Event::Claimed { claim });
        }
    }

    /// In what a call says besides the names of things: reasons that people would read with a plan.
    fn claimed_in(&mut self, arguments: &Map<String, Value>) {
        for (name, value) in arguments {
            match value {
                Value::String(text) if !DATA.contains(&name.as_str()) && !self.is_name(text) => {
                    self.claimed(text);
                }
                Value::Object(inner) if !DATA.contains(&name.as_str()) => self.claimed_in(inner),
                Value::Array(items) => items.iter().for_each(|item| match item {
                    Value::Object(inner) => self.claimed_in(inner),
                    Value::String(text) if !self.is_name(text) => self.claimed(text),
                    Value::String(_) | Value::Array(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
                }),
                Value::String(_) | Value::Object(_) | Value::Null | Value::Bool(_) | Value::Number(_) => {}
            }
        }
    }

    /// What somebody called a thing is no claim of the model's.
    fn is_name(&self, text: &str) -> bool {
        self.facts.snapshot.resources().iter().any(|it| it.name.as_str() == text || it.id.as_str() == text)
    }

    /// Why the edge gave no further turn.
    pub fn stopped(&mut self, why: &str) {
        self.record.add(Event::Ended { why: sanitize(why, 300) });
    }

    pub fn record(&self) -> &Record {
        &self.record
    }

    pub fn proposed(&self) -> &[Proposed] {
        &self.proposed
    }

    fn call(&mut self, call: &CallOf<'_>) -> Returned {
        let wanted = match wanted::read(call.tool, call.arguments) {
            Ok(wanted) => wanted,
            Err(refusal) => return self.refuse(call.tool, &refusal),
        };
        let answered = |question: Question, facts| {
            answer(&question, facts).map_or_else(|| Returned::Change(String::new()), Returned::Text)
        };
        let returned = match wanted {
            Wanted::Change(id) => Returned::Change(id),
            Wanted::Question(question) => answered(question, self.facts),
            Wanted::Resource(name) => match self.named(&name) {
                Some((id, name)) => answered(Question::Why { resource: id, name }, self.facts),
                None => return self.refuse(call.tool, &Refusal::NotThere(sanitize(&name, 200))),
            },
            Wanted::Goal(goal) => match self.goal(goal) {
                Ok(text) => Returned::Text(text),
                Err(refusal) => return self.refuse(call.tool, &refusal),
            },
            Wanted::Steps { calls, why } => match self.steps(&calls, &why) {
                Ok(text) => Returned::Text(text),
                Err(refusal) => return self.refuse(call.tool, &refusal),
            },
        };
        self.record.add(Event::Called { tool: sanitize(call.tool, 64) });
        returned
    }

    fn refuse(&mut self, tool: &str, refusal: &Refusal) -> Returned {
        let why = refusal.to_string();
        self.record.add(Event::Refused { tool: sanitize(tool, 64), why: why.clone() });
        Returned::Text(format!("refused: {why}"))
    }

    fn named(&self, name: &str) -> Option<(String, String)> {
        let same = |it: &str| it.eq_ignore_ascii_case(name);
        let found = self
            .facts
            .snapshot
            .resources()
            .iter()
            .find(|it| same(it.id.as_str()) || same(it.name.as_str()))?;
        Some((found.id.as_str().to_owned(), sanitize(found.name.as_str(), 200)))
    }

    fn goal(&mut self, goal: Goal) -> Result<String, Refusal> {
        self.room()?;
        let plans = self.planner.plan(&goal)?;
        let sort = sort_of(&goal);
        let free = self.bounds.proposals.saturating_sub(self.proposed.len());
        if plans.plans.len() > free {
            return Err(Refusal::NoRoom { plans: plans.plans.len(), free });
        }
        let mut out = format!("{} plans for the goal {goal}; nothing is asked for yet:\n", plans.plans.len());
        for plan in plans.plans {
            out.push_str(&told(&plan));
            self.keep(Proposed { goal: Some(goal.clone()), sort, plan });
        }
        for left in plans.left.iter().take(20) {
            out.push_str(&format!("left: {}: {}\n", sanitize(&left.about, 200), sanitize(&left.why, 300)));
        }
        Ok(out)
    }

    fn steps(&mut self, calls: &[(Call, String)], why: &str) -> Result<String, Refusal> {
        self.room()?;
        for (call, _) in calls {
            named_only(&call.parameters, self.facts.snapshot)?;
        }
        let calls: Vec<(Call, String)> =
            calls.iter().map(|(call, why)| (call.clone(), claims::marked(why))).collect();
        let plan = self.planner.rederive(&calls, &claims::marked(why))?;
        for step in &plan.steps {
            let own_word = matches!(step.origin, Origin::Unverified { .. });
            if own_word && step.effects.contains(Effect::Privilege) {
                return Err(Refusal::Rights(format!(
                    "{}:{}",
                    sanitize(&step.call.service, 64),
                    sanitize(&step.call.operation, 80)
                )));
            }
        }
        let text = told(&plan);
        self.keep(Proposed { goal: None, sort: Sort::Feature, plan });
        Ok(text)
    }

    fn room(&self) -> Result<(), Refusal> {
        if self.proposed.len() >= self.bounds.proposals {
            Err(Refusal::TooMany(self.bounds.proposals))
        } else {
            Ok(())
        }
    }

    fn keep(&mut self, proposed: Proposed) {
        let (plan, steps) = (proposed.plan.id, proposed.plan.steps.len());
        self.record.add(Event::Planned { plan, steps, unverified: proposed.unverified() });
        self.proposed.push(proposed);
    }
}

/// Something broken becomes right again, or something else is wanted.
pub fn sort_of(goal: &Goal) -> Sort {
    match goal {
        Goal::Repair { .. } | Goal::RollBack(_) | Goal::RestoreConfiguration { .. } => Sort::Bugfix,
        Goal::Rightsize { .. } | Goal::CleanUp { .. } | Goal::OffHours { .. } | Goal::Deploy(_) => {
            Sort::Feature
        }
    }
}

/// A step is about what the snapshot has: an ARN, or an id of the cloud's own form, that is not there was made up.
fn named_only(parameters: &Value, snapshot: &Snapshot<'_>) -> Result<(), Refusal> {
    match parameters {
        Value::String(text) => {
            let there = || {
                snapshot.resource(text).is_some()
                    || snapshot.resources().iter().any(|it| it.name.as_str() == text)
            };
            if text.contains('*') && text.starts_with("arn:") {
                return Err(Refusal::Wide(sanitize(text, 200)));
            }
            if (text.starts_with("arn:") || is_made_id(text)) && !there() {
                return Err(Refusal::NotThere(sanitize(text, 200)));
            }
            Ok(())
        }
        Value::Array(items) => items.iter().try_for_each(|it| named_only(it, snapshot)),
        Value::Object(members) => members.values().try_for_each(|it| named_only(it, snapshot)),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

/// `vol-0abc1234`, `i-0abc1234`: nobody chooses such.
fn is_made_id(text: &str) -> bool {
    text.split_once('-').is_some_and(|(kind, rest)| {
        (1..=12).contains(&kind.len())
            && kind.bytes().all(|it| it.is_ascii_lowercase())
            && (8..=17).contains(&rest.len())
            && rest.bytes().all(|it| it.is_ascii_hexdigit())
    })
}

fn told(plan: &Plan) -> String {
    let mut out = format!("plan {}: {} ({})\n", plan.id, sanitize(&plan.goal, 300), plan.effects);
    for step in &plan.steps {
        let mark = match &step.origin {
            Origin::Derived { .. } => String::new(),
            Origin::Unverified { why } => {
                format!(" NOT VERIFIED ({}): it needs more people", sanitize(why, 200))
            }
        };
        let (service, operation) = (sanitize(&step.call.service, 64), sanitize(&step.call.operation, 80));
        out.push_str(&format!(
            "- {} {service}:{operation}: {} ({}){mark}\n",
            step.id,
            sanitize(&step.why, 200),
            step.effects
        ));
    }
    for other in plan.alternatives.iter().take(5) {
        out.push_str(&format!(
            "- not chosen: {}: {}\n",
            sanitize(&other.name, 100),
            sanitize(&other.why_not, 200)
        ));
    }
    out
}

/// A fence says where its text comes from: from a tool of ours, whatever a model calls it.
fn source(tool: &str) -> &'static str {
    TOOLS.iter().find(|it| it.name == tool).map_or("countersign", |it| it.name)
}

fn sorted(value: &Value) -> String {
    match value {
        Value::Object(members) => {
            let all: BTreeMap<&String, String> =
                members.iter().map(|(name, value)| (name, sorted(value))).collect();
            format!("{all:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(sorted).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}
