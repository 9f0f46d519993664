//! Carrying out one change of a plan: what is to be done next, and what to make of what came of it. Pure: reads, calls and waiting are
//! effects that somebody else has, and whether anything may happen is nobody's decision here: each call is asked for at a gateway like
//! anybody's, and how far it is says the server.
//!
//! A step: its checks before, its turn by the server's word, its call, how it stands then, its checks after. A call of which nobody knows
//! the outcome is asked about and not made again, unless the server says that nobody knows it there either, or that it was told to come
//! again. The first thing that is not as it should be stops the plan: the change is withdrawn, and what ran is taken back, the last first;
//! nothing is while a step may still be under way, nor by a call of the plan's own where nobody knows what it would take back.

mod stop;
mod wire;

use model::{ChangeState, StepState};

pub use stop::{Stop, Taken, Why};

use crate::{Call, Check, Step, Undo};

/// How often an outcome that is not known yet is asked for again, and how many seconds apart.
const TRIES: u16 = 20;
const PAUSE_S: u16 = 2;
/// The same of an inverse that the cloud does not take yet, while what it reverses still goes on.
const TRIES_BACK: u16 = 12;
const PAUSE_BACK_S: u16 = 10;

/// When a check is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Moment {
    Before,
    After,
}

/// What a check made of what was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looked {
    Passed,
    Failed(String),
    /// It could not be carried out, which is no pass.
    Unknown(String),
}

/// What is to be done next; steps by their places in the change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Do<'p> {
    /// Propose the steps as one change.
    Propose,
    /// Ask the server how the change stands.
    Ask,
    /// It is held: wait for people, or give up.
    Wait,
    /// Read, and judge by the check.
    Check {
        step: usize,
        check: &'p Check,
        moment: Moment,
        of: Of,
    },
    /// Wait so many seconds.
    Pause(u16),
    /// Everything that must hold before this step does.
    Ready(usize),
    /// Make the call of this step, at its gateway.
    Call(usize),
    /// A step is done and was checked.
    Note(usize),
    Withdraw,
    /// Have the captured inverse of this step carried out.
    Undo(usize),
    /// Make this call, which takes back a step; the nth of several.
    Inverse {
        step: usize,
        call: &'p Call,
        nth: usize,
    },
    End(Ending),
}

/// What a check is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// For its step.
    Step,
    /// For what shall continue: this guard, by its place.
    Guard(usize),
}

/// What shall continue, and is measured before and after each step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard<'p> {
    /// The checks after each step that ran before, once more.
    WhatRan,
    Check(&'p Check),
}

/// How it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// People decide, and nobody waits any longer.
    Held,
    /// It was not taken on.
    Denied(String),
    Stopped(Stop),
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// How the change stands, and its steps in their order.
    Stands(ChangeState, Vec<StepState>),
    /// A proposal was refused; why.
    Refused(String),
    /// Nobody waits any longer.
    GaveUp,
    Checked(Looked),
    /// A pause is over, something was noted, a change withdrawn, as far as it could be.
    Over,
    Called(Called),
    /// What came of an undo or an inverse.
    Undid(Undid),
}

/// What came of taking a step back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Undid {
    Back,
    /// The cloud did not take it; in a while it may.
    NotYet(String),
    Not(String),
}

/// What is on record of steps that stand in a change already, by their places.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Ran, and every check after it passed.
    pub checked: Vec<bool>,
    /// How many of its own calls that take it back were made.
    pub inverted: Vec<usize>,
    /// The next of them was begun, and what came of it is not on record.
    pub unanswered: Vec<bool>,
}

impl Known {
    fn made(&self, step: usize) -> usize {
        self.inverted.get(step).copied().unwrap_or_default()
    }

    fn is_unanswered(&self, step: usize) -> bool {
        self.unanswered.get(step).copied().unwrap_or_default()
    }
}

/// What was answered to a call; what it did says the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Called {
    Answered,
    /// In a few words.
    Refused(String),
    /// It was not taken on now, and may be asked for again.
    Later(String),
    /// Nobody knows; it may still be on its way.
    Unsure(String),
}

