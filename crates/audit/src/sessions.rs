//! Sessions: who launched each, and whether what was let through in one could be. Outcomes of what was let through before may
//! come after its end; permits may not.

use std::collections::HashMap;

use model::{ChangeId, EntryKind, PersonId, SessionId, Timestamp};

use crate::{decisions::says_why, entries::Placed};

/// The name of Countersign's own agent, whose session nobody issues.
const OWN_AGENT: &str = "countersign";

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: HashMap<SessionId, Known>,
}

#[derive(Debug)]
struct Known {
    launcher: Option<PersonId>,
    /// `None` where its entry does not say.
    expires_at: Option<Timestamp>,
    /// The entry that stopped it.
    stopped: Option<u64>,
}

/// Under which Countersign asks for what it does itself: nobody issued it, and it does not end.
pub(crate) fn own() -> SessionId {
    SessionId::new(0, [0; 10])
}

/// The session that asked for what is permitted, where that is not the one that its change belongs to.
pub(crate) fn asked_in(permit: &Placed) -> Option<SessionId> {
    permit.detail("asked_in")?.parse().ok()
}

impl Sessions {
    pub(crate) fn take(&mut self, placed: &Placed) {
        let (index, entry) = (placed.index, &placed.entry);
        let Some(session) = entry.actors.session else { return };
        let carried = entry.kind == EntryKind::RowCarried
            && entry.subject.as_ref().is_some_and(|it| it.table == "session");
        if entry.kind == EntryKind::SessionIssued || carried {
            self.known.entry(session).or_insert_with(|| Known {
                launcher: placed.detail("launcher").and_then(|text| text.parse().ok()),
                expires_at: placed.detail("expires_at").and_then(|text| text.parse().ok()),
                // What came over from another log goes on in none.
                stopped: carried.then_some(index),
            });
        } else if entry.kind == EntryKind::SessionStopped
            && let Some(known) = self.known.get_mut(&session)
        {
            known.stopped.get_or_insert(index);
        }
    }

    pub(crate) fn launcher(&self, session: SessionId) -> Option<PersonId> {
        self.known.get(&session)?.launcher.clone()
    }

    /// Why nothing may be let through where this permit says that something is.
    pub(crate) fn closed(&self, permit: &Placed) -> Option<String> {
        let entry = &permit.entry;
        let Some(of_change) = entry.actors.session else { return Some("in no session".to_owned()) };
        if of_change == own() {
            let ours = entry.actors.agent.as_ref().is_some_and(|agent| agent.as_str() == OWN_AGENT);
            return (!ours).then(|| "in the session of Countersign itself, for another agent".to_owned());
        }
        let asking = match permit.detail("asked_in") {
            None => of_change,
            Some(_) => match asked_in(permit) {
                Some(session) => session,
                None => return Some("in a session of no name".to_owned()),
            },
        };
        // What a person takes back is theirs: it waits for no session.
        let by_a_person = undone_by_a_person(permit);
        for session in [of_change, asking] {
            let Some(known) = self.known.get(&session) else {
                return Some(format!("in {session}, which was never issued"));
            };
            if let Some(stopped) = known.stopped.filter(|_| !by_a_person) {
                return Some(format!("in {session}, which entry {stopped} had stopped"));
            }
        }
        // An earlier version did not say which session of the same agent had asked.
        let expires_at = self.known.get(&asking).and_then(|known| known.expires_at);
        let expired = expires_at.filter(|at| says_why(permit) && !by_a_person && entry.at >= *at);
        expired.map(|at| format!("in {asking}, which had expired at {at}"))
    }
}

fn undone_by_a_person(permit: &Placed) -> bool {
    let undoes = permit.detail("undoes").and_then(|text| text.parse::<ChangeId>().ok());
    let by = permit.detail("asked_by").and_then(|text| text.parse::<PersonId>().ok());
    undoes.is_some() && by.is_some()
}
