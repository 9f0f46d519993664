//! When.

use std::time::Duration;

use model::ChangeState;
use notify::{Event, schedule};

use crate::fixture::{NOON, change};

#[test]
fn what_nobody_decided_is_brought_to_mind_at_half_its_time_and_before_its_end() {
    let mut change = change("Delete it");
    for (seconds, due, next) in [
        (0, None, Some(1800)),
        (1799, None, Some(1800)),
        (1800, Some(Event::ChangeReminder), Some(3240)),
        (3239, Some(Event::ChangeReminder), Some(3240)),
        (3240, Some(Event::ChangeEscalated), None),
        (3599, Some(Event::ChangeEscalated), None),
        (3600, None, None),
    ] {
        let now = NOON.plus_seconds(seconds);
        assert_eq!(schedule::due(&change, now), due, "{seconds}");
        assert_eq!(schedule::next(&change, now), next.map(|at| NOON.plus_seconds(at)), "{seconds}");
    }
    for state in ChangeState::ALL.into_iter().filter(|state| *state != ChangeState::Held) {
        change.state = state;
        assert_eq!(schedule::due(&change, NOON.plus_seconds(3300)), None, "{state}");
    }
}

#[test]
fn pauses_double_up_to_ten_minutes_and_half_of_each_is_chance() {
    let pauses =
        |chance| [1, 2, 3, 9, 10, 11, 40, u32::MAX].map(|failures| schedule::pause(failures, chance));
    let seconds = |all: [f64; 8]| all.map(Duration::from_secs_f64);
    assert_eq!(pauses(u8::MAX), seconds([1.0, 2.0, 4.0, 256.0, 512.0, 600.0, 600.0, 600.0]));
    assert_eq!(pauses(0), seconds([0.5, 1.0, 2.0, 128.0, 256.0, 300.0, 300.0, 300.0]));
}

#[test]
fn what_nobody_took_is_given_up_after_a_day() {
    for (seconds, given_up) in [(-1, false), (0, false), (86_399, false), (86_400, true), (1_000_000, true)] {
        assert_eq!(schedule::is_given_up(NOON, NOON.plus_seconds(seconds)), given_up, "{seconds}");
    }
}
