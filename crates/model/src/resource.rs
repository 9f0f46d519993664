//! One thing that an action names.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Kind, sanitize};

/// `service` is the protocol's own name of the service (`rds`), `kind` is ours (`database`), `name` identifies the
/// thing within account, region and kind: an ARN where the request gave one, otherwise its identifier.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Resource {
    pub service: String,
    pub kind: Kind,
    pub name: String,
}

impl Resource {
    /// The name of a target that the request does not identify.
    pub const UNKNOWN: &str = "*";

    /// A target that the request does not identify.
    pub fn unknown(service: &str) -> Self {
        Self { service: service.to_owned(), kind: Kind::unknown(), name: Self::UNKNOWN.to_owned() }
    }

    /// The account that its ARN names, twelve digits.
    pub fn account(&self) -> Option<&str> {
        let account = self.name.strip_prefix("arn:")?.split(':').nth(3)?;
        (account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())).then_some(account)
    }

    /// What it lies in: its [`key`](Self::key) up to the first `/` within its own name, else its kind alone.
    pub fn parent(&self) -> Option<String> {
        if self.name == Self::UNKNOWN {
            return None;
        }
        let (key, kind) = (self.key(), format!("{}/{}", self.service, self.kind));
        let own = key.get(kind.len().saturating_add(1)..).unwrap_or_default();
        Some(match own.split_once('/') {
            Some((container, _)) => format!("{kind}/{container}"),
            None => kind,
        })
    }

    /// What history and links compare: the last segment of an ARN equals the bare identifier, and a URL
    /// counts without its host.
    pub fn key(&self) -> String {
        let bare = if self.name.starts_with("arn:") {
            self.name.splitn(6, ':').last().map_or(self.name.as_str(), |rest| {
                let id = rest.split_once(['/', ':']).map_or(rest, |(_, id)| id);
                // A stack's ARN ends in an id of its own after the name it is asked for by.
                if self.kind.as_str() == "stack" { id.split('/').next().unwrap_or(id) } else { id }
            })
        } else if let Some((_, path)) = self.name.split_once("://").and_then(|(_, rest)| rest.split_once('/'))
        {
            // A queue's URL: whichever host it is asked at, it is the same queue.
            path
        } else {
            &self.name
        };
        format!("{}/{}/{}", self.service, self.kind, bare)
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", sanitize(&self.service, 64), self.kind, sanitize(&self.name, 512))
    }
}
