//! What came of a run, for people and for programs.

use std::{collections::BTreeSet, path::Path, process::ExitCode};

use ::plan::conduct::{Ending, Taken, Why};
use api::types::{ReportLine, SessionView};
use model::{ChangeId, EntryId};
use serde::Serialize;

use super::folder;
use crate::{
    cli::Format,
    failure::{CLOSED, DENIED, Failure, HELD},
    output::{self, BAD, BOLD, DIM, GOOD, WARN, styled},
};

/// Everything that one run did.
#[derive(Default, Serialize)]
pub(super) struct Outcome {
    pub(super) plans: Vec<Planned>,
    /// What no plan answers.
    pub(super) left: Vec<Left>,
    /// What a model said, where one was asked. Markdown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) answer: Option<String>,
    /// All that it answered, for the specifications.
    #[serde(skip)]
    pub(super) said: Option<String>,
    /// What a model wanted and did not get, or said without effect; on record in the entry `reported`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) kept: Vec<ReportLine>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reported: Option<EntryId>,
    /// How many checks were read.
    pub(super) looks: u32,
    /// Where it was opened for this run: what the server has on record of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionView>,
    /// What broke a plan off, and whatever comes after it was done; or why no plan was made. The first decides the exit code.
    #[serde(skip)]
    pub(super) failures: Vec<u8>,
    /// A plan is being carried out.
    #[serde(skip)]
    pub(super) under_way: bool,
}

#[derive(Serialize)]
pub(super) struct Left {
    pub(super) about: String,
    pub(super) why: String,
}

/// One plan.
#[derive(Serialize)]
pub(super) struct Planned {
    pub(super) goal: String,
    pub(super) folder: String,
    pub(super) change: Option<ChangeId>,
    pub(super) state: State,
    /// Why it is where it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
    /// The step at which it stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stopped_at: Option<String>,
    pub(super) steps: Vec<StepDone>,
    /// Lines of the specification that no machine measures: no task is ticked for them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) unmeasured: Vec<String>,
    /// What became of what had run, the last first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) taken_back: Vec<TakenBack>,
    /// Something of it may still be under way.
    #[serde(skip)]
    pub(super) broke_off: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum State {
    Done,
    /// It comes after another plan, which is not done.
    Waits,
    Held,
    Denied,
    Stopped,
}

#[derive(Serialize)]
pub(super) struct StepDone {
    pub(super) id: String,
    pub(super) call: String,
    pub(super) done: bool,
}

#[derive(Serialize)]
pub(super) struct TakenBack {
    pub(super) step: String,
    pub(super) undone: bool,
    pub(super) what: String,
    #[serde(skip)]
    taken: Taken,
}

impl Planned {
    /// It was broken off, and nobody knows how far it is.
    pub(super) fn broke_off(&mut self, failure: &Failure) {
        (self.state, self.broke_off) = (State::Stopped, true);
        self.why = Some(model::sanitize(&failure.message, 600));
    }

    /// Whether something of it is held, may still be under way, or stands and is only this session's to undo.
    pub(super) fn needs_session(&self) -> bool {
        self.state == State::Held || (self.broke_off && self.change.is_some()) || self.stands()
    }

    /// Whether something of it is still to be taken back.
    fn stands(&self) -> bool {
        self.taken_back.iter().any(|it| matches!(it.taken, Taken::Not(_)))
    }

    /// Nobody waited for how it ends: it is as far as its folder says, or further.
    fn interrupted(&mut self, on_record: Option<(ChangeId, BTreeSet<String>)>) {
        (self.state, self.broke_off) = (State::Stopped, true);
        self.why = Some("it was interrupted, and may still be under way".to_owned());
        let Some((change, checked)) = on_record else { return };
        self.change = Some(change);
        for step in &mut self.steps {
            step.done = checked.contains(&step.id);
        }
    }

    fn go_on(&self) -> String {
        format!("countersign agent run --resume {}", self.folder)
    }

    pub(super) fn end(&mut self, ending: Ending) {
        match ending {
            Ending::Done => self.state = State::Done,
            Ending::Held => self.state = State::Held,
            Ending::Denied(why) => {
                self.state = State::Denied;
                self.why = Some(model::sanitize(&why, 600));
            }
            Ending::Stopped(stop) => {
                self.state = State::Stopped;
                self.broke_off = matches!(stop.why, Why::NotKnown(_));
                self.why = Some(model::sanitize(&stop.why.to_string(), 600));
                self.stopped_at = stop.step;
                let taken = |(step, taken): (String, Taken)| TakenBack {
                    step,
                    undone: taken == Taken::Back,
                    what: model::sanitize(&taken.to_string(), 600),
                    taken,
                };
                self.taken_back = stop.taken.into_iter().map(taken).collect();
            }
        }
    }
}

impl Outcome {
    /// The plan under way is told like every other, and where to go on with it.
    pub(super) fn interrupted(&mut self) -> Failure {
        let failure = Failure::interrupted();
        let Some(last) = self.plans.last_mut().filter(|_| self.under_way) else { return failure };
        last.interrupted(folder::on_record(Path::new(&last.folder)));
        failure.hint(format!("it goes on with: {}", last.go_on()))
    }