impl Called {
    fn said(&self) -> String {
        match self {
            Self::Answered => "it was answered, and the change does not have it".to_owned(),
            Self::Refused(why) | Self::Later(why) | Self::Unsure(why) => why.clone(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    Proposing,
    Asking,
    Waiting,
    Checking {
        step: usize,
        moment: Moment,
        nth: usize,
        looks: u16,
        pausing: bool,
    },
    Ready(usize),
    /// How it stands is asked for: before its call, right after it, or after a pause.
    Settling(Turn),
    Calling(Turn),
    Unsettled(Turn),
    Noting(usize),
    Withdrawing,
    /// What began before the change was withdrawn goes on: how it stands is asked once more.
    Withdrawn,
    /// Steps that ran, the next to take back last; `nth` of its inverses.
    Undoing {
        left: Vec<usize>,
        nth: usize,
        tries: u16,
        pausing: bool,
    },
    Over(Ending),
}

/// A step whose turn it is.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Turn {
    step: usize,
    /// Pauses so far.
    tries: u16,
    /// What was answered last; none where it was not called here yet.
    called: Option<Called>,
    /// Nothing was called since the last pause.
    fresh: bool,
}

impl Turn {
    const fn of(step: usize) -> Self {
        Self { step, tries: 0, called: None, fresh: true }
    }
}

#[derive(Clone, Debug)]
pub struct Conduct<'p> {
    steps: Vec<&'p Step>,
    guards: Vec<Guard<'p>>,
    stage: Stage,
    /// By the server's last word.
    stands: Vec<StepState>,
    state: ChangeState,
    known: Known,
    stop: Option<Stop>,
}

impl<'p> Conduct<'p> {
    /// Of steps that are still to be proposed.
    pub fn begin(steps: Vec<&'p Step>, guards: Vec<Guard<'p>>) -> Self {
        let stands = vec![StepState::Pending; steps.len()];
        let (stage, state) = (Stage::Proposing, ChangeState::Held);
        Self { steps, guards, stage, stands, state, known: Known::default(), stop: None }
    }

    /// Of steps that stand in a change already.
    pub fn resume(steps: Vec<&'p Step>, guards: Vec<Guard<'p>>, known: Known) -> Self {
        Self { stage: Stage::Asking, known, ..Self::begin(steps, guards) }
    }

    pub fn next(&self) -> Do<'p> {
        match &self.stage {
            Stage::Proposing => Do::Propose,
            Stage::Asking | Stage::Settling(_) | Stage::Withdrawn => Do::Ask,
            Stage::Waiting => Do::Wait,
            Stage::Checking { step, moment, nth, pausing, .. } => match self.check(*step, *moment, *nth) {
                Some((check, _)) if *pausing => Do::Pause(check.patience.every_s.max(1)),
                Some((check, of)) => Do::Check { step: *step, check, moment: *moment, of },
                None => Do::Ask,
            },
            Stage::Ready(step) => Do::Ready(*step),
            Stage::Calling(turn) => Do::Call(turn.step),
            Stage::Unsettled(_) => Do::Pause(PAUSE_S),
            Stage::Noting(step) => Do::Note(*step),
            Stage::Withdrawing => Do::Withdraw,
            Stage::Undoing { pausing: true, .. } => Do::Pause(PAUSE_BACK_S),
            Stage::Undoing { left, nth, .. } => match left.last() {
                Some(step) => match self.steps.get(*step).map(|it| &it.undo) {
                    Some(Undo::Calls(calls)) => match calls.get(*nth) {
                        Some(call) => Do::Inverse { step: *step, call, nth: *nth },
                        None => Do::Ask,
                    },
                    Some(Undo::NotNeeded(_) | Undo::Captured | Undo::Impossible(_)) | None => Do::Undo(*step),
                },
                None => Do::Ask,
            },
            Stage::Over(ending) => Do::End(ending.clone()),
        }
    }

