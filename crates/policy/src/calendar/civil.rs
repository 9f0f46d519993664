//! The words of a calendar as people write them: days of the week, times of day, moments of a year. Not the calendar
//! itself: nothing here knows what a window means.

use std::{fmt, str::FromStr};

use jiff::{
    civil::{Date, DateTime, Time},
    tz::TimeZone,
};
use model::Timestamp;

/// Bit 0 is Monday.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Days(u8);

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl Days {
    pub(super) const NONE: Self = Self(0);

    pub(super) const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `day` counts from Monday and may run past Sunday.
    pub(super) const fn contains(self, day: usize) -> bool {
        self.0 & (1 << (day % 7)) != 0
    }
}

impl FromStr for Days {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let index = |name: &str| DAYS.iter().position(|day| *day == name);
        let fail =
            || format!("`{text}` is no day: mon, tue, wed, thu, fri, sat, sun, or a range like mon-fri");
        let (first, last) = text.split_once('-').unwrap_or((text, text));
        let (first, last) = (index(first).ok_or_else(fail)?, index(last).ok_or_else(fail)?);
        let last = if last < first { last + 7 } else { last };
        Ok(Self((first..=last).fold(0, |days, day| days | 1 << (day % 7))))
    }
}

impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<_> = (0..7).filter(|day| self.contains(*day)).collect();
        let run = all.windows(2).all(|pair| matches!(pair, [one, two] if one + 1 == *two));
        match all.as_slice() {
            [first, .., last] if run && all.len() > 2 => {
                write!(f, "{}–{}", DAYS.get(*first).unwrap_or(&""), DAYS.get(*last).unwrap_or(&""))
            }
            days => f.write_str(
                &days.iter().filter_map(|day| DAYS.get(*day).copied()).collect::<Vec<_>>().join(", "),
            ),
        }
    }
}

/// Minutes since midnight, 24:00 included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Minute(u16);

impl Minute {
    pub(super) const MIDNIGHT: Self = Self(0);

    pub(super) fn new(count: u16) -> Option<Self> {
        (count <= 1440).then_some(Self(count))
    }

    pub(super) const fn count(self) -> u16 {
        self.0
    }

    pub(super) fn on(self, day: Date) -> Option<DateTime> {
        if self.0 >= 1440 {
            return Some(day.tomorrow().ok()?.to_datetime(Time::midnight()));
        }
        let (hour, minute) = (i8::try_from(self.0 / 60).ok()?, i8::try_from(self.0 % 60).ok()?);
        Some(day.to_datetime(Time::new(hour, minute, 0, 0).ok()?))
    }
}

impl FromStr for Minute {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fail = || format!("`{text}` is no time of day from \"00:00\" to \"24:00\"");
        let (hour, rest) = text.split_once(':').ok_or_else(fail)?;
        let minute = rest.strip_suffix(":00").unwrap_or(rest);
        let part = |text: &str| {
            (text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit()))
                .then(|| text.parse::<u16>().ok())?
        };
        let (hour, minute) = (part(hour).ok_or_else(fail)?, part(minute).ok_or_else(fail)?);
        let total = hour * 60 + minute;
        if minute < 60 && total <= 1440 { Ok(Self(total)) } else { Err(fail()) }
    }
}

impl fmt::Display for Minute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.0 / 60, self.0 % 60)
    }
}

/// A day, or a day and a time, in the calendar's zone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Moment {
    Day(Date),
    Minute(DateTime),
}

impl Moment {
    pub(super) fn start(self, zone: &TimeZone) -> Option<Timestamp> {
        instant(
            match self {
                Self::Day(day) => day.to_datetime(Time::midnight()),
                Self::Minute(moment) => moment,
            },
            zone,
        )
    }

    /// The whole of a last day.
    pub(super) fn end(self, zone: &TimeZone) -> Option<Timestamp> {
        instant(
            match self {
                Self::Day(day) => day.tomorrow().ok()?.to_datetime(Time::midnight()),
                Self::Minute(moment) => moment,
            },
            zone,
        )
    }
}

fn instant(local: DateTime, zone: &TimeZone) -> Option<Timestamp> {
    let zoned = local.to_zoned(zone.clone()).ok()?;
    Some(Timestamp::from_millis(zoned.timestamp().as_millisecond()))
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.len() == 10;
        let fail = |_| format!("`{text}` is neither a day like 2026-12-18 nor a time like 2026-12-18T18:00");
        if text.ends_with('Z') || text.contains('+') {
            return Err("times are in the calendar's own zone; leave the offset out".to_owned());
        }
        if bare {
            text.parse().map(Self::Day).map_err(fail)
        } else {
            text.parse().map(Self::Minute).map_err(fail)
        }
    }
}
