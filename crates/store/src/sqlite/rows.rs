//! Rows in SQLite. Every statement is a constant; values are always bound.

use std::cell::{Cell, RefCell};

use model::{Blob, Entry};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params, params_from_iter, types::Value};

use super::{Probe, fault::classify};
use crate::{
    Filter, Pending, StorageError,
    asked::{self, Asked, Came, Counted},
    rows::{
        Appended, ApprovalRow, BodyRow, ChangeRow, Deeds, EntryRow, Found, Rows, RowsMut, SessionRow,
        Standing,
    },
    trace::{Charged, Deed, Mark, Trace, Who},
};

pub(crate) struct SqliteRows<'a> {
    conn: &'a Connection,
    probe: &'a Probe,
    /// The first failure: it spoils the operation, whatever the operation makes of it.
    fault: RefCell<Option<StorageError>>,
    no_copy: Cell<bool>,
}

impl<'a> SqliteRows<'a> {
    pub(crate) const fn new(conn: &'a Connection, probe: &'a Probe) -> Self {
        Self { conn, probe, fault: RefCell::new(None), no_copy: Cell::new(false) }
    }

    pub(crate) fn fault(&self) -> Option<StorageError> {
        self.fault.borrow().clone()
    }

    /// Whether an older copy of what was overwritten lies about, and must not.
    pub(crate) const fn must_leave_no_copy(&self) -> bool {
        self.no_copy.get()
    }

    fn fail(&self, err: &rusqlite::Error) -> StorageError {
        let fault = classify(err);
        self.fault.borrow_mut().get_or_insert(fault).clone()
    }

    fn one<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Found<Option<T>> {
        let found = self.conn.prepare_cached(sql).and_then(|mut it| it.query_row(values, read).optional());
        found.map_err(|err| self.fail(&err))
    }

    fn all<T>(
        &self,
        sql: &str,
        values: impl Params,
        read: fn(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Found<Vec<T>> {
        let found = self.conn.prepare_cached(sql).and_then(|mut it| it.query_map(values, read)?.collect());
        found.map_err(|err| self.fail(&err))
    }

    fn put(&self, name: &'static str, sql: &str, values: impl Params) -> Found<usize> {
        self.probe.step(name);
        let done = self.conn.prepare_cached(sql).and_then(|mut it| it.execute(values));
        done.map_err(|err| self.fail(&err))
    }
}

macro_rules! select_session {
    ($rest:literal) => {
        concat!("SELECT id, access_key, document FROM sessions ", $rest)
    };
}

macro_rules! select_change {
    ($rest:literal) => {
        concat!(
            "SELECT id, digest, state, version, session, agent, created_at, document FROM changes ",
            $rest
        )
    };
}

macro_rules! select_approval {
    ($rest:literal) => {
        concat!("SELECT change, person, document FROM approvals ", $rest)
    };
}

fn session(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow { id: row.get(0)?, access_key: row.get(1)?, document: row.get(2)? })
}

fn change(row: &Row<'_>) -> rusqlite::Result<ChangeRow> {
    Ok(ChangeRow {
        id: row.get(0)?,
        digest: row.get(1)?,
        state: row.get(2)?,
        version: row.get(3)?,
        session: row.get(4)?,
        agent: row.get(5)?,
        created_at: row.get(6)?,
        document: row.get(7)?,
    })
}

fn approval(row: &Row<'_>) -> rusqlite::Result<ApprovalRow> {
    Ok(ApprovalRow { change: row.get(0)?, person: row.get(1)?, document: row.get(2)? })
}

/// A salt or a body that is longer than any of ours is not even read.
macro_rules! select_body {
    ($rest:literal) => {
        concat!(
            "SELECT commitment, CASE WHEN length(salt) = ?1 THEN salt END,
                CASE WHEN length(bytes) <= ?2 THEN bytes END FROM bodies ",
            $rest
        )
    };
}

fn body(row: &Row<'_>) -> rusqlite::Result<BodyRow> {
    let salt: Option<Vec<u8>> = row.get(1)?;
    let salt = salt.and_then(|salt| <[u8; Blob::SALT_BYTES]>::try_from(salt).ok());
    let blob = salt.zip(row.get(2)?).and_then(|(salt, bytes)| Blob::new(salt, bytes).ok());
    Ok(BodyRow { commitment: row.get(0)?, blob })
}

fn counted_row(row: &Row<'_>) -> rusqlite::Result<Counted> {
    Ok(Counted { times: row.get("times")?, first: row.get("first_at")?, last: row.get("last_at")? })
}

fn standing(row: &Row<'_>) -> rusqlite::Result<Standing> {
    Ok(row.get::<_, Option<i64>>(0)?.map_or(Standing::Pending, Standing::Sequenced))
}

impl Rows for SqliteRows<'_> {
    fn session(&self, id: &str) -> Found<Option<SessionRow>> {
        self.one(select_session!("WHERE id = ?1"), [id], session)
    }

