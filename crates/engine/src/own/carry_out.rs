//! Carrying out a change of Countersign's own (see [`crate::own`]): once its permit has got as far as it must, and in the one
//! operation that records that it was done.

use std::ops::ControlFlow;

use model::{Change, ChangeId, Entry, EntryKind, Fault, StepState, Verdict};
use store::Tx;

use super::{Answered, verdict};
use crate::{
    Engine, SignError,
    decide::{Book, DecideError, Drawn},
    permit::StepRef,
    record::about,
    standing,
};

/// What was done, for the record, and what that gave; or why it was not done.
pub(crate) type Done<T> = Result<(&'static str, String, T), String>;

impl Engine {
    /// Asks for such a change and, where it is approved, carries it out: `does`, with what `deed` says that it is for. The two
    /// crash points are right before and right after the operation that does it.
    pub(crate) async fn carried_out<D, T: Send + 'static>(
        &self,
        [before, after]: [&str; 2],
        asks: impl FnOnce(&mut Tx<'_>, &Book, &mut Drawn) -> Result<Answered, SignError> + Send + 'static,
        deed: impl FnOnce(&Change) -> Option<D> + Send + 'static,
        does: impl FnOnce(&mut Tx<'_>, &mut Drawn, &Change, D) -> Result<Done<T>, SignError> + Send + 'static,
    ) -> Result<(Change, Option<T>), SignError> {
        self.recordable()?;
        let mut drawn = self.draw()?;
        let answered = self.ruled(move |tx, book| asks(tx, book, &mut drawn)).await?;
        let id = match self.permitted(answered).await? {
            ControlFlow::Break(change) => return Ok((change, None)),
            ControlFlow::Continue(id) => id,
        };
        crate::crash::point(before);
        let mut drawn = self.draw_after_the_fact()?;
        let done = self.ruled(move |tx, book| carry_out(tx, book, &mut drawn, id, deed, does)).await?;
        crate::crash::point(after);
        self.moved();
        Ok(done)
    }

    /// Waits until the permit has got as far as it must; where there is none yet, how the change stands. Where the record cannot
    /// be written the permit is spent.
    pub(crate) async fn permitted(&self, answered: Answered) -> Result<ControlFlow<Change, ChangeId>, Fault> {
        self.moved();
        let (id, level) = match answered {
            Answered::Stands(change) => return Ok(ControlFlow::Break(*change)),
            Answered::Go(id, level) => (id, level),
        };
        if let Err(fault) = self.reach(level).await {
            self.never_sent(StepRef { change: id, step: 0 }, &fault).await;
            return Err(fault);
        }
        Ok(ControlFlow::Continue(id))
    }
}

/// Does it, its permit being sequenced, where that was not used and the approvals stand; records what came of it.
pub(crate) fn carry_out<D, T>(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    id: ChangeId,
    deed: impl FnOnce(&Change) -> Option<D>,
    does: impl FnOnce(&mut Tx<'_>, &mut Drawn, &Change, D) -> Result<Done<T>, SignError>,
) -> Result<(Change, Option<T>), SignError> {
    let change = tx.change(id)?.ok_or(SignError::UnknownChange(id))?;
    let state = change.steps.first().map(|step| step.state);
    let (Some(deed), Some(StepState::Executing)) = (deed(&change), state) else {
        return Ok((change, None));
    };
    let done = if stands(tx, book, drawn, &change)? {
        does(tx, drawn, &change, deed)?
    } else {
        Err(VOID.to_owned())
    };
    Ok(settle(tx, drawn, change, done)?)
}

/// That it was not done: it is done in the operation that says so, and the process that was to do it ended before that.
pub(crate) fn lost(tx: &mut Tx<'_>, drawn: &mut Drawn, change: Change) -> Result<Change, DecideError> {
    let (lost, _) = settle::<()>(tx, drawn, change, Err(LOST.to_owned()))?;
    Ok(lost)
}

/// What was done, in an entry of its own, and in whose name.
pub(crate) fn entry<const N: usize>(
    drawn: &mut Drawn,
    kind: EntryKind,
    change: &Change,
    details: [(&str, String); N],
) -> Entry {
    let mut entry = about(drawn, kind, change);
    entry.actors.person = Some(change.chain.operator.clone());
    entry.detail.extend(details.map(|(name, value)| (name.to_owned(), value)));
    entry
}

/// For everybody.
pub(crate) fn alarm(drawn: &mut Drawn, change: &Change, said: String) -> Entry {
    entry(drawn, EntryKind::Alarm, change, [("alarm", said)])
}

/// Whether it is to be carried out now. Whatever was written into the rows meanwhile, every signature is verified once more.
fn stands(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, change: &Change) -> Result<bool, SignError> {
    let signed = standing::standing_approvals(tx, book, drawn, change)?;
    Ok(verdict(book, change, &signed, drawn.now) == Some(Verdict::Allow) && drawn.now < change.expires_at)
}

pub(crate) const VOID: &str = "its approvals do not stand any more";
const LOST: &str = "the server ended before it was done";

/// What came of it, for the record: what was done, or why not.
fn settle<T>(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    mut change: Change,
    done: Done<T>,
) -> Result<(Change, Option<T>), DecideError> {
    let from = change.version;
    let (state, detail, gave) = match done {
        Ok((what, said, gave)) => (StepState::Executed, (what.to_owned(), said), Some(gave)),
        Err(why) => (StepState::Failed, ("not_sent".to_owned(), model::sanitize(&why, 400)), None),
    };
    for step in &mut change.steps {
        step.state = state;
    }
    change.state = change.overall();
    let mut entry = about(drawn, EntryKind::OutcomeRecorded, &change);
    entry.detail.extend([("step".to_owned(), "0".to_owned()), detail]);
    tx.advance_change(&change, from, entry)?;
    change.version = from.saturating_add(1);
    Ok((change, gave))
}
