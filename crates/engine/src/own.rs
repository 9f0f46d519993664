//! Changes of Countersign's own, asked for by a person: erasing bodies, adopting a bundle, breaking the glass. What each takes
//! stands in no bundle: two people besides whoever asks, or for a recovery what [`crate::recover`] says. Otherwise it is like any
//! other change: held, signed, vetoed, expired, asked for again once approved, decided anew at that moment, and carried out only
//! when its permit is sequenced ([`carry_out`]).

mod carry_out;

use approval::{FileRule, Ineligible};
use model::{
    Account, ActionParts, Adoption, Alternative, BreakGlass, Chain, Change, ChangeId, ChangeState, Denial,
    Digest, Effect, EffectSet, Environment, Erasure, Exposure, Fault, Hold, Level, Link, LinkKind,
    Observation, Operation, Partition, PersonId, Quantity, Region, Requirement, Resource, Roster, Scope,
    SessionId, Step, StepState, Timestamp, Undo, Value, Verdict, change_digest,
};
use policy::Bundle;
use store::Tx;

pub(crate) use carry_out::{Done, VOID, alarm, carry_out, entry, lost};

use crate::{
    Purpose, Refusal, RefusalKind, SignError, adopt, answer,
    decide::{self, Book, Create, Decided, Drawn, Going, strictest},
    erase,
    facts::Leave,
    glass, judge,
    record::{denied_entry, held_entry, judged_entry},
    recover, standing,
    statement::signable,
    veto,
};

/// What such a change does.
#[derive(Clone, Debug)]
pub(crate) enum Deed {
    Erase(Erasure),
    Adopt(Adoption),
    Break(BreakGlass),
}

impl Deed {
    /// `None` where the change is none of Countersign's own, and the bundle decides.
    pub(crate) fn of(change: &Change) -> Option<Self> {
        let adopts = || change.adopts.map(Self::Adopt);
        let breaks = || change.breaks.clone().map(Self::Break);
        change.erases.clone().map(Self::Erase).or_else(adopts).or_else(breaks)
    }

    /// In the place of an action's digest.
    pub(crate) fn digest(&self) -> Digest {
        match self {
            Self::Erase(erasure) => erasure.digest(),
            Self::Adopt(adoption) => adoption.digest(),
            Self::Break(glass) => glass.digest(),
        }
    }

    /// Whose agreement it takes, by who asks.
    fn takes(&self, by: &PersonId, roster: &Roster) -> Takes {
        match self {
            Self::Adopt(_) if recover::is_key(roster, by) => Takes::RecoveryKeys,
            Self::Adopt(_) => Takes::People(Adoption::PEOPLE),
            Self::Erase(_) => Takes::People(Erasure::PEOPLE),
            Self::Break(_) => Takes::People(BreakGlass::PEOPLE),
        }
    }

    /// Whether it can still be done.
    fn holds(&self, book: &Book) -> bool {
        match self {
            Self::Erase(_) => true,
            Self::Adopt(adoption) => adoption.from == book.bundle.digest(),
            Self::Break(glass) => book.bundle.may_break(glass).is_ok(),
        }
    }
}

/// Whose agreement a change of Countersign's own takes; it stands in no bundle.
#[derive(Clone, Copy, Debug)]
enum Takes {
    /// So many, besides whoever asks.
    People(u32),
    RecoveryKeys,
}

impl Takes {
    /// The law of such a change.
    fn held(self, roster: &Roster, change: ChangeId) -> Verdict {
        let requirement = match self {
            Self::People(people) => Requirement { people, ..Requirement::default() },
            Self::RecoveryKeys => recover::requirement(roster, change),
        };
        Verdict::Hold(Hold { requirement, rules: Vec::new(), alternatives: Vec::new() })
    }
}

/// A person asks, now.
pub(crate) struct Wish {
    pub(crate) deed: Deed,
    /// What would be done, as it is now.
    pub(crate) step: Step,
    pub(crate) intent: String,
    pub(crate) by: PersonId,
    /// Somebody else who does not count.
    pub(crate) owner: Option<PersonId>,
    /// The signed request itself, for the record.
    pub(crate) signed: (String, String),
}

