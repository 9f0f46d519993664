//! The bundle as the prover reads it: the enforced text of every rule, what must hold of it, and one request decided
//! again as `decide` would, so that what a solver claims to have found is believed only where the decision agrees.

use std::fmt;

use cedar_policy::{Context, Entities, EntityUid, EvalResult, Policy, Request, Schema};
use model::{AgentId, Effect, Exposure, GrantId, OWN_NAME, PersonId, RuleRef};

use super::Bundle;
use crate::{
    invariants::Invariant,
    law::{Grants, Question},
    naming::Naming,
};

/// A rule with what its author says of it.
#[derive(Clone, Debug)]
pub struct Provable<'a> {
    pub rule: &'a RuleRef,
    pub policy: &'a Policy,
    pub part: Part,
    pub absolute: bool,
    pub breakglass: bool,
    /// Whether it counts for what shows data. A permit of an agent's grant must name where to count.
    pub for_data: bool,
    /// Whether it counts for what shows credentials.
    pub for_credentials: bool,
}

/// Which of the three evaluations a rule belongs to, and whose.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    Constitution,
    Agent(AgentId),
    Operator(PersonId),
    /// Kept for when the glass is broken.
    Glass(GrantId),
}

/// What a bundle says of one request that is given as Cedar sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    Allowed,
    /// The forbids that were tripped, and whose grants permit nothing of the kind.
    Stopped {
        rules: Vec<RuleRef>,
        ungranted: Vec<String>,
    },
    /// It could not be evaluated, and so is denied.
    Fault(String),
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Allowed => f.write_str("allowed"),
            Self::Stopped { rules, ungranted } => {
                let rules = rules.iter().map(|rule| format!("`{}`", rule.id));
                let missing = ungranted.iter().map(|who| format!("the grant of {who}"));
                write!(f, "stopped by {}", rules.chain(missing).collect::<Vec<_>>().join(", "))
            }
            Self::Fault(why) => write!(f, "denied, as it cannot be evaluated ({why})"),
        }
    }
}

impl Bundle {
    /// Every rule, constitution and grants, in the order of files and lines.
    pub fn provable(&self) -> Vec<Provable<'_>> {
        let mut found: Vec<_> = self
            .law
            .rules()
            .filter_map(|rule| {
                let part = part_of(&rule.reference.file)?;
                let named = |least| match &part {
                    Part::Agent(agent) if agent.as_str() != OWN_NAME => {
                        !rule.permits() || rule.naming >= least
                    }
                    Part::Glass(_) => !rule.permits() || rule.naming >= least,
                    Part::Agent(_) | Part::Operator(_) | Part::Constitution => true,
                };
                Some(Provable {
                    rule: &rule.reference,
                    policy: &rule.policy,
                    absolute: rule.absolute,
                    breakglass: rule.waivable,
                    for_data: named(Naming::Service),
                    for_credentials: named(Naming::Resource),
                    part,
                })
            })
            .collect();
        found.sort_by(|one, two| (&one.rule.file, one.rule.line).cmp(&(&two.rule.file, two.rule.line)));
        found
    }

    pub fn invariants(&self) -> &[Invariant] {
        &self.invariants
    }

    /// The compiled-in schema, which every rule was checked against.
    pub fn schema(&self) -> &Schema {
        &self.vocabulary.schema
    }

    /// What the constitution alone says, whatever the grants.
    pub fn replay_constitution(&self, request: &Request, entities: &Entities) -> Replay {
        self.replay(request, entities, Grants::Assumed)
    }

    /// What the bundle says, with the grants of the agent who asks and of `context.operator`.
    pub fn replay_decision(&self, request: &Request, entities: &Entities) -> Replay {
        let agent = request.principal().and_then(|uid| uid.id().unescaped().parse::<AgentId>().ok());
        let operator = request.context().and_then(operator_of);
        let (Some(agent), Some(operator)) = (agent, operator) else {
            // A name that no roster could have has no grant.
            return Replay::Stopped { rules: Vec::new(), ungranted: vec!["an impossible name".to_owned()] };
        };
        self.replay(request, entities, Grants::Enforced { agent: &agent, operator: &operator })
    }

    fn replay(&self, request: &Request, entities: &Entities, grants: Grants<'_>) -> Replay {
        self.replayed(request, entities, grants).unwrap_or_else(Replay::Fault)
    }

    fn replayed(&self, request: &Request, entities: &Entities, grants: Grants<'_>) -> Result<Replay, String> {
        let (Some(principal), Some(action), Some(resource), Some(context)) =
            (request.principal(), request.action(), request.resource(), request.context())
        else {
            return Err("the request is not whole".to_owned());
        };
        let effect = Effect::ALL
            .into_iter()
            .find(|effect| self.vocabulary.action(*effect) == Some(action))
            .ok_or_else(|| format!("there is no effect {action}"))?;
        let entities = self.of_the_schema(entities)?;
        let operator = operator_of(context);
        let question = Question {
            effect,
            action,
            exposure: exposure_of(context),
            grants,
            glass: None,
            agent: principal,
            operator: &self.vocabulary.person(operator.as_ref().map_or("", PersonId::as_str)),
            resource,
            entities: &entities,
        };
        let answer = self.law.ask(&question, &*self.law.slice(&question)?, context)?;
        if answer.allows() {
            return Ok(Replay::Allowed);
        }
        let tripped = answer.tripped.iter().filter_map(|rule| self.law.rule(*rule));
        let mut rules: Vec<_> = tripped.map(|rule| rule.reference.clone()).collect();
        rules.sort();
        Ok(Replay::Stopped { rules, ungranted: answer.ungranted.into_iter().map(|it| it.who).collect() })
    }

    /// The same entities held against the schema, with every action in its place.
    fn of_the_schema(&self, entities: &Entities) -> Result<Entities, String> {
        let is_action = |uid: &EntityUid| uid.type_name().basename() == "Action";
        let others = entities.iter().filter(|entity| !is_action(&entity.uid())).cloned();
        Entities::from_entities(others, Some(&self.vocabulary.schema)).map_err(|err| err.to_string())
    }
}

fn part_of(file: &str) -> Option<Part> {
    if file.starts_with("constitution/") {
        return Some(Part::Constitution);
    }
    let name = file.strip_prefix("grants/")?.strip_suffix(".cedar")?;
    if let Some(agent) = name.strip_prefix("agent-") {
        return agent.parse().ok().map(Part::Agent);
    }
    if let Some(grant) = name.strip_prefix("breakglass-") {
        return grant.parse().ok().map(Part::Glass);
    }
    name.strip_prefix("operator-")?.parse().ok().map(Part::Operator)
}

fn operator_of(context: &Context) -> Option<PersonId> {
    match context.get("operator")? {
        EvalResult::String(name) => name.parse().ok(),
        _ => None,
    }
}

fn exposure_of(context: &Context) -> Exposure {
    let shows = |member: &str| match context.get("exposes") {
        Some(EvalResult::Record(record)) => matches!(record.get(member), Some(EvalResult::Bool(true))),
        _ => false,
    };
    Exposure { data: shows("data"), credentials: shows("credentials") }
}
