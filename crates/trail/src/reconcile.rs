//! The ledger against the cloud's trail: each event of ours has its permit, each forwarded permit its event. Plain
//! reads are in the ledger as tallies, so they are compared as counts.

use std::collections::{BTreeMap, BTreeSet};

use classify_aws::{classify::effects, table::Table};
use model::{ChangeId, Entry, EntryKind, Timestamp, sanitize};
use serde::Serialize;

use crate::Event;

/// How far the two clocks may be apart, in seconds.
pub const SKEW: i64 = 300;

#[derive(Clone, Debug, Serialize)]
pub struct Report {
    pub ok: bool,
    pub matched: usize,
    /// Done with our credentials, and nothing permitted it.
    pub without_permit: Vec<Line>,
    /// Forwarded, and the trail knows nothing of it.
    pub without_event: Vec<Line>,
    /// Of ours, before the log's first entry or after its last.
    pub outside: Vec<Line>,
    /// Of services on our behalf: no requests of ours.
    pub on_behalf: usize,
    pub of_others: usize,
    pub repeated: usize,
    pub read_events: usize,
    pub reads_recorded: usize,
    pub problems: Vec<String>,
}

/// An event or a permit as people are shown it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The event's id, or the change and its step.
    pub id: String,
    pub operation: String,
    pub at: Timestamp,
    pub detail: String,
}

struct Permit {
    index: usize,
    change: ChangeId,
    step: String,
    operation: String,
    account: Option<String>,
    region: Option<String>,
    from: Timestamp,
    until: Timestamp,
    request_id: Option<String>,
    /// Known never to have arrived.
    not_sent: bool,
    matched: bool,
}

/// `ours`: role or user ARNs and access keys. Problems of reading make the report fail.
pub fn reconcile(entries: &[Vec<u8>], events: Vec<Event>, ours: &[String], problems: Vec<String>) -> Report {
    let mut report = Report {
        ok: false,
        matched: 0,
        without_permit: Vec::new(),
        without_event: Vec::new(),
        outside: Vec::new(),
        on_behalf: 0,
        of_others: 0,
        repeated: 0,
        read_events: 0,
        reads_recorded: 0,
        problems,
    };
    let mut ledger = Ledger::default();
    for (index, bytes) in entries.iter().enumerate() {
        match serde_json::from_slice::<Entry>(bytes) {
            Ok(entry) => ledger.add(index, &entry),
            Err(err) => report.problems.push(format!("entry {index} cannot be read: {err}")),
        }
    }
    report.reads_recorded = ledger.reads;
    let mut seen = BTreeSet::new();
    let mut left = Vec::new();
    for event in events {
        if !seen.insert(event.id.clone()) {
            report.repeated += 1;
        } else if !ours.iter().any(|who| event.is_by(who)) {
            report.of_others += 1;
        } else if event.invoked_by.is_some() {
            report.on_behalf += 1;
        } else {
            left.push(event);
        }
    }
    left.sort_by(|one, two| (one.at, &one.id).cmp(&(two.at, &two.id)));
    // What has the answer's own number is settled first; time decides only among the rest.
    let before = left.len();
    left.retain(|event| !ledger.take_by_id(event));
    left.retain(|event| !ledger.take_by_time(event));
    report.matched = before - left.len();
    for event in left {
        let inside = ledger.first.is_some_and(|first| event.at >= first)
            && ledger.last.is_some_and(|last| event.at <= last);
        let read = is_plain_read(&event);
        if !inside {
            report.outside.push(line(&event));
        } else if read {
            report.read_events += 1;
        } else {
            report.without_permit.push(line(&event));
        }
    }
    report.without_event = ledger.unmatched();
    if report.read_events > report.reads_recorded {
        report.problems.push(format!(
            "the trail has {} reads of ours, and the ledger tells of {}",
            report.read_events, report.reads_recorded
        ));
    }
    report.ok =
        report.problems.is_empty() && report.without_permit.is_empty() && report.without_event.is_empty();
    report
}

#[derive(Default)]
struct Ledger {
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    permits: Vec<Permit>,
    by_step: BTreeMap<(ChangeId, String), usize>,
    reads: usize,
}

