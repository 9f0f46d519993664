//! Issuing, finding and stopping sessions.

use std::sync::{Arc, PoisonError};

use model::{
    Actors, AgentId, Autonomy, Chain, Entry, EntryId, EntryKind, Fault, OWN_NAME, PersonId, Scope, Session,
    SessionId, Timestamp, sanitize,
};
use policy::Bundle;
use store::WriteError;

use crate::{Ending, Engine, Secret, entropy, secret};

/// What an operator asks for.
#[derive(Clone, Debug)]
pub struct NewSession {
    pub agent: AgentId,
    pub operator: PersonId,
    /// Who signed the request; the operator, or another person launching for them.
    pub launcher: PersonId,
    pub task: String,
    pub scope: Scope,
    pub autonomy: Autonomy,
    pub ttl_s: i64,
    /// The signed request itself, for the record.
    pub signed: (String, String),
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    #[error("no agent `{0}` in the bundle's roster")]
    UnknownAgent(AgentId),
    #[error("{0} is not in the bundle's roster as an operator")]
    NotOperator(PersonId),
    #[error("{signer} cannot open a session in the name of {operator}: the operator signs")]
    NotYou { signer: PersonId, operator: PersonId },
    #[error("a session lasts between 1 second and {max} seconds; asked for {asked}")]
    TimeToLive { asked: i64, max: i64 },
    #[error("a task is 1 to 2000 characters")]
    Task,
    #[error(
        "no role `{0}` that this agent may take on: two people can name it in accounts.toml of the bundle"
    )]
    Role(String),
    #[error("no session {0}")]
    Unknown(SessionId),
    #[error("{0}")]
    Fault(Fault),
}

impl From<Fault> for IssueError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl Engine {
    /// Opens a session and yields its secret, once.
    ///
    /// # Errors
    /// Where the roster, the limits or the record stand against it.
    pub async fn issue(&self, asked: NewSession) -> Result<(Session, Secret), IssueError> {
        let bundle = self.bundle();
        let owner = admitted(&bundle, &asked.agent, &asked.operator)?;
        if asked.launcher != asked.operator {
            return Err(IssueError::NotYou { signer: asked.launcher, operator: asked.operator });
        }
        let max = bundle.limits().session_ttl_max_s;
        if asked.ttl_s < 1 || asked.ttl_s > max {
            return Err(IssueError::TimeToLive { asked: asked.ttl_s, max });
        }
        if asked.task.trim().is_empty() || asked.task.chars().count() > 2000 {
            return Err(IssueError::Task);
        }
        let now = self.now()?;
        let session = Session {
            id: SessionId::new(now.millis(), entropy::draw(self.entropy.as_ref())?),
            chain: Chain { agent: asked.agent, operator: asked.operator, launcher: None, owner },
            task: asked.task,
            scope: asked.scope,
            autonomy: asked.autonomy,
            access_key: secret::access_key(entropy::draw(self.entropy.as_ref())?),
            issued_at: now,
            expires_at: now.plus_seconds(asked.ttl_s),
            stopped_at: None,
            bundle: bundle.digest(),
            parent: None,
            glass: None,
            assumed: None,
        };
        let mut entry = self.session_entry(&session, EntryKind::SessionIssued, now)?;
        entry.actors.person = Some(session.chain.operator.clone());
        for (key, value) in [
            ("task", sanitize(&session.task, 2000)),
            ("scope", session.scope.to_string()),
            ("autonomy", session.autonomy.to_string()),
            ("expires_at", session.expires_at.to_string()),
            ("request", asked.signed.0),
            ("signature", asked.signed.1),
        ] {
            entry.detail.insert(key.to_owned(), value);
        }
        let row = session.clone();
        let issued = self.ruled(move |tx, book| -> Result<(), IssueError> {
            // Another bundle may have come into force since.
            admitted(&book.bundle, &row.chain.agent, &row.chain.operator)?;
            tx.issue_session(&row, entry).map_err(|err| IssueError::Fault(Fault::Storage(err.to_string())))
        });
        issued.await.map_err(|err| match err {
            WriteError::Op(err) => err,
            err @ WriteError::Storage(_) => storage(&err),
        })?;
        let secret = self.master.secret_of(session.id);
        self.remember(session.clone());
        Ok((session, secret))
    }

