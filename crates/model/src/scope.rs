//! A session's scope: comma-separated `env:NAME`, `service:NAME`, `arn:GLOB`, `effect:NAME`.
//!
//! Terms of one kind are alternatives; all kinds that occur must match. An empty scope is the whole grant.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{ActionParts, Effect, Environment, EnvironmentName, sanitize};

const MAX_LEN: usize = 4096;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    environments: Vec<EnvironmentName>,
    services: Vec<String>,
    arns: Vec<String>,
    effects: Vec<Effect>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "scope: `{term}`: {problem}; a scope is comma-separated env:NAME, service:NAME, arn:GLOB, effect:NAME"
)]
pub struct ScopeError {
    term: String,
    problem: String,
}

impl Scope {
    /// Whether everything about the action lies within the scope. An unknown target lies in no `arn:` scope.
    pub fn covers(&self, action: &ActionParts, environment: &Environment) -> bool {
        (self.environments.is_empty() || self.environments.contains(&environment.name))
            && (self.services.is_empty() || self.services.contains(&action.operation.service))
            && (self.effects.is_empty() || action.effects.iter().all(|effect| self.effects.contains(&effect)))
            && (self.arns.is_empty()
                || (!action.resources.is_empty()
                    && action
                        .resources
                        .iter()
                        .all(|it| self.arns.iter().any(|glob| crate::glob(glob, &it.name)))))
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Self, ScopeError> {
        let fail = |term: &str, problem: String| ScopeError { term: sanitize(term, 120), problem };
        if text.len() > MAX_LEN {
            return Err(fail(text, format!("longer than {MAX_LEN} bytes")));
        }
        let mut scope = Self::default();
        for term in text.split(',').map(str::trim).filter(|term| !term.is_empty()) {
            let (kind, value) = term.split_once(':').ok_or_else(|| fail(term, "no `:`".to_owned()))?;
            match kind {
                "env" => scope.environments.push(value.parse().map_err(|err| fail(term, format!("{err}")))?),
                "service" => scope.services.push(value.to_owned()),
                // A whole ARN starts with `arn:` itself.
                "arn" if term.starts_with("arn:aws") => scope.arns.push(term.to_owned()),
                "arn" => scope.arns.push(value.to_owned()),
                "effect" => scope.effects.push(value.parse().map_err(|err| fail(term, format!("{err}")))?),
                other => {
                    return Err(fail(term, format!("`{}` is none of the four kinds", sanitize(other, 40))));
                }
            }
        }
        Ok(scope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let environments = self.environments.iter().map(|it| format!("env:{it}"));
        let services = self.services.iter().map(|it| format!("service:{it}"));
        let arns = self
            .arns
            .iter()
            .map(|it| if it.starts_with("arn:aws") { it.clone() } else { format!("arn:{it}") });
        let effects = self.effects.iter().map(|it| format!("effect:{it}"));
        f.write_str(&environments.chain(services).chain(arns).chain(effects).collect::<Vec<_>>().join(","))
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        crate::wire::parsed(deserializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_errors_name_the_term() {
        let text = "env:production,service:rds,arn:arn-less*,arn:aws:s3:::x,effect:read";
        assert_eq!(text.parse::<Scope>().unwrap().to_string(), text);
        let err = "effect:delete".parse::<Scope>().unwrap_err().to_string();
        assert!(err.contains("effect:delete") && err.contains("destroy"), "{err}");
        assert!("everything".parse::<Scope>().is_err());
    }
}
