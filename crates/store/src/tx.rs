//! What can be done. Each write takes the ledger entry of its event, fills in the row it leaves behind, and puts it
//! into the outbox in the same operation. A call that returns a [`Conflict`] other than of storage has written nothing.

use std::{collections::BTreeMap, fmt, ops::Deref};

use model::{
    Approval, Blob, Change, ChangeState, Entry, Erased, Erasure, Joint, Session, StepState, Subject,
    change_digest,
};

use crate::{
    Conflict, StorageError, View, asked,
    bodies::{self, Moves, Offered},
    document::{Stored, encode},
    rows::{Appended, EntryRow, Found, RowsMut, Standing, is_open},
    trace::Trace,
};

/// An operation under way: reads as [`View`] does, its own writes included.
pub struct Tx<'a> {
    view: View<'a>,
    pub(crate) rows: &'a dyn RowsMut,
    offered: Offered,
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &View<'a> {
        &self.view
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn new(rows: &'a dyn RowsMut) -> Self {
        Self { view: View::new(rows), rows, offered: Offered::new() }
    }

    pub fn issue_session(&mut self, session: &Session, entry: Entry) -> Result<(), Conflict> {
        let exists = Conflict::Exists { table: Session::TABLE, id: session.id.to_string() };
        if self.session(session.id)?.is_some() || self.session_by_access_key(&session.access_key)?.is_some() {
            return Err(exists);
        }
        let (row, subject) = encode(session)?;
        self.append(entry, Some(subject))?;
        Ok(self.rows.put_session(&row)?)
    }

    /// Stops a session, brings its expiry forward or breaks its glass; nothing else of a session ever changes.
    pub fn update_session(&mut self, session: &Session, entry: Entry) -> Result<(), Conflict> {
        let id = session.id.to_string();
        let stored = self.session(session.id)?;
        let stored = stored.ok_or(Conflict::Missing { table: Session::TABLE, id: id.clone() })?;
        if stored.stopped_at.is_some() {
            return Err(Conflict::Stopped);
        }
        let allowed = Session {
            stopped_at: session.stopped_at,
            expires_at: session.expires_at,
            glass: session.glass,
            ..stored.clone()
        };
        if allowed != *session || session.expires_at > stored.expires_at {
            return Err(Conflict::Fixed {
                table: Session::TABLE,
                id,
                what: "all but stop, an earlier expiry and a broken glass",
            });
        }
        let (row, subject) = encode(session)?;
        self.append(entry, Some(subject))?;
        Ok(self.rows.put_session(&row)?)
    }

    /// Bodies for the documents that this operation will write; one that no document refers to is not kept.
    pub fn offer(&mut self, blobs: impl IntoIterator<Item = Blob>) {
        self.offered.extend(blobs.into_iter().map(|blob| (blob.commitment(), blob)));
    }

    /// Refuses a second open change that asks for the same.
    pub fn create_change(&mut self, change: &Change, entry: Entry) -> Result<(), Conflict> {
        if self.change(change.id)?.is_some() {
            return Err(Conflict::Exists { table: Change::TABLE, id: change.id.to_string() });
        }
        if is_open(change.state)
            && let Some(open) = self.open_change(change.digest)?
        {
            return Err(Conflict::Open(open.id));
        }
        let moves = self.moves_of(None, change)?;
        let (row, subject) = encode(change)?;
        self.append(entry, Some(subject))?;
        self.rows.put_change(&row)?;
        self.put_bodies(moves)?;
        let trace = Trace::of(change);
        if trace != Trace::default() {
            self.rows.put_trace(&row, &trace)?;
        }
        Ok(())
    }

    /// Moves a change from `from_version` to the next one, as its life allows. `change.version` is not read.
    pub fn advance_change(
        &mut self,
        change: &Change,
        from_version: u64,
        entry: Entry,
    ) -> Result<(), Conflict> {
        let (id, stored) = (change.id.to_string(), self.at_version(change, from_version)?);
        if !stored.state.may_become(change.state) {
            return Err(Conflict::Illegal(model::IllegalTransition { from: stored.state, to: change.state }));
        }
        if let Some(what) = moved(&stored, change) {
            return Err(Conflict::Fixed { table: Change::TABLE, id, what });
        }
        self.put_next(&stored, change, entry)
    }

    /// Puts one more action at the end of a held joint change that nobody has opened or signed. It is found by another
    /// digest then and stands for another nonce; nothing else writes a change's list of actions.
    pub fn join_change(&mut self, change: &Change, from_version: u64, entry: Entry) -> Result<(), Conflict> {
        let (id, stored) = (change.id.to_string(), self.at_version(change, from_version)?);
        if let Some(what) = not_joined(&stored, change) {
            return Err(Conflict::Fixed { table: Change::TABLE, id, what });
        }
        if !self.approvals(change.id)?.is_empty() {
            return Err(Conflict::Fixed { table: Change::TABLE, id, what: "what people have signed" });
        }
        if let Some(open) = self.open_change(change.digest)? {
            return Err(Conflict::Open(open.id));
        }
        self.put_next(&stored, change, entry)
    }

    /// Takes the bodies of one action, which is over, out of the blob store, and their salts with them; its document says
    /// so from then on. Nothing else takes away a body that a document refers to.
    pub fn erase(&mut self, erasure: &Erasure, erased: Erased, entry: Entry) -> Result<(), Conflict> {
        let id = erasure.of.to_string();
        let missing = || Conflict::Missing { table: Change::TABLE, id: erasure.of.to_string() };
        let stored = self.change(erasure.of)?.ok_or_else(missing)?;
        let mut next = Change { version: stored.version.saturating_add(1), ..stored.clone() };
        let step = next.steps.get_mut(erasure.step).ok_or_else(missing)?;
        if let Some(what) = bodies::not_erasable(&stored, step, erasure) {
            return Err(Conflict::Fixed { table: Change::TABLE, id, what });
        }
        step.erased = Some(erased);
        let (row, subject) = encode(&next)?;
        self.append(entry, Some(subject))?;
        self.rows.put_change(&row)?;
        self.rows.leave_no_copy();
        erasure.bodies.iter().try_for_each(|it| self.rows.blank_body(&it.to_string()))?;
        Ok(())
    }

    /// A person signs a change once.
    pub fn record_approval(&mut self, approval: &Approval, entry: Entry) -> Result<(), Conflict> {
        let signed = Conflict::Signed { change: approval.change, person: approval.person.clone() };
        self.check_change_of(approval)?;
        if self.approval_row(&approval.change.to_string(), approval.person.as_str())?.is_some() {
            return Err(signed);
        }
        self.put_approval(approval, entry)
    }

    /// Puts a person's new signature in the place of the same person's earlier one, which a changed target, bundle or roster
    /// has voided, or which it is better than; or has it beside that one. What it replaces stays in the ledger.
    pub fn replace_approval(&mut self, approval: &Approval, entry: Entry) -> Result<(), Conflict> {
        self.check_change_of(approval)?;
        if self.approval_row(&approval.change.to_string(), approval.person.as_str())?.is_none() {
            return Err(Conflict::Missing { table: Approval::TABLE, id: approval.id() });
        }
        self.put_approval(approval, entry)
    }

    /// An event that leaves no row behind.
    pub fn record(&mut self, entry: Entry) -> Result<(), StorageError> {
        self.append(entry, None)
    }

    /// Notes at which index of the ledger outbox rows stand. Indices only grow; noting the same again changes nothing.
    pub fn mark_sequenced(&mut self, marks: &[(i64, u64)]) -> Result<(), StorageError> {
        let mut next = self.sequenced_through()?;
        let mut fresh = BTreeMap::new();
        for &(row, index) in marks {
            let refuse = |why| Err(StorageError::Sequence { row, index, why });
            let Ok(wanted) = i64::try_from(index) else { return refuse("it is beyond counting") };
            match self.row_standing(row)? {
                Standing::Unknown => return refuse("there is no such row"),
                Standing::Sequenced(known) if known == wanted => {}
                Standing::Sequenced(_) => return refuse("it stands at another one"),
                Standing::Pending if index < next => return refuse("that index is taken or passed"),
                Standing::Pending if fresh.insert(row, wanted).is_some() => {
                    return refuse("it is named twice");
                }
                Standing::Pending => next = index.saturating_add(1),
            }
        }
        fresh.into_iter().try_for_each(|(row, index)| self.rows.sequence(row, index))
    }

    fn at_version(&self, change: &Change, version: u64) -> Result<Change, Conflict> {
        let missing = || Conflict::Missing { table: Change::TABLE, id: change.id.to_string() };
        let stored = self.change(change.id)?.ok_or_else(missing)?;
        if stored.version != version {
            return Err(Conflict::Version { expected: version, found: stored.version });
        }
        Ok(stored)
    }

    fn put_next(&mut self, stored: &Change, change: &Change, entry: Entry) -> Result<(), Conflict> {
        let next = Change { version: stored.version.saturating_add(1), ..change.clone() };
        let moves = self.moves_of(Some(stored), &next)?;
        let (row, subject) = encode(&next)?;
        self.append(entry, Some(subject))?;
        self.rows.put_change(&row)?;
        self.put_bodies(moves)?;
        let trace = Trace::of(&next);
        if trace != Trace::of(stored) {
            self.rows.put_trace(&row, &trace)?;
        }
        Ok(())
    }

    fn moves_of(&self, stored: Option<&Change>, next: &Change) -> Result<Moves, Conflict> {
        let fixed = |what| Conflict::Fixed { table: Change::TABLE, id: next.id.to_string(), what };
        let moves = bodies::moves(stored, next, &self.offered).map_err(fixed)?;
        for added in &moves.added {
            let id = added.to_string();
            if self.knows_body(*added)? {
                return Err(Conflict::Exists { table: BODY, id });
            }
            if !self.offered.contains_key(added) {
                return Err(Conflict::Missing { table: BODY, id });
            }
        }
        Ok(moves)
    }

    fn put_bodies(&mut self, moves: Moves) -> Found<()> {
        for added in &moves.added {
            if let Some(blob) = self.offered.remove(added) {
                self.rows.put_body(&added.to_string(), &blob)?;
            }
        }
        moves.superseded.iter().try_for_each(|old| self.rows.blank_body(&old.to_string()))
    }

    fn check_change_of(&self, approval: &Approval) -> Result<(), Conflict> {
        match self.change(approval.change)? {
            Some(_) => Ok(()),
            None => Err(Conflict::Missing { table: Change::TABLE, id: approval.change.to_string() }),
        }
    }

    fn put_approval(&mut self, approval: &Approval, entry: Entry) -> Result<(), Conflict> {
        let (row, subject) = encode(approval)?;
        self.append(entry, Some(subject))?;
        Ok(self.rows.put_approval(&row)?)
    }

    /// Always the first write of an operation's call: whatever can be refused is refused before or here.
    pub(crate) fn append(&mut self, mut entry: Entry, subject: Option<Subject>) -> Found<()> {
        entry.subject = subject;
        let id = entry.id;
        let bytes = serde_json::to_vec(&entry).map_err(|err| StorageError::Encoding {
            table: "entry",
            id: id.to_string(),
            cause: err.to_string(),
        })?;
        if bytes.len() > Entry::MAX_BYTES {
            return Err(StorageError::EntryTooLarge { id, bytes: bytes.len(), max: Entry::MAX_BYTES });
        }
        let change = entry.change.map(|it| it.to_string());
        match self.rows.append(&EntryRow { id: id.to_string(), change, at: entry.at.millis(), bytes })? {
            Appended::Added => asked::count(self.rows, &entry),
            Appended::Known => Err(StorageError::EntryKnown(id)),
        }
    }
}

