//! What the starter bundle says to the questions of a first day.

use model::{Effect, Verdict};
use policy::Profile;

use crate::world::{World, bundle};

#[test]
fn a_production_stack_is_held() {
    let world = World::new(Effect::Destroy, "stack", "production");
    let verdict = bundle(Profile::Standard).decide(&world.ask());
    assert!(matches!(verdict, Verdict::Hold(_)), "{verdict:?}");
}
