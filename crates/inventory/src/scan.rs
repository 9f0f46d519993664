//! The machine: what is to be asked, what is under way, what was found.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use classify_aws::call::Call;
use model::{Timestamp, Value};
use serde_json::Value as Json;
use snapshot::{EdgeKind, Outcome};

use crate::{
    Answered, Understood, answer, kept,
    metrics::{self, Values, Window},
    table::{Answer, Collector, EdgeRule, Find, Table},
    template::Filling,
};

/// One question in a thousand pages is a mistake of ours or of theirs.
const MOST_PAGES: u32 = 2_000;
const MOST_RESOURCES: usize = 400_000;
/// About as many bytes as one has in a snapshot: an edge, what stands around a series, one value of it.
const EDGE: usize = 160;
const SERIES: usize = 200;
const VALUE: usize = 4;

/// What is scanned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub partition: String,
    pub account: String,
    /// At least one; what has no region is asked in the first.
    pub regions: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AskId(u64);

/// A call to be made.
#[derive(Clone, Debug)]
pub struct Ask {
    pub id: AskId,
    pub call: Call,
    /// The same for the same question of the same scan begun again: under this, what was understood can be kept.
    pub key: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    pub answered: usize,
    /// Known to be still to ask; answers may lead to more.
    pub left: usize,
    pub resources: usize,
}

#[derive(Debug)]
pub struct Scan {
    pub(crate) place: Place,
    pub(crate) begun: Timestamp,
    pub(crate) window: Window,
    waiting: VecDeque<Job>,
    under_way: BTreeMap<AskId, Job>,
    next: u64,
    answered: usize,
    pub(crate) reads: Vec<ReadMade>,
    pub(crate) resources: Vec<Found>,
    by_id: BTreeMap<String, usize>,
    pub(crate) edges: Vec<EdgeMade>,
    /// About as many bytes as what was found will have in the snapshot.
    weight: usize,
}

#[derive(Debug)]
struct Job {
    what: What,
    region: String,
    /// The resource that it asks about.
    about: Option<usize>,
    parameters: Value,
    read: usize,
    page: u32,
    /// Something of an earlier page could not be taken.
    lacking: bool,
}

#[derive(Debug)]
enum What {
    Collect(usize),
    Metrics(Vec<Values>),
}

#[derive(Debug)]
pub(crate) struct ReadMade {
    pub(crate) operation: String,
    pub(crate) region: Option<String>,
    pub(crate) about: Option<usize>,
    pub(crate) parameters: Value,
    pub(crate) at: Timestamp,
    /// None as long as it is not answered.
    pub(crate) outcome: Option<Outcome>,
    pub(crate) why: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) region: String,
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) views: Vec<(usize, Json)>,
    pub(crate) hidden: bool,
    pub(crate) metrics: Vec<(usize, Values)>,
}

#[derive(Debug)]
pub(crate) struct EdgeMade {
    pub(crate) kind: EdgeKind,
    pub(crate) read: usize,
    pub(crate) region: String,
    pub(crate) from: End,
    pub(crate) to: End,
}

/// An end of an edge: what it is, or how it is found once everything is known.
#[derive(Clone, Debug)]
pub(crate) enum End {
    Id(String),
    Find { kind: Option<String>, stack_type: Option<String>, by: Option<String>, is: String },
}

impl Scan {
    /// `metric_days`: how many whole days of metrics are asked for; what runs once a year shows only in more than a year.
    pub fn begin(place: Place, now: Timestamp, metric_days: u32) -> Self {
        let mut scan = Self {
            window: Window::before(now, metric_days),
            begun: now,
            waiting: VecDeque::new(),
            under_way: BTreeMap::new(),
            next: 0,
            answered: 0,
            reads: Vec::new(),
            resources: Vec::new(),
            by_id: BTreeMap::new(),
            edges: Vec::new(),
            weight: 0,
            place,
        };
        for (nth, collector) in Table::shared().collectors.iter().enumerate() {
            if collector.each.is_none() {
                let most = if collector.global { 1 } else { usize::MAX };
                for region in scan.place.regions.clone().into_iter().take(most) {
                    scan.ask(nth, &region, None);
                }
            }
        }
        scan
    }