impl fmt::Debug for Tx<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tx")
    }
}

const BODY: &str = "body";

/// What of a change must not move: it is what people sign and what it is found by.
pub(crate) fn moved(stored: &Change, change: &Change) -> Option<&'static str> {
    let steps = stored.steps.len() == change.steps.len()
        && stored.steps.iter().zip(&change.steps).all(|(one, two)| one.digest == two.digest);
    let own = |it: &Change| (it.digest, it.erases.clone(), it.adopts, it.breaks.clone());
    if own(stored) != own(change) {
        Some("the digest")
    } else if !steps {
        Some("the list of actions")
    } else if !may_seal(stored.joint.as_ref(), change.joint.as_ref()) {
        Some("whether others may join it")
    } else {
        origin_moved(stored, change)
    }
}

fn origin_moved(stored: &Change, change: &Change) -> Option<&'static str> {
    if stored.session != change.session {
        Some("the session")
    } else if stored.chain != change.chain {
        Some("the chain")
    } else if stored.created_at != change.created_at {
        Some("the time of creation")
    } else {
        None
    }
}

/// It stays as it is, or is sealed; it is never opened again.
fn may_seal(stored: Option<&Joint>, next: Option<&Joint>) -> bool {
    match (stored, next) {
        (Some(stored), Some(next)) => {
            stored.parent == next.parent && (stored.sealed_at.is_none() || stored.sealed_at == next.sealed_at)
        }
        (None, None) => true,
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Why `change` is not `stored` with one more action.
fn not_joined(stored: &Change, change: &Change) -> Option<&'static str> {
    let one_more = change.steps.split_last().is_some_and(|(last, before)| {
        last.state == StepState::Pending
            && before.len() == stored.steps.len()
            && before.iter().zip(&stored.steps).all(|(one, two)| {
                one.digest == two.digest && two.state == StepState::Pending && one.state == two.state
            })
    });
    let digest = change_digest(&change.chain, change.steps.iter().map(|step| step.digest));
    if stored.joint.as_ref().is_none_or(|joint| joint.sealed_at.is_some()) || stored.joint != change.joint {
        Some("whether others may join it")
    } else if stored.state != ChangeState::Held || change.state != ChangeState::Held {
        Some("the state, where another joins,")
    } else if !one_more || change.steps.len() > Change::MAX_STEPS {
        Some("the list of actions, but for one more,")
    } else if change.digest != digest || change.nonce == stored.nonce {
        Some("what people sign")
    } else {
        origin_moved(stored, change)
    }
}
