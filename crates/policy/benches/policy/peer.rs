//! The peer: one direct call of Cedar with everything made ready, of the rules whose scope can match and no others.

use std::collections::{BTreeMap, HashSet};

use cedar_policy::{
    ActionConstraint, Authorizer, Context, Decision, Entities, Entity, EntityUid, Policy, PolicySet, Request,
    ResourceConstraint, RestrictedExpression, Schema,
};
use model::{Effect, Resource};
use policy::Files;

use crate::world::{NOON, World};

pub(crate) struct Peer {
    schema: Schema,
    actions: Entities,
    rules: Vec<Policy>,
    authorizer: Authorizer,
    sets: Vec<PolicySet>,
    by_shape: BTreeMap<(Effect, String, String, String), usize>,
}

/// A call that only has to be made.
pub(crate) struct Ready {
    request: Request,
    entities: Entities,
    set: usize,
}

impl Peer {
    /// The rules of those who ask: the constitution, the agent's grant, the operator's.
    pub(crate) fn new(files: &Files) -> Self {
        let (schema, _) = Schema::from_cedarschema_str(policy::schema_text()).unwrap();
        let ours = |path: &str| {
            path.ends_with(".cedar") && path.starts_with("constitution/")
                || ["grants/agent-kiro.cedar", "grants/operator-ana.cedar"].contains(&path)
        };
        let text: String = files
            .iter()
            .filter(|(path, _)| ours(path))
            .map(|(_, content)| std::str::from_utf8(content).unwrap())
            .collect();
        let rules: PolicySet = text.parse().unwrap();
        let actions = schema.action_entities().unwrap();
        Self {
            schema,
            actions,
            rules: rules.policies().cloned().collect(),
            authorizer: Authorizer::new(),
            sets: Vec::new(),
            by_shape: BTreeMap::new(),
        }
    }

    pub(crate) fn ready(&mut self, world: &World) -> Ready {
        let Resource { service, kind, name } = &world.resources[0];
        let effect = world.effects.iter().next().unwrap();
        let uid = |kind: &str, name: &str| -> EntityUid { format!("{kind}::{name:?}").parse().unwrap() };
        let resource = uid("Resource", name);
        let mut parents = HashSet::from([
            uid("Service", service),
            uid("Environment", world.environment.name.as_str()),
            uid("Kind", "any"),
            uid("Kind", kind.as_str()),
        ]);
        parents.extend(world.environment.production.then(|| uid("Environment", "production")));
        for (lies, within) in
            [("database", "data"), ("bucket", "data"), ("instance", "compute"), ("function", "compute")]
        {
            parents.extend((kind.as_str() == lies).then(|| uid("Kind", within)));
        }
        let action = uid("Action", effect.name());
        let shape = (effect, service.clone(), kind.to_string(), world.environment.name.to_string());
        let set = match self.by_shape.get(&shape) {
            Some(set) => *set,
            None => {
                let matching =
                    self.rules.iter().filter(|rule| self.may_match(rule, &action, &resource, &parents));
                self.sets.push(PolicySet::from_policies(matching.cloned()).unwrap());
                self.by_shape.insert(shape, self.sets.len() - 1);
                self.sets.len() - 1
            }
        };
        let text = |value: &str| RestrictedExpression::new_string(value.to_owned());
        let attributes = [("name".to_owned(), text(name)), ("id".to_owned(), text(name))];
        let entity = Entity::new(resource.clone(), attributes.into(), parents).unwrap();
        let context: serde_json::Value = serde_json::from_str(
            &CONTEXT
                .replace("PEOPLE", &world.approvals.people.to_string())
                .replace("PEAK", if world.now >= NOON { "true" } else { "false" }),
        )
        .unwrap();
        let context = Context::from_json_value(context, Some((&self.schema, &action))).unwrap();
        Ready {
            request: Request::new(uid("Agent", "kiro"), action, resource, context, Some(&self.schema))
                .unwrap(),
            entities: self.actions.clone().add_entities([entity], Some(&self.schema)).unwrap(),
            set,
        }
    }

    pub(crate) fn call(&self, ready: &Ready) -> Decision {
        self.authorizer.is_authorized(&ready.request, &self.sets[ready.set], &ready.entities).decision()
    }

    fn may_match(
        &self,
        rule: &Policy,
        action: &EntityUid,
        resource: &EntityUid,
        parents: &HashSet<EntityUid>,
    ) -> bool {
        let is_in = |group: &EntityUid| group == action || self.actions.is_ancestor_of(group, action);
        let of_action = match rule.action_constraint() {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(it) => it == *action,
            ActionConstraint::In(groups) => groups.iter().any(is_in),
        };
        let of_resource = match rule.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => true,
            ResourceConstraint::Eq(it) => it == *resource,
            ResourceConstraint::In(group) | ResourceConstraint::IsIn(_, group) => parents.contains(&group),
        };
        of_action && of_resource
    }
}

const CONTEXT: &str = r#"{
    "operation": "example:Operation",
    "operator": "ana",
    "session": { "in_scope": true, "autonomy": 2 },
    "approvals": { "people": PEOPLE, "touched": 0, "rendered": 0, "owners": 0, "roles": [] },
    "evidence": {
        "state_observed": false, "undo_captured": false, "inner_listed": false,
        "backup_verified": false, "dry_run": false, "rehearsal": false
    },
    "exposes": { "data": false, "credentials": false },
    "within_budget": false,
    "standing": false,
    "risk": { "known": false, "expected_loss": 9223372036854775807, "tail_loss": 9223372036854775807, "benefit": 0 },
    "time": { "peak": PEAK, "frozen": false },
    "change": { "destroys": 0, "replaces": false, "staged": false, "undo": false, "steps": 0 },
    "history": {
        "destroys": 0, "agent_destroys": 0, "protections_lowered": 0, "backups_touched": 0,
        "data_destroyed": 0, "created_by_session": false
    }
}"#;
