//! What waits for people when another bundle comes into force: whoever opens it sees it judged anew under that one, and
//! signs that. What was signed before is void. Its facts stay as they were gathered: when it is asked for again they are
//! gathered anew, as ever.

use model::{Change, ChangeState, StepState, Verdict};
use store::Tx;

use crate::{
    SignError,
    decide::{Book, Drawn},
    facts::Facts,
    own,
    record::judged_entry,
    sign::{purpose_of, session_for},
};

/// Whether people can say something on it, and it stands under another bundle than is in force.
pub(crate) fn is_due(change: &Change, book: &Book) -> bool {
    change.bundle != book.bundle.digest()
        && change.state.may_become(ChangeState::Rejected)
        && change.steps.iter().all(|step| step.state != StepState::Executing)
}

pub(crate) fn rebind(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut change: Change,
) -> Result<Change, SignError> {
    change.bundle = book.bundle.digest();
    change.nonce.clone_from(&drawn.nonce);
    let verdict = match own::verdict(book, &change, &[], drawn.now) {
        Some(verdict) => verdict,
        None => {
            let (session, purpose) = (session_for(tx, &change)?, purpose_of(&change));
            Facts::read(tx, book, &change, &session, &purpose, drawn.now)?.verdict(&[])
        }
    };
    // A freeze or peak hours may pass: it stays as it is, and whoever signs is told.
    if !matches!(verdict, Verdict::Deny(_)) {
        change.verdict = verdict;
    }
    if change.state.is_open() {
        change.state = match change.verdict {
            Verdict::Allow => ChangeState::Approved,
            Verdict::Hold(_) | Verdict::Deny(_) => ChangeState::Held,
        };
    }
    let from = change.version;
    let why = "another bundle is in force; earlier approvals are void";
    let entry = judged_entry(drawn, &change, why);
    tx.advance_change(&change, from, entry)?;
    change.version = from.saturating_add(1);
    Ok(change)
}
