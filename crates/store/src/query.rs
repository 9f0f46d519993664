//! What is asked of a view, as values.

use model::{ActionParts, AgentId, ChangeId, ChangeState, Resource, SessionId, Timestamp};

/// Which changes; empty members ask for all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    pub states: Vec<ChangeState>,
    pub agent: Option<AgentId>,
    pub session: Option<SessionId>,
    /// Only those that come after it, newest first; none, where it is no change.
    pub before: Option<ChangeId>,
    pub limit: usize,
}

impl Default for Filter {
    fn default() -> Self {
        Self { states: Vec::new(), agent: None, session: None, before: None, limit: 100 }
    }
}

/// Whose history, about what, since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryQuery {
    pub session: SessionId,
    pub agent: AgentId,
    /// Of the action that is judged.
    pub targets: Vec<Target>,
    pub since: Timestamp,
}

/// A resource and where it lies: a database of the same name in another account is another database.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Target(String);

impl Target {
    pub fn of(action: &ActionParts, resource: &Resource) -> Self {
        // Account, partition and region are names of a cloud's own; the unit separator stands in none of them.
        Self(
            [action.partition.0.as_str(), &action.account.0, &action.region.0, &resource.key()]
                .join("\u{1f}"),
        )
    }

    /// Every resource that the action names.
    pub fn all(action: &ActionParts) -> Vec<Self> {
        action.resources.iter().map(|resource| Self::of(action, resource)).collect()
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// An entry that the ledger does not hold yet: the bytes of its leaf, and the row to name when it does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    pub row: i64,
    pub bytes: Vec<u8>,
}

/// A state of the database goes with every checkpoint of at least `sequenced` entries and at most `pending` more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    pub sequenced: u64,
    pub pending: u64,
}

impl Reach {
    pub const fn holds(&self, size: u64) -> bool {
        self.sequenced <= size && size - self.sequenced <= self.pending
    }
}
