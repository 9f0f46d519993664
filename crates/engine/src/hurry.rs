//! Whoever approves one change in production after another reads none of them. After as many within ten minutes as the bundle
//! says they are asked to pause: the next approval is refused, and that is on record. Vetoes are never refused for it. Changes
//! are counted, not signatures: who signs one again, with another key or because of what has moved, has not hurried on.
//!
//! Made again at each start from the approvals on record; kept in memory from then on.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::{ChangeId, PersonId, Timestamp};
use store::{StorageError, View};

/// Seconds over which approvals are counted.
const WINDOW_S: i64 = 600;

#[derive(Debug, Default)]
pub(crate) struct Hurry {
    /// When each change was approved first, in that order.
    approved: Mutex<HashMap<PersonId, Vec<(ChangeId, Timestamp)>>>,
}

impl Hurry {
    /// What was approved within the last ten minutes before `now`, and may yet count.
    pub(crate) fn on_record(view: &View<'_>, now: Timestamp) -> Result<Self, StorageError> {
        let mut of_late = Vec::new();
        for approval in view.approvals_since(now.plus_seconds(-WINDOW_S))? {
            if view.change(approval.change)?.is_some_and(|change| change.environment.production) {
                let first = approval.given().iter().map(|it| it.at).min().unwrap_or(approval.at);
                of_late.push((first, approval.change, approval.person));
            }
        }
        of_late.sort();
        let hurry = Self::default();
        for (at, change, person) in of_late {
            hurry.approved(&person, change, at);
        }
        Ok(hurry)
    }

    /// Until when `person` is to pause before they approve `change`, where they have approved `most` others or more of late.
    pub(crate) fn pause(
        &self,
        person: &PersonId,
        change: ChangeId,
        most: u32,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let mut approved = self.approved.lock().unwrap_or_else(PoisonError::into_inner);
        let of_late = approved.get_mut(person)?;
        of_late.retain(|(_, at)| now.since(*at) < WINDOW_S * 1000);
        let others: Vec<Timestamp> =
            of_late.iter().filter(|(id, _)| *id != change).map(|(_, at)| *at).collect();
        let over = others.len().checked_sub(usize::try_from(most).unwrap_or(usize::MAX))?;
        Some(others.get(over)?.plus_seconds(WINDOW_S))
    }

    /// One that was recorded.
    pub(crate) fn approved(&self, person: &PersonId, change: ChangeId, now: Timestamp) {
        let mut approved = self.approved.lock().unwrap_or_else(PoisonError::into_inner);
        let of_late = approved.entry(person.clone()).or_default();
        if !of_late.iter().any(|(id, _)| *id == change) {
            of_late.push((change, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_approves_too_many_pauses_until_the_first_of_them_is_old() {
        let (hurry, ben) = (Hurry::default(), "ben".parse().unwrap());
        let at = Timestamp::from_seconds;
        let change = |nth: u8| ChangeId::new(i64::from(nth), [nth; 10]);
        let pause = |nth, now| hurry.pause(&ben, change(nth), 2, at(now));
        assert_eq!(pause(0, 0), None);
        hurry.approved(&ben, change(0), at(0));
        assert_eq!(pause(1, 10), None);
        hurry.approved(&ben, change(1), at(10));
        assert_eq!(pause(2, 20), Some(at(600)));
        assert_eq!(hurry.pause(&"carla".parse().unwrap(), change(2), 2, at(20)), None, "another person");
        assert_eq!(pause(1, 20), None, "the same change again");
        hurry.approved(&ben, change(1), at(20));
        assert_eq!(pause(2, 599), Some(at(600)));
        assert_eq!(pause(2, 600), None);
        hurry.approved(&ben, change(2), at(600));
        assert_eq!(pause(3, 601), Some(at(610)), "counted when it was approved first");
    }
}
