//! The certificate of each profile.

use policy::Profile;
use prover::{SolverChoice, prove};

use crate::world::{files, solver_is_there};

#[test]
fn every_profile_is_proved() {
    if !solver_is_there() {
        return;
    }
    for profile in Profile::ALL {
        let certificate = prove(&files(profile), &SolverChoice::default()).unwrap();
        for result in &certificate.results {
            println!(
                "{:>6} ms {:?} {}: {} {}",
                result.took_ms, result.judgement, result.id, result.says, result.detail
            );
        }
        println!("{} ms", certificate.took_ms);
        assert!(certificate.all_proved());
    }
}
