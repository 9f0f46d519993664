//! Nobody but the engine makes a permit.

fn made(action: model::Action) -> engine::Permit {
    engine::Permit::new(action, None)
}

fn main() {}
