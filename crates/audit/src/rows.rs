//! The database against the log: every row is as the last entry about it left it, and there are no others.

use std::collections::{BTreeMap, BTreeSet};

use model::Digest;

use crate::{Code, entries::Placed, report::Findings};

/// One document of the database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// As entries name it in their `subject`.
    pub table: String,
    pub id: String,
    pub document: Vec<u8>,
}

pub(crate) fn check(entries: &[Placed], rows: &[Row], findings: &mut Findings) {
    let mut states: BTreeMap<(&str, &str), Vec<(u64, Digest)>> = BTreeMap::new();
    for Placed { index, entry } in entries {
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
    for ((table, id), history) in &states {
        if let Some((last, _)) = history.last().filter(|_| !seen.contains(&(*table, *id))) {
            let message = format!("the {table} {id} that entry {last} recorded is gone from the database");
            findings.add(Code::RowDeleted, Some(*last), message);
        }
    }
}
