//! One concrete request as plain facts: what a solver's model is turned into, what the certificate shows, and what can be
//! posed to the decision again.

use std::collections::BTreeSet;

use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, Request,
    RestrictedExpression, Schema,
};
use cedar_policy_symcc::Env;
use serde::Serialize;
use serde_json::Value as Json;

use crate::question::{permit_all, set_of};

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Scene {
    pub principal: Name,
    /// The effect.
    pub action: String,
    pub resource: String,
    /// The resource's own attributes.
    pub name: String,
    pub id: String,
    /// Everything that the resource lies in.
    pub lies_in: BTreeSet<Name>,
    pub context: Json,
}

/// `Kind::"database"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Name {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

impl Name {
    pub(crate) fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    fn of(uid: &EntityUid) -> Self {
        Self::new(&uid.type_name().to_string(), uid.id().unescaped())
    }

    fn uid(&self) -> Result<EntityUid, String> {
        let kind: EntityTypeName = self.kind.parse().map_err(|err| format!("{err}"))?;
        Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(&self.id)))
    }
}

impl Scene {
    pub(crate) fn of(env: &Env) -> Result<Self, String> {
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
        let lies_in = env.entities.ancestors(resource).into_iter().flatten().map(Name::of).collect();
        Ok(Self {
            principal: Name::of(principal),
            action: action.id().unescaped().to_owned(),
            resource: resource.id().unescaped().to_owned(),
            name: text("name")?,
            id: text("id")?,
            lies_in,
            context: context.to_json_value().map_err(|err| err.to_string())?,
        })
    }

    /// As Cedar takes it; an error where it is none of the schema's requests.
    pub fn posed(&self, schema: &Schema) -> Result<(Request, Entities), String> {
        let resource = Name::new("Resource", &self.resource).uid()?;
        let action = Name::new("Action", &self.action).uid()?;
        let attributes = [
            ("name".to_owned(), RestrictedExpression::new_string(self.name.clone())),
            ("id".to_owned(), RestrictedExpression::new_string(self.id.clone())),
        ];
        let parents = self.lies_in.iter().map(Name::uid).collect::<Result<_, _>>()?;
        let entity = Entity::new(resource.clone(), attributes.into_iter().collect(), parents)
            .map_err(|err| err.to_string())?;
        let entities = Entities::from_entities([entity], Some(schema)).map_err(|err| err.to_string())?;
        let context = Context::from_json_value(self.context.clone(), Some((schema, &action)))
            .map_err(|err| err.to_string())?;
        let request = Request::new(self.principal.uid()?, action, resource, context, Some(schema))
            .map_err(|err| err.to_string())?;
        Ok((request, entities))
    }

    pub(crate) fn lies_in(&self, kind: &str, id: &str) -> bool {
        self.lies_in.iter().any(|name| name.kind == kind && name.id == id)
    }
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
