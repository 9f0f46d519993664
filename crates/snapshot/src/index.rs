//! The snapshot in memory: everything sorted once, found by search. What order the file had plays no part.

use model::Timestamp;

use crate::{
    Coverage, Edge, Outcome, Read, ReadRef, Resource, Series, SnapshotError, Taken, Text, View, parse,
};

#[derive(Clone, Debug)]
pub struct Snapshot<'a> {
    pub(crate) taken: Taken,
    pub(crate) account: Text<'a>,
    /// Ascending.
    pub(crate) regions: Vec<Text<'a>>,
    /// By id.
    pub(crate) reads: Vec<Read<'a>>,
    /// Their places by operation, what they are about, region.
    reads_by_operation: Vec<u32>,
    /// By id.
    pub(crate) resources: Vec<Resource<'a>>,
    /// Their places by kind, then id.
    by_kind: Vec<u32>,
    /// Their places by kind, name, region.
    by_name: Vec<u32>,
    /// By from, kind, to.
    pub(crate) edges: Vec<Edge<'a>>,
    /// Their places by to, kind, from.
    edges_in: Vec<u32>,
    /// By resource, namespace, metric, statistic, beginning, period.
    pub(crate) series: Vec<Series<'a>>,
}

impl<'a> Snapshot<'a> {
    /// Reads a snapshot's text, as of `now`.
    ///
    /// # Errors
    /// Where it is too large, not of the schema, from the future, or claims what no read showed.
    pub fn parse(text: &'a str, now: Timestamp) -> Result<Self, SnapshotError> {
        parse::parse(text, now)
    }

    pub(crate) fn indexed(
        (taken, account, mut regions): (Taken, Text<'a>, Vec<Text<'a>>),
        reads: Vec<Read<'a>>,
        resources: Vec<Resource<'a>>,
        mut edges: Vec<Edge<'a>>,
        mut series: Vec<Series<'a>>,
    ) -> Self {
        regions.sort();
        edges.sort_by(|a, b| (&a.from, a.kind, &a.to, a.read).cmp(&(&b.from, b.kind, &b.to, b.read)));
        series.sort_by(|a, b| key(a).cmp(&key(b)));
        let reads_by_operation = places(&reads, |a, b| asked(a).cmp(&asked(b)));
        let by_kind = places(&resources, |a, b| (&a.kind, &a.id).cmp(&(&b.kind, &b.id)));
        let by_name = places(&resources, |a, b| named(a).cmp(&named(b)));
        let edges_in = places(&edges, |a, b| (&a.to, a.kind, &a.from).cmp(&(&b.to, b.kind, &b.from)));
        Self {
            taken,
            account,
            regions,
            reads,
            reads_by_operation,
            resources,
            by_kind,
            by_name,
            edges,
            edges_in,
            series,
        }
    }

    pub const fn taken(&self) -> Taken {
        self.taken
    }

