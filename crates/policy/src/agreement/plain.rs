//! Cedar as it comes, for the shortcuts to be held against.

use std::collections::BTreeSet;

use cedar_policy::{Authorizer, Decision, Entities, Policy, PolicyId, PolicySet, Request};
use model::{AgentId, Exposure, PersonId};

use crate::{
    ask::Ahead,
    context::{Standing, context_of},
    facts::Facts,
    law::{Answer, Question, Ungranted},
    members::Members,
    naming::Naming,
    rules::{Place, Rule},
    schema::Vocabulary,
};

/// One set per book, every rule in it, everything checked against the schema.
pub(super) struct Plain<'a> {
    pub(super) vocabulary: &'a Vocabulary,
    pub(super) rules: &'a [(Place, Rule)],
    pub(super) grants: Enforced<'a>,
}

#[derive(Clone, Copy)]
pub(super) struct Enforced<'a> {
    pub(super) agent: &'a AgentId,
    pub(super) operator: &'a PersonId,
    pub(super) exposure: Exposure,
}

impl Plain<'_> {
    pub(super) fn answer(
        &self,
        question: &Question<'_>,
        facts: &Facts<'_>,
        standing: &Standing,
    ) -> Result<Answer, ()> {
        let Enforced { agent, operator, exposure } = self.grants;
        let least = match exposure {
            Exposure { credentials: true, .. } => Naming::Resource,
            Exposure { data: true, .. } => Naming::Service,
            Exposure { .. } => Naming::Nothing,
        };
        let glass = question.glass.and_then(|it| it.grant.clone()).map(Place::Glass);
        let glass = glass.map(|place| (question.agent, place, Some("glass".to_owned()), least));
        let books = [
            (question.agent, Place::Constitution, None, Naming::Nothing),
            (question.agent, Place::Agent(agent.clone()), Some(format!("agent {agent}")), least),
            (
                question.operator,
                Place::Operator(operator.clone()),
                Some(format!("operator {operator}")),
                Naming::Nothing,
            ),
        ];
        let mut answer = Answer::default();
        let mut broken = false;
        let [constitution, agents, operators] = books;
        for (principal, place, who, least) in
            [Some(constitution), glass, Some(agents), Some(operators)].into_iter().flatten()
        {
            if broken {
                break;
            }
            let mut set = PolicySet::new();
            if who.is_none() {
                set.add(
                    Policy::parse(Some(PolicyId::new("all")), "permit (principal, action, resource);")
                        .unwrap(),
                )
                .unwrap();
            }
            let written: Vec<_> = self.rules.iter().enumerate().filter(|(_, (of, _))| *of == place).collect();
            for (_, (_, rule)) in
                written.iter().filter(|(_, (_, rule))| !rule.permits() || rule.naming >= least)
            {
                set.add(rule.policy.clone()).unwrap();
            }
            let schema = Some(&self.vocabulary.schema);
            let context = context_of(facts, Ahead::default(), standing, Members::ALL).unwrap();
            let request = Request::new(
                principal.clone(),
                question.action.clone(),
                question.resource.clone(),
                context,
                schema,
            );
            let entity = question.entities.get(question.resource).unwrap().clone();
            let entities = Entities::from_entities([entity], schema).unwrap();
            let response = Authorizer::new().is_authorized(&request.unwrap(), &set, &entities);
            if response.diagnostics().errors().next().is_some() {
                return Err(());
            }
            let reasons: BTreeSet<_> = response.diagnostics().reason().map(ToString::to_string).collect();
            let of_glass = matches!(place, Place::Glass(_));
            if response.decision() == Decision::Allow {
                broken = of_glass;
                continue;
            }
            if of_glass {
                continue;
            }
            let waives = |rule: &Rule| {
                let waived = question.glass.is_some_and(|it| it.waives.contains(&rule.reference.id));
                place == Place::Constitution && rule.waivable && waived
            };
            let tripped = written
                .iter()
                .filter(|(_, (_, rule))| reasons.contains(rule.reference.id.as_str()) && !waives(rule));
            answer.tripped.extend(tripped.map(|(number, _)| *number));
            if let Some(who) = who.filter(|_| reasons.is_empty()) {
                let permits = written.iter().filter(|(_, (_, rule))| rule.permits());
                answer.ungranted.push(Ungranted {
                    who,
                    file: (!written.is_empty()).then(|| "own.cedar".to_owned()),
                    allows: permits.map(|(_, (_, rule))| rule.reference.reason.clone()).collect(),
                });
            }
        }
        Ok(answer)
    }
}
