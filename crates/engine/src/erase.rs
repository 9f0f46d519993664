//! Erasing bodies: a change of Countersign's own. It takes two people besides whoever asked, which no bundle can change;
//! otherwise it is like any other: held, signed, vetoed, expired, asked for again once approved, decided anew at that
//! moment, and carried out only when its permit is sequenced. Its action is an [`Erasure`], which can name nothing but
//! commitments to bodies.

use model::{
    Account, ActionParts, Alternative, Chain, Change, ChangeId, ChangeState, Effect, EffectSet, EntryKind,
    Environment, Erased, Erasure, Exposure, Fault, Ground, Hold, Kind, Level, Link, LinkKind, Observation,
    Partition, PersonId, Presence, Quantity, Region, Requirement, Resource, Scope, SessionId, Step,
    StepState, Undo, Value, Verdict, change_digest,
};
use store::{Conflict, Fetched, Tx};

use crate::{
    Engine, Purpose, Refusal, RefusalKind, SignError, answer,
    decide::{self, Book, Create, Decided, Drawn, strictest},
    facts::Leave,
    judge,
    permit::StepRef,
    read_back::read_back,
    record::{about, denied_entry, held_entry},
    statement::signable,
    veto,
};

/// What a person asks for.
#[derive(Clone, Debug)]
pub struct Erase {
    pub of: ChangeId,
    /// Counted from 0; `None` is the only one.
    pub step: Option<usize>,
    pub ground: Ground,
    pub by: PersonId,
    /// The signed request itself, for the record.
    pub signed: (String, String),
}

/// What came of asking.
enum Answered {
    /// As it stands now.
    Stands(Box<Change>),
    /// Its permit is on record; what it has to wait for.
    Go(ChangeId, Level),
    Refused(SignError),
}

impl Engine {
    /// Opens a change that erases all bodies of one action of another, or, asked again once it is approved, carries it
    /// out.
    ///
    /// # Errors
    /// [`SignError::NotErasable`] where nothing is kept or it is needed yet; [`SignError::Refused`] after a veto.
    pub async fn erase(&self, asked: Erase) -> Result<Change, SignError> {
        self.recordable()?;
        let (mut drawn, book) = (self.draw()?, self.book());
        let answered = self.store.write(move |tx| ask(tx, &book, &mut drawn, &asked)).await?;
        self.moved();
        let (id, level) = match answered {
            Answered::Stands(change) => return Ok(*change),
            Answered::Refused(err) => return Err(err),
            Answered::Go(id, level) => (id, level),
        };
        if let Err(fault) = self.reach(level).await {
            self.never_sent(StepRef { change: id, step: 0 }, &fault).await;
            return Err(SignError::Fault(fault));
        }
        crate::crash::point("before-erasure");
        let (mut drawn, book) = (self.draw_after_the_fact()?, self.book());
        let done = self.store.write(move |tx| carry_out(tx, &book, &mut drawn, id)).await?;
        crate::crash::point("after-erasure");
        self.moved();
        Ok(done)
    }
}

fn ask(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, asked: &Erase) -> Result<Answered, SignError> {
    let target = tx.change(asked.of)?.ok_or(SignError::UnknownChange(asked.of))?;
    let (nth, step) = asked_for(&target, asked.step)?;
    let chain = chain_of(&asked.by)?;
    let erasure =
        Erasure { of: target.id, step: nth, bodies: step.commitments(), ground: asked.ground.clone() };
    let digest = change_digest(&chain, [erasure.digest()]);
    let fresh = action(tx, drawn, &target, &erasure)?;
    if let Some(open) = tx.open_change(digest)? {
        match open.steps.first().map(|step| step.state) {
            Some(StepState::Unknown) => {
                let change = read_back(tx, drawn, fresh.observation.as_ref(), open, 0)?;
                return Ok(Answered::Stands(Box::new(change)));
            }
            Some(StepState::Pending) if drawn.now < open.expires_at => {
                return again(tx, book, drawn, open, fresh, asked);
            }
            Some(StepState::Pending) => decide::expire(tx, drawn, &open)?,
            Some(StepState::Executing | StepState::Executed | StepState::Failed | StepState::Undone)
            | None => {
                let message = answer::in_flight(open.id);
                return Err(refused(RefusalKind::InFlight, open.id, message));
            }
        }
    }
    if let Some(last) = tx.latest_by_digest(digest)?
        && let Some(vetoed) = veto::against(tx, &last)?
    {
        return Err(refused(RefusalKind::Denied, vetoed.id, answer::vetoed(&vetoed)));
    }
    let mut steps = vec![fresh];
    let links = veto::earlier(tx, &chain, &mut steps)?;
    let asked_as = Asked { chain, erasure, steps, links, intent: asked.ground.to_string() };
    let mut change = draft(book, drawn, asked_as);
    let mut entry = if let Verdict::Deny(_) = change.verdict {
        change.state = ChangeState::Denied;
        denied_entry(drawn, &change)
    } else {
        held_entry(drawn, &change)
    };
    entry.actors.person = Some(asked.by.clone());
    let (request, signature) = asked.signed.clone();
    entry.detail.extend([("request".to_owned(), request), ("signature".to_owned(), signature)]);
    tx.create_change(&change, entry)?;
    Ok(Answered::Stands(Box::new(change)))
}

