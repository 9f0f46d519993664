//! Whether, and after how long, a failed turn is asked for once more. Pure: chance is a parameter.

use std::time::Duration;

use crate::failure::{Again, FailedTurn};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Requests for one turn, the first included.
    pub attempts: u32,
    /// Before the second.
    pub first: Duration,
    /// Nobody waits longer; where the other side asks for more, the turn has failed.
    pub most: Duration,
}

impl Backoff {
    pub const USUAL: Self =
        Self { attempts: 4, first: Duration::from_secs(1), most: Duration::from_secs(60) };

    /// `failed`: how many requests failed so far. `None`: that was the last.
    pub(crate) fn wait(&self, failed: u32, failure: &FailedTurn, chance: u64) -> Option<Duration> {
        if failed >= self.attempts {
            return None;
        }
        let doubled =
            self.first.saturating_mul(1_u32.checked_shl(failed.saturating_sub(1)).unwrap_or(u32::MAX));
        // Half of it by chance, so that many that failed together do not come back together.
        let half = doubled.min(self.most) / 2;
        let nanos = u64::try_from(half.as_nanos()).unwrap_or(u64::MAX);
        let own = half + Duration::from_nanos(chance.checked_rem(nanos).unwrap_or(0));
        match failure.again() {
            Again::No => None,
            Again::Yes => Some(own),
            Again::After(asked) => (asked <= self.most).then_some(own.max(asked)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_waits_longer_each_time_and_as_long_as_it_is_asked_to() {
        let backoff = Backoff { attempts: 4, first: Duration::from_secs(1), most: Duration::from_secs(3) };
        let overloaded = |retry_after: Option<u64>| FailedTurn::Overloaded {
            status: 529,
            retry_after: retry_after.map(Duration::from_secs),
        };
        let check = |failed, failure: FailedTurn, chance, expected: Option<u64>| {
            let found = backoff.wait(failed, &failure, chance);
            assert_eq!(found, expected.map(Duration::from_millis), "{failed} {failure}");
        };
        check(1, FailedTurn::EndedEarly, 0, Some(500));
        check(1, FailedTurn::EndedEarly, 499_000_000, Some(999));
        check(2, FailedTurn::EndedEarly, 0, Some(1000));
        check(3, FailedTurn::EndedEarly, 0, Some(1500));
        check(4, FailedTurn::EndedEarly, 0, None);
        check(1, overloaded(None), 0, Some(500));
        check(1, overloaded(Some(2)), 0, Some(2000));
        check(2, overloaded(Some(0)), 0, Some(1000));
        check(1, overloaded(Some(4)), 0, None);
        check(1, FailedTurn::Filtered, 0, None);
        check(1, FailedTurn::Refused { status: 401, why: String::new() }, 0, None);
        let none = Backoff { attempts: 9, first: Duration::ZERO, most: Duration::ZERO };
        assert_eq!(none.wait(40, &FailedTurn::Length, 7), None);
        assert_eq!(none.wait(8, &FailedTurn::Length, 7), Some(Duration::ZERO));
    }
}
