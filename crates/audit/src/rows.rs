//! The database against the log: every row is as the last entry about it left it, and there are no others.

use std::collections::{BTreeMap, BTreeSet};

use model::Digest;

use crate::{Body, Code, bodies, entries::Placed, report::Findings};

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

/// `log` is every entry as read; `entries` those of them that could be parsed.
pub(crate) fn check(log: &[Vec<u8>], entries: &[Placed], database: &Database, findings: &mut Findings) {
    let pending = follows(log, database, findings);
    let rows = &database.rows;
    let mut states: BTreeMap<(&str, &str), Vec<(u64, Digest)>> = BTreeMap::new();
    let known = entries.iter().filter(|placed| placed.index < database.sequenced);
    for Placed { index, entry } in known.chain(&pending) {
        if let Some(subject) = &entry.subject {
            states.entry((&subject.table, &subject.id)).or_default().push((*index, subject.state));
        }
    }
    let mut seen = BTreeSet::new();
    for row in rows {
        let name = (row.table.as_str(), row.id.as_str());
        if !seen.insert(name) {
            findings.add(
                Code::RowTwice,
                None,
                format!("the {} {} is in the database twice", row.table, row.id),
            );
        }
        if let Some(how) = &row.altered {
            let message = format!("the {} {} in the database was edited: {how}", row.table, row.id);
            findings.add(Code::RowAltered, None, message);
        }
        match states.get(&name).map(Vec::as_slice) {
            None | Some([]) => {
                let message = format!(
                    "the {} {} is in the database, but no entry speaks of it: it was put there by hand",
                    row.table, row.id
                );
                findings.add(Code::RowInserted, None, message);
            }
            Some([earlier @ .., (last, state)]) => {
                let found = Digest::of(&row.document);
                if found != *state {
                    let what = match earlier.iter().rev().find(|(_, state)| *state == found) {
                        Some((entry, _)) => format!("it was set back to what it was after entry {entry}"),
                        None => "it was edited".to_owned(),
                    };
                    let message = format!(
                        "the {} {} in the database is not the one that entry {last} recorded: {what}",
                        row.table, row.id
                    );
                    findings.add(Code::RowAltered, Some(*last), message);
                }
            }
        }
    }
    let known = entries.iter().filter(|placed| placed.index < database.sequenced);
    bodies::check(known.chain(&pending), rows, &database.bodies, findings);
    for ((table, id), history) in &states {
        if let Some((last, _)) = history.last().filter(|_| !seen.contains(&(*table, *id))) {
            let message = format!("the {table} {id} that entry {last} recorded is gone from the database");
            findings.add(Code::RowDeleted, Some(*last), message);
        }
    }
}

/// The database was read before the log, and may have been ahead of it by what was pending: that must be what the log
/// goes on with.
fn follows(log: &[Vec<u8>], database: &Database, findings: &mut Findings) -> Vec<Placed> {
    let sequenced = usize::try_from(database.sequenced).unwrap_or(usize::MAX);
    if sequenced > log.len() {
        let message = format!("the database knows of {sequenced} entries, the log has {}", log.len());
        findings.add(Code::EntriesMissing, None, message);
    }
    let mut placed = Vec::new();
    let beyond = log.get(sequenced..).unwrap_or_default();
    for (nth, (index, bytes)) in (database.sequenced..).zip(&database.pending).enumerate() {
        if beyond.get(nth).is_some_and(|entry| entry != bytes) {
            let message = format!("entry {index} is another one in the database than in the log");
            findings.add(Code::PendingDiffers, Some(index), message);
        }
        if let Ok(entry) = serde_json::from_slice(bytes) {
            placed.push(Placed { index, entry });
        }
    }
    placed
}
