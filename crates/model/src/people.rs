//! Who may sign, and who stands in the delegation chain. Persons are counted, not keys.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{AgentId, Identity, PersonId, Role};

/// A key on one line: a public key as OpenSSH writes it, without its comment (`ssh-ed25519 AAAA…`), or a passkey
/// (`passkey RP-ID CREDENTIAL-ID PUBLIC-KEY`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnrolledKey(pub String);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub keys: BTreeSet<EnrolledKey>,
    /// Accounts elsewhere by which they may sign in to look. None of them approves anything.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub identities: BTreeSet<Identity>,
    /// May launch sessions.
    pub operator: bool,
    /// May approve.
    pub approver: bool,
    pub roles: BTreeSet<Role>,
    /// Nobody, but a key that lies in a safe: for giving the installation another roster, and for nothing else.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub recovery: bool,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Agent {
    /// Who answers for the agent as software; counts as part of every chain of it.
    pub owner: Option<PersonId>,
}

/// Everyone a bundle knows. One key belongs to one person ([`Roster::check`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    pub people: BTreeMap<PersonId, Person>,
    pub agents: BTreeMap<AgentId, Agent>,
    /// How long whoever is left has to object to a recovery.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_delay_s: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    #[error("{first} and {second} have the same key: one key is one person; give both flags the same name")]
    SharedKey { first: PersonId, second: PersonId },
    #[error("{first} and {second} have the same account, {account}: one account is one person")]
    SharedIdentity { first: PersonId, second: PersonId, account: Identity },
    #[error("{0} has no key, so could never sign")]
    NoKey(PersonId),
    #[error("agent {agent}'s owner {owner} is not in the roster")]
    UnknownOwner { agent: AgentId, owner: PersonId },
    #[error(
        "{0} is a recovery key, and those are for nothing else: one key, no operator, no approver, no role, no \
         agent of its own"
    )]
    RecoveryForElse(PersonId),
    #[error(
        "{0} recovery key(s): it takes two of them to recover and any one may be lost, so give at least {min}, \
         or none",
        min = Roster::RECOVERY_KEYS
    )]
    FewRecoveryKeys(usize),
    #[error("a recovery waits at least {min} hours, so that somebody notices", min = Roster::MIN_RECOVERY_DELAY_S / 3600)]
    ShortRecovery,
}

/// Why an account is nobody's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unidentified {
    #[error("nobody in the roster has this account")]
    Nobody,
    #[error("the roster gives this account to {first} and to {second}, so it is neither's")]
    Several { first: PersonId, second: PersonId },
}

impl Roster {
    /// There are at least so many, or none.
    pub const RECOVERY_KEYS: usize = 3;
    /// Where the roster does not say.
    pub const RECOVERY_DELAY_S: u32 = 72 * 3600;
    pub const MIN_RECOVERY_DELAY_S: u32 = 24 * 3600;

    pub fn recovery_delay_s(&self) -> u32 {
        self.recovery_delay_s.unwrap_or(Self::RECOVERY_DELAY_S)
    }

    /// The rules that make counting people sound.
    pub fn check(&self) -> Result<(), RosterError> {
        let (mut owner_of, mut account_of) = (BTreeMap::new(), BTreeMap::new());
        for (name, person) in &self.people {
            if person.keys.is_empty() {
                return Err(RosterError::NoKey(name.clone()));
            }
            for key in &person.keys {
                if let Some(first) = owner_of.insert(key, name) {
                    return Err(RosterError::SharedKey { first: first.clone(), second: name.clone() });
                }
            }
            for account in &person.identities {
                if let Some(first) = account_of.insert(account, name) {
                    let (first, second) = (PersonId::clone(first), name.clone());
                    return Err(RosterError::SharedIdentity { first, second, account: account.clone() });
                }
            }
        }
        let recovery: Vec<_> = self.people.iter().filter(|(_, person)| person.recovery).collect();
        if (1..Self::RECOVERY_KEYS).contains(&recovery.len()) {
            return Err(RosterError::FewRecoveryKeys(recovery.len()));
        }
        for (name, person) in recovery {
            let owns = self.agents.values().any(|agent| agent.owner.as_ref() == Some(name));
            let more = person.keys.len() > 1 || !person.roles.is_empty() || !person.identities.is_empty();
            if person.operator || person.approver || more || owns {
                return Err(RosterError::RecoveryForElse(name.clone()));
            }
        }
        if self.recovery_delay_s.is_some_and(|delay| delay < Self::MIN_RECOVERY_DELAY_S) {
            return Err(RosterError::ShortRecovery);
        }
        for (agent, Agent { owner }) in &self.agents {
            if let Some(owner) = owner.as_ref().filter(|owner| !self.people.contains_key(*owner)) {
                return Err(RosterError::UnknownOwner { agent: agent.clone(), owner: owner.clone() });
            }
        }
        Ok(())
    }

