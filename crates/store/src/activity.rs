//! What one session did, added up where it lies: how much is read for it does not grow with how often the session asked.

use std::collections::BTreeMap;

use model::{Change, ChangeId, ChangeState, Entry, EntryKind, PersonId, Session, Timestamp};

use crate::{
    Filter, StorageError, View,
    asked::{Asked, Came, Counted, MOST_KINDS},
};

/// Of one session, as far as it is on record. A role that was taken on asks for its changes as the session it came from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Activity {
    /// Plain reads that passed.
    pub read: Passing,
    /// What was denied without a change of its own.
    pub denied: Passing,
    /// What it reported of its own language model.
    pub reported: Passing,
    /// Every operation by which something was read, the one asked for most often first.
    pub operations: Vec<Often>,
    /// What was read most often.
    pub most_read: Vec<Often>,
    /// What was denied most often.
    pub most_denied: Vec<Often>,
    /// How many lines it reported of each sort: `refused`, `claimed`, `ended`; of those that were left out, nothing is known.
    pub reported_as: Vec<(String, u64)>,
    /// What it reported most often: the sort as its operation, its words as why.
    pub most_reported: Vec<Often>,
    /// How many changes are in which state; those in which there is one.
    pub states: BTreeMap<ChangeState, u64>,
    /// What ran, however it ended; the newest first, as of the two that follow.
    pub ran: Vec<Change>,
    pub waiting: Vec<Change>,
    pub refused: Vec<Change>,
    /// Who has approved those.
    pub approved_by: BTreeMap<ChangeId, Vec<PersonId>>,
    /// When it asked for the newest of all its changes.
    pub newest: Option<Timestamp>,
    /// Who stopped it, where that is on record.
    pub stopped_by: Option<PersonId>,
}

/// All that came to one end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Passing {
    pub times: u64,
    /// How many different things.
    pub kinds: u64,
    pub last: Option<Timestamp>,
}

/// How often something was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Often {
    /// `service:Operation`; empty where only words tell what it was.
    pub operation: String,
    pub target: String,
    pub why: String,
    pub times: u64,
}

impl Activity {
    /// Beyond that many different things it is not told apart any more what was read.
    pub const MOST_KINDS: u64 = MOST_KINDS;

    pub const RAN: [ChangeState; 5] = [
        ChangeState::Executing,
        ChangeState::Executed,
        ChangeState::Undone,
        ChangeState::Failed,
        ChangeState::Unknown,
    ];
    pub const WAITING: [ChangeState; 2] = [ChangeState::Held, ChangeState::Approved];
    pub const REFUSED: [ChangeState; 2] = [ChangeState::Denied, ChangeState::Rejected];

    pub fn in_state(&self, state: ChangeState) -> u64 {
        self.states.get(&state).copied().unwrap_or_default()
    }
}

impl View<'_> {
    /// What the session did; of what could be many, `most` at most.
    pub fn activity(&self, session: &Session, most: usize) -> Result<Activity, StorageError> {
        let id = session.id.to_string();
        let rows = self.rows();
        let mut activity = Activity::default();
        for (came, kinds, counted) in rows.passing(&id)? {
            let passing = Passing {
                times: amount(counted.times),
                kinds,
                last: Some(Timestamp::from_millis(counted.last)),
            };
            match came {
                Came::Read => activity.read = passing,
                Came::Denied => activity.denied = passing,
                Came::Reported => activity.reported = passing,
            }
        }
        activity.operations = rows
            .operations_asked(&id, Came::Read)?
            .into_iter()
            .map(|(operation, times)| Often {
                operation,
                target: String::new(),
                why: String::new(),
                times: amount(times),
            })
            .collect();
        let often = |came| -> Result<Vec<Often>, StorageError> {
            Ok(rows.most_asked(&id, came, most)?.into_iter().map(Often::from).collect())
        };
        (activity.most_read, activity.most_denied) = (often(Came::Read)?, often(Came::Denied)?);
        activity.most_reported = often(Came::Reported)?;
        let sorts = rows.operations_asked(&id, Came::Reported)?;
        activity.reported_as = sorts.into_iter().map(|(sort, times)| (sort, amount(times))).collect();
        for state in ChangeState::ALL {
            let count = rows.session_in_state(&id, state.name())?;
            if count > 0 {
                activity.states.insert(state, count);
            }
        }
        let own = |states: &[ChangeState], limit| {
            let session = Some(session.id);
            self.changes(&Filter { states: states.to_vec(), session, limit, ..Filter::default() })
        };
        activity.ran = own(&Activity::RAN, most)?;
        activity.waiting = own(&Activity::WAITING, most)?;
        activity.refused = own(&Activity::REFUSED, most)?;
        for change in activity.ran.iter().chain(&activity.waiting).chain(&activity.refused) {
            let persons: Vec<PersonId> = self.approvals(change.id)?.into_iter().map(|it| it.person).collect();
            if !persons.is_empty() {
                activity.approved_by.insert(change.id, persons);
            }
        }
        activity.newest = own(&[], 1)?.first().map(|change| change.created_at);
        activity.stopped_by = match session.stopped_at {
            Some(at) => self.stopped_by(session, at)?,
            None => None,
        };
        Ok(activity)
    }

    fn stopped_by(&self, session: &Session, at: Timestamp) -> Result<Option<PersonId>, StorageError> {
        for (bytes, _) in self.rows().recorded_at(at.millis(), Self::AT_ONCE)? {
            let Ok(entry) = serde_json::from_slice::<Entry>(&bytes) else { continue };
            if entry.kind == EntryKind::SessionStopped && entry.actors.session == Some(session.id) {
                return Ok(entry.actors.person);
            }
        }
        Ok(None)
    }
}

impl From<(Asked, Counted)> for Often {
    fn from((asked, counted): (Asked, Counted)) -> Self {
        let Asked { came: _, operation, target, why } = asked;
        Self { operation, target, why, times: amount(counted.times) }
    }
}

fn amount(times: i64) -> u64 {
    u64::try_from(times).unwrap_or_default()
}
