//! Windows of a calendar: hours of certain days of the week, or a while from whenever a `cron` expression says.

use std::fmt;

use jiff::{
    ToSpan, Zoned,
    civil::{Date, DateTime},
};
use model::{Environment, EnvironmentName};

use super::{
    applies,
    civil::{Days, Minute},
    cron::Cron,
    read_environments,
};
use crate::reader::Section;

#[derive(Clone, Debug)]
pub(super) struct Window {
    span: Span,
    environments: Vec<EnvironmentName>,
}

/// In the calendar's zone, by its clocks: a while over a change of the clocks is as long as they show.
#[derive(Clone, Debug)]
enum Span {
    Weekly { days: Days, from: Minute, to: Minute },
    Cron { start: Cron, minutes: u16 },
}

/// In minutes; what is longer is a freeze, or hours of all days.
const A_DAY: i64 = 1440;

impl Window {
    pub(super) fn applies(&self, environment: &Environment) -> bool {
        applies(&self.environments, environment)
    }

    pub(super) fn contains(&self, local: &Zoned) -> bool {
        let minute = minute_of(local);
        match &self.span {
            Span::Weekly { days, from, to } => {
                let today = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
                let (from, to) = (from.count(), to.count());
                if from < to {
                    days.contains(today) && (from..to).contains(&minute)
                } else {
                    // Over midnight: the evening of its day, and the morning after.
                    (days.contains(today) && minute >= from) || (days.contains(today + 6) && minute < to)
                }
            }
            Span::Cron { start, minutes } => {
                let (minute, length) = (i64::from(minute), i64::from(*minutes));
                let began = |day: Option<Date>, later: i64| {
                    day.is_some_and(|day| {
                        start.starts(day).any(|at| {
                            (0..length).contains(&(minute.saturating_add(later) - i64::from(at.count())))
                        })
                    })
                };
                began(Some(local.date()), 0) || began(local.date().yesterday().ok(), A_DAY)
            }
        }
    }

    /// When it may begin or end by what begins on a day; not all of these need be boundaries.
    pub(super) fn edges(&self, day: Date) -> Vec<DateTime> {
        match &self.span {
            Span::Weekly { from, to, .. } => [from, to].into_iter().filter_map(|it| it.on(day)).collect(),
            Span::Cron { start, minutes } => start
                .starts(day)
                .filter_map(|at| at.on(day))
                .flat_map(|from| [Some(from), from.checked_add(i64::from(*minutes).minutes()).ok()])
                .flatten()
                .collect(),
        }
    }

    pub(super) fn read(section: &Section<'_>, known: &[EnvironmentName]) -> Option<Self> {
        let span = if section.has("cron") { read_cron(section) } else { read_weekly(section) };
        let environments = read_environments(section, known);
        section.finish();
        Some(Self { span: span?, environments })
    }
}

fn minute_of(local: &Zoned) -> u16 {
    let part = |value: i8| u16::from(value.unsigned_abs());
    part(local.hour()).saturating_mul(60).saturating_add(part(local.minute()))
}

fn read_cron(section: &Section<'_>) -> Option<Span> {
    let start = section.parsed::<Cron>("cron");
    let minutes = section.count("minutes", 1..A_DAY + 1).and_then(|minutes| u16::try_from(minutes).ok());
    if minutes.is_none() && !section.has("minutes") {
        section.missing("minutes", "how long it lasts from when cron says, for example minutes = 120");
    }
    Some(Span::Cron { start: start?, minutes: minutes? })
}

fn read_weekly(section: &Section<'_>) -> Option<Span> {
    let days = section.list::<Days>("days").into_iter().fold(Days::NONE, Days::with);
    let (from, to) = (section.parsed::<Minute>("from"), section.parsed::<Minute>("to"));
    if days == Days::NONE {
        section.missing("days", "for example days = [\"mon-fri\"]");
    }
    for (key, value) in [("from", from), ("to", to)] {
        if value.is_none() && !section.has(key) {
            section.missing(key, "a time of day, for example \"08:00\"");
        }
    }
    let (from, to) = (from?, to?);
    if from == to {
        section.wrong(
            "to",
            format!("a window from {from} to {to} is empty"),
            Some("\"00:00\" to \"24:00\" is a whole day".into()),
        );
        return None;
    }
    (days != Days::NONE).then_some(Span::Weekly { days, from, to })
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.span {
            Span::Weekly { days, from, to } => write!(f, "{days} {from}–{to}"),
            Span::Cron { start, minutes } => write!(f, "{minutes} minutes from cron {start}"),
        }
    }
}
