//! Names that people give: agents, persons, environments, roles, kinds, rules. Checked once, at the edge.

use std::{borrow::Borrow, fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no {what}: 1 to 64 of a–z, 0–9, `.`, `_`, `-`, starting with a letter or digit")]
pub struct NameError {
    text: String,
    what: &'static str,
}

fn is_name(text: &str) -> bool {
    let mut bytes = text.bytes();
    (1..=64).contains(&text.len())
        && bytes.next().is_some_and(|first| first.is_ascii_lowercase() || first.is_ascii_digit())
        && bytes.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'.' | b'_' | b'-')
        })
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                if is_name(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError { text: crate::sanitize(text, 80), what: $what })
                }
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                crate::wire::parsed(deserializer)
            }
        }
    };
}

/// Countersign itself, where it reads to gather evidence or does what people have agreed to: an agent, and the operator of that
/// agent, in grants. No person and no agent of a roster can have this name, so nobody can launch or approve as it.
pub const OWN_NAME: &str = "countersign";

name!(
    /// A software principal; never a person.
    AgentId, "agent's name"
);
name!(
    /// A person with an enrolled key.
    PersonId, "person's name"
);
name!(
    /// What an approver is asked as: `dba`, `sre`, `owner`, …
    Role, "role"
);
name!(
    /// production, staging, …
    EnvironmentName, "environment's name"
);
name!(
    /// The kind of a resource: `database`, `stack`, `bucket`, …
    Kind, "kind of resource"
);
name!(
    /// The `@id` of a rule.
    RuleId, "rule's id"
);
name!(
    /// A budget or a standing approval of the bundle; no two have one name.
    AllowanceId, "name of an allowance"
);

name!(
    /// A grant that the bundle keeps for when the glass is broken.
    GrantId, "name of a grant"
);
name!(
    /// A witness of this log, as the bundle calls it.
    WitnessId, "witness's name"
);

impl EnvironmentName {
    /// Where an environment is not known, it is production.
    pub fn production() -> Self {
        Self("production".to_owned())
    }

    pub fn is_production(&self) -> bool {
        self.0 == "production"
    }
}

impl Kind {
    /// A target whose kind no table knows.
    pub fn unknown() -> Self {
        Self("unknown".to_owned())
    }

    /// For kinds that stand in our own tables as literals; a malformed literal becomes `unknown`.
    pub fn known(text: &'static str) -> Self {
        text.parse().unwrap_or_else(|_| Self::unknown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain() {
        for good in ["kiro", "a", "0x", "payments-prod.eu_1"] {
            assert!(good.parse::<AgentId>().is_ok(), "{good}");
        }
        for bad in ["", "-a", "A", "a b", "a\u{202e}b", "é", "a/b", &"x".repeat(65)] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad}");
        }
    }
}
