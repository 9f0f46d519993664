//! From what was found to the snapshot's text.

use std::collections::BTreeMap;

use model::Timestamp;
use serde_json::{Value as Json, json};
use snapshot::{Outcome, Snapshot, SnapshotError};

use crate::{
    kept,
    metrics::Window,
    scan::{EdgeMade, End, ReadMade, Scan},
    table::Table,
};

#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    #[error("{0} calls are not answered yet")]
    Unfinished(usize),
    #[error("what was read makes no snapshot: {0}")]
    Snapshot(#[from] SnapshotError),
}

impl Scan {
    /// The snapshot, as of `now`, as the text of its file.
    pub fn finish(mut self, now: Timestamp) -> Result<String, ScanError> {
        let left = self.progress().left;
        if left > 0 {
            return Err(ScanError::Unfinished(left));
        }
        self.say_why_unasked();
        let names = Names::of(&self);
        let shown: Vec<_> = self.resources.iter().filter(|it| !it.hidden).collect();
        let resources: Vec<Json> = shown
            .iter()
            .map(|it| {
                let mut views = it.views.iter();
                let (read, attributes) = views.next().map_or((0, &Json::Null), |(read, view)| (*read, view));
                let more: Vec<Json> =
                    views.map(|(read, view)| json!({ "read": read_id(*read), "attributes": view })).collect();
                json!({
                    "id": it.id, "kind": it.kind, "name": it.name, "region": it.region, "tags": it.tags,
                    "read": read_id(read), "attributes": attributes, "more": more,
                })
            })
            .collect();
        let edges: Vec<Json> = self.edges.iter().filter_map(|edge| names.edge(edge)).collect();
        let metrics: Vec<Json> = shown
            .iter()
            .flat_map(|it| it.metrics.iter().map(move |(read, values)| (it, read, values)))
            .map(|(it, read, values)| {
                json!({
                    "resource": it.id, "namespace": values.namespace, "metric": values.metric,
                    "statistic": values.statistic, "period": Window::period(), "from": self.window.from,
                    "values": values.values, "read": read_id(*read),
                })
            })
            .collect();
        let reads: Vec<Json> =
            self.reads.iter().enumerate().map(|(nth, read)| self.read_text(nth, read)).collect();
        let until = self.reads.iter().map(|read| read.at).max().unwrap_or(self.begun).max(self.begun);
        let text = json!({
            "schema": snapshot::SCHEMA, "account": self.place.account, "regions": self.place.regions,
            "taken": { "from": self.begun, "until": until },
            "reads": reads, "resources": resources, "edges": edges, "metrics": metrics,
        })
        .to_string();
        Ok(Snapshot::parse(&text, now)?.to_text())
    }

    /// What is asked for each resource of a kind is not asked where there is none, nor for those that were not listed: that there is no
    /// more of it is known as well as the kind is.
    fn say_why_unasked(&mut self) {
        let mut said: Vec<ReadMade> = Vec::new();
        for (collector, region, asked_any) in self.dependent() {
            let Some(kind) = collector.each.as_deref() else { continue };
            let lists = Table::shared().collectors.iter().filter(|it| it.kind.as_deref() == Some(kind));
            let calls: Vec<&str> = lists.map(|it| it.call.as_str()).collect();
            let asked = self.reads.iter().chain(&said).filter(|read: &&ReadMade| {
                calls.contains(&read.operation.as_str())
                    && read.region.as_deref().is_none_or(|there| there == region)
            });
            let worst = asked.max_by_key(|read| read.outcome);
            let whole = worst.and_then(|read| read.outcome).is_some_and(Outcome::is_whole);
            if asked_any && (whole || worst.is_none()) {
                continue;
            }
            let (outcome, why) = match worst {
                Some(_) if whole => (Outcome::Absent, format!("there is no {kind} to ask about")),
                Some(read) => {
                    let outcome = read.outcome.unwrap_or(Outcome::Failed);
                    let how = if outcome == Outcome::Failed {
                        "failed".to_owned()
                    } else {
                        format!("was {}", outcome.name())
                    };
                    (outcome, format!("{} {how}", read.operation))
                }
                None => (Outcome::Failed, format!("whether there is a {kind} was not asked")),
            };
            said.push(ReadMade {
                operation: collector.call.clone(),
                region: (!collector.global).then_some(region),
                about: None,
                parameters: model::Value::Null,
                at: worst.map_or(self.begun, |read| read.at),
                outcome: Some(outcome),
                why: Some(why),
            });
        }
        self.reads.extend(said);
    }