/// The action whose bodies are to go.
fn asked_for(target: &Change, nth: Option<usize>) -> Result<(usize, &Step), SignError> {
    let not = |why: String| Err(SignError::NotErasable(why));
    let (id, count) = (target.id, target.steps.len());
    let (nth, step) = match (nth, target.steps.as_slice()) {
        (None, [only]) => (0, only),
        (None, _) => return not(format!("{id} has {count} actions; say which (--action N)")),
        (Some(nth), steps) => match steps.get(nth) {
            Some(step) => (nth, step),
            None => return not(format!("{id} has {count} actions, counted from 1")),
        },
    };
    if let Some(erased) = &step.erased {
        return not(format!("it was erased already, on {} by {}", erased.at, erased.by));
    }
    if !store::is_over(target, step) {
        let (action, change) = (step.state.name(), target.state);
        return not(format!(
            "{id} is {change} and this action {action}: its bodies are needed until it is over"
        ));
    }
    if step.commitments().is_empty() {
        return not(format!("of this action of {id} no body is kept"));
    }
    Ok((nth, step))
}

/// Countersign does it, and the person who asks stands behind it: nobody counts who asked.
fn chain_of(by: &PersonId) -> Result<Chain, SignError> {
    let agent = policy::OWN_NAME.parse();
    let agent = agent.map_err(|_| Fault::NoPolicy("our own name is no name".to_owned()))?;
    Ok(Chain { agent, operator: by.clone(), launcher: None, owner: None })
}

/// What would be done, as it is shown to those who sign.
fn action(tx: &Tx<'_>, drawn: &Drawn, target: &Change, erasure: &Erasure) -> Result<Step, SignError> {
    let step = target.steps.get(erasure.step).ok_or(SignError::UnknownChange(target.id))?;
    let inverse = step.undo.as_ref().and_then(|undo| undo.request.commitment());
    let (mut facts, mut shown) = (Vec::new(), Vec::new());
    for body in &erasure.bodies {
        let what = if inverse == Some(*body) { "the request that would undo it" } else { "the answer to it" };
        let lies = match tx.body(*body)? {
            Fetched::Whole(_) => "kept",
            Fetched::Altered => "kept, but not as it was recorded",
            Fetched::Absent => "gone, and nobody erased it",
        };
        shown.push(("body".to_owned(), format!("{body}: {what}")));
        facts.push((body.to_string(), lies.to_owned()));
    }
    let seen = facts.iter().map(|(body, lies)| (body.clone(), Value::text(lies)));
    let observation = Observation {
        at: drawn.now,
        fingerprint: Observation::fingerprint_of(&Value::map(seen)),
        facts,
        inner: Vec::new(),
        inner_whole: true,
        unknowns: Vec::new(),
    };
    let undo = if inverse.is_some() { " It cannot be undone by Countersign any more." } else { "" };
    let summary = format!(
        "Erase for good what is kept of action {nth} of {of} ({bodies} in all), which was: {what}{undo}",
        nth = erasure.step.saturating_add(1),
        of = erasure.of,
        bodies = erasure.bodies.len(),
        what = model::sanitize(&step.action.summary, 600),
    );
    let mut parameters = vec![
        ("change".to_owned(), erasure.of.to_string()),
        ("action".to_owned(), erasure.step.saturating_add(1).to_string()),
        ("ground".to_owned(), erasure.ground.to_string()),
    ];
    parameters.append(&mut shown);
    let here = Erasure::operation().service;
    Ok(Step {
        digest: erasure.digest(),
        action: ActionParts {
            operation: Erasure::operation(),
            partition: Partition(here.clone()),
            account: Account(here.clone()),
            region: Region("none".to_owned()),
            effects: EffectSet::of(Effect::Destroy),
            exposure: Exposure::default(),
            resources: erasure
                .bodies
                .iter()
                .map(|body| Resource {
                    service: here.clone(),
                    kind: Kind::known("body"),
                    name: body.to_string(),
                })
                .collect(),
            undo: Undo::Unlisted,
            quantity: Quantity::one(),
            summary,
            shown: parameters,
            unknowns: Vec::new(),
            acting_as: None,
            second_lock: None,
        },
        environment: Environment::unknown(),
        state: StepState::Pending,
        listed: None,
        observation: Some(observation),
        undo: None,
        execution: None,
        erased: None,
    })
}

