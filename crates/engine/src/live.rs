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
    pub(crate) fn remember(&mut self, session: Session) {
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
