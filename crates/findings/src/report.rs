//! All analyzers over one snapshot. An analyzer claims; what is proposed is decided here, the same way for all of them: who owns the
//! resource, how old the snapshot is, how long it is marked, what the operations would do.

mod remedy;
mod unmark;

use std::collections::{BTreeMap, BTreeSet};

use model::{Timestamp, sanitize};
use serde::Serialize;
use snapshot::{Resource, Snapshot, Taken};

use crate::{
    ANALYZERS, Analyzer, Class, Finding, Micros, Parameters, Prices, Saving, Spared, Unjudged,
    asked::{self, Missing},
    danger::Judge,
    draft::{Judged, Judgement, NotKnown},
    finding, grace,
    prices::Shared,
    signs,
    subject::Subject,
};
use remedy::{Owners, Remedies};

pub(crate) const SCHEMA: &str = "countersign.findings/v1";
/// Examples of what could not be judged.
const EXAMPLES: usize = 5;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub account: String,
    pub taken: Taken,
    pub now: Timestamp,
    /// A month, of all findings whose price is known; some exclude each other.
    pub saving: Micros,
    pub currency: Shared,
    pub findings: Vec<Finding>,
    pub spared: Vec<Spared>,
    pub unjudged: Vec<Unjudged>,
}

/// What the snapshot shows, as of `now`.
pub fn analyse(snapshot: &Snapshot<'_>, parameters: &Parameters, prices: &Prices, now: Timestamp) -> Report {
    let judge = Judge::new(snapshot.account());
    let mut run = Run {
        snapshot,
        parameters,
        prices,
        now,
        remedies: Remedies {
            judge: &judge,
            owners: Owners::of(snapshot),
            parameters,
            now,
            taken: snapshot.taken(),
        },
        findings: Vec::new(),
        spared: Vec::new(),
        unjudged: BTreeMap::new(),
        kept_marks: BTreeSet::new(),
    };
    for analyzer in &ANALYZERS {
        run.analyzer(analyzer);
    }
    for (resource, why) in unmark::not_known(snapshot) {
        run.not_known(unmark::NAME, resource, why);
    }
    let unmarks = unmark::all(snapshot, &run.kept_marks, &run.remedies);
    run.findings.extend(unmarks);
    run.report()
}

impl Report {
    /// Of what nobody looked at: a plan that came from elsewhere.
    pub fn none(account: &str, taken: Taken, now: Timestamp) -> Self {
        Self {
            schema: SCHEMA,
            account: sanitize(account, 64),
            taken,
            now,
            saving: Micros(0),
            currency: Prices::shipped().currency,
            findings: Vec::new(),
            spared: Vec::new(),
            unjudged: Vec::new(),
        }
    }

    /// After findings were left out.
    pub fn recount(&mut self) {
        self.saving = self.findings.iter().map(worth).sum();
    }
}

/// What a finding is known to save; nothing where that is not known.
fn worth(finding: &Finding) -> Micros {
    match &finding.saving {
        Some(Saving::Known(amount)) => amount.micros,
        Some(Saving::NotKnown(_)) | None => Micros(0),
    }
}

/// Of how many resources something is said (`None`: of whatever is there), and some of them.
type Those = (Option<usize>, Vec<String>);

struct Run<'s, 'a> {
    snapshot: &'s Snapshot<'a>,
    parameters: &'s Parameters,
    prices: &'s Prices,
    now: Timestamp,
    remedies: Remedies<'s>,
    findings: Vec<Finding>,
    spared: Vec<Spared>,
    /// By analyzer, region and why.
    unjudged: BTreeMap<(&'static str, String, String), Those>,
    /// Marked resources whose mark still means something, or of which nothing is known.
    kept_marks: BTreeSet<&'s str>,
}

impl<'s> Run<'s, '_> {
    fn analyzer(&mut self, analyzer: &'static Analyzer) {
        let mut regions: BTreeSet<&str> = self.snapshot.regions().collect();
        regions.extend(self.snapshot.of_kind(analyzer.kind).map(|resource| resource.region.as_str()));
        let mut open = BTreeSet::new();
        for region in regions {
            if self.is_open(analyzer, region) {
                open.insert(region);
            }
        }
        let snapshot = self.snapshot;
        for resource in snapshot.of_kind(analyzer.kind) {
            if open.contains(resource.region.as_str()) {
                self.resource(analyzer, resource);
            } else if analyzer.class == Class::Waste {
                self.keep_mark(resource);
            }
        }
    }

