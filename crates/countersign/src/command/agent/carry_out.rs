//! The hands of a run: what [`plan::conduct`] says is next is done, with the session's own credentials, at the gateway and the agent
//! listener.

use std::{collections::BTreeMap, time::Duration};

use ::plan::{
    Call, Check, Origin, Plan,
    conduct::{Called, Conduct, Do, Ending, Guard, Heard, Looked, Moment, Of, Undid},
};
use ::spec::Outcome;
use api::types::{ChangeView, Proposal, ProposedAction};
use classify_aws::gather;
use engine::{Clock as _, SystemClock};
use inventory::Answered;
use model::{ChangeId, ChangeState, Digest, StepState, Timestamp, Value};

use super::{
    super::scan::cloud::Cloud,
    again,
    folder::{self, Folder},
    reading, undo,
};
use crate::{
    agent::Agent,
    failure::{DENIED, Failure, HELD},
    output::{self, DIM, styled},
};

/// Between two requests that wait.
const TURN_MS: i64 = 250;
/// Of one request that waits.
const LONGEST_WAIT_S: i64 = 50;
const LONGEST_INTENT: usize = 1900;
pub(super) struct Hands<'a> {
    pub(super) agent: &'a Agent,
    pub(super) cloud: &'a Cloud,
    pub(super) plan: &'a Plan,
    pub(super) folder: &'a mut Folder,
    /// What the folder's lines are proved by.
    pub(super) held: &'a ::agent::Held,
    /// Until when people are waited for.
    pub(super) until: Timestamp,
    /// How many checks were read.
    pub(super) looks: u32,
    pub(super) done: Vec<bool>,
    /// What reads of each guard showed, at the step and moment that are under way.
    pub(super) guarded: BTreeMap<usize, Vec<Digest>>,
}

