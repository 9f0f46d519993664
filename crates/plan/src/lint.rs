//! Reading a plan that anybody may have written: nothing in it is believed that can be computed. Effects are classified again from the
//! calls; what is said milder than it is, is an error.

use std::collections::BTreeSet;

use findings::{Judge, Judged};
use model::{Change, Effect, EffectSet, sanitize};
use serde::Serialize;

use crate::{Call, Check, Expectation, Origin, Plan, SCHEMA, Step, Undo, make, pack};

/// A plan's text has at most so many bytes.
pub const MOST_BYTES: usize = 1 << 21;
/// Of an alternative: it is shown and never run.
const MOST_WEIGHED: usize = 100;
const MOST_WORDS: usize = 4096;
const MOST_CHECKS: usize = 20;
const MOST_ALTERNATIVES: usize = 10;
/// Looks times seconds between them: no check is patient for longer than half a day.
const MOST_PATIENCE_S: u32 = 12 * 3600;

/// Something wrong in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Problem {
    /// As `steps[2].effects`.
    pub place: String,
    pub what: String,
}

/// The plan in a text, and all that is right with it.
///
/// # Errors
/// With everything that is wrong.
pub fn read(text: &str) -> Result<Plan, Vec<Problem>> {
    let whole = |what: String| vec![Problem { place: "plan".into(), what }];
    if text.len() > MOST_BYTES {
        return Err(whole(format!("it has {} bytes, and at most {MOST_BYTES} are read", text.len())));
    }
    let plan: Plan = serde_json::from_str(text).map_err(|err| whole(sanitize(&err.to_string(), 300)))?;
    let problems = lint(&plan);
    if problems.is_empty() { Ok(plan) } else { Err(problems) }
}

/// Everything that is wrong with a plan; nothing: it may be proposed.
pub fn lint(plan: &Plan) -> Vec<Problem> {
    let mut run = Run { judge: Judge::new(&plan.basis.account), problems: Vec::new() };
    run.plan(plan);
    run.problems
}

struct Run {
    judge: Judge,
    problems: Vec<Problem>,
}

impl Run {
    fn tell(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.problems.push(Problem { place: place.into(), what: what.into() });
    }

    fn most(&mut self, place: &str, count: usize, most: usize) -> bool {
        if count > most {
            self.tell(place, format!("there are {count}, and at most {most} are taken"));
        }
        count <= most
    }

