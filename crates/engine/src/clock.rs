//! The only place that reads a clock, and the judgement whether it can be trusted.
//!
//! A clock behind the last ledger entry, or far from the upstream's date, is no clock (promise 1): nothing is judged
//! by it, because calendars, expiries and freezes would all be judged wrong.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicI64, Ordering},
};

use model::{Fault, Timestamp};

pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads the clock")]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}

/// How long something takes; says nothing of the time of day.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch(std::time::Instant);

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "this is the one place that reads a clock")]
    pub(crate) fn start() -> Self {
        Self(std::time::Instant::now())
    }

    pub(crate) fn elapsed(&self) -> std::time::Duration {
        self.0.elapsed()
    }
}

/// A step back of less than this is slewing, not a set clock; the later time is used.
const SLEW_MS: i64 = 2_000;

/// Watches the clock against the ledger and the upstream.
#[derive(Debug)]
pub(crate) struct Watch {
    last: AtomicI64,
    upstream: Mutex<Option<Sample>>,
}

/// How far apart the upstream's date and this clock were, and when that was seen.
#[derive(Clone, Copy, Debug)]
struct Sample {
    off_ms: i64,
    at_ms: i64,
}

/// A sample older than this proves nothing: one odd date must not stop everything for good. Our own reads, which go on
/// while the clock is disputed, renew it where it is right.
const SAMPLE_LIFE_MS: i64 = 60_000;

impl Watch {
    pub(crate) const fn new(last_recorded: Option<Timestamp>) -> Self {
        let last = match last_recorded {
            Some(time) => time.millis(),
            None => i64::MIN,
        };
        Self { last: AtomicI64::new(last), upstream: Mutex::new(None) }
    }

    /// A time that is not before any earlier one, or why there is none.
    pub(crate) fn stamp(&self, clock: &dyn Clock, skew_ms: i64) -> Result<Timestamp, Fault> {
        let now = clock.now();
        let last = self.last.fetch_max(now.millis(), Ordering::SeqCst);
        if now.millis() < last.saturating_sub(SLEW_MS) {
            return Err(Fault::NoClock(format!(
                "this machine says {now}, but the ledger already has an entry of {}; set the clock right",
                Timestamp::from_millis(last)
            )));
        }
        let sample = *self.upstream.lock().unwrap_or_else(PoisonError::into_inner);
        let off = sample
            .filter(|it| now.millis().saturating_sub(it.at_ms).abs() <= SAMPLE_LIFE_MS)
            .map_or(0, |it| it.off_ms);
        if off.abs() > skew_ms {
            return Err(Fault::NoClock(format!(
                "this machine and the upstream disagree by {} s; set the clock right",
                off / 1000
            )));
        }
        Ok(Timestamp::from_millis(now.millis().max(last)))
    }

    /// The latest time that was ever read.
    pub(crate) fn last(&self) -> Timestamp {
        Timestamp::from_millis(self.last.load(Ordering::SeqCst))
    }

    pub(crate) fn upstream_says(&self, clock: &dyn Clock, date: Timestamp) {
        let now = clock.now();
        let sample = Sample { off_ms: now.since(date), at_ms: now.millis() };
        *self.upstream.lock().unwrap_or_else(PoisonError::into_inner) = Some(sample);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct At(AtomicI64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(self.0.load(Ordering::SeqCst))
        }
    }

    #[test]
    fn a_clock_set_back_is_no_clock() {
        let clock = At(AtomicI64::new(10_000));
        let watch = Watch::new(Some(Timestamp::from_millis(9_000)));
        assert_eq!(watch.stamp(&clock, 1000), Ok(Timestamp::from_millis(10_000)));
        clock.0.store(9_500, Ordering::SeqCst);
        assert_eq!(watch.stamp(&clock, 1000), Ok(Timestamp::from_millis(10_000)), "slewing is tolerated");
        clock.0.store(7_000, Ordering::SeqCst);
        assert!(matches!(watch.stamp(&clock, 1000), Err(Fault::NoClock(_))));
        clock.0.store(11_000, Ordering::SeqCst);
        assert!(watch.stamp(&clock, 1000).is_ok(), "and it recovers by itself");
    }

    #[test]
    fn a_clock_far_from_the_upstream_is_no_clock() {
        let clock = At(AtomicI64::new(1_000_000));
        let watch = Watch::new(None);
        watch.upstream_says(&clock, Timestamp::from_millis(400_000));
        assert!(matches!(watch.stamp(&clock, 300_000), Err(Fault::NoClock(_))));
        watch.upstream_says(&clock, Timestamp::from_millis(999_000));
        assert!(watch.stamp(&clock, 300_000).is_ok());
    }
}
