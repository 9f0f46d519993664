//! Watching first: what would have been held or denied of what a trail tells of, per principal and rule. Here it is
//! counted and put into words, event by event and within bounds; the verdicts come from the caller. Whatever the trail
//! says is hostile text and is sanitized as it enters the report.

mod principal;
mod propose;
mod seen;

use std::collections::BTreeMap;

use model::{ActionParts, Digest, EffectSet, Environment, Operation, Timestamp, Verdict, sanitize};
use serde::Serialize;

use crate::Event;

pub use principal::{Counts, Example, PeakDay, Principal, RuleCount};
pub use seen::{AccountSeen, UnknownOperation};
use seen::{Accounts, Unknowns};

pub const SCHEMA: &str = "countersign.observe/v1";
/// Principals beyond this many are counted as one.
const MAX_PRINCIPALS: usize = 10_000;
/// Events listed one by one.
const MAX_LISTED: usize = 100;

/// Under which bundle, and as whom everybody was judged.
#[derive(Clone, Debug, Serialize)]
pub struct JudgedAs {
    pub bundle: Digest,
    /// It is the one that `init` writes, not one of the reader's own.
    pub starter: bool,
    pub agent: String,
    pub operator: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub judged_as: JudgedAs,
    pub from: Option<Timestamp>,
    pub to: Option<Timestamp>,
    pub events: Events,
    pub verdicts: Counts,
    /// Of calls that the cloud refused or that failed: counted in nothing else.
    pub failed: Counts,
    /// Writes that pass only because their inverse is taken to have been captured.
    pub assumed_undo: usize,
    /// The busiest first.
    pub principals: Vec<Principal>,
    pub accounts: Vec<AccountSeen>,
    pub unknown_operations: Vec<UnknownOperation>,
    pub more_unknown_operations: usize,
    pub left_out: LeftOut,
    /// What could not be read, file by file.
    pub problems: Vec<String>,
    pub more_problems: usize,
    /// What this report takes for granted, in sentences.
    pub assumptions: Vec<String>,
    /// Files for a bundle: their names in it, and their text.
    pub proposed: BTreeMap<String, String>,
}

#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Events {
    pub read: usize,
    pub judged: usize,
    /// By a service of the cloud, or on somebody's behalf: no requests of a principal's.
    pub by_services: usize,
    pub sign_ins: usize,
    /// Other records that are of no call.
    pub no_calls: usize,
    pub repeated: usize,
    /// Records and files.
    pub unreadable: usize,
}

/// Events whose parameters the trail leaves out: each counts as the worst that they could say.
#[derive(Clone, Debug, Default, Serialize)]
pub struct LeftOut {
    pub count: usize,
    pub listed: Vec<LeftOutEvent>,
    pub more: usize,
}

#[derive(Clone, Debug, Serialize)]
pub struct LeftOutEvent {
    pub id: String,
    pub principal: String,
    #[serde(flatten)]
    pub event: Example,
}

/// Whether an event is a call that a principal made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Call,
    ByService,
    SignIn,
    NoCall,
}

/// By what the record says of itself.
pub fn kind_of(event: &Event) -> Kind {
    let by_service = event.invoked_by.as_ref().is_some_and(|it| it.ends_with("amazonaws.com"));
    match event.kind.as_str() {
        "AwsServiceEvent" => Kind::ByService,
        "AwsConsoleSignIn" => Kind::SignIn,
        "AwsApiCall" | "" if by_service => Kind::ByService,
        "AwsApiCall" | "" => Kind::Call,
        _ => Kind::NoCall,
    }
}

/// Under whom an event is counted: the role behind a session, otherwise whoever called.
pub fn principal_of(event: &Event) -> String {
    sanitize(event.role.as_deref().unwrap_or(&event.principal), 512)
}

/// An event with its verdict.
#[derive(Clone, Copy, Debug)]
pub enum Observed<'a> {
    Judged {
        parts: &'a ActionParts,
        verdict: &'a Verdict,
        /// As they count.
        effects: EffectSet,
        assumed: bool,
        left_out: bool,
    },
    /// Nothing that the tables or the bundle know: denied.
    Unknown { operation: &'a Operation, verdict: &'a Verdict },
}

/// Where an account lies, by the bundle's map.
#[derive(Clone, Debug)]
pub struct Place {
    pub environment: Environment,
    /// The map names it; otherwise it is production because nobody said what it is.
    pub in_map: bool,
}

/// Counts events into a [`Report`].
#[derive(Debug)]
pub struct Watch {
    report: Report,
    principals: BTreeMap<String, principal::Tally>,
    accounts: Accounts,
    unknowns: Unknowns,
}