    /// A call that can be made now; others may be under way.
    #[expect(
        clippy::should_implement_trait,
        reason = "it is no iterator: after None there may be more once something was taken"
    )]
    pub fn next(&mut self) -> Option<Ask> {
        let job = self.waiting.pop_front()?;
        let id = AskId(self.next);
        self.next += 1;
        let operation = self.operation(&job);
        let (service, name) = operation.split_once(':').unwrap_or((operation, ""));
        let call = Call {
            service: service.to_owned(),
            operation: name.to_owned(),
            region: job.region.clone(),
            parameters: job.parameters.clone(),
        };
        let parameters = job.parameters.digest("countersign.scan.ask/v1");
        let key = format!("{operation} {} {} {parameters}", job.region, job.page);
        self.under_way.insert(id, job);
        Some(Ask { id, call, key })
    }

    /// What is understood of an answer. [`Understood::Later`] is not to be taken: the same call is made again.
    pub fn read(&self, id: AskId, answered: &Answered) -> Understood {
        match self.under_way.get(&id).map(|job| &job.what) {
            Some(What::Collect(nth)) => match collector(*nth) {
                Some((collector, form)) => answer::understand(Some(collector), form, answered),
                None => Understood::Failed("no such read".to_owned()),
            },
            Some(What::Metrics(_)) => answer::understand(None, metrics::form(), answered),
            None => Understood::Failed("nothing of the kind was asked".to_owned()),
        }
    }

    /// Goes on from what was understood of a call; `at` is when it was answered.
    pub fn take(&mut self, id: AskId, at: Timestamp, understood: Understood) {
        let Some(mut job) = self.under_way.remove(&id) else { return };
        self.answered += 1;
        let (outcome, why) = match understood {
            Understood::Page(page) => match self.page(&mut job, &page) {
                Paged::Last => (Outcome::Complete, None),
                Paged::More(parameters) => {
                    self.reads.get_mut(job.read).into_iter().for_each(|read| read.at = at);
                    self.waiting.push_front(Job { parameters, page: job.page + 1, ..job });
                    return;
                }
                Paged::Cut(why) => (Outcome::Truncated, Some(why)),
            },
            Understood::Absent(why) => (Outcome::Absent, Some(why)),
            Understood::Denied(why) => (Outcome::Denied, Some(why)),
            Understood::Failed(why) | Understood::Later(why) => (Outcome::Failed, Some(why)),
        };
        if let What::Metrics(values) = job.what {
            let periods: usize =
                values.iter().map(|one| SERIES.saturating_add(one.values.len().saturating_mul(VALUE))).sum();
            self.weight = self.weight.saturating_add(periods);
            let about = job.about.and_then(|about| self.resources.get_mut(about));
            about
                .into_iter()
                .for_each(|it| it.metrics.extend(values.iter().map(|one| (job.read, one.clone()))));
        }
        if let Some(read) = self.reads.get_mut(job.read) {
            read.at = at;
            // Of several pages the first ones are there.
            let cut = job.page > 0 && outcome != Outcome::Complete;
            read.outcome = Some(if cut { Outcome::Truncated } else { outcome });
            read.why = why;
        }
    }

    /// About as many bytes as the snapshot will have of what was found so far: more than [`snapshot::MOST_BYTES`] make none.
    pub const fn weight(&self) -> usize {
        self.weight
    }

    pub fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.under_way.is_empty()
    }

    pub fn progress(&self) -> Progress {
        Progress {
            answered: self.answered,
            left: self.waiting.len() + self.under_way.len(),
            resources: self.resources.iter().filter(|it| !it.hidden).count(),
        }
    }

    fn operation<'s>(&'s self, job: &Job) -> &'s str {
        self.reads.get(job.read).map_or("", |read| read.operation.as_str())
    }

    /// A question of the table, once its parameters are known.
    fn ask(&mut self, nth: usize, region: &str, about: Option<usize>) {
        let Some((collector, _)) = collector(nth) else { return };
        let nothing = Json::Null;
        let attributes = about.and_then(|about| self.resources.get(about)?.views.first());
        let attributes = attributes.map_or(&nothing, |(_, attributes)| attributes);
        if !collector.when.iter().all(|condition| condition.holds(attributes)) {
            return;
        }
        let filling = Filling { place: &self.place, region, item: attributes, about: attributes };
        let (parameters, lacks) = match parameters(&collector.with, &filling) {
            Some(parameters) => (parameters, None),
            None => (Value::Null, Some("what it asks about has no name".to_owned())),
        };
        let lacking = lacks.is_some();
        let read = self.reads.len();
        self.reads.push(ReadMade {
            operation: collector.call.clone(),
            region: (!collector.global).then(|| region.to_owned()),
            about: about.filter(|_| collector.view && !collector.covers),
            parameters: parameters.clone(),
            at: self.begun,
            outcome: lacks.is_some().then_some(Outcome::Failed),
            why: lacks,
        });
        if !lacking {
            let region = region.to_owned();
            self.waiting.push_back(Job {
                what: What::Collect(nth),
                region,
                about,
                parameters,
                read,
                page: 0,
                lacking: false,
            });
        }
    }

    fn page(&mut self, job: &mut Job, page: &Json) -> Paged {
        let (form, whole) = match &mut job.what {
            What::Metrics(values) => (metrics::form(), metrics::fill(values, page, self.window)),
            What::Collect(nth) => {
                let Some((collector, form)) = collector(*nth) else { return Paged::Last };
                let under = kept::select(page, &collector.under);
                for item in under {
                    if self.resources.len() >= MOST_RESOURCES {
                        return Paged::Cut(format!("more than {MOST_RESOURCES} resources"));
                    }
                    job.lacking |= !self.item(collector, (job.read, &job.region, job.about), item);
                }
                (form, true)
            }
        };
        match next_page(form, page, &job.parameters) {
            Ok(None) if job.lacking => Paged::Cut("something in it has no id or name".to_owned()),
            Ok(None) if whole => Paged::Last,
            Ok(None) => Paged::Cut("the cloud says that not all of it is there".to_owned()),
            Ok(Some(_)) if job.page >= MOST_PAGES => Paged::Cut(format!("more than {MOST_PAGES} pages")),
            Ok(Some(parameters)) => Paged::More(parameters),
            Err(why) => Paged::Cut(why),
        }
    }

    /// One item of an answer: a resource, a view of one, or what ties others together. `false`: it has no id or name, and is lost.
    fn item(
        &mut self,
        collector: &Collector,
        (read, region, about): (usize, &str, Option<usize>),
        item: &Json,
    ) -> bool {
        let nothing = Json::Null;
        let attributes = about.and_then(|about| Some(&self.resources.get(about)?.views.first()?.1));
        let filling = Filling { place: &self.place, region, item, about: attributes.unwrap_or(&nothing) };
        let mut own = about.and_then(|about| Some(self.resources.get(about)?.id.clone()));
        if let Some(kind) = &collector.kind {
            let (Some(id), Some(name)) = (filling.text(&collector.id), filling.text(&collector.name)) else {
                return false;
            };
            let there = Some(&collector.region).filter(|it| !it.is_empty()).and_then(|it| filling.text(it));
            let found = Found {
                id: id.clone(),
                kind: kind.clone(),
                name,
                region: there.unwrap_or_else(|| region.to_owned()),
                tags: tags(item, &collector.tags),
                views: vec![(read, keep(item, &collector.keep))],
                hidden: collector.hidden,
                metrics: Vec::new(),
            };
            own = Some(id);
            let edges = edges(&collector.edges, &filling, own.as_deref(), read);
            self.weight = self.weight.saturating_add(EDGE.saturating_mul(edges.len()));
            self.edges.extend(edges);
            self.found(found, collector);
            return true;
        }
        let edges = edges(&collector.edges, &filling, own.as_deref(), read);
        self.weight = self.weight.saturating_add(EDGE.saturating_mul(edges.len()));
        self.edges.extend(edges);
        let Some(resource) = about.filter(|_| collector.view).and_then(|about| self.resources.get_mut(about))
        else {
            return true;
        };
        resource.tags.extend(tags(item, &collector.tags));
        if !collector.keep.is_empty() {
            let kept = keep(item, &collector.keep);
            self.weight = self.weight.saturating_add(weight(&kept));
            match resource.views.iter_mut().skip(1).find(|(of, _)| *of == read) {
                Some((_, before)) => merge(before, kept),
                None => resource.views.push((read, kept)),
            }
        }
        true
    }

    /// A resource that was not known leads to what is asked about each of its kind.
    fn found(&mut self, found: Found, collector: &Collector) {
        // Pages that moved while they were read, or what one region and another both list.
        if self.by_id.contains_key(&found.id) {
            return;
        }
        let (kind, region, place) = (found.kind.clone(), found.region.clone(), self.resources.len());
        self.by_id.insert(found.id.clone(), place);
        let views: usize = found.views.iter().map(|(_, view)| weight(view)).sum();
        let texts = [&found.id, &found.name].into_iter().chain(found.tags.keys()).chain(found.tags.values());
        let texts: usize = texts.map(String::len).sum();
        self.weight = self.weight.saturating_add(views).saturating_add(texts);
        self.resources.push(found);
        for (nth, further) in Table::shared().collectors.iter().enumerate() {
            if further.each.as_deref() == Some(kind.as_str()) {
                self.ask(nth, &region, Some(place));
            }
        }
        let Some((_, attributes)) = self.resources.get(place).and_then(|it| it.views.first()) else { return };
        let filling = Filling { place: &self.place, region: &region, item: attributes, about: attributes };
        let Some((parameters, values)) = metrics::asked(collector, &filling, self.window) else { return };
        let read = self.reads.len();
        self.reads.push(ReadMade {
            operation: metrics::CALL.to_owned(),
            region: Some(region.clone()),
            about: Some(place),
            parameters: parameters.clone(),
            at: self.begun,
            outcome: None,
            why: None,
        });
        let what = What::Metrics(values);
        self.waiting.push_back(Job {
            what,
            region,
            about: Some(place),
            parameters,
            read,
            page: 0,
            lacking: false,
        });
    }

    /// The collectors that are asked for each resource of a kind, in each region, and whether any was there.
    pub(crate) fn dependent(&self) -> Vec<(&'static Collector, String, bool)> {
        let asked: BTreeSet<(&str, Option<&str>)> =
            self.reads.iter().map(|read| (read.operation.as_str(), read.region.as_deref())).collect();
        let lists =
            Table::shared().collectors.iter().filter(|it| it.each.is_some() && (!it.view || it.covers));
        lists
            .flat_map(|collector| self.place.regions.iter().map(move |region| (collector, region)))
            .map(|(collector, region)| {
                let there = (!collector.global).then_some(region.as_str());
                (collector, region.clone(), asked.contains(&(collector.call.as_str(), there)))
            })
            .collect()
    }
}

