//! What was let through, against what stood before it in the log: enough people outside the chain, no veto, each step
//! once, and of what was let through one outcome.

use std::{
    collections::{BTreeSet, HashMap},
    rc::Rc,
};

use model::{
    Adoption, AgentId, BundleParts, Chain, ChangeId, ChangeState, Consent, Digest, Entry, EntryKind, Erasure,
    PersonId, Timestamp, change_digest,
};

use crate::{
    Code,
    auditor::Verdicts,
    bodies,
    decisions::{self, Decisions, Lacking},
    entries::Placed,
    glass::{self, Broken},
    history::listed,
    roots::Roots,
    sessions::Sessions,
    signatures::{Signatures, Signed},
    standing::{Approvals, Standing},
    steps::Steps,
};

/// What the entries so far say of changes, and of the sessions that they were asked for in.
#[derive(Debug, Default)]
pub(crate) struct Permits {
    changes: HashMap<ChangeId, Life>,
    sessions: Sessions,
    decisions: Decisions,
    chains: HashMap<(AgentId, PersonId, Option<PersonId>), Rc<Chain>>,
    steps: BTreeSet<Rc<str>>,
}

impl Permits {
    pub(crate) fn take(
        &mut self,
        placed: &Placed,
        signed: Option<Signed>,
        signatures: &Signatures,
        roots: &Roots,
        (verdicts, lacking): (&mut Verdicts, &mut Lacking),
    ) {
        let (index, entry) = (placed.index, &placed.entry);
        self.sessions.take(placed);
        self.decisions.take(placed);
        let Some(change) = entry.change else {
            let nameless = match entry.kind {
                EntryKind::PermitIssued => Some((Code::PermitMalformed, "permits something")),
                EntryKind::OutcomeRecorded | EntryKind::OutcomeUnknown => {
                    Some((Code::OutcomeWithoutPermit, "records an outcome"))
                }
                EntryKind::BodyErased => Some((Code::ErasureUnapproved, "erases a body")),
                _ => None,
            };
            if let Some((code, does)) = nameless {
                verdicts.add(code, index, &format!("entry {index} {does}, but names no change"));
            }
            return;
        };
        if entry.kind == EntryKind::PermitIssued
            && let Some(why) = self.through_glass(placed)
        {
            verdicts.add(Code::GlassUnapproved, index, &format!("entry {index} permits {change} {why}"));
        }
        if entry.kind == EntryKind::PermitIssued
            && let Some(why) = self.sessions.closed(placed, self.undone_by_a_person(placed, signatures))
        {
            verdicts.add(Code::SessionClosed, index, &format!("entry {index} permits {change} {why}"));
        }
        let told = self.changes.get(&change).is_some_and(|life| life.chain.is_some());
        let chain = if told { None } else { self.chain(entry) };
        let (resumed, first) = (self.resumed(placed), !self.changes.contains_key(&change));
        let life = self.changes.entry(change).or_insert_with(|| resumed.unwrap_or_default());
        life.chain = chain.or_else(|| life.chain.take());
        if let (Some(chain), Some(agent), Some(operator)) =
            (&life.chain, &entry.actors.agent, &entry.actors.operator)
            && (&chain.agent, &chain.operator) != (agent, operator)
        {
            let message = format!(
                "entry {index} says that {change} is {agent}'s for {operator}, an entry before it that it is {}'s for {}",
                chain.agent, chain.operator
            );
            verdicts.add(Code::ChangeAltered, index, &message);
        }
        match entry.kind {
            EntryKind::ChangeHeld
            | EntryKind::ChangeJoined
            | EntryKind::ChangeJudged
            | EntryKind::ChangeReopened => {
                if matches!(entry.kind, EntryKind::ChangeHeld | EntryKind::ChangeReopened) {
                    life.of_people().held_at.get_or_insert(entry.at);
                }
                // What was asked for one by one has no order.
                if entry.kind == EntryKind::ChangeJoined {
                    life.in_any_order = true;
                }
                if let (Some(_), Some(step)) = (placed.detail("undone_by"), placed.detail("step")) {
                    life.steps.stands(interned(&mut self.steps, step), false);
                }
                let before = life.of_people.as_deref().and_then(|it| it.held_for.as_ref());
                if let Some(consent) = decisions::needs(placed, before.map(|(consent, _)| consent)) {
                    life.of_people().held_for = Some((consent, index));
                }
            }
            EntryKind::ApprovalGiven => {
                if let Some(signed) = signed {
                    life.of_people().approvals.take(signed, roots);
                }
            }
            EntryKind::ChangeRejected => {
                if signed.is_some() {
                    life.of_people().veto.get_or_insert(index);
                }
            }
            EntryKind::PermitIssued => {
                let canonical =
                    |text: &&str| text.parse::<u32>().is_ok_and(|step| step.to_string() == **text);
                let step = placed.detail("step").filter(canonical);
                let step = step.map(|text| interned(&mut self.steps, text));
                let held_for = life.of_people.as_deref().and_then(|it| it.held_for.as_ref());
                if self.decisions.permit(placed, change, held_for, lacking, verdicts) {
                    life.of_people().held_for = Some((Consent::default(), index));
                }
                permit(placed, change, step, life, signatures, verdicts);
            }
            EntryKind::OutcomeRecorded | EntryKind::OutcomeUnknown => {
                let step = placed.detail("step");
                let permitted = step.map_or_else(|| life.steps.any(), |step| life.steps.permitted(step));
                if !permitted && life.carried != Some(Carried::Unknown) {
                    let message =
                        format!("entry {index} records an outcome of {change}, which nothing permitted");
                    verdicts.add(Code::OutcomeWithoutPermit, index, &message);
                    return;
                }
                // That it is not known may be said before, of all that was under way.
                let Some(step) = step else { return };
                life.steps.stands(interned(&mut self.steps, step), entry.says_happened());
                let known = if entry.kind == EntryKind::OutcomeUnknown {
                    life.steps.known(step)
                } else {
                    life.steps.outcome(interned(&mut self.steps, step), index)
                };
                if let Some(known) = known {
                    let message = format!(
                        "entry {index} says what came of step {step} of {change}, and so did entry {known}"
                    );
                    verdicts.add(Code::OutcomeTwice, index, &message);
                }
            }
            EntryKind::RowCarried => {
                // Its approvals are rows too, and say nothing of its state.
                if let Some(state) = placed.detail("state") {
                    let unknown = state == ChangeState::Unknown.name();
                    life.carried = Some(if unknown { Carried::Unknown } else { Carried::Over });
                }
            }
            EntryKind::ChangeWithdrawn | EntryKind::ChangeExpired => {
                if let Some(why) = unfounded(placed, life) {
                    let message =
                        format!("entry {index} withdraws {change} because its targets are gone, {why}");
                    verdicts.add(Code::EndUnfounded, index, &message);
                }
                life.of_people().over.get_or_insert(index);
            }
            // One that is judged again may pass later; one that was never anything else is over.
            EntryKind::ActionDenied => {
                if first {
                    life.of_people().over.get_or_insert(index);
                }
            }
            EntryKind::BodyErased => erased(placed, change, life, signatures, verdicts),
            EntryKind::GlassBroken => glass::broken(placed, change, life, signatures, verdicts),
            EntryKind::Genesis
            | EntryKind::BundleAdopted
            | EntryKind::SessionIssued
            | EntryKind::SessionStopped
            | EntryKind::ReadsAdmitted
            | EntryKind::ActionAllowed
            | EntryKind::ChangeSealed
            | EntryKind::ApprovalRefused
            | EntryKind::BodyMoved
            | EntryKind::ContinuityBroken
            | EntryKind::SignedIn
            | EntryKind::AgentReported
            | EntryKind::AuthenticationFailed
            | EntryKind::CheckpointWitnessed
            | EntryKind::Alarm => {}
        }
    }

