//! The database against the log: every row is as the last entry about it left it, and there are no others.

use std::collections::BTreeMap;

use model::Digest;

use crate::{
    Body, Code,
    bodies::{self, Erased},
    entries::Placed,
    report::Findings,
};

/// One document of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As entries name it in their `subject`.
    pub table: String,
    pub id: String,
    pub document: Vec<u8>,
    /// How the row around the document contradicts it, where it does.
    pub altered: Option<String>,
}

/// The database, in one consistent state.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Database {
    pub rows: Vec<Row>,
    pub bodies: Vec<Body>,
    /// How many entries of the log it goes with.
    pub sequenced: u64,
    /// Entries that were recorded with these rows and come next in the log.
    pub pending: Vec<Vec<u8>>,
}

/// What the entries so far leave of each row.
#[derive(Debug)]
pub(crate) struct Rows<'a> {
    database: &'a Database,
    /// By table and id.
    subjects: BTreeMap<String, BTreeMap<String, Subject>>,
    /// What the database has, row by row.
    found: Vec<Found>,
    erased: Erased,
}

#[derive(Debug, Default)]
struct Subject {
    /// The last entry of it, and the state that this left.
    last: Option<(u64, Digest)>,
    /// The database's rows of it, by their number: one, or something is wrong.
    rows: Vec<usize>,
}

#[derive(Debug)]
struct Found {
    state: Digest,
    /// The last entry but the last one that left this very state.
    earlier: Option<u64>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(database: &'a Database) -> Self {
        let mut subjects: BTreeMap<String, BTreeMap<String, Subject>> = BTreeMap::new();
        for (nth, row) in database.rows.iter().enumerate() {
            let of_table = subjects.entry(row.table.clone()).or_default();
            of_table.entry(row.id.clone()).or_default().rows.push(nth);
        }
        let found = |row: &Row| Found { state: Digest::of(&row.document), earlier: None };
        let found = database.rows.iter().map(found).collect();
        Self { database, subjects, found, erased: Erased::default() }
    }

    pub(crate) fn take(&mut self, placed: &Placed) {
        if placed.index < self.database.sequenced {
            self.follow(placed);
        }
    }

    fn follow(&mut self, placed: &Placed) {
        self.erased.take(placed);
        let Some(model::Subject { table, id, state }) = &placed.entry.subject else { return };
        if !self.subjects.get(table).is_some_and(|it| it.contains_key(id)) {
            self.subjects.entry(table.clone()).or_default().insert(id.clone(), Subject::default());
        }
        let Some(subject) = self.subjects.get_mut(table).and_then(|it| it.get_mut(id)) else { return };
        if let Some((index, state)) = subject.last.replace((placed.index, *state)) {
            for row in &subject.rows {
                if let Some(found) = self.found.get_mut(*row).filter(|found| found.state == state) {
                    found.earlier = Some(index);
                }
            }
        }
    }

    /// The database was read before the log, and may have been ahead of it by what was pending: that must be what the log
    /// goes on with.
    pub(crate) fn compare_pending(&self, index: u64, bytes: &[u8], findings: &mut Findings) {
        let beyond = index.checked_sub(self.database.sequenced).and_then(|nth| usize::try_from(nth).ok());
        let pending = beyond.and_then(|nth| self.database.pending.get(nth));
        if pending.is_some_and(|pending| pending != bytes) {
            let message = format!("entry {index} is another one in the database than in the log");
            findings.add(Code::PendingDiffers, Some(index), message);
        }
    }

    /// The log has `size` entries; `on_the_way` is what [`Self::compare_pending`] found.
    pub(crate) fn finish(mut self, size: u64, on_the_way: Findings, findings: &mut Findings) {
        let Database { rows, bodies, sequenced, pending } = self.database;
        if *sequenced > size {
            let message = format!("the database knows of {sequenced} entries, the log has {size}");
            findings.add(Code::EntriesMissing, None, message);
        }
        findings.extend(on_the_way);
        for (index, bytes) in (*sequenced..).zip(pending) {
            if let Ok(entry) = serde_json::from_slice(bytes) {
                self.follow(&Placed { index, entry });
            }
        }
        for (nth, (row, found)) in rows.iter().zip(&self.found).enumerate() {
            self.compare(nth, row, found, findings);
        }
        bodies::check(&self.erased, rows, bodies, findings);
        for (table, subjects) in &self.subjects {
            for (id, subject) in subjects {
                if let Some((last, _)) = subject.last.filter(|_| subject.rows.is_empty()) {
                    let message =
                        format!("the {table} {id} that entry {last} recorded is gone from the database");
                    findings.add(Code::RowDeleted, Some(last), message);
                }
            }
        }
    }

    fn compare(&self, nth: usize, row: &Row, found: &Found, findings: &mut Findings) {
        let subject = self.subjects.get(&row.table).and_then(|it| it.get(&row.id));
        if subject.is_some_and(|it| it.rows.first() != Some(&nth)) {
            let message = format!("the {} {} is in the database twice", row.table, row.id);
            findings.add(Code::RowTwice, None, message);
        }
        if let Some(how) = &row.altered {
            let message = format!("the {} {} in the database was edited: {how}", row.table, row.id);
            findings.add(Code::RowAltered, None, message);
        }
        match subject.and_then(|it| it.last) {
            None => {
                let message = format!(
                    "the {} {} is in the database, but no entry speaks of it: it was put there by hand",
                    row.table, row.id
                );
                findings.add(Code::RowInserted, None, message);
            }
            Some((last, state)) if state != found.state => {
                let what = match found.earlier {
                    Some(entry) => format!("it was set back to what it was after entry {entry}"),
                    None => "it was edited".to_owned(),
                };
                let message = format!(
                    "the {} {} in the database is not the one that entry {last} recorded: {what}",
                    row.table, row.id
                );
                findings.add(Code::RowAltered, Some(last), message);
            }
            Some(_) => {}
        }
    }
}