enum Paged {
    Last,
    More(Value),
    Cut(String),
}

fn collector(nth: usize) -> Option<(&'static Collector, &'static Answer)> {
    let table = Table::shared();
    let collector = table.collectors.get(nth)?;
    Some((collector, table.answers.get(&collector.call)?))
}

/// The parameters of the next page; none after the last one. A token that comes back unchanged would go on for ever.
fn next_page(form: &Answer, page: &Json, parameters: &Value) -> Result<Option<Value>, String> {
    let Some(pages) = &form.pages else { return Ok(None) };
    if let Some(more) = &pages.more
        && kept::text(page, more).as_deref() != Some("true")
    {
        return Ok(None);
    }
    let mut next = match parameters {
        Value::Map(members) => members.clone(),
        _ => BTreeMap::new(),
    };
    let mut tokens = 0;
    for (from, to) in pages.from.iter().zip(&pages.to) {
        match kept::text(page, from).filter(|token| !token.is_empty()) {
            Some(token) => {
                tokens += 1;
                next.insert(to.clone(), Value::Text(token));
            }
            None => drop(next.remove(to)),
        }
    }
    if tokens == 0 {
        return match pages.more {
            Some(_) => Err("it says that there is more, and not where".to_owned()),
            None => Ok(None),
        };
    }
    let next = Value::Map(next);
    if next == *parameters { Err("its next page is the same page".to_owned()) } else { Ok(Some(next)) }
}

