//! What a solver is asked, in terms of policies: a question is about one request environment, a [`Test`] about all of
//! them. Not here: where the questions come from, and who asks them.

use cedar_policy::{Policy, PolicyId, PolicySet, RequestEnv, Schema};
use model::Effect;

/// A policy set by its place in [`Agenda::sets`].
pub(crate) type SetIndex = usize;

/// Everything that is to be asked.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    pub(crate) sets: Vec<Set>,
    pub(crate) tests: Vec<Test>,
}

#[derive(Debug)]
pub(crate) struct Set {
    pub(crate) policies: PolicySet,
    pub(crate) under: Under,
}

/// Which schema a question is asked under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Under {
    Schema,
    /// With a second copy of what can be varied (see `rewrite`).
    Doubled,
}

#[derive(Clone, Debug)]
pub(crate) struct Test {
    pub(crate) ask: Ask,
    pub(crate) must: Must,
}

#[derive(Clone, Debug)]
pub(crate) enum Ask {
    /// The policy evaluates without error, whatever the request.
    NeverErrs(Box<Policy>),
    /// Whatever the one set allows, the other allows.
    Implies(SetIndex, SetIndex),
    /// Whatever the one policy matches, the other matches.
    MatchImplies(Box<Policy>, Box<Policy>, Under),
    /// Some request is allowed by the one set and not by the other.
    Differs(SetIndex, SetIndex),
}

/// Over the request environments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Must {
    HoldEverywhere,
    HoldSomewhere,
}

impl Agenda {
    pub(crate) fn set<'p>(
        &mut self,
        policies: impl IntoIterator<Item = &'p Policy>,
        under: Under,
    ) -> Result<SetIndex, String> {
        self.sets.push(Set { policies: set_of(policies)?, under });
        Ok(self.sets.len().saturating_sub(1))
    }

    pub(crate) fn test(&mut self, ask: Ask, must: Must) -> usize {
        self.tests.push(Test { ask, must });
        self.tests.len().saturating_sub(1)
    }
}

/// Under ids of its own making: rules of several files may be called the same.
pub(crate) fn set_of<'p>(policies: impl IntoIterator<Item = &'p Policy>) -> Result<PolicySet, String> {
    let numbered = policies
        .into_iter()
        .enumerate()
        .map(|(nth, policy)| policy.new_id(PolicyId::new(format!("{nth} {}", policy.id()))));
    PolicySet::from_policies(numbered).map_err(|err| err.to_string())
}

pub(crate) fn permit_all() -> Result<Policy, String> {
    parse("(permit all)", "permit (principal, action, resource);")
}

/// Text of our own making.
pub(crate) fn parse(id: &str, text: &str) -> Result<Policy, String> {
    Policy::parse(Some(PolicyId::new(id)), text).map_err(|err| err.to_string())
}

/// Every request environment: agents before persons, effects from `read` to `destroy`.
pub(crate) fn environments(schema: &Schema) -> Vec<RequestEnv> {
    let mut found: Vec<_> = schema.request_envs().collect();
    let rank = |env: &RequestEnv| {
        let name = env.action().id().unescaped();
        Effect::ALL.iter().position(|effect| effect.name() == name).unwrap_or(usize::MAX)
    };
    found.sort_by_key(|env| (env.principal().to_string(), rank(env), env.resource().to_string()));
    found
}
