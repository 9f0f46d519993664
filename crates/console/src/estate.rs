//! What the newest snapshot of the environment shows: what is faulty or wasteful in it, and where its money goes. It is read and
//! analysed beside the requests and kept here, with its text, of which a question is answered; who reads files is the caller. Nothing
//! rests on it: no verdict, no approval.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock},
};

use agent::Facts;
use findings::{By, Costs, Parameters, Prices, Report, analyse, costs};
use model::{Digest, Timestamp};
use plan::{Asker, Given, Goal, Which};
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
pub struct Analysed {
    pub(crate) file: String,
    /// As it was read, for whatever is asked of it later.
    text: String,
    digest: Digest,
    pub(crate) report: Report,
    pub(crate) stale_days: u32,
    /// Before the report's lists were cut.
    pub(crate) findings: usize,
    pub(crate) faults: usize,
    pub(crate) spared: usize,
    pub(crate) unjudged: usize,
    /// Of the findings that are left: whether the planner has a plan for it.
    pub(crate) planned: Vec<bool>,
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

impl std::fmt::Debug for Analysed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Analysed({})", self.digest.short())
    }
}

impl Analysed {
    /// Takes seconds where the account is large.
    ///
    /// # Errors
    /// Where the text is no snapshot.
    pub fn of(file: String, text: String, now: Timestamp) -> Result<Self, SnapshotError> {
        let digest = Digest::of(text.as_bytes());
        let snapshot = Snapshot::parse(&text, now)?;
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
        let given = given(&snapshot, digest, &report, now, parameters.stale_days);
        let planned = report.findings.iter().take(MOST).map(|it| {
            let goal = Goal::of_findings(Which::Findings(vec![it.id.clone()]), Vec::new());
            plan::of(&given, &goal).is_ok()
        });
        let planned = planned.collect();
        report.findings.truncate(MOST);
        report.spared.truncate(MOST);
        report.unjudged.truncate(MOST);
        let stale_days = parameters.stale_days;
        Ok(Self {
            file,
            text,
            digest,
            report,
            stale_days,
            findings: found,
            faults,
            spared,
            unjudged,
            planned,
            costs,
        })
    }

    /// The same snapshot whole, for a question that is asked now. It is analysed once more, which takes as long as before: what a large
    /// account's findings take of memory is not kept meanwhile.
    ///
    /// # Errors
    /// Where the text is no snapshot (any more: it may be of the future where a clock was put back).
    pub(crate) fn whole<T>(
        &self,
        now: Timestamp,
        then: impl FnOnce(Facts<'_, '_>, &Given<'_, '_>) -> T,
    ) -> Result<T, SnapshotError> {
        let snapshot = Snapshot::parse(&self.text, now)?;
        let (parameters, prices) = (Parameters::default(), Prices::shipped());
        let report = analyse(&snapshot, &parameters, &prices, now);
        let given = given(&snapshot, self.digest, &report, now, parameters.stale_days);
        Ok(then(Facts { snapshot: &snapshot, report: &report, prices: &prices }, &given))
    }
}

fn given<'s, 'a>(
    snapshot: &'s Snapshot<'a>,
    digest: Digest,
    report: &'s Report,
    now: Timestamp,
    stale_days: u32,
) -> Given<'s, 'a> {
    Given { snapshot, digest, report, now, before: None, stale_days, asker: Asker::Person }
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
pub(crate) mod tests {
    use askama::Template as _;
    use serde_json::json;
    use snapshot::{Builder, Outcome, Taken};

    use super::*;
    use crate::pages::{Frame, costs::CostsPage, findings::FindingsPage};

    pub(crate) const NOW: Timestamp = Timestamp::from_seconds(1_795_228_800);
    pub(crate) const HOSTILE: &str = "</td><script>alert(1)</script>\u{202e}";

    /// Two volumes of an older generation, with everything hostile that a cloud lets others write.
    pub(crate) fn seen(taken: Timestamp) -> Seen {
        let mut builder = Builder::new("111122223333", &["us-east-1"], Taken { from: taken, until: taken });
        for list in [
            "ec2:DescribeInstances",
            "ec2:DescribeSnapshots",
            "ec2:DescribeVolumesModifications",
            "cloudformation:DescribeStacks",
        ] {
            builder.read(list, "us-east-1", Outcome::Complete);
        }
        let denied = builder.read("lambda:ListFunctions", "us-east-1", Outcome::Denied);
        builder.asked(denied, &json!({}), Some(HOSTILE));
        let read = builder.read("ec2:DescribeVolumes", "us-east-1", Outcome::Complete);
        for name in ["vol-1", HOSTILE] {
            let attributes = json!({
                "VolumeId": name, "Size": 100, "VolumeType": "gp2", "Iops": 300, "State": "in-use", "CreateTime": "2024-06-01T00:00:00Z",
            });
            let id = format!("arn:aws:ec2:us-east-1:111122223333:volume/{name}");
            let tags = json!({ "team": HOSTILE, HOSTILE: "x" });
            builder.resource(read, [&id, "ec2:volume", name, "us-east-1"], &tags, attributes);
        }
        Seen::Read(Box::new(Analysed::of("s.json".to_owned(), builder.draft(), NOW).unwrap()))
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
