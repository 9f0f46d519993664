//! A permit is good for one forwarding.

fn twice(permit: engine::Permit) {
    let (first, _) = permit.redeem();
    let (second, _) = permit.redeem();
    assert_eq!(first, second);
}

fn main() {}
