//! Promise 3: persons are counted, not keys, accounts, groups or roles, and nobody in the delegation chain counts.
//! A veto is not counted here: one is enough, and the engine closes the change.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use model::{Chain, EnrolledKey, Person, PersonId, Presence, Roster, Tally};

use crate::{
    key::Enrolment,
    passkey::{Assertion, Passkey},
};

/// Whether a `file` signature counts towards people here; the profile decides, and every statement says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileRule {
    Counts,
    DoesNotCount,
}

impl FileRule {
    const ALL: [Self; 2] = [Self::Counts, Self::DoesNotCount];

    /// As statements begin to say it.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Counts => "signatures by key files count here",
            Self::DoesNotCount => "only signatures by a touched security key or a passkey count here",
        }
    }

    /// From a statement's presence rule; `None` where it says neither.
    pub fn said(presence_rule: &str) -> Option<Self> {
        if presence_rule.starts_with(BEFORE_PASSKEYS) {
            return Some(Self::DoesNotCount);
        }
        Self::ALL.into_iter().find(|rule| presence_rule.starts_with(rule.words()))
    }
}

/// As statements said it when there were no passkeys; logs have them.
const BEFORE_PASSKEYS: &str = "only signatures by a touched security key count here";

/// Who showed a signer what they signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rendering {
    /// A page of the server: an authenticator shows no text.
    Page,
    /// A program on a machine of their own. No page can ask an SSH key; `countersign change approve`, which does, writes the statement
    /// out before every signature, and gives none that nobody has confirmed: at a terminal, or by the statement's eight words.
    Own,
}

impl Rendering {
    /// As a signature looks, whether it holds or not.
    pub fn told(signature: &str) -> Self {
        if Assertion::begins(signature) { Self::Page } else { Self::Own }
    }
}

/// What one signature shows of its signer, by the key that made it; or all signatures of one person together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    pub presence: Presence,
    pub rendering: Rendering,
}

impl Manner {
    /// Of a signature that `key` made.
    pub fn of(key: &EnrolledKey, presence: Presence) -> Self {
        let rendering = if Passkey::is_line(&key.0) { Rendering::Page } else { Rendering::Own };
        Self { presence, rendering }
    }
}

/// A person's part in the delegation chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    Operator,
    Launcher,
    Owner,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Operator => "answers for this session as its operator",
            Self::Launcher => "started this session",
            Self::Owner => "owns the agent",
        })
    }
}

/// Why a person may not approve.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ineligible {
    #[error("{person} {part}, and nobody in the delegation chain counts: ask approvers outside it")]
    InChain { person: PersonId, part: Part },
    #[error("{0} is not enrolled here, so cannot approve; a roster is changed through the bundle")]
    NotEnrolled(PersonId),
    #[error("{0} is enrolled, but not as an approver; a roster is changed through the bundle")]
    NotApprover(PersonId),
    #[error("{0} is a recovery key, which signs for another roster and for nothing else")]
    RecoveryKey(PersonId),
    #[error("{0} is no recovery key, and only those sign for a recovery; whoever may approve can veto it")]
    NotRecoveryKey(PersonId),
    #[error("{person} and {other} have one key in common, so neither is known to be a person of their own")]
    SharedKey { person: PersonId, other: PersonId },
}

/// How many people `given` makes: each once, by the best that they showed, and only those who may approve.
pub fn counts<'p>(
    chain: &Chain,
    roster: &Roster,
    given: impl Iterator<Item = (&'p PersonId, Manner)>,
    rule: FileRule,
) -> Tally {
    counted(chain, roster, given, rule).1
}

/// As [`counts`], and who they are.
pub fn counted<'p>(
    chain: &Chain,
    roster: &Roster,
    given: impl Iterator<Item = (&'p PersonId, Manner)>,
    rule: FileRule,
) -> (BTreeSet<&'p PersonId>, Tally) {
    let best = best(given, rule);
    // Most actions are judged with nobody's signature: then no key is looked at.
    if best.is_empty() {
        return Default::default();
    }
    tally(chain, roster, &Enrolment::of(roster), best)
}

/// The recovery keys among `given`, each once. They are nobody's in particular, so no chain has them in it, and lie
/// in a safe, so nobody asks for a touch.
pub fn recovering<'p>(roster: &Roster, given: impl Iterator<Item = &'p PersonId>) -> BTreeSet<&'p PersonId> {
    let enrolment = Enrolment::of(roster);
    let recovers = |it: &&PersonId| roster.people.get(*it).is_some_and(|person| person.recovery);
    given.filter(recovers).filter(|it| enrolment.shares_with(it).is_none()).collect()
}

