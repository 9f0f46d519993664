//! What can be asked. A view is one consistent state of the store, inside an operation or beside it.

use std::{collections::BTreeSet, fmt};

use model::{
    ActionParts, AgentId, AllowanceId, Approval, Change, ChangeId, ChangeState, Commitment, Digest, Entry,
    EntryId, History, PersonId, Session, SessionId, Step, StepState, Timestamp,
};

use crate::{
    Document, Fetched, Filter, HistoryQuery, Pending, Projection, Reach, StorageError, StoredBody,
    document::{Stored, decode},
    listed,
    rows::{ApprovalRow, BodyRow, Found, Rows, Standing},
    trace::{Mark, Trace, Who, takes_more, vetoed},
};

/// Whatever is returned agreed with its row's columns; a row that does not is [`StorageError::Tampered`].
pub struct View<'a> {
    rows: &'a dyn Rows,
}

impl<'a> View<'a> {
    /// Entries of one time: more tell nobody anything.
    pub(crate) const AT_ONCE: usize = 1000;

    pub(crate) fn new(rows: &'a dyn Rows) -> Self {
        Self { rows }
    }

    pub fn session(&self, id: SessionId) -> Result<Option<Session>, StorageError> {
        load(self.rows.session(&id.to_string())?)
    }

    pub fn session_by_access_key(&self, access_key: &str) -> Result<Option<Session>, StorageError> {
        load(self.rows.session_by_access_key(access_key)?)
    }

    /// Oldest first.
    pub fn sessions(&self) -> Result<Vec<Session>, StorageError> {
        self.rows.sessions()?.iter().map(decode).collect()
    }

    pub fn change(&self, id: ChangeId) -> Result<Option<Change>, StorageError> {
        load(self.rows.change(&id.to_string())?)
    }

    /// The one change with this digest that is held, approved, executing or of unknown outcome.
    pub fn open_change(&self, digest: Digest) -> Result<Option<Change>, StorageError> {
        load(self.rows.open_change(&digest.to_string())?)
    }

    /// The newest change with this digest, whatever became of it.
    pub fn latest_by_digest(&self, digest: Digest) -> Result<Option<Change>, StorageError> {
        load(self.rows.latest_change(&digest.to_string())?)
    }

    /// An open change in which one action can run yet, and which of its steps that is: of this action alone, or of
    /// several. `alone` is the [`change_digest`](model::change_digest) of it alone.
    pub fn open_asking(
        &self,
        alone: Digest,
        action: Digest,
    ) -> Result<Option<(Change, usize)>, StorageError> {
        if let Some(change) = self.open_change(alone)? {
            return Ok(Some((change, 0)));
        }
        let marked = self.rows.marked(Mark::Asks, &alone.to_string(), 1)?;
        let Some((id, _)) = marked.into_iter().next() else { return Ok(None) };
        let Some(change) = self.change(change_id(&id)?)? else { return Ok(None) };
        let can_run = |step: &Step| match step.state {
            StepState::Pending | StepState::Executing | StepState::Unknown => step.digest == action,
            StepState::Executed | StepState::Failed | StepState::Undone => false,
        };
        Ok(change.steps.iter().position(can_run).map(|nth| (change, nth)))
    }

    /// The change in which one action was last asked for or ran, whatever became of it, and which of its steps that is.
    /// Among several that were proposed together it counts only once it ran.
    pub fn latest_asking(
        &self,
        alone: Digest,
        action: Digest,
    ) -> Result<Option<(Change, usize)>, StorageError> {
        let lone = self.latest_by_digest(alone)?;
        let marked = self.rows.marked(Mark::Asked, &alone.to_string(), 1)?;
        let Some((id, at)) = marked.into_iter().next() else {
            return Ok(lone.map(|change| (change, 0)));
        };
        if lone.as_ref().is_some_and(|change| change.created_at.millis() > at) {
            return Ok(lone.map(|change| (change, 0)));
        }
        let Some(change) = self.change(change_id(&id)?)? else { return Ok(None) };
        Ok(change.steps.iter().rposition(|step| step.digest == action).map(|nth| (change, nth)))
    }