    fn session_by_access_key(&self, key: &str) -> Found<Option<SessionRow>> {
        self.one(select_session!("WHERE access_key = ?1"), [key], session)
    }

    fn sessions(&self) -> Found<Vec<SessionRow>> {
        self.all(select_session!("ORDER BY id"), [], session)
    }

    fn change(&self, id: &str) -> Found<Option<ChangeRow>> {
        self.one(select_change!("WHERE id = ?1"), [id], change)
    }

    fn open_change(&self, digest: &str) -> Found<Option<ChangeRow>> {
        let sql =
            select_change!("WHERE digest = ?1 AND state IN ('held', 'approved', 'executing', 'unknown')");
        self.one(sql, [digest], change)
    }

    fn latest_change(&self, digest: &str) -> Found<Option<ChangeRow>> {
        self.one(
            select_change!("WHERE digest = ?1 ORDER BY created_at DESC, id DESC LIMIT 1"),
            [digest],
            change,
        )
    }

    fn changes(&self, filter: &Filter) -> Found<Vec<ChangeRow>> {
        if filter.states.len() > 1 && filter.limit != usize::MAX {
            // One state after the other its index has them in order; of several at once, SQLite sorts all there are.
            let of = |state| self.changes(&Filter { states: vec![state], ..filter.clone() });
            let each = filter.states.iter().copied().map(of).collect::<Found<Vec<_>>>()?;
            let mut rows = each.concat();
            rows.sort_by(|one, other| (other.created_at, &other.id).cmp(&(one.created_at, &one.id)));
            rows.dedup_by(|one, other| one.id == other.id);
            rows.truncate(filter.limit);
            return Ok(rows);
        }
        // Left to itself, SQLite walks through all changes of an agent to find the few in one state.
        let mut sql = match (&filter.agent, filter.states.is_empty()) {
            (Some(_), false) => select_change!("INDEXED BY changes_by_agent_and_state WHERE true"),
            (Some(_), true) | (None, _) => select_change!("WHERE true"),
        }
        .to_owned();
        let mut values: Vec<Value> = Vec::new();
        if !filter.states.is_empty() {
            sql.push_str(" AND state IN (");
            sql.push_str(&vec!["?"; filter.states.len()].join(", "));
            sql.push(')');
            values.extend(filter.states.iter().map(|state| Value::from(state.name().to_owned())));
        }
        if let Some(agent) = &filter.agent {
            sql.push_str(" AND agent = ?");
            values.push(agent.to_string().into());
        }
        if let Some(session) = filter.session {
            sql.push_str(" AND session = ?");
            values.push(session.to_string().into());
        }
        if let Some(before) = filter.before {
            sql.push_str(" AND (created_at, id) < (SELECT created_at, id FROM changes WHERE id = ?)");
            values.push(before.to_string().into());
        }
        sql.push_str(" ORDER BY created_at DESC, id DESC LIMIT ?");
        values.push(count(filter.limit).into());
        self.all(&sql, params_from_iter(values), change)
    }

    fn approvals(&self, change: &str) -> Found<Vec<ApprovalRow>> {
        self.all(select_approval!("WHERE change = ?1 ORDER BY person"), [change], approval)
    }

    fn approval(&self, change: &str, person: &str) -> Found<Option<ApprovalRow>> {
        self.one(select_approval!("WHERE change = ?1 AND person = ?2"), [change, person], approval)
    }

