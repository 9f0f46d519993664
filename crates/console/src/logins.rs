//! Who is signed in. A login lets a person read the console and stop sessions; it approves nothing. Held in memory: a
//! restart signs everybody out.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::{Digest, EnrolledKey, Identity, PersonId, Roster, Timestamp};

/// Who is signed in, and by what: a login ends with that, and with the person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Who {
    pub(crate) person: PersonId,
    pub(crate) by: By,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum By {
    Key(EnrolledKey),
    Identity(Identity),
}

impl Who {
    /// Whether the roster still has this key, or account, as this person's.
    pub(crate) fn stands_in(&self, roster: &Roster) -> bool {
        let known = roster.people.get(&self.person).filter(|it| !it.recovery);
        known.is_some_and(|it| match &self.by {
            By::Key(key) => it.keys.contains(key),
            By::Identity(identity) => it.identities.contains(identity),
        })
    }
}

/// Ends a login that was not used for so long.
pub(crate) const IDLE_S: i64 = 15 * 60;
/// Ends every login.
const WHOLE_S: i64 = 12 * 3600;
/// Of one person at a time; the one that was used longest ago gives way.
const MOST: usize = 20;

#[derive(Debug, Default)]
pub(crate) struct Logins {
    /// By the digest of what the browser holds: what is in here lets nobody in.
    all: Mutex<HashMap<Digest, Login>>,
}

#[derive(Clone, Debug)]
struct Login {
    who: Who,
    begun: Timestamp,
    used: Timestamp,
}

impl Login {
    fn holds(&self, now: Timestamp) -> bool {
        let (idle, whole) = (now.since(self.used), now.since(self.begun));
        idle < IDLE_S * 1000 && whole < WHOLE_S * 1000
    }
}

impl Logins {
    /// `token`: drawn by chance, and held by the browser alone.
    pub(crate) fn begin(&self, token: &str, who: Who, now: Timestamp) {
        let mut all = self.lock();
        all.retain(|_, login| login.holds(now));
        let mut own: Vec<_> = all
            .iter()
            .filter(|(_, it)| it.who.person == who.person)
            .map(|(key, it)| (it.used, *key))
            .collect();
        own.sort_unstable();
        for (_, key) in own.iter().rev().skip(MOST - 1) {
            all.remove(key);
        }
        all.insert(key(token), Login { who, begun: now, used: now });
    }

    /// Whose login it is, used now.
    pub(crate) fn used(&self, token: &str, now: Timestamp) -> Option<Who> {
        let mut all = self.lock();
        let login = all.get_mut(&key(token))?;
        if !login.holds(now) {
            all.remove(&key(token));
            return None;
        }
        login.used = login.used.max(now);
        Some(login.who.clone())
    }

    /// Whose it is, where it still holds; that it is looked at is no use of it.
    pub(crate) fn holds(&self, token: &str, now: Timestamp) -> Option<Who> {
        self.lock().get(&key(token)).filter(|login| login.holds(now)).map(|login| login.who.clone())
    }

    pub(crate) fn end(&self, token: &str) {
        self.lock().remove(&key(token));
    }

    /// Wherever they are signed in.
    pub(crate) fn end_all(&self, person: &PersonId) {
        self.lock().retain(|_, login| login.who.person != *person);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Digest, Login>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(token: &str) -> Digest {
    Digest::of(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_seconds(seconds)
    }

    fn ben() -> Who {
        Who { person: "ben".parse().unwrap(), by: By::Key(EnrolledKey("passkey a b c".to_owned())) }
    }

    #[test]
    fn a_login_ends_with_its_key_and_with_its_person() {
        let known = |keys: &[&str], recovery| {
            let keys = keys.iter().map(|key| EnrolledKey((*key).to_owned())).collect();
            let person = model::Person { keys, recovery, ..model::Person::default() };
            Roster { people: [("ben".parse().unwrap(), person)].into(), ..Roster::default() }
        };
        assert!(ben().stands_in(&known(&["passkey d e f", "passkey a b c"], false)));
        assert!(!ben().stands_in(&known(&["passkey d e f"], false)));
        assert!(!ben().stands_in(&known(&["passkey a b c"], true)));
        assert!(!ben().stands_in(&Roster::default()));
        let account: Identity = "https://idp.example sub 1".parse().unwrap();
        let by_account = Who { by: By::Identity(account.clone()), ..ben() };
        assert!(!by_account.stands_in(&known(&["passkey a b c"], false)));
        let mut roster = known(&["passkey a b c"], false);
        roster.people.values_mut().for_each(|it| it.identities.extend([account.clone()]));
        assert!(by_account.stands_in(&roster) && ben().stands_in(&roster));
        roster.people.values_mut().for_each(|it| it.recovery = true);
        assert!(!by_account.stands_in(&roster));
    }

    #[test]
    fn a_login_ends_when_it_is_idle_and_after_half_a_day() {
        let logins = Logins::default();
        logins.begin("t", ben(), at(0));
        assert_eq!(logins.used("another", at(1)), None);
        assert_eq!(logins.used("t", at(IDLE_S - 1)), Some(ben()));
        assert!(logins.holds("t", at(IDLE_S + 10)).is_some(), "it was used since");
        assert_eq!(logins.used("t", at(2 * IDLE_S)), None, "and then it was not");
        logins.begin("t", ben(), at(0));
        for minute in (10..WHOLE_S / 60).step_by(10) {
            assert_eq!(logins.used("t", at(minute * 60)), Some(ben()));
        }
        assert_eq!(logins.used("t", at(WHOLE_S)), None);
    }

    #[test]
    fn signing_out_ends_one_or_all() {
        let logins = Logins::default();
        for token in ["a", "b", "c"] {
            logins.begin(token, ben(), at(0));
        }
        logins.begin("other", Who { person: "carla".parse().unwrap(), ..ben() }, at(0));
        logins.end("a");
        assert_eq!((logins.used("a", at(1)), logins.used("b", at(1))), (None, Some(ben())));
        logins.end_all(&ben().person);
        assert_eq!((logins.used("b", at(1)), logins.used("c", at(1))), (None, None));
        assert!(logins.used("other", at(1)).is_some());
    }

    #[test]
    fn nobody_fills_the_memory() {
        let logins = Logins::default();
        for nth in 0..100 {
            logins.begin(&format!("t{nth}"), ben(), at(nth));
        }
        assert_eq!(logins.lock().len(), MOST);
        assert_eq!((logins.used("t0", at(100)), logins.used("t99", at(100))), (None, Some(ben())));
    }
}