    fn read_text(&self, nth: usize, read: &ReadMade) -> Json {
        let mut text = json!({
            "id": read_id(nth), "operation": read.operation, "at": read.at,
            "outcome": read.outcome.unwrap_or(Outcome::Failed),
        });
        let Json::Object(members) = &mut text else { return text };
        let about = read.about.and_then(|about| self.resources.get(about)).filter(|it| !it.hidden);
        members.extend(read.region.as_ref().map(|region| ("region".to_owned(), json!(region))));
        members.extend(about.map(|about| ("about".to_owned(), json!(about.id))));
        members.extend(read.why.as_ref().map(|why| ("why".to_owned(), json!(why))));
        let parameters = to_json(&read.parameters);
        let given = parameters.as_object().is_some_and(|given| !given.is_empty());
        members.extend(given.then_some(("parameters".to_owned(), parameters)));
        text
    }
}

fn read_id(nth: usize) -> String {
    format!("r{nth}")
}

fn to_json(value: &model::Value) -> Json {
    match value {
        model::Value::Null | model::Value::Bytes(_) => Json::Null,
        model::Value::Bool(flag) => json!(flag),
        model::Value::Int(number) => json!(number),
        model::Value::Number(text) | model::Value::Text(text) => json!(text),
        model::Value::List(items) => items.iter().map(to_json).collect(),
        model::Value::Map(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), to_json(value))).collect())
        }
    }
}

/// Everything that was found, by what edges call it.
struct Names<'s> {
    scan: &'s Scan,
    /// By kind and name; by kind and id.
    named: BTreeMap<(&'s str, &'s str), Vec<&'s str>>,
    /// By kind, path and what stands there.
    by: BTreeMap<(&'s str, &'s str, String), Vec<&'s str>>,
}

impl<'s> Names<'s> {
    fn of(scan: &'s Scan) -> Self {
        let mut names = Self { scan, named: BTreeMap::new(), by: BTreeMap::new() };
        let looked: Vec<(&str, &str)> = Table::shared()
            .collectors
            .iter()
            .flat_map(|it| &it.edges)
            .filter_map(|rule| rule.find.as_ref())
            .filter_map(|find| Some((find.kind.as_deref()?, find.by.as_deref()?)))
            .collect();
        for found in &scan.resources {
            let (kind, id) = (found.kind.as_str(), found.id.as_str());
            names.named.entry((kind, found.name.as_str())).or_default().push(id);
            if found.name != found.id {
                names.named.entry((kind, id)).or_default().push(id);
            }
            for (_, path) in looked.iter().filter(|(of, _)| *of == kind) {
                for (_, view) in &found.views {
                    for text in kept::select(view, path).into_iter().filter_map(kept::scalar) {
                        let there = names.by.entry((kind, *path, bare(&text))).or_default();
                        if !there.contains(&id) {
                            there.push(id);
                        }
                    }
                }
            }
        }
        names
    }

    /// None where an end is nothing that was found, or could be several.
    fn edge(&self, edge: &EdgeMade) -> Option<Json> {
        let (from, to) = (self.end(&edge.from, &edge.region)?, self.end(&edge.to, &edge.region)?);
        Some(json!({ "from": from, "kind": edge.kind, "to": to, "read": read_id(edge.read) }))
    }

    fn end<'e>(&'e self, end: &'e End, region: &str) -> Option<&'e str> {
        let found = match end {
            End::Id(id) => return Some(id),
            End::Find { kind: Some(kind), by: Some(by), is, .. } => {
                self.by.get(&(kind.as_str(), by.as_str(), bare(is)))
            }
            End::Find { kind: Some(kind), by: None, is, .. } => self.named.get(&(kind.as_str(), is.as_str())),
            End::Find { kind: None, stack_type, is, .. } => {
                let kind = Table::shared().stack_kinds.get(stack_type.as_deref()?)?;
                self.named.get(&(kind.as_str(), is.as_str()))
            }
        }?;
        let there = |id: &&&str| self.scan.region_of(id) == Some(region);
        match found.as_slice() {
            [only] => Some(only),
            several => {
                let mut own = several.iter().filter(there);
                let first = own.next()?;
                own.next().is_none().then_some(*first)
            }
        }
    }
}

/// A DNS name without what writes the same name otherwise.
fn bare(text: &str) -> String {
    let text = text.trim_end_matches('.').to_ascii_lowercase();
    text.strip_prefix("dualstack.").map(str::to_owned).unwrap_or(text)
}
