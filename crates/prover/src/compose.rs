//! A whole bundle as one policy set: constitution, the grants of all agents, and those of all operators, such that Cedar
//! allows a request of an agent exactly where the decision does. An operator's grant is about another principal of the
//! same request, so it is folded into a rule about `context.operator`.

use cedar_policy::{Effect as Stance, Policy, PolicyId};
use policy::{Bundle, Part, Provable};
use serde_json::{Value as Json, json};

use crate::{question::permit_all, rewrite::MAX_DEPTH};

/// Whose grants are taken to permit everything.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Granted {
    pub(crate) to_agents: bool,
    pub(crate) by_operators: bool,
}

/// Every policy of it. Principals that are not agents are allowed nothing.
pub(crate) fn whole(bundle: &Bundle, granted: Granted) -> Result<Vec<Policy>, String> {
    let mut policies = Vec::new();
    let mut permits = Vec::new();
    if granted.to_agents {
        policies.push(permit_all()?);
    }
    for rule in bundle.provable() {
        match &rule.part {
            Part::Constitution => policies.push(rule.policy.clone()),
            Part::Agent(_) => policies.push(of_an_agent(&rule)?),
            // Nobody's, until two people break the glass.
            Part::Glass(_) => {}
            Part::Operator(name) => {
                let body = conjunction(conditions_of_operator(&rule, name.as_str())?);
                match rule.policy.effect() {
                    Stance::Permit => permits.push(body),
                    Stance::Forbid => policies.push(forbid("when", &body, rule.policy.id())?),
                }
            }
        }
    }
    if granted.by_operators {
        return Ok(policies);
    }
    let any = permits
        .into_iter()
        .reduce(|one, other| json!({ "||": { "left": one, "right": other } }))
        .unwrap_or_else(|| json!({ "Value": false }));
    policies.push(forbid("unless", &any, &PolicyId::new("(what operators grant)"))?);
    Ok(policies)
}

/// A permit that does not name where counts for nothing that shows data or credentials.
fn of_an_agent(rule: &Provable<'_>) -> Result<Policy, String> {
    let shows = |what: &str| json!({ ".": { "left": { ".": { "left": { "Var": "context" }, "attr": "exposes" } }, "attr": what } });
    let mut json = rule.policy.to_json().map_err(|err| err.to_string())?;
    let conditions =
        json.get_mut("conditions").and_then(Json::as_array_mut).ok_or("a rule has no conditions")?;
    if !rule.for_credentials {
        conditions.push(json!({ "kind": "unless", "body": shows("credentials") }));
    }
    // What shows credentials is looked up among those that count for credentials, whatever else it shows.
    if !rule.for_data {
        conditions.push(json!({ "kind": "unless", "body": shows("data") }));
    }
    Policy::from_json(Some(rule.policy.id().clone()), json).map_err(|err| err.to_string())
}

fn forbid(kind: &str, body: &Json, id: &PolicyId) -> Result<Policy, String> {
    let any = json!({ "op": "All" });
    let json = json!({
        "effect": "forbid",
        "principal": any,
        "action": any,
        "resource": any,
        "conditions": [{ "kind": kind, "body": body }],
    });
    Policy::from_json(Some(id.clone()), json).map_err(|err| err.to_string())
}

/// What must hold for an operator's rule to match, said of a request of theirs that an agent makes.
fn conditions_of_operator(rule: &Provable<'_>, name: &str) -> Result<Vec<Json>, String> {
    let policy = rule.policy.to_json().map_err(|err| err.to_string())?;
    let launched = json!({ ".": { "left": { "Var": "context" }, "attr": "operator" } });
    let mut found = vec![json!({ "==": { "left": launched, "right": { "Value": name } } })];
    for variable in ["action", "resource"] {
        let scope = policy.get(variable).ok_or("a rule has no scope")?;
        found.extend(condition_of_scope(variable, scope)?);
    }
    let person = json!({ "Value": { "__entity": { "type": "Person", "id": name } } });
    for condition in policy.get("conditions").and_then(Json::as_array).into_iter().flatten() {
        let mut body = condition.get("body").cloned().ok_or("a condition has no body")?;
        replace_principal(&mut body, &person, 0)?;
        found.push(match condition.get("kind").and_then(Json::as_str) {
            Some("when") => body,
            Some("unless") => json!({ "!": { "arg": body } }),
            _ => return Err("a condition of an unknown kind".to_owned()),
        });
    }
    Ok(found)
}