fn parameters(with: &toml::Table, filling: &Filling<'_>) -> Option<Value> {
    let pairs = with.iter().map(|(name, value)| Some((name.clone(), parameter(value, filling)?)));
    Some(Value::Map(pairs.collect::<Option<_>>()?))
}

fn parameter(value: &toml::Value, filling: &Filling<'_>) -> Option<Value> {
    Some(match value {
        toml::Value::String(template) => Value::Text(filling.text(template)?),
        toml::Value::Integer(number) => Value::Int(*number),
        toml::Value::Boolean(flag) => Value::Bool(*flag),
        toml::Value::Array(items) => {
            Value::List(items.iter().map(|item| parameter(item, filling)).collect::<Option<_>>()?)
        }
        toml::Value::Table(members) => parameters(members, filling)?,
        toml::Value::Float(_) | toml::Value::Datetime(_) => return None,
    })
}

/// The members that are written down; an item that is no object is written down as it is.
fn keep(item: &Json, names: &[String]) -> Json {
    match item {
        Json::Object(members) => Json::Object(
            names
                .iter()
                .filter_map(|path| path.split('.').next())
                .filter_map(|name| Some((name.to_owned(), members.get(name)?.clone())))
                .collect(),
        ),
        other => other.clone(),
    }
}

/// The pages of one answer about one resource are one view: lists go on where the page before ended.
fn merge(before: &mut Json, page: Json) {
    match (before, page) {
        (Json::Object(all), Json::Object(page)) => {
            for (name, value) in page {
                match all.get_mut(&name) {
                    Some(known) => merge(known, value),
                    None => drop(all.insert(name, value)),
                }
            }
        }
        (Json::Array(all), Json::Array(page)) => all.extend(page),
        // What every page says.
        _ => {}
    }
}

