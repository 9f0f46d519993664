//! Where the money goes, by the newest snapshot: by service, by a tag, by what could be saved.

use askama::Template;
use findings::{Costs, Line};
use model::Timestamp;

use super::{Frame, findings::Of};
use crate::{
    estate::{Analysed, Counted, Seen},
    text::{Shown, encoded},
};

#[derive(Debug, Template)]
#[template(path = "costs.html")]
pub(crate) struct CostsPage {
    pub(crate) frame: Frame,
    of: Of,
    shown: Option<Table>,
    /// That way is none of those that are kept.
    missing: Option<Shown>,
}

#[derive(Debug)]
struct Table {
    /// What else it can be counted by, and which it is.
    ways: Vec<(Shown, String, bool)>,
    total: String,
    what: &'static str,
    head: Shown,
    rows: Vec<Row>,
    more: usize,
    not_known: Vec<(usize, Shown)>,
    prices: Shown,
}

#[derive(Debug)]
struct Row {
    name: Shown,
    /// By finding: where its findings are.
    link: Option<String>,
    amount: String,
    /// Of the dearest line, in hundredths.
    share: i64,
    why: String,
    open: bool,
}

impl CostsPage {
    pub(crate) fn of(frame: Frame, seen: &Seen, by: &str, now: Timestamp) -> Self {
        let of = Of::seen(seen, now);
        let Seen::Read(analysed) = seen else { return Self { frame, of, shown: None, missing: None } };
        let found = analysed.costs.iter().find(|it| it.costs.by == by);
        Self {
            frame,
            of,
            missing: found.is_none().then(|| Shown::of(by)),
            shown: found.map(|counted| Table::of(counted, analysed)),
        }
    }
}

impl Table {
    fn of(Counted { costs, more }: &Counted, analysed: &Analysed) -> Self {
        let by_finding = costs.by == "finding";
        let dearest = costs.lines.iter().map(|it| it.micros.0).max().unwrap_or(0).max(1);
        let ways = analysed.costs.iter().map(|Counted { costs: it, .. }| {
            let words = it.by.strip_prefix("tag:").map_or_else(|| it.by.clone(), |key| format!("tag {key}"));
            (Shown::of(words), format!("/costs?by={}", encoded(&it.by)), it.by == costs.by)
        });
        let head = match costs.by.strip_prefix("tag:") {
            Some(key) => Shown::of(format!("Tag {key}")),
            None => Shown::of(if by_finding { "What was found" } else { "Service" }),
        };
        Self {
            ways: ways.collect(),
            total: format!("{} {}", costs.micros, costs.currency),
            what: if by_finding { "could be saved a month" } else { "a month" },
            head,
            rows: costs.lines.iter().map(|line| Row::of(line, costs, dearest)).collect(),
            more: *more,
            not_known: costs.not_known.iter().map(|(why, count)| (*count, Shown::of(why))).collect(),
            prices: Shown::of(format!("{} ({})", costs.source, costs.as_of)),
        }
    }
}

impl Row {
    fn of(line: &Line, costs: &Costs, dearest: i64) -> Self {
        Self {
            name: Shown::of(&line.name),
            link: (costs.by == "finding").then(|| format!("/findings#{}", line.name)),
            amount: format!("{} {}", line.micros, costs.currency),
            share: line.micros.0.max(0).saturating_mul(100).checked_div(dearest).unwrap_or(0),
            why: line.rests_on(),
            open: line.not_known > 0,
        }
    }
}