    pub(super) fn told(&self, format: Format) -> Result<ExitCode, Failure> {
        match format {
            Format::Json => output::json(self)?,
            Format::Human => self.show(),
        }
        if let Some(exit) = self.failures.first() {
            return Ok(ExitCode::from(*exit));
        }
        let worst = self.plans.iter().map(|plan| plan.state).max().unwrap_or(State::Done);
        Ok(match worst {
            State::Done => ExitCode::SUCCESS,
            State::Waits | State::Held => ExitCode::from(HELD),
            State::Denied => ExitCode::from(DENIED),
            State::Stopped => ExitCode::from(CLOSED),
        })
    }

    fn show(&self) {
        for line in &self.kept {
            let outcome = match line.outcome {
                model::ReportedAs::Refused => "refused",
                model::ReportedAs::Claimed => "claimed, without effect",
                model::ReportedAs::Ended => "ended",
            };
            output::line(format!(
                "{}  the model, {outcome}: {}",
                styled(WARN, "!"),
                model::sanitize(&line.why, 400)
            ));
        }
        for plan in &self.plans {
            let state = match plan.state {
                State::Done => styled(GOOD, "done"),
                State::Waits => styled(WARN, "waits"),
                State::Held => styled(WARN, "held"),
                State::Denied => styled(BAD, "denied"),
                State::Stopped => styled(BAD, "stopped"),
            };
            output::line(format!("{state}  {}", styled(BOLD, model::sanitize(&plan.goal, 200))));
            output::line(format!("  {}", styled(DIM, &plan.folder)));
            for step in &plan.steps {
                let mark = if step.done { "x" } else { " " };
                output::line(format!("  [{mark}] {} {}", step.id, model::sanitize(&step.call, 160)));
            }
            if let Some(why) = &plan.why {
                let at =
                    plan.stopped_at.as_ref().map_or_else(String::new, |step| format!("at step {step}: "));
                output::line(format!("  {at}{why}"));
            }
            for line in &plan.unmeasured {
                output::line(format!(
                    "  {} not measured, so nothing is ticked for it: {line}",
                    styled(WARN, "!")
                ));
            }
            for taken in &plan.taken_back {
                output::line(format!("  step {} {}", taken.step, taken.what));
            }
            if let (State::Held, Some(id)) = (plan.state, plan.change) {
                output::line(format!(
                    "  people decide: countersign change show {id}, and change approve {id}"
                ));
                output::line(format!("  then: {}", plan.go_on()));
            }
            if plan.state == State::Stopped && (plan.broke_off || plan.stands()) {
                output::line(format!("  what is not over is gone on with by: {}", plan.go_on()));
            }
        }
        let count = |state: State| self.plans.iter().filter(|plan| plan.state == state).count();
        output::line(format!(
            "{} checks read; {} done, {} held, {} denied, {} stopped; {} left",
            self.looks,
            count(State::Done),
            count(State::Held).saturating_add(count(State::Waits)),
            count(State::Denied),
            count(State::Stopped),
            self.left.len()
        ));
        if let Some((session, summary)) =
            self.session.as_ref().and_then(|it| Some((it, it.summary.as_ref()?)))
        {
            let line = format!("session {}: {}", session.id, summary.line());
            output::line(format!("{line}; more: countersign session show {}", session.id));
        }
        for left in self.left.iter().take(MOST_LEFT) {
            let (about, why) = (model::sanitize(&left.about, 160), model::sanitize(&left.why, 200));
            output::line(styled(DIM, format!("  left: {about}: {why}")));
        }
        if self.left.len() > MOST_LEFT {
            let more = self.left.len().saturating_sub(MOST_LEFT);
            output::line(styled(DIM, format!("  and {more} more; --output json tells all")));
        }
    }
}

const MOST_LEFT: usize = 20;

#[cfg(test)]
mod tests {
    use ::plan::conduct::Stop;

    use super::*;

    fn planned() -> Planned {
        Planned {
            goal: "renew".to_owned(),
            folder: "/nowhere/.kiro/specs/renew".to_owned(),
            change: None,
            state: State::Waits,
            why: None,
            stopped_at: None,
            steps: Vec::new(),
            unmeasured: Vec::new(),
            taken_back: Vec::new(),
            broke_off: false,
        }
    }

    #[test]
    fn a_session_is_needed_for_what_is_held_or_is_still_to_be_taken_back() {
        let check = |taken: Taken, needs: bool| {
            let mut planned = planned();
            let taken = vec![("1.1".to_owned(), taken)];
            planned.end(Ending::Stopped(Stop { step: None, why: Why::Undone, taken }));
            assert_eq!(planned.needs_session(), needs, "{}", planned.taken_back[0].what);
        };
        check(Taken::Back, false);
        check(Taken::NotNeeded("only a copy".to_owned()), false);
        check(Taken::Never("it is gone".to_owned()), false);
        check(Taken::Not("people decide on its undo".to_owned()), true);
        let mut held = planned();
        held.end(Ending::Held);
        assert!(held.needs_session());
    }

    #[test]
    fn who_interrupts_a_plan_is_told_of_it_and_where_it_goes_on() {
        let mut outcome = Outcome { plans: vec![planned()], under_way: true, ..Outcome::default() };
        let failure = outcome.interrupted();
        let hint = failure.hint.unwrap_or_default();
        assert!(hint.ends_with("agent run --resume /nowhere/.kiro/specs/renew"), "{hint}");
        assert!(outcome.plans[0].state == State::Stopped && outcome.plans[0].why.is_some());
        // What was done before is not broken off.
        let mut outcome =
            Outcome { plans: vec![Planned { state: State::Done, ..planned() }], ..Outcome::default() };
        assert!(outcome.interrupted().hint.is_none() && outcome.plans[0].state == State::Done);
    }
}
