//! What came of a run, for people and for programs.

use std::process::ExitCode;

use ::plan::conduct::{Ending, Taken, Why};
use api::types::SessionView;
use model::ChangeId;
use serde::Serialize;

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
}

impl Planned {
    /// It was broken off, and nobody knows how far it is.
    pub(super) fn broke_off(&mut self, failure: &Failure) {
        (self.state, self.broke_off) = (State::Stopped, true);
        self.why = Some(model::sanitize(&failure.message, 600));
    }

    /// Whether something of it is held, may still be under way, or stands and is only this session's to undo.
    pub(super) fn needs_session(&self) -> bool {
        let stands = |taken: &TakenBack| !taken.undone && taken.what.starts_with("stands");
        self.state == State::Held
            || (self.broke_off && self.change.is_some())
            || self.taken_back.iter().any(stands)
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
                };
                self.taken_back = stop.taken.into_iter().map(taken).collect();
            }
        }
    }
}

impl Outcome {
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
            for taken in &plan.taken_back {
                output::line(format!("  step {} {}", taken.step, taken.what));
            }
            if let (State::Held, Some(id)) = (plan.state, plan.change) {
                output::line(format!(
                    "  people decide: countersign change show {id}, and change approve {id}"
                ));
                output::line(format!("  then: countersign agent run --resume {}", plan.folder));
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
