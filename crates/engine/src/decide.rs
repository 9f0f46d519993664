//! The decision itself, inside the store's own transaction: what is on record, what people have signed and what the
//! history says are read, judged and written as one operation, because agents act in parallel.

use std::sync::Arc;

use model::{
    Answer, Blob, Body, Change, ChangeId, ChangeState, Digest, EntryId, EntryKind, Environment, Erased,
    Execution, Fault, Level, Link, LinkKind, PersonId, Session, SessionId, Step, StepState, Timestamp,
    Verdict, change_digest,
};
use policy::Bundle;
use store::{Conflict, StorageError, Tx};

use crate::{
    admit::{By, Purpose, Undoing},
    bodies::{self, Had},
    facts::{Facts, Leave},
    in_force::InForce,
    joint, judge,
    own::Deed,
    permit::StepRef,
    read_back::{read_back, read_back_by_undo},
    record::{about, asked_by, denied_entry, held_entry, judged_entry, verdict_detail, why_permitted},
    sequencer::Shared,
    standing::standing_approvals,
    statement::signable,
    unverified, veto,
};

/// What came of asking.
pub(crate) enum Decided {
    /// It would be held, and its content is part of what would be signed.
    ContentNeeded,
    /// Forward, once the decision's record has reached the level.
    Go {
        step: StepRef,
        level: Level,
    },
    /// As this step of it.
    Held(Box<Change>, usize),
    /// Denied now; the change, where there is one to show.
    Denied {
        change: Option<ChangeId>,
        verdict: Verdict,
    },
    /// Vetoed before: only the operator's newly signed intent brings it back.
    Vetoed(Box<Change>),
    /// It ran already; here is what came of it.
    Recorded(ChangeId, Box<Answer>),
    /// Likewise, and what came of it is no longer kept.
    Erased(ChangeId, Box<Erased>),
    /// Likewise, and what lies there is not what came of it.
    Damaged(Box<Change>),
    InFlight(ChangeId),
    /// An outcome was not known; reading the target back has settled it.
    ReadBack(Box<Change>),
    /// The outcome of another step of the same change, this one, is not known.
    Unsettled(Box<Change>, usize),
    Replayed(ChangeId),
    TooManyHolds(u32),
    SessionClosed(&'static str),
    /// This earlier step of the same plan comes first.
    NotYet(Box<Change>, usize),
    /// What was to be undone is not, or no longer, there to be undone.
    NotUndoable {
        of: ChangeId,
        state: StepState,
    },
}

/// Why the decision could not be taken or recorded.
#[derive(Debug)]
pub(crate) enum DecideError {
    Storage(StorageError),
    Conflict(Conflict),
    /// Too many witnesses are away to wait for, so nothing is begun.
    NotWitnessed(String),
    /// Another bundle is in force than the one under which all of this was gathered.
    Turned,
    /// Who asks is not in the roster in force.
    NoPerson(PersonId),
}

impl From<StorageError> for DecideError {
    fn from(err: StorageError) -> Self {
        Self::Storage(err)
    }
}

impl From<Conflict> for DecideError {
    fn from(err: Conflict) -> Self {
        Self::Conflict(err)
    }
}

impl DecideError {
    pub(crate) fn into_fault(self) -> Fault {
        match self {
            Self::Storage(err) => Fault::Storage(err.to_string()),
            Self::Conflict(err) => Fault::Storage(err.to_string()),
            Self::NotWitnessed(why) => Fault::NotWitnessed(why),
            Self::Turned => Fault::NoPolicy("another bundle came into force; ask again".to_owned()),
            Self::NoPerson(person) => Fault::NoPolicy(format!("its roster has no person called {person}")),
        }
    }
}

/// The installation as a decision needs it; cheap to clone into a transaction.
#[derive(Clone)]
pub(crate) struct Book {
    /// Under which it is decided.
    pub(crate) bundle: Arc<Bundle>,
    pub(crate) in_force: Arc<InForce>,
    pub(crate) installation: Digest,
    pub(crate) ledger: Shared,
    /// How many witnesses have not failed to answer.
    pub(crate) witnesses: usize,
}

impl Book {
    /// Whether what is decided under it may be written; asked inside the store's operation.
    pub(crate) fn stands(&self) -> bool {
        self.in_force.is(&self.bundle)
    }
}

/// Identifiers and a nonce, drawn before the transaction starts.
pub(crate) struct Drawn {
    pub(crate) now: Timestamp,
    pub(crate) random: [u8; 10],
    pub(crate) nonce: String,
    pub(crate) used: u16,
}

impl Drawn {
    fn next(&mut self) -> [u8; 10] {
        let mut random = self.random;
        let [.., high, low] = &mut random;
        let [add_high, add_low] = self.used.to_be_bytes();
        *high ^= add_high;
        *low ^= add_low;
        self.used = self.used.wrapping_add(1);
        random
    }

