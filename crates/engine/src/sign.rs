//! People's side: approving, rejecting, reopening, withdrawing, undoing.

use std::collections::BTreeSet;

use approval::{Act, Ineligible, Manner, Statement};
use model::{
    Approval, AskedBy, Change, ChangeId, ChangeState, EntryKind, Fault, Joint, Link, LinkKind, PersonId,
    Presence, Rejection, Session, SessionId, Step, StepState, Verdict,
};
use store::{Tx, WriteError};

use crate::{
    Ending, Engine, Refusal, RefusalKind, Signer, Undoing,
    admit::{By, Purpose},
    answer, bodies,
    counters::{Behind, Counters},
    decide::{self, Book, DecideError, Drawn},
    facts::Facts,
    hurry::Hurry,
    joint::Opened,
    own::{self, Deed},
    rebind,
    record::{about, cloned, held_entry, verdict_detail},
    standing::{self, Again},
    statement as statements, unverified, veto,
};

/// What a signature led to.
#[derive(Clone, Debug)]
pub struct Signed {
    pub change: Change,
    /// Something the signer should know: already counted, still missing, …
    pub note: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SignError {
    #[error("no change {0}")]
    UnknownChange(ChangeId),
    #[error("{id} is {state}: nothing can be signed on it any more")]
    Closed { id: ChangeId, state: ChangeState },
    #[error("{0}")]
    MayNot(Ineligible),
    #[error("{0}")]
    NotOperator(String),
    #[error("a signature by a key file does not count here: {0}")]
    Presence(String),
    #[error("the signature does not hold: {0}")]
    Signature(approval::ApprovalError),
    #[error(
        "the statement is not the one this change stands for now ({0}); fetch it again, read it, and sign anew"
    )]
    Stale(String),
    #[error("{0}")]
    Cloned(Behind),
    #[error("this reason is missing: {0}")]
    Reason(&'static str),
    #[error("{0}")]
    NotUndoable(String),
    #[error("{0}")]
    NotErasable(String),
    #[error("{0}")]
    NotAdoptable(String),
    /// One person has approved too many changes of late.
    #[error("{0}")]
    Hurried(String),
    /// What a bundle newly allows is not shown, or not as it is.
    #[error("{0}")]
    NotCompared(String),
    #[error("{0}")]
    NotBreakable(String),
    #[error("{}", .0.message)]
    Refused(Refusal),
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for SignError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<DecideError> for SignError {
    fn from(err: DecideError) -> Self {
        Self::Fault(err.into_fault())
    }
}

impl From<store::StorageError> for SignError {
    fn from(err: store::StorageError) -> Self {
        Self::Fault(Fault::Storage(err.to_string()))
    }
}

impl From<store::Conflict> for SignError {
    fn from(err: store::Conflict) -> Self {
        Self::Fault(Fault::Storage(err.to_string()))
    }
}

impl From<WriteError<Self>> for SignError {
    fn from(err: WriteError<Self>) -> Self {
        match err {
            WriteError::Op(err) => err,
            WriteError::Storage(err) => Self::Fault(Fault::Storage(err.to_string())),
        }
    }
}

impl Engine {
    /// The statement of a change as it stands, for `signer` to read and sign.
    pub fn statement(&self, change: &Opened, signer: &Signer) -> Statement {
        statements::statement(change.as_change(), &self.bundle(), self.installation, signer)
    }

    /// Whether `person`'s approval would count, presence aside.
    ///
    /// # Errors
    /// Why it would not.
    pub fn may_sign(&self, change: &Change, person: &PersonId) -> Result<(), Ineligible> {
        own::may_approve(change, self.bundle().roster(), person)
    }

    /// Takes a person's signature over a statement: an approval, a veto or, from the operator, a reopening.
    ///
    /// # Errors
    /// Everything that makes a signature void or its signer ineligible; refusals of people are on the record.
    pub async fn sign(&self, id: ChangeId, text: String, signature: String) -> Result<Signed, SignError> {
        self.recordable()?;
        let book = self.book();
        let verified =
            approval::verify(&text, &signature, book.bundle.roster()).map_err(SignError::Signature)?;
        if verified.statement.change != id {
            return Err(SignError::Stale("it names another change".to_owned()));
        }
        let salts = match verified.statement.act {
            Act::Reopen => self.salts(Change::MAX_STEPS.saturating_mul(2))?,
            Act::Approve | Act::Reject => Vec::new(),
        };
        // A veto must get through whatever the upstream says of the time.
        let mut drawn = match verified.statement.act {
            Act::Reject => self.draw_to_stop()?,
            Act::Approve | Act::Reopen => self.draw()?,
        };
        let manner = verified.manner();
        let approval = Approval {
            change: id,
            person: verified.person,
            presence: verified.presence,
            at: drawn.now,
            statement: text,
            signature,
            beside: None,
        };
        let said = verified.statement;
        let act = said.act;
        let (counters, hurry) = (std::sync::Arc::clone(&self.counters), std::sync::Arc::clone(&self.hurry));
        crate::crash::point("before-signature");
        let outcome = self
            .store
            .write(move |tx| -> Result<Result<Signed, SignError>, SignError> {
                // Nobody signs for what is judged by another bundle than was shown.
                let another = || SignError::Stale("another bundle is in force now".to_owned());
                if !book.stands() {
                    return Err(another());
                }
                let change = tx.change(id)?.ok_or(SignError::UnknownChange(id))?;
                let decides = matches!(said.act, Act::Approve | Act::Reject);
                if decides && rebind::is_due(&change, &book) {
                    return Err(another());
                }
                let result = match said.act {
                    Act::Approve => {
                        let given = (approval.clone(), manner);
                        approve(tx, &book, &mut drawn, &change, given, &said, (&counters, &hurry))
                    }
                    Act::Reject => {
                        reject(tx, &book, &mut drawn, change.clone(), approval.clone(), &said, &counters)
                    }
                    Act::Reopen => {
                        reopen(tx, &book, &mut drawn, &change, approval.clone(), &said, (&salts, &counters))
                    }
                };
                // A person who may not is itself an event: recorded in the same operation, answered as an error.
                if let Err(
                    err @ (SignError::MayNot(_)
                    | SignError::Presence(_)
                    | SignError::NotOperator(_)
                    | SignError::Hurried(_)),
                ) = &result
                {
                    let mut entry = about(&mut drawn, EntryKind::ApprovalRefused, &change);
                    entry.actors.person = Some(approval.person.clone());
                    entry.detail.insert("act".to_owned(), format!("{:?}", said.act).to_lowercase());
                    entry.detail.insert("why".to_owned(), err.to_string());
                    tx.record(entry)?;
                    return Ok(result);
                }
                if let Err(SignError::Cloned(behind)) = &result {
                    tx.record(alarm(&mut drawn, &change, &approval, &said, *behind))?;
                    return Ok(result);
                }
                result.map(Ok)
            })
            .await
            .map_err(SignError::from)?;
        crate::crash::point("after-signature");
        self.meter.signed(act, outcome.is_ok());
        self.moved();
        outcome
    }

    /// Withdraws an open change of the agent's own.
    ///
    /// # Errors
    /// [`SignError::UnknownChange`] where it is not of this session's agent, [`SignError::Closed`] where it is over.
    pub async fn withdraw(&self, session: &Session, id: ChangeId) -> Result<Change, SignError> {
        let mut drawn = self.draw()?;
        let chain = session.chain.clone();
        let change = self
            .store
            .write(move |tx| -> Result<Change, SignError> {
                let mut change =
                    tx.change(id)?.filter(|it| it.chain == chain).ok_or(SignError::UnknownChange(id))?;
                if !change.state.may_become(ChangeState::Withdrawn) {
                    return Err(SignError::Closed { id, state: change.state });
                }
                change.state = ChangeState::Withdrawn;
                let entry = about(&mut drawn, EntryKind::ChangeWithdrawn, &change);
                tx.advance_change(&change, change.version, entry)?;
                Ok(change)
            })
            .await?;
        self.moved();
        Ok(change)
    }

    /// Submits the captured inverse of an action through `admit`. `nth` counts from 0; `None` is the only one.
    ///
    /// # Errors
    /// [`SignError::NotUndoable`] where there is nothing to undo with; [`SignError::Refused`] where it was held or
    /// denied.
    pub async fn undo(&self, id: ChangeId, nth: Option<usize>, by: PersonId) -> Result<ChangeId, SignError> {
        self.is_person(&by).map_err(SignError::MayNot)?;
        let change =
            self.store.read(move |view| view.change(id)).await?.ok_or(SignError::UnknownChange(id))?;
        self.undo_step(change, nth, By::Person(by)).await
    }

    /// As [`Engine::undo`], for the agent: of what its own session ran, and of nothing else.
    ///
    /// # Errors
    /// [`SignError::UnknownChange`] where it is not of this session; else as there.
    pub async fn undo_own(
        &self,
        session: &Session,
        id: ChangeId,
        nth: Option<usize>,
    ) -> Result<ChangeId, SignError> {
        let now = self.now()?;
        self.live_session(session.id, now).map_err(|why| {
            let message = answer::session_closed(session, why);
            SignError::Refused(Refusal { kind: RefusalKind::SessionClosed, change: None, message })
        })?;
        let (chain, root) = (session.chain.clone(), session.root());
        // Bound to a role, a session takes back only what was done in it.
        let role = session.assumed.as_ref().map(|assumed| assumed.role.clone());
        let within = move |step: &Step| role.is_none() || step.action.acting_as == role;
        let own = move |change: &Change| {
            change.chain == chain && change.session == root && change.steps.iter().all(&within)
        };
        let change = self
            .store
            .read(move |view| Ok(view.change(id)?.filter(own)))
            .await?
            .ok_or(SignError::UnknownChange(id))?;
        self.undo_step(change, nth, By::Agent(session.chain.agent.clone())).await
    }

    async fn undo_step(&self, change: Change, nth: Option<usize>, by: By) -> Result<ChangeId, SignError> {
        let id = change.id;
        let not = |why: String| SignError::NotUndoable(why);
        let (name, nth, step) = match (nth, change.steps.as_slice()) {
            (None | Some(0), [only]) => (id.to_string(), 0, only),
            (None, several) => {
                return Err(not(format!("{id} has {} actions; say which (--action N)", several.len())));
            }
            (Some(nth), several) => {
                let step = several
                    .get(nth)
                    .ok_or_else(|| not(format!("{id} has {} actions, counted from 1", several.len())))?;
                (format!("action {} of {id}", nth.saturating_add(1)), nth, step)
            }
        };
        // What is not known to have happened is read back before its inverse is judged.
        if !matches!(step.state, StepState::Executed | StepState::Unknown) {
            let state = if change.steps.len() == 1 { change.state.name() } else { step.state.name() };
            return Err(not(format!("{name} is {state}; only what was executed can be undone")));
        }
        if let Some(erased) = &step.erased {
            let (at, by) = (erased.at, erased.by);
            return Err(not(format!(
                "the inverse of {name} is no longer kept: it was erased on {at} by {by}"
            )));
        }
        let undo = step
            .undo
            .clone()
            .ok_or_else(|| not(format!("no inverse of {name} was captured before it ran")))?;
        let undo = self.inverse(&change, undo).await?;
        let connector = self
            .connector()
            .ok_or_else(|| not("no gateway is connected that could carry it out".to_owned()))?;
        connector
            .undo(self, undo, &step.action, Undoing { of: id, step: nth, by })
            .await
            .map_err(SignError::Refused)
    }

    /// The chain under which a captured inverse runs: that of the change it undoes.
    ///
    /// # Errors
    /// Where the change or its session is gone.
    pub async fn session_of_change(&self, id: ChangeId) -> Result<Session, Refusal> {
        let found = self
            .store
            .read(move |view| match view.change(id)? {
                Some(change) => view.session(change.session),
                None => Ok(None),
            })
            .await;
        match found {
            Ok(Some(session)) => Ok(session),
            Ok(None) => Err(Refusal {
                kind: RefusalKind::Denied,
                change: Some(id),
                message: format!("the session of {id} is not on record"),
            }),
            Err(err) => Err(Refusal::from(Fault::Storage(err.to_string()))),
        }
    }

    /// Classifies a proposed action and gathers the facts about it.
    ///
    /// # Errors
    /// A refusal where no gateway understands it.
    pub async fn prepare(
        &self,
        session: &Session,
        asked: crate::Proposed,
    ) -> Result<(model::Action, crate::Gathered), Refusal> {
        match self.connector() {
            Some(connector) => connector.prepare(self, session, asked).await,
            None => Err(Refusal::from(Fault::Upstream("no gateway is connected".to_owned()))),
        }
    }

    /// A change of several actions, asked for at once; nothing runs until the agent runs each of them. `under`: in force
    /// before the first of them was prepared.
    ///
    /// # Errors
    /// A refusal in words for the agent; [`RefusalKind::Turned`] where another bundle came into force meanwhile.
    pub async fn propose(
        &self,
        session: std::sync::Arc<Session>,
        actions: Vec<(model::Action, crate::Gathered, model::Vouched)>,
        intent: String,
        under: std::sync::Arc<policy::Bundle>,
    ) -> Result<Change, Refusal> {
        self.recordable()?;
        let now = self.now()?;
        if let Err(why) = self.live_session(session.id, now) {
            return Err(Refusal {
                kind: RefusalKind::SessionClosed,
                change: None,
                message: answer::session_closed(&session, why),
            });
        }
        let digest = model::change_digest(&session.chain, actions.iter().map(|(action, ..)| action.digest()));
        let book = self.book_of(under);
        let prepared: Result<Vec<_>, Fault> = actions
            .into_iter()
            .map(|(action, gathered, vouched)| {
                let (mut step, captured) = self.step(&book.bundle, &session, &action, gathered)?;
                unverified::mark(&mut step, vouched);
                Ok((step, captured))
            })
            .collect();
        let (mut steps, captured): (Vec<_>, Vec<_>) = prepared?.into_iter().unzip();
        let mut drawn = self.draw()?;
        let change = self
            .store
            .write(move |tx| -> Result<Result<Change, Refusal>, DecideError> {
                if !book.stands() {
                    return Err(DecideError::Turned);
                }
                if let Some(open) = tx.open_change(digest)? {
                    // The same actions, asked for as one's own before: the mark would be lost.
                    if open.steps.iter().zip(&steps).any(|(open, asked)| open.vouched < asked.vouched) {
                        let message = answer::open_as_ones_own(&open);
                        return Ok(Err(Refusal {
                            kind: RefusalKind::Denied,
                            change: Some(open.id),
                            message,
                        }));
                    }
                    return Ok(Ok(open));
                }
                if let Some(newest) = tx.latest_by_digest(digest)?
                    && let Some(last) = veto::against(tx, &newest)?
                {
                    return Ok(Err(Refusal {
                        kind: RefusalKind::Denied,
                        change: Some(last.id),
                        message: answer::vetoed(&last),
                    }));
                }
                let limit = book.bundle.limits().open_holds_per_session;
                if tx.open_holds(session.root())? >= limit {
                    let message = answer::too_many_holds(limit);
                    return Ok(Err(Refusal { kind: RefusalKind::Denied, change: None, message }));
                }
                let links = veto::earlier(tx, &mut steps)?;
                let draft = decide::Draft {
                    session: &session,
                    purpose: &Purpose::Agent,
                    steps,
                    intent,
                    digest,
                    links,
                };
                let (mut change, _) = decide::open(tx, &book, &mut drawn, draft)?;
                tx.offer(captured.into_iter().flatten());
                let entry = match &change.verdict {
                    Verdict::Allow => {
                        change.state = ChangeState::Approved;
                        held_entry(&mut drawn, &change)
                    }
                    Verdict::Hold(_) => held_entry(&mut drawn, &change),
                    Verdict::Deny(_) => {
                        change.state = ChangeState::Denied;
                        let mut entry = held_entry(&mut drawn, &change);
                        entry.kind = EntryKind::ActionDenied;
                        entry
                    }
                };
                tx.create_change(&change, entry)?;
                Ok(Ok(change))
            })
            .await
            .map_err(|err| match err {
                WriteError::Op(DecideError::Turned) => Refusal {
                    kind: RefusalKind::Turned,
                    change: None,
                    message: DecideError::Turned.into_fault().to_string(),
                },
                WriteError::Op(err) => Refusal::from(err.into_fault()),
                WriteError::Storage(err) => Refusal::from(Fault::Storage(err.to_string())),
            });
        if change.as_ref().is_err_and(|refusal| refusal.kind == RefusalKind::Turned) {
            self.in_force.settled().await;
        }
        let change = change??;
        self.meter.ended(match &change.verdict {
            Verdict::Allow => Ending::Allow,
            Verdict::Hold(_) => Ending::Hold,
            Verdict::Deny(_) => Ending::Deny,
        });
        self.moved();
        Ok(change)
    }
}

fn approve(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    change: &Change,
    (mut approval, manner): (Approval, Manner),
    said: &Statement,
    (counters, hurry): (&Counters, &Hurry),
) -> Result<Signed, SignError> {
    let roster = book.bundle.roster();
    if !change.state.is_open() {
        return Err(SignError::Closed { id: change.id, state: change.state });
    }
    if drawn.now >= change.expires_at {
        return Err(SignError::Closed { id: change.id, state: ChangeState::Expired });
    }
    own::may_approve(change, roster, &approval.person).map_err(SignError::MayNot)?;
    if approval.presence == Presence::File
        && own::file_rule(&book.bundle, change) != approval::FileRule::Counts
    {
        return Err(SignError::Presence(statements::presence_rule(change, &book.bundle)));
    }
    same(book, change, &approval, said)?;
    let mut given = tx.approvals(change.id)?;
    let earlier = given.iter().position(|it| it.person == approval.person).map(|at| given.remove(at));
    if let Some(earlier) = &earlier {
        match standing::again(book, change, earlier, manner) {
            Again::Known => {
                let note = format!("{} has already approved this; one person counts once", approval.person);
                return Ok(Signed { change: change.clone(), note });
            }
            Again::Taken(beside) => approval.beside = beside.map(Box::new),
        }
    }
    let hurried = book.bundle.limits().hurried_approvals;
    if change.environment.production
        && let Some(until) = hurry.pause(&approval.person, change.id, hurried, drawn.now)
    {
        return Err(SignError::Hurried(format!(
            "{} has approved {hurried} changes in production within ten minutes: pause until {until}, and look again then; a veto \
             is taken at any time",
            approval.person
        )));
    }
    counters.take(&approval.signature).map_err(SignError::Cloned)?;
    let mut entry = about(drawn, EntryKind::ApprovalGiven, change);
    entry.actors.person = Some(approval.person.clone());
    for (key, value) in [
        ("statement", approval.statement.clone()),
        ("signature", approval.signature.clone()),
        ("presence", approval.presence.to_string()),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    match earlier {
        Some(_) => tx.replace_approval(&approval, entry)?,
        None => tx.record_approval(&approval, entry)?,
    }
    if change.environment.production {
        hurry.approved(&approval.person, change.id, drawn.now);
    }
    given.push(approval);

    let (valid, _) = standing::valid_approvals(book, change, &given);
    let verdict = match own::verdict(book, change, &valid, drawn.now) {
        Some(verdict) => verdict,
        None => {
            let (session, purpose) = (session_for(tx, change)?, purpose_of(change));
            Facts::read(tx, book, change, &session, &purpose, drawn.now)?.verdict(&valid)
        }
    };
    let mut change = change.clone();
    let note = match &verdict {
        Verdict::Allow => {
            if change.state == ChangeState::Held {
                change.state = ChangeState::Approved;
                let mut entry = about(drawn, EntryKind::ChangeJudged, &change);
                entry.detail.insert("why".to_owned(), model::Entry::EVERY_SIGNATURE.to_owned());
                tx.advance_change(&change, change.version, entry)?;
                change.version = change.version.saturating_add(1);
            }
            match Deed::of(&change) {
                Some(_) => {
                    format!("approved: it is carried out when {} asks for it again", change.chain.operator)
                }
                None => "approved: it goes through when the agent runs it again".to_owned(),
            }
        }
        Verdict::Hold(hold) => {
            let own = valid.iter().filter(|(_, it)| it.rendering == approval::Rendering::Own).count();
            let how = if u32::try_from(own).is_ok_and(|own| own < hold.requirement.rendered) {
                format!(
                    "; what was signed on a page does not count for that: `countersign change approve {}` on a machine of one's own",
                    change.id
                )
            } else {
                String::new()
            };
            let people: BTreeSet<_> = valid.iter().map(|(person, _)| person).collect();
            format!("recorded; it needs in all: {} ({} so far){how}", hold.requirement, people.len())
        }
        Verdict::Deny(_) => "recorded; but it would be denied at this time".to_owned(),
    };
    Ok(Signed { change, note })
}

fn reject(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut change: Change,
    approval: Approval,
    said: &Statement,
    counters: &Counters,
) -> Result<Signed, SignError> {
    if !change.state.may_become(ChangeState::Rejected) {
        return Err(SignError::Closed { id: change.id, state: change.state });
    }
    if change.steps.iter().any(|step| step.state == StepState::Executing) {
        return Err(SignError::Closed { id: change.id, state: ChangeState::Executing });
    }
    // The operator may always stop what was asked in their name; everybody else must be an approver.
    if approval.person != change.chain.operator {
        approval::may_approve(&change.chain, book.bundle.roster(), &approval.person)
            .map_err(SignError::MayNot)?;
    }
    let reason = said.reason.clone().ok_or(SignError::Reason("a veto says why (--reason)"))?;
    same(book, &change, &approval, said)?;
    // A veto takes nothing that its signer might not give: it gets through, and is told of.
    if let Err(behind) = counters.take(&approval.signature) {
        tx.record(alarm(drawn, &change, &approval, said, behind))?;
    }
    let mut entry = about(drawn, EntryKind::ChangeRejected, &change);
    entry.actors.person = Some(approval.person.clone());
    for (key, value) in [
        ("statement", approval.statement.clone()),
        ("signature", approval.signature.clone()),
        ("reason", model::sanitize(&reason, 1000)),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    change.state = ChangeState::Rejected;
    let note = format!("rejected: it comes back only when {} signs a new intent", change.chain.operator);
    change.rejection = Some(Rejection { approval, reason });
    tx.advance_change(&change, change.version, entry)?;
    change.version = change.version.saturating_add(1);
    Ok(Signed { change, note })
}

fn reopen(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    vetoed: &Change,
    approval: Approval,
    said: &Statement,
    (salts, counters): (&[bodies::Salt], &Counters),
) -> Result<Signed, SignError> {
    if approval.person != vetoed.chain.operator {
        return Err(SignError::NotOperator(format!(
            "only {} can reopen it: they answer for the agent",
            vetoed.chain.operator
        )));
    }
    if vetoed.state != ChangeState::Rejected {
        return Err(SignError::Closed { id: vetoed.id, state: vetoed.state });
    }
    if let Some(open) = tx.open_change(vetoed.digest)? {
        return Err(SignError::Stale(format!("{} asks for the same already", open.id)));
    }
    let intent =
        said.reason.clone().ok_or(SignError::Reason("a reopening says its new intent (--intent)"))?;
    same(book, vetoed, &approval, said)?;
    counters.take(&approval.signature).map_err(SignError::Cloned)?;
    let mut change = match Deed::of(vetoed) {
        Some(deed) => own::reopened(tx, book, drawn, vetoed, deed, intent)?,
        None => {
            let session = session_for(tx, vetoed)?;
            let draft = decide::Draft {
                session: &session,
                purpose: &Purpose::Agent,
                steps: bodies::copied(tx, &vetoed.steps, salts)?,
                intent,
                digest: vetoed.digest,
                links: vec![Link::to(LinkKind::Reopens, vetoed.id)],
            };
            decide::open(tx, book, drawn, draft)?.0
        }
    };
    veto::show(tx, &mut change)?;
    let mut entry = about(drawn, EntryKind::ChangeReopened, &change);
    entry.actors.person = Some(approval.person.clone());
    entry.detail.extend(verdict_detail(&change.verdict));
    entry.detail.insert("vetoed".to_owned(), vetoed.id.to_string());
    entry.detail.insert("statement".to_owned(), approval.statement.clone());
    entry.detail.insert("signature".to_owned(), approval.signature.clone());
    if let Some(veto) = &vetoed.rejection {
        entry.detail.insert("veto".to_owned(), model::sanitize(&veto.reason, 1000));
    }
    change.reopened = Some(approval);
    change.rejection = None;
    change.joint = vetoed.joint.clone().map(|joint| Joint { sealed_at: Some(drawn.now), ..joint });
    tx.create_change(&change, entry)?;
    let roster = book.bundle.roster();
    own::loud(drawn, &change, roster).map_or(Ok(()), |entry| tx.record(entry))?;
    Ok(Signed { change, note: "reopened: it is held anew and needs its signatures afresh".to_owned() })
}

/// That a passkey may exist twice, as whoever watches over the installation must hear it.
fn alarm(
    drawn: &mut Drawn,
    change: &Change,
    approval: &Approval,
    said: &Statement,
    behind: Behind,
) -> model::Entry {
    let doing = match said.act {
        Act::Approve => "approving",
        Act::Reject => "vetoing",
        Act::Reopen => "reopening",
    };
    let mut entry = cloned(about(drawn, EntryKind::Alarm, change), behind, doing);
    entry.actors.person = Some(approval.person.clone());
    entry
}

/// Compares what was signed with what the change stands for now, member by member, so that the answer says which.
fn same(book: &Book, change: &Change, approval: &Approval, said: &Statement) -> Result<(), SignError> {
    let signer = Signer {
        act: said.act,
        person: approval.person.clone(),
        presence: approval.presence,
        checkpoint: said.checkpoint.clone(),
        reason: said.reason.clone(),
    };
    let expected = statements::statement(change, &book.bundle, book.installation, &signer);
    let differs = match said.act {
        // An agent that keeps its facts moving must not be able to outrun a veto.
        Act::Reject => expected.differences_for_a_veto(said),
        Act::Approve | Act::Reopen => expected.differences(said),
    };
    if !differs.is_empty() {
        return Err(SignError::Stale(format!("it differs in: {}", differs.join(", "))));
    }
    if !standing::knows(book, &said.checkpoint).map_err(SignError::Fault)? {
        return Err(SignError::Stale(
            "its checkpoint is none of this log: your client saw another history".to_owned(),
        ));
    }
    Ok(())
}

pub(crate) fn session_for(tx: &Tx<'_>, change: &Change) -> Result<Session, SignError> {
    let id: SessionId = change.session;
    tx.session(id)?.ok_or_else(|| SignError::Fault(Fault::Storage(format!("session {id} is not on record"))))
}

pub(crate) fn purpose_of(change: &Change) -> Purpose {
    match change.links.iter().find(|link| link.kind == LinkKind::Undoes) {
        Some(link) => Purpose::Undo(Undoing {
            of: link.change,
            step: link.step.unwrap_or(0),
            by: match link.asked_by {
                AskedBy::Person => By::Person(change.chain.operator.clone()),
                AskedBy::Agent => By::Agent(change.chain.agent.clone()),
            },
        }),
        None => Purpose::Agent,
    }
}
