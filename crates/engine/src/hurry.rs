//! Whoever approves one change in production after another reads none of them. After as many within ten minutes as the bundle
//! says they are asked to pause: the next approval is refused, and that is on record. Vetoes are never refused for it.
//!
//! Kept in memory: a restart forgets it, as it forgets who was in a hurry.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::{PersonId, Timestamp};

/// Seconds over which approvals are counted.
const WINDOW_S: i64 = 600;

#[derive(Debug, Default)]
pub(crate) struct Hurry {
    approved: Mutex<HashMap<PersonId, Vec<Timestamp>>>,
}

impl Hurry {
    /// Until when `person` is to pause, where they have approved `most` or more of late.
    pub(crate) fn pause(&self, person: &PersonId, most: u32, now: Timestamp) -> Option<Timestamp> {
        let mut approved = self.approved.lock().unwrap_or_else(PoisonError::into_inner);
        let times = approved.get_mut(person)?;
        times.retain(|at| now.since(*at) < WINDOW_S * 1000);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let over = times.len().checked_sub(most)?;
        Some(times.get(over)?.plus_seconds(WINDOW_S))
    }

    /// One more, which counted.
    pub(crate) fn approved(&self, person: &PersonId, now: Timestamp) {
        let mut approved = self.approved.lock().unwrap_or_else(PoisonError::into_inner);
        approved.entry(person.clone()).or_default().push(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_approves_too_many_pauses_until_the_first_of_them_is_old() {
        let (hurry, ben) = (Hurry::default(), "ben".parse().unwrap());
        let at = Timestamp::from_seconds;
        assert_eq!(hurry.pause(&ben, 2, at(0)), None);
        hurry.approved(&ben, at(0));
        assert_eq!(hurry.pause(&ben, 2, at(10)), None);
        hurry.approved(&ben, at(10));
        assert_eq!(hurry.pause(&ben, 2, at(20)), Some(at(600)));
        assert_eq!(hurry.pause(&"carla".parse().unwrap(), 2, at(20)), None, "another person");
        assert_eq!(hurry.pause(&ben, 2, at(599)), Some(at(600)));
        assert_eq!(hurry.pause(&ben, 2, at(600)), None);
        hurry.approved(&ben, at(600));
        assert_eq!(hurry.pause(&ben, 2, at(601)), Some(at(610)));
    }
}