    /// The newest changes that `lone`, which is about to be held, could join as far as an index tells.
    pub fn taking_more(&self, lone: &Change, limit: usize) -> Result<Vec<Change>, StorageError> {
        let Some(key) = takes_more(lone) else { return Ok(Vec::new()) };
        let mut found = Vec::new();
        for (id, _) in self.rows.marked(Mark::TakesMore, &key, limit)? {
            found.extend(self.change(change_id(&id)?)?);
        }
        Ok(found)
    }

    /// The newest changes in which somebody rejected this operation on one of these targets, whoever asked for it; at most
    /// `limit` of each target, the newest first.
    pub fn vetoes_of(&self, action: &ActionParts, limit: usize) -> Result<Vec<Change>, StorageError> {
        let mut found = BTreeSet::new();
        for key in vetoed(action) {
            found.extend(self.rows.marked(Mark::Vetoed, &key, limit)?.into_iter().map(|(id, at)| (at, id)));
        }
        let newest = found.iter().rev().take(limit);
        newest.filter_map(|(_, id)| change_id(id).and_then(|id| self.change(id)).transpose()).collect()
    }

    /// Newest first.
    pub fn changes(&self, filter: &Filter) -> Result<Vec<Change>, StorageError> {
        self.rows.changes(filter)?.iter().map(decode).collect()
    }

    /// The same by their names alone, and how many rows there are: nothing is asked of what lies in them.
    pub fn change_ids(&self, filter: &Filter) -> Result<(Vec<ChangeId>, usize), StorageError> {
        let rows = self.rows.changes(filter)?;
        Ok((rows.iter().filter_map(|row| row.id.parse().ok()).collect(), rows.len()))
    }

    /// How many changes are in this state; no document is read.
    pub fn count_in(&self, state: ChangeState) -> Result<u64, StorageError> {
        self.rows.in_state(state.name())
    }

    /// At most `limit` that were asked for at or after `since`, newest first.
    pub fn changes_since(&self, since: Timestamp, limit: usize) -> Result<Vec<Change>, StorageError> {
        self.rows.changes_since(since.millis(), limit)?.iter().map(decode).collect()
    }

    /// At most one per person, in the order of their names.
    pub fn approvals(&self, change: ChangeId) -> Result<Vec<Approval>, StorageError> {
        self.rows.approvals(&change.to_string())?.iter().map(decode).collect()
    }

    /// Of all approvals on record that can be read.
    pub fn signatures(&self) -> Result<Vec<String>, StorageError> {
        let rows = self.rows.all_approvals()?;
        let read = rows.iter().filter_map(|row| decode::<Approval>(row).ok());
        Ok(read.flat_map(|it| it.given()).map(|it| it.signature).collect())
    }

    /// Those of which a signature was given at or after `since`, in the order of changes and persons. They are found by what was
    /// recorded since then, however many there are. What cannot be read is told by whoever compares.
    pub fn approvals_since(&self, since: Timestamp) -> Result<Vec<Approval>, StorageError> {
        let mut signed = BTreeSet::new();
        self.rows.recorded_since(since.millis(), &mut |bytes| {
            let subject = serde_json::from_slice::<Entry>(bytes).ok().and_then(|entry| entry.subject);
            signed.extend(subject.filter(|it| it.table == Approval::TABLE).map(|it| it.id));
        })?;
        let mut found = Vec::new();
        for (change, person) in signed.iter().filter_map(|id| id.split_once('/')) {
            let row = self.rows.approval(change, person)?;
            found.extend(row.and_then(|row| decode::<Approval>(&row).ok()));
        }
        found.retain(|it| it.given().iter().any(|given| given.at >= since));
        Ok(found)
    }

    pub fn approval(&self, change: ChangeId, person: &PersonId) -> Result<Option<Approval>, StorageError> {
        load::<Approval>(self.rows.approval(&change.to_string(), person.as_str())?)
    }

    /// A body, held against its commitment: one that somebody changed is never returned.
    pub fn body(&self, commitment: Commitment) -> Result<Fetched, StorageError> {
        Ok(match self.rows.body(&commitment.to_string())? {
            None => Fetched::Absent,
            Some(BodyRow { blob: Some(blob), .. }) if blob.commitment() == commitment => Fetched::Whole(blob),
            Some(_) => Fetched::Altered,
        })
    }

