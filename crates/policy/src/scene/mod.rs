//! One concrete request as plain facts: what a solver's model is turned into, what certificates and comparisons show, and what
//! can be posed to the decision again.

pub mod ordinary;
mod words;

use std::collections::BTreeSet;

use cedar_policy::{
    Context, Entities, Entity, EntityId, EntityTypeName, EntityUid, Request, RestrictedExpression, Schema,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scene {
    pub principal: EntityName,
    /// The effect.
    pub action: String,
    pub resource: String,
    /// The resource's own attributes.
    pub name: String,
    pub id: String,
    /// Everything that the resource lies in.
    pub lies_in: BTreeSet<EntityName>,
    pub context: Json,
}

/// `Kind::"database"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EntityName {
    #[serde(rename = "type")]
    pub kind: String,
    pub id: String,
}

impl EntityName {
    pub fn new(kind: &str, id: &str) -> Self {
        Self { kind: kind.to_owned(), id: id.to_owned() }
    }

    pub fn of(uid: &EntityUid) -> Self {
        Self::new(&uid.type_name().to_string(), uid.id().unescaped())
    }

    fn uid(&self) -> Result<EntityUid, String> {
        let kind: EntityTypeName = self.kind.parse().map_err(|err| format!("{err}"))?;
        Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(&self.id)))
    }
}

impl Scene {
    /// As Cedar takes it; an error where it is none of the schema's requests.
    pub fn posed(&self, schema: &Schema) -> Result<(Request, Entities), String> {
        let resource = EntityName::new("Resource", &self.resource).uid()?;
        let action = EntityName::new("Action", &self.action).uid()?;
        let attributes = [
            ("name".to_owned(), RestrictedExpression::new_string(self.name.clone())),
            ("id".to_owned(), RestrictedExpression::new_string(self.id.clone())),
        ];
        let parents = self.lies_in.iter().map(EntityName::uid).collect::<Result<_, _>>()?;
        let entity = Entity::new(resource.clone(), attributes.into_iter().collect(), parents)
            .map_err(|err| err.to_string())?;
        let entities = Entities::from_entities([entity], Some(schema)).map_err(|err| err.to_string())?;
        let context = Context::from_json_value(self.context.clone(), Some((schema, &action)))
            .map_err(|err| err.to_string())?;
        let request = Request::new(self.principal.uid()?, action, resource, context, Some(schema))
            .map_err(|err| err.to_string())?;
        Ok((request, entities))
    }

    pub fn lies_in(&self, kind: &str, id: &str) -> bool {
        self.lies_in.iter().any(|name| name.kind == kind && name.id == id)
    }
}