    /// Whether anything may be claimed there; what is missing is noted.
    fn is_open(&mut self, analyzer: &'static Analyzer, region: &str) -> bool {
        let mut open = true;
        if let Err(missing) = asked::whole(self.snapshot, analyzer.listing, region) {
            // What was listed in part is there; what was not is not known.
            open = missing.in_part;
            self.missing(analyzer, region, missing);
        }
        for operation in analyzer.against {
            if let Err(missing) = asked::whole(self.snapshot, operation, region) {
                open = false;
                self.missing(analyzer, region, missing);
            }
        }
        open
    }

    fn missing(&mut self, analyzer: &'static Analyzer, region: &str, missing: Missing) {
        self.unjudged.entry((analyzer.name, region.to_owned(), missing.why)).or_default();
    }

    fn resource(&mut self, analyzer: &'static Analyzer, resource: &'s Resource<'_>) {
        let subject = Subject {
            snapshot: self.snapshot,
            resource,
            parameters: self.parameters,
            prices: self.prices,
            now: self.now,
        };
        let id = sanitize(resource.id.as_str(), 2048);
        match (analyzer.judge)(&subject).and_then(|judgement| spare(analyzer, &subject, judgement)) {
            Ok(Judgement::Fine) => {}
            Ok(Judgement::Spared(why)) => {
                self.spared.push(Spared { analyzer: analyzer.name, resource: id, why })
            }
            Ok(Judgement::Found(draft)) => {
                if analyzer.class == Class::Waste {
                    self.keep_mark(resource);
                }
                self.findings.push(self.remedies.finish(analyzer, &subject, *draft));
            }
            Err(not_known) => {
                if analyzer.class == Class::Waste {
                    self.keep_mark(resource);
                }
                self.not_known(analyzer.name, resource, not_known);
            }
        }
    }

    fn not_known(&mut self, analyzer: &'static str, resource: &Resource<'_>, why: NotKnown) {
        let key = (analyzer, resource.region.as_str().to_owned(), why.0);
        let (count, examples) = self.unjudged.entry(key).or_default();
        *count = Some(count.unwrap_or(0) + 1);
        if examples.len() < EXAMPLES {
            examples.push(sanitize(resource.id.as_str(), 2048));
        }
    }

    fn keep_mark(&mut self, resource: &'s Resource<'_>) {
        if grace::mark_of(resource).is_some() {
            self.kept_marks.insert(resource.id.as_str());
        }
    }

    fn report(mut self) -> Report {
        self.findings.sort_by(|a, b| {
            (a.class, std::cmp::Reverse(worth(a)), &a.id).cmp(&(b.class, std::cmp::Reverse(worth(b)), &b.id))
        });
        self.spared.sort();
        let unjudged = self.unjudged.into_iter().map(|((analyzer, region, why), (resources, examples))| {
            Unjudged { analyzer, region, why, resources, examples }
        });
        Report {
            schema: SCHEMA,
            account: self.snapshot.account().to_owned(),
            taken: self.snapshot.taken(),
            now: self.now,
            saving: self.findings.iter().map(worth).sum(),
            currency: self.prices.currency.clone(),
            findings: self.findings,
            spared: self.spared,
            unjudged: unjudged.collect(),
        }
    }
}

/// What is written on it holds against a claim, whichever analyzer makes it; where that was not read, nothing is claimed.
fn spare(analyzer: &Analyzer, subject: &Subject<'_, '_>, judgement: Judgement) -> Judged {
    match judgement {
        Judgement::Found(draft) => Ok(match signs::of(subject, analyzer.signs())? {
            Some(why) => Judgement::Spared(why),
            None => Judgement::Found(draft),
        }),
        Judgement::Fine | Judgement::Spared(_) => Ok(judgement),
    }
}

pub(crate) fn named(resource: &Resource<'_>) -> finding::Subject {
    finding::Subject {
        id: sanitize(resource.id.as_str(), 2048),
        kind: sanitize(resource.kind.as_str(), 128),
        name: sanitize(resource.name.as_str(), 512),
        region: sanitize(resource.region.as_str(), 64),
    }
}
