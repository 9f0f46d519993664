//! What a backend must be able to do: find and keep rows. It knows columns and bytes, nothing of what they mean;
//! everything that has a meaning is done once, in [`View`](crate::View) and [`Tx`](crate::Tx).

use model::{Blob, ChangeState};

use crate::{
    Filter, Pending, StorageError,
    asked::{Asked, Came, Counted},
    trace::{Mark, Trace, Who},
};

pub(crate) type Found<T> = Result<T, StorageError>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SessionRow {
    pub(crate) id: String,
    pub(crate) access_key: String,
    pub(crate) document: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangeRow {
    pub(crate) id: String,
    pub(crate) digest: String,
    pub(crate) state: String,
    pub(crate) version: i64,
    pub(crate) session: String,
    pub(crate) agent: String,
    pub(crate) created_at: i64,
    pub(crate) document: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ApprovalRow {
    pub(crate) change: String,
    pub(crate) person: String,
    pub(crate) document: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EntryRow {
    pub(crate) id: String,
    /// The change that it is about.
    pub(crate) change: Option<String>,
    pub(crate) at: i64,
    pub(crate) bytes: Vec<u8>,
}

/// A body as it lies there, whatever somebody made of it: `None` where no salt and no body of ours can be such.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BodyRow {
    pub(crate) commitment: String,
    pub(crate) blob: Option<Blob>,
}

/// The states in which a change still stands in the way of another one that asks for the same.
pub(crate) const OPEN: [ChangeState; 4] =
    [ChangeState::Held, ChangeState::Approved, ChangeState::Executing, ChangeState::Unknown];

pub(crate) const fn is_open(state: ChangeState) -> bool {
    match state {
        ChangeState::Held | ChangeState::Approved | ChangeState::Executing | ChangeState::Unknown => true,
        ChangeState::Executed
        | ChangeState::Undone
        | ChangeState::Rejected
        | ChangeState::Expired
        | ChangeState::Withdrawn
        | ChangeState::Denied
        | ChangeState::Failed => false,
    }
}

/// Counts of what was done, over all sessions of the agent or over one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Deeds {
    pub(crate) destroys: u32,
    pub(crate) protections: u32,
    pub(crate) backups: u32,
    pub(crate) data: u32,
}

/// Whether an entry was added to the outbox or stood in it already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    Added,
    Known,
}

/// Where an outbox row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    Unknown,
    Pending,
    Sequenced(i64),
}

pub(crate) trait Rows {
    fn session(&self, id: &str) -> Found<Option<SessionRow>>;
    fn session_by_access_key(&self, key: &str) -> Found<Option<SessionRow>>;
    /// Oldest first.
    fn sessions(&self) -> Found<Vec<SessionRow>>;
    fn change(&self, id: &str) -> Found<Option<ChangeRow>>;
    fn open_change(&self, digest: &str) -> Found<Option<ChangeRow>>;
    fn latest_change(&self, digest: &str) -> Found<Option<ChangeRow>>;
    /// Newest first.
    fn changes(&self, filter: &Filter) -> Found<Vec<ChangeRow>>;
    /// In the order of the persons' names.
    fn approvals(&self, change: &str) -> Found<Vec<ApprovalRow>>;
    fn approval(&self, change: &str, person: &str) -> Found<Option<ApprovalRow>>;
    /// In the order of changes and persons.
    fn all_approvals(&self) -> Found<Vec<ApprovalRow>>;
    fn body(&self, commitment: &str) -> Found<Option<BodyRow>>;
    /// Also one that is gone.
    fn knows_body(&self, commitment: &str) -> Found<bool>;
    /// In no order.
    fn bodies(&self, each: &mut dyn FnMut(BodyRow)) -> Found<()>;
    /// How many changes are in this state.
    fn in_state(&self, state: &str) -> Found<u64>;
    /// Made at or after `since`, newest first.
    fn changes_since(&self, since: i64, limit: usize) -> Found<Vec<ChangeRow>>;
    /// Held or approved changes.
    fn waiting(&self, session: &str) -> Found<u32>;

