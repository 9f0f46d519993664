//! Bundles that load, and bundles that must not.

use policy::{Bundle, Profile};

use crate::world::files;

#[test]
fn every_profile_loads_and_its_examples_pass() {
    for profile in Profile::ALL {
        let bundle = Bundle::load(&files(profile)).unwrap();
        let results = bundle.run_examples();
        assert!(results.len() > 40 && results.iter().all(|result| result.passed));
    }
}
