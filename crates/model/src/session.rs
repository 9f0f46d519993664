//! One agent, one operator, one task, one scope, one autonomy level, one expiry.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Account, Chain, Digest, Glass, Partition, Scope, SessionId, Timestamp};

/// How much a session may do without anyone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Autonomy {
    /// Looks; whatever would change something waits for a person.
    Suggest,
    /// Undoable writes pass outside production; in production one person agrees to each.
    Supervised,
    /// The rule as it stands: what can be undone, alone.
    #[default]
    Autonomous,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no autonomy level; use suggest, supervised or autonomous")]
pub struct UnknownAutonomy(String);

impl FromStr for Autonomy {
    type Err = UnknownAutonomy;

    fn from_str(text: &str) -> Result<Self, UnknownAutonomy> {
        match text {
            "suggest" => Ok(Self::Suggest),
            "supervised" => Ok(Self::Supervised),
            "autonomous" => Ok(Self::Autonomous),
            other => Err(UnknownAutonomy(crate::sanitize(other, 40))),
        }
    }
}

impl fmt::Display for Autonomy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Suggest => "suggest",
            Self::Supervised => "supervised",
            Self::Autonomous => "autonomous",
        })
    }
}

/// A session as stored. Its secret is not here: it is derived from the installation's master key and the id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    pub id: SessionId,
    pub chain: Chain,
    pub task: String,
    pub scope: Scope,
    pub autonomy: Autonomy,
    /// The virtual access key id; not a secret.
    pub access_key: String,
    pub issued_at: Timestamp,
    pub expires_at: Timestamp,
    pub stopped_at: Option<Timestamp>,
    /// The bundle in force when it was issued.
    pub bundle: Digest,
    /// Where an agent took on a role in another session: that one, or the one it came from itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<SessionId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assumed: Option<AssumedRole>,
    /// Since its glass was broken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub glass: Option<Glass>,
}

/// The role that a child session is bound to, and where it acts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AssumedRole {
    /// As the cloud names it.
    pub role: String,
    pub partition: Partition,
    pub account: Account,
}

impl Session {
    /// To which its changes and their history belong: a role that was taken on begins no new history.
    pub fn root(&self) -> SessionId {
        self.parent.unwrap_or(self.id)
    }

    /// Why the session may not act at `now`; `None` while it may.
    pub fn closed(&self, now: Timestamp) -> Option<&'static str> {
        if self.stopped_at.is_some() {
            Some("stopped")
        } else if now >= self.expires_at {
            Some("expired")
        } else {
            None
        }
    }
}
