//! What there is, how it hangs together, and which reads showed it.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use snapshot::{Edge, ReadRef, Resource, Snapshot};

use super::{Held, counted, page::Page, taken};
use crate::{
    Told,
    arguments::InventoryQuery,
    backend::{Document, Refusal},
};

/// Edges of one resource in a list; all of them where it is asked for alone.
const EDGES: usize = 10;
const MOST_EDGES: usize = 200;
const MOST_TAGS: usize = 60;
const MOST_GAPS: usize = 20;
/// Of one view's attributes.
const MOST_ATTRIBUTES: usize = 16 << 10;

pub(super) fn answer(held: &Held<'_, '_>, query: &InventoryQuery) -> Result<Told, Refusal> {
    let snapshot = held.snapshot;
    let page = Page::of(query.cursor.as_deref(), query.limit)?;
    if let Some(id) = &query.id {
        return one(snapshot, id);
    }
    let found: Vec<&Resource<'_>> = snapshot.resources().iter().filter(|it| is_asked(query, it)).collect();
    let cut = page.cut(&found, |resource| listed(snapshot, resource));
    let mut said = format!(
        "{} of {} in the snapshot, {}{}.",
        counted(found.len(), "resource fits", "resources fit"),
        snapshot.resources().len(),
        taken(held),
        cut.said(page)
    );
    let mut data = Document::from_iter([
        ("account".to_owned(), snapshot.account().into()),
        ("regions".to_owned(), snapshot.regions().collect::<Vec<_>>().into()),
    ]);
    cut.put("resources", &mut data);
    if page.is_first() {
        said.push_str(&gaps(snapshot, &mut data));
    }
    Ok(Told { said, source: "snapshot:inventory", data })
}

fn is_asked(query: &InventoryQuery, resource: &Resource<'_>) -> bool {
    let kind = |kind: &str| resource.kind.as_str() == kind || resource.service() == kind;
    let tag = |tag: &str| match tag.split_once('=') {
        Some((key, value)) => resource.tag(key) == Some(value),
        None => resource.tag(tag).is_some(),
    };
    let has = |text: &str, part: &str| text.to_lowercase().contains(part);
    let name = |part: &str| {
        let part = part.to_lowercase();
        has(resource.name.as_str(), &part) || has(resource.id.as_str(), &part)
    };
    query.kind.as_deref().is_none_or(kind)
        && query.tag.as_deref().is_none_or(tag)
        && query.region.as_deref().is_none_or(|region| resource.region.as_str() == region)
        && query.name.as_deref().is_none_or(name)
}

fn one(snapshot: &Snapshot<'_>, id: &str) -> Result<Told, Refusal> {
    let resource = snapshot.resource(id).ok_or_else(|| {
        Refusal::new("CS203", "there is no resource of this id in the snapshot")
            .hint("ask with `name`, a part of it; what was not read is not in a snapshot")
    })?;
    let (edges, left_out) = edges(snapshot, resource, MOST_EDGES);
    let views = resource.views.iter().map(|view| {
        let attributes = match view.text() {
            text if text.len() > MOST_ATTRIBUTES => json!({ "left_out": format!("{} bytes", text.len()) }),
            text => serde_json::from_str(text).unwrap_or_default(),
        };
        json!({ "read": read(snapshot, view.read), "attributes": attributes })
    });
    let metrics = snapshot.metrics_of(resource.id.as_str()).iter().map(|series| series.metric.as_str());
    let mut data = described(resource);
    data.insert("views".to_owned(), views.collect::<Vec<_>>().into());
    data.insert("edges".to_owned(), edges.into());
    data.insert(
        "metrics".to_owned(),
        metrics.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().into(),
    );
    let said = match left_out {
        0 => "All that the snapshot has of it.".to_owned(),
        more => format!("All that the snapshot has of it, but for {}.", counted(more, "edge", "edges")),
    };
    Ok(Told { said, source: "snapshot:resource", data })
}

fn listed(snapshot: &Snapshot<'_>, resource: &Resource<'_>) -> Value {
    let (edges, left_out) = edges(snapshot, resource, EDGES);
    let mut told = described(resource);
    told.insert("edges".to_owned(), edges.into());
    if left_out > 0 {
        told.insert("more_edges".to_owned(), left_out.into());
    }
    if let Some(view) = resource.views.first() {
        told.insert("read".to_owned(), read(snapshot, view.read));
    }
    told.into()
}

fn described(resource: &Resource<'_>) -> Document {
    let tags = resource.tags.iter().take(MOST_TAGS);
    let tags: Document = tags.map(|(key, value)| (key.as_str().to_owned(), value.as_str().into())).collect();
    Document::from_iter([
        ("id".to_owned(), resource.id.as_str().into()),
        ("kind".to_owned(), resource.kind.as_str().into()),
        ("name".to_owned(), resource.name.as_str().into()),
        ("region".to_owned(), resource.region.as_str().into()),
        ("tags".to_owned(), tags.into()),
    ])
}

/// The first `most` in either direction, and how many there are beside them.
fn edges(snapshot: &Snapshot<'_>, resource: &Resource<'_>, most: usize) -> (Vec<Value>, usize) {
    let id = resource.id.as_str();
    let told = |edge: &Edge<'_>, direction: &str, other: &str| json!({ "kind": edge.kind, direction: other, "read": snapshot.id_of(edge.read) });
    let out = snapshot.edges_from(id).iter().map(|edge| told(edge, "to", edge.to.as_str()));
    let into = snapshot.edges_to(id).map(|edge| told(edge, "from", edge.from.as_str()));
    let mut all = out.chain(into);
    let first = all.by_ref().take(most).collect();
    (first, all.count())
}

fn read(snapshot: &Snapshot<'_>, read: ReadRef) -> Value {
    match snapshot.read(read) {
        Some(read) => {
            json!({ "id": read.id.as_str(), "operation": read.operation.as_str(), "at": read.at, "outcome": read.outcome })
        }
        None => Value::Null,
    }
}

/// What was asked and is not known: nothing may be concluded from its absence.
fn gaps(snapshot: &Snapshot<'_>, data: &mut Document) -> String {
    let missing: Vec<_> = snapshot.reads().iter().filter(|read| !read.outcome.is_whole()).collect();
    if missing.is_empty() {
        return String::new();
    }
    let told = missing.iter().take(MOST_GAPS).map(|read| {
        let region = read.region.as_ref().map(|region| region.as_str());
        json!({ "operation": read.operation.as_str(), "region": region, "outcome": read.outcome, "read": read.id.as_str() })
    });
    data.insert("not_known".to_owned(), told.collect::<Vec<_>>().into());
    format!(
        " {} not whole (`not_known`): what they would have shown is not known, and its absence means nothing.",
        counted(missing.len(), "read is", "reads are")
    )
}
