//! From text to an index: bounds first, then the form, then that every claim leads to a read.

use model::{Timestamp, sanitize};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Edge, EdgeKind, MOST_BYTES, Read, ReadRef, Resource, SCHEMA, Series, Snapshot, SnapshotError, Taken,
    Text, View, index,
};

const MOST_READS: usize = 1_000_000;
const MOST_RESOURCES: usize = 500_000;
const MOST_EDGES: usize = 2_000_000;
const MOST_SERIES: usize = 500_000;
const MOST_REGIONS: usize = 100;
const MOST_TAGS: usize = 256;
const MOST_VIEWS: usize = 32;
/// Of one series: more than a year of hours.
const MOST_VALUES: usize = 10_000;
const LONGEST_ID: usize = 2048;
/// How far two machines' clocks may be apart.
const SKEW_S: i64 = 300;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File<'a> {
    #[serde(borrow)]
    schema: Text<'a>,
    #[serde(borrow)]
    account: Text<'a>,
    #[serde(borrow)]
    regions: Vec<Text<'a>>,
    taken: Taken,
    #[serde(borrow)]
    reads: Vec<Read<'a>>,
    #[serde(borrow)]
    resources: Vec<FileResource<'a>>,
    #[serde(borrow, default)]
    edges: Vec<FileEdge<'a>>,
    #[serde(borrow, default)]
    metrics: Vec<FileSeries<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileResource<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    kind: Text<'a>,
    #[serde(borrow)]
    name: Text<'a>,
    #[serde(borrow)]
    region: Text<'a>,
    #[serde(borrow, default)]
    tags: Tags<'a>,
    #[serde(borrow)]
    read: Text<'a>,
    #[serde(borrow)]
    attributes: &'a RawValue,
    #[serde(borrow, default)]
    more: Vec<FileView<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileView<'a> {
    #[serde(borrow)]
    read: Text<'a>,
    #[serde(borrow)]
    attributes: &'a RawValue,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileEdge<'a> {
    #[serde(borrow)]
    from: Text<'a>,
    kind: EdgeKind,
    #[serde(borrow)]
    to: Text<'a>,
    #[serde(borrow)]
    read: Text<'a>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileSeries<'a> {
    #[serde(borrow)]
    resource: Text<'a>,
    #[serde(borrow)]
    namespace: Text<'a>,
    #[serde(borrow)]
    metric: Text<'a>,
    #[serde(borrow)]
    statistic: Text<'a>,
    period: u32,
    from: Timestamp,
    #[serde(borrow)]
    values: &'a RawValue,
    #[serde(borrow)]
    read: Text<'a>,
}

/// In the file's order, with what stands there twice.
#[derive(Default)]
struct Tags<'a>(Vec<(Text<'a>, Text<'a>)>);

impl<'de: 'a, 'a> Deserialize<'de> for Tags<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Tags<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("tags")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut tags = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    tags.push(pair);
                }
                Ok(Tags(tags))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

pub(crate) fn parse(text: &str, now: Timestamp) -> Result<Snapshot<'_>, SnapshotError> {
    if text.len() > MOST_BYTES {
        return Err(SnapshotError::TooLarge { bytes: text.len(), most: MOST_BYTES });
    }
    let file: File<'_> = serde_json::from_str(text)
        .map_err(|err| of_another_schema(text).unwrap_or_else(|| SnapshotError::syntax(&err)))?;
    if file.schema.as_str() != SCHEMA {
        return Err(SnapshotError::Schema(sanitize(file.schema.as_str(), 80)));
    }
    few("regions", file.regions.len(), MOST_REGIONS)?;
    few("reads", file.reads.len(), MOST_READS)?;
    few("resources", file.resources.len(), MOST_RESOURCES)?;
    few("edges", file.edges.len(), MOST_EDGES)?;
    few("metrics", file.metrics.len(), MOST_SERIES)?;
    check_account(file.account.as_str())?;
    check_regions(&file.regions)?;
    check_times(file.taken, now)?;
    let reads = reads(file.reads, file.taken)?;
    let resources = resources(file.resources, &reads)?;
    let edges = edges(file.edges, &reads)?;
    let series = series(file.metrics, &reads, file.taken)?;
    let snapshot =
        Snapshot::indexed((file.taken, file.account, file.regions), reads, resources, edges, series);
    let mut pairs = snapshot.series.iter().zip(snapshot.series.iter().skip(1));
    match pairs.find(|(a, b)| index::key(a) == index::key(b)) {
        Some((one, _)) => Err(SnapshotError::twice(
            "metrics",
            &format!("{} of {}", one.metric.as_str(), one.resource.as_str()),
        )),
        None => Ok(snapshot),
    }
}

