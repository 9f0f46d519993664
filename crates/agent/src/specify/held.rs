//! A specification's lines held against the plan that it was written of. People may edit what they read; a machine measures what the plan
//! says. A line is proved by what was measured only while it says the plan's own words, or is one of the few sentences that the planner makes
//! a check of:
//!
//! ```text
//! WHEN a step of the plan runs THEN the database orders SHALL CONTINUE TO exist
//! WHEN a step of the plan runs THEN the instance i-0abc SHALL CONTINUE TO be healthy
//! WHEN a step of the plan runs THEN the volume vol-0abc SHALL CONTINUE TO keep its Size
//! WHEN a step of the plan runs THEN the environment SHALL CONTINUE TO show that …   (in the words of a check of the plan)
//! ```
//!
//! Before SHALL stands one name, or what the thing is and its name; a clause is one of the planner's own. Any other line is not measured, nor
//! is one that is no sentence or that no task has a check for, and whoever carries the plan out says so.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use findings::Report;
use model::{Digest, Timestamp, sanitize};
use plan::{Check, Plan, Stays};
use snapshot::{Resource, Snapshot, Taken};
use spec::{
    CheckId, Criterion, CriterionId, Goal, Sort, Specification, TaskId,
    ears::{Ears, Lead},
    layout,
};

use super::{
    Measured, Order, SpecifyError, guards, specify,
    wanted::{AROUND, DURING},
    words::clause,
};
use crate::catalogue::{is_called, is_noun};

/// What each line of a specification is proved by.
#[derive(Clone, Debug, Default)]
pub struct Held {
    /// What is measured around each step: the plan's own, and behind them what people wrote.
    pub guards: Vec<Measured>,
    /// Lines that say what shall continue, each with the place of its guard.
    lines: BTreeMap<(CheckId, Digest), usize>,
    /// Checks of tasks, each with what is said of it.
    own: BTreeMap<(TaskId, CheckId), Said>,
    /// What no machine measures.
    pub not: Vec<NotHeld>,
}

/// What a check, its task and the criteria that it is for say.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Said {
    check: Digest,
    task: Digest,
    criteria: Vec<String>,
}

impl Said {
    fn of(spec: &Specification, task: &spec::Task, check: &spec::Check) -> Self {
        let all = spec.criteria().into_iter().filter(|it| check.criteria().contains(&it.id));
        let criteria = all.map(|it| format!("{} {}", it.id, it.text)).collect();
        Self { check: check.digest(), task: task.digest(), criteria }
    }

    /// What it says otherwise than the plan does.
    fn differs(&self, promised: &Self) -> Option<&'static str> {
        if self.check != promised.check {
            Some("it says something else than the check of the plan, which is what is measured")
        } else if self.task != promised.task {
            Some("its task says something else than the step of the plan")
        } else if self.criteria != promised.criteria {
            Some("a criterion that it is for says something else than what is measured")
        } else {
            None
        }
    }
}

/// A line that nothing proves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotHeld {
    pub file: &'static str,
    /// From 1.
    pub line: usize,
    pub check: String,
    pub why: String,
}

impl fmt::Display for NotHeld {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: `{}`: {}", self.file, self.line, self.check, self.why)
    }
}

impl Held {
    /// What to do about a line that is not measured.
    pub const HINT: &str = "put back what the plan says, or say one of: SHALL CONTINUE TO exist, be healthy, or keep its SETTING, with the \
                            resource's name alone before SHALL, or behind what it is (the volume vol-1)";