    /// Changes whose documents, of an earlier version, hold bodies yet.
    pub fn holding_bodies(&self, limit: usize) -> Result<Vec<Change>, StorageError> {
        let mut found = Vec::new();
        for (id, _) in self.rows.marked(Mark::HoldsBody, "", limit)? {
            found.extend(self.change(change_id(&id)?)?);
        }
        Ok(found)
    }

    /// What went before, as rules read it. `created_by_session` looks at the whole session, the counts at the window.
    pub fn history(&self, query: &HistoryQuery) -> Result<History, StorageError> {
        let (session, since) = (query.session.to_string(), query.since.millis());
        let own = self.rows.deeds(Who::Session(&session), since)?;
        let agent = self.rows.deeds(Who::Agent(query.agent.as_str()), since)?;
        let mut created_by_session = !query.targets.is_empty();
        for target in query.targets.iter().collect::<BTreeSet<_>>() {
            created_by_session = created_by_session && self.rows.created(&session, target.as_str())?;
        }
        Ok(History {
            destroys: own.destroys,
            agent_destroys: agent.destroys,
            protections_lowered: own.protections,
            backups_touched: own.backups,
            data_destroyed: own.data,
            created_by_session,
        })
    }

    /// What changes that nobody had to agree to took out of an allowance of the bundle since then.
    pub fn charged(&self, allowance: &AllowanceId, since: Timestamp) -> Result<u64, StorageError> {
        let amount = self.rows.charged(allowance.as_str(), since.millis())?;
        Ok(u64::try_from(amount).unwrap_or(u64::MAX))
    }

    /// Changes of the session that are held or approved.
    pub fn open_holds(&self, session: SessionId) -> Result<u32, StorageError> {
        self.rows.waiting(&session.to_string())
    }

    /// The newest change that ran, since then, a request with this very signature.
    pub fn seen_signature(
        &self,
        signature: Digest,
        since: Timestamp,
    ) -> Result<Option<ChangeId>, StorageError> {
        let found = self.rows.signature(&signature.to_string(), since.millis())?;
        found.map(|id| change_id(&id)).transpose()
    }

    /// Held or approved changes of the agent that would destroy something with one of these keys
    /// ([`Resource::key`](model::Resource::key)), oldest first.
    pub fn held_destroys_of(&self, agent: &AgentId, keys: &[String]) -> Result<Vec<ChangeId>, StorageError> {
        let mut found = BTreeSet::new();
        for key in keys.iter().collect::<BTreeSet<_>>() {
            found.extend(self.rows.waiting_destroys(agent.as_str(), key)?);
        }
        found.iter().map(|id| change_id(id)).collect()
    }

    /// The latest time of any recorded entry: a clock behind it is no clock.
    pub fn last_recorded_at(&self) -> Result<Option<Timestamp>, StorageError> {
        Ok(self.rows.last_recorded_at()?.map(Timestamp::from_millis))
    }

    /// Entries that the ledger does not hold yet, in the order in which they were recorded.
    pub fn unsequenced(&self, limit: usize) -> Result<Vec<Pending>, StorageError> {
        self.rows.unsequenced(limit)
    }

    /// The number of the outbox row that stands last in the ledger. Numbers are given once, each the one before and one more, and an
    /// operation that is rolled back takes none: where one is missing after this one, somebody took a row away.
    pub fn last_sequenced_row(&self) -> Result<Option<i64>, StorageError> {
        self.rows.last_sequenced()
    }

    /// How many entries the ledger does not hold yet, and since when the oldest of them waits.
    pub fn backlog(&self) -> Result<(u64, Option<Timestamp>), StorageError> {
        let (rows, since) = self.rows.backlog()?;
        Ok((rows, since.map(Timestamp::from_millis)))
    }

    /// One past the highest index of the ledger that an entry of the store is known to stand at; 0 while there is none.
    pub fn sequenced_through(&self) -> Result<u64, StorageError> {
        Ok(self
            .rows
            .highest_index()?
            .and_then(|index| u64::try_from(index).ok())
            .map_or(0, |index| index + 1))
    }

    /// Which checkpoints of the ledger this state goes with.
    pub fn reach(&self) -> Result<Reach, StorageError> {
        let pending = self.rows.unsequenced(usize::MAX)?.len() as u64;
        Ok(Reach { sequenced: self.sequenced_through()?, pending })
    }

