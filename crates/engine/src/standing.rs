//! The signatures on a change that stand: by people who may approve, over exactly what the change is now. And what one more
//! signature of somebody who has signed already adds to them.

use std::sync::PoisonError;

use approval::{Act, Manner};
use model::{Approval, Change, EntryKind, Fault, Given, PersonId};
use store::Tx;

use crate::{
    decide::{Book, DecideError, Drawn},
    own,
    record::about,
    statement::{Signer, statement},
};

/// Signatures that stand; rows that are none raise an alarm.
pub(crate) fn standing_approvals(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    change: &Change,
) -> Result<Vec<(PersonId, Manner)>, DecideError> {
    let signed = tx.approvals(change.id)?;
    let (valid, forged) = valid_approvals(book, change, &signed);
    for approval in forged {
        let mut entry = about(drawn, EntryKind::Alarm, change);
        entry.actors.person = Some(approval.person.clone());
        entry.detail.insert(
            "alarm".to_owned(),
            "an approval in the database is not one that anybody who may approve has signed".to_owned(),
        );
        tx.record(entry)?;
    }
    Ok(valid)
}

/// Whoever signed by two ways is in the first list twice, and counts once. The second list holds rows with something in them
/// that is no signature of such a person at all: somebody wrote them by hand.
pub(crate) fn valid_approvals<'a>(
    book: &Book,
    change: &Change,
    signed: &'a [Approval],
) -> (Vec<(PersonId, Manner)>, Vec<&'a Approval>) {
    let (mut valid, mut forged) = (Vec::new(), Vec::new());
    for approval in signed {
        let (stand, whole) = those_that_stand(book, change, approval);
        valid.extend(stand.into_iter().map(|(manner, _)| (approval.person.clone(), manner)));
        if !whole {
            forged.push(approval);
        }
    }
    (valid, forged)
}

/// What is kept of a person's signatures with one more of theirs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Again {
    /// It shows nothing of them that is not known: one person counts once.
    Known,
    /// It is taken, in the place of what it is better than; this stays beside it.
    Taken(Option<Given>),
}

/// What one more signature of the same person adds.
pub(crate) fn again(book: &Book, change: &Change, earlier: &Approval, manner: Manner) -> Again {
    added(those_that_stand(book, change, earlier).0, manner)
}

/// Whether a checkpoint line of a client (`origin size root`) is one of ours.
///
/// # Errors
/// Where the log on disk cannot be read: that is no word against the client.
pub(crate) fn knows(book: &Book, line: &str) -> Result<bool, Fault> {
    let mut parts = line.split(' ');
    let (Some(origin), Some(size), Some(root), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Ok(false);
    };
    let Ok(size) = size.parse::<u64>() else { return Ok(false) };
    let ledger = book.ledger.lock().unwrap_or_else(PoisonError::into_inner);
    let known = ledger.root_at(size).map_err(|err| Fault::NoLedger(err.to_string()))?;
    Ok(origin == ledger.origin() && known.is_some_and(|known| hex::encode(known) == root))
}

/// And whether each of the row's signatures is one of a person who may approve, whether it stands or not.
fn those_that_stand(book: &Book, change: &Change, approval: &Approval) -> (Vec<(Manner, Given)>, bool) {
    let roster = book.bundle.roster();
    let (mut stand, mut whole) = (Vec::new(), true);
    for given in approval.given() {
        match approval::verify(&given.statement, &given.signature, roster) {
            Ok(verified)
                if verified.person == approval.person
                    && verified.presence == given.presence
                    && own::may_approve(change, roster, &verified.person).is_ok() =>
            {
                let signer = Signer {
                    act: Act::Approve,
                    person: verified.person.clone(),
                    presence: verified.presence,
                    checkpoint: verified.statement.checkpoint.clone(),
                    reason: verified.statement.reason.clone(),
                };
                let expected = statement(change, &book.bundle, book.installation, &signer);
                let known = matches!(knows(book, &verified.statement.checkpoint), Ok(true));
                if expected.to_text() == given.statement && known {
                    stand.push((verified.manner(), given));
                }
            }
            Ok(_) | Err(_) => whole = false,
        }
    }
    (stand, whole)
}

/// Presence and rendering are two things, and a key file and a passkey show one each: so at most one of what stands shows
/// something that a new one, which is not known yet, does not.
fn added(stand: Vec<(Manner, Given)>, new: Manner) -> Again {
    let presence = stand.iter().map(|(it, _)| it.presence).max();
    let rendering = stand.iter().map(|(it, _)| it.rendering).max();
    if presence >= Some(new.presence) && rendering >= Some(new.rendering) {
        return Again::Known;
    }
    let shows_more = |it: &Manner| it.presence > new.presence || it.rendering > new.rendering;
    Again::Taken(stand.into_iter().find(|(it, _)| shows_more(it)).map(|(_, given)| given))
}

#[cfg(test)]
mod tests {
    use approval::Rendering::{Own, Page};
    use model::{
        Presence::{self, File, Touched},
        Timestamp,
    };

    use super::*;

    type Shown = (Presence, approval::Rendering);

    fn check(stand: &[Shown], new: Shown, expected: Option<Option<Shown>>) {
        let manner = |(presence, rendering): Shown| Manner { presence, rendering };
        let given = |it: Shown| Given {
            presence: it.0,
            at: Timestamp::from_seconds(0),
            statement: format!("{:?}", it.1),
            signature: String::new(),
        };
        let stand: Vec<_> = stand.iter().map(|it| (manner(*it), given(*it))).collect();
        let expected = match expected {
            None => Again::Known,
            Some(beside) => Again::Taken(beside.map(given)),
        };
        assert_eq!(added(stand.clone(), manner(new)), expected, "{new:?} after {stand:?}");
    }

    #[test]
    fn a_signature_again_is_known_or_better_or_stands_beside() {
        for new in [(File, Own), (Touched, Page), (Touched, Own)] {
            check(&[], new, Some(None));
            check(&[new], new, None);
            check(&[(Touched, Own)], new, None);
            check(&[(File, Own), (Touched, Page)], new, None);
        }
        check(&[(File, Own)], (Touched, Own), Some(None));
        check(&[(Touched, Page)], (Touched, Own), Some(None));
        check(&[(File, Own)], (Touched, Page), Some(Some((File, Own))));
        check(&[(Touched, Page)], (File, Own), Some(Some((Touched, Page))));
    }
}
