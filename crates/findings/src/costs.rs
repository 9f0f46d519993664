//! Where the money goes, from the same prices and the same snapshot: by service, by a tag, by finding. A month of what is there now; requests
//! and traffic are not in it, and what has no price is counted apart, never as nothing.

use std::collections::BTreeMap;

use model::sanitize;
use serde::Serialize;
use snapshot::Snapshot;

use crate::{
    Micros, Prices, Report, Saving,
    price_of::{self, Bound, Cost},
    prices::Shared,
    tags,
};

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    Service,
    Tag(String),
    Finding,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Costs {
    pub schema: &'static str,
    pub by: String,
    pub currency: Shared,
    pub source: Shared,
    pub as_of: Shared,
    /// Of all lines; what is paid, or by finding what could be saved.
    pub micros: Micros,
    /// Dearest first.
    pub lines: Vec<Line>,
    /// Why some have no price, and how many.
    pub not_known: BTreeMap<String, usize>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Line {
    pub name: String,
    pub micros: Micros,
    /// How many resources have a price.
    pub priced: usize,
    /// How many have one that is not known.
    pub not_known: usize,
    /// Some of it is an upper bound.
    pub at_most: bool,
    /// Some of its prices are not held against the price list.
    pub approximate: bool,
}

impl Line {
    /// What its amount rests on, as `3 priced, 1 not known`.
    pub fn rests_on(&self) -> String {
        let mut told = format!("{} priced", self.priced);
        if self.not_known > 0 {
            told.push_str(&format!(", {} not known", self.not_known));
        }
        if self.at_most {
            told.push_str(", at most so much");
        }
        if self.approximate {
            told.push_str(", approximate");
        }
        told
    }
}

const SCHEMA: &str = "countersign.costs/v1";
/// Of resources that do not have the tag.
const UNTAGGED: &str = "(no tag)";
/// Of those whose tags were not read.
const UNREAD: &str = "(tags not known)";

/// `report` is of the same snapshot; only [`By::Finding`] reads it.
pub fn costs(snapshot: &Snapshot<'_>, prices: &Prices, by: &By, report: &Report) -> Costs {
    let mut lines: BTreeMap<String, Line> = BTreeMap::new();
    let mut not_known: BTreeMap<String, usize> = BTreeMap::new();
    let mut add = |name: &str, cost: Cost| match cost {
        Cost::None => {}
        Cost::Known(amount) => {
            let line = lines.entry(name.to_owned()).or_default();
            line.micros = line.micros + amount.micros;
            line.priced += 1;
            line.at_most |= amount.bound == Bound::AtMost;
            line.approximate |= amount.approximate;
        }
        Cost::NotKnown(why) => {
            lines.entry(name.to_owned()).or_default().not_known += 1;
            *not_known.entry(why).or_default() += 1;
        }
    };
    match by {
        By::Service | By::Tag(_) => {
            for resource in snapshot.resources() {
                let name = match by {
                    By::Tag(key) => match (resource.tag(key), tags::known(snapshot, resource)) {
                        (Some(value), _) => sanitize(value, 256),
                        (None, Ok(())) => UNTAGGED.to_owned(),
                        (None, Err(_)) => UNREAD.to_owned(),
                    },
                    By::Service | By::Finding => resource.service().to_owned(),
                };
                add(&name, price_of::cost(snapshot, resource, prices));
            }
        }
        By::Finding => {
            for finding in &report.findings {
                match &finding.saving {
                    Some(Saving::Known(amount)) => add(finding.analyzer, Cost::Known(amount.clone())),
                    Some(Saving::NotKnown(why)) => add(finding.analyzer, Cost::NotKnown(why.clone())),
                    None => {}
                }
            }
        }
    }
    let mut lines: Vec<Line> = lines.into_iter().map(|(name, line)| Line { name, ..line }).collect();
    lines.sort_by(|a, b| b.micros.cmp(&a.micros).then_with(|| a.name.cmp(&b.name)));
    Costs {
        schema: SCHEMA,
        by: match by {
            By::Service => "service".to_owned(),
            By::Tag(key) => format!("tag:{}", sanitize(key, 128)),
            By::Finding => "finding".to_owned(),
        },
        currency: prices.currency.clone(),
        source: prices.source.clone(),
        as_of: prices.as_of.clone(),
        micros: lines.iter().map(|line| line.micros).sum(),
        lines,
        not_known,
    }
}
