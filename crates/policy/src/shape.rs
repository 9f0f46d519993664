//! What a rule's own text says of the requests that it can matter to: what the principal or the resource has to be or lie
//! in, and what of the context it reads. Both are read so that a mistake costs time and not
//! truth: what is not understood is no need, and reads all.

use cedar_policy::{EntityUid, Policy, PrincipalConstraint, ResourceConstraint};
use serde_json::Value as Json;

use crate::members::Members;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Entities each of which must be the agent, the operator, the resource, or what the resource lies in: of any other
    /// request the rule is not satisfied, and does not err either.
    pub(crate) needs: Vec<EntityUid>,
    /// What it reads, or may read, of the context.
    pub(crate) reads: Members,
}

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
        let reads = conditions.iter().map(Members::read_by).fold(Members::default(), Members::and);
        Self { needs, reads }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn check(scope: &str, conditions: &str, needs: &[&str]) {
        let text = format!("forbid ({scope}) {conditions};");
        let policy = Policy::parse(None, &text).unwrap();
        let shape = Shape::of(&policy, &policy.to_json().unwrap());
        let needs: Vec<EntityUid> = needs.iter().map(|it| it.parse().unwrap()).collect();
        assert_eq!(shape.needs, needs, "{text}");
    }

    const ANY: &str = "principal, action, resource";
    const DATA: &str = "Kind::\"data\"";
    const PRODUCTION: &str = "Environment::\"production\"";

    #[test]
    fn a_need_is_what_nothing_else_can_stand_for() {
        check(ANY, "", &[]);
        check("principal, action, resource in Kind::\"data\"", "", &[DATA]);
        check("principal, action, resource is Resource in Kind::\"data\"", "", &[DATA]);
        check(
            "principal == Agent::\"a\", action, resource == Resource::\"r\"",
            "",
            &["Agent::\"a\"", "Resource::\"r\""],
        );
        check("principal is Agent, action, resource is Resource", "", &[]);
        let both = "principal, action, resource in Kind::\"data\"";
        check(
            both,
            "when { resource in Environment::\"production\" && context.change.undo }",
            &[PRODUCTION, DATA],
        );
        check(
            ANY,
            "when { resource in Kind::\"data\" } when { resource in Environment::\"production\" }",
            &[PRODUCTION, DATA],
        );
        check(ANY, "when { principal == Agent::\"a\" }", &["Agent::\"a\""]);
    }

    #[test]
    fn what_may_hold_or_err_without_it_is_no_need() {
        check(ANY, "when { resource in Kind::\"data\" || context.change.undo }", &[]);
        check(ANY, "when { !(resource in Kind::\"data\") }", &[]);
        check(ANY, "unless { resource in Kind::\"data\" }", &[]);
        check(ANY, "when { resource in [Kind::\"data\", Kind::\"any\"] }", &[]);
        check(ANY, "when { if context.change.undo then resource in Kind::\"data\" else true }", &[]);
        // Something before it could err, and then that is what happened.
        check(ANY, "when { context.change.undo && resource in Kind::\"data\" }", &[]);
        check(ANY, "when { context.change.undo } when { resource in Kind::\"data\" }", &[]);
        check(ANY, "unless { context.change.undo } when { resource in Kind::\"data\" }", &[]);
        check(
            ANY,
            "when { resource in Kind::\"data\" && (context.change.undo && resource in Kind::\"any\") }",
            &[DATA],
        );
        check(ANY, "when { Kind::\"data\" == resource }", &[]);
    }
}
