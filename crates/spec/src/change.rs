//! `change.json`: the change on a server in which the plan of a folder stands, and what is known of its steps.

use std::collections::{BTreeMap, BTreeSet};

use model::{ChangeId, Digest};
use serde::{Deserialize, Serialize};

const SCHEMA: &str = "countersign.run-change/v1";

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfChange {
    schema: String,
    pub plan: Digest,
    pub change: ChangeId,
    /// Of the whole plan as it was proposed, its checks and words included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<Digest>,
    #[serde(default, skip_serializing_if = "Standing::is_none")]
    pub steps: Standing,
}

/// What is known of steps by their ids, whatever the world became since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// Ran, and every check after it passed.
    pub checked: BTreeSet<String>,
    /// How many of its own calls that take it back were made.
    pub inverted: BTreeMap<String, usize>,
    /// The next of them was begun, and there is no answer yet.
    pub inverting: BTreeSet<String>,
}

impl OfChange {
    /// Bytes of the file.
    pub const MOST: usize = 64 << 10;

    pub fn new(plan: Digest, change: ChangeId, whole: Option<Digest>, steps: Standing) -> Self {
        Self { schema: SCHEMA.to_owned(), plan, change, whole, steps }
    }

    /// Whether it is of the one schema that there is.
    pub fn is_known(&self) -> bool {
        self.schema == SCHEMA
    }
}

impl Standing {
    fn is_none(&self) -> bool {
        self.checked.is_empty() && self.stands()
    }

    /// Nothing was taken back, nor begun to be.
    pub fn stands(&self) -> bool {
        self.inverted.is_empty() && self.inverting.is_empty()
    }
}