    pub fn account(&self) -> &str {
        self.account.as_str()
    }

    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.regions.iter().map(Text::as_str)
    }

    pub fn reads(&self) -> &[Read<'a>] {
        &self.reads
    }

    /// The id of a read: how evidence names it.
    pub fn id_of(&self, read: ReadRef) -> &str {
        self.read(read).map_or("", |read| read.id.as_str())
    }

    pub fn read(&self, read: ReadRef) -> Option<&Read<'a>> {
        self.reads.get(read.0 as usize)
    }

    pub fn resources(&self) -> &[Resource<'a>] {
        &self.resources
    }

    pub fn resource(&self, id: &str) -> Option<&Resource<'a>> {
        let found = self.resources.binary_search_by(|one| one.id.as_str().cmp(id)).ok()?;
        self.resources.get(found)
    }

    /// Ascending by id.
    pub fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Resource<'a>> {
        let kind_at = |place: &u32| self.resources.get(*place as usize).map_or("", |it| it.kind.as_str());
        between(&self.by_kind, |place| kind_at(place).cmp(kind))
            .iter()
            .filter_map(|place| self.resources.get(*place as usize))
    }

    /// The one of this kind and name in `region`.
    pub fn named(&self, kind: &str, name: &str, region: &str) -> Option<&Resource<'a>> {
        let named_at = |place: &u32| self.resources.get(*place as usize).map_or(("", "", ""), named);
        let found = between(&self.by_name, |place| named_at(place).cmp(&(kind, name, region)));
        found.first().and_then(|place| self.resources.get(*place as usize))
    }

    pub fn edges(&self) -> &[Edge<'a>] {
        &self.edges
    }

    pub fn edges_from(&self, id: &str) -> &[Edge<'a>] {
        between(&self.edges, |edge| edge.from.as_str().cmp(id))
    }

    pub fn edges_to(&self, id: &str) -> impl Iterator<Item = &Edge<'a>> {
        let to_at = |place: &u32| self.edges.get(*place as usize).map_or("", |it| it.to.as_str());
        between(&self.edges_in, |place| to_at(place).cmp(id))
            .iter()
            .filter_map(|place| self.edges.get(*place as usize))
    }

    pub fn metrics(&self) -> &[Series<'a>] {
        &self.series
    }

    pub fn metrics_of(&self, resource: &str) -> &[Series<'a>] {
        between(&self.series, |one| one.resource.as_str().cmp(resource))
    }

    /// What is known of everything that `operation` lists in `region`.
    pub fn coverage(&self, operation: &str, region: &str) -> Coverage {
        let there = |read: &Read<'_>| {
            read.about.is_none() && read.region.as_ref().is_none_or(|own| own.as_str() == region)
        };
        let (mut whole, mut part, mut worst) = (Vec::new(), None, None::<(Outcome, ReadRef)>);
        for (place, read) in self.asked(operation).filter(|(_, read)| there(read)) {
            if !read.outcome.is_whole() {
                worst = worst.max(Some((read.outcome, place)));
            } else if read.is_filtered() {
                part.get_or_insert(place);
            } else {
                whole.push(place);
            }
        }
        match (worst, part) {
            (Some((outcome, read)), _) => Coverage::Lacking(read, outcome),
            (None, _) if !whole.is_empty() => Coverage::Whole(whole),
            (None, Some(read)) => Coverage::InPart(read),
            (None, None) => Coverage::NeverAsked,
        }
    }

    /// What was answered when `operation` asked about this one resource; the last time, where it was asked more than once.
    pub fn answer(&self, operation: &str, about: &str) -> Option<(ReadRef, &Read<'a>)> {
        let about_at = |place: &u32| {
            self.reads
                .get(*place as usize)
                .map(|it| (it.operation.as_str(), it.about.as_ref().map(Text::as_str)))
        };
        let found =
            between(&self.reads_by_operation, |place| about_at(place).cmp(&Some((operation, Some(about)))));
        let all = found.iter().filter_map(|place| Some((ReadRef(*place), self.reads.get(*place as usize)?)));
        all.max_by_key(|(place, read)| (read.at, *place))
    }

    /// What a read of `operation` showed of `resource`.
    pub fn view(&self, resource: &Resource<'a>, operation: &str) -> Option<View<'a>> {
        let of =
            |view: &&View<'a>| self.read(view.read).is_some_and(|read| read.operation.as_str() == operation);
        resource.views.iter().find(of).copied()
    }

    fn asked(&self, operation: &str) -> impl Iterator<Item = (ReadRef, &Read<'a>)> {
        let operation_at =
            |place: &u32| self.reads.get(*place as usize).map_or("", |it| it.operation.as_str());
        between(&self.reads_by_operation, |place| operation_at(place).cmp(operation))
            .iter()
            .filter_map(|place| Some((ReadRef(*place), self.reads.get(*place as usize)?)))
    }
}

fn named<'r>(resource: &'r Resource<'_>) -> (&'r str, &'r str, &'r str) {
    (resource.kind.as_str(), resource.name.as_str(), resource.region.as_str())
}

fn asked<'r>(read: &'r Read<'_>) -> (&'r str, Option<&'r str>, Option<&'r str>, &'r str) {
    let region = read.region.as_ref().map(Text::as_str);
    (read.operation.as_str(), read.about.as_ref().map(Text::as_str), region, read.id.as_str())
}

pub(crate) fn key<'s>(series: &'s Series<'_>) -> (&'s str, &'s str, &'s str, &'s str, Timestamp, u32) {
    (
        series.resource.as_str(),
        series.namespace.as_str(),
        series.metric.as_str(),
        series.statistic.as_str(),
        series.from,
        series.period,
    )
}

/// The places of `items` in another order than their own.
fn places<T>(items: &[T], order: impl Fn(&T, &T) -> std::cmp::Ordering) -> Vec<u32> {
    // As many as a u32 counts: parsing is bounded far below.
    let mut places: Vec<u32> = (0..).take(items.len()).collect();
    places.sort_by(|a, b| match (items.get(*a as usize), items.get(*b as usize)) {
        (Some(a), Some(b)) => order(a, b),
        _ => std::cmp::Ordering::Equal,
    });
    places
}

/// The part of a sorted list whose members compare equal.
fn between<T>(sorted: &[T], compare: impl Fn(&T) -> std::cmp::Ordering) -> &[T] {
    let start = sorted.partition_point(|one| compare(one).is_lt());
    let end = sorted.partition_point(|one| compare(one).is_le());
    sorted.get(start..end).unwrap_or_default()
}