    /// Stops a session at once, and those that came from it: nothing they ask from now on is admitted, held changes stay
    /// refused.
    ///
    /// # Errors
    /// [`IssueError::Unknown`], or what stands against recording it.
    pub async fn stop(&self, id: SessionId, by: PersonId) -> Result<Session, IssueError> {
        let now = self.recorded_time()?;
        let found = self.store.read(move |view| view.session(id)).await;
        let session = found
            .map_err(|err| IssueError::Fault(Fault::Storage(err.to_string())))?
            .ok_or(IssueError::Unknown(id))?;
        if session.stopped_at.is_some() {
            return Ok(session);
        }
        // Those that it issues at this moment find it stopped, or are among these.
        let ids = [(self.entry_id(now)?, session.id)];
        let stopped = self.stop_all(now, by.clone(), ids.to_vec()).await?;
        let children = {
            let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            let own = sessions.children(id).filter(|it| it.stopped_at.is_none());
            own.map(|it| it.id).collect::<Vec<_>>()
        };
        let ids = children.into_iter().map(|child| Ok((self.entry_id(now)?, child)));
        let ids: Vec<_> = ids.collect::<Result<_, Fault>>()?;
        self.stop_all(now, by, ids).await?;
        stopped.into_iter().next().ok_or(IssueError::Unknown(id))
    }

    /// Stops all live sessions, of one agent or of every one: each is on the record with who did it. Tells which.
    ///
    /// # Errors
    /// [`IssueError::UnknownAgent`] where there is no such agent, or what stands against recording it.
    pub async fn stop_every(
        &self,
        agent: Option<&AgentId>,
        by: PersonId,
    ) -> Result<Vec<Session>, IssueError> {
        let mut stopped = Vec::new();
        // Those that are issued meanwhile are found on the next round; a person looks at what comes after that.
        for _ in 0..3 {
            let now = self.recorded_time()?;
            let live: Vec<SessionId> = {
                let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
                let own = |it: &&Arc<Session>| agent.is_none_or(|agent| it.chain.agent == *agent);
                sessions.all().filter(own).filter(|it| it.closed(now).is_none()).map(|it| it.id).collect()
            };
            if live.is_empty() {
                break;
            }
            for some in live.chunks(STOPPED_AT_ONCE) {
                let ids = some.iter().map(|id| Ok((self.entry_id(now)?, *id)));
                let ids = ids.collect::<Result<Vec<_>, Fault>>()?;
                stopped.extend(self.stop_all(now, by.clone(), ids).await?);
            }
        }
        match agent.filter(|agent| stopped.is_empty() && !self.bundle().roster().agents.contains_key(*agent))
        {
            Some(unknown) => Err(IssueError::UnknownAgent(unknown.clone())),
            None => Ok(stopped),
        }
    }