    /// What a reopened change begins with: the steps of the vetoed one as they were then. One that the log does not know of tells
    /// nothing of them.
    fn resumed(&self, reopening: &Placed) -> Option<Life> {
        if reopening.entry.kind != EntryKind::ChangeReopened {
            return None;
        }
        let vetoed = reopening.detail("vetoed")?.parse::<ChangeId>().ok()?;
        let vetoed = self.changes.get(&vetoed)?;
        Some(Life {
            steps: vetoed.steps.resumed(),
            in_any_order: vetoed.in_any_order,
            untold: vetoed.untold || vetoed.carried.is_some(),
            ..Life::default()
        })
    }

    /// Whether somebody of the roster takes back with it what was let through for the same agent and operator.
    fn undone_by_a_person(&self, permit: &Placed, signatures: &Signatures) -> bool {
        let (Some(undone), Some(by)) = (undone_for_a_person(permit), permit.detail("asked_by")) else {
            return false;
        };
        let ran = self.changes.get(&undone).is_some_and(|life| life.ran() && life.is_of(&permit.entry));
        ran && signatures.roster().is_some_and(|it| it.people.get(by).is_some_and(|person| !person.recovery))
    }

    /// What is wrong with the broken glass through which a permit says that it goes.
    fn through_glass(&self, permit: &Placed) -> Option<String> {
        let named = permit.detail("glass")?;
        let broken = named.parse::<ChangeId>().ok().and_then(|id| self.changes.get(&id));
        glass::through(named, broken.and_then(|life| life.of_people.as_deref()?.glass), &permit.entry)
    }

