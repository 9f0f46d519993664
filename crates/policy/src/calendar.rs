//! `calendar.toml`: when it is peak, when nothing may change, and when maintenance lifts a peak. Evaluated here, outside
//! Cedar, which knows neither time zones nor "now"; rules read only the two facts. No calendar, or one that cannot be
//! evaluated, means peak and frozen.

mod civil;
mod cron;
mod steady;
mod window;

use jiff::{
    Zoned,
    civil::Date,
    tz::{TimeZone, TimeZoneDatabase},
};
use model::{Environment, EnvironmentName, Timestamp};

pub(crate) use self::steady::Minutes;
use self::{
    civil::{Minute, Moment},
    window::Window,
};
use crate::reader::Section;

/// What rules may know of the hour, and what people are told of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimeFacts {
    pub peak: bool,
    pub frozen: bool,
    /// In words; empty where it is neither.
    pub why: String,
    /// When it is next neither; `None` where that is now, or not within the calendar's sight.
    pub next_open: Option<Timestamp>,
}

impl TimeFacts {
    /// What holds while nothing is known of the time.
    pub(crate) fn closed(why: &str) -> Self {
        Self { peak: true, frozen: true, why: why.to_owned(), next_open: None }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Calendar {
    zone: TimeZone,
    zone_name: String,
    peak: Vec<Window>,
    maintenance: Vec<Window>,
    freeze: Vec<Freeze>,
}

#[derive(Clone, Debug)]
struct Freeze {
    start: Timestamp,
    end: Timestamp,
    reason: String,
    environments: Vec<EnvironmentName>,
}

/// How many boundaries ahead an opening is looked for: some months of ordinary weeks.
const SIGHT: usize = 1_000;
/// More windows than this are a mistake, and each is looked at on every decision.
const MAX_WINDOWS: usize = 64;

impl Calendar {
    pub(crate) fn read(root: &Section<'_>, environments: &[EnvironmentName]) -> Option<Self> {
        let zone = read_zone(root);
        if zone.is_none() && !root.has("timezone") {
            root.missing("timezone", "for example timezone = \"Europe/Berlin\" or \"UTC\"");
        }
        for (key, hint) in [
            ("peak", "hours in which the rules are stricter, as [[peak]] tables; `peak = []` for none"),
            ("freeze", "days on which nothing may change, as [[freeze]] tables; `freeze = []` for none"),
        ] {
            if !root.has(key) {
                root.missing(key, hint);
            }
        }
        let peak = read_windows(root, "peak", environments);
        let maintenance = read_windows(root, "maintenance", environments);
        let sections = root.sections("freeze");
        let expected = sections.len();
        let (zone, zone_name) = zone?;
        let freeze: Vec<_> =
            sections.iter().filter_map(|section| read_freeze(section, &zone, environments)).collect();
        for windows in [peak.len(), maintenance.len(), freeze.len()] {
            if windows > MAX_WINDOWS {
                root.wrong("peak", format!("{windows} windows of one sort; at most {MAX_WINDOWS}"), None);
            }
        }
        (freeze.len() == expected).then_some(Self { zone, zone_name, peak, maintenance, freeze })
    }

    pub(crate) fn facts(&self, now: Timestamp, environment: &Environment) -> TimeFacts {
        let Some(local) = self.local(now) else {
            return TimeFacts::closed("the calendar cannot be evaluated at this time");
        };
        let mut facts = self.facts_at(now, &local, environment);
        if facts.peak || facts.frozen {
            facts.next_open = self.next_open(now, environment);
        }
        facts
    }

    /// Every pair of peak and freeze that the windows can make of some hour in `environment`, the open one first.
    pub(crate) fn hours(&self, environment: &Environment) -> Vec<TimeFacts> {
        let values = |may_be: bool| if may_be { &[false, true][..] } else { &[false] };
        let peak = values(self.peak.iter().any(|window| window.applies(environment)));
        let frozen = values(self.freeze.iter().any(|window| applies(&window.environments, environment)));
        let pairs = frozen.iter().flat_map(|frozen| peak.iter().map(move |peak| (*peak, *frozen)));
        pairs.map(|(peak, frozen)| TimeFacts { peak, frozen, why: String::new(), next_open: None }).collect()
    }

    /// The first moment from `from` on of which `like` is true, as far as is looked for an opening.
    pub(crate) fn next_like(
        &self,
        from: Timestamp,
        environment: &Environment,
        like: &dyn Fn(&TimeFacts) -> bool,
    ) -> Option<Timestamp> {
        let mut at = from;
        for _ in 0..SIGHT {
            if like(&self.facts_at(at, &self.local(at)?, environment)) {
                return Some(at);
            }
            let freezes = self.freeze.iter().flat_map(|freeze| [freeze.start, freeze.end]);
            at = freezes.filter(|edge| *edge > at).chain(self.next_boundary(at)).min()?;
        }
        None
    }

    /// Every moment from `from` on at which something may begin or end, ascending: of windows until `until`, of freezes all.
    pub(crate) fn boundaries(&self, from: Timestamp, until: Timestamp) -> Vec<Timestamp> {
        let freezes = self.freeze.iter().flat_map(|freeze| [freeze.start, freeze.end]);
        let mut found: Vec<_> = freezes.filter(|at| *at >= from).collect();
        let mut at = from;
        while let Some(next) = self.next_boundary(at).filter(|next| *next < until) {
            found.push(next);
            at = next;
        }
        found.sort_unstable();
        found
    }

    fn facts_at(&self, now: Timestamp, local: &Zoned, environment: &Environment) -> TimeFacts {
        let within = |windows: &[Window]| {
            windows.iter().find(|window| window.applies(environment) && window.contains(local)).cloned()
        };
        let peak = within(&self.peak).filter(|_| within(&self.maintenance).is_none());
        let frozen = self.frozen_by(now, environment);
        let why: Vec<_> = frozen
            .iter()
            .map(|freeze| format!("frozen until {}: {}", short(freeze.end), freeze.reason))
            .chain(peak.iter().map(|window| format!("peak hours, {window} {}", self.zone_name)))
            .collect();
        TimeFacts { peak: peak.is_some(), frozen: frozen.is_some(), why: why.join("; "), next_open: None }
    }

    fn frozen_by(&self, now: Timestamp, environment: &Environment) -> Option<&Freeze> {
        self.freeze
            .iter()
            .filter(|freeze| {
                freeze.start <= now && now < freeze.end && applies(&freeze.environments, environment)
            })
            .max_by_key(|freeze| freeze.end)
    }

    /// Walks from boundary to boundary until neither peak nor freeze holds.
    fn next_open(&self, now: Timestamp, environment: &Environment) -> Option<Timestamp> {
        let mut at = now;
        for _ in 0..SIGHT {
            at = match self.frozen_by(at, environment) {
                Some(freeze) => freeze.end,
                None => self.next_boundary(at)?,
            };
            let facts = self.facts_at(at, &self.local(at)?, environment);
            if !facts.peak && !facts.frozen {
                return Some(at);
            }
        }
        None
    }

    fn next_boundary(&self, after: Timestamp) -> Option<Timestamp> {
        let today = self.local(after)?.date();
        let days =
            [today.yesterday(), Ok(today), today.tomorrow(), today.tomorrow().and_then(Date::tomorrow)];
        let edges = |day: Date| {
            let windows = self.peak.iter().chain(&self.maintenance);
            windows.flat_map(move |window| window.edges(day)).chain(Minute::MIDNIGHT.on(day))
        };
        days.into_iter()
            .flatten()
            .flat_map(edges)
            .filter_map(|moment| moment.to_zoned(self.zone.clone()).ok())
            .map(|moment| Timestamp::from_millis(moment.timestamp().as_millisecond()))
            .filter(|moment| *moment > after)
            .min()
    }

    fn local(&self, now: Timestamp) -> Option<Zoned> {
        let now = jiff::Timestamp::from_millisecond(now.millis()).ok()?;
        Some(now.to_zoned(self.zone.clone()))
    }
}

/// To the minute, for people.
pub(crate) fn short(time: Timestamp) -> String {
    let text = time.to_string();
    text.get(..16).map_or_else(|| text.clone(), |minute| format!("{} UTC", minute.replace('T', " ")))
}

/// A window that names no environments is for production.
fn applies(named: &[EnvironmentName], environment: &Environment) -> bool {
    if named.is_empty() {
        environment.production || environment.name.is_production()
    } else {
        named.contains(&environment.name)
    }
}

fn read_zone(root: &Section<'_>) -> Option<(TimeZone, String)> {
    let name: String = root.parsed("timezone")?;
    // The database compiled in, so that no file of the machine changes a verdict.
    match TimeZoneDatabase::bundled().get(&name) {
        Ok(zone) => Some((zone, name)),
        Err(_) => {
            let known: Vec<String> =
                TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
            let hint = crate::problem::did_you_mean(&name, known.iter().map(String::as_str))
                .unwrap_or_else(|| "an IANA name such as \"Europe/Berlin\" or \"UTC\"".to_owned());
            root.wrong("timezone", format!("`{name}` is no time zone"), Some(hint));
            None
        }
    }
}

fn read_windows(root: &Section<'_>, key: &'static str, environments: &[EnvironmentName]) -> Vec<Window> {
    root.sections(key).iter().filter_map(|section| Window::read(section, environments)).collect()
}

fn read_freeze(section: &Section<'_>, zone: &TimeZone, known: &[EnvironmentName]) -> Option<Freeze> {
    let (from, to) = (section.parsed::<Moment>("from"), section.parsed::<Moment>("to"));
    let reason = section.parsed::<String>("reason");
    let environments = read_environments(section, known);
    section.finish();
    for (key, there) in [("from", from.is_some()), ("to", to.is_some())] {
        if !there && !section.has(key) {
            section.missing(key, "a date, for example 2026-12-18");
        }
    }
    let Some(reason) = reason else {
        section.missing("reason", "a sentence that agents and people are shown");
        return None;
    };
    let (from, to) = (from?, to?);
    let (start, end) = (from.start(zone)?, to.end(zone)?);
    if end <= start {
        section.wrong(
            "to",
            "the freeze ends before it starts".to_owned(),
            Some("`to` is the last day of it".into()),
        );
        return None;
    }
    Some(Freeze { start, end, reason, environments })
}

fn read_environments(section: &Section<'_>, known: &[EnvironmentName]) -> Vec<EnvironmentName> {
    let named = section.list::<EnvironmentName>("environments");
    for name in &named {
        if !name.is_production() && !known.contains(name) {
            let hint = crate::problem::did_you_mean(name.as_str(), known.iter().map(EnvironmentName::as_str));
            section.wrong("environments", format!("no environment is called `{name}`"), hint);
        }
    }
    named
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;
    use crate::{problem::Problems, reader::read_toml};

    const BERLIN: &str = r#"
timezone = "Europe/Berlin"
[[peak]]
days = ["mon-fri"]
from = "08:00"
to = "20:00"
[[peak]]
days = ["sat"]
from = "22:00"
to = "02:00"
[[maintenance]]
days = ["wed"]
from = "12:00"
to = "13:00"
[[freeze]]
from = 2026-12-18
to = 2027-01-03
reason = "year's end"
[[freeze]]
from = 2026-11-25T10:00
to = 2026-11-25T11:00
reason = "stocktaking"
environments = ["staging"]
"#;

    fn calendar(text: &str) -> Calendar {
        let problems = Problems::default();
        let staging = "staging".parse().unwrap();
        let calendar = read_toml("calendar.toml", text, &problems, |root| Calendar::read(root, &[staging]));
        problems.into_result().unwrap();
        calendar.unwrap()
    }

    fn check(at: &str, environment: &str, expected: Expect) {
        let environment =
            Environment { name: environment.parse().unwrap(), production: environment != "staging" };
        let facts = calendar(BERLIN).facts(at.parse().unwrap(), &environment);
        let next = facts.next_open.map(|time| format!(" → {}", short(time))).unwrap_or_default();
        let told = format!("peak {} frozen {} {}{next}", facts.peak, facts.frozen, facts.why);
        expected.assert_eq(&told);
    }

    #[test]
    fn the_next_hour_of_a_kind_is_found() {
        let next = |at: &str, peak: bool, frozen: bool, environment: &str| {
            let environment =
                Environment { name: environment.parse().unwrap(), production: environment != "staging" };
            let like = |facts: &TimeFacts| facts.peak == peak && facts.frozen == frozen;
            let found = calendar(BERLIN).next_like(at.parse().unwrap(), &environment, &like);
            found.map_or_else(|| "never".to_owned(), short)
        };
        let noon = "2026-11-24T12:00:00Z";
        assert_eq!(next(noon, true, false, "production"), "2026-11-24 12:00 UTC", "it is now");
        assert_eq!(next(noon, false, false, "production"), "2026-11-24 19:00 UTC");
        assert_eq!(next(noon, true, true, "production"), "2026-12-18 07:00 UTC", "a peak in the freeze");
        assert_eq!(next(noon, false, true, "staging"), "2026-11-25 09:00 UTC");
        assert_eq!(next(noon, true, false, "staging"), "never");
    }

    #[test]
    fn hours_are_of_the_calendars_own_zone() {
        // Winter: one hour ahead of UTC. The day before the clocks change, two.
        check("2026-11-24T06:59:59Z", "production", expect!["peak false frozen false "]);
        check(
            "2026-11-24T07:00:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, mon–fri 08:00–20:00 Europe/Berlin → 2026-11-24 19:00 UTC"
            ],
        );
        check(
            "2026-11-24T18:59:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, mon–fri 08:00–20:00 Europe/Berlin → 2026-11-24 19:00 UTC"
            ],
        );
        check("2026-11-24T19:00:00Z", "production", expect!["peak false frozen false "]);
        check(
            "2026-10-23T06:00:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, mon–fri 08:00–20:00 Europe/Berlin → 2026-10-23 18:00 UTC"
            ],
        );
        check("2026-10-23T18:00:00Z", "production", expect!["peak false frozen false "]);
        // Over midnight, from Saturday into Sunday; through the night in which the clocks go back.
        check(
            "2026-11-21T22:00:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, sat 22:00–02:00 Europe/Berlin → 2026-11-22 01:00 UTC"
            ],
        );
        check(
            "2026-11-22T00:59:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, sat 22:00–02:00 Europe/Berlin → 2026-11-22 01:00 UTC"
            ],
        );
        check("2026-11-22T01:00:00Z", "production", expect!["peak false frozen false "]);
        check(
            "2026-10-24T23:30:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, sat 22:00–02:00 Europe/Berlin → 2026-10-25 00:00 UTC"
            ],
        );
        // Maintenance lifts a peak, never a freeze.
        check("2026-11-25T11:30:00Z", "production", expect!["peak false frozen false "]);
        check(
            "2026-11-25T10:30:00Z",
            "production",
            expect![
                "peak true frozen false peak hours, mon–fri 08:00–20:00 Europe/Berlin → 2026-11-25 11:00 UTC"
            ],
        );
        check(
            "2026-12-23T11:30:00Z",
            "production",
            expect![
                "peak false frozen true frozen until 2027-01-03 23:00 UTC: year's end → 2027-01-03 23:00 UTC"
            ],
        );
        // The whole of the last day belongs to a freeze.
        check(
            "2027-01-03T22:59:00Z",
            "production",
            expect![
                "peak false frozen true frozen until 2027-01-03 23:00 UTC: year's end → 2027-01-03 23:00 UTC"
            ],
        );
        check("2027-01-03T23:00:00Z", "production", expect!["peak false frozen false "]);
        // A window is for production unless it says for what.
        check("2026-11-24T12:00:00Z", "staging", expect!["peak false frozen false "]);
        check(
            "2026-11-25T09:30:00Z",
            "staging",
            expect![
                "peak false frozen true frozen until 2026-11-25 10:00 UTC: stocktaking → 2026-11-25 10:00 UTC"
            ],
        );
        check(
            "2026-11-25T09:30:00Z",
            "shop-eu",
            expect![
                "peak true frozen false peak hours, mon–fri 08:00–20:00 Europe/Berlin → 2026-11-25 11:00 UTC"
            ],
        );
    }

    /// The first Sunday of a month from two in the morning, in whose night the clocks go back or not.
    #[test]
    fn a_window_may_begin_when_cron_says() {
        let text = "timezone = \"Europe/Berlin\"\nfreeze = []\n\
            [[peak]]\ndays = [\"mon-sun\"]\nfrom = \"00:00\"\nto = \"24:00\"\n\
            [[maintenance]]\ncron = \"30 22 * * sun#1\"\nminutes = 240\n";
        let calendar = calendar(text);
        let peak = |at: &str| {
            let facts = calendar.facts(at.parse().unwrap(), &Environment::unknown());
            (facts.peak, facts.next_open.map(short).unwrap_or_default())
        };
        let first = |at: &str| (true, format!("2026-{at} UTC"));
        let open = (false, String::new());
        assert_eq!(peak("2026-11-28T12:00:00Z"), first("12-06 21:30"));
        assert_eq!(peak("2026-12-06T21:29:59Z"), first("12-06 21:30"));
        assert_eq!(peak("2026-12-06T21:30:00Z"), open);
        // Over midnight, and to the minute.
        assert_eq!(peak("2026-12-07T01:29:59Z"), open);
        assert!(peak("2026-12-07T01:30:00Z").0);
        assert!(peak("2026-12-13T21:30:00Z").0, "it is the second Sunday");
    }

    #[test]
    fn what_is_told_of_a_window_by_cron() {
        let text = "timezone = \"UTC\"\nfreeze = []\n[[peak]]\ncron = \"0 9 24 12 *\"\nminutes = 600\n";
        let facts = calendar(text).facts("2026-12-24T10:00:00Z".parse().unwrap(), &Environment::unknown());
        expect!["peak hours, 600 minutes from cron 0 9 24 12 * UTC"].assert_eq(&facts.why);
    }

    #[test]
    fn a_calendar_that_never_opens_says_so() {
        let text = "timezone = \"UTC\"\nfreeze = []\n[[peak]]\ndays = [\"mon-sun\"]\nfrom = \"00:00\"\nto = \"24:00\"\n";
        let facts = calendar(text).facts(Timestamp::from_seconds(1_800_000_000), &Environment::unknown());
        assert!(facts.peak && facts.next_open.is_none());
    }

    #[test]
    fn what_no_window_makes_is_no_hour() {
        let hours = |text: &str, name: &str| {
            let environment = Environment { name: name.parse().unwrap(), production: name != "staging" };
            let pair = |facts: TimeFacts| (facts.peak, facts.frozen);
            calendar(text).hours(&environment).into_iter().map(pair).collect::<Vec<_>>()
        };
        let empty = "timezone = \"UTC\"\npeak = []\nfreeze = []\n";
        assert_eq!(hours(empty, "production"), [(false, false)]);
        let all = [(false, false), (true, false), (false, true), (true, true)];
        assert_eq!(hours(BERLIN, "production"), all);
        assert_eq!(hours(BERLIN, "staging"), [(false, false), (false, true)]);
    }

    #[test]
    fn a_time_beyond_all_calendars_is_shut() {
        let facts = calendar(BERLIN).facts(Timestamp::from_millis(i64::MAX), &Environment::unknown());
        assert!(facts.peak && facts.frozen);
    }
}