/// What came of asking.
pub(crate) enum Answered {
    /// As it stands now.
    Stands(Box<Change>),
    /// Its permit is on record; what it has to wait for.
    Go(ChangeId, Level),
}

/// Opens the change; or, asked again once it is approved, records its permit.
pub(crate) fn ask(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    wish: Wish,
) -> Result<Answered, SignError> {
    let roster = book.bundle.roster();
    if !roster.people.contains_key(&wish.by) {
        return Err(SignError::MayNot(Ineligible::NotEnrolled(wish.by)));
    }
    if recover::is_key(roster, &wish.by) && !matches!(wish.deed, Deed::Adopt(_)) {
        return Err(SignError::MayNot(Ineligible::RecoveryKey(wish.by)));
    }
    let chain = Chain { owner: wish.owner.clone(), ..chain_of(&wish.by)? };
    let digest = change_digest(&chain, [wish.deed.digest()]);
    if let Some(open) = tx.open_change(digest)? {
        match open.steps.first().map(|step| step.state) {
            // As earlier versions left it at their start, and as one comes over into a new log.
            Some(StepState::Unknown) => return Ok(Answered::Stands(Box::new(lost(tx, drawn, open)?))),
            Some(StepState::Pending) if drawn.now < open.expires_at => {
                return again(tx, book, drawn, open, wish);
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
    let Wish { deed, step, intent, by, owner: _, signed: (request, signature) } = wish;
    let mut steps = vec![step];
    let links = veto::earlier(tx, &mut steps)?;
    let mut change = draft(book, drawn, Draft { chain, deed, steps, links, intent });
    let mut entry = if let Verdict::Deny(_) = change.verdict {
        change.state = ChangeState::Denied;
        denied_entry(drawn, &change)
    } else {
        held_entry(drawn, &change)
    };
    entry.actors.person = Some(by);
    entry.detail.extend([("request".to_owned(), request), ("signature".to_owned(), signature)]);
    tx.create_change(&change, entry)?;
    if change.state == ChangeState::Held {
        loud(drawn, &change, roster).map_or(Ok(()), |entry| tx.record(entry))?;
    }
    Ok(Answered::Stands(Box::new(change)))
}

/// Countersign does it, and the person who asks stands behind it: nobody counts who asked.
pub(crate) fn chain_of(by: &PersonId) -> Result<Chain, SignError> {
    let agent = model::OWN_NAME.parse();
    let agent = agent.map_err(|_| Fault::NoPolicy("our own name is no name".to_owned()))?;
    Ok(Chain { agent, operator: by.clone(), launcher: None, owner: None })
}

/// What a step of Countersign's own says of itself.
pub(crate) struct Told {
    pub(crate) operation: Operation,
    pub(crate) effect: Effect,
    pub(crate) resources: Vec<Resource>,
    pub(crate) summary: String,
    pub(crate) shown: Vec<(String, String)>,
    /// What it rests on, as it was found just now.
    pub(crate) facts: Vec<(String, String)>,
}

/// What would be done, as it is shown to those who sign.
pub(crate) fn step(deed: &Deed, now: Timestamp, told: Told) -> Step {
    let Told { operation, effect, resources, summary, shown, facts } = told;
    let seen = facts.iter().map(|(name, value)| (name.clone(), Value::text(value)));
    let fingerprint = Observation::fingerprint_of(&Value::map(seen));
    let observation = Observation {
        at: now,
        fingerprint,
        facts,
        inner: Vec::new(),
        inner_whole: true,
        unknowns: Vec::new(),
    };
    let here = operation.service.clone();
    Step {
        digest: deed.digest(),
        action: ActionParts {
            operation,
            partition: Partition(here.clone()),
            account: Account(here),
            region: Region("none".to_owned()),
            effects: EffectSet::of(effect),
            exposure: Exposure::default(),
            resources,
            undo: Undo::Unlisted,
            quantity: Quantity::one(),
            summary,
            shown,
            unknowns: Vec::new(),
            acting_as: None,
            second_lock: None,
        },
        environment: Environment::unknown(),
        state: StepState::Pending,
        listed: None,
        observation: Some(observation),
        sought: None,
        undo: None,
        execution: None,
        erased: None,
        vouched: model::Vouched::ByAgent,
    }
}

pub(crate) struct Draft {
    pub(crate) chain: Chain,
    pub(crate) deed: Deed,
    pub(crate) steps: Vec<Step>,
    pub(crate) links: Vec<Link>,
    pub(crate) intent: String,
}

/// Not yet stored.
pub(crate) fn draft(book: &Book, drawn: &mut Drawn, asked: Draft) -> Change {
    let Draft { chain, deed, steps, links, intent } = asked;
    let (roster, digest) = (book.bundle.roster(), change_digest(&chain, [deed.digest()]));
    let takes = deed.takes(&chain.operator, roster);
    let expiry_s = match deed {
        Deed::Break(_) => book.bundle.limits().hold_expiry_s.min(BreakGlass::EXPIRY_S),
        Deed::Erase(_) | Deed::Adopt(_) => book.bundle.limits().hold_expiry_s,
    };
    let (erases, adopts, breaks) = match deed {
        Deed::Erase(erasure) => (Some(erasure), None, None),
        Deed::Adopt(adoption) => (None, Some(adoption), None),
        Deed::Break(glass) => (None, None, Some(glass)),
    };
    let id = drawn.change();
    let mut change = Change {
        id,
        digest,
        state: ChangeState::Held,
        version: 0,
        session: SessionId::OWN,
        chain,
        scope: Scope::default(),
        intent,
        evidence: steps.iter().flat_map(judge::evidence_of).collect(),
        environment: strictest(&steps),
        steps,
        verdict: takes.held(roster, id),
        bundle: book.bundle.digest(),
        nonce: drawn.nonce.clone(),
        created_at: drawn.now,
        expires_at: match takes {
            Takes::People(_) => drawn.now,
            Takes::RecoveryKeys => recover::not_before(roster, id),
        }
        .plus_seconds(expiry_s),
        links,
        rejection: None,
        gone: None,
        reopened: None,
        joint: None,
        erases,
        adopts,
        breaks,
    };
    let hopeless = match takes {
        Takes::People(people) => hopeless(&change, &book.bundle, people),
        Takes::RecoveryKeys => recover::hopeless(roster),
    };
    if let Some(denial) = hopeless {
        change.verdict = Verdict::Deny(denial);
    } else if let Err(why) = signable(&change, &book.bundle, book.installation) {
        change.verdict = Verdict::fault(Fault::Oversized(why));
    }
    change
}

/// What everybody hears of it when it is asked for.
pub(crate) fn loud(drawn: &mut Drawn, change: &Change, roster: &Roster) -> Option<model::Entry> {
    match &change.breaks {
        Some(glass) => Some(glass::asked(drawn, change, glass)),
        None => recover::is_recovery(change, roster).then(|| recover::asked(drawn, change, roster)),
    }
}

/// Whoever asked for a vetoed one asks anew, in other words.
pub(crate) fn reopened(
    tx: &Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    vetoed: &Change,
    deed: Deed,
    intent: String,
) -> Result<Change, SignError> {
    let steps = match &deed {
        Deed::Erase(erasure) => vec![erase::anew(tx, drawn, erasure)?],
        Deed::Adopt(adoption) => adopt::anew(book, vetoed, adoption)?,
        Deed::Break(glass) => vec![glass::anew(tx, book, drawn, glass)?],
    };
    let links = vec![Link::to(LinkKind::Reopens, vetoed.id)];
    Ok(draft(book, drawn, Draft { chain: vetoed.chain.clone(), deed, steps, links, intent }))
}

/// Why so many could never sign for it.
fn hopeless(change: &Change, bundle: &Bundle, people: u32) -> Option<Denial> {
    let there = approval::eligible(&change.chain, bundle.roster(), file_rule(bundle, change)).people;
    (there < people).then(|| Denial {
        fault: None,
        rules: Vec::new(),
        alternatives: vec![Alternative("enrol two approvers besides whoever asks".to_owned())],
    })
}

/// Whether `person` may sign for `change`, presence aside: a recovery is signed by the keys that are for it, everything
/// else by people.
pub(crate) fn may_approve(change: &Change, roster: &Roster, person: &PersonId) -> Result<(), Ineligible> {
    if recover::is_recovery(change, roster) {
        approval::may_recover(roster, person)
    } else {
        approval::may_approve(&change.chain, roster, person)
    }
}

/// Whether a signature by a key file counts for `change`. Recovery keys lie in a safe, so nobody asks for a touch.
pub(crate) fn file_rule(bundle: &Bundle, change: &Change) -> FileRule {
    if recover::is_recovery(change, bundle.roster()) {
        FileRule::Counts
    } else {
        judge::file_rule(bundle, &change.steps)
    }
}

/// How these signatures leave a change of Countersign's own, now; `None` where it is not one, and the bundle decides.
pub(crate) fn verdict(
    book: &Book,
    change: &Change,
    signed: &[(PersonId, approval::Manner)],
    now: Timestamp,
) -> Option<Verdict> {
    let deed = Deed::of(change)?;
    let (roster, rule) = (book.bundle.roster(), file_rule(&book.bundle, change));
    let takes = deed.takes(&change.chain.operator, roster);
    let agreed = match takes {
        Takes::People(people) => {
            let given = signed.iter().map(|(person, manner)| (person, *manner));
            approval::counts(&change.chain, roster, given, rule).people >= people
        }
        Takes::RecoveryKeys => recover::agreed(roster, change.id, signed.iter().map(|(key, _)| key), now),
    };
    let own = change_digest(&change.chain, [deed.digest()]);
    let whole = own == change.digest && change.steps.iter().all(|step| step.digest == deed.digest());
    let stands = agreed && whole && deed.holds(book);
    Some(if stands { Verdict::Allow } else { takes.held(roster, change.id) })
}

/// Whoever asked asks again: everything is looked at anew.
fn again(
    tx: &mut Tx<'_>,
    book: &Book,
    drawn: &mut Drawn,
    mut change: Change,
    wish: Wish,
) -> Result<Answered, SignError> {
    let seen = |step: &Step| step.observation.as_ref().map(|it| it.fingerprint);
    // Another certificate or comparison shows something else, though it is about the same bundle.
    let rests = |name: &String| [CERTIFICATE, COMPARISON].contains(&name.as_str());
    let shows = |step: &Step| -> Vec<(String, String)> {
        step.action.shown.iter().filter(|(name, _)| rests(name)).cloned().collect()
    };
    let moved = change.steps.first().and_then(seen) != seen(&wish.step)
        || change.steps.first().map(shows) != Some(shows(&wish.step));
    let rebound = change.bundle != book.bundle.digest();
    if moved || rebound {
        change.steps = vec![wish.step];
        veto::show(tx, &mut change)?;
        change.evidence = change.steps.iter().flat_map(judge::evidence_of).collect();
        change.bundle = book.bundle.digest();
        change.nonce.clone_from(&drawn.nonce);
    }
    let signed = standing::standing_approvals(tx, book, drawn, &change)?;
    if verdict(book, &change, &signed, drawn.now) == Some(Verdict::Allow) {
        let id = change.id;
        let signature = Digest::of(wish.signed.1.as_bytes());
        let going = Going { signature, purpose: &Purpose::Agent, session: change.session };
        return match decide::go(tx, book, drawn, (Create::Stored, change), 0, going, Leave::default())? {
            Decided::Go { step, level } => Ok(Answered::Go(step.change, level.max(Level::Sequenced))),
            _ => Err(refused(RefusalKind::InFlight, id, answer::in_flight(id))),
        };
    }
    if moved || rebound || change.state != ChangeState::Held {
        let from = change.version;
        change.state = ChangeState::Held;
        let why =
            "what it is about, the bundle or the roster is not what it was; earlier approvals may be void";
        let entry = judged_entry(drawn, &change, why);
        tx.advance_change(&change, from, entry)?;
        change.version = from.saturating_add(1);
    }
    Ok(Answered::Stands(Box::new(change)))
}

/// What of a step names the certificate that it rests on.
pub(crate) const CERTIFICATE: &str = "certificate";
/// And what names the comparison with the bundle in force.
pub(crate) const COMPARISON: &str = "comparison";

fn refused(kind: RefusalKind, change: ChangeId, message: String) -> SignError {
    SignError::Refused(Refusal { kind, change: Some(change), message })
}
