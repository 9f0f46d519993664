//! Where an action lands: the account and the bundle's map decide, names and tags only raise, and changing what the
//! map reads is a change of rights.

use model::{
    Action, ChangeState, Effect, EffectSet, InnerAction, Marks, Operation, Resource, Retags, Tag, Tags, Undo,
};

use crate::{
    actions::{Call, DELETE_STACK, DESCRIBE_STACKS, Found, PUT_PARAMETER, STAGING},
    cast::BEN,
    world::{Unusual, World, permitted, refused},
};

const MAP: &str = "names = [\"*prod*\"]\ntags = [\"env=prod*\"]";
const WRITE: Call = Call { undo: Undo::Additive, account: STAGING, ..PUT_PARAMETER };

async fn mapped(production: &'static str) -> World {
    let world = World::built(Unusual { production, ..Unusual::default() }, store::Store::memory()).await;
    world.target.is(tagged(&[]));
    world
}

fn tagged(tags: &[(&str, &str)]) -> Found {
    let tags = Tags::Read(tags.iter().map(|(key, value)| Tag::new(*key, *value)).collect());
    Found { state: Some("there"), tags, ..Found::default() }
}

fn gives(key: &str, value: &str) -> Marks {
    Marks { gives: [Tag::new(key, value)].into(), creates: true, ..Marks::default() }
}

/// Where `action` landed, and whether it counted as a change of rights.
async fn check(world: &World, what: &str, action: &Action, expected: (&str, bool)) {
    let change = match world.ask(action).await {
        engine::Admitted::Permit(permit) => {
            let id = permit.change().unwrap();
            world.answer(permit, 200).await;
            id
        }
        other => refused(other).change.unwrap(),
    };
    let change = world.change(change).await;
    let rights = change.steps[0].action.effects.contains(Effect::Privilege);
    assert_eq!((change.environment.to_string().as_str(), rights), expected, "{what}");
    assert_eq!(change.environment, change.steps[0].environment, "{what}");
}

#[tokio::test]
async fn names_and_tags_raise_an_environment_and_nothing_lowers_it() {
    let world = mapped(MAP).await;
    let staging = ("staging", false);
    let production = ("production", false);
    let named = |name: &'static str| Call { name, ..WRITE }.action();
    check(&world, "neither", &named("a"), staging).await;
    check(&world, "by name", &named("/shop/Production/b"), production).await;
    check(
        &world,
        "by the name in an ARN",
        &named("arn:aws:ssm:eu-west-1:210987654321:parameter/prod-c"),
        production,
    )
    .await;
    check(&world, "an unknown target", &named("*"), production).await;
    for (what, tags, expected) in [
        ("by tag", vec![("env", "prod")], production),
        ("by a wildcard and in any case", vec![("Env", "PROD-EU")], production),
        ("by another tag", vec![("environment", "prod")], staging),
        ("another value", vec![("env", "preprod")], staging),
    ] {
        world.target.is(tagged(&tags));
        check(&world, what, &named(Box::leak(what.replace("prod", "-").into_boxed_str())), expected).await;
    }
    world.target.is(tagged(&[]));
    check(&world, "created as production", &named("d").marked(gives("env", "prod")), production).await;
    check(&world, "created as staging", &named("e").marked(gives("env", "staging")), staging).await;
    let own = Call { account: crate::actions::PRODUCTION, ..WRITE };
    let created = Call { name: "f", ..own }.action().marked(gives("env", "staging"));
    check(&world, "created with a staging tag in a production account", &created, production).await;
    world.target.is(tagged(&[("env", "staging")]));
    check(&world, "tagged staging in a production account", &Call { name: "g", ..own }.action(), production)
        .await;
    world.finish().await;
}

#[tokio::test]
async fn another_accounts_arn_raises_in_every_region_and_partition() {
    let world = mapped("").await;
    for (name, expected) in [
        ("arn:aws:rds:us-east-1:123456789012:db:x", "production"),
        ("arn:aws-cn:rds:cn-north-1:123456789012:db:x", "production"),
        ("arn:aws-us-gov:rds:us-gov-west-1:123456789012:db:x", "production"),
        ("arn:aws-cn:rds:cn-north-1:999999999999:db:x", "production"),
        ("arn:aws-cn:rds:cn-north-1:210987654321:db:x", "staging"),
        ("arn:aws-cn:s3:::a-bucket", "staging"),
    ] {
        check(&world, name, &Call { name, ..WRITE }.action(), (expected, false)).await;
    }
    world.finish().await;
}