fn condition_of_scope(variable: &str, scope: &Json) -> Result<Option<Json>, String> {
    let strange = || format!("the scope of `{variable}` has an unknown form");
    let var = json!({ "Var": variable });
    let value = |uid: &Json| json!({ "Value": { "__entity": uid } });
    Ok(match (scope.get("op").and_then(Json::as_str), scope.get("entity"), scope.get("entities")) {
        (Some("All"), ..) => None,
        (Some("=="), Some(uid), _) => Some(json!({ "==": { "left": var, "right": value(uid) } })),
        (Some("in"), Some(uid), _) => Some(json!({ "in": { "left": var, "right": value(uid) } })),
        (Some("in"), None, Some(uids)) => {
            let uids: Vec<_> = uids.as_array().ok_or_else(strange)?.iter().map(value).collect();
            Some(json!({ "in": { "left": var, "right": { "Set": uids } } }))
        }
        (Some("is"), ..) => {
            let kind = scope.get("entity_type").ok_or_else(strange)?;
            let is = json!({ "is": { "left": var, "entity_type": kind } });
            match scope.get("in").and_then(|within| within.get("entity")) {
                None => Some(is),
                Some(uid) => {
                    let within = json!({ "in": { "left": var, "right": value(uid) } });
                    Some(json!({ "&&": { "left": is, "right": within } }))
                }
            }
        }
        _ => return Err(strange()),
    })
}

fn replace_principal(json: &mut Json, by: &Json, depth: usize) -> Result<(), String> {
    if depth > MAX_DEPTH {
        return Err("the rule nests too deep".to_owned());
    }
    if json.get("Var").and_then(Json::as_str) == Some("principal") {
        *json = by.clone();
        return Ok(());
    }
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => Ok(()),
        Json::Array(items) => items.iter_mut().try_for_each(|item| replace_principal(item, by, depth + 1)),
        Json::Object(members) => {
            members.values_mut().try_for_each(|member| replace_principal(member, by, depth + 1))
        }
    }
}

fn conjunction(conditions: Vec<Json>) -> Json {
    conditions
        .into_iter()
        .reduce(|one, other| json!({ "&&": { "left": one, "right": other } }))
        .unwrap_or_else(|| json!({ "Value": true }))
}

#[cfg(test)]
mod tests {
    use cedar_policy::{Authorizer, Decision};
    use model::{Account, EnrolledKey};
    use policy::{EntityName, Profile, Replay, Scene, StarterOptions, starter};

    use super::*;
    use crate::question::set_of;

    const AGENT: &str = r#"
        @id("a1") @reason("r") permit (principal == Agent::"kiro", action, resource);
        @id("a2") @reason("r") permit (principal == Agent::"kiro", action, resource in Service::"s3");
        @id("a3") @reason("r") permit (principal == Agent::"kiro", action == Action::"read", resource == Resource::"orders");
        @id("a4") @reason("r") forbid (principal == Agent::"kiro", action, resource) when { context.change.staged };
    "#;
    const OPERATOR: &str = r#"
        @id("o1") @reason("r") permit (principal == Person::"ana", action in Action::"change", resource is Resource)
            when { principal == Person::"ana" } unless { context.exposes.data };
        @id("o2") @reason("r") permit (principal == Person::"ana", action in [Action::"read"], resource is Resource in Kind::"data");
        @id("o3") @reason("r") forbid (principal == Person::"ana", action == Action::"write", resource in Kind::"database");
    "#;

