//! A loop of single calls that are all held is one thing for people to decide: held calls of one session, of one
//! operation on one parent, join one change until a person opens it. What they need is the same for each, alone or
//! together; where it is not, the call is held by itself.

use model::{
    Change, ChangeId, ChangeState, EntryKind, Joint, PersonId, Session, Step, Timestamp, Verdict,
    change_digest,
};
use store::{Target, Tx};

use crate::{
    Engine, SignError,
    admit::Purpose,
    decide::{Book, DecideError, Drawn},
    facts::Facts,
    judge, rebind,
    record::{about, joined_entry},
    statement::signable,
};

/// A change that somebody looks at: nothing joins it any more. What is signed is made of nothing else.
#[derive(Clone, Debug)]
pub struct Opened(Change);

impl Opened {
    pub const fn as_change(&self) -> &Change {
        &self.0
    }
}

impl Engine {
    /// The change for somebody to look at, sealed where others could have joined it until now, and judged anew where another
    /// bundle is in force than it stood under. `by`: who, where they have shown that they are.
    ///
    /// # Errors
    /// [`SignError::UnknownChange`], or where the store cannot be read or written.
    pub async fn open(&self, id: ChangeId, by: Option<PersonId>) -> Result<Opened, SignError> {
        let found = self.read(move |view| view.change(id)).await?;
        let change = found.ok_or(SignError::UnknownChange(id))?;
        if !can_be_joined(&change) && !rebind::is_due(&change, &self.book()) {
            return Ok(Opened(change));
        }
        self.recordable()?;
        let mut drawn = self.draw_to_stop()?;
        let sealed = self
            .ruled(move |tx, book| -> Result<Change, SignError> {
                let mut change = tx.change(id)?.ok_or(SignError::UnknownChange(id))?;
                if can_be_joined(&change) {
                    change.joint = change.joint.map(|it| Joint { sealed_at: Some(drawn.now), ..it });
                    let mut entry = about(&mut drawn, EntryKind::ChangeSealed, &change);
                    entry.actors.person = by;
                    tx.advance_change(&change, change.version, entry)?;
                    change.version = change.version.saturating_add(1);
                }
                if rebind::is_due(&change, book) {
                    change = rebind::rebind(tx, book, &mut drawn, change)?;
                }
                Ok(change)
            })
            .await?;
        self.moved();
        Ok(Opened(sealed))
    }
}

fn can_be_joined(change: &Change) -> bool {
    change.state == ChangeState::Held && change.joint.as_ref().is_some_and(|joint| joint.sealed_at.is_none())
}

/// Whether others may join `change`, which is about to be held.
pub(crate) fn of(change: &Change, purpose: &Purpose) -> Option<Joint> {
    let ([step], Purpose::Agent, []) = (change.steps.as_slice(), purpose, change.links.as_slice()) else {
        return None;
    };
    Some(Joint { parent: step.action.parent()?, sealed_at: None })
}

/// Those that are like it in all that an index knows differ in little else.
const LOOKED_AT: usize = 4;

/// Puts the one action of `lone` into an open change of its session, where there is one for it.
pub(crate) fn join(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    lone: &Change,
    session: &Session,
) -> Result<Option<Change>, DecideError> {
    for open in tx.taking_more(lone, LOOKED_AT)? {
        if !alike(&open, lone, drawn.now) {
            continue;
        }
        let from = open.version;
        let Some(joined) = together(tx, book, drawn, open, lone, session)? else { continue };
        let entry = joined_entry(drawn, &joined);
        tx.join_change(&joined, from, entry)?;
        return Ok(Some(Change { version: from.saturating_add(1), ..joined }));
    }
    Ok(None)
}

/// Whether a person who decides on the one decides on the like of the other.
fn alike(open: &Change, lone: &Change, now: Timestamp) -> bool {
    let (Some(one), Some(other)) = (open.steps.first(), lone.steps.first()) else { return false };
    open.joint == lone.joint
        && open.steps.len() < Change::MAX_STEPS
        && now < open.expires_at
        && open.chain == lone.chain
        && open.scope == lone.scope
        && open.intent == lone.intent
        && open.bundle == lone.bundle
        && open.environment == lone.environment
        && one.action.operation == other.action.operation
        && one.action.partition == other.action.partition
        && one.action.account == other.action.account
        && one.action.region == other.action.region
        && one.action.acting_as == other.action.acting_as
        && one.action.effects == other.action.effects
        && needs(&open.verdict) == needs(&lone.verdict)
        && open.steps.iter().all(|step| apart(step, other))
}

/// They run in whatever order, so it must not matter.
fn apart(one: &Step, other: &Step) -> bool {
    let targets = Target::all(&one.action);
    Target::all(&other.action).iter().all(|target| !targets.contains(target))
}

/// What a verdict waits for; `None` where it waits for nothing.
pub(crate) fn needs(verdict: &Verdict) -> Option<&model::Requirement> {
    match verdict {
        Verdict::Hold(hold) => Some(&hold.requirement),
        Verdict::Allow | Verdict::Deny(_) => None,
    }
}

/// `open` with the action of `lone` at its end, judged as a whole; `None` where that would need more than each alone,
/// could be signed by nobody, or asks for what another open change asks for.
fn together(
    tx: &Tx<'_>,
    book: &Book,
    drawn: &Drawn,
    open: Change,
    lone: &Change,
    session: &Session,
) -> Result<Option<Change>, DecideError> {
    let mut joined = open;
    joined.steps.extend(lone.steps.iter().cloned());
    joined.digest = change_digest(&joined.chain, joined.steps.iter().map(|step| step.digest));
    joined.evidence = joined.steps.iter().flat_map(judge::evidence_of).collect();
    joined.nonce.clone_from(&drawn.nonce);
    let verdict = Facts::read(tx, book, &joined, session, &Purpose::Agent, drawn.now)?.verdict(&[]);
    if needs(&verdict) != needs(&joined.verdict) || tx.open_change(joined.digest)?.is_some() {
        return Ok(None);
    }
    joined.verdict = verdict;
    Ok(signable(&joined, &book.bundle, book.installation).is_ok().then_some(joined))
}
