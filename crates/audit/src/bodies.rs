//! The blob store against documents and log: every body that a document commits to lies there and is the one, unless an
//! entry says that it was erased; and nothing else lies there.

use std::collections::{BTreeMap, BTreeSet};

use model::{Change, Commitment, Digest, EntryKind};

use crate::{Code, Row, entries::Placed, report::Findings};

/// One body of the blob store: what it is kept as, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub commitment: String,
    /// Of what lies there; `None` where that can be no body.
    pub found: Option<Commitment>,
}

/// Which bodies entries say were erased, and where last.
#[derive(Debug, Default)]
pub(crate) struct Erased(BTreeMap<Commitment, u64>);

impl Erased {
    pub(crate) fn take(&mut self, placed: &Placed) {
        if matches!(placed.entry.kind, EntryKind::BodyErased | EntryKind::RowCarried) {
            let bodies = commitments_of(placed).unwrap_or_default();
            self.0.extend(bodies.into_iter().map(|it| (it, placed.index)));
        }
    }
}

/// `erased`: by the entries that the database knows of.
pub(crate) fn check(erased: &Erased, rows: &[Row], bodies: &[Body], findings: &mut Findings) {
    let mut lying: BTreeMap<&str, Option<Commitment>> = BTreeMap::new();
    for body in bodies {
        lying.insert(&body.commitment, body.found);
    }
    let mut known = BTreeSet::new();
    // A document that cannot be read was convicted where rows are compared.
    let changes = rows
        .iter()
        .filter(|row| row.table == "change")
        .filter_map(|row| Some((&row.id, serde_json::from_slice::<Change>(&row.document).ok()?)));
    for (id, change) in changes {
        for (step, nth) in change.steps.iter().zip(1usize..) {
            for commitment in step.commitments() {
                let text = commitment.to_string();
                let body = Digest::short(&commitment.digest());
                match (lying.get(text.as_str()), erased.0.get(&commitment)) {
                    (None, Some(_)) => {}
                    (None, None) => {
                        let message = format!(
                            "body {body} of action {nth} of the change {id} is gone, and no entry says that it was erased"
                        );
                        findings.add(Code::BodyMissing, None, message);
                    }
                    (Some(_), Some(entry)) => {
                        let message = format!(
                            "body {body} of action {nth} of the change {id} is there, though entry {entry} erased it"
                        );
                        findings.add(Code::BodyNotErased, Some(*entry), message);
                    }
                    (Some(found), None) if *found != Some(commitment) => {
                        let message = format!(
                            "body {body} of action {nth} of the change {id} is not the one that was recorded"
                        );
                        findings.add(Code::BodyAltered, None, message);
                    }
                    (Some(_), None) => {}
                }
                known.insert(text);
            }
        }
    }
    for stray in lying.keys().filter(|it| !known.contains(**it)) {
        let message = format!("body {stray} is in the database, but no document refers to it");
        findings.add(Code::BodyInserted, None, message);
    }
}

/// What an entry of these kinds says was erased: now, or in the log before.
pub(crate) fn commitments_of(placed: &Placed) -> Option<Vec<Commitment>> {
    placed.detail("bodies")?.split(' ').map(|text| text.parse().ok()).collect()
}