    fn deeds(&self, who: Who<'_>, since: i64) -> Found<Deeds>;
    /// What was taken out of the allowance since.
    fn charged(&self, allowance: &str, since: i64) -> Found<i64>;
    /// Whether the session created the target and nobody has destroyed it since.
    fn created(&self, session: &str, target: &str) -> Found<bool>;
    /// The newest change that ran a request with this signature.
    fn signature(&self, signature: &str, since: i64) -> Found<Option<String>>;
    /// Open changes of the agent that wait to destroy what has this key.
    fn waiting_destroys(&self, agent: &str, key: &str) -> Found<Vec<String>>;
    /// The changes with this mark and when it was set, newest first.
    fn marked(&self, mark: Mark, target: &str, limit: usize) -> Found<Vec<(String, i64)>>;
    /// What the index says of a change.
    fn trace(&self, change: &str) -> Found<Trace>;
    /// The fingerprint of the rules by which the index was derived.
    fn derived_by(&self) -> Found<Option<String>>;

    /// How often the session asked for this in passing.
    fn asked(&self, session: &str, what: &Asked) -> Found<Option<Counted>>;
    /// How many different things it asked for in passing.
    fn kinds_asked(&self, session: &str) -> Found<u64>;
    /// Of each end that something came to: how many different things, and how often all of them.
    fn passing(&self, session: &str) -> Found<Vec<(Came, u64, Counted)>>;
    /// Each operation by which something was read and how often, the most often first.
    fn operations_asked(&self, session: &str, came: Came) -> Found<Vec<(String, i64)>>;
    /// The most often first.
    fn most_asked(&self, session: &str, came: Came, limit: usize) -> Found<Vec<(Asked, Counted)>>;
    /// How many changes of the session are in this state.
    fn session_in_state(&self, session: &str, state: &str) -> Found<u64>;

    fn last_recorded_at(&self) -> Found<Option<i64>>;
    /// The row that stands last in the log.
    fn last_sequenced(&self) -> Found<Option<i64>>;
    /// Oldest first.
    fn unsequenced(&self, limit: usize) -> Found<Vec<Pending>>;
    /// Recorded at exactly that time, in the order in which they were, each with its index in the log.
    fn recorded_at(&self, at: i64, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>>;
    /// Recorded at that time or later, in no order.
    fn recorded_since(&self, since: i64, each: &mut dyn FnMut(&[u8])) -> Found<()>;
    /// The newest about a change, in the order in which they were recorded, each with its index in the log.
    fn recorded_of(&self, change: &str, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>>;
    /// How many rows have no place in the log yet, and the time of the oldest.
    fn backlog(&self) -> Found<(u64, Option<i64>)>;
    /// The highest index that a row stands at.
    fn highest_index(&self) -> Found<Option<i64>>;
    fn standing(&self, row: i64) -> Found<Standing>;
    fn standing_of_entry(&self, entry: &str) -> Found<Standing>;
}

/// An error from any of these spoils the operation it came from, even where the operation swallows it.
pub(crate) trait RowsMut: Rows {
    fn append(&self, entry: &EntryRow) -> Found<Appended>;
    fn put_session(&self, row: &SessionRow) -> Found<()>;
    fn put_change(&self, row: &ChangeRow) -> Found<()>;
    fn put_approval(&self, row: &ApprovalRow) -> Found<()>;
    fn put_body(&self, commitment: &str, blob: &Blob) -> Found<()>;
    fn blank_body(&self, commitment: &str) -> Found<()>;
    /// Once the operation is durable, no older copy of what it overwrote may be left.
    fn leave_no_copy(&self) {}
    /// Replaces what the index says of a change.
    fn put_trace(&self, row: &ChangeRow, trace: &Trace) -> Found<()>;
    /// In the place of what was counted so far.
    fn put_asked(&self, session: &str, what: &Asked, counted: Counted) -> Found<()>;
    fn sequence(&self, row: i64, index: i64) -> Found<()>;
    /// Every entry, wherever it stands, and what was counted from them.
    fn forget_entries(&self) -> Found<()>;
}
