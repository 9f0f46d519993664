//! When a window begins, as `crontab(5)` writes it: minute, hour, day of the month, month, day of the week; in the
//! calendar's own zone. Two things are otherwise than there. A day of the month together with a day of the week is
//! refused, since cron takes either and people mean both; and `sun#1` is the first Sunday of a month, for which they
//! write it.

use std::{fmt, str::FromStr};

use jiff::civil::Date;

use super::civil::Minute;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cron {
    text: String,
    minutes: Field,
    hours: Field,
    days: Field,
    months: Field,
    /// Sunday is 0.
    weekdays: Field,
    /// Which such day of its month.
    nth: Option<i8>,
}

/// One bit a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Field {
    bits: u64,
    every: bool,
}

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// Each is looked at on every decision.
const MAX_STARTS: u32 = 24;
const MAX_TEXT: usize = 100;

impl Cron {
    /// The minutes of a day at which a window begins, ascending.
    pub(super) fn starts(&self, day: Date) -> impl Iterator<Item = Minute> {
        let hours = if self.falls_on(day) { self.hours } else { Field { bits: 0, every: false } };
        let minutes = self.minutes;
        (0..24u16).filter(move |hour| hours.contains(*hour)).flat_map(move |hour| {
            (0..60u16)
                .filter(move |minute| minutes.contains(*minute))
                .filter_map(move |minute| Minute::new(hour.checked_mul(60)?.checked_add(minute)?))
        })
    }

