//! Who may sign, and who stands in the delegation chain. Persons are counted, not keys.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{AgentId, PersonId, Role};

/// A key on one line: a public key as OpenSSH writes it, without its comment (`ssh-ed25519 AAAA…`), or a passkey
/// (`passkey RP-ID CREDENTIAL-ID PUBLIC-KEY`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EnrolledKey(pub String);

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    pub keys: BTreeSet<EnrolledKey>,
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
        let mut owner_of = BTreeMap::new();
        for (name, person) in &self.people {
            if person.keys.is_empty() {
                return Err(RosterError::NoKey(name.clone()));
            }
            for key in &person.keys {
                if let Some(first) = owner_of.insert(key, name) {
                    return Err(RosterError::SharedKey { first: first.clone(), second: name.clone() });
                }
            }
        }
        let recovery: Vec<_> = self.people.iter().filter(|(_, person)| person.recovery).collect();
        if (1..Self::RECOVERY_KEYS).contains(&recovery.len()) {
            return Err(RosterError::FewRecoveryKeys(recovery.len()));
        }
        for (name, person) in recovery {
            let owns = self.agents.values().any(|agent| agent.owner.as_ref() == Some(name));
            let more = person.keys.len() > 1 || !person.roles.is_empty();
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
    /// Of these, how many hold the role `owner`.
    pub owners: u32,
    /// The roles held by at least one of them.
    pub roles: BTreeSet<Role>,
}