    fn bundle() -> Bundle {
        let keys = |name: &str| vec![EnrolledKey(format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5{name}"))];
        let options = StarterOptions {
            profile: Profile::Lab,
            operators: ["ana", "ben"].map(|name| (name.parse().unwrap(), keys(name))).into(),
            recovery: Vec::new(),
            approvers: vec![("cem".parse().unwrap(), vec![], keys("cem"))],
            agents: vec!["kiro".parse().unwrap()],
            environments: vec![("staging".parse().unwrap(), Account("444455556666".into()))],
            calendar: None,
        };
        let mut files = starter(&options).unwrap();
        files.remove("grants/agent-kiro.examples.toml");
        files.insert("grants/agent-kiro.cedar".to_owned(), AGENT.into());
        files.insert("grants/operator-ana.cedar".to_owned(), OPERATOR.into());
        Bundle::load(&files).unwrap_or_else(|err| panic!("{err}"))
    }

    /// Draws that are the same in every run.
    struct Draws(u64);

    impl Draws {
        fn of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
            choices[self.below(choices.len())]
        }

        fn flag(&mut self) -> bool {
            self.below(4) == 0
        }

        fn below(&mut self, bound: usize) -> usize {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            usize::try_from(self.0 >> 33).unwrap() % bound
        }

        fn scene(&mut self) -> Scene {
            let kind = self.of(&["database", "table", "stack", "snapshot", "own-identity", "secret"]);
            let mut lies_in: std::collections::BTreeSet<_> =
                policy::kind_lineage(kind).into_iter().map(|kind| EntityName::new("Kind", kind)).collect();
            lies_in.insert(EntityName::new("Service", self.of(&["s3", "rds"])));
            lies_in.insert(EntityName::new("Environment", self.of(&["production", "staging"])));
            let mut count = |most| self.below(most);
            let [people, destroys, history] = [count(4), count(2), count(2)];
            Scene {
                principal: EntityName::new("Agent", self.of(&["kiro", "kiro", "kiro", "other"])),
                action: self
                    .of(&["read", "emit", "spend", "write", "execute", "privilege", "destroy"])
                    .to_owned(),
                resource: self.of(&["orders", "other"]).to_owned(),
                name: "orders".to_owned(),
                id: "orders".to_owned(),
                lies_in,
                context: json!({
                    "operation": "s:O",
                    "operator": self.of(&["ana", "ana", "ben", "eve"]),
                    "session": { "in_scope": true, "autonomy": self.below(3) },
                    "approvals": { "people": people, "touched": 0, "rendered": 0, "owners": 0, "roles": [] },
                    "evidence": {
                        "state_observed": false, "undo_captured": false, "inner_listed": false,
                        "backup_verified": false, "dry_run": false, "rehearsal": false,
                    },
                    "exposes": { "data": self.flag(), "credentials": self.flag() },
                    "within_budget": self.flag(),
                    "standing": self.flag(),
                    "risk": { "known": false, "expected_loss": 0, "tail_loss": 0, "benefit": 0 },
                    "time": { "peak": self.flag(), "frozen": self.flag() },
                    "change": {
                        "destroys": destroys, "replaces": self.flag(), "staged": self.flag(), "undo": self.flag(),
                        "steps": 1,
                    },
                    "history": {
                        "destroys": 0, "agent_destroys": 0, "protections_lowered": 0, "backups_touched": history,
                        "data_destroyed": history, "created_by_session": self.flag(),
                    },
                }),
            }
        }
    }

    #[test]
    fn a_bundle_as_one_set_decides_as_the_decision_does() {
        let bundle = bundle();
        let policies = whole(&bundle, Granted::default()).unwrap();
        let set = set_of(&policies).unwrap();
        let mut draws = Draws(1);
        let mut allowed = 0;
        for _ in 0..4_000 {
            let scene = draws.scene();
            let (request, entities) = scene.posed(bundle.schema()).unwrap();
            let one =
                Authorizer::new().is_authorized(&request, &set, &entities).decision() == Decision::Allow;
            let other = bundle.replay_decision(&request, &entities);
            assert_eq!(one, other == Replay::Allowed, "{}\n{other:?}", scene.told());
            allowed += usize::from(one);
        }
        assert!((200..3_600).contains(&allowed), "{allowed} are allowed");
    }
}
