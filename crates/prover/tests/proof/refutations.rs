//! What does not hold is told as a request that the decision confirms.

use expect_test::{Expect, expect};
use policy::Profile;
use prover::{SolverChoice, prove};

use crate::world::{files, solver_is_there};

/// The standard profile with one file more or otherwise: every sentence that fails.
fn check(file: &str, text: &str, expected: &Expect) {
    if !solver_is_there() {
        return;
    }
    let mut files = files(Profile::Standard);
    files.insert(file.to_owned(), text.as_bytes().to_vec());
    if file.starts_with("grants/") {
        files.remove(&file.replace(".cedar", ".examples.toml"));
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
            "Refuted invariant/one-is-enough: agent `kiro`, launched by `ana`, destroys `orders` (database) outside production, with 1 approval, in a freeze: stopped by `nothing-in-a-freeze`"
        ],
    );
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
