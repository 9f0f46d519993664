//! The store without a disk: as simple as can be, because it is the oracle that SQLite is compared with. Lookups by
//! anything but an id walk through everything.

use std::{
    collections::BTreeMap,
    sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use model::Blob;

use crate::{
    Filter, Pending, StorageError, Tx,
    asked::{Asked, Came, Counted},
    listed,
    readers::Source,
    rows::{
        Appended, ApprovalRow, BodyRow, ChangeRow, Deeds, EntryRow, Found, OPEN, Rows, RowsMut, SessionRow,
        Standing,
    },
    trace::{Mark, Trace, Who},
    writer::{Backend, Job, Keep},
};

#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Held for a whole batch by the writer and for a whole operation by a reader: what makes a snapshot one.
    gate: RwLock<()>,
    state: RwLock<State>,
}

#[derive(Debug, Default)]
struct State {
    sessions: BTreeMap<String, SessionRow>,
    changes: BTreeMap<String, ChangeRow>,
    approvals: BTreeMap<(String, String), ApprovalRow>,
    /// `None` once it is gone.
    bodies: BTreeMap<String, Option<Blob>>,
    traces: BTreeMap<String, Trace>,
    asked: BTreeMap<(String, Asked), Counted>,
    outbox: BTreeMap<i64, (EntryRow, Option<i64>)>,
    /// Rows of the outbox by the entry's id.
    entries: BTreeMap<String, i64>,
    /// What to put back if the operation under way is discarded, latest last.
    undo: Vec<Undo>,
}

#[derive(Debug)]
enum Undo {
    Session(String, Option<SessionRow>),
    Change(String, Option<ChangeRow>),
    Approval((String, String), Option<ApprovalRow>),
    Body(String, Option<Option<Blob>>),
    Trace(String, Option<Trace>),
    Asked((String, Asked), Option<Counted>),
    Appended(i64),
    Sequenced(i64),
    Forgotten(BTreeMap<i64, (EntryRow, Option<i64>)>, BTreeMap<(String, Asked), Counted>),
}

impl Backend for Arc<Memory> {
    fn batch(&mut self, jobs: &mut [Box<dyn Job>]) -> Vec<Result<(), StorageError>> {
        let _alone = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        let run = |job: &mut Box<dyn Job>| {
            match job.run(&mut Tx::new(&**self)) {
                Keep::Keep => self.state_mut().undo.clear(),
                Keep::Discard => self.state_mut().roll_back(),
            }
            Ok(())
        };
        jobs.iter_mut().map(run).collect()
    }

    fn owes(&self) -> bool {
        false
    }
}

impl Source for Arc<Memory> {
    fn snapshot(&mut self, read: &mut dyn FnMut(Result<&dyn Rows, StorageError>)) {
        let _still = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        read(Ok(&**self));
    }
}

impl Memory {
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn state_mut(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn roll_back(&mut self) {
        while let Some(undo) = self.undo.pop() {
            match undo {
                Undo::Session(id, old) => restore(&mut self.sessions, id, old),
                Undo::Change(id, old) => restore(&mut self.changes, id, old),
                Undo::Approval(id, old) => restore(&mut self.approvals, id, old),
                Undo::Body(id, old) => restore(&mut self.bodies, id, old),
                Undo::Trace(id, old) => restore(&mut self.traces, id, old),
                Undo::Asked(key, old) => restore(&mut self.asked, key, old),
                Undo::Appended(row) => {
                    if let Some((entry, _)) = self.outbox.remove(&row) {
                        self.entries.remove(&entry.id);
                    }
                }
                Undo::Sequenced(row) => {
                    if let Some((_, index)) = self.outbox.get_mut(&row) {
                        *index = None;
                    }
                }
                Undo::Forgotten(outbox, asked) => {
                    self.entries = outbox.iter().map(|(row, (entry, _))| (entry.id.clone(), *row)).collect();
                    self.outbox = outbox;
                    self.asked = asked;
                }
            }
        }
    }

    fn asked_by<'a>(&'a self, session: &'a str) -> impl Iterator<Item = (&'a Asked, &'a Counted)> {
        self.asked
            .iter()
            .filter(move |((of, _), _)| of == session)
            .map(|((_, what), counted)| (what, counted))
    }