    /// The person to whom what a provider showed of an account belongs, and by which of it.
    ///
    /// # Errors
    /// Where it is nobody's, or not one person's alone.
    pub fn identified<'s>(
        &self,
        shown: &'s BTreeSet<Identity>,
    ) -> Result<(&PersonId, &'s Identity), Unidentified> {
        let mut found = None;
        for (name, person) in &self.people {
            let Some(by) = shown.iter().find(|it| person.identities.contains(*it)) else { continue };
            match found {
                None => found = Some((name, by)),
                Some((first, _)) => {
                    let first = PersonId::clone(first);
                    return Err(Unidentified::Several { first, second: name.clone() });
                }
            }
        }
        found.ok_or(Unidentified::Nobody)
    }

    /// The person whose key this is.
    pub fn person_of(&self, key: &EnrolledKey) -> Option<&PersonId> {
        self.people.iter().find(|(_, person)| person.keys.contains(key)).map(|(name, _)| name)
    }
}

/// The delegation chain of a session: nobody in it counts towards an approval.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Chain {
    pub agent: AgentId,
    pub operator: PersonId,
    /// Who started the session, where that is not the operator.
    pub launcher: Option<PersonId>,
    pub owner: Option<PersonId>,
}

impl Chain {
    pub fn contains(&self, person: &PersonId) -> bool {
        self.operator == *person
            || self.launcher.as_ref() == Some(person)
            || self.owner.as_ref() == Some(person)
    }
}

/// How many people stand behind something; what rules read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tally {
    /// Distinct persons outside the delegation chain.
    pub people: u32,
    /// Of these, how many proved their presence at the key.
    pub touched: u32,
    /// Of these, how many signed what a machine of their own showed them, rather than what a page did.
    #[serde(default, skip_serializing_if = "none")]
    pub rendered: u32,
    /// Of these, how many hold the role `owner`.
    pub owners: u32,
    /// The roles held by at least one of them.
    pub roles: BTreeSet<Role>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
pub(crate) const fn none(count: &u32) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identities(lines: &[&str]) -> BTreeSet<Identity> {
        lines.iter().map(|line| line.parse().unwrap()).collect()
    }

    fn roster(people: &[(&str, &[&str])]) -> Roster {
        let person = |(name, lines): &(&str, &[&str])| {
            let keys = BTreeSet::from([EnrolledKey(format!("ssh-ed25519 {name}"))]);
            let person = Person { keys, identities: identities(lines), ..Person::default() };
            (name.parse().unwrap(), person)
        };
        Roster { people: people.iter().map(person).collect(), ..Roster::default() }
    }

    const SUB: &str = "https://idp.example sub 1";
    const MAIL: &str = "https://idp.example email ben@example.com";

    #[test]
    fn an_account_is_one_persons_or_nobodys() {
        let check = |roster: &Roster, shown: &[&str], expected: Result<&str, &str>| {
            let shown = identities(shown);
            let found = roster.identified(&shown).map(|(name, _)| name.to_string());
            let found = found.map_err(|err| err.to_string());
            match (found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
                (found, expected) => panic!("{found:?}, not {expected:?}"),
            }
        };
        let one = roster(&[("ben", &[SUB, MAIL]), ("carla", &["https://idp.example sub 2"])]);
        check(&one, &[SUB], Ok("ben"));
        check(&one, &[SUB, MAIL], Ok("ben"));
        check(&one, &["https://idp.example sub 3", MAIL], Ok("ben"));
        check(&one, &["https://idp.example sub 2"], Ok("carla"));
        check(&one, &["https://idp.example sub 3"], Err("nobody"));
        check(&one, &["https://other.example sub 1"], Err("nobody"));
        check(&one, &["https://idp.example email Ben@example.com"], Err("nobody"));
        check(&one, &[], Err("nobody"));
        let two = roster(&[("ben", &[SUB]), ("carla", &[MAIL])]);
        check(&two, &[SUB], Ok("ben"));
        check(&two, &[SUB, MAIL], Err("to ben and to carla"));
    }

    #[test]
    fn one_account_under_two_names_is_an_error() {
        assert_eq!(roster(&[("ben", &[SUB]), ("carla", &[MAIL])]).check(), Ok(()));
        let shared = roster(&[("ben", &[SUB, MAIL]), ("carla", &[MAIL])]).check().unwrap_err();
        assert!(shared.to_string().starts_with("ben and carla have the same account"), "{shared}");
        // Nothing changes for a roster without any: what is on record reads as it did.
        let without = serde_json::to_string(&roster(&[("ben", &[])])).unwrap();
        assert!(!without.contains("identities"), "{without}");
        let with = roster(&[("ben", &[SUB])]);
        let read: Roster = serde_json::from_str(&serde_json::to_string(&with).unwrap()).unwrap();
        assert_eq!(read, with);
    }
}