    /// Adopting a bundle takes two people of the roster in force until then, who were told of this very one.
    pub(crate) fn adopted(
        &mut self,
        placed: &Placed,
        before: Option<Digest>,
        signatures: &Signatures,
        verdicts: &mut Verdicts,
    ) {
        let index = placed.index;
        let message = |why: String| format!("entry {index} adopts a bundle {why}");
        let mut wrong = |why: String| verdicts.add(Code::BundleUnapproved, index, &message(why));
        let entry = &placed.entry;
        let (Some(change), Some(to), Some(roster)) = (entry.change, entry.bundle, placed.detail("roster"))
        else {
            return wrong("and does not say which, with which roster and by which change".to_owned());
        };
        let from = placed.detail("from").and_then(|text| text.parse::<Digest>().ok());
        let Some(from) = from.filter(|from| Some(*from) == before) else {
            return wrong("in the place of another than was in force".to_owned());
        };
        let life = self.changes.entry(change).or_default();
        life.carried_out(change, index, "adoption").into_iter().for_each(&mut wrong);
        let Ok(table) = placed.detail("table").map(str::parse::<Digest>).transpose() else {
            return wrong("that rests on an operation table of no name".to_owned());
        };
        let adoption = Adoption { from, to, roster: Digest::of(roster.as_bytes()), table };
        let told = life.chain.as_ref().map(|chain| change_digest(chain, [adoption.digest()]));
        if told.is_none() || told != entry.change_digest {
            wrong(format!("that is not the one which {change} asked for"));
        }
        let asked = Entry { bundle: Some(from), ..entry.clone() };
        if placed.detail("recovery").is_some() {
            return recovered(placed, &asked, life, (from, to), signatures, verdicts);
        }
        verdicts.judge(|sound, findings| {
            let stood = life.standing(&asked, signatures, sound).tally.people;
            if stood < Adoption::PEOPLE {
                let why = format!(
                    "which takes {} people besides whoever asked; before it the log has approvals of {stood}",
                    Adoption::PEOPLE
                );
                findings.add(Code::BundleUnapproved, Some(index), message(why));
            }
        });
    }

    /// Whose an entry is, where it says so: many changes share one.
    fn chain(&mut self, entry: &Entry) -> Option<Rc<Chain>> {
        let (agent, operator) = (entry.actors.agent.clone()?, entry.actors.operator.clone()?);
        let launcher = entry.actors.session.and_then(|session| self.sessions.launcher(session));
        let chain = self.chains.entry((agent, operator, launcher)).or_insert_with_key(|key| {
            let (agent, operator, launcher) = key.clone();
            Rc::new(Chain { agent, operator, launcher, owner: None })
        });
        Some(Rc::clone(chain))
    }
}

