//! The quick question: does a constitution, given as bare policies, keep every invariant? All of them are put to the
//! solver as one, and the request that breaks them tells which. For trying many variants of one constitution; a
//! certificate asks each by itself.

use std::collections::BTreeSet;

use cedar_policy::{Effect as Stance, Policy, RequestEnv, Schema};
use model::RuleId;
use policy::{Invariant, Scene};

use crate::{
    assumptions::assumptions,
    found::{matches, scene_of},
    prove::ProveError,
    question::{Agenda, Ask, Must, Under, environments, permit_all, set_of},
    run::{Answer, Schemas, ask_all, counterexample},
    solver::SolverChoice,
};

/// A request that breaks some invariants.
#[derive(Clone, Debug)]
pub struct Broken {
    pub invariants: BTreeSet<RuleId>,
    pub request: Scene,
}

/// The first broken invariants, by effect; `None` where all are kept.
pub fn broken(
    constitution: &[Policy],
    invariants: &[Invariant],
    schema: &Schema,
    choice: &SolverChoice,
) -> Result<Option<Broken>, ProveError> {
    let unprovable = ProveError::Unprovable;
    let permit_all = permit_all().map_err(unprovable)?;
    let all = constitution.iter().chain(invariants.iter().map(|it| &it.policy));
    let assumed: Vec<Policy> =
        assumptions(all).map_err(unprovable)?.into_iter().flat_map(|it| it.policies).collect();
    let of = |stance| invariants.iter().map(|it| &it.policy).filter(move |it| it.effect() == stance);
    let enforced = || std::iter::once(&permit_all).chain(constitution).chain(&assumed);
    let mut agenda = Agenda::default();
    let mut set = |policies: Vec<&Policy>| agenda.set(policies, Under::Schema).map_err(unprovable);
    let allowed = set(enforced().collect())?;
    let kept = set(std::iter::once(&permit_all).chain(of(Stance::Forbid)).collect())?;
    let left_alone = set(of(Stance::Permit).chain(&assumed).collect())?;
    for ask in [Ask::Implies(allowed, kept), Ask::Implies(left_alone, allowed)] {
        agenda.test(ask, Must::HoldEverywhere);
    }
    let schemas = Schemas { plain: schema, doubled: schema };
    let environments = asked_of_agents(schema);
    let answers = ask_all(&agenda, &schemas, &environments, choice)?;
    for (test, answers) in answers.iter().enumerate() {
        for (answered, environment) in answers.iter().zip(&environments) {
            match &answered.answer {
                Answer::Holds => {}
                Answer::Spared => return Err(unprovable("it was not asked".to_owned())),
                Answer::None(why) => return Err(unprovable(why.clone())),
                Answer::Fails => {
                    let found = counterexample(&agenda, test, &schemas, environment, choice);
                    let request = found.and_then(|env| scene_of(&env)).map_err(unprovable)?;
                    let invariants =
                        broken_by(&request, constitution, invariants, schema).map_err(unprovable)?;
                    return Ok(Some(Broken { invariants, request }));
                }
            }
        }
    }
    Ok(None)
}

/// Whether it is proved that both constitutions let through the same requests.
pub fn same(
    one: &[Policy],
    other: &[Policy],
    schema: &Schema,
    choice: &SolverChoice,
) -> Result<bool, ProveError> {
    let unprovable = ProveError::Unprovable;
    let permit_all = permit_all().map_err(unprovable)?;
    let assumed: Vec<Policy> = assumptions(one.iter().chain(other))
        .map_err(unprovable)?
        .into_iter()
        .flat_map(|it| it.policies)
        .collect();
    let mut agenda = Agenda::default();
    let mut set = |policies: &[Policy]| {
        let all = std::iter::once(&permit_all).chain(policies).chain(&assumed);
        agenda.set(all.collect::<Vec<_>>(), Under::Schema).map_err(unprovable)
    };
    let (one, other) = (set(one)?, set(other)?);
    for ask in [Ask::Implies(one, other), Ask::Implies(other, one)] {
        agenda.test(ask, Must::HoldEverywhere);
    }
    let schemas = Schemas { plain: schema, doubled: schema };
    let answers = ask_all(&agenda, &schemas, &asked_of_agents(schema), choice)?;
    Ok(answers.iter().flatten().all(|it| it.answer == Answer::Holds))
}

/// The constitution is only ever asked of agents.
fn asked_of_agents(schema: &Schema) -> Vec<RequestEnv> {
    let mut found = environments(schema);
    found.retain(|environment| environment.principal().basename() == "Agent");
    found
}

/// Which of the invariants this request breaks, by Cedar's own evaluation.
fn broken_by(
    scene: &Scene,
    constitution: &[Policy],
    invariants: &[Invariant],
    schema: &Schema,
) -> Result<BTreeSet<RuleId>, String> {
    let (request, entities) = scene.posed(schema)?;
    let permit_all = permit_all()?;
    let set = set_of(std::iter::once(&permit_all).chain(constitution))?;
    let response = cedar_policy::Authorizer::new().is_authorized(&request, &set, &entities);
    let erred = response.diagnostics().errors().next().is_some();
    let allowed = response.decision() == cedar_policy::Decision::Allow && !erred;
    let mut found = BTreeSet::new();
    for invariant in invariants {
        let wrong = allowed == (invariant.policy.effect() == Stance::Forbid);
        if wrong && matches(&invariant.policy, &request, &entities)? {
            found.insert(invariant.id.clone());
        }
    }
    if found.is_empty() {
        return Err(format!("the solver found a request that breaks nothing: {}", scene.told()));
    }
    Ok(found)
}
