//! Making a snapshot, read by read: for collectors, and for tests. What it gives is text, which is then parsed like any other:
//! there is no second way to a [`Snapshot`](crate::Snapshot).

use model::Timestamp;
use serde_json::{Value, json};

use crate::{EdgeKind, Outcome, SCHEMA, SnapshotError, Taken};

#[derive(Clone, Debug)]
pub struct Builder {
    account: String,
    regions: Vec<String>,
    taken: Taken,
    reads: Vec<Value>,
    resources: Vec<Value>,
    edges: Vec<Value>,
    metrics: Vec<Value>,
}

/// A read that the builder knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadId(usize);

impl Builder {
    pub fn new(account: &str, regions: &[&str], taken: Taken) -> Self {
        let regions = regions.iter().map(|&region| region.to_owned()).collect();
        Self {
            account: account.to_owned(),
            regions,
            taken,
            reads: vec![],
            resources: vec![],
            edges: vec![],
            metrics: vec![],
        }
    }

    /// A read of everything that `operation` lists in `region`, made at the end.
    pub fn read(&mut self, operation: &str, region: &str, outcome: Outcome) -> ReadId {
        self.add(
            json!({ "operation": operation, "region": region, "outcome": outcome, "at": self.taken.until }),
        )
    }

    /// Of a service that has no regions.
    pub fn read_everywhere(&mut self, operation: &str, outcome: Outcome) -> ReadId {
        self.add(json!({ "operation": operation, "outcome": outcome, "at": self.taken.until }))
    }

    /// A read of one resource.
    pub fn read_about(&mut self, operation: &str, about: &str, outcome: Outcome) -> ReadId {
        self.add(
            json!({ "operation": operation, "about": about, "outcome": outcome, "at": self.taken.until }),
        )
    }

    /// With the parameters it was asked with, and what the cloud said where it did not answer.
    pub fn asked(&mut self, read: ReadId, parameters: &Value, why: Option<&str>) {
        if let Some(Value::Object(members)) = self.reads.get_mut(read.0) {
            members.insert("parameters".to_owned(), parameters.clone());
            members.extend(why.map(|why| ("why".to_owned(), Value::from(why))));
        }
    }

    pub fn resource(
        &mut self,
        read: ReadId,
        [id, kind, name, region]: [&str; 4],
        tags: &Value,
        attributes: Value,
    ) {
        self.resources.push(json!({
            "id": id, "kind": kind, "name": name, "region": region, "tags": tags, "read": id_of(read), "attributes": attributes,
        }));
    }

    /// What another read says of the resource that was added last.
    pub fn view(&mut self, read: ReadId, attributes: Value) {
        let view = json!({ "read": id_of(read), "attributes": attributes });
        if let Some(Value::Object(members)) = self.resources.last_mut() {
            match members.get_mut("more").and_then(Value::as_array_mut) {
                Some(more) => more.push(view),
                None => drop(members.insert("more".to_owned(), Value::from(vec![view]))),
            }
        }
    }

    pub fn edge(&mut self, read: ReadId, from: &str, kind: EdgeKind, to: &str) {
        self.edges.push(json!({ "from": from, "kind": kind, "to": to, "read": id_of(read) }));
    }

    /// `values`, one for each `period` seconds since `from`.
    pub fn metric(
        &mut self,
        read: ReadId,
        [resource, namespace, metric, statistic]: [&str; 4],
        (from, period): (Timestamp, u32),
        values: &[Option<f64>],
    ) {
        self.metrics.push(json!({
            "resource": resource, "namespace": namespace, "metric": metric, "statistic": statistic, "from": from,
            "period": period, "values": values, "read": id_of(read),
        }));
    }

    /// The file's text, in its one order.
    ///
    /// # Errors
    /// Where what was put together is no snapshot.
    pub fn to_text(&self, now: Timestamp) -> Result<String, SnapshotError> {
        let text = self.draft();
        Ok(crate::Snapshot::parse(&text, now)?.to_text())
    }

    /// In the order of adding, unchecked.
    pub fn draft(&self) -> String {
        json!({
            "schema": SCHEMA, "account": self.account, "regions": self.regions, "taken": self.taken, "reads": self.reads,
            "resources": self.resources, "edges": self.edges, "metrics": self.metrics,
        })
        .to_string()
    }

    fn add(&mut self, mut read: Value) -> ReadId {
        let id = ReadId(self.reads.len());
        if let Value::Object(members) = &mut read {
            members.insert("id".to_owned(), Value::from(id_of(id)));
        }
        self.reads.push(read);
        id
    }
}

fn id_of(read: ReadId) -> String {
    format!("r{}", read.0)
}