/// A later version may look otherwise altogether: then its name is what to say.
fn of_another_schema(text: &str) -> Option<SnapshotError> {
    #[derive(Deserialize)]
    struct Head {
        schema: String,
    }
    let head: Head = serde_json::from_str(text).ok()?;
    (head.schema != SCHEMA).then(|| SnapshotError::Schema(sanitize(&head.schema, 80)))
}

const fn few(path: &'static str, count: usize, most: usize) -> Result<(), SnapshotError> {
    if count > most { Err(SnapshotError::TooMany { path, count, most }) } else { Ok(()) }
}

fn check_account(account: &str) -> Result<(), SnapshotError> {
    let digits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if digits { Ok(()) } else { Err(SnapshotError::invalid("account", "an account is twelve digits")) }
}

fn check_regions(regions: &[Text<'_>]) -> Result<(), SnapshotError> {
    let mut seen = std::collections::BTreeSet::new();
    for (nth, region) in regions.iter().enumerate() {
        let path = || format!("regions[{nth}]");
        if !is_word(region.as_str()) {
            return Err(SnapshotError::invalid(path(), "a region is lower-case letters, digits and `-`"));
        }
        if !seen.insert(region.as_str()) {
            return Err(SnapshotError::twice(path(), region.as_str()));
        }
    }
    Ok(())
}

fn check_times(taken: Taken, now: Timestamp) -> Result<(), SnapshotError> {
    if taken.from > taken.until {
        return Err(SnapshotError::invalid("taken", "it ends before it begins"));
    }
    if taken.until > now.plus_seconds(SKEW_S) {
        return Err(SnapshotError::Future { path: "taken.until".into(), time: taken.until, now });
    }
    Ok(())
}

/// Sorted by id, so that everything else finds its own.
fn reads(mut reads: Vec<Read<'_>>, taken: Taken) -> Result<Vec<Read<'_>>, SnapshotError> {
    for (nth, read) in reads.iter().enumerate() {
        let path = |member: &str| format!("reads[{nth}].{member}");
        check_id(read.id.as_str(), || path("id"))?;
        let operation = read.operation.as_str().split_once(':');
        let name = |text: &str| {
            !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
        };
        if !operation.is_some_and(|(service, operation)| name(service) && name(operation)) {
            return Err(SnapshotError::invalid(path("operation"), "an operation is `service:Operation`"));
        }
        if read.at < taken.from || read.at > taken.until {
            return Err(SnapshotError::invalid(
                path("at"),
                format!("{} is outside of {} to {}", read.at, taken.from, taken.until),
            ));
        }
    }
    reads.sort_by(|a, b| a.id.cmp(&b.id));
    let mut pairs = reads.iter().zip(reads.iter().skip(1));
    match pairs.find(|(a, b)| a.id == b.id) {
        Some((read, _)) => Err(SnapshotError::twice("reads", read.id.as_str())),
        None => Ok(reads),
    }
}

fn resources<'a>(all: Vec<FileResource<'a>>, reads: &[Read<'a>]) -> Result<Vec<Resource<'a>>, SnapshotError> {
    let mut found = Finder::new(reads);
    let mut resources = Vec::with_capacity(all.len());
    for (nth, one) in all.into_iter().enumerate() {
        let path = |member: &str| format!("resources[{nth}].{member}");
        check_id(one.id.as_str(), || path("id"))?;
        check_id(one.name.as_str(), || path("name"))?;
        if !is_kind(one.kind.as_str()) {
            return Err(SnapshotError::invalid(path("kind"), "a kind is `service:noun` in lower case"));
        }
        if !is_word(one.region.as_str()) {
            return Err(SnapshotError::invalid(
                path("region"),
                "a region is lower-case letters, digits and `-`",
            ));
        }
        let mut tags = one.tags.0;
        few("resources.tags", tags.len(), MOST_TAGS)?;
        few("resources.more", one.more.len(), MOST_VIEWS)?;
        tags.sort();
        let mut pairs = tags.iter().zip(tags.iter().skip(1));
        if let Some((tag, _)) = pairs.find(|((a, _), (b, _))| a == b) {
            return Err(SnapshotError::twice(path("tags"), tag.0.as_str()));
        }
        let mut views = vec![View::new(found.find(&one.read, || path("read"))?, one.attributes)];
        for (other, view) in one.more.iter().enumerate() {
            let read = found.find(&view.read, || path(&format!("more[{other}].read")))?;
            views.push(View::new(read, view.attributes));
        }
        resources.push(Resource {
            id: one.id,
            kind: one.kind,
            name: one.name,
            region: one.region,
            tags,
            views,
        });
    }
    resources.sort_by(|a, b| a.id.cmp(&b.id));
    let mut pairs = resources.iter().zip(resources.iter().skip(1));
    match pairs.find(|(a, b)| a.id == b.id) {
        Some((one, _)) => Err(SnapshotError::twice("resources", one.id.as_str())),
        None => Ok(resources),
    }
}

fn edges<'a>(all: Vec<FileEdge<'a>>, reads: &[Read<'a>]) -> Result<Vec<Edge<'a>>, SnapshotError> {
    let mut found = Finder::new(reads);
    let edge = |(nth, one): (usize, FileEdge<'a>)| {
        check_id(one.from.as_str(), || format!("edges[{nth}].from"))?;
        check_id(one.to.as_str(), || format!("edges[{nth}].to"))?;
        let read = found.find(&one.read, || format!("edges[{nth}].read"))?;
        Ok(Edge { from: one.from, to: one.to, kind: one.kind, read })
    };
    all.into_iter().enumerate().map(edge).collect()
}

fn series<'a>(
    all: Vec<FileSeries<'a>>,
    reads: &[Read<'a>],
    taken: Taken,
) -> Result<Vec<Series<'a>>, SnapshotError> {
    let mut found = Finder::new(reads);
    let one = |(nth, one): (usize, FileSeries<'a>)| {
        let path = |member: &str| format!("metrics[{nth}].{member}");
        check_id(one.resource.as_str(), || path("resource"))?;
        if one.period == 0 {
            return Err(SnapshotError::invalid(path("period"), "a period has at least one second"));
        }
        let read = found.find(&one.read, || path("read"))?;
        let names = [one.resource, one.namespace, one.metric, one.statistic];
        let series = Series::new(names, (one.period, one.from), read, one.values);
        if series.periods() > MOST_VALUES {
            let cause = format!("at most {MOST_VALUES} are read: ask for longer periods");
            return Err(SnapshotError::invalid(path("values"), cause));
        }
        if !one.values.get().starts_with('[') {
            return Err(SnapshotError::invalid(path("values"), "it is a list"));
        }
        // The last period may be under way.
        if series.until() > taken.until.plus_seconds(SKEW_S + i64::from(one.period)) {
            return Err(SnapshotError::invalid(path("values"), "they go on after the snapshot was taken"));
        }
        Ok(series)
    };
    all.into_iter().enumerate().map(one).collect()
}

/// Most that come one after the other are of one read.
struct Finder<'r, 'a> {
    reads: &'r [Read<'a>],
    last: Option<(Text<'a>, ReadRef)>,
}

impl<'r, 'a> Finder<'r, 'a> {
    const fn new(reads: &'r [Read<'a>]) -> Self {
        Self { reads, last: None }
    }

    fn find(&mut self, id: &Text<'a>, path: impl Fn() -> String) -> Result<ReadRef, SnapshotError> {
        if let Some((last, read)) = &self.last
            && last == id
        {
            return Ok(*read);
        }
        let place = self
            .reads
            .binary_search_by(|read| read.id.cmp(id))
            .ok()
            .and_then(|place| u32::try_from(place).ok());
        let Some(place) = place.map(ReadRef) else {
            return Err(SnapshotError::NoSuchRead { path: path(), id: sanitize(id.as_str(), 80) });
        };
        self.last = Some((id.clone(), place));
        Ok(place)
    }
}

fn check_id(id: &str, path: impl Fn() -> String) -> Result<(), SnapshotError> {
    match id.len() {
        0 => Err(SnapshotError::invalid(path(), "it is empty")),
        length if length > LONGEST_ID => {
            Err(SnapshotError::invalid(path(), format!("it is longer than {LONGEST_ID} bytes")))
        }
        _ => Ok(()),
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

fn is_kind(text: &str) -> bool {
    text.split_once(':').is_some_and(|(service, noun)| is_word(service) && is_word(noun))
}
