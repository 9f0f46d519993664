//! Nobody but the engine makes a permit.

use std::sync::Arc;

fn made(action: model::Action, operator: model::PersonId, bundle: Arc<policy::Bundle>) -> engine::Permit {
    engine::Permit::new(action, operator, bundle, None)
}

fn main() {}