/// The most that the roster could ever give: every approver outside the chain, each with the best key they have.
pub fn eligible(chain: &Chain, roster: &Roster, rule: FileRule) -> Tally {
    let enrolment = Enrolment::of(roster);
    let best = best(enrolment.manners(), rule);
    tally(chain, roster, &enrolment, best).1
}

/// What each of the roster could show of themselves at most, with all of their keys that count here.
pub fn abilities(roster: &Roster, rule: FileRule) -> BTreeMap<PersonId, Manner> {
    let enrolment = Enrolment::of(roster);
    best(enrolment.manners(), rule).into_iter().map(|(person, manner)| (person.clone(), manner)).collect()
}

/// What counts of it, by person.
fn best<'p>(
    given: impl Iterator<Item = (&'p PersonId, Manner)>,
    rule: FileRule,
) -> BTreeMap<&'p PersonId, Manner> {
    let mut best: BTreeMap<&PersonId, Manner> = BTreeMap::new();
    for (person, Manner { presence, rendering }) in given {
        if presence_counts(presence, rule) {
            let known = best.entry(person).or_insert(Manner { presence, rendering });
            known.presence = known.presence.max(presence);
            known.rendering = known.rendering.max(rendering);
        }
    }
    best
}

/// Whether this person's approval would count towards a change of this chain, presence aside.
pub fn may_approve(chain: &Chain, roster: &Roster, person: &PersonId) -> Result<(), Ineligible> {
    check(chain, roster, &Enrolment::of(roster), person).map(|_| ())
}

/// Whether this signature would count towards a recovery.
pub fn may_recover(roster: &Roster, person: &PersonId) -> Result<(), Ineligible> {
    let Some(entry) = roster.people.get(person) else {
        return Err(Ineligible::NotEnrolled(person.clone()));
    };
    if !entry.recovery {
        return Err(Ineligible::NotRecoveryKey(person.clone()));
    }
    match Enrolment::of(roster).shares_with(person) {
        Some(other) => Err(Ineligible::SharedKey { person: person.clone(), other: other.clone() }),
        None => Ok(()),
    }
}

fn check<'r>(
    chain: &Chain,
    roster: &'r Roster,
    enrolment: &Enrolment<'_>,
    person: &PersonId,
) -> Result<&'r Person, Ineligible> {
    if let Some(part) = part_of(chain, roster, person) {
        return Err(Ineligible::InChain { person: person.clone(), part });
    }
    let Some(entry) = roster.people.get(person) else {
        return Err(Ineligible::NotEnrolled(person.clone()));
    };
    if entry.recovery {
        return Err(Ineligible::RecoveryKey(person.clone()));
    }
    if !entry.approver {
        return Err(Ineligible::NotApprover(person.clone()));
    }
    if let Some(other) = enrolment.shares_with(person) {
        return Err(Ineligible::SharedKey { person: person.clone(), other: other.clone() });
    }
    Ok(entry)
}

/// The session's own chain, and the agent's owner as the roster in force has it: either one disqualifies.
fn part_of(chain: &Chain, roster: &Roster, person: &PersonId) -> Option<Part> {
    let Chain { agent, operator, launcher, owner } = chain;
    let owner_now = roster.agents.get(agent).and_then(|agent| agent.owner.as_ref());
    if operator == person {
        Some(Part::Operator)
    } else if launcher.as_ref() == Some(person) {
        Some(Part::Launcher)
    } else if owner.as_ref() == Some(person) || owner_now == Some(person) {
        Some(Part::Owner)
    } else {
        None
    }
}

const fn presence_counts(presence: Presence, rule: FileRule) -> bool {
    match (presence, rule) {
        (Presence::Touched, FileRule::Counts | FileRule::DoesNotCount)
        | (Presence::File, FileRule::Counts) => true,
        (Presence::File, FileRule::DoesNotCount) => false,
    }
}

fn tally<'p>(
    chain: &Chain,
    roster: &Roster,
    enrolment: &Enrolment<'_>,
    mut best: BTreeMap<&'p PersonId, Manner>,
) -> (BTreeSet<&'p PersonId>, Tally) {
    let mut tally = Tally::default();
    best.retain(|person, Manner { presence, rendering }| {
        let Ok(entry) = check(chain, roster, enrolment, person) else { return false };
        tally.people += 1;
        match presence {
            Presence::Touched => tally.touched += 1,
            Presence::File => {}
        }
        match rendering {
            Rendering::Own => tally.rendered += 1,
            Rendering::Page => {}
        }
        if entry.roles.contains("owner") {
            tally.owners += 1;
        }
        tally.roles.extend(entry.roles.iter().cloned());
        true
    });
    (best.into_keys().collect(), tally)
}