    /// What was recorded of a change, the oldest first and of more than `limit` the newest; each with its index in the ledger,
    /// once that is known.
    pub fn recorded_of(
        &self,
        change: ChangeId,
        limit: usize,
    ) -> Result<Vec<(Entry, Option<u64>)>, StorageError> {
        let rows = self.rows.recorded_of(&change.to_string(), limit)?;
        // What is no entry is found by whoever compares; here it tells nothing.
        let entries = rows.into_iter().filter_map(|(bytes, index)| {
            let entry = serde_json::from_slice::<Entry>(&bytes).ok()?;
            Some((entry, index.and_then(|index| u64::try_from(index).ok())))
        });
        Ok(entries.filter(|(entry, _)| entry.change == Some(change)).collect())
    }

    /// Where in the ledger an entry stands, once it is known.
    pub fn index_of(&self, entry: EntryId) -> Result<Option<u64>, StorageError> {
        match self.rows.standing_of_entry(&entry.to_string())? {
            Standing::Unknown | Standing::Pending => Ok(None),
            Standing::Sequenced(index) => Ok(u64::try_from(index).ok()),
        }
    }

    /// Every session, change and approval as it lies there, altered or not, for comparison with the ledger.
    pub fn documents(&self) -> Result<Vec<Document>, StorageError> {
        let mut documents = Vec::new();
        for row in self.rows.sessions()? {
            documents.push(document::<Session>(&row, |_| Ok(None))?);
        }
        // Another version's index is made again when that version opens the store; it convicts nobody.
        let comparable = self.rows.derived_by()? == Some(listed::fingerprint());
        for row in self.rows.changes(&Filter { limit: usize::MAX, ..Filter::default() })? {
            documents.push(document::<Change>(&row, |change| {
                let altered = comparable && self.rows.trace(&row.id)? != Trace::of(change);
                Ok(altered.then(|| "the index of its deeds contradicts its document".to_owned()))
            })?);
        }
        for row in self.rows.all_approvals()? {
            documents.push(document::<Approval>(&row, |_: &Approval| Ok(None))?);
        }
        Ok(documents)
    }

    /// All documents, with the entries of the log that they go with.
    pub fn projection(&self) -> Result<Projection, StorageError> {
        let mut bodies = Vec::new();
        self.rows.bodies(&mut |row| {
            let found = row.blob.map(|blob| blob.commitment());
            bodies.push(StoredBody { commitment: row.commitment, found });
        })?;
        Ok(Projection {
            documents: self.documents()?,
            bodies,
            sequenced: self.sequenced_through()?,
            pending: self.unsequenced(usize::MAX)?.into_iter().map(|it| it.bytes).collect(),
        })
    }

    pub(crate) fn rows(&self) -> &dyn Rows {
        self.rows
    }

    pub(crate) fn approval_row(&self, change: &str, person: &str) -> Found<Option<ApprovalRow>> {
        self.rows.approval(change, person)
    }

    pub(crate) fn knows_body(&self, commitment: Commitment) -> Found<bool> {
        self.rows.knows_body(&commitment.to_string())
    }

    pub(crate) fn row_standing(&self, row: i64) -> Found<Standing> {
        self.rows.standing(row)
    }
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("View")
    }
}

fn load<T: Stored>(row: Option<T::Row>) -> Found<Option<T>> {
    row.as_ref().map(decode).transpose()
}

fn document<T: Stored>(row: &T::Row, further: impl FnOnce(&T) -> Found<Option<String>>) -> Found<Document> {
    let altered = match decode::<T>(row) {
        Ok(value) => further(&value)?,
        Err(StorageError::Tampered { what, .. }) => Some(what),
        Err(other) => return Err(other),
    };
    Ok(Document { table: T::TABLE.to_owned(), id: T::id_of(row), bytes: T::bytes_of(row).to_vec(), altered })
}

fn change_id(text: &str) -> Found<ChangeId> {
    text.parse().map_err(|_| StorageError::Tampered {
        table: "change",
        id: model::sanitize(text, 64),
        what: "the index names a change that cannot be".to_owned(),
    })
}
