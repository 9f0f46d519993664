//! Bodies beside the documents: what a document may come to refer to, and what it may cease to. A body lies in the blob
//! store exactly as long as a document refers to it, unless it was erased: that alone takes one away from under its
//! document.

use std::collections::BTreeMap;

use model::{Blob, Change, Commitment, Content, Erasure, Kept, Step, StepState};

/// What was found of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// It is the one that was committed to.
    Whole(Blob),
    /// Something else lies there.
    Altered,
    Absent,
}

/// A body as the auditor sees it: what it is kept as, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBody {
    pub commitment: String,
    /// Of what lies there; `None` where that can be no body of ours.
    pub found: Option<Commitment>,
}

pub(crate) type Offered = BTreeMap<Commitment, Blob>;

/// What happens to bodies when a document is written.
#[derive(Debug, Default)]
pub(crate) struct Moves {
    pub(crate) added: Vec<Commitment>,
    /// Captured for an action that had not run, and captured anew since.
    pub(crate) superseded: Vec<Commitment>,
}

const MOVED: &str = "a body";
const OUTSIDE: &str = "a body outside the blob store";

/// `stored` is `None` for a new change.
pub(crate) fn moves(
    stored: Option<&Change>,
    next: &Change,
    offered: &Offered,
) -> Result<Moves, &'static str> {
    let mut moves = Moves::default();
    for (nth, step) in next.steps.iter().enumerate() {
        let before = stored.and_then(|change| change.steps.get(nth));
        if step.erased != before.and_then(|step| step.erased.clone()) {
            return Err("what was erased");
        }
        if step.erased.is_some() && before.is_some_and(|before| before.commitments() != step.commitments()) {
            return Err(MOVED);
        }
        // Until an action runs its inverse is captured anew as often as it is asked for.
        let pending = before.is_none_or(|step| step.state == StepState::Pending);
        let inverse = |step: &Step| step.undo.as_ref().map(|undo| undo.request.clone());
        moves.follow(before.and_then(inverse), inverse(step), pending, offered)?;
        let answer = |step: &Step| step.execution.as_ref()?.outcome.as_ref()?.answer.clone();
        moves.follow(before.and_then(answer), answer(step), false, offered)?;
    }
    moves.added.sort_unstable();
    if moves.added.windows(2).any(|two| matches!(two, [one, two] if one == two)) {
        return Err("a body of two actions");
    }
    Ok(moves)
}

impl Moves {
    fn follow<T: Content + PartialEq>(
        &mut self,
        before: Option<Kept<T>>,
        next: Option<Kept<T>>,
        may_leave: bool,
        offered: &Offered,
    ) -> Result<(), &'static str> {
        match (before, next) {
            (before, next) if before == next => {}
            (_, Some(Kept::Inline(_))) => return Err(OUTSIDE),
            (None, Some(Kept::Blob(new))) => self.added.push(new),
            (Some(Kept::Inline(inline)), Some(Kept::Blob(new)))
                if may_leave || offered.get(&new).is_some_and(|it| it.body() == inline.to_body()) =>
            {
                self.added.push(new);
            }
            (Some(Kept::Blob(old)), Some(Kept::Blob(new))) if may_leave => {
                self.superseded.push(old);
                self.added.push(new);
            }
            (Some(Kept::Blob(old)), None) if may_leave => self.superseded.push(old),
            (Some(Kept::Inline(_)), None) if may_leave => {}
            (Some(_), None | Some(Kept::Blob(_))) => return Err(MOVED),
            (None, None) => {}
        }
        Ok(())
    }
}

/// Why the step's bodies cannot be erased so.
pub(crate) fn not_erasable(change: &Change, step: &Step, erasure: &Erasure) -> Option<&'static str> {
    if step.erased.is_some() {
        Some("what was erased")
    } else if !is_over(change, step) {
        Some("a body of what is under way")
    } else if erasure.bodies.is_empty() || step.commitments() != erasure.bodies {
        Some("a body that is not the step's")
    } else {
        None
    }
}

/// Nothing comes of it any more that its bodies would be needed for.
pub fn is_over(change: &Change, step: &Step) -> bool {
    match step.state {
        StepState::Executed | StepState::Failed | StepState::Undone => true,
        StepState::Executing | StepState::Unknown => false,
        StepState::Pending => !crate::rows::is_open(change.state),
    }
}

/// Whether documents of an earlier version left a body in it.
pub(crate) fn holds_one(change: &Change) -> bool {
    change.steps.iter().any(|step| {
        let inverse = step.undo.as_ref().is_some_and(|undo| matches!(undo.request, Kept::Inline(_)));
        let outcome = step.execution.as_ref().and_then(|it| it.outcome.as_ref());
        inverse || outcome.is_some_and(|it| matches!(it.answer, Some(Kept::Inline(_))))
    })
}