    pub(crate) fn entry(&mut self, kind: EntryKind) -> model::Entry {
        let id = EntryId::new(self.now.millis(), self.next());
        model::Entry::new(id, self.now, kind)
    }

    pub(crate) fn change(&mut self) -> ChangeId {
        ChangeId::new(self.now.millis(), self.next())
    }
}

/// One action asked for, with its facts.
pub(crate) struct Question {
    pub(crate) session: Arc<Session>,
    pub(crate) purpose: Purpose,
    pub(crate) action: Digest,
    pub(crate) signature: Digest,
    pub(crate) step: Step,
    /// The request of the step's captured inverse.
    pub(crate) captured: Option<Blob>,
    pub(crate) body: Body,
}

pub(crate) fn decide(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut question: Question,
) -> Result<Decided, DecideError> {
    let now = drawn.now;
    if !book.stands() {
        return Err(DecideError::Turned);
    }
    tx.offer(question.captured.clone());
    if question.purpose.by_the_agent() {
        for id in [Some(question.session.id), question.session.parent].into_iter().flatten() {
            let closed = tx.session(id)?.map_or(Some("unknown"), |session| session.closed(now));
            if let Some(why) = closed {
                return Ok(Decided::SessionClosed(why));
            }
        }
    }
    // Who left the roster after they had asked takes nothing back.
    if let Purpose::Undo(Undoing { by: By::Person(person), .. }) = &question.purpose
        && book.bundle.roster().people.get(person).is_none_or(|it| it.recovery)
    {
        return Err(DecideError::NoPerson(person.clone()));
    }
    if let Purpose::Undo(Undoing { of, step, .. }) = question.purpose {
        let state = match tx.change(of)? {
            Some(change) => ran(read_back_by_undo(tx, drawn, &question.step, change, step)?, step),
            None => StepState::Pending,
        };
        if state != StepState::Executed {
            return Ok(Decided::NotUndoable { of, state });
        }
    }
    let alone = change_digest(&question.session.chain, [question.action]);
    if let Some((change, nth)) = tx.open_asking(alone, question.action)? {
        if let Some(why) = orphaned(tx, &question, &change)? {
            return Ok(Decided::SessionClosed(why));
        }
        let expired = drawn.now >= change.expires_at;
        match turn(&change, nth) {
            Turn::Running => return Ok(Decided::InFlight(change.id)),
            Turn::ToReadBack => {
                let change = read_back(tx, drawn, question.step.observation.as_ref(), change, nth)?;
                return Ok(Decided::ReadBack(Box::new(change)));
            }
            Turn::Now if !expired => return rejudge(tx, book, drawn, question, change, nth),
            Turn::Later(first) if !expired => return Ok(Decided::NotYet(Box::new(change), first)),
            Turn::Unsettled(other) if !expired => {
                return Ok(Decided::Unsettled(Box::new(change), other));
            }
            Turn::Now | Turn::Later(_) | Turn::Unsettled(_) if change.state.is_open() => {
                expire(tx, drawn, &change)?;
            }
            // Something of it is under way still; it expires once that is known.
            Turn::Now | Turn::Later(_) | Turn::Unsettled(_) => {}
        }
    }
    if let Some((last, nth)) = tx.latest_asking(alone, question.action)? {
        if let Some(vetoed) = veto::against(tx, &last)? {
            return Ok(Decided::Vetoed(Box::new(vetoed)));
        }
        if repeats(&last, nth, &question.step, book.bundle.limits().retry_window_s, now) {
            return recorded(tx, drawn, last, nth);
        }
        // Its plan ended before its turn; asked for alone now, it is vouched for by no more than it was in the plan.
        if let Some(step) = last.steps.get(nth).filter(|step| step.state == StepState::Pending) {
            unverified::mark(&mut question.step, step.vouched);
        }
    }
    // However old: a presigned request lives for days.
    if let Some(seen) = tx.seen_signature(question.signature, Timestamp::from_millis(i64::MIN))? {
        return Ok(Decided::Replayed(seen));
    }
    begin(tx, book, drawn, question, alone)
}

/// How a step of an open change stands among the others.
enum Turn {
    Now,
    /// This one before it comes first.
    Later(usize),
    /// It is being carried out, or another of the same plan is.
    Running,
    ToReadBack,
    /// The outcome of this other one is not known: nothing else of the change runs before it is.
    Unsettled(usize),
}

/// The steps of a plan run in their order, each only when all before it have succeeded; those of a joint change were
/// asked for one by one and run beside each other.
fn turn(change: &Change, nth: usize) -> Turn {
    let nth_of = |state: StepState| change.steps.iter().position(|step| step.state == state);
    match change.steps.get(nth).map(|step| step.state) {
        Some(StepState::Unknown) => return Turn::ToReadBack,
        Some(StepState::Pending) => {}
        Some(StepState::Executing | StepState::Executed | StepState::Failed | StepState::Undone) | None => {
            return Turn::Running;
        }
    }
    if let Some(other) = nth_of(StepState::Unknown) {
        return Turn::Unsettled(other);
    }
    if change.joint.is_some() {
        return Turn::Now;
    }
    if nth_of(StepState::Executing).is_some() {
        return Turn::Running;
    }
    let mut before = change.steps.iter().take(nth);
    before.position(|step| step.state != StepState::Executed).map_or(Turn::Now, Turn::Later)
}

fn ran(change: Change, nth: usize) -> StepState {
    change.steps.get(nth).map_or(StepState::Pending, |step| step.state)
}

/// A change whose own session was stopped is carried out by no other one of the same agent.
fn orphaned(tx: &Tx<'_>, question: &Question, change: &Change) -> Result<Option<&'static str>, DecideError> {
    if !question.purpose.by_the_agent() || change.session == question.session.root() {
        return Ok(None);
    }
    Ok(match tx.session(change.session)? {
        Some(session) if session.stopped_at.is_none() => None,
        Some(_) => Some("live, but the one under which this was asked for is stopped"),
        None => Some("live, but the one under which this was asked for is not on record"),
    })
}

/// A new change: judged, and recorded whatever the verdict.
fn begin(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    question: Question,
    digest: Digest,
) -> Result<Decided, DecideError> {
    let session = Arc::clone(&question.session);
    let mut links = Vec::new();
    if let Purpose::Undo(Undoing { of, step, by }) = &question.purpose {
        let step = (*step > 0).then_some(*step);
        links.push(Link { step, asked_by: by.as_link(), ..Link::to(LinkKind::Undoes, *of) });
    }
    let recreates = recreated(tx, &question)?;
    links.extend(recreates.iter().map(|change| Link::to(LinkKind::Recreates, *change)));
    let mut steps = vec![question.step];
    links.extend(veto::earlier(tx, &mut steps)?);

    let draft = Draft {
        session: &session,
        purpose: &question.purpose,
        steps,
        intent: session.task.clone(),
        digest,
        links,
    };
    let (mut change, leave) = open(tx, book, drawn, draft)?;
    match change.verdict.clone() {
        Verdict::Allow => {
            let asked =
                Going { signature: question.signature, purpose: &question.purpose, session: session.id };
            go(tx, book, drawn, (Create::Fresh, change), 0, asked, leave)
        }
        // Nobody can sign for what has not come.
        Verdict::Hold(_) if question.body == Body::ToCome => Ok(Decided::ContentNeeded),
        Verdict::Hold(_) => {
            change.joint = joint::of(&change, &question.purpose);
            if let Some(joined) = joint::join(tx, book, drawn, &change, &session)? {
                let last = joined.steps.len().saturating_sub(1);
                return Ok(Decided::Held(Box::new(joined), last));
            }
            let limit = book.bundle.limits().open_holds_per_session;
            if tx.open_holds(session.root())? >= limit {
                return Ok(Decided::TooManyHolds(limit));
            }
            let mut entry = held_entry(drawn, &change);
            asked_by(&mut entry, &question.purpose);
            tx.create_change(&change, entry)?;
            Ok(Decided::Held(Box::new(change), 0))
        }
        verdict @ Verdict::Deny(_) => {
            change.state = ChangeState::Denied;
            let mut entry = denied_entry(drawn, &change);
            asked_by(&mut entry, &question.purpose);
            tx.create_change(&change, entry)?;
            Ok(Decided::Denied { change: Some(change.id), verdict })
        }
    }
}

pub(crate) struct Draft<'a> {
    pub(crate) session: &'a Session,
    pub(crate) purpose: &'a Purpose,
    pub(crate) steps: Vec<Step>,
    pub(crate) intent: String,
    pub(crate) digest: Digest,
    pub(crate) links: Vec<Link>,
}

/// A change judged without any approval, not yet stored, and on what its first step would rest.
pub(crate) fn open(
    tx: &Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    draft: Draft<'_>,
) -> Result<(Change, Leave), DecideError> {
    let Draft { session, purpose, steps, intent, digest, links } = draft;
    let environment = strictest(&steps);
    let mut change = Change {
        id: drawn.change(),
        digest,
        state: ChangeState::Held,
        version: 0,
        session: session.root(),
        chain: session.chain.clone(),
        scope: session.scope.clone(),
        intent,
        evidence: steps.iter().flat_map(judge::evidence_of).collect(),
        steps,
        environment,
        verdict: Verdict::Allow,
        bundle: book.bundle.digest(),
        nonce: drawn.nonce.clone(),
        created_at: drawn.now,
        expires_at: drawn.now.plus_seconds(book.bundle.limits().hold_expiry_s),
        links,
        rejection: None,
        gone: None,
        reopened: None,
        joint: None,
        erases: None,
        adopts: None,
        breaks: None,
    };
    let facts = Facts::read(tx, book, &change, session, purpose, drawn.now)?;
    let (verdict, leave) = (facts.verdict(&[]), facts.leave(0));
    change.verdict = verdict;
    // What nobody could sign whole is not held: nobody could veto it either.
    if matches!(change.verdict, Verdict::Hold(_))
        && let Err(why) = signable(&change, &book.bundle, book.installation)
    {
        change.verdict = Verdict::fault(Fault::Oversized(why));
    }
    Ok((change, leave))
}

pub(crate) fn strictest(steps: &[Step]) -> Environment {
    steps
        .iter()
        .map(|step| step.environment.clone())
        .reduce(Environment::raise)
        .unwrap_or_else(Environment::unknown)
}

/// The agent runs a held change again: everything is judged anew.
fn rejudge(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut question: Question,
    mut change: Change,
    nth: usize,
) -> Result<Decided, DecideError> {
    bodies::same_again(tx, drawn, &change, nth, &mut question.step, question.captured.as_ref())?;
    if let Some(stored) = change.steps.get(nth) {
        unverified::mark(&mut question.step, stored.vouched);
    }
    let mut named = false;
    let moved = match change.steps.get_mut(nth) {
        Some(stored) if same_facts(stored, &question.step) => {
            // What was held before targets were looked for is found from now on.
            if stored.sought.is_none() {
                stored.sought = question.step.sought.take();
                named = stored.sought.is_some();
            }
            false
        }
        Some(stored) => {
            // What it is looked for by is of the request, and the same one is asked for: what is not seen now may be gone.
            question.step.sought = question.step.sought.or_else(|| stored.sought.take());
            *stored = question.step;
            true
        }
        None => return Ok(Decided::InFlight(change.id)),
    };
    let rebound = change.bundle != book.bundle.digest();
    if moved {
        veto::show(tx, &mut change)?;
    }
    if moved || rebound {
        change.environment = strictest(&change.steps);
        change.evidence = change.steps.iter().flat_map(judge::evidence_of).collect();
        change.bundle = book.bundle.digest();
        change.nonce = drawn.nonce.clone();
    }
    let another_asks = asked_anew(&mut change, &question.purpose);
    let session = question.session;
    let facts = Facts::read(tx, book, &change, &session, &question.purpose, drawn.now)?;
    let (base, leave) = (facts.verdict(&[]), facts.leave(nth));
    // Whom the rules ask is only hidden by the mark of a model's word.
    let asks_nobody = base == Verdict::Allow || (unverified::any(&change.steps) && facts.asks_nobody());
    // What was approved for a wider session of the same chain is not for a narrower one.
    let own = Change {
        scope: session.scope.clone(),
        steps: change.steps.get(nth).cloned().into_iter().collect(),
        ..change.clone()
    };
    if session.scope != change.scope
        && let deny @ Verdict::Deny(_) =
            Facts::read(tx, book, &own, &session, &question.purpose, drawn.now)?.verdict(&[])
    {
        let mut entry = about(drawn, EntryKind::ActionDenied, &change);
        entry.detail.extend(verdict_detail(&deny));
        tx.record(entry)?;
        return Ok(Decided::Denied { change: Some(change.id), verdict: deny });
    }
    let reworded = base != change.verdict && !matches!(base, Verdict::Deny(_));
    let needs_another = reworded && joint::needs(&base) != joint::needs(&change.verdict);
    if reworded {
        change.verdict = base.clone();
    }
    let valid = standing_approvals(tx, book, drawn, &change)?;
    let effective = match &base {
        Verdict::Allow | Verdict::Deny(_) => base.clone(),
        Verdict::Hold(_) => {
            Facts::read(tx, book, &change, &session, &question.purpose, drawn.now)?.verdict(&valid)
        }
    };
    let effective = match effective {
        // What is seen now may be more than anybody could sign: as at first, it is refused rather than left waiting.
        Verdict::Hold(_) if moved || rebound || reworded => {
            match signable(&change, &book.bundle, book.installation) {
                Ok(()) => effective,
                Err(why) => Verdict::fault(Fault::Oversized(why)),
            }
        }
        Verdict::Allow | Verdict::Hold(_) | Verdict::Deny(_) => effective,
    };
    match effective {
        Verdict::Allow => {
            // What people agreed to takes nothing out of what may pass without them.
            let leave = if asks_nobody { leave } else { Leave::default() };
            // It is on record as needing something else: that it does not any more is a judgement of its own.
            if needs_another {
                let entry = judged_entry(drawn, &change, judged_anew(moved, rebound, another_asks, false));
                tx.record(entry)?;
            }
            let asked =
                Going { signature: question.signature, purpose: &question.purpose, session: session.id };
            go(tx, book, drawn, (Create::Stored, change), nth, asked, leave)
        }
        Verdict::Hold(_) => {
            if moved || rebound || reworded || another_asks || named || change.state != ChangeState::Held {
                let from = change.version;
                // A change whose first steps ran stays executing until all have.
                if change.state.is_open() {
                    change.state = ChangeState::Held;
                }
                let mut entry = judged_entry(
                    drawn,
                    &change,
                    judged_anew(moved, rebound, another_asks, named && !reworded),
                );
                if another_asks {
                    asked_by(&mut entry, &question.purpose);
                }
                tx.advance_change(&change, from, entry)?;
                change.version = from.saturating_add(1);
            }
            Ok(Decided::Held(Box::new(change), nth))
        }
        // A freeze or peak hours may pass: the change stays as it is, and the agent is told.
        deny @ Verdict::Deny(_) => {
            let mut entry = about(drawn, EntryKind::ActionDenied, &change);
            entry.detail.extend(verdict_detail(&deny));
            tx.record(entry)?;
            Ok(Decided::Denied { change: Some(change.id), verdict: deny })
        }
    }
}

/// Why a change that was held is judged again.
const fn judged_anew(moved: bool, rebound: bool, another_asks: bool, named: bool) -> &'static str {
    match (moved, rebound) {
        (true, _) => "the target or its facts are not what was seen before; earlier approvals are void",
        (false, true) => "another bundle is in force; earlier approvals are void",
        (false, false) if another_asks => "it is asked for by another than before",
        (false, false) if named => "its target is looked for from now on",
        (false, false) => "what it needs has changed",
    }
}

