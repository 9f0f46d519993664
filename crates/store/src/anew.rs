//! A new log under rows that are there: everything the store remembers of entries is forgotten, and every row gets one entry
//! of the new log. For a restored database whose log cannot go on; the only way in which entries ever leave the outbox.

use std::collections::BTreeSet;

use model::{Approval, Change, ChangeState, Commitment, Entry, Session};

use crate::{
    Conflict, Filter, Tx,
    document::{Stored, decode, encode},
    trace::Trace,
    tx::moved,
};

/// Says of each row what it is from here on, and the entry that tells of it. Called once for each, sessions first.
pub trait Carrier {
    /// The session may be stopped.
    fn session(&mut self, session: &mut Session) -> Entry;
    /// What was open may be closed, and bodies may be erased: their commitments are returned.
    fn change(&mut self, change: &mut Change) -> (Vec<Commitment>, Entry);
    fn approval(&mut self, approval: &Approval) -> Entry;
}

/// How many rows there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub sessions: u64,
    pub changes: u64,
    pub approvals: u64,
}

impl Tx<'_> {
    /// `first` stand at the beginning of the new log, in order.
    pub fn begin_anew(&mut self, first: Vec<Entry>, carrier: &mut impl Carrier) -> Result<Carried, Conflict> {
        let mut carried = Carried::default();
        let sessions = self.sessions()?;
        let approvals =
            self.rows.all_approvals()?.iter().map(decode::<Approval>).collect::<Result<Vec<_>, _>>()?;
        let mut changes = self.changes(&Filter { limit: usize::MAX, ..Filter::default() })?;
        changes.reverse();

        self.rows.forget_entries()?;
        first.into_iter().try_for_each(|entry| self.append(entry, None))?;
        for mut session in sessions {
            let before = session.clone();
            let entry = carrier.session(&mut session);
            let allowed = Session { stopped_at: session.stopped_at, ..before.clone() };
            if allowed != session || (before.stopped_at.is_some() && before.stopped_at != session.stopped_at)
            {
                return Err(fixed(Session::TABLE, before.id.to_string(), "all but stop"));
            }
            let (row, subject) = encode(&session)?;
            self.append(entry, Some(subject))?;
            self.rows.put_session(&row)?;
            carried.sessions += 1;
        }
        for change in changes {
            self.carry_change(&change, carrier)?;
            carried.changes += 1;
        }
        for approval in approvals {
            let entry = carrier.approval(&approval);
            let (row, subject) = encode(&approval)?;
            self.append(entry, Some(subject))?;
            self.rows.put_approval(&row)?;
            carried.approvals += 1;
        }
        Ok(carried)
    }

    fn carry_change(&mut self, stored: &Change, carrier: &mut impl Carrier) -> Result<(), Conflict> {
        let mut next = stored.clone();
        let (erased, entry) = carrier.change(&mut next);
        let refuse = |what| fixed(Change::TABLE, stored.id.to_string(), what);
        if let Some(what) = moved(stored, &next) {
            return Err(refuse(what));
        }
        if !settled(stored.state, next.state) {
            return Err(Conflict::Illegal(model::IllegalTransition { from: stored.state, to: next.state }));
        }
        let own: BTreeSet<Commitment> = next.steps.iter().flat_map(model::Step::commitments).collect();
        let before: BTreeSet<Commitment> = stored.steps.iter().flat_map(model::Step::commitments).collect();
        if own != before || !erased.iter().all(|it| own.contains(it)) {
            return Err(refuse("a body"));
        }
        next.version = stored.version.saturating_add(u64::from(next != *stored));
        let (row, subject) = encode(&next)?;
        self.append(entry, Some(subject))?;
        self.rows.put_change(&row)?;
        let trace = Trace::of(&next);
        if trace != Trace::of(stored) {
            self.rows.put_trace(&row, &trace)?;
        }
        if !erased.is_empty() {
            self.rows.leave_no_copy();
        }
        Ok(erased.iter().try_for_each(|it| self.rows.blank_body(&it.to_string()))?)
    }
}

/// As it was, closed, or no longer known.
fn settled(from: ChangeState, to: ChangeState) -> bool {
    from == to
        || (from.is_open() && to == ChangeState::Expired)
        || (from == ChangeState::Executing && to == ChangeState::Unknown)
}

fn fixed(table: &'static str, id: String, what: &'static str) -> Conflict {
    Conflict::Fixed { table, id, what }
}
