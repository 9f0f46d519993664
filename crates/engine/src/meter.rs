//! What is counted while serving, for those who watch a process rather than a change: nothing here decides anything, nothing
//! is recorded, and all of it begins at zero with each process.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use approval::Act;

use crate::{Admitted, RefusalKind};

#[derive(Debug, Default)]
pub(crate) struct Meter {
    decisions: [AtomicU64; Ending::ALL.len()],
    own: Histogram,
    upstream: Histogram,
    signed: [AtomicU64; ACTS.len()],
    refused: [AtomicU64; ACTS.len()],
    strangers: AtomicU64,
}

/// How asking for one action ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Ending {
    Allow,
    Hold,
    Deny,
    /// Something that judging needs was missing (CS101 to CS110): nothing passed.
    Fault,
    /// It had run a moment ago, and was answered from the record.
    Repeat,
    /// The same signature a second time.
    Replay,
    /// It was being carried out already.
    InFlight,
    /// The session was stopped or had expired.
    Closed,
}

impl Ending {
    pub const ALL: [Self; 8] = [
        Self::Allow,
        Self::Hold,
        Self::Deny,
        Self::Fault,
        Self::Repeat,
        Self::Replay,
        Self::InFlight,
        Self::Closed,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Hold => "hold",
            Self::Deny => "deny",
            Self::Fault => "fault",
            Self::Repeat => "repeat",
            Self::Replay => "replay",
            Self::InFlight => "in_flight",
            Self::Closed => "closed",
        }
    }

    /// `None` where nothing was decided: it is asked for again.
    pub(crate) const fn of(admitted: &Admitted) -> Option<Self> {
        Some(match admitted {
            Admitted::Permit(_) => Self::Allow,
            Admitted::Recorded { .. } => Self::Repeat,
            Admitted::Turned(_) => return None,
            Admitted::Refused(refusal) => match refusal.kind {
                RefusalKind::Held => Self::Hold,
                RefusalKind::Denied => Self::Deny,
                RefusalKind::SessionClosed => Self::Closed,
                RefusalKind::Replayed => Self::Replay,
                RefusalKind::InFlight => Self::InFlight,
                RefusalKind::Fault => Self::Fault,
                RefusalKind::ContentNeeded | RefusalKind::Turned => return None,
            },
        })
    }
}

const ACTS: [(Act, &str); 3] = [(Act::Approve, "approve"), (Act::Reject, "reject"), (Act::Reopen, "reopen")];

/// All of it at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counted {
    pub decisions: Vec<(&'static str, u64)>,
    /// Our own part of each decision, the wait for the log and its witnesses included.
    pub own: Spread,
    /// Of the decisions for which the target was looked at: how long that took.
    pub upstream: Spread,
    /// By act; those that counted, and those of people whose signature does not count there.
    pub signed: Vec<(&'static str, u64, u64)>,
    /// Requests that nobody signed who is known here.
    pub strangers: u64,
}

/// How long things took, as a histogram of Prometheus has it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Upper bounds in seconds, each with how many took no longer.
    pub within: Vec<(f64, u64)>,
    pub count: u64,
    pub sum_s: f64,
}

impl Meter {
    /// `upstream`: of `whole`, what the upstream's answers about the target took, where it was asked.
    pub(crate) fn decided(&self, ending: Ending, whole: Duration, upstream: Option<Duration>) {
        self.ended(ending);
        self.own.add(whole.saturating_sub(upstream.unwrap_or_default()));
        if let Some(upstream) = upstream {
            self.upstream.add(upstream);
        }
    }

    /// Of what was refused before it could be judged, or was asked for together with others.
    pub(crate) fn ended(&self, ending: Ending) {
        let slots = Ending::ALL.iter().zip(&self.decisions);
        add_one(slots.filter(|(known, _)| **known == ending).map(|(_, slot)| slot));
    }

    pub(crate) fn signed(&self, act: Act, counts: bool) {
        let slots = if counts { &self.signed } else { &self.refused };
        add_one(ACTS.iter().zip(slots).filter(|((known, _), _)| *known == act).map(|(_, slot)| slot));
    }

    pub(crate) fn stranger(&self) {
        add_one([&self.strangers]);
    }

    pub(crate) fn counted(&self) -> Counted {
        let decisions = Ending::ALL.iter().zip(&self.decisions).map(|(it, slot)| (it.name(), read(slot)));
        let signed = ACTS.iter().zip(self.signed.iter().zip(&self.refused));
        Counted {
            decisions: decisions.collect(),
            own: self.own.spread(),
            upstream: self.upstream.spread(),
            signed: signed
                .map(|((_, name), (counts, refused))| (*name, read(counts), read(refused)))
                .collect(),
            strangers: read(&self.strangers),
        }
    }
}

/// In microseconds: from what a kept decision takes to what a cloud that limits us takes.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000,
    2_500_000, 5_000_000, 10_000_000,
];

#[derive(Debug, Default)]
struct Histogram {
    /// How many fell between one bound and the next.
    between: [AtomicU64; BOUNDS.len()],
    beyond: AtomicU64,
    sum_us: AtomicU64,
}

impl Histogram {
    fn add(&self, took: Duration) {
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let slot = BOUNDS.iter().zip(&self.between).find(|(bound, _)| took <= **bound).map(|(_, slot)| slot);
        add_one([slot.unwrap_or(&self.beyond)]);
        self.sum_us.fetch_add(took, Ordering::Relaxed);
    }

    fn spread(&self) -> Spread {
        let mut count: u64 = 0;
        let within = BOUNDS.iter().zip(&self.between).map(|(bound, slot)| {
            count = count.saturating_add(read(slot));
            (seconds(*bound), count)
        });
        let within = within.collect();
        Spread { within, count: count.saturating_add(read(&self.beyond)), sum_s: seconds(read(&self.sum_us)) }
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds that are shown")]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn read(slot: &AtomicU64) -> u64 {
    slot.load(Ordering::Relaxed)
}

fn add_one<'a>(slots: impl IntoIterator<Item = &'a AtomicU64>) {
    for slot in slots {
        slot.fetch_add(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_counted_is_told_apart_and_what_took_long_is_counted_once() {
        let meter = Meter::default();
        let ms = Duration::from_millis;
        meter.decided(Ending::Allow, ms(1), None);
        meter.decided(Ending::Hold, ms(70), Some(ms(60)));
        meter.decided(Ending::Hold, ms(20_000), Some(ms(1)));
        meter.ended(Ending::Deny);
        meter.signed(Act::Approve, true);
        meter.signed(Act::Approve, false);
        meter.stranger();
        let counted = meter.counted();
        let nonzero: Vec<_> = counted.decisions.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(nonzero, [&("allow", 1), &("hold", 2), &("deny", 1)]);
        assert_eq!(counted.signed, [("approve", 1, 1), ("reject", 0, 0), ("reopen", 0, 0)]);
        assert_eq!(counted.strangers, 1);
        let within = |spread: &Spread, bound: f64| spread.within.iter().find(|it| it.0 == bound).unwrap().1;
        assert_eq!((counted.own.count, within(&counted.own, 0.001), within(&counted.own, 0.01)), (3, 1, 2));
        assert_eq!(within(&counted.own, 10.0), 2, "twenty seconds are beyond every bound");
        assert_eq!((counted.upstream.count, within(&counted.upstream, 0.05)), (2, 1));
        assert!((counted.upstream.sum_s - 0.061).abs() < 1e-9);
    }
}