    /// What does not answer what was to be done last changes nothing.
    pub fn heard(&mut self, heard: Heard) {
        let stage = self.stage.clone();
        match (stage, heard) {
            (Stage::Over(_), _) => {}
            (Stage::Proposing, Heard::Refused(why)) => self.over(Ending::Denied(why)),
            (Stage::Proposing | Stage::Asking | Stage::Waiting, Heard::Stands(state, steps)) => {
                self.stood(state, steps);
                self.go_on();
            }
            (Stage::Waiting, Heard::GaveUp) => self.over(Ending::Held),
            (Stage::Checking { step, moment, nth, looks, pausing }, heard) => match heard {
                Heard::Over if pausing => {
                    self.stage = Stage::Checking { step, moment, nth, looks, pausing: false };
                }
                Heard::Checked(looked) if !pausing => self.checked((step, moment, nth), looks, looked),
                _ => {}
            },
            (Stage::Ready(step), Heard::Over) => self.stage = Stage::Settling(Turn::of(step)),
            (Stage::Calling(turn), Heard::Called(called)) => {
                self.stage = Stage::Settling(Turn { called: Some(called), fresh: false, ..turn });
            }
            (Stage::Settling(turn), Heard::Stands(state, steps)) => {
                self.stood(state, steps);
                self.settle(turn);
            }
            (Stage::Unsettled(turn), Heard::Over) => {
                let tries = turn.tries.saturating_add(1);
                self.stage = Stage::Settling(Turn { tries, fresh: true, ..turn });
            }
            (Stage::Noting(step), Heard::Over) => {
                self.known.checked.resize(self.steps.len(), false);
                if let Some(checked) = self.known.checked.get_mut(step) {
                    *checked = true;
                }
                self.to(step.saturating_add(1));
            }
            (Stage::Withdrawing, Heard::Over) => self.stage = Stage::Withdrawn,
            (Stage::Withdrawn, Heard::Stands(state, steps)) => {
                self.stood(state, steps);
                self.take_back();
            }
            (Stage::Undoing { left, nth, tries, pausing: true }, Heard::Over) => {
                self.stage = Stage::Undoing { left, nth, tries, pausing: false };
            }
            (Stage::Undoing { left, nth, tries, pausing: false }, Heard::Undid(came)) => {
                self.undid(left, nth, tries, came);
            }
            _ => {}
        }
    }

    fn stood(&mut self, state: ChangeState, mut steps: Vec<StepState>) {
        steps.resize(self.steps.len(), StepState::Pending);
        (self.state, self.stands) = (state, steps);
    }

    /// From how it stands to what is next.
    fn go_on(&mut self) {
        match self.state {
            ChangeState::Denied if !self.any_ran() => {
                return self.over(Ending::Denied("policy denies it".to_owned()));
            }
            ChangeState::Held => {
                self.stage = Stage::Waiting;
                return;
            }
            ChangeState::Rejected | ChangeState::Expired | ChangeState::Withdrawn | ChangeState::Denied => {
                return self.halt(None, Why::Closed(self.state));
            }
            ChangeState::Approved
            | ChangeState::Executing
            | ChangeState::Executed
            | ChangeState::Undone
            | ChangeState::Failed
            | ChangeState::Unknown => {}
        }
        let nth = |state: StepState| self.stands.iter().position(|it| *it == state);
        if let Some(step) = nth(StepState::Failed) {
            return self.halt(Some(step), Why::Failed("its call failed".to_owned()));
        }
        if let Some(step) = nth(StepState::Undone) {
            return self.halt(Some(step), Why::Undone);
        }
        // It was being taken back.
        let taken_back = |step: &usize| self.known.made(*step) > 0 || self.known.is_unanswered(*step);
        if let Some(step) = (0..self.steps.len()).find(taken_back) {
            return self.halt(Some(step), Why::Undone);
        }
        let next = self.stands.iter().position(|it| *it != StepState::Executed);
        let next = next.unwrap_or(self.steps.len());
        let checked = |step: &usize| self.known.checked.get(*step).copied().unwrap_or_default();
        match next.checked_sub(1).filter(|last| !checked(last)) {
            Some(last) => self.look(last, Moment::After, 0),
            None => self.to(next),
        }
    }

    /// To a step whose turn it is.
    fn to(&mut self, step: usize) {
        match self.stands.get(step) {
            None => self.over(Ending::Done),
            Some(StepState::Pending) => self.look(step, Moment::Before, 0),
            Some(StepState::Executing | StepState::Unknown) => self.stage = Stage::Settling(Turn::of(step)),
            Some(StepState::Executed) => self.look(step, Moment::After, 0),
            Some(StepState::Failed) => self.halt(Some(step), Why::Failed("its call failed".to_owned())),
            Some(StepState::Undone) => self.halt(Some(step), Why::Undone),
        }
    }

    /// Before a step first what shall continue, after it last.
    fn check(&self, step: usize, moment: Moment, nth: usize) -> Option<(&'p Check, Of)> {
        let own: &'p Step = self.steps.get(step)?;
        let ran = self.steps.get(..step)?;
        let until = match moment {
            Moment::Before => step,
            Moment::After => step.saturating_add(1),
        };
        let guards = self.guards.iter().enumerate().flat_map(|(place, guard)| {
            let (ran, one) = match guard {
                Guard::WhatRan => (ran, None),
                Guard::Check(check) => (&[][..], Some(*check)),
            };
            let of = move |(nth, step): (usize, &&'p Step)| {
                let step: &'p Step = step;
                step.after.iter().filter(move |check| !self.superseded(check, nth, until))
            };
            let parts = ran.iter().enumerate().flat_map(of).chain(one);
            parts.map(move |check| (check, Of::Guard(place)))
        });
        match moment {
            Moment::Before => guards.chain(own.before.iter().map(|check| (check, Of::Step))).nth(nth),
            Moment::After => own.after.iter().map(|check| (check, Of::Step)).chain(guards).nth(nth),
        }
    }