impl Ledger {
    fn add(&mut self, index: usize, entry: &Entry) {
        self.first.get_or_insert(entry.at);
        self.last = self.last.max(Some(entry.at));
        let detail = |key: &str| entry.detail.get(key).cloned();
        let step = entry.change.map(|change| (change, detail("step").unwrap_or_default()));
        match (entry.kind, step) {
            (EntryKind::ReadsAdmitted, _) => {
                let lines: Vec<String> =
                    detail("reads").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                let passed =
                    |line: &&String| !["denied ", "refused "].iter().any(|word| line.starts_with(word));
                // How often each was asked for; once where an older log does not say.
                let times: Vec<u64> =
                    detail("times").and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
                let times = times.into_iter().chain(std::iter::repeat(1));
                let passed = lines.iter().zip(times).filter(|(line, _)| passed(line));
                let sum: u64 = passed.fold(0, |sum, (_, times)| sum.saturating_add(times));
                self.reads = self.reads.saturating_add(usize::try_from(sum).unwrap_or(usize::MAX));
            }
            (EntryKind::PermitIssued, Some((change, step))) => {
                self.by_step.insert((change, step.clone()), self.permits.len());
                self.permits.push(Permit {
                    index,
                    change,
                    step,
                    operation: detail("operation").unwrap_or_default(),
                    account: detail("account"),
                    region: detail("region"),
                    from: entry.at.plus_seconds(-SKEW),
                    until: entry.at.plus_seconds(SKEW),
                    request_id: None,
                    not_sent: false,
                    matched: false,
                });
            }
            (EntryKind::OutcomeRecorded | EntryKind::OutcomeUnknown, Some(key)) => {
                let Some(permit) = self.by_step.get(&key).and_then(|nth| self.permits.get_mut(*nth)) else {
                    return;
                };
                permit.until = permit.until.max(entry.at.plus_seconds(SKEW));
                permit.request_id = permit.request_id.take().or_else(|| detail("request_id"));
                permit.not_sent = detail("not_sent").is_some()
                    || detail("read_back").is_some_and(|text| text.contains("it did not happen"));
            }
            _ => {}
        }
    }

    fn take_by_id(&mut self, event: &Event) -> bool {
        let Some(id) = &event.request_id else { return false };
        let permit = self
            .permits
            .iter_mut()
            .find(|it| !it.matched && it.request_id.as_ref() == Some(id) && it.fits(event));
        permit.map(|it| it.matched = true).is_some()
    }

    /// The permit whose time ends first: taking it leaves most to the others.
    fn take_by_time(&mut self, event: &Event) -> bool {
        let permit = self
            .permits
            .iter_mut()
            .filter(|it| {
                !it.matched && (it.request_id.is_none() || event.request_id.is_none()) && it.fits(event)
            })
            .min_by_key(|it| it.until);
        permit.map(|it| it.matched = true).is_some()
    }

    fn unmatched(&self) -> Vec<Line> {
        let left = self.permits.iter().filter(|it| !it.matched && !it.not_sent);
        left.map(|it| Line {
            id: format!("{} step {}", it.change, sanitize(&it.step, 10)),
            operation: sanitize(&it.operation, 200),
            at: it.from.plus_seconds(SKEW),
            detail: format!("entry {}", it.index),
        })
        .collect()
    }
}

impl Permit {
    fn fits(&self, event: &Event) -> bool {
        let service = self.operation.split(':').next().unwrap_or_default();
        let global = Table::shared().service(service).is_some_and(|it| !it.global_endpoint.is_empty());
        let same = |own: &Option<String>, theirs: &str| own.as_ref().is_none_or(|own| own == theirs);
        (self.from..=self.until).contains(&event.at)
            && same(&self.account, &event.account)
            && (global || same(&self.region, &event.region))
            && event
                .operations()
                .iter()
                .any(|(_, row)| self.operation == format!("{}:{}", row.service, row.operation))
    }
}

/// An operation that we do not know is none.
fn is_plain_read(event: &Event) -> bool {
    let found = event.operations();
    !found.is_empty() && found.iter().all(|(_, row)| effects::of(row).effects.is_plain_read())
}

fn line(event: &Event) -> Line {
    let error = event.error.as_ref().map_or_else(String::new, |it| format!(" failed with {it}"));
    let by = event.access_key.as_deref().unwrap_or(&event.principal);
    let detail = format!("in {} {} by {by}{error}", event.account, event.region);
    Line {
        id: sanitize(&event.id, 80),
        operation: sanitize(&format!("{}:{}", event.source, event.name), 200),
        at: event.at,
        detail: sanitize(&detail, 400),
    }
}