    /// Whatever reaches people is shown as it stands, or not at all.
    fn words<'t>(&mut self, place: &str, texts: impl IntoIterator<Item = &'t String>) {
        for text in texts {
            if sanitize(text, MOST_WORDS) != *text {
                self.tell(place, "its words are too long, or hold what a terminal would obey");
            }
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.words("goal", [&plan.goal]);
        self.words("unknowns", &plan.unknowns);
        self.words("traps", &plan.traps);
        self.words("basis.findings", &plan.basis.findings);
        if plan.schema != SCHEMA {
            self.tell("schema", format!("`{}` is not known: it is {SCHEMA}", sanitize(&plan.schema, 80)));
        }
        let account = &plan.basis.account;
        if account.len() != 12 || !account.bytes().all(|byte| byte.is_ascii_digit()) {
            self.tell("basis.account", "an account has twelve digits");
        }
        if plan.steps.is_empty() {
            self.tell("steps", "a plan has at least one step");
        }
        if !self.most("steps", plan.steps.len(), Change::MAX_STEPS)
            || !self.most("alternatives", plan.alternatives.len(), MOST_ALTERNATIVES)
        {
            return;
        }
        if plan.id != Plan::id_of(&plan.steps) {
            self.tell("id", "it is not that of the steps' calls");
        }
        if plan.follows == Some(plan.id) {
            self.tell("follows", "a plan does not follow itself");
        }
        let mut ids = BTreeSet::new();
        let mut checks = BTreeSet::new();
        for (nth, step) in plan.steps.iter().enumerate() {
            let place = format!("steps[{nth}]");
            if !ids.insert(step.id.as_str()) {
                self.tell(format!("{place}.id"), format!("`{}` stands there twice", sanitize(&step.id, 64)));
            }
            self.step(&place, step);
            for check in step.before.iter().chain(&step.after) {
                if !checks.insert(check.id.as_str()) {
                    self.tell(&place, format!("the check `{}` stands there twice", sanitize(&check.id, 64)));
                }
            }
        }
        if self.most("guards", plan.guards.len(), MOST_CHECKS) {
            for (nth, check) in plan.guards.iter().enumerate() {
                let place = format!("guards[{nth}]");
                self.check(&place, check);
                if !checks.insert(check.id.as_str()) {
                    self.tell(&place, format!("the check `{}` stands there twice", sanitize(&check.id, 64)));
                }
            }
        }
        self.milder("effects", plan.effects, pack::effects(&plan.steps));
        for (nth, alternative) in plan.alternatives.iter().enumerate() {
            let place = format!("alternatives[{nth}]");
            if !self.most(&format!("{place}.steps"), alternative.steps.len(), MOST_WEIGHED) {
                continue;
            }
            self.words(&place, [&alternative.name, &alternative.why_not]);
            self.words(
                &place,
                alternative.interrupts.iter().chain(&alternative.destroys).chain(&alternative.loses),
            );
            for (nth, step) in alternative.steps.iter().enumerate() {
                self.step(&format!("{place}.steps[{nth}]"), step);
            }
            self.milder(&format!("{place}.effects"), alternative.effects, pack::effects(&alternative.steps));
            if alternative.undoable && alternative.steps.iter().any(|step| !step.undoable) {
                self.tell(format!("{place}.undoable"), "one of its steps cannot be undone");
            }
        }
    }

    fn step(&mut self, place: &str, step: &Step) {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if step.id.is_empty() || step.id.len() > 32 || !step.id.bytes().all(fits) {
            self.tell(format!("{place}.id"), "an id is of letters, digits, dots and hyphens");
        }
        self.words(place, step.about.iter().chain([&step.why]).chain(&step.interrupts));
        if let Undo::NotNeeded(why) | Undo::Impossible(why) = &step.undo {
            self.words(&format!("{place}.undo"), [why]);
        }
        match &step.origin {
            Origin::Unverified { why } => self.words(&format!("{place}.origin"), [why]),
            Origin::Derived { findings } => self.words(&format!("{place}.origin"), findings),
        }
        let Some(judged) = self.judged(&format!("{place}.call"), &step.call) else { return };
        let judged = make::as_undone(judged, step);
        self.milder(&format!("{place}.effects"), step.effects, judged.effects);
        if step.undoable && !judged.undoable() {
            self.tell(format!("{place}.undoable"), "by the operation table it cannot be undone");
        }
        self.undo(&format!("{place}.undo"), step, &judged);
        if step.about.is_empty() && matches!(step.origin, Origin::Derived { .. }) {
            self.tell(format!("{place}.about"), "what is derived is about a resource");
        }
        let count = step.before.len() + step.after.len();
        if self.most(place, count, MOST_CHECKS) {
            for (which, checks) in [("before", &step.before), ("after", &step.after)] {
                for (nth, check) in checks.iter().enumerate() {
                    self.check(&format!("{place}.{which}[{nth}]"), check);
                }
            }
        }
    }

    fn undo(&mut self, place: &str, step: &Step, judged: &Judged) {
        match &step.undo {
            Undo::Captured if judged.undo != model::Undo::Capturable => {
                self.tell(place, "the engine captures no inverse of this call");
            }
            Undo::Calls(_) | Undo::Impossible(_) if judged.undo == model::Undo::Capturable => {
                self.tell(place, "the engine captures its inverse: it is `captured`");
            }
            Undo::Calls(_) if judged.undo != model::Undo::Unlisted => {
                self.tell(place, "nothing needs undoing")
            }
            Undo::NotNeeded(_) if !matches!(judged.undo, model::Undo::NotNeeded | model::Undo::Additive) => {
                self.tell(place, "it changes something, and that needs undoing");
            }
            Undo::Calls(calls) if calls.is_empty() => self.tell(place, "no call undoes nothing"),
            Undo::Calls(calls) => {
                if self.most(place, calls.len(), MOST_CHECKS) {
                    for (nth, call) in calls.iter().enumerate() {
                        self.inverse(&format!("{place}[{nth}]"), call, step, judged);
                    }
                }
            }
            Undo::Captured | Undo::NotNeeded(_) | Undo::Impossible(_) => {}
        }
    }

    /// It does no more than its step, to nothing else, and is one that the planner knows of the step's operation.
    fn inverse(&mut self, place: &str, call: &Call, step: &Step, judged: &Judged) {
        let Some(inverse) = self.judged(place, call) else { return };
        if call.region != step.call.region {
            self.tell(place, "it is for another region than its step");
        }
        let others: Vec<String> = inverse
            .resources
            .iter()
            .filter(|name| !judged.resources.iter().any(|own| is_same(own, name)))
            .map(|name| sanitize(name, 120))
            .collect();
        if !others.is_empty() {
            self.tell(place, format!("it names what its step does not: {}", others.join(", ")));
        }
        if inverse.effects.worst() > judged.effects.worst() {
            self.tell(place, format!("it does worse than its step: {}", inverse.effects));
        }
        if !make::is_inverse(call, &step.call) {
            self.tell(place, "the planner knows no such inverse of its step");
        }
    }

    fn check(&mut self, place: &str, check: &Check) {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if check.id.is_empty() || check.id.len() > 64 || !check.id.bytes().all(fits) {
            self.tell(format!("{place}.id"), "an id is of small letters, digits and hyphens");
        }
        self.words(&format!("{place}.verifies"), [&check.verifies]);
        let patience = u32::from(check.patience.again) * u32::from(check.patience.every_s);
        if patience > MOST_PATIENCE_S {
            self.tell(
                format!("{place}.patience"),
                format!("it would wait {patience} seconds, and at most {MOST_PATIENCE_S}"),
            );
        }
        if let Expectation::Absent { codes, path: None } = &check.expect
            && codes.is_empty()
        {
            self.tell(format!("{place}.expect"), "nothing could say that it is not there");
        }
        let read = format!("{place}.read");
        if let Some(judged) = self.judged(&read, &check.read)
            && !judged.effects.is_plain_read()
        {
            self.tell(read, format!("a check is a plain read, and this does: {}", judged.effects));
        }
    }

    /// What the call does; a call that is not known is a problem.
    fn judged(&mut self, place: &str, call: &Call) -> Option<Judged> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if call.region.is_empty() || call.region.len() > 32 || !call.region.bytes().all(fits) {
            self.tell(format!("{place}.region"), "a region is of small letters, digits and hyphens");
        }
        match self.judge.call(&call.service, &call.operation, &call.region, &call.parameters) {
            Ok(judged) => Some(judged),
            Err(err) => {
                self.tell(place, sanitize(&err.to_string(), 300));
                None
            }
        }
    }

    fn milder(&mut self, place: &str, said: EffectSet, is: EffectSet) {
        let missing: Vec<_> = is
            .iter()
            .filter(|effect| *effect > Effect::Read && !said.contains(*effect))
            .map(|effect| effect.name())
            .collect();
        if !missing.is_empty() {
            self.tell(place, format!("it is said milder than it is: {} is missing", missing.join(", ")));
        }
    }
}

/// One name, or an ARN and the name at its end.
fn is_same(one: &str, other: &str) -> bool {
    let ends = |long: &str, short: &str| {
        let behind = long.strip_suffix(short).filter(|_| !short.is_empty() && !short.starts_with("arn:"));
        behind.is_some_and(|rest| rest.starts_with("arn:") && rest.ends_with([':', '/']))
    };
    one == other || ends(one, other) || ends(other, one)
}
