//! What is asked: a mixture as agents make it, each time of a target that nobody asked about before.

use model::{Effect, Resource};

use crate::world::{NOON, WEEKEND, World, tally};

/// Every one of them is allowed; two of the six at noon of a working day.
const ALLOWED: [(Effect, &str, &str, &str); 6] = [
    (Effect::Read, "stack", "production", "cloudformation"),
    (Effect::Write, "stack", "production", "cloudformation"),
    (Effect::Write, "bucket", "staging", "s3"),
    (Effect::Destroy, "instance", "production", "service-7"),
    (Effect::Read, "database", "production", "rds"),
    (Effect::Write, "function", "shop-prod-eu", "lambda"),
];

pub(crate) fn allowed(nth: usize) -> World {
    let (effect, kind, environment, service) = ALLOWED[nth % ALLOWED.len()];
    let mut world = World::new(effect, kind, environment);
    world.resources[0] = resource(service, kind, nth);
    world.now = (if nth.is_multiple_of(3) { NOON } else { WEEKEND }).plus_seconds(nth as i64 % 7);
    if effect == Effect::Destroy {
        world.approvals = tally(6);
        world.eligible = tally(6);
    }
    world
}

/// Held for people: what cannot be undone, in production.
pub(crate) fn held(nth: usize) -> World {
    let mut world = World::new(Effect::Destroy, "instance", "production");
    world.resources[0] = resource(["ec2", "service-7"][nth % 2], "instance", nth);
    world.eligible = tally(6);
    world
}

fn resource(service: &str, kind: &str, nth: usize) -> Resource {
    let name = format!("arn:aws:{service}:eu-central-1:111122223333:{kind}/team-{}-{nth:07}", nth % 97);
    Resource { service: service.to_owned(), kind: kind.parse().unwrap(), name }
}
