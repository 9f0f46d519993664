//! A role that an agent takes on: a session of its own, with no other history.

use std::sync::{Arc, PoisonError};

use model::{AssumedRole, EntryKind, Session, SessionId, sanitize};

use crate::{Engine, IssueError, Secret, entropy, secret, session::storage};

impl Engine {
    /// Answers an agent's wish to take on a role: a session of its own, bound to the role, with the same task, scope and
    /// autonomy, which ends no later and is stopped with the one it came from. What it does belongs to that one's
    /// history. Asked for again, it is the same session while at least half of the time remains.
    ///
    /// # Errors
    /// [`IssueError::Role`] where the bundle does not let the agent; [`IssueError::TimeToLive`]; [`IssueError::Fault`].
    pub async fn assume(
        &self,
        by: &Session,
        role: &str,
        ttl_s: i64,
    ) -> Result<(Arc<Session>, Secret), IssueError> {
        self.recordable()?;
        let bundle = self.bundle();
        let Some((arn, _)) = bundle.assumable_by(&by.chain.agent, role) else {
            return Err(IssueError::Role(sanitize(role, 200)));
        };
        let max = bundle.limits().session_ttl_max_s;
        if ttl_s < 1 || ttl_s > max {
            return Err(IssueError::TimeToLive { asked: ttl_s, max });
        }
        let now = self.now()?;
        let expires_at = now.plus_seconds(ttl_s).min(by.expires_at);
        let enough = now.plus_seconds(expires_at.since(now) / 2000);
        let is_it = |session: &Session| {
            session.assumed.as_ref().is_some_and(|it| it.role == arn.as_str())
                && session.closed(now).is_none()
                && session.expires_at >= enough
                && session.expires_at <= by.expires_at
        };
        let known = {
            let sessions = self.sessions.read().unwrap_or_else(PoisonError::into_inner);
            sessions.children(by.root()).find(|session| is_it(session)).cloned()
        };
        if let Some(session) = known {
            let secret = self.master.secret_of(session.id);
            return Ok((session, secret));
        }
        let session = Session {
            id: SessionId::new(now.millis(), entropy::draw(self.entropy.as_ref())?),
            access_key: secret::access_key(entropy::draw(self.entropy.as_ref())?),
            issued_at: now,
            expires_at,
            stopped_at: None,
            bundle: bundle.digest(),
            parent: Some(by.root()),
            glass: None,
            assumed: Some(AssumedRole {
                role: arn.to_string(),
                partition: arn.partition().clone(),
                account: arn.account().clone(),
            }),
            ..by.clone()
        };
        let mut entry = self.session_entry(&session, EntryKind::SessionIssued, now)?;
        for (key, value) in [
            ("parent", by.root().to_string()),
            ("role", arn.to_string()),
            ("scope", session.scope.to_string()),
            ("autonomy", session.autonomy.to_string()),
            ("expires_at", session.expires_at.to_string()),
        ] {
            entry.detail.insert(key.to_owned(), value);
        }
        let (row, root) = (session.clone(), by.root());
        let (agent, taken) = (by.chain.agent.clone(), arn.to_string());
        self.ruled(move |tx, book| -> Result<(), store::Conflict> {
            // Stopped in the meantime, or not let take it on any more, it begins nothing.
            let stopped = || store::Conflict::Stopped;
            book.bundle.assumable_by(&agent, &taken).ok_or_else(stopped)?;
            match tx.session(root)? {
                Some(root) if root.closed(now).is_none() => tx.issue_session(&row, entry),
                Some(_) | None => Err(store::Conflict::Stopped),
            }
        })
        .await
        .map_err(|err| storage(&err))?;
        let secret = self.master.secret_of(session.id);
        let session = Arc::new(session);
        self.remember(Session::clone(&session));
        Ok((session, secret))
    }
}