/// Recovery keys may give a bundle another roster and nothing else, once whoever was left has had the time to object that
/// the roster in force until then gives them.
fn recovered(
    placed: &Placed,
    asked: &Entry,
    life: &Life,
    (from, to): (Digest, Digest),
    signatures: &Signatures,
    verdicts: &mut Verdicts,
) {
    let index = placed.index;
    let message = |why: String| format!("entry {index} recovers the roster {why}");
    let mut wrong = |why: &str| verdicts.add(Code::BundleUnapproved, index, &message(why.to_owned()));
    let part = |name: &str| placed.detail(name).and_then(|text| text.parse::<Digest>().ok());
    let only_roster = match (part("rest"), part("roster_before"), part("roster_after")) {
        (Some(rest), Some(before), Some(after)) => {
            let with = |roster: Digest| BundleParts { roster, rest }.digest();
            with(before) == from && with(after) == to
        }
        _ => false,
    };
    if !only_roster {
        wrong("and does not show that nothing else of the bundle is another");
    }
    let held_at = life.of_people.as_deref().and_then(|it| it.held_at);
    let delay = signatures.roster().map(|roster| i64::from(roster.recovery_delay_s()));
    let waited = match (held_at, delay) {
        (Some(held_at), Some(delay)) => held_at.plus_seconds(delay) <= placed.entry.at,
        (None, _) | (_, None) => false,
    };
    if !waited {
        wrong("before whoever was left had the time to object that the roster gives them");
    }
    verdicts.judge(|sound, findings| {
        let given = life.of_people.as_deref().map(|it| &it.approvals);
        let keys = given.map_or(0, |given| given.recovering(asked, signatures, sound));
        if keys < Adoption::RECOVERY_KEYS {
            let why = format!(
                "which takes {} recovery keys; before it the log has signatures of {keys}",
                Adoption::RECOVERY_KEYS
            );
            findings.add(Code::BundleUnapproved, Some(index), message(why));
        }
    });
}

/// The change of which a person takes something back with what is permitted.
pub(crate) fn undone_for_a_person(permit: &Placed) -> Option<ChangeId> {
    permit.detail("asked_by")?;
    permit.detail("undoes")?.parse().ok()
}

fn interned(known: &mut BTreeSet<Rc<str>>, text: &str) -> Rc<str> {
    if let Some(step) = known.get(text) {
        return Rc::clone(step);
    }
    let step: Rc<str> = text.into();
    known.insert(Rc::clone(&step));
    step
}

/// What the log has said of one change so far.
#[derive(Debug, Default)]
pub(crate) struct Life {
    pub(crate) chain: Option<Rc<Chain>>,
    steps: Steps,
    /// Most changes wait for nobody.
    of_people: Option<Box<OfPeople>>,
    /// It came over from the log before.
    carried: Option<Carried>,
    /// Its steps need not wait for one another.
    in_any_order: bool,
    /// It was reopened from one that came over: which of its steps ran before that, the log does not say.
    untold: bool,
}

/// What it was then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carried {
    /// Something of it was under way: what came of that may yet be found out.
    Unknown,
    Over,
}

/// What people had to do with it.
#[derive(Debug, Default)]
pub(crate) struct OfPeople {
    /// Whose consent it was last said to need, and where.
    held_for: Option<(Consent, u64)>,
    /// When it was held first.
    held_at: Option<Timestamp>,
    approvals: Approvals,
    veto: Option<u64>,
    /// Where it expired, was withdrawn, or was denied at once.
    over: Option<u64>,
    /// Where it erased something, adopted a bundle or broke a glass.
    spent: Option<u64>,
    /// The glass that it broke.
    pub(crate) glass: Option<Broken>,
}

impl Life {
    pub(crate) fn of_people(&mut self) -> &mut OfPeople {
        self.of_people.get_or_insert_default()
    }

    /// What is wrong with an entry by which a change of Countersign's own does what it was for, whatever that is: it was not
    /// permitted, was vetoed, or has done it before.
    pub(crate) fn carried_out(&mut self, change: ChangeId, index: u64, covers: &str) -> Vec<String> {
        let spent = self.of_people().spent.replace(index);
        let spent = spent
            .map(|first| format!("as {change}, and so did entry {first}: an approval covers one {covers}"));
        let permitted = self.steps.permitted("0");
        let permitted = (!permitted).then(|| format!("as {change}, which nothing permitted"));
        let veto = self.of_people().veto.map(|veto| format!("as {change}, which entry {veto} had vetoed"));
        [spent, permitted, veto].into_iter().flatten().collect()
    }