    fn all_approvals(&self) -> Found<Vec<ApprovalRow>> {
        self.all(select_approval!("ORDER BY change, person"), [], approval)
    }

    fn body(&self, commitment: &str) -> Found<Option<BodyRow>> {
        let sql = select_body!("WHERE commitment = ?3 AND kept = 1");
        self.one(sql, params![count(Blob::SALT_BYTES), count(Blob::MAX_BYTES), commitment], body)
    }

    fn knows_body(&self, commitment: &str) -> Found<bool> {
        let sql = "SELECT EXISTS (SELECT 1 FROM bodies WHERE commitment = ?1)";
        Ok(self.one(sql, [commitment], |row| row.get(0))?.unwrap_or(false))
    }

    fn bodies(&self, each: &mut dyn FnMut(BodyRow)) -> Found<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.conn.prepare_cached(select_body!("WHERE kept = 1"))?;
            let mut rows = statement.query(params![count(Blob::SALT_BYTES), count(Blob::MAX_BYTES)])?;
            while let Some(row) = rows.next()? {
                each(body(row)?);
            }
            Ok(())
        };
        read().map_err(|err| self.fail(&err))
    }

    fn in_state(&self, state: &str) -> Found<u64> {
        let sql = "SELECT count(*) FROM changes WHERE state = ?1";
        Ok(counted(self.one(sql, [state], |row| row.get(0))?.unwrap_or(0)))
    }

    fn changes_since(&self, since: i64, limit: usize) -> Found<Vec<ChangeRow>> {
        let sql = select_change!("WHERE created_at >= ?1 ORDER BY created_at DESC, id DESC LIMIT ?2");
        self.all(sql, params![since, count(limit)], change)
    }

    fn waiting(&self, session: &str) -> Found<u32> {
        let sql = "SELECT count(*) FROM changes WHERE session = ?1 AND state IN ('held', 'approved')";
        Ok(self.one(sql, [session], |row| row.get(0))?.unwrap_or(0))
    }

    fn deeds(&self, who: Who<'_>, since: i64) -> Found<Deeds> {
        macro_rules! sums {
            ($column:literal) => {
                concat!(
                    "SELECT coalesce(sum(destroys), 0), coalesce(sum(lowers_protection), 0), \
                     coalesce(sum(touches_backup), 0), coalesce(sum(destroys_data), 0) FROM deeds WHERE ",
                    $column,
                    " = ?1 AND at >= ?2"
                )
            };
        }
        let (sql, name) = match who {
            Who::Session(session) => (sums!("session"), session),
            Who::Agent(agent) => (sums!("agent"), agent),
        };
        let found = self.one(sql, params![name, since], |row| {
            Ok(Deeds {
                destroys: row.get(0)?,
                protections: row.get(1)?,
                backups: row.get(2)?,
                data: row.get(3)?,
            })
        })?;
        Ok(found.unwrap_or_default())
    }

    fn charged(&self, allowance: &str, since: i64) -> Found<i64> {
        let sql = "SELECT coalesce(sum(amount), 0) FROM charges WHERE allowance = ?1 AND at >= ?2";
        Ok(self.one(sql, params![allowance, since], |row| row.get(0))?.unwrap_or(0))
    }

    fn created(&self, session: &str, target: &str) -> Found<bool> {
        let sql = "SELECT EXISTS (
            SELECT 1 FROM marks AS own WHERE own.target = ?2 AND own.mark = 'created' AND own.session = ?1
                AND NOT EXISTS (SELECT 1 FROM marks AS any
                    WHERE any.target = ?2 AND any.mark = 'destroyed' AND any.at >= own.at))";
        Ok(self.one(sql, [session, target], |row| row.get(0))?.unwrap_or(false))
    }

    fn signature(&self, signature: &str, since: i64) -> Found<Option<String>> {
        let sql = "SELECT change FROM signatures WHERE signature = ?1 AND at >= ?2 ORDER BY at DESC, change DESC LIMIT 1";
        self.one(sql, params![signature, since], |row| row.get(0))
    }

    fn waiting_destroys(&self, agent: &str, key: &str) -> Found<Vec<String>> {
        let sql = "SELECT change FROM marks WHERE target = ?2 AND mark = 'waits_to_destroy' AND agent = ?1 ORDER BY change";
        self.all(sql, [agent, key], |row| row.get(0))
    }

    fn marked(&self, mark: Mark, target: &str, limit: usize) -> Found<Vec<(String, i64)>> {
        let sql = "SELECT change, at FROM marks WHERE target = ?2 AND mark = ?1 ORDER BY at DESC, change DESC LIMIT ?3";
        self.all(sql, params![mark.name(), target, count(limit)], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn trace(&self, change: &str) -> Found<Trace> {
        let deeds = "SELECT step, at, destroys, lowers_protection, touches_backup, destroys_data FROM deeds
            WHERE change = ?1";
        let deeds = self.all(deeds, [change], |row| {
            let deed = Deed {
                at: row.get(1)?,
                destroys: row.get(2)?,
                lowers_protection: row.get(3)?,
                touches_backup: row.get(4)?,
                destroys_data: row.get(5)?,
            };
            Ok((row.get(0)?, deed))
        })?;
        let mut marks = std::collections::BTreeMap::new();
        for mark in Mark::ALL {
            let sql = "SELECT target, at FROM marks WHERE change = ?1 AND mark = ?2";
            let found =
                self.all(sql, [change, mark.name()], |row| Ok((row.get::<_, String>(0)?, row.get(1)?)))?;
            marks.extend(found.into_iter().map(|(target, at)| ((mark, target), at)));
        }
        let signatures = "SELECT signature, at FROM signatures WHERE change = ?1";
        let signatures = self.all(signatures, [change], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let charges = "SELECT step, allowance, at, amount FROM charges WHERE change = ?1";
        let charges = self.all(charges, [change], |row| {
            Ok(((row.get(0)?, row.get(1)?), Charged { at: row.get(2)?, amount: row.get(3)? }))
        })?;
        Ok(Trace {
            deeds: deeds.into_iter().collect(),
            marks,
            signatures: signatures.into_iter().collect(),
            charges: charges.into_iter().collect(),
        })
    }

    fn derived_by(&self) -> Found<Option<String>> {
        self.one("SELECT rules FROM derived_by", [], |row| row.get(0))
    }

    fn asked(&self, session: &str, what: &Asked) -> Found<Option<Counted>> {
        let sql = "SELECT times, first_at, last_at FROM asked
            WHERE session = ?1 AND came = ?2 AND operation = ?3 AND target = ?4 AND why = ?5";
        self.one(sql, [session, what.came.name(), &what.operation, &what.target, &what.why], counted_row)
    }

    fn kinds_asked(&self, session: &str) -> Found<u64> {
        let sql = "SELECT count(*) FROM asked WHERE session = ?1";
        Ok(counted(self.one(sql, [session], |row| row.get(0))?.unwrap_or(0)))
    }

    fn passing(&self, session: &str) -> Found<Vec<(Came, u64, Counted)>> {
        let sql = "SELECT count(*), coalesce(sum(times), 0) AS times, coalesce(min(first_at), 0) AS first_at,
            coalesce(max(last_at), 0) AS last_at FROM asked WHERE session = ?1 AND came = ?2";
        let mut found = Vec::new();
        for came in [Came::Read, Came::Denied, Came::Reported] {
            let sums = self.one(sql, [session, came.name()], |row| Ok((row.get(0)?, counted_row(row)?)))?;
            found
                .extend(sums.filter(|(kinds, _)| *kinds > 0).map(|(kinds, sum)| (came, counted(kinds), sum)));
        }
        Ok(found)
    }

    fn operations_asked(&self, session: &str, came: Came) -> Found<Vec<(String, i64)>> {
        let sql = "SELECT operation, sum(times) AS often FROM asked WHERE session = ?1 AND came = ?2
            GROUP BY operation ORDER BY often DESC, operation";
        self.all(sql, [session, came.name()], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn most_asked(&self, session: &str, came: Came, limit: usize) -> Found<Vec<(Asked, Counted)>> {
        let sql = "SELECT operation, target, why, times, first_at, last_at FROM asked WHERE session = ?1 AND came = ?2
            ORDER BY times DESC, operation, target, why LIMIT ?3";
        let rows = self.all(sql, params![session, came.name(), count(limit)], |row| {
            Ok(((row.get(0)?, row.get(1)?, row.get(2)?), counted_row(row)?))
        })?;
        let named = |((operation, target, why), counted)| (Asked { came, operation, target, why }, counted);
        Ok(rows.into_iter().map(named).collect())
    }

    fn session_in_state(&self, session: &str, state: &str) -> Found<u64> {
        let sql = "SELECT count(*) FROM changes WHERE session = ?1 AND state = ?2";
        Ok(counted(self.one(sql, [session, state], |row| row.get(0))?.unwrap_or(0)))
    }

    fn last_recorded_at(&self) -> Found<Option<i64>> {
        Ok(self.one("SELECT max(at) FROM outbox", [], |row| row.get::<_, Option<i64>>(0))?.flatten())
    }

    fn last_sequenced(&self) -> Found<Option<i64>> {
        let sql = "SELECT number FROM outbox WHERE place IS NOT NULL ORDER BY place DESC LIMIT 1";
        self.one(sql, [], |row| row.get(0))
    }

    fn unsequenced(&self, limit: usize) -> Found<Vec<Pending>> {
        let sql = "SELECT number, bytes FROM outbox WHERE place IS NULL ORDER BY number LIMIT ?1";
        self.all(sql, [count(limit)], |row| Ok(Pending { row: row.get(0)?, bytes: row.get(1)? }))
    }

    fn recorded_at(&self, at: i64, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>> {
        let sql = "SELECT bytes, place FROM outbox WHERE at = ?1 ORDER BY number LIMIT ?2";
        self.all(sql, params![at, count(limit)], |row| Ok((row.get(0)?, row.get(1)?)))
    }

    fn recorded_since(&self, since: i64, each: &mut dyn FnMut(&[u8])) -> Found<()> {
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = self.conn.prepare_cached("SELECT bytes FROM outbox WHERE at >= ?1")?;
            let mut rows = statement.query([since])?;
            while let Some(row) = rows.next()? {
                each(&row.get::<_, Vec<u8>>(0)?);
            }
            Ok(())
        };
        read().map_err(|err| self.fail(&err))
    }

    fn recorded_of(&self, change: &str, limit: usize) -> Found<Vec<(Vec<u8>, Option<i64>)>> {
        let sql = "SELECT bytes, place FROM recorded JOIN outbox USING (number) WHERE change = ?1 ORDER BY number DESC LIMIT ?2";
        let mut found = self.all(sql, params![change, count(limit)], |row| Ok((row.get(0)?, row.get(1)?)))?;
        found.reverse();
        Ok(found)
    }

    fn backlog(&self) -> Found<(u64, Option<i64>)> {
        let sql = "SELECT count(*), min(at) FROM outbox WHERE place IS NULL";
        let (rows, since) = self.one(sql, [], |row| Ok((row.get(0)?, row.get(1)?)))?.unwrap_or_default();
        Ok((counted(rows), since))
    }

    fn highest_index(&self) -> Found<Option<i64>> {
        Ok(self.one("SELECT max(place) FROM outbox", [], |row| row.get::<_, Option<i64>>(0))?.flatten())
    }

    fn standing(&self, row: i64) -> Found<Standing> {
        let found = self.one("SELECT place FROM outbox WHERE number = ?1", [row], standing)?;
        Ok(found.unwrap_or(Standing::Unknown))
    }

    fn standing_of_entry(&self, entry: &str) -> Found<Standing> {
        let found = self.one("SELECT place FROM outbox WHERE entry = ?1", [entry], standing)?;
        Ok(found.unwrap_or(Standing::Unknown))
    }
}

impl RowsMut for SqliteRows<'_> {
    fn append(&self, entry: &EntryRow) -> Found<Appended> {
        // An insert that does nothing for a conflict takes a number all the same, and none may be missing.
        if self.standing_of_entry(&entry.id)? != Standing::Unknown {
            return Ok(Appended::Known);
        }
        let sql = "INSERT INTO outbox (entry, at, bytes) VALUES (?1, ?2, ?3)";
        self.put("append", sql, params![entry.id, entry.at, entry.bytes])?;
        if let Some(change) = &entry.change {
            let sql = "INSERT INTO recorded (change, number) VALUES (?1, last_insert_rowid())";
            self.put("find by its change", sql, [change])?;
        }
        Ok(Appended::Added)
    }

    fn put_session(&self, row: &SessionRow) -> Found<()> {
        let sql = "INSERT INTO sessions (id, access_key, document) VALUES (?1, ?2, ?3)
            ON CONFLICT (id) DO UPDATE SET access_key = excluded.access_key, document = excluded.document";
        self.put("put session", sql, params![row.id, row.access_key, row.document]).map(|_| ())
    }

    fn put_change(&self, row: &ChangeRow) -> Found<()> {
        let sql = "INSERT INTO changes (id, digest, state, version, session, agent, created_at, document)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
            ON CONFLICT (id) DO UPDATE SET digest = excluded.digest, state = excluded.state,
                version = excluded.version, session = excluded.session, agent = excluded.agent,
                created_at = excluded.created_at, document = excluded.document";
        let values = params![
            row.id,
            row.digest,
            row.state,
            row.version,
            row.session,
            row.agent,
            row.created_at,
            row.document
        ];
        self.put("put change", sql, values).map(|_| ())
    }

    fn put_approval(&self, row: &ApprovalRow) -> Found<()> {
        let sql = "INSERT INTO approvals (change, person, document) VALUES (?1, ?2, ?3)
            ON CONFLICT (change, person) DO UPDATE SET document = excluded.document";
        self.put("put approval", sql, params![row.change, row.person, row.document]).map(|_| ())
    }

    fn put_body(&self, commitment: &str, blob: &Blob) -> Found<()> {
        let sql = "INSERT INTO bodies (commitment, kept, salt, bytes) VALUES (?1, 1, ?2, ?3)";
        self.put("put body", sql, params![commitment, blob.salt(), blob.body()]).map(|_| ())
    }

    fn blank_body(&self, commitment: &str) -> Found<()> {
        let sql = "UPDATE bodies SET kept = 0, salt = zeroblob(length(salt)), bytes = zeroblob(length(bytes))
            WHERE commitment = ?1 AND kept = 1";
        self.put("blank body", sql, [commitment]).map(|_| ())
    }

    fn leave_no_copy(&self) {
        self.no_copy.set(true);
    }

    fn put_trace(&self, row: &ChangeRow, trace: &Trace) -> Found<()> {
        self.put("clear deeds", "DELETE FROM deeds WHERE change = ?1", [&row.id])?;
        self.put("clear marks", "DELETE FROM marks WHERE change = ?1", [&row.id])?;
        self.put("clear charges", "DELETE FROM charges WHERE change = ?1", [&row.id])?;
        self.put("clear signatures", "DELETE FROM signatures WHERE change = ?1", [&row.id])?;
        for (step, deed) in &trace.deeds {
            let sql = "INSERT INTO deeds (change, step, session, agent, at, destroys, lowers_protection,
                    touches_backup, destroys_data) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
            let Deed { at, destroys, lowers_protection, touches_backup, destroys_data } = deed;
            let (id, session, agent) = (&row.id, &row.session, &row.agent);
            let values = params![
                id,
                step,
                session,
                agent,
                at,
                destroys,
                lowers_protection,
                touches_backup,
                destroys_data
            ];
            self.put("put deed", sql, values)?;
        }
        for ((mark, target), at) in &trace.marks {
            let sql = "INSERT INTO marks (change, mark, target, session, agent, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            self.put("put mark", sql, params![row.id, mark.name(), target, row.session, row.agent, at])?;
        }
        for (signature, at) in &trace.signatures {
            let sql = "INSERT INTO signatures (change, signature, at) VALUES (?1, ?2, ?3)";
            self.put("put signature", sql, params![row.id, signature, at])?;
        }
        for ((step, allowance), Charged { at, amount }) in &trace.charges {
            let sql = "INSERT INTO charges (change, step, allowance, at, amount) VALUES (?1, ?2, ?3, ?4, ?5)";
            self.put("put charge", sql, params![row.id, step, allowance, at, amount])?;
        }
        Ok(())
    }

    fn put_asked(&self, session: &str, what: &Asked, counted: Counted) -> Found<()> {
        let sql = "INSERT INTO asked (session, came, operation, target, why, times, first_at, last_at)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (session, came, operation, target, why)
            DO UPDATE SET times = excluded.times, first_at = excluded.first_at, last_at = excluded.last_at";
        let Asked { came, operation, target, why } = what;
        let Counted { times, first, last } = counted;
        self.put("put asked", sql, params![session, came.name(), operation, target, why, times, first, last])
            .map(|_| ())
    }

    fn sequence(&self, row: i64, index: i64) -> Found<()> {
        let sql = "UPDATE outbox SET place = ?2 WHERE number = ?1 AND place IS NULL";
        self.put("sequence", sql, params![row, index]).map(|_| ())
    }

    fn forget_entries(&self) -> Found<()> {
        self.put("forget entries", "DELETE FROM outbox", [])?;
        self.put("forget whose they were", "DELETE FROM recorded", [])?;
        self.put("forget what was asked", "DELETE FROM asked", []).map(|_| ())
    }
}

/// Derives the index of all deeds anew where other rules made it.
pub(crate) fn derive_again(conn: &Connection) -> Result<(), StorageError> {
    let probe = Probe::default();
    let rows = SqliteRows::new(conn, &probe);
    let rules = crate::listed::fingerprint();
    if rows.derived_by()?.as_ref() == Some(&rules) {
        return Ok(());
    }
    let ids = rows.all("SELECT id FROM changes", [], |row| row.get::<_, String>(0))?;
    for id in ids {
        let Some(row) = rows.change(&id)? else { continue };
        rows.put_trace(&row, &Trace::of(&crate::document::decode(&row)?))?;
    }
    count_again(&rows)?;
    let sql = "INSERT INTO derived_by (only, rules) VALUES (1, ?1)
        ON CONFLICT (only) DO UPDATE SET rules = excluded.rules";
    rows.put("derive", sql, [&rules]).map(|_| ())
}

/// Counts anew what was asked for in passing. Other entries are passed over as they lie there.
fn count_again(rows: &SqliteRows<'_>) -> Found<()> {
    rows.put("forget what was asked", "DELETE FROM asked", [])?;
    let after = "SELECT number, bytes FROM outbox WHERE number > ?1
        AND (instr(bytes, CAST('\"reads_admitted\"' AS BLOB)) > 0 OR instr(bytes, CAST('\"agent_reported\"' AS BLOB)) > 0)
        ORDER BY number LIMIT 500";
    through(rows, after, |_, entry| asked::count(rows, entry))
}

/// Finds which entries are about which change, where nobody has kept account of it.
pub(crate) fn find_again(conn: &Connection) -> Result<(), StorageError> {
    let probe = Probe::default();
    let rows = &SqliteRows::new(conn, &probe);
    let after = "SELECT number, bytes FROM outbox WHERE number > ?1
        AND instr(bytes, CAST('\"change\":' AS BLOB)) > 0 ORDER BY number LIMIT 500";
    through(rows, after, |number, entry| {
        let Some(change) = entry.change else { return Ok(()) };
        let sql = "INSERT INTO recorded (change, number) VALUES (?1, ?2)";
        rows.put("find by its change", sql, params![change.to_string(), number]).map(|_| ())
    })
}

/// What is no entry is passed over: it is found by whoever compares with the log.
fn through(rows: &SqliteRows<'_>, after: &str, mut each: impl FnMut(i64, &Entry) -> Found<()>) -> Found<()> {
    let mut last = 0;
    loop {
        let some = rows.all(after, [last], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?)))?;
        let Some((end, _)) = some.last() else { return Ok(()) };
        last = *end;
        for (number, bytes) in &some {
            if let Ok(entry) = serde_json::from_slice(bytes) {
                each(*number, &entry)?;
            }
        }
    }
}

fn count(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn counted(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}