#[tokio::test]
async fn tags_that_cannot_be_read_may_be_those_of_production() {
    let world = mapped(MAP).await;
    world.target.is(Found { state: Some("there"), ..Found::default() });
    let action = Call { name: "a", ..WRITE }.action();
    check(&world, "unread", &action, ("production", false)).await;
    let created = action.marked(Marks { creates: true, ..Marks::default() });
    let other = Call { name: "b", ..WRITE }.action().marked(created.marks().clone());
    check(&world, "made by this", &other, ("staging", false)).await;
    let read = Call { account: STAGING, ..DESCRIBE_STACKS }.action();
    assert!(permitted(world.ask(&read).await).change().is_none(), "a plain read looks at no tags");
    world.finish().await;

    let world = mapped("names = [\"*prod*\"]").await;
    world.target.is(Found { state: Some("there"), ..Found::default() });
    check(&world, "no rule reads tags", &Call { name: "a", ..WRITE }.action(), ("staging", false)).await;
    world.finish().await;
}

#[tokio::test]
async fn inner_actions_land_where_their_own_names_say() {
    let world = mapped(MAP).await;
    let inner = InnerAction {
        operation: Operation::new("rds", "DeleteDBInstance"),
        effects: EffectSet::of(Effect::Destroy),
        resources: vec![Resource {
            service: "rds".to_owned(),
            kind: "database".parse().unwrap(),
            name: "orders-prod".to_owned(),
        }],
        summary: "deletes orders-prod".to_owned(),
    };
    world.target.is(Found { inner: vec![inner], ..tagged(&[]) });
    check(&world, "a stack", &Call { account: STAGING, ..DELETE_STACK }.action(), ("production", false))
        .await;
    world.finish().await;
}

#[tokio::test]
async fn retag_then_delete_stops_at_the_retagging() {
    let world = mapped(MAP).await;
    let keys = |keys: &[&str]| Retags::Keys(keys.iter().map(|key| (*key).to_owned()).collect());
    let tagging = |name, retags| {
        let call = Call { name, operation: "ec2:CreateTags", ..WRITE };
        call.action().marked(Marks { retags, ..Marks::default() })
    };
    check(&world, "another tag", &tagging("a", keys(&["team"])), ("staging", false)).await;
    check(&world, "the tag", &tagging("b", keys(&["team", "ENV"])), ("staging", true)).await;
    check(&world, "all tags", &tagging("c", Retags::Any), ("staging", true)).await;
    // The protected thing itself: raised by its tag, and a change of rights.
    world.target.is(tagged(&[("env", "production")]));
    check(&world, "on production", &tagging("d", keys(&["env"])), ("production", true)).await;
    let delete = Call { name: "d", account: STAGING, ..DELETE_STACK };
    check(&world, "the delete", &delete.action(), ("production", false)).await;
    world.finish().await;
}

#[tokio::test]
async fn rename_then_delete_stops_at_the_renaming() {
    let world = mapped(MAP).await;
    let renaming = |name, to: &str| {
        let call = Call { name, operation: "rds:ModifyDBInstance", ..WRITE };
        call.action().marked(Marks { renames: vec![to.to_owned()], ..Marks::default() })
    };
    check(&world, "away from production", &renaming("orders-prod", "orders"), ("production", true)).await;
    check(&world, "to production", &renaming("a", "prod-a"), ("production", true)).await;
    check(&world, "elsewhere", &renaming("b", "c"), ("staging", true)).await;
    world.finish().await;
    let world = mapped("tags = [\"env=prod\"]").await;
    check(&world, "no rule reads names", &renaming("b", "c"), ("staging", false)).await;
    world.finish().await;
}

/// Nothing is remembered of a target: what was staging when people signed is read again before it runs.
#[tokio::test]
async fn a_target_tagged_production_after_approval_is_held_again() {
    let world = mapped(MAP).await;
    let call = Call { kind: "database", account: STAGING, ..DELETE_STACK };
    let held = world.hold(&call.action()).await;
    assert_eq!(world.change(held).await.environment.to_string(), "staging");
    let signed = world.approve(held, &BEN).await.unwrap();
    assert_eq!(signed.change.state, ChangeState::Approved, "one person suffices in staging");
    world.target.is(tagged(&[("env", "prod")]));
    assert_eq!(world.hold(&call.action()).await, held);
    let change = world.change(held).await;
    assert_eq!((change.state, change.environment.to_string()), (ChangeState::Held, "production".to_owned()));
    world.finish().await;
}