    /// `snapshot`: the one that the plan was made of, where it is at hand.
    ///
    /// # Errors
    /// Of a plan that could not be specified.
    pub fn of(
        plan: &Plan,
        spec: &Specification,
        snapshot: Option<&Snapshot<'_>>,
    ) -> Result<Self, SpecifyError> {
        let (sort, file) = match spec.goal() {
            Goal::Feature(_) => (Sort::Feature, layout::REQUIREMENTS),
            Goal::Bugfix(_) => (Sort::Bugfix, layout::BUGFIX),
        };
        let promised = promised(plan, sort)?;
        let mut held =
            Self { guards: guards(plan).into_iter().map(|it| it.measured).collect(), ..Self::default() };
        let own: BTreeMap<&str, usize> =
            promised.checks.iter().enumerate().map(|(nth, it)| (it.as_str(), nth)).collect();
        let (checks, criteria) = (spec.checks(), spec.criteria());
        for check in checks.guards() {
            // Two lines may bear the same number.
            let criterion =
                criteria.iter().find(|it| check.criteria().contains(&it.id) && it.text == check.verifies());
            let nth = match own.get(check.verifies()) {
                Some(nth) => Ok(*nth),
                None => criterion
                    .ok_or_else(|| "it is no sentence".to_owned())
                    .and_then(|it| measured(it, plan, snapshot))
                    .map(|more| held.with(check.id(), more)),
            };
            match nth {
                Ok(nth) => {
                    held.lines.insert((check.id().clone(), check.digest()), nth);
                }
                Err(why) => held.not.push(NotHeld {
                    file,
                    line: criterion.map_or(1, |it| it.span.line),
                    check: sanitize(&check.id().to_string(), 80),
                    why,
                }),
            }
        }
        let tasks = || spec.tasks().into_iter().flat_map(spec::Tasks::tasks);
        let served: BTreeSet<CriterionId> =
            tasks().flat_map(|task| checks.own(&task.id)).flat_map(spec::Check::criteria).copied().collect();
        for criterion in criteria.iter().filter(|it| !it.is_guard()) {
            let why = match &criterion.ears {
                Err(err) => format!("it is no sentence: {err}"),
                Ok(_) if !served.contains(&criterion.id) => "no task has a check for it".to_owned(),
                Ok(_) => continue,
            };
            let (line, check) = (criterion.span.line, criterion.id.to_string());
            held.not.push(NotHeld { file, line, check, why });
        }
        for task in tasks() {
            for check in checks.own(&task.id) {
                let key = (task.id.clone(), check.id().clone());
                let said = Said::of(spec, task, check);
                let why = match promised.own.get(&key).map(|it| said.differs(it)) {
                    Some(None) => {
                        held.own.insert(key, said);
                        continue;
                    }
                    Some(Some(why)) => why,
                    None => "the plan has no such check",
                };
                let check = sanitize(&check.id().to_string(), 80);
                let why = why.to_owned();
                held.not.push(NotHeld { file: layout::TASKS, line: task.span.line, check, why });
            }
        }
        Ok(held)
    }

    /// The place of the guard that measures this line, in these words.
    pub fn guard_of(&self, check: &spec::Check) -> Option<usize> {
        self.lines.get(&(check.id().clone(), check.digest())).copied()
    }

    /// Whether what the plan measures is what this task and its check say.
    pub fn is_own(&self, spec: &Specification, task: &spec::Task, check: &spec::Check) -> bool {
        let said = self.own.get(&(task.id.clone(), check.id().clone()));
        said.is_some_and(|said| *said == Said::of(spec, task, check))
    }

    fn with(&mut self, id: &CheckId, check: Check) -> usize {
        let check = Check { id: sanitize(&id.to_string(), 64), ..check };
        self.guards.push(Measured::Check(check));
        self.guards.len().saturating_sub(1)
    }
}

/// What a specification of this plan says, as it is written.
struct Promised {
    /// What shall continue, in the order of [`guards`].
    checks: Vec<String>,
    own: BTreeMap<(TaskId, CheckId), Said>,
}

