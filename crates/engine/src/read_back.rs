//! What came of a request whose answer nobody saw: found by reading the target, never by sending it again.

use model::{Change, EntryKind, Observation, Step, StepState};
use store::Tx;

use crate::{
    decide::{DecideError, Drawn},
    record::about,
    settle::mark_undone_by,
};

/// An outcome was never recorded. The target's state, read again just now, says whether it happened; whatever it
/// says, this change is not forwarded a second time.
pub(crate) fn read_back(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    after: Option<&Observation>,
    mut change: Change,
    nth: usize,
) -> Result<Change, DecideError> {
    let before = change.steps.get(nth).and_then(|it| it.observation.as_ref());
    let (state, found) = match (before, after) {
        (Some(before), Some(after)) if before.fingerprint == after.fingerprint => {
            (StepState::Failed, "the target is as it was before: it did not happen")
        }
        (Some(_), Some(_)) => (StepState::Executed, "the target is not as it was before: it happened"),
        (None, _) | (_, None) => {
            (StepState::Failed, "the target cannot be read back; look before asking again")
        }
    };
    if let Some(step) = change.steps.get_mut(nth) {
        step.state = state;
    }
    change.state = change.overall();
    let mut entry = about(drawn, EntryKind::OutcomeRecorded, &change);
    entry.detail.insert("step".to_owned(), nth.to_string());
    entry.detail.insert("read_back".to_owned(), found.to_owned());
    entry.detail.insert("state".to_owned(), state.name().to_owned());
    tx.advance_change(&change, change.version, entry)?;
    change.version = change.version.saturating_add(1);
    mark_undone_by(tx, drawn, &change)?;
    Ok(change)
}

/// A person wants to undo what nobody knows to have happened. Its inverse has the same target, and that was read just
/// now; where the two readings are not of the same members they tell nothing, and it stays unknown.
pub(crate) fn read_back_by_undo(
    tx: &mut Tx<'_>,
    drawn: &mut Drawn,
    inverse: &Step,
    change: Change,
    nth: usize,
) -> Result<Change, DecideError> {
    let members = |observation: &Observation| -> Vec<String> {
        observation.facts.iter().map(|(name, _)| name.clone()).collect()
    };
    let unknown = change.steps.get(nth).filter(|step| step.state == StepState::Unknown);
    match (unknown.and_then(|step| step.observation.as_ref()), &inverse.observation) {
        (Some(before), Some(after)) if members(before) == members(after) => {
            read_back(tx, drawn, Some(after), change, nth)
        }
        _ => Ok(change),
    }
}
