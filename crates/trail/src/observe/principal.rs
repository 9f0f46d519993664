//! One principal: verdicts, the rules behind them with examples, the busiest day, and what it was seen to use.

use std::collections::{BTreeMap, BTreeSet};

use model::{
    ActionParts, Effect, EffectSet, Exposure, Operation, Resource, RuleRef, Timestamp, Verdict, sanitize,
};
use serde::Serialize;

use crate::Event;

const MAX_EXAMPLES: usize = 3;
const MAX_NAMES: usize = 20;
/// Days of a trail; a record may say any time.
const MAX_DAYS: usize = 4_000;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    pub allowed: usize,
    pub held: usize,
    pub denied: usize,
}

impl Counts {
    pub(super) fn add(&mut self, verdict: &Verdict) {
        match verdict {
            Verdict::Allow => self.allowed += 1,
            Verdict::Hold(_) => self.held += 1,
            Verdict::Deny(_) => self.denied += 1,
        }
    }
}

#[derive(Clone, Debug, Serialize)]
pub struct Principal {
    /// The ARN of the role, user or root behind the calls.
    pub principal: String,
    /// What the proposed grant calls it.
    pub agent: String,
    pub verdicts: Counts,
    pub failed: Counts,
    pub peak_day: Option<PeakDay>,
    /// The most frequent first.
    pub rules: Vec<RuleCount>,
}

/// The day with the most holds: what people would have had to look at.
#[derive(Clone, Debug, Serialize)]
pub struct PeakDay {
    /// `2026-03-01`, UTC.
    pub day: String,
    pub held: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct RuleCount {
    /// `hold` or `deny`.
    pub verdict: &'static str,
    /// Of the rule; or a code where nothing could be judged.
    pub id: String,
    pub reason: String,
    pub count: usize,
    pub examples: Vec<Example>,
}

#[derive(Clone, Debug, Serialize)]
pub struct Example {
    pub at: Timestamp,
    pub operation: String,
    pub account: String,
    pub region: String,
    pub resource: String,
}

impl Example {
    pub(super) fn of(event: &Event, operation: &Operation, resources: &[Resource]) -> Self {
        let more = match resources.len() {
            0 | 1 => String::new(),
            many => format!(" and {} more", many - 1),
        };
        let first = resources.first().map_or_else(|| "?".to_owned(), |it| sanitize(&it.name, 200));
        Self {
            at: event.at,
            operation: sanitize(&operation.to_string(), 200),
            account: sanitize(&event.account, 64),
            region: sanitize(&event.region, 64),
            resource: format!("{first}{more}"),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) failed: Counts,
    pub(super) uses: Uses,
    verdicts: Counts,
    held_on: BTreeMap<String, usize>,
    rules: BTreeMap<(&'static str, String), RuleCount>,
}

impl Tally {
    pub(super) fn add(&mut self, at: Timestamp, verdict: &Verdict, example: Example) {
        self.verdicts.add(verdict);
        let (rules, fault): (&[RuleRef], _) = match verdict {
            Verdict::Allow => return,
            Verdict::Hold(hold) => {
                let day: String = at.to_string().chars().take(10).collect();
                if self.held_on.len() < MAX_DAYS || self.held_on.contains_key(&day) {
                    *self.held_on.entry(day).or_default() += 1;
                }
                (&hold.rules, None)
            }
            Verdict::Deny(denial) => (&denial.rules, denial.fault.as_ref()),
        };
        // One missing grant is missing for each effect; it is one reason.
        let mut told = BTreeSet::new();
        for rule in rules.iter().filter(|rule| told.insert(&rule.id)) {
            self.rule(verdict.name(), rule.id.as_str(), &rule.reason, &example);
        }
        if let Some(fault) = fault {
            let text = fault.to_string();
            let what = text.split_once(':').map_or(text.as_str(), |(what, _)| what);
            self.rule(verdict.name(), fault.code(), what, &example);
        }
    }

    fn rule(&mut self, verdict: &'static str, id: &str, reason: &str, example: &Example) {
        let counted = self.rules.entry((verdict, id.to_owned())).or_insert_with(|| RuleCount {
            verdict,
            id: id.to_owned(),
            reason: sanitize(reason, 400),
            count: 0,
            examples: Vec::new(),
        });
        counted.count += 1;
        if counted.examples.len() < MAX_EXAMPLES {
            counted.examples.push(example.clone());
        }
    }

    pub(super) fn into_principal(self, principal: String, agent: String) -> Principal {
        let peak = self.held_on.into_iter().max_by(|one, two| one.1.cmp(&two.1).then(two.0.cmp(&one.0)));
        let mut rules: Vec<RuleCount> = self.rules.into_values().collect();
        rules.sort_by_key(|it| std::cmp::Reverse(it.count));
        Principal {
            principal,
            agent,
            verdicts: self.verdicts,
            failed: self.failed,
            peak_day: peak.map(|(day, held)| PeakDay { day, held }),
            rules,
        }
    }
}

/// What was used, by effect and by what the answer shows: the services, and for credentials the names.
#[derive(Debug, Default)]
pub(super) struct Uses {
    pub(super) by: BTreeMap<(Effect, Shown), BTreeMap<String, BTreeSet<String>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shown {
    Nothing,
    Data,
    Credentials,
}

impl Uses {
    pub(super) fn add(&mut self, parts: &ActionParts, effects: EffectSet) {
        let shown = match parts.exposure {
            Exposure { credentials: true, data: _ } => Shown::Credentials,
            Exposure { credentials: false, data: true } => Shown::Data,
            Exposure { credentials: false, data: false } => Shown::Nothing,
        };
        for effect in effects.iter() {
            let services = self.by.entry((effect, shown)).or_default();
            let names = services.entry(parts.operation.service.clone()).or_default();
            if shown == Shown::Credentials {
                let own = parts.resources.iter().map(|it| it.name.clone());
                // One beyond the bound says that there were more.
                names.extend(own.take((MAX_NAMES + 1).saturating_sub(names.len())));
            }
        }
    }
}

pub(super) const fn too_many(names: usize) -> bool {
    names > MAX_NAMES
}
