//! Neither a permit nor its receipt can be had twice.

fn copied(permit: &engine::Permit, receipt: &engine::Receipt) -> (engine::Permit, engine::Receipt) {
    (permit.clone(), receipt.clone())
}

fn main() {}
