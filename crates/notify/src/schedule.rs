//! When: how long after a failure it is tried again, when it is given up, and when a held change is brought to mind.

use std::time::Duration;

use model::{Change, ChangeState, Timestamp};

use crate::Event;

const GIVE_UP_MS: i64 = 24 * 3600 * 1000;

/// Whether what was first sent at `since`, and nobody took, is given up by `now`: a day later.
pub const fn is_given_up(since: Timestamp, now: Timestamp) -> bool {
    now.since(since) >= GIVE_UP_MS
}

const SOONEST: Duration = Duration::from_secs(1);
const LATEST: Duration = Duration::from_secs(600);

/// Before the next try, after `failures` in a row: twice as long each time, up to ten minutes, of which the last half is left to
/// `chance`, so that many senders do not come back at one moment.
pub fn pause(failures: u32, chance: u8) -> Duration {
    let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = SOONEST.saturating_mul(doubled).min(LATEST);
    let half = whole / 2;
    half + half * u32::from(chance) / u32::from(u8::MAX)
}

/// What is due to be said of a change that waits for people, as the share of its time that is over.
pub fn due(change: &Change, now: Timestamp) -> Option<Event> {
    if change.state != ChangeState::Held || now >= change.expires_at {
        return None;
    }
    let [half, most] = times(change);
    if now >= most { Some(Event::ChangeEscalated) } else { (now >= half).then_some(Event::ChangeReminder) }
}

/// When something is due to be said of it next.
pub fn next(change: &Change, now: Timestamp) -> Option<Timestamp> {
    times(change).into_iter().find(|at| now < *at)
}

/// When half of its time is over, and when nine tenths are.
fn times(change: &Change) -> [Timestamp; 2] {
    let whole = change.expires_at.since(change.created_at).max(0);
    [5, 9]
        .map(|tenths| Timestamp::from_millis(change.created_at.millis().saturating_add(whole / 10 * tenths)))
}
