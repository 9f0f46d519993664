//! The compiled-in Cedar schema and what is built from it once: type names, the seven actions, and the certainty that
//! every action is among the entities (Cedar says nothing where the action hierarchy is missing, and allows).

use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
    sync::Arc,
};

use cedar_policy::{
    ActionConstraint, Entities, Entity, EntityId, EntityTypeName, EntityUid, RestrictedExpression, Schema,
};
use model::{Digest, Effect, Environment, Resource};

use crate::{kinds, places::bare, slots::Slots};

/// The schema as Cedar reads it.
pub const fn schema_text() -> &'static str {
    include_str!("schema.cedarschema")
}

/// Of the schema's text.
pub fn schema_digest() -> Digest {
    Digest::of(schema_text().as_bytes())
}

/// Everything built from the schema.
#[derive(Debug)]
pub(crate) struct Vocabulary {
    pub(crate) schema: Schema,
    agent: EntityTypeName,
    person: EntityTypeName,
    environment: EntityTypeName,
    service: EntityTypeName,
    kind: EntityTypeName,
    resource: EntityTypeName,
    /// What each kind of the table lies in, itself included.
    lineages: HashMap<&'static str, HashSet<EntityUid>>,
    actions: [(Effect, EntityUid); Effect::ALL.len()],
    hierarchy: Entities,
    seen: Slots<Asked, Arc<About>>,
}

/// What the entities of a decision depend on.
type Asked = (Resource, Environment, Ours);

/// One resource and the entities of a decision about it.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) resource: EntityUid,
    pub(crate) entities: Entities,
}

/// Agents ask about the same few things over and over: 512 of them.
const BUCKETS: usize = 128;

impl Vocabulary {
    /// An error where the entities of decisions would lack an action or its place in the hierarchy.
    pub(crate) fn new() -> Result<Self, String> {
        let (schema, _) = Schema::from_cedarschema_str(schema_text()).map_err(|err| err.to_string())?;
        let hierarchy = schema.action_entities().map_err(|err| err.to_string())?;
        let vocabulary = Self::of(schema, hierarchy)?;
        vocabulary.assert_actions()?;
        Ok(vocabulary)
    }

    fn of(schema: Schema, hierarchy: Entities) -> Result<Self, String> {
        let name = |text: &str| EntityTypeName::from_str(text).map_err(|err| err.to_string());
        let action = name("Action")?;
        let actions = Effect::ALL
            .map(|it| (it, EntityUid::from_type_name_and_id(action.clone(), EntityId::new(it.name()))));
        let kind = name("Kind")?;
        Ok(Self {
            lineages: kinds::names().map(|name| (name, lineage(&kind, name))).collect(),
            agent: name("Agent")?,
            person: name("Person")?,
            environment: name("Environment")?,
            service: name("Service")?,
            kind,
            resource: name("Resource")?,
            schema,
            actions,
            hierarchy,
            seen: Slots::new(BUCKETS),
        })
    }

