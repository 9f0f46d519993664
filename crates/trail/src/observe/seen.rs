//! What was seen besides verdicts: accounts with where they lie, and operations that nothing knows.

use std::collections::{BTreeMap, BTreeSet};

use model::{Operation, sanitize};
use serde::Serialize;

use super::Place;
use crate::Event;

const MAX_ACCOUNTS: usize = 10_000;
const MAX_WORDS: usize = 50;
const MAX_UNKNOWN: usize = 1_000;

#[derive(Clone, Debug, Serialize)]
pub struct AccountSeen {
    pub account: String,
    /// The bundle's map names it; otherwise it is production because nobody said what it is.
    pub in_map: bool,
    pub environment: String,
    pub production: bool,
    pub events: usize,
    pub principals: usize,
    pub regions: BTreeSet<String>,
    pub services: BTreeSet<String>,
}

#[derive(Clone, Debug, Serialize)]
pub struct UnknownOperation {
    pub operation: String,
    pub count: usize,
    /// What a bundle's `overrides.toml` could say of it; absent where its name is none that it could name.
    #[serde(rename = "override")]
    pub adoption: Option<String>,
}

#[derive(Debug, Default)]
pub(super) struct Accounts(BTreeMap<String, Account>);

#[derive(Debug)]
struct Account {
    place: Place,
    events: usize,
    principals: BTreeSet<String>,
    regions: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Accounts {
    pub(super) fn add(&mut self, event: &Event, operation: &Operation, who: &str, place: &Place) {
        let name = sanitize(&event.account, 64);
        if self.0.len() >= MAX_ACCOUNTS && !self.0.contains_key(&name) {
            return;
        }
        let account = self.0.entry(name).or_insert_with(|| Account {
            place: place.clone(),
            events: 0,
            principals: BTreeSet::new(),
            regions: BTreeSet::new(),
            services: BTreeSet::new(),
        });
        account.events += 1;
        note(&mut account.principals, who);
        note(&mut account.regions, &sanitize(&event.region, 64));
        note(&mut account.services, &sanitize(&operation.service, 64));
    }

    pub(super) fn into_list(self) -> Vec<AccountSeen> {
        let seen = |(account, it): (String, Account)| AccountSeen {
            account,
            in_map: it.place.in_map,
            environment: it.place.environment.name.to_string(),
            production: it.place.environment.production,
            events: it.events,
            principals: it.principals.len(),
            regions: it.regions,
            services: it.services,
        };
        self.0.into_iter().map(seen).collect()
    }
}

fn note(words: &mut BTreeSet<String>, word: &str) {
    if words.len() < MAX_WORDS && !words.contains(word) {
        words.insert(word.to_owned());
    }
}

#[derive(Debug, Default)]
pub(super) struct Unknowns {
    found: BTreeMap<String, (usize, Option<String>)>,
    more: usize,
}

impl Unknowns {
    pub(super) fn add(&mut self, operation: &Operation) {
        let name = sanitize(&operation.to_string(), 200);
        if let Some((count, _)) = self.found.get_mut(&name) {
            *count += 1;
        } else if self.found.len() < MAX_UNKNOWN {
            self.found.insert(name, (1, adoption(operation)));
        } else {
            self.more += 1;
        }
    }

    pub(super) fn into_list(self) -> (Vec<UnknownOperation>, usize) {
        let mut list: Vec<UnknownOperation> = self
            .found
            .into_iter()
            .map(|(operation, (count, adoption))| UnknownOperation { operation, count, adoption })
            .collect();
        list.sort_by_key(|it| std::cmp::Reverse(it.count));
        (list, self.more)
    }
}

/// At its worst: what it really does is for its adopters to say.
fn adoption(operation: &Operation) -> Option<String> {
    let plain = |text: &str| {
        (1..=128).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    (plain(&operation.service) && plain(&operation.name)).then(|| {
        format!(
            "[[override]]\noperation = \"{operation}\"\neffects = [\"execute\", \"privilege\", \"destroy\"]\n\
             reason = \"not looked at yet, so it counts as the worst\"\n"
        )
    })
}
