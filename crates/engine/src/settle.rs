//! After a permit: the outcome goes on the record, and what was never sent or never answered is said to be so.

use model::{Answer, Change, ChangeState, EntryKind, Fault, Kept, Level, LinkKind, Outcome, StepState};
use store::WriteError;

use crate::{Engine, Receipt, bodies, decide::DecideError, permit::StepRef, record::about};

/// What came of forwarding.
#[derive(Clone, Debug)]
pub enum Settled {
    Answered(Answer),
    /// Not a byte of it left: the permit is spent and nothing happened.
    NotSent(String),
    /// It may or may not have arrived; the target must be read back.
    Unknown(String),
}

impl Engine {
    /// Records what came of a permit. An answer of the 5xx kind says nothing about what happened: unknown.
    ///
    /// Where the decision had to be recorded and no more, the outcome is there for everybody and outlives the process when
    /// this resolves, and is flushed soon after. A power cut before that leaves the change `executing`, as a crash between
    /// effect and outcome does, and the next start has it read back.
    ///
    /// # Errors
    /// Where the outcome could not be recorded; the change stays `executing` and is read back later.
    pub async fn finish(&self, receipt: Receipt, settled: Settled) -> Result<(), Fault> {
        let Some((step, level)) = receipt.step else { return Ok(()) };
        crate::crash::point("before-outcome");
        let result = self.settle(step, level, settled).await;
        crate::crash::point("after-outcome");
        self.moved();
        result
    }

    /// A permit that was issued and could not be used, because the ledger could not be written first.
    pub(crate) async fn never_sent(&self, step: StepRef, fault: &Fault) {
        let not_sent = Settled::NotSent(fault.to_string());
        if let Err(err) = self.settle(step, Level::Sequenced, not_sent).await {
            tracing::error!(change = %step.change, %err, "the change stays executing until it is read back");
        }
    }

    async fn settle(&self, step: StepRef, level: Level, settled: Settled) -> Result<(), Fault> {
        let (mut drawn, salt) = (self.draw_after_the_fact()?, self.salt()?);
        let op = move |tx: &mut store::Tx<'_>| -> Result<(), DecideError> {
            let Some(mut change) = tx.change(step.change)? else { return Ok(()) };
            let now = drawn.now;
            let (state, detail) = match settled {
                Settled::Answered(answer) => {
                    let status = answer.status;
                    let state = match status {
                        200..=399 => StepState::Executed,
                        400..=499 => StepState::Failed,
                        _ => StepState::Unknown,
                    };
                    let mut detail = vec![("status".to_owned(), status.to_string())];
                    detail.extend(request_id(&answer.headers).map(|id| ("request_id".to_owned(), id)));
                    if let Some(step) = change.steps.get_mut(step.step) {
                        let exposes = step.action.exposure.credentials || step.action.exposure.data;
                        let blob = bodies::keep_answer(answer, exposes, salt).ok();
                        let answer = blob.as_ref().map(|blob| blob.commitment());
                        detail.extend(answer.map(|it| ("answer".to_owned(), it.to_string())));
                        tx.offer(blob);
                        if let Some(execution) = &mut step.execution {
                            let answer = answer.map(Kept::Blob);
                            execution.outcome = Some(Outcome { at: now, status, answer });
                        }
                    }
                    (state, detail)
                }
                Settled::NotSent(why) => {
                    (StepState::Failed, vec![("not_sent".to_owned(), model::sanitize(&why, 400))])
                }
                Settled::Unknown(why) => {
                    (StepState::Unknown, vec![("unknown".to_owned(), model::sanitize(&why, 400))])
                }
            };
            if let Some(step) = change.steps.get_mut(step.step) {
                step.state = state;
            }
            change.state = change.overall();
            let kind = match state {
                StepState::Unknown => EntryKind::OutcomeUnknown,
                StepState::Executed
                | StepState::Failed
                | StepState::Pending
                | StepState::Executing
                | StepState::Undone => EntryKind::OutcomeRecorded,
            };
            let mut entry = about(&mut drawn, kind, &change);
            entry.detail.insert("step".to_owned(), step.step.to_string());
            entry.detail.extend(detail);
            tx.advance_change(&change, change.version, entry)?;
            mark_undone_by(tx, &mut drawn, &change)
        };
        let written = match level {
            Level::Recorded => self.store.write_lazily(op).await,
            Level::Sequenced | Level::Witnessed(_) => self.store.write(op).await,
        };
        written.map_err(|err| match err {
            WriteError::Op(err) => err.into_fault(),
            WriteError::Storage(err) => Fault::Storage(err.to_string()),
        })
    }
}

/// What the upstream calls this request in its own trail.
fn request_id(headers: &[(String, String)]) -> Option<String> {
    let named = |name: &str| headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
    let (_, id) = named("x-amzn-requestid").or_else(|| named("x-amz-request-id"))?;
    Some(model::sanitize(id, 100))
}

/// Where `undo` undoes another change, or a step of it, and is executed, that one is undone.
pub(crate) fn mark_undone_by(
    tx: &mut store::Tx<'_>,
    drawn: &mut crate::decide::Drawn,
    undo: &Change,
) -> Result<(), DecideError> {
    let link = undo.links.iter().find(|link| link.kind == LinkKind::Undoes);
    let (ChangeState::Executed, Some(link)) = (undo.state, link) else { return Ok(()) };
    let Some(mut change) = tx.change(link.change)? else { return Ok(()) };
    match change.steps.get_mut(link.step.unwrap_or(0)) {
        Some(step) if step.state == StepState::Executed => step.state = StepState::Undone,
        Some(_) | None => return Ok(()),
    }
    // One that waits for people, or is over, stays so: only a step of it is undone.
    let next = change.overall();
    if change.state != ChangeState::Held && change.state.may_become(next) {
        change.state = next;
    }
    let mut entry = about(drawn, EntryKind::ChangeJudged, &change);
    entry.detail.insert("undone_by".to_owned(), undo.id.to_string());
    entry.detail.insert("step".to_owned(), link.step.unwrap_or(0).to_string());
    tx.advance_change(&change, change.version, entry)?;
    Ok(())
}