    /// Whether something of it was let through, in this log or, as far as this one knows, in the one before.
    fn ran(&self) -> bool {
        self.steps.any_ran() || self.carried.is_some() || self.untold
    }

    fn is_of(&self, entry: &Entry) -> bool {
        let chain = self.chain.as_deref();
        chain.is_some_and(|chain| {
            (Some(&chain.agent), Some(&chain.operator))
                == (entry.actors.agent.as_ref(), entry.actors.operator.as_ref())
        })
    }

    /// See [`Approvals::standing`].
    pub(crate) fn standing(&self, permit: &Entry, signatures: &Signatures, sound: bool) -> Standing {
        let given = self.of_people.as_deref().map(|it| &it.approvals);
        let chain = self.chain.as_deref();
        given.map(|given| given.standing(permit, chain, signatures, sound)).unwrap_or_default()
    }
}

fn permit(
    placed: &Placed,
    change: ChangeId,
    step: Option<Rc<str>>,
    life: &mut Life,
    signatures: &Signatures,
    verdicts: &mut Verdicts,
) {
    let index = placed.index;
    let Some(step) = step else {
        let message = format!("entry {index} permits {change}, but does not say which step");
        return verdicts.add(Code::PermitMalformed, index, &message);
    };
    if let Some(first) = life.steps.permit(Rc::clone(&step), index) {
        let message =
            format!("entry {index} permits step {step} of {change}, which entry {first} permitted already");
        verdicts.add(Code::PermitTwice, index, &message);
    }
    if let (Ok(nth), false, None) = (step.parse(), life.in_any_order || life.untold, life.carried)
        && let Some(before) = life.steps.lacking_before(nth)
    {
        let message =
            format!("entry {index} permits step {step} of {change} before step {before} of it was done");
        verdicts.add(Code::PermitOutOfTurn, index, &message);
    }
    let of_people = life.of_people.as_deref();
    if let Some(veto) = of_people.and_then(|it| it.veto) {
        let message = format!("entry {index} permits {change}, which entry {veto} had vetoed");
        verdicts.add(Code::PermitAfterVeto, index, &message);
    }
    if let Some(over) = of_people.and_then(|it| it.over) {
        let message = format!("entry {index} permits {change}, which was over with entry {over}");
        verdicts.add(Code::PermitAfterEnd, index, &message);
    }
    let mut unapproved = |message: &str| verdicts.add(Code::PermitUnapproved, index, message);
    if life.carried == Some(Carried::Over) {
        unapproved(&format!("entry {index} permits {change}, which came over closed from the log before"));
    }
    let Some(people) = placed.detail("people").and_then(|text| text.parse::<u32>().ok()) else {
        let message = format!("entry {index} permits {change}, but does not say how many people it took");
        return verdicts.add(Code::PermitMalformed, index, &message);
    };
    let held_for = of_people.and_then(|it| it.held_for.as_ref()).filter(|_| holds(placed));
    if let Some((held_for, at)) = held_for
        && held_for.people > people
    {
        unapproved(&format!(
            "entry {index} says that {change} took {people} of the people that entry {at} asks for: {}",
            held_for.people
        ));
    }
    if people == 0 {
        return;
    }
    let approvals = of_people.map(|it| &it.approvals);
    if let (Some(actions), Ok(nth)) = (approvals.and_then(Approvals::actions), step.parse::<usize>())
        && nth >= actions
    {
        unapproved(&format!(
            "entry {index} permits step {step} of {change}, of which {actions} action(s) were signed"
        ));
    }
    let told = approvals.and_then(Approvals::takes).map(|takes| takes.consent.clone());
    if let (Some((held_for, at)), Some(told)) = (held_for, &told)
        && !told.covers(held_for)
    {
        unapproved(&format!(
            "entry {index} permits {change}, of which those who signed were told that it takes {told}, \
             and entry {at} asks for {held_for}"
        ));
    }
    verdicts.judge(|sound, findings| {
        let Standing { people: who, tally } = life.standing(&placed.entry, signatures, sound);
        let names: Vec<&str> = who.iter().map(PersonId::as_str).collect();
        let names = if names.is_empty() { "nobody".to_owned() } else { names.join(", ") };
        let took = if tally.people < people {
            format!("the approval of {people} outside its chain")
        } else {
            match told.as_ref().filter(|told| !told.given_by(&tally)) {
                Some(told) => told.to_string(),
                None => return,
            }
        };
        let message = format!(
            "entry {index} permits {change}, which took {took}; before it the log has those of {names}"
        );
        findings.add(Code::PermitUnapproved, Some(index), message);
    });
}

