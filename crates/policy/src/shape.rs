//! What a rule's own text says of the requests that it can matter to: what the principal or the resource has to be or lie
//! in, and whether its answer can change with what a hold waits for. Both are read so that a mistake costs time and not
//! truth: what is not understood is no need, and varies.

use cedar_policy::{EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::Value as Json;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Entities each of which must be the agent, the operator, the resource, or what the resource lies in: of any other
    /// request the rule is not satisfied, and does not err either.
    pub(crate) needs: Vec<EntityUid>,
    /// Whether it reads, or may read, who has agreed, what evidence there is, or what hour it is.
    pub(crate) varies: bool,
}

/// What of the context a search for the least requirement never touches.
const FIXED: [&str; 9] =
    ["operation", "operator", "session", "exposes", "within_budget", "standing", "risk", "change", "history"];

impl Shape {
    /// `json`: the policy in Cedar's JSON form.
    pub(crate) fn of(policy: &Policy, json: &Json) -> Self {
        let mut needs = Vec::new();
        match policy.principal_constraint() {
            PrincipalConstraint::Any | PrincipalConstraint::Is(_) => {}
            PrincipalConstraint::In(uid)
            | PrincipalConstraint::Eq(uid)
            | PrincipalConstraint::IsIn(_, uid) => {
                needs.push(uid);
            }
        }
        match policy.resource_constraint() {
            ResourceConstraint::Any | ResourceConstraint::Is(_) => {}
            ResourceConstraint::In(uid) | ResourceConstraint::Eq(uid) | ResourceConstraint::IsIn(_, uid) => {
                needs.push(uid);
            }
        }
        let conditions = json.get("conditions").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        for condition in conditions {
            let body = condition
                .get("body")
                .filter(|_| condition.get("kind").and_then(Json::as_str) == Some("when"));
            if !body.is_some_and(|body| leads(body, &mut needs, 0)) {
                break;
            }
        }
        needs.sort();
        needs.dedup();
        Self { needs, varies: conditions.iter().any(varies) }
    }
}

/// Adds what `expression` needs from its left on, for as long as that can neither err nor hold without it; whether that
/// is all of it, so that what follows may be looked at as well.
fn leads(expression: &Json, needs: &mut Vec<EntityUid>, depth: usize) -> bool {
    let sides = |operator: &str| {
        let node = expression.get(operator)?;
        Some((node.get("left")?, node.get("right")?))
    };
    if depth > 400 {
        return false;
    }
    if let Some((left, right)) = sides("&&") {
        return leads(left, needs, depth + 1) && leads(right, needs, depth + 1);
    }
    let Some((left, right)) = sides("in").or_else(|| sides("==")) else { return false };
    let named = matches!(left.get("Var").and_then(Json::as_str), Some("principal" | "resource"));
    let entity = right.get("Value").filter(|value| value.get("__entity").is_some());
    let uid = entity.and_then(|value| EntityUid::from_json(value.clone()).ok());
    match uid.filter(|_| named) {
        Some(uid) => {
            needs.push(uid);
            true
        }
        None => false,
    }
}

/// Whether there is a context in it that is not merely asked for a member of [`FIXED`].
fn varies(json: &Json) -> bool {
    match json {
        Json::Null | Json::Bool(_) | Json::Number(_) | Json::String(_) => false,
        Json::Array(items) => items.iter().any(varies),
        Json::Object(members) => {
            if json.get("Var").and_then(Json::as_str) == Some("context") {
                return true;
            }
            let read = json.get(".").filter(|access| {
                let of_context = access.get("left").and_then(|left| left.get("Var")).and_then(Json::as_str)
                    == Some("context");
                let attr = access.get("attr").and_then(Json::as_str);
                of_context && attr.is_some_and(|attr| FIXED.contains(&attr))
            });
            read.is_none() && members.values().any(varies)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &str, conditions: &str, needs: &[&str], varies: bool) {
        let text = format!("forbid ({scope}) {conditions};");
        let policy = Policy::parse(None, &text).unwrap();
        let shape = Shape::of(&policy, &policy.to_json().unwrap());
        let needs: Vec<EntityUid> = needs.iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!((shape.needs, shape.varies), (needs, varies), "{text}");
    }

    const ANY: &str = "principal, action, resource";
    const DATA: &str = "Kind::\"data\"";
    const PRODUCTION: &str = "Environment::\"production\"";

    #[test]
    fn a_need_is_what_nothing_else_can_stand_for() {
        check(ANY, "", &[], false);
        check("principal, action, resource in Kind::\"data\"", "", &[DATA], false);
        check("principal, action, resource is Resource in Kind::\"data\"", "", &[DATA], false);
        check(
            "principal == Agent::\"a\", action, resource == Resource::\"r\"",
            "",
            &["Agent::\"a\"", "Resource::\"r\""],
            false,
        );
        check("principal is Agent, action, resource is Resource", "", &[], false);
        let both = "principal, action, resource in Kind::\"data\"";
        check(
            both,
            "when { resource in Environment::\"production\" && context.change.undo }",
            &[PRODUCTION, DATA],
            false,
        );
        check(
            ANY,
            "when { resource in Kind::\"data\" } when { resource in Environment::\"production\" }",
            &[PRODUCTION, DATA],
            false,
        );
        check(ANY, "when { principal == Agent::\"a\" }", &["Agent::\"a\""], false);
    }

    #[test]
    fn what_may_hold_or_err_without_it_is_no_need() {
        check(ANY, "when { resource in Kind::\"data\" || context.change.undo }", &[], false);
        check(ANY, "when { !(resource in Kind::\"data\") }", &[], false);
        check(ANY, "unless { resource in Kind::\"data\" }", &[], false);
        check(ANY, "when { resource in [Kind::\"data\", Kind::\"any\"] }", &[], false);
        check(ANY, "when { if context.change.undo then resource in Kind::\"data\" else true }", &[], false);
        // Something before it could err, and then that is what happened.
        check(ANY, "when { context.change.undo && resource in Kind::\"data\" }", &[], false);
        check(ANY, "when { context.change.undo } when { resource in Kind::\"data\" }", &[], false);
        check(ANY, "unless { context.change.undo } when { resource in Kind::\"data\" }", &[], false);
        check(
            ANY,
            "when { resource in Kind::\"data\" && (context.change.undo && resource in Kind::\"any\") }",
            &[DATA],
            false,
        );
        check(ANY, "when { Kind::\"data\" == resource }", &[], false);
    }

    #[test]
    fn whatever_is_not_known_to_stay_varies() {
        check(ANY, "when { context.history.destroys > 3 }", &[], false);
        check(ANY, "when { context.approvals.people > 3 }", &[], true);
        check(ANY, "when { context.change.undo } unless { context.evidence.dry_run }", &[], true);
        check(ANY, "when { context.time.peak }", &[], true);
        check(ANY, "when { context[\"time\"].peak }", &[], true);
        check(ANY, "when { context has time }", &[], true);
        check(ANY, "when { context == {} }", &[], true);
        check(ANY, "when { {c: context}.c.time.peak }", &[], true);
        check(ANY, "when { context.session.autonomy == 1 && context.approvals.people < 1 }", &[], true);
    }
}