impl Watch {
    pub fn new(judged_as: JudgedAs) -> Self {
        let report = Report {
            schema: SCHEMA,
            judged_as,
            from: None,
            to: None,
            events: Events::default(),
            verdicts: Counts::default(),
            failed: Counts::default(),
            assumed_undo: 0,
            principals: Vec::new(),
            accounts: Vec::new(),
            unknown_operations: Vec::new(),
            more_unknown_operations: 0,
            left_out: LeftOut::default(),
            problems: Vec::new(),
            more_problems: 0,
            assumptions: Vec::new(),
            proposed: BTreeMap::new(),
        };
        Self {
            report,
            principals: BTreeMap::new(),
            accounts: Accounts::default(),
            unknowns: Unknowns::default(),
        }
    }

    /// A file or a record that could not be read.
    pub fn problem(&mut self, problem: &str) {
        self.report.events.unreadable += 1;
        if self.report.problems.len() < MAX_LISTED {
            self.report.problems.push(sanitize(problem, 1000));
        } else {
            self.report.more_problems += 1;
        }
    }

    /// The same event stands in several files.
    pub fn repeated(&mut self) {
        self.report.events.read += 1;
        self.report.events.repeated += 1;
    }

    /// What is no call of a principal's; `Kind::Call` goes to [`Watch::observed`].
    pub fn apart(&mut self, event: &Event, kind: Kind) {
        self.read(event);
        match kind {
            Kind::ByService => self.report.events.by_services += 1,
            Kind::SignIn => self.report.events.sign_ins += 1,
            Kind::Call | Kind::NoCall => self.report.events.no_calls += 1,
        }
    }

    /// `place`: what the bundle makes of the event's account.
    pub fn observed(&mut self, event: &Event, observed: &Observed<'_>, place: &Place) {
        self.read(event);
        self.report.events.judged += 1;
        let who = self.counted_as(principal_of(event));
        let (verdict, operation, names) = match observed {
            Observed::Judged { parts, verdict, .. } => {
                (*verdict, &parts.operation, parts.resources.as_slice())
            }
            Observed::Unknown { operation, verdict } => (*verdict, *operation, &[][..]),
        };
        let example = Example::of(event, operation, names);
        self.accounts.add(event, operation, &who, place);
        match observed {
            Observed::Judged { assumed, left_out, .. } => {
                self.report.assumed_undo += usize::from(*assumed && event.error.is_none());
                if *left_out {
                    self.left_out(event, &who, &example);
                }
            }
            Observed::Unknown { .. } => self.unknowns.add(operation),
        }
        let tally = self.principals.entry(who).or_default();
        if event.error.is_some() {
            self.report.failed.add(verdict);
            tally.failed.add(verdict);
        } else {
            self.report.verdicts.add(verdict);
            tally.add(event.at, verdict, example);
            // What it could have said at worst was not seen to be used.
            if let Observed::Judged { parts, effects, left_out: false, .. } = observed {
                tally.uses.add(parts, *effects);
            }
        }
    }

    pub fn into_report(mut self, mut assumptions: Vec<String>) -> Report {
        let names = propose::agent_names(self.principals.keys());
        for (who, tally) in &self.principals {
            let Some(name) = names.get(who) else { continue };
            if let Some(grant) = propose::grant(who, name, &tally.uses, self.report.from, self.report.to) {
                self.report.proposed.insert(format!("grants/agent-{name}.cedar"), grant);
            }
        }
        let accounts = self.accounts.into_list();
        if !accounts.is_empty() {
            self.report.proposed.insert("environments.toml".to_owned(), propose::environments(&accounts));
        }
        self.report.accounts = accounts;
        self.report.principals = self
            .principals
            .into_iter()
            .map(|(who, tally)| {
                let name = names.get(&who).map(ToString::to_string).unwrap_or_default();
                tally.into_principal(who, name)
            })
            .collect();
        self.report.principals.sort_by_key(|it| std::cmp::Reverse(it.verdicts.held + it.verdicts.denied));
        (self.report.unknown_operations, self.report.more_unknown_operations) = self.unknowns.into_list();
        self.report.assumptions.append(&mut assumptions);
        self.report
    }

    fn read(&mut self, event: &Event) {
        self.report.events.read += 1;
        self.report.from = Some(self.report.from.map_or(event.at, |from| from.min(event.at)));
        self.report.to = self.report.to.max(Some(event.at));
    }

    fn counted_as(&self, who: String) -> String {
        if self.principals.len() < MAX_PRINCIPALS || self.principals.contains_key(&who) {
            who
        } else {
            "(others)".to_owned()
        }
    }

    fn left_out(&mut self, event: &Event, who: &str, example: &Example) {
        let left_out = &mut self.report.left_out;
        left_out.count += 1;
        if left_out.listed.len() < MAX_LISTED {
            left_out.listed.push(LeftOutEvent {
                id: sanitize(&event.id, 80),
                principal: who.to_owned(),
                event: example.clone(),
            });
        } else {
            left_out.more += 1;
        }
    }
}