/// What is wrong with an entry by which Countersign itself withdraws a change: it names the read of each target that is gone, which
/// is that of every action but those that were let through.
fn unfounded(placed: &Placed, life: &Life) -> Option<String> {
    let (why, gone) = (placed.detail("why"), placed.detail("gone"));
    if placed.entry.kind != EntryKind::ChangeWithdrawn || (why.is_none() && gone.is_none()) {
        return None;
    }
    let reads: Option<Vec<usize>> = gone.unwrap_or_default().split(' ').map(step_of_read).collect();
    let Some(named) = reads.filter(|_| why.is_some()) else {
        return Some("and does not say by which reads that is known".to_owned());
    };
    if let Some(step) = named.iter().find(|step| life.steps.ran(**step)) {
        return Some(format!("that of step {step} too, which was permitted before"));
    }
    if !named.is_sorted_by(|one, other| one < other) {
        return Some("and does not name each once and in order".to_owned());
    }
    // An earlier version did not list them.
    placed.detail("actions")?;
    let (chain, actions) = match listed(placed) {
        Ok(listed) => listed,
        Err(why) => return Some(why.to_owned()),
    };
    if Some(change_digest(&chain, actions.iter().copied())) != placed.entry.change_digest {
        return Some("and lists other actions than it has the digest of".to_owned());
    }
    if life.untold || life.carried.is_some() {
        return None;
    }
    let left = (0..actions.len()).filter(|step| !life.steps.ran(*step));
    let missing = !left.eq(named.iter().copied());
    missing.then(|| "and does not name the read of each that had not run".to_owned())
}

/// `STEP:DIGEST`
fn step_of_read(read: &str) -> Option<usize> {
    let (step, digest) = read.split_once(':')?;
    digest.parse::<Digest>().ok()?;
    step.parse().ok().filter(|nth: &usize| nth.to_string() == step)
}

/// Whether people were asked.
fn holds(permit: &Placed) -> bool {
    permit.detail("verdict") == Some("hold")
}

/// Whatever its permit says, erasing takes two people, who were told of these very bodies.
fn erased(
    placed: &Placed,
    change: ChangeId,
    life: &mut Life,
    signatures: &Signatures,
    verdicts: &mut Verdicts,
) {
    let index = placed.index;
    let message = |why: String| format!("entry {index} erases a body {why}");
    let mut wrong = |why: String| verdicts.add(Code::ErasureUnapproved, index, &message(why));
    let Some(erasure) = erasure_of(placed) else {
        return wrong("and does not say which, whose and on what ground".to_owned());
    };
    life.carried_out(change, index, "erasure").into_iter().for_each(&mut wrong);
    let told = life.chain.as_ref().map(|chain| change_digest(chain, [erasure.digest()]));
    if told.is_none() || told != placed.entry.change_digest {
        wrong(format!("of {}, which is not what {change} asked for", erasure.of));
    }
    verdicts.judge(|sound, findings| {
        let stood = life.standing(&placed.entry, signatures, sound).tally.people;
        if stood < Erasure::PEOPLE {
            let why = format!(
                "of {}, which takes {} people besides whoever asked; before it the log has approvals of {stood}",
                erasure.of,
                Erasure::PEOPLE
            );
            findings.add(Code::ErasureUnapproved, Some(index), message(why));
        }
    });
}

fn erasure_of(placed: &Placed) -> Option<Erasure> {
    Some(Erasure {
        of: placed.detail("of")?.parse().ok()?,
        step: placed.detail("step")?.parse().ok()?,
        bodies: bodies::commitments_of(placed)?,
        ground: placed.detail("ground")?.parse().ok()?,
    })
}