struct Asked {
    chain: Chain,
    erasure: Erasure,
    steps: Vec<Step>,
    links: Vec<Link>,
    intent: String,
}

/// Not yet stored.
fn draft(book: &Book, drawn: &mut Drawn, asked: Asked) -> Change {
    let Asked { chain, erasure, steps, links, intent } = asked;
    let mut change = Change {
        id: drawn.change(),
        digest: change_digest(&chain, [erasure.digest()]),
        state: ChangeState::Held,
        version: 0,
        session: SessionId::new(0, [0; 10]),
        chain,
        scope: Scope::default(),
        intent,
        evidence: steps.iter().flat_map(judge::evidence_of).collect(),
        environment: strictest(&steps),
        steps,
        verdict: held(),
        bundle: book.bundle.digest(),
        nonce: drawn.nonce.clone(),
        created_at: drawn.now,
        expires_at: drawn.now.plus_seconds(book.bundle.limits().hold_expiry_s),
        links,
        rejection: None,
        reopened: None,
        joint: None,
        erases: Some(erasure),
    };
    let (roster, rule) = (book.bundle.roster(), judge::file_rule(&book.bundle, &change.steps));
    if approval::eligible(&change.chain, roster, rule).people < Erasure::PEOPLE {
        change.verdict = Verdict::Deny(model::Denial {
            fault: None,
            rules: Vec::new(),
            alternatives: vec![Alternative("enrol two approvers besides whoever asks".to_owned())],
        });
    } else if let Err(why) = signable(&change, &book.bundle, book.installation) {
        change.verdict = Verdict::fault(Fault::Oversized(why));
    }
    change
}

/// The law of an erasure, which stands in no bundle.
fn held() -> Verdict {
    Verdict::Hold(Hold {
        requirement: Requirement { people: Erasure::PEOPLE, ..Requirement::default() },
        rules: Vec::new(),
        alternatives: Vec::new(),
    })
}

/// How these signatures leave a change that erases; `None` where it is not one, and the bundle decides.
pub(crate) fn verdict(book: &Book, change: &Change, signed: &[(PersonId, Presence)]) -> Option<Verdict> {
    let erasure = change.erases.as_ref()?;
    let roster = book.bundle.roster();
    let rule = judge::file_rule(&book.bundle, &change.steps);
    let given = signed.iter().map(|(person, presence)| (person, *presence));
    let people = approval::counts(&change.chain, roster, given, rule).people;
    let own = change_digest(&change.chain, [erasure.digest()]);
    let whole = own == change.digest && change.steps.iter().all(|step| step.digest == erasure.digest());
    Some(if people >= Erasure::PEOPLE && whole { Verdict::Allow } else { held() })
}

