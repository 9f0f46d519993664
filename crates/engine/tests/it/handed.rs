//! A role that is handed to the cloud is a change of rights where more may be done as it than the agent may do alone.

use std::sync::Arc;

use model::{
    Action, ActionParts, Autonomy, Effect, EffectSet, Exposure, Marks, Quantity, Resource, Session, Undo,
    Value,
};

use crate::{
    actions::{Call, DELETE_STACK, DESCRIBE_STACKS, Found, PRODUCTION, PUT_PARAMETER, STAGING},
    world::{Unusual, World, issue, permitted, refused},
};

const HANDING: Call = Call {
    operation: "lambda:UpdateFunctionConfiguration",
    effect: Effect::Write,
    undo: Undo::Additive,
    kind: "function",
    name: "f",
    ..DELETE_STACK
};

/// As the classifier has it: a `privilege` by the role alone.
fn handing(account: &'static str, name: &'static str) -> Action {
    let call = Call { account, name, ..HANDING };
    let parts = call.action().parts().clone();
    let parts = ActionParts { effects: parts.effects.with(Effect::Privilege), ..parts };
    Action::new(parts, &Value::text(name), call.request())
        .marked(Marks { hands_over: true, ..Marks::default() })
}

/// A call that may be made as the role, on what nobody named.
fn right(call: Call) -> ActionParts {
    let parts = call.action().parts().clone();
    let named = parts.resources.first().unwrap();
    let nameless = Resource { name: Resource::UNKNOWN.to_owned(), ..named.clone() };
    let resources = vec![nameless, Resource::unknown(&parts.operation.service)];
    ActionParts { resources, quantity: Quantity::unknown(), ..parts }
}

const LOGS: Call = Call {
    operation: "logs:PutLogEvents",
    effect: Effect::Write,
    undo: Undo::Additive,
    kind: "log-stream",
    ..DELETE_STACK
};

/// Whether the action, handing over a role as which `rights` may be called, was still a `privilege`, and what was said.
async fn check(
    world: &World,
    session: &Arc<Session>,
    (account, name): (&'static str, &'static str),
    rights: Result<Vec<ActionParts>, String>,
) -> (bool, String) {
    world.target.is(Found { state: Some("there"), handed: Some(rights), ..Found::default() });
    let id = match world.ask_as(session, &handing(account, name)).await {
        engine::Admitted::Permit(permit) => {
            let id = permit.change().unwrap();
            world.answer(permit, 200).await;
            id
        }
        other => refused(other).change.unwrap(),
    };
    let change = world.change(id).await;
    // What waits like another joins it.
    let own = change.steps.iter().find(|step| step.action.resources.iter().any(|it| it.name == name));
    let action = &own.unwrap().action;
    (action.effects.contains(Effect::Privilege), action.summary.clone())
}

#[tokio::test]
async fn a_role_that_may_do_no_more_than_the_agent_alone_is_no_privilege() {
    let world = World::in_memory().await;
    for (what, rights, expected) in [
        ("nothing", vec![], false),
        ("logs", vec![LOGS], false),
        ("looks", vec![DESCRIBE_STACKS], false),
        (
            "data",
            vec![Call { exposure: Exposure { data: true, credentials: false }, ..DESCRIBE_STACKS }],
            true,
        ),
        ("what waits for people", vec![LOGS, DELETE_STACK], true),
        ("a write that nothing takes back", vec![PUT_PARAMETER], true),
        ("rights", vec![Call { effect: Effect::Privilege, ..LOGS }], true),
        ("another identity", vec![Call { kind: "role", ..LOGS }], true),
        ("messages", vec![Call { effect: Effect::Emit, ..LOGS }], true),
    ] {
        let calls = rights.iter().map(|call| right(*call)).collect();
        let (privilege, said) = check(&world, &world.session, (PRODUCTION, what), Ok(calls)).await;
        assert_eq!(privilege, expected, "{what}: {said}");
        assert_eq!(
            said.contains("As the role, more may be done than kiro may alone"),
            expected,
            "{what}: {said}"
        );
    }
    let untold = Err("the policy p allows more than 256 operations".to_owned());
    let (privilege, said) = check(&world, &world.session, (PRODUCTION, "untold"), untold).await;
    assert!(privilege && said.contains("more than 256 operations"), "{said}");
    // In staging what waits for nobody is more.
    let staging = |call| right(Call { account: STAGING, ..call });
    let (privilege, said) =
        check(&world, &world.session, (STAGING, "f"), Ok(vec![staging(PUT_PARAMETER)])).await;
    assert!(!privilege, "{said}");
    world.finish().await;
}

#[tokio::test]
async fn the_session_s_own_bounds_are_the_role_s() {
    let world = World::in_memory().await;
    let narrow = issue(&world.engine, "service:lambda", Autonomy::Autonomous).await;
    let (privilege, said) = check(&world, &narrow, (PRODUCTION, "f"), Ok(vec![right(LOGS)])).await;
    assert!(privilege && said.contains("logs:PutLogEvents"), "{said}");
    let supervised = issue(&world.engine, "", Autonomy::Supervised).await;
    assert!(check(&world, &supervised, (PRODUCTION, "g"), Ok(vec![right(LOGS)])).await.0);
    world.finish().await;
}

/// A right has no name that a rule could forbid, so nothing can be said of it.
#[tokio::test]
async fn where_a_rule_forbids_by_name_every_role_is_a_privilege() {
    let rule = "@id(\"unusual\")\n@reason(\"r\")\nforbid (principal, action == Action::\"write\", resource)\n\
                when { resource.id == \"ledger\" };\n";
    let examples = ["ledger", "other"].map(|name| {
        let expected = if name == "ledger" { "\"deny\"\nrules = [\"unusual\"]" } else { "\"allow\"" };
        format!(
            "[[example]]\nname = \"{name}\"\neffects = [\"write\"]\nkind = \"bucket\"\nresource = \"{name}\"\n\
             environment = \"staging\"\nexpect = {expected}\n"
        )
    });
    let rule = Some([rule, examples.concat().leak()]);
    let world = World::built(Unusual { rule, ..Unusual::default() }, store::Store::memory()).await;
    assert!(check(&world, &world.session, (PRODUCTION, "f"), Ok(vec![right(DESCRIBE_STACKS)])).await.0);
    world.finish().await;
}

#[tokio::test]
async fn what_is_a_privilege_for_another_reason_stays_one() {
    let world = World::in_memory().await;
    world.target.is(Found { state: Some("there"), handed: Some(Ok(Vec::new())), ..Found::default() });
    let parts = handing(PRODUCTION, "f").parts().clone();
    let other = Action::new(parts, &Value::text("g"), HANDING.request());
    assert!(refused(world.ask(&other).await).message.contains("2 other people"));
    let own = permitted(world.ask(&handing(PRODUCTION, "f")).await);
    world.answer(own, 200).await;
    assert_eq!(EffectSet::of(Effect::Write).without(Effect::Write), EffectSet::of(Effect::Write));
    world.finish().await;
}
