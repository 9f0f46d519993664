//! What is no proof never passes: a solver that does not know, hangs, dies, prints rubbish, says yes to everything, or is
//! not there.

use std::{fs, os::unix::fs::PermissionsExt as _, path::PathBuf, time::Duration};

use expect_test::{Expect, expect};
use policy::Profile;
use prover::{Judgement, ProveError, SolverChoice, prove};
use tempfile::TempDir;

use crate::world::files;

/// A shell script that knows its version and the two trivial questions, and does `then` at every other.
fn impostor(then: &str) -> (TempDir, SolverChoice) {
    let script = format!(
        "#!/bin/sh\n\
         if [ \"$1\" = --version ]; then echo 'This is cvc5 version 9.9.9'; exit 0; fi\n\
         asked=0\n\
         while read -r line; do\n\
           case \"$line\" in\n\
             '(echo \"'*) mark=${{line#(echo }}; mark=${{mark%)}};;\n\
             '(check-sat)')\n\
               asked=$((asked + 1))\n\
               case $asked in\n\
                 1) echo \"$mark\"; echo sat;;\n\
                 2) echo \"$mark\"; echo unsat;;\n\
                 *) {then};;\n\
               esac;;\n\
           esac\n\
         done\n"
    );
    written(&script)
}

fn written(script: &str) -> (TempDir, SolverChoice) {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("cvc5");
    fs::write(&program, script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    (folder, SolverChoice { program, per_question: Duration::from_secs(1), processes: 2 })
}

/// Why nothing that takes a solver is proved.
fn check(then: &str, expected: &Expect) {
    let (_folder, choice) = impostor(then);
    let certificate = prove(&files(Profile::Standard), &choice).unwrap();
    assert!(!certificate.all_proved());
    let mut why: Vec<_> = Vec::new();
    for result in &certificate.results {
        // Of some sentences Cedar's compiler alone sees that they hold, and asks nobody.
        let trivial = ["absolute/", "agreement/grants", "breakglass/", "no-rule-can-err"]
            .iter()
            .any(|it| result.id.starts_with(it));
        match result.judgement {
            Judgement::Proved => assert!(trivial, "{} is proved", result.id),
            Judgement::Refuted | Judgement::Stricter => panic!("{} is refuted", result.id),
            Judgement::Unproved => why.push(result.detail.clone()),
        }
    }
    assert!(why.len() > 20);
    why.sort();
    why.dedup();
    expected.assert_eq(&why.join("\n"));
}

#[test]
fn unknown_is_no_proof() {
    check("echo \"$mark\"; echo unknown", &expect!["the solver does not know"]);
}

#[test]
fn a_solver_that_hangs_is_killed() {
    check(
        "exec sleep 60",
        &expect![[r#"
        no answer within 1 s
        the solver has failed too often"#]],
    );
}

#[test]
fn a_solver_that_dies_proves_nothing() {
    check(
        "exit 1",
        &expect![[r#"
        solver error: it ended
        the solver has failed too often"#]],
    );
}

#[test]
fn rubbish_is_no_proof() {
    check(
        "echo \"$mark\"; echo 'unsat, I think'",
        &expect![[r#"
        the solver has failed too often
        unrecognized solver output: unsat, I think"#]],
    );
    // An answer without the mark may belong to another question.
    check(
        "echo unsat; echo unsat",
        &expect![[r#"
        the solver has failed too often
        unrecognized solver output: unsat"#]],
    );
    check(
        "head -c 9000000 /dev/zero; echo",
        &expect![[r#"
        solver error: its answer has no end
        the solver has failed too often"#]],
    );
}

/// Why there is no certificate.
fn refused(choice: &SolverChoice, expected: &Expect) {
    let Err(ProveError::Solver(err)) = prove(&files(Profile::Standard), choice) else {
        panic!("there is a certificate")
    };
    let place = choice.program.parent().unwrap().display().to_string();
    expected.assert_eq(&format!("{err}\n{}", err.hint()).replace(&place, "FOLDER"));
}

#[test]
fn without_a_solver_there_is_no_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let program: PathBuf = folder.path().join("cvc5");
    refused(
        &SolverChoice { program, ..SolverChoice::default() },
        &expect![[r#"
        the solver `FOLDER/cvc5` cannot be started: No such file or directory (os error 2)
        proofs need cvc5 (1.0.3 or later): on Debian `apt-get install cvc5`, or name another with --solver FILE"#]],
    );
    let version = "#!/bin/sh\n[ \"$1\" = --version ] && echo 'This is cvc5 version 9.9.9' && exit 0\n";
    for (then, expected) in [
        // It agrees with everything: seen by the question to which the answer is no.
        (
            "while read -r line; do case \"$line\" in '(echo'*) mark=${line#(echo }; echo \"${mark%)}\";; '(check-sat)') echo unsat;; esac; done",
            expect![[r#"
                `FOLDER/cvc5` does not answer as cvc5 would: solver error: of a trivial question it says Unsat
                proofs need cvc5 (1.0.3 or later): on Debian `apt-get install cvc5`, or name another with --solver FILE"#]],
        ),
        (
            "exec sleep 60",
            expect![[r#"
            `FOLDER/cvc5` does not answer as cvc5 would: it does not answer in time
            proofs need cvc5 (1.0.3 or later): on Debian `apt-get install cvc5`, or name another with --solver FILE"#]],
        ),
    ] {
        let (_folder, choice) = written(&format!("{version}{then}\n"));
        refused(&choice, &expected);
    }
    let (_folder, choice) = written("#!/bin/sh\necho 'Z3 version 4.8.12'\n");
    refused(
        &choice,
        &expect![[r#"
        `FOLDER/cvc5` does not answer as cvc5 would: it prints no version of cvc5
        proofs need cvc5 (1.0.3 or later): on Debian `apt-get install cvc5`, or name another with --solver FILE"#]],
    );
}
