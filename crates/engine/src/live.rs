//! Live sessions in memory, as every request needs them: by the access key that it names, and by id.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use model::{Session, SessionId, Timestamp};

#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: HashMap<String, Arc<Session>>,
    by_id: BTreeMap<SessionId, Arc<Session>>,
}

impl Sessions {
    /// What is stopped stays stopped, whichever of two operations on a session is heard of last.
    pub(crate) fn remember(&mut self, session: Session) {
        let known = self.by_id.get(&session.id);
        if session.stopped_at.is_none() && known.is_some_and(|known| known.stopped_at.is_some()) {
            return;
        }
        let session = Arc::new(session);
        self.by_key.insert(session.access_key.clone(), Arc::clone(&session));
        self.by_id.insert(session.id, session);
    }

    pub(crate) fn of_key(&self, access_key: &str) -> Option<&Arc<Session>> {
        self.by_key.get(access_key)
    }

    pub(crate) fn of_id(&self, id: SessionId) -> Option<&Arc<Session>> {
        self.by_id.get(&id)
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Session>> {
        self.by_id.values()
    }

    /// Those that took on a role in this one.
    pub(crate) fn children(&self, of: SessionId) -> impl Iterator<Item = &Arc<Session>> {
        self.by_id.values().filter(move |session| session.parent == Some(of))
    }

    /// Why it may not act, or the one that it came from may not.
    pub(crate) fn closed(&self, id: SessionId, now: Timestamp) -> Result<(), &'static str> {
        let session = self.by_id.get(&id).ok_or("unknown")?;
        let root = match session.parent {
            Some(parent) => self.by_id.get(&parent).ok_or("unknown")?,
            None => session,
        };
        session.closed(now).or_else(|| root.closed(now)).map_or(Ok(()), Err)
    }
}

impl FromIterator<Session> for Sessions {
    fn from_iter<I: IntoIterator<Item = Session>>(sessions: I) -> Self {
        let mut live = Self::default();
        sessions.into_iter().for_each(|session| live.remember(session));
        live
    }
}

#[cfg(test)]
mod tests {
    use model::{Autonomy, Chain, Digest, Scope};

    use super::*;

    #[test]
    fn a_stopped_session_is_not_let_go_on_by_what_was_written_before_and_is_heard_of_later() {
        let person = || "ana".parse().expect("a name");
        let session = Session {
            id: SessionId::new(1, [1; 10]),
            chain: Chain {
                agent: "kiro".parse().expect("a name"),
                operator: person(),
                launcher: None,
                owner: None,
            },
            task: String::new(),
            scope: Scope::default(),
            autonomy: Autonomy::Autonomous,
            access_key: "key".to_owned(),
            issued_at: Timestamp::from_millis(0),
            expires_at: Timestamp::from_millis(i64::MAX),
            stopped_at: None,
            bundle: Digest::of(b""),
            parent: None,
            glass: None,
            assumed: None,
        };
        let now = Timestamp::from_millis(1);
        let stopped = Session { stopped_at: Some(now), ..session.clone() };
        let mut live = Sessions::from_iter([session.clone()]);
        assert!(live.closed(session.id, now).is_ok());
        live.remember(stopped);
        live.remember(session.clone());
        assert!(live.closed(session.id, now).is_err());
        assert!(live.of_key("key").is_some_and(|it| it.stopped_at.is_some()));
    }
}