impl Hands<'_> {
    pub(super) async fn carry_out(&mut self, guards: &[Guard<'_>]) -> Result<Ending, Failure> {
        let plan = self.plan;
        let steps = plan.steps.iter().collect();
        let mut conduct = match self.folder.change() {
            Some(_) => Conduct::resume(steps, guards.to_vec(), self.folder.known(plan)),
            None => Conduct::begin(steps, guards.to_vec()),
        };
        loop {
            let heard = match conduct.next() {
                Do::End(ending) => return Ok(ending),
                Do::Propose => self.propose().await?,
                Do::Ask => self.stands(&self.change("").await?)?,
                Do::Wait => self.wait().await?,
                Do::Check { step, check, moment, of } => self.look((step, moment, of), check, guards).await?,
                Do::Pause(seconds) => {
                    tokio::time::sleep(Duration::from_secs(u64::from(seconds))).await;
                    Heard::Over
                }
                Do::Ready(step) => {
                    self.say(step, Moment::Before, guards)?;
                    Heard::Over
                }
                Do::Call(step) => Heard::Called(self.call(step).await),
                Do::Note(step) => {
                    self.say(step, Moment::After, guards)?;
                    self.note(step)?;
                    Heard::Over
                }
                Do::Withdraw => self.withdraw().await,
                Do::Undo(step) => Heard::Undid(self.undo(step).await?),
                Do::Inverse { step, call, nth } => Heard::Undid(self.inverse(step, call, nth).await?),
            };
            conduct.heard(heard);
        }
    }

    async fn propose(&mut self) -> Result<Heard, Failure> {
        let action = |step: &::plan::Step| ProposedAction {
            service: step.call.service.clone(),
            operation: step.call.operation.clone(),
            region: Some(step.call.region.clone()),
            parameters: step.call.parameters.clone(),
            unverified: matches!(step.origin, Origin::Unverified { .. }),
        };
        let proposal = Proposal {
            intent: model::sanitize(&self.plan.goal, LONGEST_INTENT),
            actions: self.plan.steps.iter().map(action).collect(),
        };
        let body = serde_json::to_vec(&proposal).map_err(Failure::unexpected)?;
        // The server answers the same actions with the change in which they stand: asked twice, they stand in one.
        let propose = async || self.agent.send::<ChangeView>("POST", "/v1/changes", body.clone()).await;
        match again::heard(propose, async || Ok(None), tokio::time::sleep).await {
            Ok(view) => {
                self.folder.stands_in(view.id)?;
                output::note(format!("proposed as {}: {}", view.id, view.state));
                if view.state == ChangeState::Denied {
                    let reasons: Vec<&str> =
                        view.verdict.rules.iter().map(|rule| rule.reason.as_str()).collect();
                    return Ok(Heard::Refused(reasons.join("; ")));
                }
                self.stands(&view)
            }
            Err(failure) if [DENIED, HELD, crate::failure::USAGE].contains(&failure.exit) => {
                Ok(Heard::Refused(failure.message))
            }
            Err(failure) => Err(failure),
        }
    }

    /// The change, by the end of its address.
    async fn change(&self, more: &str) -> Result<ChangeView, Failure> {
        let id = self.folder.change().ok_or_else(|| Failure::unexpected("there is no change yet"))?;
        let target = format!("/v1/changes/{id}{more}");
        let ask = async || self.agent.send("GET", &target, Vec::new()).await;
        again::heard(ask, async || Ok(None), tokio::time::sleep).await
    }

    async fn now(&self, id: ChangeId) -> Result<ChangeView, Failure> {
        self.agent.send("GET", &format!("/v1/changes/{id}"), Vec::new()).await
    }

    async fn wait(&self) -> Result<Heard, Failure> {
        let left = self.until.since(SystemClock.now()).div_euclid(1000).min(LONGEST_WAIT_S);
        if left <= 0 {
            return Ok(Heard::GaveUp);
        }
        let asked = SystemClock.now();
        let view = match self.change(&format!("/wait?seconds={left}")).await {
            // Too many requests of the session wait already: how it stands is told to whoever does not.
            Err(failure) if failure.busy => self.change("").await?,
            answered => answered?,
        };
        // One that stands down answers at once.
        let spare = TURN_MS.saturating_sub(SystemClock.now().since(asked));
        if view.state == ChangeState::Held
            && let Ok(spare) = u64::try_from(spare)
        {
            tokio::time::sleep(Duration::from_millis(spare)).await;
        }
        self.stands(&view)
    }

    async fn look(
        &mut self,
        (step, moment, of): (usize, Moment, Of),
        check: &Check,
        guards: &[Guard<'_>],
    ) -> Result<Heard, Failure> {
        let id = self.step(step).to_owned();
        if moment == Moment::Before {
            self.folder.begun(&id)?;
        }
        let now = SystemClock.now();
        let (looked, evidence) = reading::look(self.cloud, check, now).await;
        self.looks = self.looks.saturating_add(1);
        let evidence = self.folder.evidence(&evidence)?;
        let outcome = match &looked {
            Looked::Passed => Outcome::Passed { evidence },
            Looked::Failed(why) => Outcome::Failed { evidence, why: why.clone() },
            Looked::Unknown(why) => Outcome::Unknown { why: why.clone() },
        };
        let held = self.held;
        match (of, &looked) {
            (Of::Step, _) => {
                self.folder.record((&id, moment), folder::own(&check.id, held), &outcome, now)?
            }
            (Of::Guard(nth), Looked::Passed) => self.guarded.entry(nth).or_default().push(evidence),
            (Of::Guard(nth), Looked::Failed(_) | Looked::Unknown(_)) => {
                self.folder.record((&id, moment), folder::guard(nth, held), &outcome, now)?;
            }
        }
        let said = match &looked {
            Looked::Passed => "passed".to_owned(),
            Looked::Failed(why) | Looked::Unknown(why) => model::sanitize(why, 200),
        };
        let guard = match of {
            Of::Step => "",
            Of::Guard(nth) if guards.get(nth).is_some_and(|it| *it == Guard::WhatRan) => "still ",
            Of::Guard(_) => "unchanged ",
        };
        output::note(styled(DIM, format!("  {id} {guard}{}: {said}", model::sanitize(&check.id, 64))));
        Ok(Heard::Checked(looked))
    }

    /// Everything that shall continue was measured around this step, at this moment.
    fn say(&mut self, step: usize, moment: Moment, guards: &[Guard<'_>]) -> Result<(), Failure> {
        let (id, now) = (self.step(step).to_owned(), SystemClock.now());
        let mut guarded = std::mem::take(&mut self.guarded);
        for nth in 0..guards.len() {
            let parts = guarded.remove(&nth).unwrap_or_default();
            let evidence = self.folder.together(now, &parts)?;
            let outcome = Outcome::Passed { evidence };
            self.folder.record((&id, moment), folder::guard(nth, self.held), &outcome, now)?;
        }
        // Whatever else shall continue by the specification was not measured, and is not said to be.
        let outcome = Outcome::Unknown { why: String::new() };
        self.folder.record((&id, moment), folder::unmeasured(self.held), &outcome, now)
    }

    async fn call(&self, step: usize) -> Called {
        let Some(step) = self.plan.steps.get(step) else { return Called::Refused("no such step".to_owned()) };
        let call = format!("{}:{}", step.call.service, step.call.operation);
        output::note(format!("{} {}", step.id, model::sanitize(&call, 120)));
        called(&self.cloud.call(&step.call.wire()).await)
    }

    fn note(&mut self, step: usize) -> Result<(), Failure> {
        if let Some(done) = self.done.get_mut(step) {
            *done = true;
        }
        let id = self.step(step).to_owned();
        // Where nothing was looked at, it is the server's word that the cloud took the call.
        if self.plan.steps.get(step).is_some_and(|it| it.after.is_empty())
            && let Ok(task) = id.parse()
        {
            let now = SystemClock.now();
            let outcome = Outcome::Passed { evidence: self.folder.executed(now, &id)? };
            let check = ::agent::answered(&task);
            let own = folder::own(&check, self.held);
            self.folder.record((&id, Moment::After), own, &outcome, now)?;
        }
        self.folder.done(&id)
    }

    /// One that cannot be withdrawn runs no further either: nobody asks for its steps any more.
    async fn withdraw(&self) -> Heard {
        if let Some(id) = self.folder.change() {
            let target = format!("/v1/changes/{id}/withdraw");
            let withdraw = async || self.agent.send::<ChangeView>("POST", &target, Vec::new()).await;
            let closed =
                async || self.now(id).await.map(|view| Some(view).filter(|view| !view.state.is_open()));
            if let Err(failure) = again::heard(withdraw, closed, tokio::time::sleep).await {
                output::note(format!("{id} was not withdrawn: {}", model::sanitize(&failure.message, 300)));
            }
        }
        Heard::Over
    }

    async fn undo(&mut self, step: usize) -> Result<Undid, Failure> {
        let id = self.folder.change().ok_or_else(|| Failure::unexpected("there is no change yet"))?;
        let nth = step.saturating_add(1);
        let name = id.to_string();
        let undo = async || undo::one(self.agent, &name, step).await.map(Some);
        let undone = |view: &ChangeView| {
            view.actions.get(step).is_some_and(|action| action.state == StepState::Undone.name())
        };
        let look = async || self.now(id).await.map(|view| undone(&view).then_some(None));
        Ok(match again::heard(undo, look, tokio::time::sleep).await {
            Ok(Some(view)) if view.state != ChangeState::Executed => {
                Undid::Not(format!("its undo is {} as {}", view.state, view.id))
            }
            // By its own answer, or by how the change stands where that did not come.
            Ok(Some(_) | None) => {
                self.taken(step);
                Undid::Back
            }
            Err(failure) if failure.exit == HELD => {
                let held = failure.change.map_or_else(String::new, |it| format!(" as {it}"));
                Undid::Not(format!(
                    "people decide on its undo{held}; then: countersign agent undo {id} --action {nth}"
                ))
            }
            Err(failure) => Undid::Not(failure.message),
        })
    }

    /// That it is made is written down before it is, and what came of it after: whoever goes on does not make it again.
    async fn inverse(&mut self, step: usize, call: &Call, nth: usize) -> Result<Undid, Failure> {
        let id = self.step(step).to_owned();
        self.folder.inverting(&id)?;
        let answered = self.cloud.call(&call.wire()).await;
        let came = called(&answered);
        match &came {
            Called::Answered => {
                self.taken(step);
                self.folder.inverted(&id, nth.saturating_add(1))?;
            }
            Called::Refused(_) | Called::Later(_) => self.folder.not_inverting(&id)?,
            Called::Unsure(_) => {}
        }
        Ok(match came {
            Called::Answered => Undid::Back,
            Called::Refused(why) if decided(&answered) => Undid::Not(why),
            Called::Refused(why) | Called::Later(why) => Undid::NotYet(why),
            Called::Unsure(why) => Undid::Not(format!("whether it was taken back is not known: {why}")),
        })
    }

    fn taken(&mut self, step: usize) {
        if let Some(done) = self.done.get_mut(step) {
            *done = false;
        }
    }

    /// A state that is not known counts as one of which nobody knows the outcome. A change of other actions than the plan's is none of
    /// this plan.
    fn stands(&self, view: &ChangeView) -> Result<Heard, Failure> {
        let name = |operation: &str| operation.rsplit(':').next().map(str::to_owned);
        let same = view.actions.len() == self.plan.steps.len()
            && view.actions.iter().zip(&self.plan.steps).all(|(action, step)| {
                name(&action.operation).as_deref() == Some(step.call.operation.as_str())
            });
        if !same {
            return Err(Failure::usage(format!("{} has other actions than this plan", view.id))
                .hint("a plan that was edited is a new one: begin it with --plan"));
        }
        let state = |name: &str| {
            serde_json::from_value(serde_json::Value::String(name.to_owned())).unwrap_or(StepState::Unknown)
        };
        let stands: Vec<StepState> = view.actions.iter().map(|action| state(&action.state)).collect();
        // The server says so at its next round, and judges a call by itself from now on.
        let over = SystemClock.now() >= view.expires_at && !stands.contains(&StepState::Executing);
        let closed = if over && view.state.is_open() { ChangeState::Expired } else { view.state };
        Ok(Heard::Stands(closed, stands))
    }

    fn step(&self, nth: usize) -> &str {
        self.plan.steps.get(nth).map_or("", |step| step.id.as_str())
    }
}

/// The codes with which the gateway asks to come again, as every protocol has them.
const LATER: [&str; 4] = ["Throttling", "ThrottlingException", "RequestLimitExceeded", "SlowDown"];

/// Whether it was the gateway that refused: asking again changes nothing.
fn decided(answered: &Answered) -> bool {
    matches!(answered, Answered::Answer(answer) if message(answer).starts_with("Countersign "))
}

/// What it did says the server; this only says whether asking again is of use.
fn called(answered: &Answered) -> Called {
    match answered {
        Answered::Nothing(why) => Called::Unsure(model::sanitize(why, 300)),
        Answered::Answer(answer) => match answer.status {
            200..=399 => Called::Answered,
            _ if LATER.contains(&gather::error_code(answer).as_str()) => Called::Later(message(answer)),
            400..=499 => Called::Refused(message(answer)),
            _ => Called::Unsure(message(answer)),
        },
    }
}

/// In the words of whoever refused, as every protocol has them.
fn message(answer: &gather::ReadAnswer) -> String {
    let body = gather::understood(&answer.body).unwrap_or(Value::Null);
    let nested = ["Error", "Errors"].iter().filter_map(|name| body.get(name));
    let nested: Vec<&Value> = nested.flat_map(|it| [Some(it), it.get("Error")]).flatten().collect();
    let text = std::iter::once(&body).chain(nested).find_map(|it| {
        ["message", "Message"].iter().find_map(|name| it.get(name)?.as_text().map(str::to_owned))
    });
    let code = gather::error_code(answer);
    model::sanitize(&text.unwrap_or_else(|| format!("status {} ({code})", answer.status)), 600)
}