/// Whoever asked asks again: everything is looked at anew.
fn again(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut change: Change,
    fresh: Step,
    asked: &Erase,
) -> Result<Answered, SignError> {
    let seen = |step: &Step| step.observation.as_ref().map(|it| it.fingerprint);
    let moved = change.steps.first().and_then(seen) != seen(&fresh);
    let rebound = change.bundle != book.bundle.digest();
    if moved || rebound {
        change.steps = vec![fresh];
        veto::show(tx, &mut change)?;
        change.evidence = change.steps.iter().flat_map(judge::evidence_of).collect();
        change.bundle = book.bundle.digest();
        change.nonce.clone_from(&drawn.nonce);
    }
    let signed = decide::standing_approvals(tx, book, drawn, &change)?;
    if verdict(book, &change, &signed) == Some(Verdict::Allow) {
        let signature = model::Digest::of(asked.signed.1.as_bytes());
        let going = (signature, &Purpose::Agent);
        return match decide::go(tx, book, drawn, (Create::Stored, change), 0, going, Leave::default())? {
            Decided::Go { step, level } => Ok(Answered::Go(step.change, level.max(Level::Sequenced))),
            _ => Ok(Answered::Refused(SignError::NotErasable("it is under way already".to_owned()))),
        };
    }
    if moved || rebound || change.state != ChangeState::Held {
        let from = change.version;
        change.state = ChangeState::Held;
        let mut entry = held_entry(drawn, &change);
        entry.kind = EntryKind::ChangeJudged;
        let why =
            "what it would erase, the bundle or the roster is not what it was; earlier approvals may be void";
        entry.detail.insert("why".to_owned(), why.to_owned());
        tx.advance_change(&change, from, entry)?;
        change.version = from.saturating_add(1);
    }
    Ok(Answered::Stands(Box::new(change)))
}

/// The operator of a vetoed erasure asks anew, in other words; the ground stays what it was.
pub(crate) fn reopened(
    tx: &Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    vetoed: &Change,
    erasure: &Erasure,
    intent: String,
) -> Result<Change, SignError> {
    let target = tx.change(erasure.of)?.ok_or(SignError::UnknownChange(erasure.of))?;
    asked_for(&target, Some(erasure.step))?;
    let steps = vec![action(tx, drawn, &target, erasure)?];
    let links = vec![Link::to(LinkKind::Reopens, vetoed.id)];
    let asked = Asked { chain: vetoed.chain.clone(), erasure: erasure.clone(), steps, links, intent };
    Ok(draft(book, drawn, asked))
}

/// Its permit is sequenced. Whatever was written into the rows meanwhile, every signature is verified once more.
fn carry_out(tx: &mut Tx<'_>, book: &Book, drawn: &mut Drawn, id: ChangeId) -> Result<Change, SignError> {
    let mut change = tx.change(id)?.ok_or(SignError::UnknownChange(id))?;
    let state = change.steps.first().map(|step| step.state);
    let (Some(erasure), Some(StepState::Executing)) = (change.erases.clone(), state) else {
        return Ok(change);
    };
    let signed = decide::standing_approvals(tx, book, drawn, &change)?;
    let stands = verdict(book, &change, &signed) == Some(Verdict::Allow) && drawn.now < change.expires_at;
    let done = if stands {
        let asked_by = change.chain.operator.clone();
        let erased = Erased { at: drawn.now, by: change.id, asked_by, ground: erasure.ground.clone() };
        let entry = erased_entry(drawn, &change, &erasure);
        match tx.erase(&erasure, erased, entry) {
            Ok(()) => Ok(()),
            Err(Conflict::Storage(err)) => return Err(err.into()),
            Err(other) => Err(other.to_string()),
        }
    } else {
        Err("its approvals do not stand any more".to_owned())
    };
    let from = change.version;
    let (state, detail) = match done {
        Ok(()) => (StepState::Executed, ("erased".to_owned(), erasure.bodies.len().to_string())),
        Err(why) => (StepState::Failed, ("not_sent".to_owned(), model::sanitize(&why, 400))),
    };
    for step in &mut change.steps {
        step.state = state;
    }
    change.state = change.overall();
    let mut entry = about(drawn, EntryKind::OutcomeRecorded, &change);
    entry.detail.extend([("step".to_owned(), "0".to_owned()), detail]);
    tx.advance_change(&change, from, entry)?;
    change.version = from.saturating_add(1);
    Ok(change)
}

/// Whose, which, on what ground; by which change says the entry itself.
fn erased_entry(drawn: &mut Drawn, change: &Change, erasure: &Erasure) -> model::Entry {
    let mut entry = about(drawn, EntryKind::BodyErased, change);
    let bodies: Vec<String> = erasure.bodies.iter().map(ToString::to_string).collect();
    entry.actors.person = Some(change.chain.operator.clone());
    for (key, value) in [
        ("of", erasure.of.to_string()),
        ("step", erasure.step.to_string()),
        ("bodies", bodies.join(" ")),
        ("ground", erasure.ground.to_string()),
    ] {
        entry.detail.insert(key.to_owned(), value);
    }
    entry
}

fn refused(kind: RefusalKind, change: ChangeId, message: String) -> SignError {
    SignError::Refused(Refusal { kind, change: Some(change), message })
}