/// An undo is whose who asks for it last: a person may want what an agent wanted, and what they sign is judged as theirs then.
/// Whether it was another's before.
fn asked_anew(change: &mut Change, purpose: &Purpose) -> bool {
    let Purpose::Undo(Undoing { by, .. }) = purpose else { return false };
    let link = change.links.iter_mut().find(|link| link.kind == LinkKind::Undoes);
    link.is_some_and(|link| std::mem::replace(&mut link.asked_by, by.as_link()) != by.as_link())
}

pub(crate) enum Create {
    Fresh,
    Stored,
}

/// As what a step is let through.
#[derive(Clone, Copy)]
pub(crate) struct Going<'a> {
    /// Of the received request.
    pub(crate) signature: Digest,
    pub(crate) purpose: &'a Purpose,
    /// That asks for it.
    pub(crate) session: SessionId,
}

/// Marks the step as executing and records the permit, with why it is one, in the same operation.
pub(crate) fn go(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    (create, mut change): (Create, Change),
    nth: usize,
    going: Going<'_>,
    leave: Leave,
) -> Result<Decided, DecideError> {
    let Going { signature, purpose, session } = going;
    let Leave { charges, standing, glass } = leave;
    let charged: Vec<String> =
        charges.iter().map(|it| format!("{} from {}", it.amount, it.allowance)).collect();
    let Some(step) = change.steps.get_mut(nth) else {
        return Ok(Decided::InFlight(change.id));
    };
    step.state = StepState::Executing;
    step.execution = Some(Execution { started_at: drawn.now, signature, outcome: None, charges });
    let level = book.bundle.levels().of(step.action.effects, &step.environment);
    if let Level::Witnessed(count) = level
        && book.witnesses < usize::from(count)
    {
        let why = format!("{count} witnesses are to cosign it, and {} answer", book.witnesses);
        return Err(DecideError::NotWitnessed(why));
    }
    let (operation, summary) = (step.action.operation.to_string(), step.action.summary.clone());
    let (account, region) = (step.action.account.0.clone(), step.action.region.0.clone());
    let acting_as = step.action.acting_as.clone();
    change.state = ChangeState::Executing;
    let mut entry = about(drawn, EntryKind::PermitIssued, &change);
    let grants = match Deed::of(&change) {
        // What Countersign does itself takes the same people under every bundle.
        Some(_) => Vec::new(),
        None => book.bundle.grants_of(&change.chain),
    };
    entry.detail.extend(why_permitted(&change.verdict, &grants, glass));
    for (key, value) in [
        ("step", nth.to_string()),
        ("operation", operation),
        ("account", account),
        ("region", region),
        ("summary", summary),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    if purpose.by_the_agent() && session != change.session {
        entry.detail.insert("asked_in".to_owned(), session.to_string());
    }
    entry.detail.extend(acting_as.map(|role| ("acting_as".to_owned(), role)));
    let standing: Vec<String> =
        standing.iter().map(|rule| format!("{} ({}:{})", rule.id, rule.file, rule.line)).collect();
    for (key, parts) in [("charges", charged), ("standing", standing)] {
        if !parts.is_empty() {
            entry.detail.insert(key.to_owned(), parts.join(", "));
        }
    }
    asked_by(&mut entry, purpose);
    match create {
        Create::Fresh => tx.create_change(&change, entry)?,
        Create::Stored => tx.advance_change(&change, change.version, entry)?,
    }
    Ok(Decided::Go { step: StepRef { change: change.id, step: nth }, level })
}

/// What came of a step, from the blob store.
fn recorded(tx: &mut Tx<'_>, drawn: &mut Drawn, last: Change, nth: usize) -> Result<Decided, DecideError> {
    let Some(step) = last.steps.get(nth) else { return Ok(Decided::ReadBack(Box::new(last))) };
    if let Some(erased) = step.erased.clone() {
        return Ok(Decided::Erased(last.id, Box::new(erased)));
    }
    let outcome = step.execution.as_ref().and_then(|it| it.outcome.as_ref());
    let Some(answer) = outcome.and_then(|it| it.answer.as_ref()) else {
        return Ok(Decided::ReadBack(Box::new(last)));
    };
    Ok(match bodies::fetch::<Answer>(tx, answer)? {
        Had::Whole(answer) => Decided::Recorded(last.id, Box::new(answer)),
        Had::Damaged(body) => {
            tx.record(bodies::alarm(drawn, &last, body))?;
            Decided::Damaged(Box::new(last))
        }
    })
}

/// Whether the recorded outcome of a step that people agreed to answers the same call again.
fn repeats(last: &Change, nth: usize, fresh: &Step, window_s: i64, now: Timestamp) -> bool {
    let Some(step) = last.steps.get(nth) else { return false };
    if step.state != StepState::Executed || matches!(last.verdict, Verdict::Allow) {
        return false;
    }
    let Some(outcome) = step.execution.as_ref().and_then(|it| it.outcome.as_ref()) else { return false };
    // An answer that left it unknown what happened answers nobody again.
    outcome.status < 500
        && now.since(outcome.at) <= window_s.saturating_mul(1000)
        && unchanged_since(step, fresh)
}

/// Whether the target is where carrying out the step left it: as it was, or gone after a delete.
fn unchanged_since(done: &Step, fresh: &Step) -> bool {
    match (&done.observation, &fresh.observation) {
        (Some(before), Some(now)) => {
            now.fingerprint == before.fingerprint
                || (done.action.effects.contains(model::Effect::Destroy) && is_leaving(now))
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Gone, or on its way: what a delete leaves behind.
fn is_leaving(observation: &model::Observation) -> bool {
    observation.facts.iter().any(|(name, value)| {
        value == "absent"
            || (name.to_ascii_lowercase().ends_with("status") && value.to_ascii_lowercase().contains("delet"))
    })
}

fn same_facts(stored: &Step, fresh: &Step) -> bool {
    let fingerprint = |step: &Step| step.observation.as_ref().map(|it| it.fingerprint);
    let gathered =
        |step: &Step| judge::evidence_of(step).into_iter().map(|it| (it.kind, it.digest)).collect::<Vec<_>>();
    fingerprint(stored) == fingerprint(fresh)
        && stored.action.effects == fresh.action.effects
        && stored.environment == fresh.environment
        && gathered(stored) == gathered(fresh)
}

/// Held deletes of the same agent whose target this action would create again: `CreateStack` after `DeleteStack`.
fn recreated(tx: &Tx<'_>, question: &Question) -> Result<Vec<ChangeId>, DecideError> {
    let action = &question.step.action;
    let Some(created) = noun(&action.operation.name, CREATING) else { return Ok(Vec::new()) };
    let keys: Vec<String> = action.resources.iter().map(model::Resource::key).collect();
    let mut found = Vec::new();
    for id in tx.held_destroys_of(&question.session.chain.agent, &keys)? {
        let deletes = tx.change(id)?.is_some_and(|change| {
            change.steps.iter().any(|step| {
                let deleted = noun(&step.action.operation.name, DELETING);
                step.action.operation.service == action.operation.service
                    && deleted.is_some_and(|deleted| created.starts_with(deleted))
            })
        });
        if deletes {
            found.push(id);
        }
    }
    Ok(found)
}

const CREATING: &[&str] = &["Create", "Run", "Restore", "Register", "Launch", "Import"];
const DELETING: &[&str] = &["Delete", "Terminate", "Deregister", "Remove", "Destroy"];

/// What an operation's name says it is about, where it begins with one of the verbs.
fn noun<'n>(operation: &'n str, verbs: &[&str]) -> Option<&'n str> {
    verbs.iter().find_map(|verb| operation.strip_prefix(verb))
}

pub(crate) fn expire(tx: &mut Tx<'_>, drawn: &mut Drawn, change: &Change) -> Result<(), DecideError> {
    let mut expired = change.clone();
    expired.state = ChangeState::Expired;
    let entry = about(drawn, EntryKind::ChangeExpired, &expired);
    tx.advance_change(&expired, change.version, entry)?;
    Ok(())
}