    /// Whether a step after the nth one, and before `until`, looks at the same: what it reached is what counts from then on.
    fn superseded(&self, check: &Check, nth: usize, until: usize) -> bool {
        let later = self.steps.get(nth.saturating_add(1)..until).unwrap_or_default();
        let mut after = later.iter().flat_map(|step| &step.after);
        after.any(|it| it.read == check.read && it.expect.replaces(&check.expect))
    }

    /// The nth check, or what comes once there is none left.
    fn look(&mut self, step: usize, moment: Moment, nth: usize) {
        self.stage = match (self.check(step, moment, nth), moment) {
            (Some(_), _) => Stage::Checking { step, moment, nth, looks: 0, pausing: false },
            (None, Moment::Before) => Stage::Ready(step),
            (None, Moment::After) => Stage::Noting(step),
        };
    }

    fn checked(&mut self, (step, moment, nth): (usize, Moment, usize), looks: u16, looked: Looked) {
        let Some((check, _)) = self.check(step, moment, nth) else { return };
        let again = looks < check.patience.again;
        let why = match looked {
            Looked::Passed => return self.look(step, moment, nth.saturating_add(1)),
            Looked::Failed(_) | Looked::Unknown(_) if again => {
                let looks = looks.saturating_add(1);
                self.stage = Stage::Checking { step, moment, nth, looks, pausing: true };
                return;
            }
            Looked::Failed(why) | Looked::Unknown(why) => why,
        };
        self.halt(Some(step), Why::Check { moment, check: check.id.clone(), why });
    }

    /// By the server's word, heard just now, on the step whose turn it is.
    fn settle(&mut self, turn: Turn) {
        let step = turn.step;
        // Somebody undid one before it meanwhile.
        if let Some(before) = self.stands.iter().take(step).position(|it| *it != StepState::Executed) {
            return self.halt(Some(before), Why::Undone);
        }
        let now = self.stands.get(step).copied().unwrap_or(StepState::Pending);
        let said = || turn.called.as_ref().map(Called::said).unwrap_or_default();
        match (now, self.state, &turn.called) {
            (StepState::Executed, ..) => self.look(step, Moment::After, 0),
            (StepState::Failed, ..) => self.halt(Some(step), Why::Failed(said())),
            (StepState::Undone, ..) => self.halt(Some(step), Why::Undone),
            (StepState::Unknown, ..) if turn.fresh && turn.tries <= TRIES => {
                self.stage = Stage::Calling(turn)
            }
            (StepState::Executing | StepState::Unknown, ..) => self.unsettled(turn),
            // What it was approved for is not what was seen now: people again.
            (StepState::Pending, ChangeState::Held, _) => self.stage = Stage::Waiting,
            (StepState::Pending, ChangeState::Approved | ChangeState::Executing, None) => {
                self.stage = Stage::Calling(turn);
            }
            (StepState::Pending, ChangeState::Approved | ChangeState::Executing, Some(called)) => {
                match called {
                    Called::Refused(_) => self.halt(Some(step), Why::Refused(said())),
                    Called::Later(_) if turn.fresh && turn.tries <= TRIES => {
                        self.stage = Stage::Calling(turn)
                    }
                    Called::Later(_) | Called::Answered | Called::Unsure(_) => self.unsettled(turn),
                }
            }
            // It ended between the question and the call, which then was judged by itself, outside of the plan.
            (StepState::Pending, _, Some(Called::Answered | Called::Unsure(_))) => {
                let why = format!("the change was {} when it was called: {}", self.state, said());
                self.halt(Some(step), Why::NotKnown(why));
            }
            (StepState::Pending, ..) => self.halt(Some(step), Why::Closed(self.state)),
        }
    }

    fn unsettled(&mut self, turn: Turn) {
        if turn.tries < TRIES {
            self.stage = Stage::Unsettled(turn);
            return;
        }
        let why = match &turn.called {
            Some(Called::Later(why)) => Why::Refused(why.clone()),
            Some(called) => Why::NotKnown(called.said()),
            None => Why::NotKnown("it was asked for before, and goes on".to_owned()),
        };
        self.halt(Some(turn.step), why);
    }

    fn any_ran(&self) -> bool {
        self.stands.iter().any(|it| matches!(it, StepState::Executed | StepState::Unknown))
    }