    fn owned<'a>(&'a self, who: Who<'a>) -> impl Iterator<Item = &'a Trace> {
        let own = move |row: &&ChangeRow| match who {
            Who::Session(session) => row.session == session,
            Who::Agent(agent) => row.agent == agent,
        };
        self.changes.values().filter(own).filter_map(|row| self.traces.get(&row.id))
    }
}

fn restore<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, old: Option<V>) {
    match old {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    };
}

impl Rows for Memory {
    fn session(&self, id: &str) -> Found<Option<SessionRow>> {
        Ok(self.state().sessions.get(id).cloned())
    }

    fn session_by_access_key(&self, key: &str) -> Found<Option<SessionRow>> {
        Ok(self.state().sessions.values().find(|row| row.access_key == key).cloned())
    }

    fn sessions(&self) -> Found<Vec<SessionRow>> {
        Ok(self.state().sessions.values().cloned().collect())
    }

    fn change(&self, id: &str) -> Found<Option<ChangeRow>> {
        Ok(self.state().changes.get(id).cloned())
    }

    fn open_change(&self, digest: &str) -> Found<Option<ChangeRow>> {
        let open =
            |row: &&ChangeRow| row.digest == digest && OPEN.iter().any(|state| state.name() == row.state);
        Ok(self.state().changes.values().find(open).cloned())
    }

    fn latest_change(&self, digest: &str) -> Found<Option<ChangeRow>> {
        let state = self.state();
        let same = state.changes.values().filter(|row| row.digest == digest);
        Ok(same.max_by_key(|row| (row.created_at, &row.id)).cloned())
    }

