//! The facts of the hour, kept for the minute that they hold: windows begin and end with a minute, and finding the next
//! opening takes a walk over days.

use std::sync::Arc;

use model::{Environment, Timestamp};

use super::{Calendar, TimeFacts};
use crate::slots::Slots;

const MINUTE_MS: i64 = 60_000;
/// Some hundred environments, for the minute that it is and those around it.
const BUCKETS: usize = 128;

/// What was found out of single minutes of a calendar.
#[derive(Debug)]
pub(crate) struct Minutes {
    slots: Slots<(Environment, i64), Arc<TimeFacts>>,
}

impl Minutes {
    pub(crate) fn new() -> Self {
        Self { slots: Slots::new(BUCKETS) }
    }

    /// What [`Calendar::facts`] says, kept only where it is the same throughout the minute.
    pub(crate) fn facts(
        &self,
        calendar: &Calendar,
        now: Timestamp,
        environment: &Environment,
    ) -> Arc<TimeFacts> {
        let minute = now.millis().div_euclid(MINUTE_MS);
        let hash = self.slots.hash_of(&(environment, minute));
        if let Some(kept) = self.slots.get(hash, |(known, when)| known == environment && *when == minute) {
            return Arc::clone(&kept.1);
        }
        let facts = Arc::new(calendar.facts(now, environment));
        if calendar.is_steady(minute, environment) {
            self.slots.put(hash, (environment.clone(), minute), Arc::clone(&facts));
        }
        facts
    }
}

impl Calendar {
    /// Whether nothing changes within a minute: both its ends are alike, and nothing that can be shorter begins or ends
    /// in between. (A window is at least a minute long, as are the times between changes of the clocks.)
    fn is_steady(&self, minute: i64, environment: &Environment) -> bool {
        let Some(start) = minute.checked_mul(MINUTE_MS) else { return false };
        let Some(end) = start.checked_add(MINUTE_MS - 1) else { return false };
        let within = |moment: Timestamp| start < moment.millis() && moment.millis() <= end;
        let frozen_in_part = self.freeze.iter().any(|freeze| within(freeze.start) || within(freeze.end));
        let at = |millis| self.facts(Timestamp::from_millis(millis), environment);
        !frozen_in_part && at(start) == at(end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{problem::Problems, reader::read_toml};

    fn calendar(zone: &str, peak: (u16, u16), freeze: &str) -> Calendar {
        let time = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        let text = format!(
            "timezone = \"{zone}\"\n{freeze}\n[[peak]]\ndays = [\"mon-sun\"]\nfrom = \"{}\"\nto = \"{}\"\n",
            time(peak.0),
            time(peak.1)
        );
        let problems = Problems::default();
        let calendar = read_toml("calendar.toml", &text, &problems, |root| Calendar::read(root, &[]));
        problems.into_result().unwrap();
        calendar.unwrap()
    }

    proptest! {
        /// Whatever was asked of a minute before, the facts are those of the instant: over changes of the clocks, and
        /// long ago, when offsets were no whole minutes.
        #[test]
        fn no_fact_outlives_its_minute(
            zone in proptest::sample::select(vec!["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Africa/Monrovia"]),
            from in 0u16..1440,
            length in 1u16..1440,
            day in -30_000i64..30_000,
            millis in proptest::collection::vec(-200_000i64..200_000, 1..12),
            frozen in any::<bool>(),
        ) {
            let freeze = if frozen {
                "[[freeze]]\nfrom = \"2026-11-20\"\nto = \"2026-11-21\"\nreason = \"r\"\nenvironments = [\"production\"]"
            } else {
                "freeze = []"
            };
            let peak = (from, (from + length) % 1440);
            prop_assume!(peak.0 != peak.1);
            let calendar = calendar(zone, peak, freeze);
            let minutes = Minutes::new();
            let environment = Environment::unknown();
            // Around the window's own beginning as UTC has it, some hours off in other zones: so both ends as well.
            for at in [peak.0, peak.1] {
                for ms in &millis {
                    let now = Timestamp::from_millis((day * 1440 + i64::from(at)) * MINUTE_MS + ms);
                    prop_assert_eq!(&*minutes.facts(&calendar, now, &environment), &calendar.facts(now, &environment));
                }
            }
        }
    }

    #[test]
    fn a_minute_in_which_something_changes_is_not_kept() {
        // Until 1972 Monrovia was 44 minutes and 30 seconds behind.
        let (monrovia, utc) = (
            calendar("Africa/Monrovia", (480, 1200), "freeze = []"),
            calendar("UTC", (480, 1200), "freeze = []"),
        );
        let production = Environment::unknown();
        let minute = (365 + 365) * 1440 / 2 + 8 * 60 + 44;
        assert!(!monrovia.is_steady(minute, &production));
        assert!((-1..=1).all(|more| utc.is_steady(480 + more, &production)));
    }
}
