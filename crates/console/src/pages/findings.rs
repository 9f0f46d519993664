//! What is faulty or wasteful, by the newest snapshot: what was seen, how sure that is, what it is worth, what a remedy would do; and
//! what is not claimed, and not known. Nothing is carried out from here; where the planner has a plan, a link leads to it.

use askama::Template;
use findings::{Class, Finding};
use model::Timestamp;

use super::Frame;
use crate::{
    estate::{Analysed, Seen},
    text::{Shown, encoded},
    when::ago,
};

#[derive(Debug, Template)]
#[template(path = "findings.html")]
pub(crate) struct FindingsPage {
    pub(crate) frame: Frame,
    of: Of,
    shown: Option<List>,
}

/// Of which snapshot a page is; or why of none.
#[derive(Debug)]
pub(crate) struct Of {
    pub(crate) snapshot: Option<Shown>,
    pub(crate) none: Option<Shown>,
    /// It is old, and nothing is proposed by it.
    pub(crate) stale: Option<Shown>,
}

#[derive(Debug)]
struct List {
    faults: usize,
    waste: usize,
    saving: String,
    found: Vec<Found>,
    more: usize,
    spared: Vec<(Shown, Shown, Shown)>,
    more_spared: usize,
    not_known: Vec<(Shown, Shown, Shown)>,
    more_not_known: usize,
}

#[derive(Debug)]
struct Found {
    /// The first of its analyzer.
    anchor: Option<&'static str>,
    title: Shown,
    is_fault: bool,
    name: Shown,
    place: Shown,
    worth: Option<Shown>,
    level: &'static str,
    why: Vec<Shown>,
    facts: Vec<(Shown, Shown)>,
    remedy: Shown,
    steps: Vec<Shown>,
    grace: Option<Shown>,
    /// Where the plan for it is, if the planner has one.
    plan: Option<String>,
    in_the_end: Option<Shown>,
    danger: Option<Shown>,
    traps: Vec<Shown>,
}

impl Of {
    pub(crate) fn seen(seen: &Seen, now: Timestamp) -> Self {
        let nothing = Self { snapshot: None, none: None, stale: None };
        match seen {
            Seen::Nothing { folder } => {
                let told = format!(
                    "There is no snapshot in {folder}: countersign scan --snapshot FILE makes one there."
                );
                Self { none: Some(Shown::of(told)), ..nothing }
            }
            Seen::Unreadable { file, why } => {
                Self { none: Some(Shown::of(format!("{file} cannot be read: {why}"))), ..nothing }
            }
            Seen::Read(analysed) => {
                let until = analysed.report.taken.until;
                let stale = findings::stale(until, now, analysed.stale_days).map(|days| {
                    format!("This snapshot is {days} days old: nothing is proposed by it. Take it anew.")
                });
                let snapshot = format!(
                    "Account {}, as {} showed it {} ({until})",
                    analysed.report.account,
                    analysed.file,
                    ago(until, now)
                );
                Self { snapshot: Some(Shown::of(snapshot)), stale: stale.map(Shown::of), ..nothing }
            }
        }
    }
}

impl FindingsPage {
    pub(crate) fn of(frame: Frame, seen: &Seen, now: Timestamp) -> Self {
        let of = Of::seen(seen, now);
        let shown = match seen {
            Seen::Nothing { .. } | Seen::Unreadable { .. } => None,
            Seen::Read(analysed) => Some(List::of(analysed)),
        };
        Self { frame, of, shown }
    }
}

impl List {
    fn of(analysed: &Analysed) -> Self {
        let report = &analysed.report;
        let mut seen = std::collections::BTreeSet::new();
        let found = report.findings.iter().zip(&analysed.planned).map(|(it, planned)| {
            let anchor = seen.insert(it.analyzer).then_some(it.analyzer);
            let plan = planned.then(|| format!("/plan?finding={}", encoded(&it.id)));
            Found { plan, ..Found::of(it, anchor, &report.currency.to_string()) }
        });
        let found: Vec<_> = found.collect();
        let spared = report
            .spared
            .iter()
            .map(|it| (Shown::of(it.analyzer), Shown::of(&it.resource), Shown::of(&it.why)));
        let not_known = report
            .unjudged
            .iter()
            .map(|it| (Shown::of(it.analyzer), Shown::of(&it.region), Shown::of(it.told())));
        Self {
            faults: analysed.faults,
            waste: analysed.findings.saturating_sub(analysed.faults),
            saving: format!("{} {}", report.saving, report.currency),
            more: analysed.findings.saturating_sub(found.len()),
            found,
            more_spared: analysed.spared.saturating_sub(report.spared.len()),
            spared: spared.collect(),
            more_not_known: analysed.unjudged.saturating_sub(report.unjudged.len()),
            not_known: not_known.collect(),
        }
    }
}

impl Found {
    fn of(it: &Finding, anchor: Option<&'static str>, currency: &str) -> Self {
        Self {
            anchor,
            title: Shown::of(&it.title),
            is_fault: it.class == Class::Fault,
            name: Shown::of(&it.resource.name),
            place: Shown::of(format!("{} in {}", it.resource.kind, it.resource.region)),
            worth: it.saving.as_ref().map(|saving| Shown::of(saving.told(currency))),
            level: it.confidence.level.name(),
            why: crate::text::all(&it.confidence.why),
            facts: it.facts.iter().map(|it| (Shown::of(&it.text), Shown::of(it.reads.join(" ")))).collect(),
            remedy: Shown::of(capital(&it.remedy.told())),
            steps: crate::text::all(it.remedy.steps().iter().map(|step| step.told(step.undo_word()))),
            grace: it.grace.as_ref().map(|grace| Shown::of(grace.told())),
            plan: None,
            in_the_end: it.in_the_end().map(Shown::of),
            danger: it.danger.destroys().then(|| Shown::of("cannot be undone")),
            traps: crate::text::all(&it.traps),
        }
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}