    pub(crate) fn agent(&self, name: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.agent.clone(), EntityId::new(name))
    }

    pub(crate) fn person(&self, name: &str) -> EntityUid {
        EntityUid::from_type_name_and_id(self.person.clone(), EntityId::new(name))
    }

    pub(crate) fn action(&self, effect: Effect) -> Option<&EntityUid> {
        self.actions.iter().find(|(known, _)| *known == effect).map(|(_, uid)| uid)
    }

    /// Whether a policy with this constraint could be about `effect`: its scope is a necessary condition.
    pub(crate) fn concerns(&self, constraint: &ActionConstraint, effect: Effect) -> bool {
        let Some(action) = self.action(effect) else { return true };
        let lies_in = |uid: &EntityUid| uid == action || self.hierarchy.is_ancestor_of(uid, action);
        match constraint {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => uid == action,
            ActionConstraint::In(uids) => uids.iter().any(lies_in),
        }
    }

    /// The entities of one decision: the resource under its parents, and every action.
    pub(crate) fn entities(
        &self,
        resource: &Resource,
        environment: &Environment,
        ours: Ours,
    ) -> Result<Arc<About>, String> {
        let hash = self.seen.hash_of(&(resource, environment, ours));
        let is = |(of, lies, whose): &Asked| of == resource && lies == environment && *whose == ours;
        if let Some(kept) = self.seen.get(hash, is) {
            return Ok(Arc::clone(&kept.1));
        }
        let about = Arc::new(self.built(resource, environment, ours)?);
        self.seen.put(hash, (resource.clone(), environment.clone(), ours), Arc::clone(&about));
        Ok(about)
    }

    fn built(&self, resource: &Resource, environment: &Environment, ours: Ours) -> Result<About, String> {
        let uid = EntityUid::from_type_name_and_id(self.resource.clone(), EntityId::new(&resource.name));
        let under = |kind: &EntityTypeName, name: &str| {
            EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))
        };
        let kind = resource.kind.as_str();
        let mut parents = self.lineages.get(kind).cloned().unwrap_or_else(|| lineage(&self.kind, kind));
        parents.insert(under(&self.service, &resource.service));
        parents.insert(under(&self.environment, environment.name.as_str()));
        if environment.production {
            parents.insert(under(&self.environment, "production"));
        }
        match ours {
            Ours::No => {}
            Ours::Yes => parents.extend(["own-identity", "identity"].map(|name| under(&self.kind, name))),
        }
        let attributes = [
            ("name".to_owned(), RestrictedExpression::new_string(resource.name.clone())),
            ("id".to_owned(), RestrictedExpression::new_string(bare(resource))),
        ];
        let entity = Entity::new(uid.clone(), attributes.into_iter().collect(), parents)
            .map_err(|err| err.to_string())?;
        // Of the schema's own shape by what is written above; a test has it checked. The actions are in it already.
        let entities = self.hierarchy.clone().add_entities([entity], None).map_err(|err| err.to_string())?;
        Ok(About { resource: uid, entities })
    }

    fn assert_actions(&self) -> Result<(), String> {
        let About { entities, .. } =
            self.built(&Resource::unknown("any"), &Environment::unknown(), Ours::No)?;
        for (effect, uid) in &self.actions {
            if entities.get(uid).is_none() {
                return Err(format!("the action `{effect}` is not among the entities"));
            }
            let parents = entities.ancestors(uid).map_or(0, Iterator::count);
            let expected = match effect {
                Effect::Read => 0,
                Effect::Emit | Effect::Spend | Effect::Write => 1,
                Effect::Execute | Effect::Privilege | Effect::Destroy => 2,
            };
            if parents != expected {
                return Err(format!(
                    "the action `{effect}` lies in {parents} groups and should lie in {expected}"
                ));
            }
        }
        Ok(())
    }
}

fn lineage(kind: &EntityTypeName, name: &str) -> HashSet<EntityUid> {
    let names = kinds::lineage(name).into_iter();
    names.map(|name| EntityUid::from_type_name_and_id(kind.clone(), EntityId::new(name))).collect()
}

/// Whether a resource is what we act with ourselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ours {
    Yes,
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_built_is_of_the_schemas_shape() {
        let vocabulary = Vocabulary::new().unwrap();
        let resource =
            Resource { service: "rds".into(), kind: "database".parse().unwrap(), name: "d".into() };
        for ours in [Ours::No, Ours::Yes] {
            let environment = Environment { name: "staging".parse().unwrap(), production: true };
            let About { resource, entities } = vocabulary.built(&resource, &environment, ours).unwrap();
            let entity = entities.get(&resource).unwrap().clone();
            let checked = Entities::from_entities([entity], Some(&vocabulary.schema)).unwrap();
            assert_eq!(checked, entities);
        }
    }

    /// Cedar would say nothing of it, and every rule about a group of actions would be silent.
    #[test]
    fn there_is_no_vocabulary_without_the_hierarchy_of_actions() {
        let Vocabulary { schema, hierarchy, .. } = Vocabulary::new().unwrap();
        let refused =
            |entities| Vocabulary::of(schema.clone(), entities).unwrap().assert_actions().unwrap_err();
        assert_eq!(refused(Entities::empty()), "the action `read` is not among the entities");
        // Every action is there, and none of them in its groups.
        let alone = hierarchy.iter().map(|entity| Entity::with_uid(entity.uid()));
        let alone = Entities::from_entities(alone, None).unwrap();
        assert_eq!(refused(alone), "the action `emit` lies in 0 groups and should lie in 1");
    }
}
