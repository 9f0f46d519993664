//! A solver's model as a [`Scene`], and one rule held against a request.

use cedar_policy::{Authorizer, Decision, Entities, Policy, Request};
use cedar_policy_symcc::Env;
use policy::{EntityName, Scene};

use crate::question::{permit_all, set_of};

/// What a model of the solver says.
pub(crate) fn scene_of(env: &Env) -> Result<Scene, String> {
    let missing = || "the solver's request is not whole".to_owned();
    let request = &env.request;
    let principal = request.principal().ok_or_else(missing)?;
    let action = request.action().ok_or_else(missing)?;
    let resource = request.resource().ok_or_else(missing)?;
    let context = request.context().ok_or_else(missing)?;
    let entity = env.entities.get(resource).ok_or_else(missing)?;
    let text = |name: &str| match entity.attr(name) {
        Some(Ok(cedar_policy::EvalResult::String(text))) => Ok(text),
        _ => Err(missing()),
    };
    let lies_in = env.entities.ancestors(resource).into_iter().flatten().map(EntityName::of).collect();
    Ok(Scene {
        principal: EntityName::of(principal),
        action: action.id().unescaped().to_owned(),
        resource: resource.id().unescaped().to_owned(),
        name: text("name")?,
        id: text("id")?,
        lies_in,
        context: context.to_json_value().map_err(|err| err.to_string())?,
    })
}

/// Whether the rule's condition is true of the request; an error where it errs.
pub(crate) fn matches(policy: &Policy, request: &Request, entities: &Entities) -> Result<bool, String> {
    let permits = policy.effect() == cedar_policy::Effect::Permit;
    let all = permit_all()?;
    let set = if permits { set_of([policy])? } else { set_of([&all, policy])? };
    let response = Authorizer::new().is_authorized(request, &set, entities);
    if let Some(err) = response.diagnostics().errors().next() {
        return Err(err.to_string());
    }
    Ok((response.decision() == Decision::Allow) == permits)
}