    /// Nothing of it runs any more.
    fn halt(&mut self, step: Option<usize>, why: Why) {
        let id = step.and_then(|nth| self.steps.get(nth)).map(|step| step.id.clone());
        self.stop = Some(Stop { step: id, why, taken: Vec::new() });
        if self.state.is_open() {
            self.stage = Stage::Withdrawing;
        } else {
            self.take_back();
        }
    }

    /// While one may still run, nothing before it is taken back: what comes of it would stand on nothing.
    fn take_back(&mut self) {
        let ran =
            |nth: &usize| matches!(self.stands.get(*nth), Some(StepState::Executed | StepState::Unknown));
        let left: Vec<usize> = (0..self.steps.len()).filter(ran).collect();
        let runs = self.stands.iter().position(|it| *it == StepState::Executing);
        match runs.and_then(|nth| Some((nth, self.steps.get(nth)?.id.clone()))) {
            Some((nth, id)) => self.leave(&left, nth, &id),
            None => self.next_back(left),
        }
    }

    fn leave(&mut self, ran: &[usize], runs: usize, id: &str) {
        let mut all: Vec<usize> = ran.iter().copied().chain([runs]).collect();
        all.sort_unstable();
        for nth in all.into_iter().rev() {
            let Some(step) = self.steps.get(nth) else { continue };
            let taken = match &step.undo {
                _ if nth == runs => Taken::Not("it may still be under way".to_owned()),
                Undo::NotNeeded(why) => Taken::NotNeeded(why.clone()),
                Undo::Impossible(why) => Taken::Never(why.clone()),
                Undo::Captured | Undo::Calls(_) => Taken::Not(format!(
                    "step {id} may still be under way, and nothing is taken back before that is over"
                )),
            };
            self.say(step.id.clone(), taken);
        }
        self.stopped();
    }

    /// Says of what needs no undoing, or knows none, that it does; stays at the first that has one.
    fn next_back(&mut self, mut left: Vec<usize>) {
        while let Some((place, step)) = left.last().and_then(|nth| Some((*nth, self.steps.get(*nth)?))) {
            let made = self.known.made(place);
            let taken = match &step.undo {
                Undo::NotNeeded(why) => Taken::NotNeeded(why.clone()),
                Undo::Impossible(why) => Taken::Never(why.clone()),
                Undo::Calls(calls) if calls.is_empty() => Taken::Never("no call is known".to_owned()),
                Undo::Calls(calls) if made >= calls.len() => Taken::Back,
                Undo::Calls(_) if self.known.is_unanswered(place) => Taken::Not(
                    "a call that takes it back was begun, and whether it was made is not known".to_owned(),
                ),
                Undo::Calls(_) if self.stands.get(place) == Some(&StepState::Unknown) => Taken::Not(
                    "whether it ran is not known, nor whether there is anything to take back".to_owned(),
                ),
                Undo::Captured | Undo::Calls(_) => {
                    self.stage = Stage::Undoing { left, nth: made, tries: 0, pausing: false };
                    return;
                }
            };
            self.say(step.id.clone(), taken);
            left.pop();
        }
        self.stopped();
    }

    fn stopped(&mut self) {
        let stop = self.stop.clone().unwrap_or_else(|| Stop::of(Why::Closed(self.state)));
        self.over(Ending::Stopped(stop));
    }

    fn undid(&mut self, mut left: Vec<usize>, nth: usize, tries: u16, came: Undid) {
        let Some(step) = left.last().and_then(|nth| self.steps.get(*nth)) else { return };
        let more = match &step.undo {
            Undo::Calls(calls) => nth.saturating_add(1) < calls.len(),
            _ => false,
        };
        let taken = match came {
            Undid::Back if more => {
                self.stage = Stage::Undoing { left, nth: nth.saturating_add(1), tries: 0, pausing: false };
                return;
            }
            Undid::NotYet(_) if tries < TRIES_BACK => {
                let tries = tries.saturating_add(1);
                self.stage = Stage::Undoing { left, nth, tries, pausing: true };
                return;
            }
            Undid::Back => Taken::Back,
            Undid::NotYet(why) | Undid::Not(why) => Taken::Not(why),
        };
        self.say(step.id.clone(), taken);
        left.pop();
        self.next_back(left);
    }

    fn say(&mut self, step: String, taken: Taken) {
        if let Some(stop) = &mut self.stop {
            stop.taken.push((step, taken));
        }
    }

    fn over(&mut self, ending: Ending) {
        self.stage = Stage::Over(ending);
    }
}

#[cfg(test)]
mod tests;