    fn falls_on(&self, day: Date) -> bool {
        let has = |field: Field, value: i8| u16::try_from(value).is_ok_and(|value| field.contains(value));
        let weekday = day.weekday();
        has(self.months, day.month())
            && has(self.days, day.day())
            && has(self.weekdays, weekday.to_sunday_zero_offset())
            && self.nth.is_none_or(|nth| day.day().saturating_sub(1) / 7 == nth.saturating_sub(1))
    }
}

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() > MAX_TEXT {
            return Err(format!("longer than {MAX_TEXT} characters"));
        }
        let lower = text.to_ascii_lowercase();
        let fields: Vec<&str> = lower.split_ascii_whitespace().collect();
        let [minutes, hours, days, months, weekdays] = fields.as_slice() else {
            return Err(format!(
                "`{}` has {} fields and not five: minute, hour, day of the month, month, day of the week",
                model::sanitize(text, MAX_TEXT),
                fields.len()
            ));
        };
        let (weekdays, nth) = match weekdays.split_once('#') {
            None => (*weekdays, None),
            Some((day, nth)) => match nth.parse::<i8>() {
                Ok(nth @ 1..=5) if !day.contains([',', '-', '*', '/']) => (day, Some(nth)),
                Ok(_) | Err(_) => {
                    return Err(format!("`{weekdays}` is none of the days sun#1 to sat#5 of a month"));
                }
            },
        };
        let cron = Self {
            text: fields.join(" "),
            minutes: Field::read(minutes, "minute", (0, 59), &[])?,
            hours: Field::read(hours, "hour", (0, 23), &[])?,
            days: Field::read(days, "day of the month", (1, 31), &[])?,
            months: Field::read(months, "month", (1, 12), &MONTHS)?,
            weekdays: Field::read(weekdays, "day of the week", (0, 7), &WEEKDAYS)?.with_sunday(),
            nth,
        };
        if !cron.days.every && !cron.weekdays.every {
            return Err("a day of the month and a day of the week: cron takes either, which opens more than it seems; \
                        leave one `*`, and write the first Sunday as sun#1"
                .to_owned());
        }
        let starts = cron.minutes.count().saturating_mul(cron.hours.count());
        if starts > MAX_STARTS {
            return Err(format!("it begins {starts} times a day; at most {MAX_STARTS}"));
        }
        Ok(cron)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Field {
    fn contains(self, value: u16) -> bool {
        1u64.checked_shl(u32::from(value)).is_some_and(|bit| self.bits & bit != 0)
    }

    const fn count(self) -> u32 {
        self.bits.count_ones()
    }

    /// A week's seventh day is its Sunday too.
    const fn with_sunday(self) -> Self {
        Self { bits: (self.bits | (self.bits >> 7)) & 0x7f, every: self.every }
    }

    /// `*`, values, ranges, each with a step: `*/15`, `1-5`, `mon-fri`, `0,30`.
    fn read(text: &str, what: &str, (min, max): (u16, u16), names: &[&str]) -> Result<Self, String> {
        let wrong = || {
            let named = names.first().zip(names.last());
            let named = named.map(|(first, last)| format!(" or {first} to {last}")).unwrap_or_default();
            format!(
                "`{text}` is no {what}: {min} to {max}{named}, ranges such as {min}-{max}, steps such as */2"
            )
        };
        let value = |text: &str| {
            let named = names.iter().position(|name| *name == text);
            let named = named.and_then(|at| u16::try_from(at).ok()?.checked_add(min));
            let digits = text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
            named.or_else(|| digits.then(|| text.parse().ok())?).filter(|it| (min..=max).contains(it))
        };
        let mut bits = 0u64;
        for part in text.split(',') {
            let (range, step) = match part.split_once('/') {
                None => (part, 1),
                Some((range, step)) => {
                    let step = step.parse::<u16>().ok().filter(|step| (1..=max).contains(step));
                    (range, step.ok_or_else(wrong)?)
                }
            };
            let (first, last) = match range.split_once('-') {
                _ if range == "*" => (min, max),
                Some((first, last)) => (value(first).ok_or_else(wrong)?, value(last).ok_or_else(wrong)?),
                None => {
                    let first = value(range).ok_or_else(wrong)?;
                    // As cron has it: 5/15 is from 5 on.
                    (first, if part.contains('/') { max } else { first })
                }
            };
            if first > last {
                return Err(wrong());
            }
            let values = (first..=last).step_by(usize::from(step));
            bits |= values.filter_map(|it| 1u64.checked_shl(u32::from(it))).fold(0, |bits, bit| bits | bit);
        }
        Ok(Self { bits, every: text == "*" })
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use jiff::civil::date;
    use proptest::prelude::*;

    use super::*;

    fn check(text: &str, expected: &Expect) {
        let told = match text.parse::<Cron>() {
            Err(why) => why,
            Ok(cron) => {
                let mut day = date(2026, 11, 1);
                let mut told = Vec::new();
                while day < date(2026, 12, 8) {
                    let starts: Vec<_> = cron.starts(day).map(|it| it.to_string()).collect();
                    if !starts.is_empty() {
                        told.push(format!(
                            "{} {day} {}",
                            WEEKDAYS[day.weekday().to_sunday_zero_offset() as usize],
                            starts.join(" ")
                        ));
                    }
                    day = day.tomorrow().unwrap();
                }
                told.join("\n")
            }
        };
        expected.assert_eq(&told);
    }

    #[test]
    fn windows_begin_when_cron_says() {
        check(
            "0 2 * * sun#1",
            &expect![[r#"
            sun 2026-11-01 02:00
            sun 2026-12-06 02:00"#]],
        );
        check(
            "30 22 1,15 * *",
            &expect![[r#"
            sun 2026-11-01 22:30
            sun 2026-11-15 22:30
            tue 2026-12-01 22:30"#]],
        );
        check("0 */6 6 12 *", &expect!["sun 2026-12-06 00:00 06:00 12:00 18:00"]);
        check(
            "15 3 * nov 6-7",
            &expect![[r#"
            sun 2026-11-01 03:15
            sat 2026-11-07 03:15
            sun 2026-11-08 03:15
            sat 2026-11-14 03:15
            sun 2026-11-15 03:15
            sat 2026-11-21 03:15
            sun 2026-11-22 03:15
            sat 2026-11-28 03:15
            sun 2026-11-29 03:15"#]],
        );
        check(
            "0 4 * * mon/3",
            &expect![[r#"
            sun 2026-11-01 04:00
            mon 2026-11-02 04:00
            thu 2026-11-05 04:00
            sun 2026-11-08 04:00
            mon 2026-11-09 04:00
            thu 2026-11-12 04:00
            sun 2026-11-15 04:00
            mon 2026-11-16 04:00
            thu 2026-11-19 04:00
            sun 2026-11-22 04:00
            mon 2026-11-23 04:00
            thu 2026-11-26 04:00
            sun 2026-11-29 04:00
            mon 2026-11-30 04:00
            thu 2026-12-03 04:00
            sun 2026-12-06 04:00
            mon 2026-12-07 04:00"#]],
        );
        check("0,30 5 31 * *", &expect![[""]]);
    }

    #[test]
    fn what_cron_does_not_say_is_refused() {
        for (text, expected) in [
            (
                "",
                expect![
                    "`` has 0 fields and not five: minute, hour, day of the month, month, day of the week"
                ],
            ),
            (
                "0 2 * *",
                expect![
                    "`0 2 * *` has 4 fields and not five: minute, hour, day of the month, month, day of the week"
                ],
            ),
            ("60 2 * * *", expect!["`60` is no minute: 0 to 59, ranges such as 0-59, steps such as */2"]),
            (
                "0 2 * * sunday",
                expect![
                    "`sunday` is no day of the week: 0 to 7 or sun to sat, ranges such as 0-7, steps such as */2"
                ],
            ),
            (
                "0 2 * * fri-mon",
                expect![
                    "`fri-mon` is no day of the week: 0 to 7 or sun to sat, ranges such as 0-7, steps such as */2"
                ],
            ),
            (
                "0 2 1-7 * sun",
                expect![
                    "a day of the month and a day of the week: cron takes either, which opens more than it seems; leave one `*`, and write the first Sunday as sun#1"
                ],
            ),
            ("* 2 * * *", expect!["it begins 60 times a day; at most 24"]),
            ("0 2 * * mon,tue#1", expect!["`mon,tue#1` is none of the days sun#1 to sat#5 of a month"]),
            ("0 2 * * sun#6", expect!["`sun#6` is none of the days sun#1 to sat#5 of a month"]),
            ("0 2/0 * * *", expect!["`2/0` is no hour: 0 to 23, ranges such as 0-23, steps such as */2"]),
            (
                "@daily",
                expect![
                    "`@daily` has 1 fields and not five: minute, hour, day of the month, month, day of the week"
                ],
            ),
            (
                "0 2 * * +1",
                expect![
                    "`+1` is no day of the week: 0 to 7 or sun to sat, ranges such as 0-7, steps such as */2"
                ],
            ),
        ] {
            check(text, &expected);
        }
    }

    proptest! {
        #[test]
        fn reading_never_panics_and_starts_are_of_the_day(text in "[0-9*/,# a-z-]{0,40}", field in "[0-9*/,-]{1,6}") {
            for text in [text, format!("{field} 2 * * *"), format!("0 2 {field} * *"), format!("0 2 * * {field}")] {
                if let Ok(cron) = text.parse::<Cron>() {
                    let starts: Vec<_> = cron.starts(date(2026, 2, 28)).map(Minute::count).collect();
                    prop_assert!(starts.is_sorted() && starts.iter().all(|minute| *minute < 1440));
                }
            }
        }
    }
}