/// How many bytes it has as text, about.
fn weight(value: &Json) -> usize {
    const QUOTES: usize = 3;
    match value {
        Json::Null | Json::Bool(_) | Json::Number(_) => VALUE,
        Json::String(text) => text.len().saturating_add(QUOTES),
        Json::Array(items) => items.iter().map(weight).sum::<usize>().saturating_add(QUOTES),
        Json::Object(members) => {
            let own = |(name, value): (&String, &Json)| {
                name.len().saturating_add(QUOTES).saturating_add(weight(value))
            };
            members.iter().map(own).sum::<usize>().saturating_add(QUOTES)
        }
    }
}

fn tags(item: &Json, path: &str) -> BTreeMap<String, String> {
    if path.is_empty() {
        return BTreeMap::new();
    }
    let mut tags = BTreeMap::new();
    // A map of tags, one of which may be called `Key`, is no list of pairs.
    let there = path.split('.').try_fold(item, |value, step| value.get(step));
    if let Some(Json::Object(members)) = there {
        let pairs = members.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        return pairs.collect();
    }
    for part in kept::select(item, path) {
        let Json::Object(members) = part else { continue };
        let pair = ["Key", "key"].iter().find_map(|it| members.get(*it)).and_then(Json::as_str);
        if let Some(key) = pair {
            let value = ["Value", "value"].iter().find_map(|it| members.get(*it)).and_then(Json::as_str);
            tags.insert(key.to_owned(), value.unwrap_or_default().to_owned());
        }
    }
    tags
}

fn edges(rules: &[EdgeRule], filling: &Filling<'_>, own: Option<&str>, read: usize) -> Vec<EdgeMade> {
    let mut made = Vec::new();
    for rule in rules {
        for part in kept::select(filling.item, &rule.each) {
            if !rule.when.iter().all(|condition| condition.holds(part)) {
                continue;
            }
            let filling = Filling { item: part, ..*filling };
            let ends = |template: Option<&String>| match template {
                Some(template) => filling.texts(template).into_iter().map(End::Id).collect(),
                None => own.map(|own| End::Id(own.to_owned())).into_iter().collect::<Vec<_>>(),
            };
            let from = ends(rule.from.as_ref());
            let to =
                rule.find.as_ref().map_or_else(|| ends(rule.to.as_ref()), |find| found_by(find, &filling));
            for from in &from {
                made.extend(to.iter().map(|to| EdgeMade {
                    kind: rule.kind,
                    read,
                    region: filling.region.to_owned(),
                    from: from.clone(),
                    to: to.clone(),
                }));
            }
        }
    }
    made
}

fn found_by(find: &Find, filling: &Filling<'_>) -> Vec<End> {
    let stack_type = find.r#type.as_ref().and_then(|template| filling.text(template));
    let end =
        |is| End::Find { kind: find.kind.clone(), stack_type: stack_type.clone(), by: find.by.clone(), is };
    filling.texts(&find.is).into_iter().map(end).collect()
}

impl Scan {
    pub(crate) fn region_of(&self, id: &str) -> Option<&str> {
        let place = self.by_id.get(id)?;
        self.resources.get(*place).map(|it| it.region.as_str())
    }
}