    async fn stop_all(
        &self,
        now: Timestamp,
        by: PersonId,
        ids: Vec<(EntryId, SessionId)>,
    ) -> Result<Vec<Session>, IssueError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let stopped = self
            .store
            .write(move |tx| -> Result<Vec<Session>, store::Conflict> {
                let mut stopped = Vec::new();
                for (entry, id) in ids {
                    let Some(mut session) = tx.session(id)?.filter(|it| it.stopped_at.is_none()) else {
                        continue;
                    };
                    session.stopped_at = Some(now);
                    let mut entry = session_entry(entry, &session, EntryKind::SessionStopped, now);
                    entry.actors.person = Some(by.clone());
                    tx.update_session(&session, entry)?;
                    stopped.push(session);
                }
                Ok(stopped)
            })
            .await
            .map_err(|err| storage(&err))?;
        stopped.iter().for_each(|session| self.remember(session.clone()));
        self.moved();
        Ok(stopped)
    }

    /// The session of an access key with its secret, for a gateway to verify a signature with. Closed sessions are
    /// found too: the gateway says which of the two it was only after the signature holds.
    pub fn session_of(&self, access_key: &str) -> Option<(Arc<Session>, Secret)> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        let session = sessions.of_key(access_key)?;
        Some((Arc::clone(session), self.master.secret_of(session.id)))
    }

    /// The session under which Countersign itself reads. Its grant is in the bundle like any other's.
    pub fn own_session(&self) -> Arc<Session> {
        Arc::clone(&self.own)
    }

    /// The sessions of roles that were taken on in this one, oldest first.
    pub fn roles_taken_on(&self, id: SessionId) -> Vec<Arc<Session>> {
        let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
        sessions.children(id).cloned().collect()
    }

    /// Puts a signed request on record that could not be judged.
    pub fn note_unjudged(&self, session: &Session, line: &str) {
        self.meter.ended(Ending::Deny);
        // While nothing can be recorded everything is refused, and this would only pile up.
        if self.recordable().is_ok() {
            self.tallies.unjudged(session, line, self.clock.now());
        }
    }

    /// Counts a request that no session signed.
    pub async fn authentication_failed(&self, source: &str) {
        self.meter.stranger();
        let now = self.clock.now();
        if let Some((minute, count)) = self.tallies.fail(source, now) {
            crate::tally::failures(self, source, minute, count, now).await;
        }
    }

    /// Whether any source has failed at all of late; asked first, it costs next to nothing.
    pub fn anybody_fails(&self) -> bool {
        self.tallies.anybody_fails()
    }

    /// Whether `source` has failed so often in this minute that it is refused before any cryptography.
    pub fn is_flooding(&self, source: &str) -> bool {
        self.tallies.is_flooding(source, self.clock.now())
    }

    pub(crate) fn remember(&self, session: Session) {
        let mut sessions = self.sessions.write().unwrap_or_else(PoisonError::into_inner);
        sessions.remember(session);
    }

    pub(crate) fn session_entry(
        &self,
        session: &Session,
        kind: EntryKind,
        now: Timestamp,
    ) -> Result<Entry, Fault> {
        Ok(session_entry(self.entry_id(now)?, session, kind, now))
    }
}

/// So that nobody else's decision waits for long.
const STOPPED_AT_ONCE: usize = 500;

/// The owner of the agent, where this person may launch it.
fn admitted(bundle: &Bundle, agent: &AgentId, operator: &PersonId) -> Result<Option<PersonId>, IssueError> {
    let roster = bundle.roster();
    let known = roster.agents.get(agent).ok_or_else(|| IssueError::UnknownAgent(agent.clone()))?;
    if roster.people.get(operator).is_some_and(|person| person.operator) {
        Ok(known.owner.clone())
    } else {
        Err(IssueError::NotOperator(operator.clone()))
    }
}

fn session_entry(id: EntryId, session: &Session, kind: EntryKind, now: Timestamp) -> Entry {
    let mut entry = Entry::new(id, now, kind);
    entry.actors = Actors {
        agent: Some(session.chain.agent.clone()),
        operator: Some(session.chain.operator.clone()),
        session: Some(session.id),
        person: None,
    };
    entry.bundle = Some(session.bundle);
    entry
}

pub(crate) fn own_session(bundle: &Bundle, now: Timestamp) -> Result<Session, Fault> {
    let unnamed = |_| Fault::NoPolicy("our own name is no name".to_owned());
    Ok(Session {
        id: SessionId::OWN,
        chain: Chain {
            agent: OWN_NAME.parse().map_err(unnamed)?,
            operator: OWN_NAME.parse().map_err(unnamed)?,
            launcher: None,
            owner: None,
        },
        task: "gather evidence".to_owned(),
        scope: Scope::default(),
        autonomy: Autonomy::Suggest,
        access_key: String::new(),
        issued_at: now,
        expires_at: Timestamp::from_millis(i64::MAX),
        stopped_at: None,
        bundle: bundle.digest(),
        parent: None,
        glass: None,
        assumed: None,
    })
}

pub(crate) fn storage<E: std::fmt::Display>(err: &WriteError<E>) -> IssueError {
    IssueError::Fault(Fault::Storage(err.to_string()))
}