fn promised(plan: &Plan, sort: Sort) -> Result<Promised, SpecifyError> {
    // Neither findings nor words stand in a line that is checked.
    let epoch = Timestamp::from_millis(0);
    let report = Report::none(&plan.basis.account, Taken { from: epoch, until: epoch }, epoch);
    let files = specify(Order { sort, plan, report: &report, words: "-", said: None })?;
    let spec = Specification::read(&files).map_err(|err| SpecifyError::Unread(err.to_string()))?;
    let checks = spec.checks();
    let mut own = BTreeMap::new();
    for task in spec.tasks().into_iter().flat_map(spec::Tasks::tasks) {
        for check in checks.own(&task.id) {
            own.insert((task.id.clone(), check.id().clone()), Said::of(&spec, task, check));
        }
    }
    Ok(Promised { checks: checks.guards().iter().map(|it| it.verifies().to_owned()).collect(), own })
}

/// The check that a line comes to, or why there is none.
fn measured(line: &Criterion, plan: &Plan, snapshot: Option<&Snapshot<'_>>) -> Result<Check, String> {
    let ears = line.ears.as_ref().map_err(ToString::to_string)?;
    if !always(ears) {
        return Err(
            "it is measured around each step, and no machine knows whether its clause holds".to_owned()
        );
    }
    let response = ears.response.text.trim_end_matches(['.', ';']);
    if let Some(words) = response.strip_prefix("show that ") {
        if !ears.system.text.eq_ignore_ascii_case("environment") {
            return Err("only the environment shows what a check of the plan says".to_owned());
        }
        let all =
            plan.steps.iter().flat_map(|step| step.before.iter().chain(&step.after)).chain(&plan.guards);
        let known = all.into_iter().find(|check| clause(&check.verifies) == clause(words));
        return known.cloned().ok_or_else(|| "no check of the plan says so".to_owned());
    }
    let what = match response {
        "exist" | "be there" => Stays::There,
        "be healthy" => Stays::Healthy,
        other => match other.strip_prefix("keep its ") {
            Some(setting) => Stays::Set(setting.trim_end_matches(" as it is").trim()),
            None => return Err("no machine knows how to measure it".to_owned()),
        },
    };
    let snapshot = snapshot.ok_or("the snapshot that the plan was made of is not at hand")?;
    let resource = named(snapshot, &ears.system.text)?;
    plan::stays(snapshot, resource, what).map_err(|why| why.to_string())
}

/// Whether it says no more of when than the planner's own lines do.
fn always(ears: &Ears) -> bool {
    let state = ears.state.as_ref().is_none_or(|it| it.text == DURING);
    let lead = match &ears.lead {
        None => true,
        Some(Lead::When(it)) => it.text == AROUND,
        Some(Lead::If(_)) => false,
    };
    ears.feature.is_none() && state && lead
}

/// The one resource that a phrase is the id or the name of; before that it may say what it is, and nothing else: of `the backups of the
/// database orders` nobody knows a look.
fn named<'s, 'a>(snapshot: &'s Snapshot<'a>, phrase: &str) -> Result<&'s Resource<'a>, String> {
    let words: Vec<&str> = phrase
        .split_whitespace()
        .map(|it| {
            it.trim_matches(|it: char| matches!(it, '`' | '"' | '\'' | ',' | '(' | ')' | '*' | '[' | ']'))
        })
        .collect();
    let readings: Vec<(String, String)> = (0..words.len())
        .filter_map(|nth| words.split_at_checked(nth))
        .map(|(noun, name)| (noun.join(" "), name.join(" ")))
        .filter(|(noun, name)| !name.is_empty() && (noun.is_empty() || is_noun(noun)))
        .collect();
    let is = |it: &&Resource<'_>| {
        readings.iter().any(|(noun, name)| {
            (name == it.id.as_str() || name == it.name.as_str())
                && (noun.is_empty() || is_called(it.kind.as_str(), noun))
        })
    };
    let mut found = snapshot.resources().iter().filter(is);
    match (found.next(), found.next()) {
        (Some(one), None) => Ok(one),
        (Some(_), Some(_)) => {
            Err("several things of the snapshot are called so: name it by its ARN".to_owned())
        }
        (None, _) => Err(format!("nothing in the snapshot is called `{}`", sanitize(phrase, 120))),
    }
}
