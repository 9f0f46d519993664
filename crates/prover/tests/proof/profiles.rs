//! The certificate of each profile.

use policy::{Bundle, Profile};
use prover::{Certificate, Judgement, SolverChoice, prove};

use crate::world::{files, solver_is_there};

#[test]
fn every_profile_is_proved() {
    if !solver_is_there() {
        return;
    }
    for profile in Profile::ALL {
        let files = files(profile);
        let certificate = prove(&files, &SolverChoice::default()).unwrap();
        println!("{profile}: {} ms", certificate.took_ms);
        for result in &certificate.results {
            println!(
                "  {:>5} ms {:?} {}: {}{}",
                result.took_ms, result.judgement, result.id, result.says, result.detail
            );
        }
        assert!(certificate.all_proved());
        assert!(certificate.results.iter().all(|it| it.judgement == Judgement::Proved));
        let bundle = Bundle::load(&files).unwrap();
        assert_eq!(certificate.bundle, bundle.digest());
        // What is asked of whoever wants it adopted is what is proved here, sentence for sentence.
        let text = serde_json::to_vec_pretty(&certificate).unwrap();
        let held = policy::Certificate::read(&text, &bundle, &files).unwrap();
        assert_eq!(held.proved, certificate.results.len());
        assert_eq!(certificate.request_environments, 14);
        assert!(certificate.results.len() > 25, "{} sentences", certificate.results.len());
    }
}

#[test]
fn a_certificate_is_the_same_but_for_its_times() {
    if !solver_is_there() {
        return;
    }
    let text = |certificate: &Certificate| {
        let mut json = serde_json::to_value(certificate).unwrap();
        json["took_ms"] = 0.into();
        json["results"].as_array_mut().unwrap().iter_mut().for_each(|it| it["took_ms"] = 0.into());
        serde_json::to_string_pretty(&json).unwrap()
    };
    // With something refuted in it, which takes more of the solver's mind.
    let mut files = files(Profile::Strict);
    let wrong = "@id(\"wrong\")\n@says(\"s\")\nforbid (principal, action == Action::\"emit\", resource);\n";
    files.insert("constitution/invariants/wrong.cedar".to_owned(), wrong.into());
    let one = prove(&files, &SolverChoice::default());
    let other = prove(&files, &SolverChoice { processes: 3, ..SolverChoice::default() });
    match (one, other) {
        (Ok(one), Ok(other)) => {
            assert!(one.failed > 0);
            assert_eq!(text(&one), text(&other));
        }
        (one, other) => panic!("{one:?} {other:?}"),
    }
}
