//! What does not hold is told as a request that the decision confirms.

use expect_test::{Expect, expect};
use policy::Profile;
use prover::{SolverChoice, prove};

use crate::world::{files, solver_is_there};

/// The standard profile with one file more or otherwise: every sentence that fails.
fn check(file: &str, text: &str, expected: &Expect) {
    check_all(&[(file, text)], expected);
}

fn check_all(put: &[(&str, &str)], expected: &Expect) {
    if !solver_is_there() {
        return;
    }
    let mut files = files(Profile::Standard);
    // The others are proved elsewhere, and take their time.
    files.retain(|path, _| {
        !path.starts_with("constitution/invariants/") || path.ends_with("/reads-are-free.cedar")
    });
    for (file, text) in put {
        files.insert((*file).to_owned(), text.as_bytes().to_vec());
        if file.starts_with("grants/") {
            files.remove(&file.replace(".cedar", ".examples.toml"));
        }
    }
    let told = match prove(&files, &SolverChoice::default()) {
        Ok(certificate) => {
            let failed = certificate.results.iter().filter(|it| !it.passed());
            failed
                .map(|it| format!("{:?} {}: {}", it.judgement, it.id, it.detail))
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(err) => err.to_string(),
    };
    expected.assert_eq(&told);
}

fn invariant(name: &str, rule: &str) -> (String, String) {
    (
        format!("constitution/invariants/{name}.cedar"),
        format!("@id(\"{name}\")\n@says(\"as it says\")\n{rule}\n"),
    )
}

#[test]
fn an_invariant_that_does_not_hold_shows_the_request() {
    let (file, text) = invariant(
        "never-a-stack",
        "forbid (principal is Agent, action == Action::\"destroy\", resource in Kind::\"stack\")
         when { context.time.peak && resource in Environment::\"production\" };",
    );
    check(
        &file,
        &text,
        &expect![
            "Refuted invariant/never-a-stack: agent `kiro`, launched by `ana`, destroys `orders` (stack) in production, with 2 approvals, in peak hours: allowed"
        ],
    );
    let (file, text) = invariant(
        "one-is-enough",
        "permit (principal is Agent, action == Action::\"destroy\", resource in Kind::\"database\")
         when { context.approvals.people >= 1 };",
    );
    check(
        &file,
        &text,
        &expect![
            "Stricter invariant/one-is-enough: stricter than this sentence: agent `kiro`, launched by `ana`, destroys `orders` (database) outside production, with 1 approval, in a freeze: stopped by `nothing-in-a-freeze`"
        ],
    );
}

/// A team that lets less through than we say has every right to; whoever agrees to it is told.
#[test]
fn a_rule_of_ones_own_that_is_stricter_is_a_warning_and_a_laxer_one_a_failure() {
    if !solver_is_there() {
        return;
    }
    let rule = "@id(\"mine\")\n@reason(\"nobody reads our queue\")\nforbid (principal, action == Action::\"read\", resource in Kind::\"queue\");\n";
    let examples = "[[example]]\nname = \"n\"\neffects = [\"read\"]\nkind = \"queue\"\nenvironment = \"staging\"\nexpect = \"deny\"\n\
         rules = [\"mine\"]\n[[example]]\nname = \"near\"\neffects = [\"read\"]\nkind = \"topic\"\nenvironment = \"staging\"\nexpect = \"allow\"\n";
    let mut files = files(Profile::Standard);
    files.retain(|path, _| {
        !path.starts_with("constitution/invariants/")
            || path.ends_with("/reads-are-free.cedar")
            || path.ends_with("/data-takes-two.cedar")
    });
    files.insert("constitution/mine.cedar".to_owned(), rule.into());
    files.insert("constitution/mine.examples.toml".to_owned(), examples.into());
    let certificate = prove(&files, &SolverChoice::default()).unwrap();
    assert!(certificate.all_proved());
    assert_eq!((certificate.warned, certificate.failed), (1, 0));
    assert_eq!(certificate.passed + certificate.warned, certificate.results.len());
    let warning = certificate.results.iter().find(|it| it.warned()).unwrap();
    expect![
        "invariant/reads-are-free: stricter than this sentence: agent `kiro`, launched by `ana`, reads `orders` (queue) outside production, approved by nobody: stopped by `mine`"
    ].assert_eq(&format!("{}: {}", warning.id, warning.detail));
    let bundle = policy::Bundle::load(&files).unwrap();
    let text = serde_json::to_string(&certificate).unwrap();
    let read = |text: &str| policy::Certificate::read(text.as_bytes(), &bundle, &files);
    let held = read(&text).unwrap();
    assert_eq!((held.proved, held.stricter.len()), (certificate.passed, 1));
    // Nobody is stricter than a sentence that says what is never let through.
    let of_forbid = text.replace("\"judgement\":\"proved\"", "\"judgement\":\"stricter\"");
    assert!(matches!(read(&of_forbid), Err(policy::CertificateError::NotProved { .. })));
    let hidden = text.replace("\"warned\":1", "\"warned\":0");
    assert!(matches!(read(&hidden), Err(policy::CertificateError::Unreadable(_))));
}

#[test]
fn an_invariant_about_nothing_is_no_invariant() {
    let (file, text) = invariant(
        "less-than-nobody",
        "forbid (principal, action, resource) when { context.approvals.people < 0 };",
    );
    check(
        &file,
        &text,
        &expect![
            "Refuted invariant/less-than-nobody: it speaks of no request that can be, and so says nothing"
        ],
    );
}

#[test]
fn agreement_that_turns_yes_into_no_is_found() {
    check(
        "grants/agent-kiro.cedar",
        "@id(\"a\")\n@reason(\"r\")\npermit (principal == Agent::\"kiro\", action, resource)\n\
         when { context.approvals.people < 3 };\n",
        &expect![
            "Refuted agreement/grants: agent `kiro`, launched by `ana`, reads `orders` outside production, approved by nobody: `a` says yes; with 3 approvals: `a` says no"
        ],
    );
}

/// A rule that the constitution gets in addition, with the examples that it needs; `expect`: of the one that it decides.
fn check_rule(annotation: &str, unless: &str, expect: &str, expected: &Expect) {
    let rule = format!(
        "@id(\"mine\")\n@reason(\"r\")\n{annotation}\nforbid (principal, action == Action::\"write\", resource in Kind::\"queue\")\n\
         unless {{ {unless} }};\n"
    );
    let examples = format!(
        "[[example]]\nname = \"n\"\neffects = [\"write\"]\nkind = \"queue\"\nenvironment = \"staging\"\n{expect}\n\
         rules = [\"mine\"]\n[[example]]\nname = \"near\"\neffects = [\"write\"]\nkind = \"topic\"\n\
         environment = \"staging\"\nexpect = \"allow\"\n"
    );
    let put =
        [("constitution/mine.cedar", rule.as_str()), ("constitution/mine.examples.toml", examples.as_str())];
    check_all(&put, expected);
}

#[test]
fn annotations_that_lie_are_found() {
    check_rule(
        "@absolute",
        "context.evidence.rehearsal && context.approvals.roles.contains(\"sre\")",
        "expect = \"deny\"",
        &expect![
            "Refuted absolute/mine: agent `kiro`, launched by `ana`, changes `orders` (queue) outside production, approved by nobody: stopped by `mine`; approved by nobody, as `sre`, after a rehearsal: allowed"
        ],
    );
    check_rule(
        "@absolute",
        "context.standing",
        "expect = \"deny\"",
        &expect![
            "Refuted absolute/mine: agent `kiro`, launched by `ana`, changes `orders` (queue) outside production, approved by nobody: stopped by `mine`; under a standing approval: allowed"
        ],
    );
    check_rule(
        "@breakglass",
        "context.approvals.people >= 1",
        "expect = \"hold\"\npeople = 1",
        &expect![
            "Refuted breakglass/mine: agent `kiro`, launched by `ana`, changes `orders` (queue) outside production, approved by nobody: stopped by `mine`; with 1 approval: allowed"
        ],
    );
}

#[test]
fn a_constitution_that_claims_nothing_is_not_proved() {
    if !solver_is_there() {
        return;
    }
    let mut files = files(Profile::Lab);
    files.retain(|path, _| !path.starts_with("constitution/invariants/"));
    let certificate = prove(&files, &SolverChoice::default()).unwrap();
    assert!(!certificate.all_proved());
    assert_eq!(certificate.failed, 1);
}

#[test]
fn a_rule_whose_agreement_is_exact_is_found() {
    check_rule(
        "",
        "context.approvals.people == 1",
        "expect = \"deny\"",
        &expect![
            "Refuted agreement/constitution: agent `kiro`, launched by `ana`, changes `orders` (queue) outside production, with 1 approval: allowed; with 2 approvals: stopped by `mine`"
        ],
    );
}
