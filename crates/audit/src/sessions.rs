//! Sessions: who launched each, and whether what was let through in one could be. Outcomes of what was let through before may
//! come after its end; permits may not.

use std::collections::HashMap;

use model::{Actors, AgentId, EntryKind, OWN_NAME, PersonId, SessionId, Timestamp};

use crate::{decisions::says_why, entries::Placed};

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    known: HashMap<SessionId, Known>,
}

#[derive(Debug)]
struct Known {
    agent: Option<AgentId>,
    operator: Option<PersonId>,
    launcher: Option<PersonId>,
    /// `None` where its entry does not say.
    expires_at: Option<Timestamp>,
    /// The entry that stopped it.
    stopped: Option<u64>,
}

impl Known {
    fn is_of(&self, actors: &Actors) -> bool {
        (&self.agent, &self.operator) == (&actors.agent, &actors.operator)
    }
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
                agent: entry.actors.agent.clone(),
                operator: entry.actors.operator.clone(),
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

    /// Why nothing may be let through where this permit says that something is. What a person takes back is theirs: it waits for
    /// no session.
    pub(crate) fn closed(&self, permit: &Placed, by_a_person: bool) -> Option<String> {
        let entry = &permit.entry;
        let Some(of_change) = entry.actors.session else { return Some("in no session".to_owned()) };
        if of_change == SessionId::OWN {
            let ours = entry.actors.agent.as_ref().is_some_and(|agent| agent.as_str() == OWN_NAME);
            return (!ours).then(|| "in the session of Countersign itself, for another agent".to_owned());
        }
        let asking = match permit.detail("asked_in") {
            None => of_change,
            Some(_) => match asked_in(permit) {
                Some(session) => session,
                None => return Some("in a session of no name".to_owned()),
            },
        };
        for session in [of_change, asking] {
            let Some(known) = self.known.get(&session) else {
                return Some(format!("in {session}, which was never issued"));
            };
            // Whoever asks again for what another session had asked for has the same chain.
            if !known.is_of(&entry.actors) {
                return Some(format!("in {session}, which is of another agent, or for another operator"));
            }
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
