//! What the newest snapshot of the environment shows: what is faulty or wasteful in it, and where its money goes. It is read and
//! analysed beside the requests and kept here; who reads files is the caller. Nothing rests on it: no verdict, no approval.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use findings::{By, Costs, Parameters, Prices, Report, analyse, costs};
use model::Timestamp;
use snapshot::{Snapshot, SnapshotError};

/// As it is now, for whoever asks.
#[derive(Debug)]
pub struct Estate(RwLock<Arc<Seen>>);

#[derive(Debug)]
pub enum Seen {
    /// There is none in that folder.
    Nothing {
        folder: String,
    },
    Unreadable {
        file: String,
        why: String,
    },
    Read(Box<Analysed>),
}

/// A snapshot, analysed. Lists are cut: pages are for people.
#[derive(Debug)]
pub struct Analysed {
    pub(crate) file: String,
    pub(crate) report: Report,
    pub(crate) stale_days: u32,
    /// Before the report's lists were cut.
    pub(crate) findings: usize,
    pub(crate) faults: usize,
    pub(crate) spared: usize,
    pub(crate) unjudged: usize,
    /// By service, by finding, by each of the tags that most resources have.
    pub(crate) costs: Vec<Counted>,
}

#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) costs: Costs,
    /// Lines that were cut.
    pub(crate) more: usize,
}

const MOST: usize = 200;
const MOST_TAGS: usize = 12;

impl Estate {
    pub fn new(seen: Seen) -> Self {
        Self(RwLock::new(Arc::new(seen)))
    }

    pub fn show(&self, seen: Seen) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(seen);
    }

    pub(crate) fn seen(&self) -> Arc<Seen> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Analysed {
    /// Takes seconds where the account is large.
    ///
    /// # Errors
    /// Where the text is no snapshot.
    pub fn of(file: String, text: &str, now: Timestamp) -> Result<Self, SnapshotError> {
        let snapshot = Snapshot::parse(text, now)?;
        let (parameters, prices) = (Parameters::default(), Prices::shipped());
        let mut report = analyse(&snapshot, &parameters, &prices, now);
        let ways = [By::Service, By::Finding].into_iter().chain(tags(&snapshot).into_iter().map(By::Tag));
        let costs = ways
            .map(|by| {
                let mut costs = costs(&snapshot, &prices, &by, &report);
                let more = costs.lines.len().saturating_sub(MOST);
                costs.lines.truncate(MOST);
                Counted { costs, more }
            })
            .collect();
        let faults = report.findings.iter().filter(|it| it.class == findings::Class::Fault).count();
        let [found, spared, unjudged] = [report.findings.len(), report.spared.len(), report.unjudged.len()];
        report.findings.truncate(MOST);
        report.spared.truncate(MOST);
        report.unjudged.truncate(MOST);
        let stale_days = parameters.stale_days;
        Ok(Self { file, report, stale_days, findings: found, faults, spared, unjudged, costs })
    }
}

/// The keys that most resources have.
fn tags(snapshot: &Snapshot<'_>) -> Vec<String> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (key, _) in snapshot.resources().iter().flat_map(|it| &it.tags) {
        let count = counts.entry(key.as_str()).or_default();
        *count = count.saturating_add(1);
    }
    let mut keys: Vec<(usize, &str)> = counts.into_iter().map(|(key, count)| (count, key)).collect();
    keys.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(b.1)));
    keys.into_iter().take(MOST_TAGS).map(|(_, key)| key.to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use askama::Template as _;
    use serde_json::json;
    use snapshot::{Builder, Outcome, Taken};

    use super::*;
    use crate::pages::{Frame, costs::CostsPage, findings::FindingsPage};

    const NOW: Timestamp = Timestamp::from_seconds(1_795_228_800);
    const HOSTILE: &str = "</td><script>alert(1)</script>\u{202e}";

    /// Two volumes that nothing uses, with everything hostile that a cloud lets others write.
    fn seen(taken: Timestamp) -> Seen {
        let mut builder = Builder::new("111122223333", &["us-east-1"], Taken { from: taken, until: taken });
        for list in ["ec2:DescribeInstances", "ec2:DescribeSnapshots", "cloudformation:DescribeStacks"] {
            builder.read(list, "us-east-1", Outcome::Complete);
        }
        let denied = builder.read("lambda:ListFunctions", "us-east-1", Outcome::Denied);
        builder.asked(denied, &json!({}), Some(HOSTILE));
        let read = builder.read("ec2:DescribeVolumes", "us-east-1", Outcome::Complete);
        for name in ["vol-1", HOSTILE] {
            let attributes = json!({
                "VolumeId": name, "Size": 100, "VolumeType": "gp2", "State": "available", "CreateTime": "2024-06-01T00:00:00Z",
            });
            let id = format!("arn:aws:ec2:us-east-1:111122223333:volume/{name}");
            let tags = json!({ "team": HOSTILE, HOSTILE: "x" });
            builder.resource(read, [&id, "ec2:volume", name, "us-east-1"], &tags, attributes);
        }
        Seen::Read(Box::new(Analysed::of("s.json".to_owned(), &builder.draft(), NOW).unwrap()))
    }

    fn costs(seen: &Seen, by: &str) -> String {
        CostsPage::of(Frame::new(None, "Findings"), seen, by, NOW).render().unwrap()
    }

    fn findings(seen: &Seen) -> String {
        FindingsPage::of(Frame::new(None, "Findings"), seen, NOW).render().unwrap()
    }

    #[test]
    fn what_a_cloud_calls_things_stays_a_name() {
        let seen = seen(NOW);
        let tag = format!("tag:{}", model::sanitize(HOSTILE, 128));
        let pages = [
            findings(&seen),
            costs(&seen, "service"),
            costs(&seen, "finding"),
            costs(&seen, "tag:team"),
            costs(&seen, &tag),
            costs(&seen, HOSTILE),
        ];
        for page in &pages {
            assert!(!page.contains("<script>alert") && !page.contains('\u{202e}'), "{page}");
        }
        assert!(pages[0].contains("script") && pages[3].contains("script"), "the names are shown");
        assert!(pages[4].contains("Tag &#60;"), "{}", pages[4]);
    }

    #[test]
    fn money_is_counted_by_what_is_asked_for() {
        let seen = seen(NOW);
        for (by, total) in [("service", "20.00 USD"), ("tag:team", "20.00 USD")] {
            let page = costs(&seen, by);
            assert!(page.contains(&format!("<b>{total}</b> a month")), "{by}: {page}");
        }
        assert!(costs(&seen, "tag:nobody").contains("It is not counted here by"));
        assert!(findings(&seen).contains("Not known"));
    }

    #[test]
    fn an_old_snapshot_and_none_say_so() {
        let old = seen(NOW.plus_seconds(-8 * 86_400));
        for page in [findings(&old), costs(&old, "service")] {
            assert!(page.contains("This snapshot is 8 days old: nothing is proposed by it"), "{page}");
        }
        let none = Seen::Nothing { folder: "/x/snapshots".to_owned() };
        let broken = Seen::Unreadable { file: "s.json".to_owned(), why: HOSTILE.to_owned() };
        for (seen, told) in
            [(none, "There is no snapshot in /x/snapshots"), (broken, "s.json cannot be read")]
        {
            for page in [findings(&seen), costs(&seen, "service")] {
                assert!(page.contains(told) && !page.contains("<script>alert"), "{page}");
            }
        }
    }
}