    fn changes(&self, filter: &Filter) -> Found<Vec<ChangeRow>> {
        let agent = filter.agent.as_ref().map(ToString::to_string);
        let session = filter.session.map(|it| it.to_string());
        let state = self.state();
        let before = match filter.before.map(|id| state.changes.get(&id.to_string())) {
            Some(None) => return Ok(Vec::new()),
            Some(Some(row)) => Some((row.created_at, &row.id)),
            None => None,
        };
        let wanted = |row: &&ChangeRow| {
            (filter.states.is_empty() || filter.states.iter().any(|state| state.name() == row.state))
                && agent.as_ref().is_none_or(|agent| *agent == row.agent)
                && session.as_ref().is_none_or(|session| *session == row.session)
                && before.is_none_or(|before| (row.created_at, &row.id) < before)
        };
        let mut rows: Vec<_> = state.changes.values().filter(wanted).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, &row.id)));
        Ok(rows.into_iter().take(filter.limit).cloned().collect())
    }

    fn in_state(&self, state: &str) -> Found<u64> {
        Ok(self.state().changes.values().filter(|row| row.state == state).count() as u64)
    }

    fn changes_since(&self, since: i64, limit: usize) -> Found<Vec<ChangeRow>> {
        let state = self.state();
        let mut rows: Vec<_> = state.changes.values().filter(|row| row.created_at >= since).collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.created_at, &row.id)));
        Ok(rows.into_iter().take(limit).cloned().collect())
    }

    fn approvals(&self, change: &str) -> Found<Vec<ApprovalRow>> {
        let state = self.state();
        let after = state.approvals.range((change.to_owned(), String::new())..);
        Ok(after.map(|(_, row)| row).take_while(|row| row.change == change).cloned().collect())
    }

    fn approval(&self, change: &str, person: &str) -> Found<Option<ApprovalRow>> {
        Ok(self.state().approvals.get(&(change.to_owned(), person.to_owned())).cloned())
    }

    fn all_approvals(&self) -> Found<Vec<ApprovalRow>> {
        Ok(self.state().approvals.values().cloned().collect())
    }

    fn body(&self, commitment: &str) -> Found<Option<BodyRow>> {
        let blob = self.state().bodies.get(commitment).cloned().flatten();
        Ok(blob.map(|blob| BodyRow { commitment: commitment.to_owned(), blob: Some(blob) }))
    }

    fn knows_body(&self, commitment: &str) -> Found<bool> {
        Ok(self.state().bodies.contains_key(commitment))
    }

    fn bodies(&self, each: &mut dyn FnMut(BodyRow)) -> Found<()> {
        for (commitment, blob) in self.state().bodies.iter().filter(|(_, blob)| blob.is_some()) {
            each(BodyRow { commitment: commitment.clone(), blob: blob.clone() });
        }
        Ok(())
    }

    fn waiting(&self, session: &str) -> Found<u32> {
        let state = self.state();
        let waiting =
            |row: &&ChangeRow| row.session == session && matches!(row.state.as_str(), "held" | "approved");
        Ok(u32::try_from(state.changes.values().filter(waiting).count()).unwrap_or(u32::MAX))
    }

    fn deeds(&self, who: Who<'_>, since: i64) -> Found<Deeds> {
        let state = self.state();
        let recent = state.owned(who).flat_map(|trace| trace.deeds.values()).filter(|deed| deed.at >= since);
        Ok(recent.fold(Deeds::default(), |sum, deed| Deeds {
            destroys: sum.destroys.saturating_add(u32::from(deed.destroys)),
            protections: sum.protections.saturating_add(u32::from(deed.lowers_protection)),
            backups: sum.backups.saturating_add(u32::from(deed.touches_backup)),
            data: sum.data.saturating_add(u32::from(deed.destroys_data)),
        }))
    }

    fn charged(&self, allowance: &str, since: i64) -> Found<i64> {
        let state = self.state();
        let all = state.traces.values().flat_map(|trace| &trace.charges);
        let own = all.filter(|((_, of), charged)| of == allowance && charged.at >= since);
        Ok(own.fold(0, |sum, (_, charged)| sum.saturating_add(charged.amount)))
    }

    fn created(&self, session: &str, target: &str) -> Found<bool> {
        let state = self.state();
        let at = |trace: &Trace, mark: Mark| trace.marks.get(&(mark, target.to_owned())).copied();
        let created = state.owned(Who::Session(session)).filter_map(|trace| at(trace, Mark::Created)).max();
        let destroyed = state.traces.values().filter_map(|trace| at(trace, Mark::Destroyed)).max();
        Ok(created.is_some_and(|created| destroyed.is_none_or(|destroyed| destroyed < created)))
    }

    fn signature(&self, signature: &str, since: i64) -> Found<Option<String>> {
        let state = self.state();
        let seen =
            state.traces.iter().filter_map(|(id, trace)| Some((*trace.signatures.get(signature)?, id)));
        Ok(seen.filter(|(at, _)| *at >= since).max().map(|(_, id)| id.clone()))
    }

    fn waiting_destroys(&self, agent: &str, key: &str) -> Found<Vec<String>> {
        let state = self.state();
        let mark = (Mark::WaitsToDestroy, key.to_owned());
        let waits = |row: &&ChangeRow| {
            row.agent == agent
                && state.traces.get(&row.id).is_some_and(|trace| trace.marks.contains_key(&mark))
        };
        Ok(state.changes.values().filter(waits).map(|row| row.id.clone()).collect())
    }

    fn marked(&self, mark: Mark, target: &str, limit: usize) -> Found<Vec<(String, i64)>> {
        let (state, mark) = (self.state(), (mark, target.to_owned()));
        let marked = state.traces.iter().filter_map(|(id, trace)| Some((*trace.marks.get(&mark)?, id)));
        let mut marked: Vec<(i64, &String)> = marked.collect();
        marked.sort_unstable_by(|one, other| other.cmp(one));
        Ok(marked.into_iter().take(limit).map(|(at, id)| (id.clone(), at)).collect())
    }

    fn trace(&self, change: &str) -> Found<Trace> {
        Ok(self.state().traces.get(change).cloned().unwrap_or_default())
    }

    fn derived_by(&self) -> Found<Option<String>> {
        Ok(Some(listed::fingerprint()))
    }

    fn asked(&self, session: &str, what: &Asked) -> Found<Option<Counted>> {
        Ok(self.state().asked.get(&(session.to_owned(), what.clone())).copied())
    }

    fn kinds_asked(&self, session: &str) -> Found<u64> {
        Ok(self.state().asked_by(session).count() as u64)
    }

    fn passing(&self, session: &str) -> Found<Vec<(Came, u64, Counted)>> {
        let state = self.state();
        let mut sums: BTreeMap<Came, (u64, Counted)> = BTreeMap::new();
        for (what, counted) in state.asked_by(session) {
            let sum =
                sums.get(&what.came).map_or((1, *counted), |(kinds, sum)| (kinds + 1, sum.and(*counted)));
            sums.insert(what.came, sum);
        }
        Ok(sums.into_iter().map(|(came, (kinds, sum))| (came, kinds, sum)).collect())
    }

    fn operations_asked(&self, session: &str, came: Came) -> Found<Vec<(String, i64)>> {
        let state = self.state();
        let mut sums: BTreeMap<String, i64> = BTreeMap::new();
        for (what, counted) in state.asked_by(session).filter(|(what, _)| what.came == came) {
            let sum = sums.entry(what.operation.clone()).or_default();
            *sum = sum.saturating_add(counted.times);
        }
        let mut sums: Vec<_> = sums.into_iter().collect();
        sums.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        Ok(sums)
    }

    fn most_asked(&self, session: &str, came: Came, limit: usize) -> Found<Vec<(Asked, Counted)>> {
        let state = self.state();
        let own = state.asked_by(session).filter(|(what, _)| what.came == came);
        let mut own: Vec<_> = own.map(|(what, counted)| (what.clone(), *counted)).collect();
        own.sort_by_key(|(_, counted)| std::cmp::Reverse(counted.times));
        own.truncate(limit);
        Ok(own)
    }

    fn session_in_state(&self, session: &str, state: &str) -> Found<u64> {
        let own = |row: &&ChangeRow| row.session == session && row.state == state;
        Ok(self.state().changes.values().filter(own).count() as u64)
    }

    fn last_recorded_at(&self) -> Found<Option<i64>> {
        Ok(self.state().outbox.values().map(|(entry, _)| entry.at).max())
    }

    fn last_sequenced(&self) -> Found<Option<i64>> {
        let state = self.state();
        let placed = state.outbox.iter().filter_map(|(row, (_, index))| Some(((*index)?, *row)));
        Ok(placed.max().map(|(_, row)| row))
    }

    fn unsequenced(&self, limit: usize) -> Found<Vec<Pending>> {
        let state = self.state();
        let pending = state.outbox.iter().filter(|(_, (_, index))| index.is_none()).take(limit);
        Ok(pending.map(|(row, (entry, _))| Pending { row: *row, bytes: entry.bytes.clone() }).collect())
    }

    fn recorded_at(&self, at: i64, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>> {
        let state = self.state();
        let there = state.outbox.values().filter(|(entry, _)| entry.at == at).take(limit);
        Ok(there.map(|(entry, index)| (entry.bytes.clone(), *index)).collect())
    }

    fn recorded_since(&self, since: i64, each: &mut dyn FnMut(&[u8])) -> Found<()> {
        let state = self.state();
        state
            .outbox
            .values()
            .filter(|(entry, _)| entry.at >= since)
            .for_each(|(entry, _)| each(&entry.bytes));
        Ok(())
    }

    fn recorded_of(&self, change: &str, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>> {
        let state = self.state();
        let own = state.outbox.values().rev().filter(|(entry, _)| entry.change.as_deref() == Some(change));
        let mut found: Vec<_> = own.take(limit).map(|(entry, index)| (entry.bytes.clone(), *index)).collect();
        found.reverse();
        Ok(found)
    }

    fn backlog(&self) -> Found<(u64, Option<i64>)> {
        let state = self.state();
        let pending =
            || state.outbox.values().filter(|(_, index)| index.is_none()).map(|(entry, _)| entry.at);
        Ok((pending().count() as u64, pending().min()))
    }

    fn highest_index(&self) -> Found<Option<i64>> {
        Ok(self.state().outbox.values().filter_map(|(_, index)| *index).max())
    }

    fn standing(&self, row: i64) -> Found<Standing> {
        Ok(standing(self.state().outbox.get(&row)))
    }

    fn standing_of_entry(&self, id: &str) -> Found<Standing> {
        let state = self.state();
        Ok(standing(state.entries.get(id).and_then(|row| state.outbox.get(row))))
    }
}

fn standing(row: Option<&(EntryRow, Option<i64>)>) -> Standing {
    match row {
        None => Standing::Unknown,
        Some((_, None)) => Standing::Pending,
        Some((_, Some(index))) => Standing::Sequenced(*index),
    }
}

impl RowsMut for Memory {
    fn append(&self, entry: &EntryRow) -> Found<Appended> {
        let mut state = self.state_mut();
        if state.entries.contains_key(&entry.id) {
            return Ok(Appended::Known);
        }
        let row = state.outbox.last_key_value().map_or(1, |(last, _)| last + 1);
        state.outbox.insert(row, (entry.clone(), None));
        state.entries.insert(entry.id.clone(), row);
        state.undo.push(Undo::Appended(row));
        Ok(Appended::Added)
    }

    fn put_session(&self, row: &SessionRow) -> Found<()> {
        let mut state = self.state_mut();
        let old = state.sessions.insert(row.id.clone(), row.clone());
        state.undo.push(Undo::Session(row.id.clone(), old));
        Ok(())
    }

    fn put_change(&self, row: &ChangeRow) -> Found<()> {
        let mut state = self.state_mut();
        let old = state.changes.insert(row.id.clone(), row.clone());
        state.undo.push(Undo::Change(row.id.clone(), old));
        Ok(())
    }

    fn put_approval(&self, row: &ApprovalRow) -> Found<()> {
        let mut state = self.state_mut();
        let key = (row.change.clone(), row.person.clone());
        let old = state.approvals.insert(key.clone(), row.clone());
        state.undo.push(Undo::Approval(key, old));
        Ok(())
    }

    fn put_body(&self, commitment: &str, blob: &Blob) -> Found<()> {
        let mut state = self.state_mut();
        let old = state.bodies.insert(commitment.to_owned(), Some(blob.clone()));
        state.undo.push(Undo::Body(commitment.to_owned(), old));
        Ok(())
    }

    fn blank_body(&self, commitment: &str) -> Found<()> {
        let mut state = self.state_mut();
        if let Some(slot) = state.bodies.get_mut(commitment) {
            let old = slot.take();
            state.undo.push(Undo::Body(commitment.to_owned(), Some(old)));
        }
        Ok(())
    }

    fn put_trace(&self, row: &ChangeRow, trace: &Trace) -> Found<()> {
        let mut state = self.state_mut();
        let old = state.traces.insert(row.id.clone(), trace.clone());
        state.undo.push(Undo::Trace(row.id.clone(), old));
        Ok(())
    }

    fn put_asked(&self, session: &str, what: &Asked, counted: Counted) -> Found<()> {
        let mut state = self.state_mut();
        let key = (session.to_owned(), what.clone());
        let old = state.asked.insert(key.clone(), counted);
        state.undo.push(Undo::Asked(key, old));
        Ok(())
    }

    fn sequence(&self, row: i64, index: i64) -> Found<()> {
        let mut state = self.state_mut();
        if let Some((_, slot)) = state.outbox.get_mut(&row) {
            *slot = Some(index);
            state.undo.push(Undo::Sequenced(row));
        }
        Ok(())
    }

    fn forget_entries(&self) -> Found<()> {
        let mut state = self.state_mut();
        let outbox = std::mem::take(&mut state.outbox);
        state.entries.clear();
        let asked = std::mem::take(&mut state.asked);
        state.undo.push(Undo::Forgotten(outbox, asked));
        Ok(())
    }
}
