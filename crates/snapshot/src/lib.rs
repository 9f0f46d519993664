//! A snapshot: what was read of one account, when, by which operation, and what was refused. Findings, costs and plans run
//! from it without a network. Pure: text in, an index over that text out; who reads files and clouds is the caller.
//!
//! ```text
//! { "schema": "countersign.snapshot/v1", "account": "111122223333", "regions": ["us-east-1"],
//!   "taken": { "from": TIME, "until": TIME },
//!   "reads": [{ "id": "r1", "operation": "ec2:DescribeVolumes", "region": "us-east-1", "parameters": {…}, "at": TIME,
//!               "outcome": "complete" | "absent" | "truncated" | "denied" | "failed", "why": …, "about": RESOURCE }],
//!   "resources": [{ "id": ARN, "kind": "ec2:volume", "name": "vol-1", "region": …, "tags": {…}, "read": "r1",
//!                   "attributes": {…}, "more": [{ "read": "r2", "attributes": {…} }] }],
//!   "edges": [{ "from": ARN, "kind": "attached-to", "to": ARN, "read": "r1" }],
//!   "metrics": [{ "resource": ARN, "namespace": "AWS/EBS", "metric": "VolumeReadOps", "statistic": "Sum",
//!                 "period": 86400, "from": TIME, "values": [1, null, 0], "read": "r3" }] }
//! ```
//!
//! `attributes` are as the cloud gave them: an element of a list, or the whole answer to a question about one resource. `about` is given where a read is of one resource alone. An edge may lead to a resource
//! that is not in the snapshot: it was deleted, or is somebody else's. A value of a series that is `null` was not reported.
//! Whatever a later stage concludes from *absence* rests on [`Snapshot::coverage`]: a list that was refused is not an empty list.

mod builder;
mod error;
mod index;
mod neutral;
mod parse;
mod read;
mod resource;
mod series;
mod text;
mod write;

pub use builder::{Builder, ReadId};
pub use error::SnapshotError;
pub use index::Snapshot;
pub use read::{Coverage, Outcome, Read, ReadRef, Taken};
pub use resource::{Edge, EdgeKind, Resource, View};
pub use series::{NotNumbers, Series};
pub use text::Text;

/// An account of a few hundred thousand resources; a larger one is read region by region.
pub const MOST_BYTES: usize = 1 << 28;

/// The one schema that there is.
pub const SCHEMA: &str = "countersign.snapshot/v1";
