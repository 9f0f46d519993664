//! How it stands with the installation itself, in words: what must be there for anything to pass, how far the record is, what
//! asking people costs. The numbers that machines read are the same (`api::health`).

use api::health::{Disk, Report};
use askama::Template;
use engine::{Friction, Part, Seen, Spread, Vitals};

use super::Frame;
use crate::{
    text::Shown,
    when::{ago, span},
};

#[derive(Debug, Template)]
#[template(path = "health.html")]
pub(crate) struct HealthPage {
    pub(crate) frame: Frame,
    ready: bool,
    since: String,
    parts: Vec<(&'static str, Option<Shown>)>,
    tables: Vec<Table>,
}

#[derive(Debug)]
struct Table {
    title: &'static str,
    rows: Vec<Row>,
}

/// A figure, what it is of, and why it matters where that is not plain.
#[derive(Debug)]
struct Row {
    name: Shown,
    value: String,
    why: &'static str,
    bad: bool,
}

impl Row {
    fn new(name: impl std::fmt::Display, value: String, why: &'static str) -> Self {
        Self { name: Shown::of(name), value, why, bad: false }
    }

    fn bad(self, bad: bool) -> Self {
        Self { bad, ..self }
    }
}

impl HealthPage {
    pub(crate) fn of(frame: Frame, report: &Report) -> Self {
        let Report { parts, vitals, friction, disks } = report;
        let tables = [
            ("The record", record(vitals, disks)),
            ("Witnesses", vitals.witnesses.iter().map(witness).collect()),
            ("Work", work(vitals)),
            ("What asking people costs", friction.as_ref().map(cost).unwrap_or_default()),
        ];
        let tables = tables.into_iter().map(|(title, rows)| Table { title, rows });
        Self {
            frame,
            ready: parts.iter().all(|part| part.missing.is_none()),
            since: ago(vitals.began, vitals.now),
            parts: parts.iter().map(part).collect(),
            tables: tables.filter(|table| !table.rows.is_empty()).collect(),
        }
    }
}

fn part(part: &Part) -> (&'static str, Option<Shown>) {
    let missing = part.missing.as_ref().map(|missing| match missing.detail.as_str() {
        "" => Shown::of(missing.why),
        detail => Shown::of(format!("{}: {detail}", missing.why)),
    });
    (part.name, missing)
}

/// Longer than this an entry waits only where something is wrong: the writer looks twice a second.
const LATE_S: f64 = 10.0;
/// Less than this of a disk, and it is time.
const SCARCE: u64 = 10;

fn record(vitals: &Vitals, disks: &[Disk]) -> Vec<Row> {
    let mut rows = vec![Row::new("Signed", format!("{} entries", vitals.log), "under the newest checkpoint")];
    match &vitals.stored {
        None => rows.push(Row::new("Store", "cannot be read".to_owned(), "nothing passes").bad(true)),
        Some(stored) if stored.pending == 0 => {
            rows.push(Row::new("Waiting to be signed", "nothing".to_owned(), ""));
        }
        Some(stored) => rows.push(
            Row::new(
                "Waiting to be signed",
                format!("{} entries, the oldest for {}", stored.pending, said(stored.pending_s)),
                "recorded already, and lost by nothing that the database survives",
            )
            .bad(stored.pending_s > LATE_S),
        ),
    }
    for disk in disks {
        let percent = disk.free.saturating_mul(100).checked_div(disk.size).unwrap_or(0);
        let value = format!("{} free, {percent} %", bytes(disk.free));
        let row = Row::new(format!("Disk of the {}", disk.of), value, "on a full disk nothing passes");
        rows.push(row.bad(percent < SCARCE));
    }
    rows
}

fn witness(seen: &Seen) -> Row {
    let value = match (seen.away, seen.behind) {
        (true, behind) => format!("does not answer; {behind} entries behind"),
        (false, 0) => "has cosigned everything".to_owned(),
        (false, behind) => format!("{behind} entries behind"),
    };
    Row::new(&seen.name, value, "").bad(seen.away)
}

fn work(vitals: &Vitals) -> Vec<Row> {
    let counted = &vitals.counted;
    let of = |name: &str| {
        counted.decisions.iter().filter(|(it, _)| *it == name).map(|(_, count)| count).sum::<u64>()
    };
    let decided = format!("{} allowed, {} held, {} denied", of("allow"), of("hold"), of("deny"));
    let signed = counted.signed.iter().map(|(act, counts, _)| format!("{counts} to {act}"));
    let mut rows = vec![
        Row::new("Live sessions", vitals.live_sessions.to_string(), "each is one agent with credentials"),
        Row::new("Decisions", decided, "since it began to serve"),
        Row::new("Refused for a fault", of("fault").to_string(), "something was missing: CS101 to CS110")
            .bad(of("fault") > 0),
        Row::new("Signatures that counted", signed.collect::<Vec<_>>().join(", "), "since it began to serve"),
        Row::new(
            "Requests that nobody signed",
            counted.strangers.to_string(),
            "a wrong clock, an ended session, or somebody trying keys",
        ),
    ];
    if let Some(stored) = &vitals.stored {
        let waiting = format!("{} for people, {} for their agent", stored.held, stored.approved);
        rows.insert(1, Row::new("Changes that wait", waiting, ""));
    }
    for (name, spread) in [("Deciding takes", &counted.own), ("Looking at a target takes", &counted.upstream)]
    {
        rows.extend(half(spread).map(|half| Row::new(name, half, "for half of them; the rest take longer")));
    }
    rows
}

/// The bound within which half of them fell.
fn half(spread: &Spread) -> Option<String> {
    let half = spread.count.div_ceil(2);
    let bound = spread.within.iter().find(|(_, count)| *count >= half).map(|(bound, _)| *bound);
    (spread.count > 0).then(|| match bound {
        Some(bound) if bound < 1.0 => format!("at most {} ms", bound * 1000.0),
        Some(bound) => format!("at most {bound} s"),
        None => "longer than 10 s".to_owned(),
    })
}

fn cost(friction: &Friction) -> Vec<Row> {
    let none = || "nothing to measure".to_owned();
    let rate = friction.prompts_per_agent_hour().map_or_else(none, |rate| format!("{rate:.1}"));
    let median = friction.median_decision_s.map_or_else(none, said);
    let share = friction.expired_share.map_or_else(none, |share| format!("{:.0} %", share * 100.0));
    vec![
        Row::new("Changes held for people", friction.prompts.to_string(), "in the last 24 hours"),
        Row::new("Per agent and hour", rate, "people who are asked too often approve anything"),
        Row::new(
            "Until people decided",
            median,
            "for half of them; from asking to the last signature it took",
        ),
        Row::new("Expired unanswered", share, "of those that are over; nothing is ever approved by silence"),
    ]
}

#[expect(clippy::cast_possible_truncation, reason = "whole seconds are what people read")]
fn said(seconds: f64) -> String {
    span(seconds.round() as i64)
}

fn bytes(count: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("TB", 1_000_000_000_000), ("GB", 1_000_000_000), ("MB", 1_000_000)];
    let unit = UNITS.iter().find(|(_, size)| count >= *size);
    unit.map_or_else(
        || format!("{count} bytes"),
        |(unit, size)| format!("{}.{} {unit}", count / size, count % size * 10 / size),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_said_as_people_read_them() {
        assert_eq!(bytes(999), "999 bytes");
        assert_eq!(bytes(2_450_000_000), "2.4 GB");
        let spread = |within: &[(f64, u64)], count| Spread { within: within.to_vec(), count, sum_s: 0.0 };
        assert_eq!(half(&spread(&[(0.001, 0)], 0)), None);
        assert_eq!(half(&spread(&[(0.001, 1), (0.25, 3)], 3)).as_deref(), Some("at most 250 ms"));
        assert_eq!(half(&spread(&[(5.0, 2)], 3)).as_deref(), Some("at most 5 s"));
        assert_eq!(half(&spread(&[(0.001, 0)], 3)).as_deref(), Some("longer than 10 s"));
        let nothing = cost(&Friction::default());
        assert_eq!(nothing.iter().filter(|row| row.value == "nothing to measure").count(), 3);
    }
}
